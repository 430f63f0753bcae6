/**
 * How long the fuzz tests run, and from which seed.
 *
 * @module
 */

/** Inputs of one property; `FUZZ_RUNS` says otherwise. */
export const FUZZ_RUNS: number = Number(Deno.env.get("FUZZ_RUNS") ?? 300);

/** Whether there is time for all combinations. */
export const LONG: boolean = FUZZ_RUNS > 1000;

/**
 * The options of fast-check: a failure prints its seed, `FUZZ_SEED` repeats it.
 *
 * @returns Options for `fc.assert`.
 */
export function fuzzOptions(): { readonly numRuns: number; readonly seed?: number } {
  const seed = Deno.env.get("FUZZ_SEED");
  return { numRuns: FUZZ_RUNS, ...(seed === undefined ? {} : { seed: Number(seed) }) };
}
