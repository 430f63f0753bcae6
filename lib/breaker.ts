/**
 * The circuit breaker of a webhook: stops knocking at a receiver that is down, and asks with one probe whether it is back.
 *
 * Owns the three states as pure functions of time. What it holds back loses no attempt: it is not sent, not failed.
 *
 * @module
 */
import { BREAKER } from "./limits.ts";

/** How a breaker stands. It is closed while `openings` is 0. */
export interface Breaker {
  /** Failures in a row while it is closed. */
  readonly failures: number;
  /** How often in a row it opened: each time it stays open twice as long. */
  readonly openings: number;
  /** Until when nothing is sent; after it one probe decides. Null while it is closed. */
  readonly open_until: number | null;
}

/** `half_open`: the next send is a probe, and nothing else is sent until it is over. */
export const BREAKER_STATES = ["closed", "open", "half_open"] as const;
/** The state of a breaker. */
export type BreakerState = typeof BREAKER_STATES[number];

/** A breaker that saw no failure. */
export const BREAKER_CLOSED: Breaker = { failures: 0, openings: 0, open_until: null };

/**
 * The state of a breaker at a time.
 *
 * @param breaker The breaker.
 * @param now_ms The time.
 * @returns Its state.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { breakerState } from "./breaker.ts";
 * const breaker = { failures: 5, openings: 1, open_until: 30_000 };
 * assertEquals([29_999, 30_000].map((now_ms) => breakerState(breaker, now_ms)), ["open", "half_open"]);
 * ```
 */
export function breakerState({ open_until }: Breaker, now_ms: number): BreakerState {
  if (open_until === null) return "closed";
  return open_until > now_ms ? "open" : "half_open";
}

/**
 * A breaker after a send.
 *
 * A receiver that answers closes it, whatever it answers short of "overloaded" and "broken" (429, 5xx). Sends that were
 * under way when it opened say nothing new if they fail.
 *
 * @param breaker The breaker as it was.
 * @param down Whether the send says that the receiver is down: no answer at all, 429, or 5xx.
 * @param at When the send ended, and the configured base of the backoff: it stays open for 3 × base at first, twice as
 * long each time, 60 × base at most.
 * @returns The breaker as it is.
 */
export function breakerAfter(
  breaker: Breaker,
  down: boolean,
  at: { readonly now_ms: number; readonly base_ms: number },
): Breaker {
  if (!down) return BREAKER_CLOSED;
  if (breakerState(breaker, at.now_ms) === "open") return breaker;
  const failures = breaker.failures + 1;
  if (breaker.openings === 0 && failures < BREAKER.failures_to_open) return { ...breaker, failures };
  const factor = Math.min(BREAKER.first_factor * 2 ** breaker.openings, BREAKER.longest_factor);
  return { failures, openings: breaker.openings + 1, open_until: at.now_ms + factor * at.base_ms };
}
