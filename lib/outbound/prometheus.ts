/**
 * Metrics in Prometheus' text format.
 *
 * Owns the names of metrics, their units, labels and buckets. Every set of labels is bounded by the program, whatever is
 * posted to it. Nothing here may name a URL, a person, or (unless the operator asked for it) a site.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "./prometheus_client.ts";
import { OUTCOMES } from "../delivery.ts";
import { LANE_STATES } from "../engine/census.ts";
import { EVENT_NAMES } from "../event_types.ts";
import type { Gauges } from "../gauges.ts";
import { METRICS, TIME } from "../limits.ts";
import { COMMIT_OUTCOMES, type Meter } from "../metrics.ts";
import { BoundedCounter, SiteLabels } from "./bounded_counter.ts";

/** What metrics are made with. */
export interface PrometheusOptions {
  /** Of this release. */
  readonly version: string;
  /** Whether sites are told apart. */
  readonly sites: boolean;
  /** What a site is called today. */
  readonly nameOf: (site_id: string) => string;
}

/** Measures, and writes down what was measured. */
export interface Prometheus extends Meter {
  /**
   * Everything that is measured.
   * @param gauges What is so now.
   * @returns The text format, version 0.0.4.
   */
  text(gauges: Gauges): Promise<string>;
}

const SEND_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From a fast first attempt to the last of ten retries. */
const LATENCY_BUCKETS_S = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
  600,
  3600,
  86_400,
];
const COMMIT_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10];
const MEMBERS_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/**
 * Makes the metrics.
 *
 * @param options See {@linkcode PrometheusOptions}.
 * @returns The meter, everything at nothing.
 */
export function createPrometheus({ version, sites, nameOf }: PrometheusOptions): Prometheus {
  const registry = new Registry();
  const registers = [registry];
  const site_labels = sites ? new SiteLabels(METRICS.sites_max, nameOf) : null;
  const bounded = <Value extends string>(
    name: string,
    help: string,
    { label, values }: { label: string; values: readonly Value[] },
  ): BoundedCounter<Value> =>
    new BoundedCounter({ name, help, label, values, sites: site_labels, registers });

  const accepted = bounded("tidings_events_accepted_total", "Events accepted, by kind", {
    label: "event",
    values: EVENT_NAMES,
  });
  const queued = new Counter({
    name: "tidings_deliveries_queued_total",
    help: "Deliveries queued for accepted events",
    registers,
  });
  const attempts = bounded(
    "tidings_attempts_total",
    "Attempts on record, by outcome: retry is a failure that is tried again, failed one that is not; tests are not counted",
    { label: "outcome", values: OUTCOMES },
  );
  const duration = new Histogram({
    name: "tidings_attempt_duration_seconds",
    help: "How long attempts took, from the look-up of the name to the end of the answer",
    buckets: SEND_BUCKETS_S,
    registers,
  });
  const latency = new Histogram({
    name: "tidings_delivery_latency_seconds",
    help:
      "From the acceptance of an event to its delivery, by whether the first attempt succeeded or a later one; " +
      "what a person asked for is not counted",
    buckets: LATENCY_BUCKETS_S,
    labelNames: ["attempt"],
    registers,
  });
  const [first_latency, later_latency] = ["first", "later"].map((attempt) => {
    latency.zero({ attempt });
    return latency.labels({ attempt });
  });
  const countCommit = commitsIn(registers);
  const setGauges = gaugesIn(registers, version);

  return {
    countAccepted(site_id, webhook_ids, event) {
      if (event !== "test") accepted.count(site_id, event);
      queued.inc(webhook_ids.length);
    },
    countAttempt({ site_id, outcome, duration_ms, first, latency_ms }) {
      attempts.count(site_id, outcome);
      duration.observe(duration_ms / TIME.SECOND_MS);
      if (latency_ms === null) return;
      // Below zero, if a clock was set back while the event waited.
      (first ? first_latency : later_latency)?.observe(Math.max(latency_ms, 0) / TIME.SECOND_MS);
    },
    countCommit,
    async text(gauges) {
      setGauges(gauges);
      return await registry.metrics();
    },
  };
}

/** What is measured of atomic operations, and what measures them. */
function commitsIn(registers: Registry[]): Meter["countCommit"] {
  const commits = new Counter({
    name: "tidings_commits_total",
    help:
      "Atomic operations on the database, by outcome: conflict is a check that failed, outage a database that could " +
      "not write",
    labelNames: ["outcome"],
    registers,
  });
  const of_outcome = new Map(COMMIT_OUTCOMES.map((outcome) => [outcome, commits.labels({ outcome })]));
  for (const child of of_outcome.values()) child.inc(0);
  const group = new Histogram({
    name: "tidings_commit_group_members",
    help: "Transactions that shared an atomic operation",
    buckets: MEMBERS_BUCKETS,
    registers,
  });
  const duration = new Histogram({
    name: "tidings_commit_duration_seconds",
    help: "How long atomic operations took, waiting for a locked file included",
    buckets: COMMIT_BUCKETS_S,
    registers,
  });
  return ({ members, duration_ms, outcome }) => {
    of_outcome.get(outcome)?.inc();
    group.observe(members);
    duration.observe(duration_ms / TIME.SECOND_MS);
  };
}

/** The gauges, and what sets all of them. */
function gaugesIn(registers: Registry[], version: string): (gauges: Gauges) => void {
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge<string> =>
    new Gauge<string>({ name, help, labelNames, registers });
  gauge("tidings_build_info", "Always 1: the version and its runtime", ["version", "deno"])
    .set({ version, deno: Deno.version.deno }, 1);
  gauge("process_start_time_seconds", "When the process started, in seconds since the Unix epoch")
    .set((performance.timeOrigin) / TIME.SECOND_MS);
  const ready = gauge("tidings_ready", "1 if /readyz answers 200, 0 if it does not");
  const lanes = gauge(
    "tidings_lanes",
    "Lanes in this process's memory, one a webhook that had something to do in the last ten minutes, by state: idle, " +
      "busy, held (throttled by the receiver or at the rate limit), open (circuit breaker), probing (after it)",
    ["state"],
  );
  const in_flight = gauge("tidings_sends_in_flight", "Attempts that this process is making");
  const waiting = gauge("tidings_deliveries_waiting", "Deliveries that wait in this process's memory");
  const waiting_bytes = gauge(
    "tidings_deliveries_waiting_bytes",
    "Memory that deliveries waiting here or under way are counted at",
  );
  const unrecorded = gauge("tidings_attempts_unrecorded", "Attempts made whose record is not written yet");
  const pending = gauge(
    "tidings_deliveries_pending",
    `Deliveries on schedule in storage, of all processes: due, and later (retries, and what a process is at). Of more ` +
      `than ${METRICS.counted_max} the first are counted, a large number some time ago; NaN while it is not known`,
    ["due"],
  );
  const overdue = gauge(
    "tidings_oldest_due_age_seconds",
    "For how long the delivery that is overdue the longest is so, those of lanes on hold left out; 0 if none is, NaN if " +
      "it is not known",
  );
  const resident = gauge("process_resident_memory_bytes", "Resident memory");
  const heap_used = gauge("tidings_heap_used_bytes", "Memory in use on the heap of JavaScript");
  const heap_total = gauge("tidings_heap_size_bytes", "Size of the heap of JavaScript");

  return (gauges) => {
    ready.set(gauges.ready ? 1 : 0);
    for (const state of LANE_STATES) lanes.set({ state }, gauges.lanes[state]);
    in_flight.set(gauges.in_flight);
    waiting.set(gauges.waiting);
    waiting_bytes.set(gauges.waiting_bytes);
    unrecorded.set(gauges.unrecorded);
    pending.set({ due: "now" }, gauges.pending?.due ?? NaN);
    pending.set({ due: "later" }, gauges.pending?.later ?? NaN);
    overdue.set(gauges.overdue_ms === null ? NaN : gauges.overdue_ms / TIME.SECOND_MS);
    const { rss, heapUsed, heapTotal } = Deno.memoryUsage();
    resident.set(rss);
    heap_used.set(heapUsed);
    heap_total.set(heapTotal);
  };
}
