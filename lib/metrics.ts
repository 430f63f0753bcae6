/**
 * What is measured while it happens: events accepted, attempts made, groups committed.
 *
 * Owns what an attempt counts as. It must never hold up what it measures: a meter is called once for each event, attempt
 * and group, takes no lock, waits for nothing and never throws.
 *
 * @module
 */
import type { Delivered } from "./deliver.ts";
import type { Delivery } from "./delivery.ts";
import type { AcceptanceCounter, CountedAttempt } from "./stats.ts";

/** What an attempt is measured by. */
export interface MeteredAttempt extends CountedAttempt {
  /** Whether it was the first of its delivery. */
  readonly first: boolean;
  /**
   * From the acceptance of the event to the receiver's answer; null for what was no success, and for what a person asked
   * for: how long ago the event was says nothing then.
   */
  readonly latency_ms: number | null;
}

/** Who is told of attempts. */
export interface AttemptCounter {
  /** Counts an attempt that was made. */
  countAttempt(attempt: MeteredAttempt): void;
}

/** How one atomic operation ended. */
export const COMMIT_OUTCOMES = ["committed", "conflict", "fault", "outage", "given_up"] as const;

/** One atomic operation. */
export interface CommitReport {
  readonly members: number;
  readonly duration_ms: number;
  readonly outcome: typeof COMMIT_OUTCOMES[number];
}

/** Who measures. */
export interface Meter extends AcceptanceCounter, AttemptCounter {
  /** Counts an atomic operation. */
  countCommit(report: CommitReport): void;
}

/**
 * An attempt as it is measured.
 *
 * @param delivery Its delivery, the attempt on record.
 * @param delivered What came of it.
 * @returns What it counts as.
 */
export function meteredAttempt(
  { site_id, webhook_id, trigger, created_at, attempts_total }: Delivery,
  { attempt, verdict: { outcome } }: Delivered,
): MeteredAttempt {
  const duration_ms = attempt.duration_ms ?? 0;
  const timely = outcome === "delivered" && trigger === "automatic" && attempt.trigger === "automatic";
  return {
    site_id,
    webhook_id,
    outcome,
    duration_ms,
    first: attempts_total === 1,
    latency_ms: timely ? attempt.at + duration_ms - created_at : null,
  };
}

/**
 * Tells two counters.
 *
 * @param first One.
 * @param second The other.
 * @returns Both as one.
 */
export function countingBoth(
  first: AcceptanceCounter & AttemptCounter,
  second: AcceptanceCounter & AttemptCounter,
): AcceptanceCounter & AttemptCounter {
  return {
    countAccepted(site_id, webhook_ids, event) {
      first.countAccepted(site_id, webhook_ids, event);
      second.countAccepted(site_id, webhook_ids, event);
    },
    countAttempt(attempt) {
      first.countAttempt(attempt);
      second.countAttempt(attempt);
    },
  };
}
