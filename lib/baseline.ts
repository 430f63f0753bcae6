/**
 * What is usual at this hour: the rolling baseline of a site's current visitors.
 *
 * Owns the arithmetic. The readings of each hour are averaged; the baseline is the mean of the same hour (UTC) of the
 * seven days before, of those that have readings, if at least three have. Pure.
 *
 * @module
 */
import { BASELINE, TIME } from "./limits.ts";

/** The readings of one hour. */
export interface HourOfReadings {
  /** Hours since the epoch. */
  readonly hour: number;
  readonly sum: number;
  readonly count: number;
}

const HOURS_A_DAY = 24;

/**
 * The baseline at a time.
 *
 * @param hours The readings so far; those of the time's own hour don't count.
 * @param at The time.
 * @returns Visitors, or null if fewer than three of the seven days have readings of this hour.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { baselineAt } from "./baseline.ts";
 * const day = (n: number, visitors: number) => ({ hour: 24 * n, sum: visitors * 60, count: 60 });
 * assertEquals(baselineAt([day(1, 10), day(2, 20), day(3, 30)], 4 * 86_400_000), 20);
 * assertEquals(baselineAt([day(1, 10), day(2, 20)], 4 * 86_400_000), null);
 * ```
 */
export function baselineAt(hours: readonly HourOfReadings[], at: number): number | null {
  const now = Math.floor(at / TIME.HOUR_MS);
  const same = hours.filter(({ hour }) =>
    hour < now && now - hour <= BASELINE.days * HOURS_A_DAY && (now - hour) % HOURS_A_DAY === 0
  );
  if (same.length < BASELINE.days_min) return null;
  return same.reduce((total, { sum, count }) => total + sum / count, 0) / same.length;
}

/**
 * The readings with one more.
 *
 * @param hours The readings so far, oldest first.
 * @param at The time of the new one; not older than the newest of them.
 * @param visitors What it counted.
 * @returns The readings, without those that no baseline looks at any more.
 */
export function withReading(
  hours: readonly HourOfReadings[],
  at: number,
  visitors: number,
): readonly HourOfReadings[] {
  const hour = Math.floor(at / TIME.HOUR_MS);
  const last = hours.at(-1);
  const added = last?.hour === hour
    ? [...hours.slice(0, -1), { hour, sum: last.sum + visitors, count: last.count + 1 }]
    : [...hours, { hour, sum: visitors, count: 1 }];
  return added.filter((each) => hour - each.hour <= BASELINE.days * HOURS_A_DAY);
}
