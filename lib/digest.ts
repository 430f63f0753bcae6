/**
 * Digests: SHA-256 and the HMAC made with it.
 *
 * Owns how they are computed: at once. `crypto.subtle` hands each to another thread and back, which took a request longer
 * than everything else that is done for it; `node:crypto` makes a stream of every HMAC, which took a delivery a quarter of
 * the time of its whole send (docs/decisions/0014-where-the-time-goes.md).
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

const encoder = new TextEncoder();

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
  return sha256(encoder.encode(text)).toHex();
}

/** One state for all messages: a message is hashed within one turn, and begins by overwriting it. */
const scratch = hmac.create(sha256, new Uint8Array(0));

/**
 * A key of HMAC-SHA256, its own two blocks hashed once and not again for every message.
 *
 * @see RFC 2104
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { HmacKey } from "./digest.ts";
 * // RFC 4231, test case 2
 * const encoder = new TextEncoder();
 * const key = new HmacKey(encoder.encode("Jefe"));
 * assertEquals(
 *   key.sign([encoder.encode("what do ya want "), encoder.encode("for nothing?")]).toHex(),
 *   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
 * );
 * ```
 */
export class HmacKey {
  readonly #keyed;

  /** @param key The key's bytes. */
  constructor(key: Uint8Array) {
    this.#keyed = hmac.create(sha256, key);
  }

  /**
   * The HMAC of a message.
   *
   * @param message Its parts, in their order.
   * @returns 32 bytes.
   */
  sign(message: readonly Uint8Array[]): Uint8Array {
    this.#keyed._cloneInto(scratch);
    for (const part of message) scratch.update(part);
    return scratch.digest();
  }
}
