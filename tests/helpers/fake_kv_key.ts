/**
 * The order of Deno KV's keys: each key as the string of bytes that KV sorts by.
 *
 * Owns the encoding, a character from U+0000 to U+00FF for each byte, so that JavaScript compares as KV does. It must
 * never be used outside tests: KV itself encodes what the program writes.
 *
 * @module
 */

const encoder = new TextEncoder();
/** Where numbers are taken apart: used by one call at a time. */
const view = new DataView(new ArrayBuffer(8));
const number_bytes = new Uint8Array(view.buffer);

/**
 * Encodes a key as Deno KV does (FoundationDB's tuple layer): bytes, strings, bigints, numbers, booleans, in this order.
 *
 * @param key The key.
 * @returns One character per byte; comparing two results compares the keys.
 * @throws {TypeError} If a part is of a type that KV doesn't take.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { encodeKey } from "./fake_kv_key.ts";
 * assertEquals(encodeKey(["a\0", true]), "\x02a\0\xff\0\x27");
 * assert(encodeKey([9]) < encodeKey([10]));
 * ```
 */
export function encodeKey(key: Deno.KvKey): string {
  return key.map(encodePart).join("");
}

/**
 * The key as KV gives it back: a copy, with lone surrogates replaced.
 *
 * @param key The key as written.
 * @returns A key that shares nothing with it.
 */
export function storedKey(key: Deno.KvKey): Deno.KvKeyPart[] {
  return key.map((part) => {
    if (typeof part === "string") return part.toWellFormed();
    return part instanceof Uint8Array ? part.slice() : part;
  });
}

function encodePart(part: Deno.KvKeyPart): string {
  if (typeof part === "string") {
    // deno-lint-ignore no-control-regex
    if (/^[\x01-\x7f]*$/.test(part)) return `\x02${part}\0`; // nearly all: already its own bytes
    return `\x02${escape(byteString(encoder.encode(part)))}\0`;
  }
  if (typeof part === "number") return "\x21" + encodeNumber(part);
  if (typeof part === "bigint") return encodeBigint(part);
  if (typeof part === "boolean") return part ? "\x27" : "\x26";
  if (part instanceof Uint8Array) return `\x01${escape(byteString(part))}\0`;
  throw new TypeError("expected string, number, bigint, ArrayBufferView, boolean");
}

function byteString(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function escape(bytes: string): string {
  return bytes.replaceAll("\0", "\0\xff");
}

/** Big-endian, the sign bit flipped; negative numbers with every bit flipped, so that they sort before. */
function encodeNumber(part: number): string {
  view.setFloat64(0, part);
  const [a = 0, ...rest] = number_bytes;
  if (a < 0x80) return String.fromCharCode(a | 0x80, ...rest);
  return String.fromCharCode(...number_bytes.map((byte) => byte ^ 0xff));
}

/** The tag tells sign and length, so that longer numbers are larger; negative ones have every bit flipped. */
function encodeBigint(part: bigint): string {
  if (part === 0n) return "\x14";
  const hex = (part < 0n ? -part : part).toString(16);
  const bytes = Uint8Array.fromHex(hex.length % 2 === 0 ? hex : `0${hex}`);
  const length = bytes.length;
  if (length > 255) throw new TypeError("BigUint requires more than 255 bytes to be represented");
  if (part > 0n) {
    const tag = length <= 8 ? [0x14 + length] : [0x1d, length];
    return String.fromCharCode(...tag) + byteString(bytes);
  }
  const tag = length <= 8 ? [0x14 - length] : [0x0b, length ^ 0xff];
  return String.fromCharCode(...tag) + byteString(bytes.map((byte) => byte ^ 0xff));
}
