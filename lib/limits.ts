/**
 * Every limit of Tidings, with its unit, its origin, and the relations between them checked at load.
 *
 * Owns numbers only. It must never read the configuration: what an operator may change is in `config.ts`.
 *
 * @module
 */
import { assert } from "@std/assert";

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Units of time in milliseconds. */
export const TIME = { SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS } as const;

/** What callers may send (API.md of the contract: "Sites and webhooks", "Events"). */
export const INPUT = {
  site_id_chars_max: 253,
  webhooks_per_site_max: 50,
  /** How long an old name of a site may be accepted. */
  old_name_days_max: 365,
  old_name_days_default: 30,
  url_chars_max: 2048,
  name_chars_max: 100,
  filter_entries_max: 100,
  /** Readings in a row before a webhook is told. */
  readings_max: 100,
  headers_max: 10,
  header_name_chars_max: 64,
  header_value_chars_max: 1024,
  max_retries_max: 10,
  max_retries_default: 3,
  timeout_ms_min: 1000,
  timeout_ms_max: 30_000,
  rate_limit_per_minute_max: 60_000,
  cooldown_hours_max: 168,
  overlap_hours_max: 168,
  overlap_hours_default: 24,
  webhook_record_bytes_max: 48 * KiB,
  secret_chars_min: 24,
  secret_chars_max: 64,
  /** Valid at a time: the newest and those that rotations have not ended yet. */
  secrets_max: 5,
  idempotency_key_chars_max: 255,
  idempotency_key_ms: DAY_MS,
  body_bytes_max: 64 * KiB,
  event_bytes_max: 32 * KiB,
  batch_bytes_max: 4 * MiB,
  batch_events_max: 1000,
  /** Faults listed in one refusal: enough to see what is wrong, and no answer is many times what was asked. */
  errors_shown_max: 100,
  string_chars_max: 500,
  message_chars_max: 2000,
  pairs_max: 20,
  top_entries_max: 10,
  timestamp_ahead_ms_max: DAY_MS,
  page_max: 100,
  page_default: 50,
  /** Deliveries recovered, and events looked at, in one call. */
  recovered_max: 10_000,
  recover_examined_max: 20_000,
  /**
   * Records looked at for one page, so that a filter that matches little never scans without bound: half of what the contract
   * allows, which takes 40 ms instead of 80.
   */
  page_examined_max: 1000,
} as const;

/** How much of one site is accepted at a time. */
export const ACCEPT = {
  /** Enough to fill a group commit; another site's event waits behind so many. */
  per_site_at_once: 64,
  /** What waits beyond these: at 4,000 a second the last of so many waits for a quarter of one. */
  per_site_waiting_max: 1000,
} as const;

/** What callers' requests may take of this process. */
export const REQUEST = {
  /** Requests being answered. */
  at_once_max: 4000,
  /** Bytes of bodies in memory: eight of the largest batches; what is made of them takes several times as much. */
  body_bytes_max: 32 * MiB,
  /** How long a body may take to arrive. */
  body_ms_max: 30 * SECOND_MS,
} as const;

/** What is read of and kept from a receiver's answer. */
export const ANSWER = {
  read_bytes_max: 64 * KiB,
  snippet_bytes_max: 1024,
  attempts_first_kept: 1,
  attempts_last_kept: 19,
} as const;

/** When a delivery is tried again (requirements: "Retries"). */
export const RETRY = {
  factor: 6,
  delay_ms_max: DAY_MS,
  jitter: 0.2,
  retry_after_ms_max: DAY_MS,
  /** A delivery still pending after this is exhausted. */
  pending_ms_max: 14 * DAY_MS,
} as const;

/** When a receiver is left alone for a while (contract: "Deliveries"); as multiples of the base of the backoff. */
export const BREAKER = { failures_to_open: 5, first_factor: 3, longest_factor: 60 } as const;

/** When a webhook whose receiver only fails is paused. */
export const PAUSE = { after_ms: DAY_MS, failures_min: 10 } as const;

/** The rolling baseline of a site's visitors: same hour of the day, over so many days, if so many have readings. */
export const BASELINE = { days: 7, days_min: 3 } as const;

/** Leases, beats and sweeps (docs/decisions/0002-due-index.md). */
export const LEASE = {
  /** A lease lasts the webhook's timeout plus this. */
  margin_ms: 30 * SECOND_MS,
  /** A send starts only while the lease has the webhook's timeout plus this left. */
  send_margin_ms: 5 * SECOND_MS,
  beat_ms: 2 * SECOND_MS,
  /** A process that could not beat for this long starts no send. */
  silent_stop_ms: 8 * SECOND_MS,
  /** The leases of a process silent for this long may be claimed by anyone. */
  silent_dead_ms: 15 * SECOND_MS,
  sweep_ms: 15 * SECOND_MS,
  /** Where KV has no queue the sweep is the fallback of timers, so it runs more often. */
  sweep_without_queue_ms: SECOND_MS,
  /** The longest a lease can last: the longest timeout and the margin. */
  longest_ms: INPUT.timeout_ms_max + 30 * SECOND_MS,
  slot_ms: 10 * SECOND_MS,
  alarm_ahead_ms_max: 2 * MINUTE_MS,
  /** How long a tick of the cron stays while work is due, where nothing else keeps the process: the next is near then. */
  tick_ms_max: 50 * SECOND_MS,
  /** A walk over every due entry makes missing agenda markers again. */
  walk_ms: HOUR_MS,
  version_poll_ms: SECOND_MS,
  /** When what stands on a record that can't be read is looked at again: nothing repairs it by itself. */
  broken_again_ms: HOUR_MS,
} as const;

/** `TIDINGS_RETENTION_DAYS`. */
export const RETENTION_DAYS = { min: 7, max: 365 } as const;

/** Lanes: how much of one webhook's work is under way or in memory. */
export const LANE = {
  cap_start: 2,
  cap_max: 16,
  sends_max: 512,
  sends_per_site_max: 128,
  memory_bytes_max: 64 * MiB,
  /** Bookkeeping of one waiting delivery besides its body (measured with 100,000 of them). */
  delivery_overhead_bytes: 1 * KiB,
} as const;

/** Deno KV (measured with Deno 2.9.6; the same limits hold on KV servers but for the checks). */
export const KV = {
  key_bytes_max: 2048,
  value_bytes_max: 64 * KiB,
  atomic_mutations_max: 1000,
  atomic_bytes_max: 819_200,
  atomic_checks_max: 100,
  atomic_checks_max_on_server: 10,
  get_many_max: 10,
  list_batch_max: 1000,
  /** What a list reads at once unless it is told how much. */
  list_batch_default: 100,
  locked_retry_ms_max: 10 * SECOND_MS,
  /** A database that has not answered a read by then does not answer. */
  read_ms_max: 5 * SECOND_MS,
  /** Unanswered reads that Deno's client may go on with; beyond it nothing more is asked. */
  overdue_reads_max: 64,
  /** One of them counts for so long at most. */
  overdue_read_ms_max: MINUTE_MS,
  /** A commit without an answer blocks all others for this long after its callers were told. */
  unanswered_ms_max: 30 * SECOND_MS,
  /** How long a start waits for a database that others hold, or that is not there yet. */
  open_ms_max: 30 * SECOND_MS,
  locked_jitter_ms: [1, 20],
} as const;

/** Lists of events, of which many entries may be one record. */
export const LIST = {
  /** Between the first and the last of them: whoever reads from a place on reads so much beyond it. */
  block_span_ms: 50,
  /** Nearly all of the gain, and a page that needs few of them is not read with hundreds of others. */
  block_entries_max: 32,
} as const;

/** Counters by the hour. */
export const STATS = {
  flush_ms: 10 * SECOND_MS,
  /** Counters in memory; beyond it nothing new is counted until storage takes what there is. */
  counters_max: 50_000,
  /** Counters in one commit: with the longest site ids their keys just fit. */
  written_at_once: 50,
  rows_max: 1000,
  read_at_once: 500,
  /** Sites without counters of the time asked for, passed over for one page. */
  sites_passed_over_max: 2000,
  /** How far back is shown unless `since` says otherwise. */
  since_ms_default: DAY_MS,
} as const;

/** Metrics (docs/decisions/0012-metrics.md). */
export const METRICS = {
  /** Sites that have a label of their own, where these are asked for. */
  sites_max: 1000,
  /** Between two counts of what is pending, and how many times longer than a count it rests after it. */
  count_ms_min: SECOND_MS,
  count_rest: 100,
  /** How long a count is waited for; what takes longer is told the next time. */
  count_waited_ms_max: 250,
  /** Due entries that are counted. */
  counted_max: 100_000,
  /** Markers that are looked behind for what is overdue the longest, and how many of them at a time. */
  markers_looked_behind: 64,
  looks_at_once: 16,
  /** Prometheus gives up after ten seconds, and readiness has one. */
  read_ms_max: SECOND_MS,
} as const;

/** Watching Plausible (docs/decisions/0009-watching-plausible.md). */
export const WATCH = {
  /** One request to the Stats API. */
  request_ms_max: 10 * SECOND_MS,
  answer_bytes_max: 1 * MiB,
  interval_s_min: 1,
  interval_s_max: 86_400,
  interval_s_default: 60,
  /** plausible.io counts requests. */
  interval_s_default_hosted: 300,
  api_key_chars_max: 1024,
  /** Plausible buffers what it ingests for about five seconds. */
  settled_ms: 30 * SECOND_MS,
  window_ms_max: DAY_MS,
  /** What is older than this is not caught up with after an outage. */
  behind_ms_max: 7 * DAY_MS,
  drop_ms: 12 * HOUR_MS,
  current_ms: 5 * MINUTE_MS,
  tops: 3,
  /** Failures in a row before they are told. */
  failures_to_tell: 3,
  failure_wait_ms_max: 5 * MINUTE_MS,
  refused_wait_ms_min: MINUTE_MS,
  refused_wait_ms_max: HOUR_MS,
  rounds_at_once_max: 32,
  round_ms_max: 45 * SECOND_MS,
  /** A round that is longer than this has ended: its process died. */
  lease_ms: 60 * SECOND_MS,
  /** How often a process looks for what others changed. */
  look_ms: 5 * SECOND_MS,
  look_ms_min: 250,
  health_ms_max: 15 * SECOND_MS,
} as const;

/** Requests to Plausible, over all sites and processes. */
export const WATCH_BUDGET = {
  /** plausible.io allows a team 600 an hour and 60 in ten seconds: a tenth stays free for other uses of the key. */
  hosted: { hour_max: 540, burst_max: 40 },
  /** The Community Edition has no practical limit: this is a bound on what a mistake can do. */
  other: { hour_max: 36_000, burst_max: 3000 },
  /** The part of an hour that regular rounds may take: the rest is for spikes and for sites that were just added. */
  regular_part: 0.8,
} as const;

/** How long the process waits for sends in flight when it is told to stop. */
export const SHUTDOWN = { grace_ms: 10 * SECOND_MS, grace_ms_on_deploy: 4 * SECOND_MS } as const;

assert(
  LEASE.margin_ms > LEASE.send_margin_ms + LEASE.silent_stop_ms,
  "a lease outlives a process that stops",
);
assert(LEASE.longest_ms === INPUT.timeout_ms_max + LEASE.margin_ms, "no lease outlasts the longest");
assert(
  LEASE.silent_dead_ms > LEASE.silent_stop_ms + LEASE.beat_ms,
  "a process stops sending before it is dead",
);
assert(LEASE.silent_stop_ms > 2 * LEASE.beat_ms, "one lost beat stops nothing");
assert(INPUT.event_bytes_max < KV.value_bytes_max, "an event fits a KV value with its decisions");
assert(INPUT.webhook_record_bytes_max < KV.value_bytes_max, "a webhook fits a KV value");
assert(REQUEST.body_bytes_max >= 8 * INPUT.batch_bytes_max, "eight batches fit");
assert(
  ACCEPT.per_site_at_once + ACCEPT.per_site_waiting_max < REQUEST.at_once_max / 2,
  "a site that is too fast leaves room for others",
);
assert(WATCH.lease_ms > WATCH.round_ms_max + WATCH.request_ms_max, "a round ends before its lease");
assert(
  WATCH_BUDGET.hosted.hour_max < 600 && WATCH_BUDGET.hosted.burst_max < 60,
  "the limits of plausible.io hold",
);
assert(LANE.cap_max <= LANE.sends_per_site_max, "one lane fits its site");
