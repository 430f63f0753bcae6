/**
 * The soak, a few seconds of it, and the verdict held against planted runs.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { faultsOf, measure, runSoak } from "./run.ts";
import { type Sample, slopeOf } from "./samples.ts";

Deno.test("under a mixed load for some seconds nothing is lost, nothing is made twice, every answer is what it must be", async () => {
  const report = await runSoak(0.15);
  assertEquals(report.faults, []);
  assertEquals([report.lost, report.duplicates], [0, 0]);
  assertGreater(report.accepted, 100);
  assertGreater(report.expected, 300);
  assertGreater(report.samples.length, 3);
});

/** Looks every two seconds for some minutes, at a process whose memory and descriptors grow evenly. */
function samplesOf(minutes: number, growth: { rss_mib: number; fds: number }): Sample[] {
  return Array.from({ length: minutes * 30 + 1 }, (_, index) => ({
    at_s: index * 2,
    rss_mib: 200 + growth.rss_mib * index / 30,
    fds: 40 + growth.fds * index / 30,
    pending: 0,
    healthz_ms: 1,
  }));
}

const GOOD = { expected: 10, delivered: 10, lost: 0, duplicates: 0 };

Deno.test("a process that grows is found, the sooner the longer the run; one that does not is not", () => {
  const verdict = (minutes: number, growth: { rss_mib: number; fds: number }): string[] =>
    faultsOf({ ...GOOD, ...measure(samplesOf(minutes, growth)) });
  assertEquals(verdict(60, { rss_mib: 0, fds: 0 }), []);
  assertEquals(verdict(10, { rss_mib: 5, fds: 0 }), []);
  assertEquals(verdict(60, { rss_mib: 5, fds: 0 }), ["memory grew by 275 MiB; 64 are allowed"]);
  assertEquals(verdict(10, { rss_mib: 0, fds: 10 }), ["descriptors grew from 40 to 140"]);
});

Deno.test("what was lost or made twice is found, also where the system tells nothing of memory", () => {
  const blind = samplesOf(2, { rss_mib: 0, fds: 0 }).map((sample) => ({
    ...sample,
    rss_mib: null,
    fds: null,
  }));
  assertEquals(faultsOf({ ...GOOD, ...measure(blind) }), []);
  assertEquals(faultsOf({ ...GOOD, lost: 1, delivered: 9, duplicates: 2, ...measure(blind) }), [
    "1 deliveries were lost",
    "2 deliveries were made again, and nobody had asked for it",
  ]);
});

Deno.test("the slope is that of the line in the middle of the samples", () => {
  assertEquals(slopeOf([]), 0);
  assertEquals(slopeOf([[1, 5]]), 0);
  assertAlmostEquals(slopeOf([[0, 0], [1, 2], [2, 1], [3, 3]]), 0.8);
});
