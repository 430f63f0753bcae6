/**
 * How long each kind of record is kept.
 *
 * Owns the arithmetic of `expireIn`. Deno KV makes a record permanent when it is set without `expireIn`, so whoever sets
 * an expiring record again must ask here again. Records that expire together stall every commit for as long as their
 * removal takes (500,000 at once: 2 s), hence the spread.
 *
 * @module
 */
import { INPUT, RETENTION_DAYS, RETRY, TIME } from "../lib/limits.ts";
import { eventTime } from "./event_time.ts";

/** At most this fraction longer, spread evenly over time. */
const SPREAD = 0.1;
/**
 * What is accepted within so long ends together. Deno KV keeps an index of what expires when: an end of its own for each
 * event would touch as many of its pages as a commit has events: half as much again is written then.
 */
const SPREAD_STEP_MS = 100;
/** Events that no webhook was told about are kept at most this long. */
const UNTOLD_MS_MAX = 7 * TIME.DAY_MS;
/** So that what a lane in another process writes of a webhook that is gone, or of a whole site, does not stay for ever. */
const LANE_MS = 365 * TIME.DAY_MS;
/** A site without readings for so long begins anew. */
const ALERTS_MS = 31 * TIME.DAY_MS;
/** The least that may be set. */
const SHORTEST_KEPT_MS = RETENTION_DAYS.min * TIME.DAY_MS;
/** A record that is already past its time lives this much longer, so that readers under way finish. */
const SHORTEST_MS = TIME.MINUTE_MS;

/** Multiples of the golden ratio, without their whole part, are spread evenly however many there are (Weyl). */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The same fraction for all records of one event, since it is made of the event's id: none outlives what it refers to. */
function spreadOf(event_id: string): number {
  return Math.floor(eventTime(event_id) / SPREAD_STEP_MS) * GOLDEN % 1;
}

/** How long each kind of record is kept, in milliseconds from now. */
export interface Retention {
  /** Of an event's record and the entries that list it. Never shorter than a delivery may be pending. */
  event(event_id: string, accepted_at: number, told: boolean, now: number): number;
  /** Of a delivery that is over; a pending one must not expire. */
  delivery(event_id: string, created_at: number, now: number): number;
  /** Whether the record of a delivery may have expired already, whatever the setting was when it was written. */
  deliveryExpired(created_at: number, now: number): boolean;
  /** Of a deleted webhook's tombstone: its history stays readable until the last of it is gone. */
  tombstone(): number;
  /** Of an idempotency key. */
  idempotency(): number;
  /** Of an entry of the audit, and of a counter that was just written. */
  record(): number;
  /** Of what a site's alerts are decided by: longer than any cooldown and the baseline reach back. */
  alerts(): number;
  /** Of how a webhook's receiver is doing: a year in which nothing was sent. */
  lane(): number;
}

/**
 * The rules for one setting.
 *
 * @param days `TIDINGS_RETENTION_DAYS`.
 * @returns The rules.
 *
 * @example
 * ```ts
 * import { assertGreaterOrEqual } from "@std/assert";
 * import { createRetention } from "./retention.ts";
 * const retention = createRetention(30);
 * const id = "evt_01JMZ0000000000000000000AA";
 * assertGreaterOrEqual(retention.event(id, 0, true, 0), retention.delivery(id, 0, 0));
 * ```
 */
export function createRetention(days: number): Retention {
  const kept_ms = days * TIME.DAY_MS;
  const pending_ms = RETRY.pending_ms_max + TIME.DAY_MS;

  function remaining(base_ms: number, event_id: string, since: number, now: number): number {
    const until = since + base_ms * (1 + SPREAD * spreadOf(event_id));
    return Math.max(Math.round(until - now), SHORTEST_MS);
  }

  return {
    event(event_id, accepted_at, told, now) {
      const base_ms = told ? Math.max(kept_ms, pending_ms) : Math.min(kept_ms, UNTOLD_MS_MAX);
      return remaining(base_ms, event_id, accepted_at, now);
    },
    delivery(event_id, created_at, now) {
      return remaining(kept_ms, event_id, created_at, now);
    },
    deliveryExpired(created_at, now) {
      return now - created_at >= SHORTEST_KEPT_MS;
    },
    tombstone() {
      return Math.round((Math.max(kept_ms, pending_ms)) * (1 + SPREAD)) + TIME.DAY_MS;
    },
    idempotency() {
      return INPUT.idempotency_key_ms;
    },
    record() {
      return kept_ms;
    },
    alerts() {
      return ALERTS_MS;
    },
    lane() {
      return LANE_MS;
    },
  };
}
