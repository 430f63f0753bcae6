/**
 * Chance from a seed, so that a failure can be played again.
 *
 * Owns the generator. It must never be used where chance keeps a secret.
 *
 * @module
 */

/**
 * Makes a source of chance: Mulberry32, small, and the same everywhere.
 *
 * @param seed A whole number; its last 32 bits count.
 * @returns A function that answers a number from 0 up to and without 1, as `Math.random` does.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { seeded } from "./seeded.ts";
 * assertEquals(seeded(7)(), seeded(7)());
 * ```
 */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
