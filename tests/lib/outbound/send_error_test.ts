/**
 * Which kind of failure an error of the network is.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { errors } from "../../../lib/outbound/undici.ts";
import { exchangeErrorKind } from "../../../lib/outbound/exchange_error.ts";
import { codeOf } from "../../../lib/outbound/send_error.ts";
import type { SendErrorKind } from "../../../lib/ports.ts";

function withCode(code: string): Error {
  return Object.assign(new Error("read, http://example.com/secret"), { code });
}

Deno.test("exchangeErrorKind() tells broken protocol, broken TLS and a lost connection apart", () => {
  const cases: [unknown, SendErrorKind][] = [
    [withCode("ECONNRESET"), "reset"],
    [withCode("EPIPE"), "reset"],
    [withCode("ETIMEDOUT"), "reset"],
    [new errors.SocketError("other side closed"), "reset"],
    [new errors.SocketError("closed"), "reset"],
    [new errors.ResponseContentLengthMismatchError(), "reset"],
    [new errors.SocketError("bad response"), "protocol"],
    [new errors.SocketError("bad upgrade"), "protocol"],
    [new errors.HeadersOverflowError(), "protocol"],
    [new errors.InvalidArgumentError("invalid header"), "protocol"],
    [withCode("ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), "tls"],
    [withCode("ERR_TLS_CERT_ALTNAME_INVALID"), "tls"],
    [new Error("anything"), "reset"],
    ["anything", "reset"],
    [null, "reset"],
  ];
  for (const [error, kind] of cases) assertEquals(exchangeErrorKind(error), kind, String(error));
});

Deno.test("codeOf() never gives an error's message", () => {
  assertEquals(codeOf(withCode("ECONNRESET")), "ECONNRESET");
  assertEquals(codeOf(new TypeError("secret")), "TypeError");
  assertEquals(codeOf(Object.assign(new Error("secret"), { code: 7 })), "Error");
  assertEquals(codeOf("secret"), "unknown");
});
