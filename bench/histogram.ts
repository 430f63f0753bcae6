/**
 * Counts of durations by size: percentiles of millions of them in a few kilobytes, each at most 1 % too long.
 *
 * Owns the buckets. It must never forget a value: what is longer than the last bucket counts as the longest seen.
 *
 * @module
 */

/** From one bucket to the next. */
const GROWTH = 1.01;
/** The upper end of the first bucket, in milliseconds. */
const FIRST_MS = 0.01;
/** Up to ten minutes. */
const BUCKETS = Math.ceil(Math.log(600_000 / FIRST_MS) / Math.log(GROWTH)) + 1;

/** Durations, counted. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #longest_ms = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** The longest, exactly; 0 for none. */
  get longest_ms(): number {
    return this.#longest_ms;
  }

  /** @param ms A duration; a negative one, which two clocks that differ by microseconds can make, counts as none. */
  add(ms: number): void {
    const bucket = ms <= FIRST_MS ? 0 : Math.ceil(Math.log(ms / FIRST_MS) / Math.log(GROWTH));
    const index = Math.min(bucket, BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count++;
    this.#longest_ms = Math.max(this.#longest_ms, ms);
  }

  /**
   * The duration that a part of all did not exceed.
   *
   * @param part From 0 to 1: 0.5 is the median.
   * @returns Milliseconds, at most 1 % too long; 0 if there is nothing.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Histogram } from "./histogram.ts";
   * const histogram = new Histogram();
   * for (let ms = 1; ms <= 100; ms++) histogram.add(ms);
   * assertEquals(Math.round(histogram.quantile(0.5)), 50);
   * assertEquals(histogram.quantile(1), 100);
   * ```
   */
  quantile(part: number): number {
    const rank = Math.max(Math.ceil(part * this.#count), 1);
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(FIRST_MS * GROWTH ** bucket, this.#longest_ms);
    }
    return this.#longest_ms;
  }

  /** What is reported of it. */
  summary(): LatencySummary {
    return {
      count: this.#count,
      median_ms: this.quantile(0.5),
      p99_ms: this.quantile(0.99),
      longest_ms: this.#longest_ms,
    };
  }
}

/** What is reported of durations. */
export interface LatencySummary {
  readonly count: number;
  readonly median_ms: number;
  readonly p99_ms: number;
  readonly longest_ms: number;
}
