/**
 * Chance from a seed: the same seed gives the same run, on every machine.
 *
 * Owns the only randomness of the simulation. It must never be shared by two runs.
 *
 * @module
 */
import { assert } from "@std/assert";

/** A source of chance. */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number;
  /** Whether something of this probability happens. */
  happens(probability: number): boolean;
  pick<T>(some: readonly T[]): T;
  /** Picks by weight; at least one weight must be positive. */
  weighted<T>(some: readonly (readonly [weight: number, what: T])[]): T;
}

/**
 * Makes a source of chance (Mulberry32: small, and the same everywhere).
 *
 * @param seed A whole number.
 * @returns The source, at its beginning.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createChance } from "./chance.ts";
 * assertEquals(createChance(7).whole(1, 6), createChance(7).whole(1, 6));
 * ```
 */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  function weighted<T>(some: readonly (readonly [weight: number, what: T])[]): T {
    const total = some.reduce((sum, [weight]) => sum + weight, 0);
    let left = next() * total;
    for (const [weight, what] of some) {
      left -= weight;
      if (left < 0) return what;
    }
    const last = some.at(-1);
    assert(last !== undefined && total > 0, "there is something to pick");
    return last[1];
  }

  return {
    next,
    whole: (min, max) => min + Math.floor(next() * (max - min + 1)),
    happens: (probability) => next() < probability,
    pick<T>(some: readonly T[]): T {
      assert(some.length > 0, "there is something to pick");
      return some[Math.floor(next() * some.length)] as T;
    },
    weighted,
  };
}
