/**
 * How a webhook's receiver is doing, as it must outlive a restart: its health, its breaker, and when it asked for quiet.
 *
 * Owns what a send changes of it, and when a receiver is given up. Pure.
 *
 * @module
 */
import { type Breaker, BREAKER_CLOSED, breakerAfter } from "./breaker.ts";
import type { Verdict } from "./delivery.ts";
import { PAUSE } from "./limits.ts";

/** What a lane must not forget at a restart. */
export interface LaneState {
  readonly consecutive_failures: number;
  readonly last_success_at: number | null;
  readonly last_failure_at: number | null;
  /** When the first of the failures in a row was; null after a success. */
  readonly failing_since: number | null;
  /** Until when the receiver asked for quiet, or null. */
  readonly hold_until: number | null;
  readonly breaker: Breaker;
  readonly updated_at: number;
}

/** The state of a lane that nothing was sent through. */
export const LANE_AT_FIRST: LaneState = {
  consecutive_failures: 0,
  last_success_at: null,
  last_failure_at: null,
  failing_since: null,
  hold_until: null,
  breaker: BREAKER_CLOSED,
  updated_at: 0,
};

/** What a send says of its receiver. */
export interface SendNews {
  readonly verdict: Verdict;
  /** Whether it says that the receiver is down. */
  readonly down: boolean;
  /** Until when the receiver wants quiet, or null. */
  readonly throttle_until: number | null;
}

/**
 * The state after a send.
 *
 * @param before The state before it.
 * @param news What came of it.
 * @param at When it ended, and the configured base of the backoff.
 * @returns The state.
 */
export function laneStateAfter(
  before: LaneState,
  { verdict, down, throttle_until }: SendNews,
  at: { readonly now_ms: number; readonly base_ms: number },
): LaneState {
  const { now_ms } = at;
  const hold = Math.max(before.hold_until ?? 0, throttle_until ?? 0);
  const hold_until = hold > now_ms ? hold : null;
  const breaker = breakerAfter(before.breaker, down, at);
  // Never back: a webhook may have been resumed a moment ago by a process whose clock is ahead.
  const updated_at = Math.max(before.updated_at, now_ms);
  const after = { ...before, hold_until, breaker, updated_at };
  if (verdict.outcome === "delivered") {
    return { ...after, consecutive_failures: 0, last_success_at: now_ms, failing_since: null };
  }
  return {
    ...after,
    consecutive_failures: before.consecutive_failures + 1,
    last_failure_at: now_ms,
    failing_since: before.failing_since ?? now_ms,
  };
}

/**
 * Until when nothing may be sent.
 *
 * @param state The state of a lane.
 * @param now_ms The time.
 * @returns The end of the receiver's quiet or of the open breaker, whichever is later; null for now.
 */
export function quietUntil({ hold_until, breaker }: LaneState, now_ms: number): number | null {
  const until = Math.max(hold_until ?? 0, breaker.open_until ?? 0);
  return until > now_ms ? until : null;
}

/**
 * Whether a receiver has failed for so long that its webhook is paused.
 *
 * @param state The state of its lane.
 * @param now_ms The time.
 * @returns Whether it failed for 24 hours and 10 times without a success. Counted from the first failure: a webhook that
 * is seldom used is not paused within a minute because its last success was long ago.
 */
export function isGivenUp({ failing_since, consecutive_failures }: LaneState, now_ms: number): boolean {
  return failing_since !== null && now_ms - failing_since >= PAUSE.after_ms &&
    consecutive_failures >= PAUSE.failures_min;
}
