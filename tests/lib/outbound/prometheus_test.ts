/**
 * Metrics in Prometheus' text format: every name, what it counts, and that its labels are bounded.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { OUTCOMES } from "../../../lib/delivery.ts";
import { LANE_STATES } from "../../../lib/engine/census.ts";
import { EVENT_NAMES } from "../../../lib/event_types.ts";
import type { Gauges } from "../../../lib/gauges.ts";
import { METRICS } from "../../../lib/limits.ts";
import { COMMIT_OUTCOMES, type MeteredAttempt } from "../../../lib/metrics.ts";
import { createPrometheus, type Prometheus } from "../../../lib/outbound/prometheus.ts";
import { type Family, readExposition, valueOf } from "../../helpers/exposition.ts";

const GAUGES: Gauges = {
  ready: true,
  lanes: { idle: 1, busy: 2, held: 3, open: 4, probing: 5 },
  waiting: 6,
  waiting_bytes: 7,
  in_flight: 8,
  unrecorded: 9,
  pending: { due: 10, later: 11 },
  overdue_ms: 1500,
};

const ATTEMPT: MeteredAttempt = {
  site_id: "a.example",
  webhook_id: "wh_1",
  outcome: "delivered",
  duration_ms: 20,
  first: true,
  latency_ms: 70,
};

/** Metrics of sites of which one was renamed. */
function prometheus(sites: boolean): Prometheus {
  const nameOf = (site_id: string): string => site_id === "7.example" ? "seven.example" : site_id;
  return createPrometheus({ version: "1.2.3", sites, nameOf });
}

async function read(
  metrics: { text(gauges: Gauges): Promise<string> },
  gauges = GAUGES,
): Promise<ReadonlyMap<string, Family>> {
  return readExposition(await metrics.text(gauges));
}

Deno.test("every series but those of sites is there from the start, at nothing", async () => {
  const families = await read(prometheus(false));
  for (const [name, { samples }] of families) assert(samples.length > 0, name);
  for (const event of EVENT_NAMES) {
    assertEquals(valueOf(families, "tidings_events_accepted_total", { event }), 0);
  }
  for (const outcome of OUTCOMES) assertEquals(valueOf(families, "tidings_attempts_total", { outcome }), 0);
  for (const outcome of COMMIT_OUTCOMES) {
    assertEquals(valueOf(families, "tidings_commits_total", { outcome }), 0);
  }
  for (const attempt of ["first", "later"]) {
    assertEquals(valueOf(families, "tidings_delivery_latency_seconds_count", { attempt }), 0);
  }
});

Deno.test("what is accepted, attempted and committed is counted, in seconds", async () => {
  const metrics = prometheus(false);
  metrics.countAccepted("a.example", ["wh_1", "wh_2"], "goal_completion");
  metrics.countAccepted("a.example", [], "visitor_drop");
  metrics.countAttempt(ATTEMPT);
  metrics.countAttempt({ ...ATTEMPT, first: false, latency_ms: 61_000 });
  metrics.countAttempt({ ...ATTEMPT, outcome: "retry", duration_ms: 10_000, latency_ms: null });
  metrics.countCommit({ members: 30, duration_ms: 4, outcome: "committed" });
  metrics.countCommit({ members: 1, duration_ms: 40, outcome: "outage" });
  const families = await read(metrics);
  const expected: [number, string, Record<string, string>?][] = [
    [1, "tidings_events_accepted_total", { event: "goal_completion" }],
    [1, "tidings_events_accepted_total", { event: "visitor_drop" }],
    [2, "tidings_deliveries_queued_total"],
    [2, "tidings_attempts_total", { outcome: "delivered" }],
    [1, "tidings_attempts_total", { outcome: "retry" }],
    [0, "tidings_attempt_duration_seconds_bucket", { le: "0.01" }],
    [2, "tidings_attempt_duration_seconds_bucket", { le: "0.025" }],
    [3, "tidings_attempt_duration_seconds_bucket", { le: "10" }],
    [10.04, "tidings_attempt_duration_seconds_sum"],
    [0.07, "tidings_delivery_latency_seconds_sum", { attempt: "first" }],
    [61, "tidings_delivery_latency_seconds_sum", { attempt: "later" }],
    [1, "tidings_commits_total", { outcome: "committed" }],
    [1, "tidings_commits_total", { outcome: "outage" }],
    [1, "tidings_commit_group_members_bucket", { le: "20" }],
    [2, "tidings_commit_group_members_bucket", { le: "50" }],
    [0.044, "tidings_commit_duration_seconds_sum"],
  ];
  for (const [value, name, labels] of expected) {
    assertEquals(valueOf(families, name, labels), value, `${name} ${JSON.stringify(labels)}`);
  }
});

Deno.test("gauges say what is so now, and NaN what is not known", async () => {
  const metrics = prometheus(false);
  const families = await read(metrics);
  LANE_STATES.forEach((state, index) =>
    assertEquals(valueOf(families, "tidings_lanes", { state }), index + 1)
  );
  assertEquals(valueOf(families, "tidings_ready"), 1);
  assertEquals(valueOf(families, "tidings_deliveries_waiting"), 6);
  assertEquals(valueOf(families, "tidings_deliveries_waiting_bytes"), 7);
  assertEquals(valueOf(families, "tidings_sends_in_flight"), 8);
  assertEquals(valueOf(families, "tidings_attempts_unrecorded"), 9);
  assertEquals(valueOf(families, "tidings_deliveries_pending", { due: "now" }), 10);
  assertEquals(valueOf(families, "tidings_deliveries_pending", { due: "later" }), 11);
  assertEquals(valueOf(families, "tidings_oldest_due_age_seconds"), 1.5);
  assertEquals(valueOf(families, "tidings_build_info", { version: "1.2.3", deno: Deno.version.deno }), 1);
  assert((valueOf(families, "process_resident_memory_bytes") ?? 0) > 1e6);
  const unknown = await read(metrics, { ...GAUGES, ready: false, pending: null, overdue_ms: null });
  assertEquals(valueOf(unknown, "tidings_ready"), 0);
  assertEquals(valueOf(unknown, "tidings_deliveries_pending", { due: "now" }), NaN);
  assertEquals(valueOf(unknown, "tidings_oldest_due_age_seconds"), NaN);
});

Deno.test("a success that seems to come before its event counts as one at once", async () => {
  const metrics = prometheus(false);
  metrics.countAttempt({ ...ATTEMPT, latency_ms: -5000 });
  assertEquals(
    valueOf(await read(metrics), "tidings_delivery_latency_seconds_sum", { attempt: "first" }),
    0,
  );
});

Deno.test("sites are told apart only when asked for, and those beyond the bound share a name that no site can have", async () => {
  const count = (metrics: Prometheus): void => {
    for (let n = 0; n < METRICS.sites_max + 20; n++) {
      metrics.countAccepted(`${n}.example`, ["wh_1"], "goal_completion");
      metrics.countAttempt({ ...ATTEMPT, site_id: `${n}.example` });
    }
  };
  const without = prometheus(false);
  const series = [...(await read(without)).values()].reduce((sum, { samples }) => sum + samples.length, 0);
  count(without);
  const after = [...(await read(without)).values()].reduce((sum, { samples }) => sum + samples.length, 0);
  assertEquals(after, series, "no series is added by what is posted");

  const named = prometheus(true);
  count(named);
  const families = await read(named);
  for (
    const [name, labels] of [
      ["tidings_events_accepted_total", { event: "goal_completion" }],
      ["tidings_attempts_total", { outcome: "delivered" }],
    ] as const
  ) {
    assertEquals(families.get(name)?.samples.length, METRICS.sites_max + 1);
    assertEquals(valueOf(families, name, { ...labels, site_id: "seven.example" }), 1, "by its name of today");
    assertEquals(valueOf(families, name, { ...labels, site_id: "(other)" }), 20);
  }
});
