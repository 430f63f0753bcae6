/**
 * Percentiles that are counted and not sorted.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { Histogram } from "../../bench/histogram.ts";
import { seeded } from "../helpers/seeded.ts";

Deno.test("quantiles are those of the sorted durations, at most 1 % too long", () => {
  const random = seeded(7);
  // From a hundredth of a millisecond to ten minutes, as many short as long ones.
  const durations = Array.from({ length: 20_000 }, () => 0.01 * 60_000_000 ** random());
  const histogram = new Histogram();
  for (const ms of durations) histogram.add(ms);
  const sorted = durations.toSorted((a, b) => a - b);
  for (const part of [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = sorted[Math.max(Math.ceil(part * sorted.length), 1) - 1] ?? 0;
    assertGreaterOrEqual(histogram.quantile(part), exact * (1 - 1e-9), String(part));
    assertLessOrEqual(histogram.quantile(part), exact * 1.0101, String(part));
  }
});

Deno.test("one long duration of a hundred is the 99th percentile's neighbour, and the longest exactly", () => {
  const histogram = new Histogram();
  for (let n = 0; n < 99; n++) histogram.add(1);
  histogram.add(2345.678);
  const { count, median_ms, p99_ms, longest_ms } = histogram.summary();
  assertEquals([count, longest_ms], [100, 2345.678]);
  assertLessOrEqual(p99_ms, 1.01);
  assertLessOrEqual(median_ms, 1.01);
  assertEquals(histogram.quantile(0.995), 2345.678);
});

Deno.test("no duration, none below nothing and none beyond the last bucket breaks it", () => {
  const histogram = new Histogram();
  assertEquals(histogram.summary(), { count: 0, median_ms: 0, p99_ms: 0, longest_ms: 0 });
  histogram.add(-0.003);
  assertLessOrEqual(histogram.quantile(0.5), 0.01);
  histogram.add(3_600_000);
  assertEquals([histogram.count, histogram.longest_ms], [2, 3_600_000]);
  assert(Number.isFinite(histogram.quantile(0.99)));
});
