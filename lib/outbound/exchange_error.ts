/**
 * What kind of failure an error of undici is.
 *
 * Owns the mapping of error codes to {@linkcode SendErrorKind}.
 *
 * @module
 */
import type { SendErrorKind } from "../ports.ts";
import { codeOf } from "./send_error.ts";
import { errors } from "./undici.ts";

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
 * import { exchangeErrorKind } from "./exchange_error.ts";
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
