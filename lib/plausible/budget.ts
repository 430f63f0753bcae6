/**
 * How many requests Plausible is sent, and when none at all.
 *
 * Owns the arithmetic, pure; the counts are stored beside the watches, so that restarts and several processes share one
 * budget (docs/decisions/0009-watching-plausible.md). It must never allow more than the limit within any hour; by counting
 * whole minutes it may allow a little less.
 *
 * @module
 */
import { TIME, WATCH, WATCH_BUDGET } from "../limits.ts";
import { isHosted } from "../plausible_target.ts";
import type { WatchBudget } from "../watch.ts";

/** What is allowed. */
export interface BudgetLimits {
  /** Within any hour. */
  readonly hour_max: number;
  /** Within any minute, so that no ten seconds have more. */
  readonly burst_max: number;
}

/** Minutes that an hour, or a minute, can touch: the first and the last are cut. */
const HOUR_MINUTES = 61;
const BURST_MINUTES = 2;

function minuteOf(at_ms: number): number {
  return Math.floor(at_ms / TIME.MINUTE_MS);
}

/**
 * What is allowed at a Plausible.
 *
 * @param base_url Where it is.
 * @returns Its limits.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { limitsOf } from "./budget.ts";
 * assertEquals(limitsOf("https://plausible.io").hour_max, 540);
 * ```
 */
export function limitsOf(base_url: string): BudgetLimits {
  return isHosted(base_url) ? WATCH_BUDGET.hosted : WATCH_BUDGET.other;
}

function usedSince(budget: WatchBudget, minute: number): number {
  return budget.minutes.reduce((sum, [of, requests]) => of > minute ? sum + requests : sum, 0);
}

/**
 * Takes requests off the budget, before they are made: what was taken and not used is not given back.
 *
 * @param budget What was used.
 * @param requests How many.
 * @param given The time and the limits.
 * @returns The budget after it; null if it has no room now.
 */
export function takeRequests(
  budget: WatchBudget,
  requests: number,
  { now, limits }: { readonly now: number; readonly limits: BudgetLimits },
): WatchBudget | null {
  if (budget.held_until !== null && now < budget.held_until) return null;
  // A clock that was set back must not make room.
  const minute = Math.max(minuteOf(now), budget.minutes.at(-1)?.[0] ?? 0);
  if (usedSince(budget, minute - HOUR_MINUTES) + requests > limits.hour_max) return null;
  if (usedSince(budget, minute - BURST_MINUTES) + requests > limits.burst_max) return null;
  const kept = budget.minutes.filter(([of]) => of > minute - HOUR_MINUTES);
  const last = kept.at(-1);
  const minutes = last?.[0] === minute
    ? [...kept.slice(0, -1), [minute, last[1] + requests] as const]
    : [...kept, [minute, requests] as const];
  return { ...budget, minutes };
}

/**
 * What follows from a 429, which says nothing of when to come back: a minute of silence, doubling to an hour.
 *
 * @param budget What was used.
 * @param now The time.
 * @returns The budget after it; the same while it is silent already.
 */
export function afterRefusal(budget: WatchBudget, now: number): WatchBudget {
  // Rounds under way at the same time are refused together: that is one refusal.
  if (budget.held_until !== null && now < budget.held_until) return budget;
  const wait = WATCH.refused_wait_ms_min * 2 ** Math.min(budget.refusals, 16);
  return {
    ...budget,
    refusals: budget.refusals + 1,
    held_until: now + Math.min(wait, WATCH.refused_wait_ms_max),
  };
}

/**
 * What follows from a round that was not refused.
 *
 * @param budget What was used.
 * @returns The budget after it; the same if nothing changes.
 */
export function afterAnswers(budget: WatchBudget): WatchBudget {
  return budget.refusals === 0 ? budget : { ...budget, refusals: 0, held_until: null };
}

/**
 * How long a site waits for its next round: as long as is set, or longer where all sites together would ask more than
 * the regular part of the budget.
 *
 * @param interval_ms What is set for the site.
 * @param requests_of_all What one round of every site asks together.
 * @param limits What is allowed.
 * @returns Milliseconds.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { stretchedInterval } from "./budget.ts";
 * const limits = { hour_max: 540, burst_max: 40 };
 * assertEquals(stretchedInterval(300_000, 5, limits), 300_000);
 * assertEquals(stretchedInterval(300_000, 432, limits), 3_600_000);
 * ```
 */
export function stretchedInterval(
  interval_ms: number,
  requests_of_all: number,
  limits: BudgetLimits,
): number {
  const regular = limits.hour_max * WATCH_BUDGET.regular_part;
  return Math.max(interval_ms, Math.ceil((requests_of_all * TIME.HOUR_MS) / regular));
}

/**
 * When a site is asked again after rounds that failed in a row.
 *
 * @param interval_ms Its interval, stretched.
 * @param failures How many failed, at least one.
 * @returns Milliseconds: the interval until the failures are told, then twice as long each time up to a bound.
 */
export function waitAfterFailure(interval_ms: number, failures: number): number {
  const doublings = Math.min(Math.max(failures - WATCH.failures_to_tell, 0), 16);
  return Math.max(interval_ms, Math.min(interval_ms * 2 ** doublings, WATCH.failure_wait_ms_max));
}
