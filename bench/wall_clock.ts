/**
 * One time for several processes: the machine's, finer than the millisecond that `Date.now()` knows.
 *
 * Owns the reading of it. Each process's `performance.now()` begins when the process does, and drifts against the others'
 * where the machine's time is being corrected: so it is tied to the machine's time anew before each measurement.
 *
 * @module
 */

/** Tells the time in milliseconds since 1970, with fractions. */
export type WallClock = () => number;

/**
 * Ties `performance.now()` to the machine's time: waits, busily, for the next millisecond to begin.
 *
 * @returns A clock that agrees with those of other processes to some microseconds, for some minutes.
 */
export function wallClock(): WallClock {
  const before = Date.now();
  let at = Date.now();
  while (at === before) at = Date.now();
  const offset = at - performance.now();
  return () => offset + performance.now();
}
