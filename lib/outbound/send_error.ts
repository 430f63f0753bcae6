/**
 * What a sender says of a send without an answer.
 *
 * It must never pass on an error's own text: it may hold the URL (a credential) or what a receiver chose to write.
 *
 * @module
 */
import type { SendErrorKind, SendResult } from "../ports.ts";

/** Why no connection came about, decided where it is known best. */
export class DialError extends Error {
  override readonly name = "DialError";
  readonly kind: SendErrorKind;

  /**
   * @param kind What to report.
   * @param detail For the log: never a path, a query, or a text from outside.
   */
  constructor(kind: SendErrorKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

/**
 * A send without an answer.
 *
 * @param error Its kind.
 * @param detail For the log: never a path, a query, or a text from outside.
 * @returns The result to report.
 */
export function failed(error: SendErrorKind, detail: string): SendResult {
  return { kind: "error", error, detail };
}

/** What a closed sender says of every send. */
export const SENDER_CLOSED: SendResult = failed("connect", "the sender is closed");

/**
 * The code of an error of Node's network, TLS, or undici.
 *
 * @param error Anything that was thrown.
 * @returns E.g. `ECONNREFUSED`; the error's class if it has no code. An {@linkcode AggregateError} of several
 * connection attempts has the code of its first.
 */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
