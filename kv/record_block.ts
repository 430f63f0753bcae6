/**
 * The bytes of records, one behind the other in larger blocks.
 *
 * Owns the blocks. A record lives for one commit, and thousands are made in a second: memory of its own for each costs more
 * than writing it, here and where the database takes it over. A block is written once and never again, so that what was
 * handed out stays as it is; it goes when the last record in it is no longer needed.
 *
 * @module
 */

const BLOCK_BYTES = 64 * 1024;
/** A longer record gets memory of its own: it would waste the end of a block. */
const SHARED_BYTES_MAX = BLOCK_BYTES / 8;
/** A code unit of a string takes at most so many bytes in UTF-8. */
const BYTES_A_CHAR_MAX = 3;

const encoder = new TextEncoder();
let block = new Uint8Array(BLOCK_BYTES);
let used = 0;

/**
 * Encodes a record.
 *
 * @param text What it begins with, as UTF-8.
 * @param rest What follows it, as it is.
 * @returns The bytes of both; they must not be changed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { recordBytes } from "./record_block.ts";
 * assertEquals(recordBytes("é", new Uint8Array([7])), new Uint8Array([0xc3, 0xa9, 7]));
 * ```
 */
export function recordBytes(text: string, rest?: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes_max = text.length * BYTES_A_CHAR_MAX + (rest?.byteLength ?? 0);
  if (bytes_max > SHARED_BYTES_MAX) return ownBytes(text, rest);
  if (bytes_max > BLOCK_BYTES - used) {
    block = new Uint8Array(BLOCK_BYTES);
    used = 0;
  }
  const start = used;
  used += encoder.encodeInto(text, block.subarray(start)).written;
  if (rest !== undefined) {
    block.set(rest, used);
    used += rest.byteLength;
  }
  return block.subarray(start, used);
}

function ownBytes(text: string, rest: Uint8Array | undefined): Uint8Array<ArrayBuffer> {
  const first = encoder.encode(text);
  if (rest === undefined) return first;
  const bytes = new Uint8Array(first.byteLength + rest.byteLength);
  bytes.set(first);
  bytes.set(rest, first.byteLength);
  return bytes;
}
