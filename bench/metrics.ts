/**
 * What measuring costs: one attempt, one accepted event, one commit, and a scrape.
 *
 * `deno run --allow-sys bench/metrics.ts`
 *
 * @module
 */
import type { Gauges } from "../lib/gauges.ts";
import { createPrometheus } from "../lib/outbound/prometheus.ts";

const ROUNDS = 1_000_000;
const GAUGES: Gauges = {
  ready: true,
  lanes: { idle: 0, busy: 0, held: 0, open: 0, probing: 0 },
  waiting: 0,
  waiting_bytes: 0,
  in_flight: 0,
  unrecorded: 0,
  pending: { due: 0, later: 0 },
  overdue_ms: 0,
};

function timed(what: string, run: (n: number) => void): void {
  for (let n = 0; n < ROUNDS / 10; n++) run(n);
  const started = performance.now();
  for (let n = 0; n < ROUNDS; n++) run(n);
  const each_us = (performance.now() - started) / ROUNDS * 1000;
  // deno-lint-ignore no-console -- a report on a terminal
  console.log(`${what}: ${each_us.toFixed(2)} µs`);
}

for (const sites of [false, true]) {
  const metrics = createPrometheus({ version: "bench", sites, nameOf: (site_id) => site_id });
  const site_ids = Array.from({ length: 2000 }, (_, n) => `${n}.example`);
  const site = (n: number): string => site_ids[n % site_ids.length] ?? "";
  const with_sites = sites ? ", sites told apart" : "";
  timed(`an attempt that delivers${with_sites}`, (n) =>
    metrics.countAttempt({
      site_id: site(n),
      webhook_id: "wh_1",
      outcome: "delivered",
      duration_ms: n % 1000,
      first: n % 2 === 0,
      latency_ms: n % 5000,
    }));
  timed(
    `an accepted event${with_sites}`,
    (n) => metrics.countAccepted(site(n), ["wh_1"], "goal_completion"),
  );
  timed("a commit", (n) => metrics.countCommit({ members: n % 100, duration_ms: 4, outcome: "committed" }));
  const started = performance.now();
  const { length } = await metrics.text(GAUGES);
  // deno-lint-ignore no-console -- a report on a terminal
  console.log(`a scrape of ${length} bytes: ${(performance.now() - started).toFixed(1)} ms`);
}
