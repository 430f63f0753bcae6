/**
 * Digests of texts.
 *
 * Owns the one way in which a text becomes its digest: at once, by `node:crypto`. `crypto.subtle.digest` hands each to
 * another thread and back, which took a request longer than everything else that is done for it.
 *
 * @module
 */
import { hash } from "node:crypto";

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
