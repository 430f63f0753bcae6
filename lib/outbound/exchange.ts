/**
 * One request and its answer on a connection, as undici's handler sees it.
 *
 * Owns the turning of undici's events into one {@linkcode SendResult}. It must never settle twice, throw (undici would
 * take that for an error of the connection), or follow a redirect.
 *
 * @module
 */
import type { Dispatcher } from "undici";
import type { SendResult } from "../ports.ts";
import { AnswerBody } from "./answer_body.ts";
import type { Deadline } from "../deadlines.ts";
import { exchangeErrorKind } from "./exchange_error.ts";
import { codeOf, DialError, failed } from "./send_error.ts";

/** What a send is doing: for the words of a timeout. */
type Phase = "connecting" | "waiting for the answer" | "reading the answer";

/** Informational answers (1xx) before the real one; a receiver could send them for ever. */
const INFORMATIONAL_MAX = 32;

/** A send that waits for its answer. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** What came of it. Never rejects. */
  readonly result: Promise<SendResult>;
  readonly url: URL;
  readonly deadline: Deadline;
  /** Whether the answer was read to its end and not given up before, so that the connection may serve again. */
  complete = false;

  readonly #timeout_ms: number;
  readonly #settle: (result: SendResult) => void;
  readonly #body = new AnswerBody();
  #phase: Phase = "connecting";
  #status_code = 0;
  #informational = 0;
  #retry_after: string | null = null;

  /**
   * @param url Where to.
   * @param timeout_ms How long it may take, for the words of a timeout.
   * @param deadline Ends it.
   */
  constructor(url: URL, timeout_ms: number, deadline: Deadline) {
    const { promise, resolve } = Promise.withResolvers<SendResult>();
    this.result = promise;
    this.#settle = resolve;
    this.url = url;
    this.deadline = deadline;
    this.#timeout_ms = timeout_ms;
    deadline.onPassed(() => this.#timeOut());
  }

  #timeOut(): void {
    this.#settle(failed("timeout", `no whole answer within ${this.#timeout_ms} ms, still ${this.#phase}`));
  }

  onRequestStart(): void {
    this.#phase = "waiting for the answer";
  }

  onResponseStart(
    _controller: unknown,
    status_code: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status_code < 200) {
      this.#informational++;
      if (this.#informational > INFORMATIONAL_MAX) {
        this.#settle(failed("protocol", "too many informational answers"));
      }
      return;
    }
    this.#phase = "reading the answer";
    this.#status_code = status_code;
    const retry_after = headers["retry-after"];
    this.#retry_after = (Array.isArray(retry_after) ? retry_after[0] : retry_after) ?? null;
  }

  onResponseData(_controller: unknown, chunk: Uint8Array): void {
    this.#body.add(chunk);
    // The rest is not waited for: the connection is closed, never used again.
    if (this.#body.full) this.#answer();
  }

  onResponseEnd(): void {
    this.complete = !this.#body.full;
    this.#answer();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (error instanceof DialError) return this.#settle(failed(error.kind, error.message));
    this.#settle(failed(exchangeErrorKind(error), `${codeOf(error)} while ${this.#phase}`));
  }

  #answer(): void {
    this.#settle({
      kind: "answer",
      status_code: this.#status_code,
      retry_after: this.#retry_after,
      snippet: this.#body.snippet,
    });
  }
}
