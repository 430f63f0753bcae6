/**
 * How much of a receiver's answer is read, and what is kept of it.
 *
 * Owns the two caps. It must never keep a reference to a chunk: the few bytes kept would hold all of its memory.
 *
 * @module
 */
import { ANSWER } from "../limits.ts";

/** Counts the bytes of one answer and keeps the first of them. */
export class AnswerBody {
  #kept: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #bytes_read = 0;

  /** The first {@linkcode ANSWER.snippet_bytes_max} bytes so far. */
  get snippet(): Uint8Array<ArrayBuffer> {
    return this.#kept;
  }

  /** Whether {@linkcode ANSWER.read_bytes_max} bytes have been read: the rest is nobody's business. */
  get full(): boolean {
    return this.#bytes_read >= ANSWER.read_bytes_max;
  }

  /**
   * Takes the next part of the body.
   *
   * @param chunk The bytes; they may be overwritten afterwards.
   */
  add(chunk: Uint8Array): void {
    this.#bytes_read += chunk.byteLength;
    const room = ANSWER.snippet_bytes_max - this.#kept.byteLength;
    if (room <= 0) return;
    const kept = new Uint8Array(this.#kept.byteLength + Math.min(room, chunk.byteLength));
    kept.set(this.#kept);
    kept.set(chunk.subarray(0, room), this.#kept.byteLength);
    this.#kept = kept;
  }
}
