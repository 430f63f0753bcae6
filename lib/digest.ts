/**
 * Digests: SHA-256 and the HMAC made with it.
 *
 * Owns how they are computed: at once, by `node:crypto`. `crypto.subtle` hands each to another thread and back, which
 * took a request longer than everything else that is done for it, and a sixth of the time under load.
 *
 * @module
 */
import { createHmac, hash } from "node:crypto";

/**
 * The SHA-256 of a text.
 *
 * @param text The text; hashed as UTF-8.
 * @returns 64 hexadecimal digits.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { digestOf } from "./digest.ts";
 * // FIPS 180-2, appendix B.1
 * assertEquals(digestOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
 * ```
 */
export function digestOf(text: string): string {
  return hash("sha256", text);
}

/**
 * The HMAC-SHA256 of a message.
 *
 * @param key The key's bytes.
 * @param message Its parts, in their order; a text is hashed as UTF-8.
 * @param encoding How it is written.
 * @returns The 32 bytes, written so.
 * @see RFC 2104
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hmacOf } from "./digest.ts";
 * // RFC 4231, test case 2
 * assertEquals(
 *   hmacOf(new TextEncoder().encode("Jefe"), ["what do ya want ", "for nothing?"], "hex"),
 *   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
 * );
 * ```
 */
export function hmacOf(
  key: Uint8Array,
  message: readonly (string | Uint8Array)[],
  encoding: "hex" | "base64",
): string {
  const hmac = createHmac("sha256", key);
  for (const part of message) hmac.update(part);
  return hmac.digest(encoding);
}
