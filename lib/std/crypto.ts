/**
 * The part of `@std/crypto` that Tidings uses, with the same signatures, built on `node:crypto`.
 *
 * The import map in `deno.json` resolves `@std/crypto` to this file because the real package lives on JSR, which
 * not every network reaches. Replacing that line by `jsr:@std/crypto@1` must need no other change, so nothing may
 * be added here that the real package does not have.
 *
 * @module
 */
import { timingSafeEqual as nodeTimingSafeEqual } from "node:crypto";

function bytesOf(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return new Uint8Array(value);
}

/**
 * Compares two byte sequences of the same length in a time that does not depend on their content.
 *
 * Compare digests, which have one length: what a caller sent may have any.
 *
 * @param a The first bytes.
 * @param b The second bytes.
 * @returns Whether they are the same.
 * @throws {TypeError} If the lengths differ: so the real package has it since 1.1.0. Before, it answered false.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { timingSafeEqual } from "@std/crypto";
 * assert(timingSafeEqual(new Uint8Array([1, 2]), new Uint8Array([1, 2])));
 * ```
 */
export function timingSafeEqual(
  a: ArrayBufferView | ArrayBufferLike,
  b: ArrayBufferView | ArrayBufferLike,
): boolean {
  if (a.byteLength !== b.byteLength) {
    throw new TypeError(
      `Cannot compare buffers: they must be of the same length, current lengths are ${a.byteLength} and ${b.byteLength}`,
    );
  }
  return nodeTimingSafeEqual(bytesOf(a), bytesOf(b));
}
