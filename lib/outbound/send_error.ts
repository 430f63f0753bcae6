/**
 * What kind of failure an error of the network is.
 *
 * Owns the mapping of error codes to {@linkcode SendErrorKind}. It must never pass on an error's own text: it may hold
 * the URL (a credential) or what a receiver chose to write.
 *
 * @module
 */
import type { SendErrorKind, SendResult } from "../ports.ts";
import { errors } from "./undici.ts";

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

/** `bad response` and `bad upgrade` share one code with a closed connection; undici tells them apart in words only. */
const BAD_SOCKET_MESSAGES: readonly string[] = ["bad response", "bad upgrade"];

/** A parser that stumbles names the bytes it stumbled over; one that was cut off in the middle of an answer has none. */
function wasCutOff(error: Error): boolean {
  return "data" in error && error.data === "";
}

const PROTOCOL_CODES: readonly string[] = [
  "UND_ERR_HEADERS_OVERFLOW",
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
];

/**
 * The kind of an error that ended an exchange on a connection that had come about.
 *
 * @param error What undici reports.
 * @returns `protocol` for what is not HTTP/1.1, `tls` for a broken record or a late alert, `reset` for every way in
 * which a connection ends too early.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { exchangeErrorKind } from "./send_error.ts";
 * assertEquals(exchangeErrorKind(Object.assign(new Error(), { code: "ECONNRESET" })), "reset");
 * assertEquals(exchangeErrorKind(Object.assign(new Error(), { code: "UND_ERR_HEADERS_OVERFLOW" })), "protocol");
 * ```
 */
export function exchangeErrorKind(error: unknown): SendErrorKind {
  if (error instanceof errors.HTTPParserError) return wasCutOff(error) ? "reset" : "protocol";
  const code = codeOf(error);
  if (PROTOCOL_CODES.includes(code)) return "protocol";
  if (code === "UND_ERR_SOCKET" && error instanceof Error && BAD_SOCKET_MESSAGES.includes(error.message)) {
    return "protocol";
  }
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") ? "tls" : "reset";
}
