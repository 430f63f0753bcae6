/**
 * How a delivery moves from one state to the next.
 *
 * Owns the state machine as pure functions `(delivery, …) → delivery`. What has something to do has a `due_at`; the store
 * keeps exactly one due entry for it, at that time. It must never read a clock or send.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  type Attempt,
  type Delivery,
  type DeliveryStatus,
  nextTrigger,
  type ObservedAttempt,
  type Outcome,
  type Verdict,
} from "./delivery.ts";
import { ANSWER } from "./limits.ts";

/** Appends, keeping the first and the last nineteen. */
function appended(attempts: readonly Attempt[], attempt: Attempt): readonly Attempt[] {
  const first = attempts.slice(0, ANSWER.attempts_first_kept);
  const rest = [...attempts.slice(ANSWER.attempts_first_kept), attempt];
  return attempts.length === 0 ? [attempt] : [...first, ...rest.slice(-ANSWER.attempts_last_kept)];
}

const STATUS_AFTER = {
  delivered: "delivered",
  gone: "exhausted",
  failed: "exhausted",
  blocked: "blocked",
} as const satisfies Record<Exclude<Outcome, "retry">, DeliveryStatus>;

/** A delivery with one more attempt on record and nothing else changed. */
function entered(delivery: Delivery, attempt: ObservedAttempt, outcome: Outcome): Delivery {
  const number = delivery.attempts_total + 1;
  const attempts = appended(delivery.attempts, { ...attempt, number, outcome });
  return { ...delivery, attempts_total: number, attempts };
}

/** What is left to do when an attempt is over: what persons wished for first, then the schedule. */
function continued(delivery: Delivery, scheduled_at: number | null, now_ms: number): Delivery {
  if (delivery.wishes > 0) return { ...delivery, due_at: now_ms, scheduled_at, lease: null };
  return { ...delivery, due_at: scheduled_at, scheduled_at: null, lease: null };
}

/** When the schedule of a delivery goes on. A wish noted during a send that a crash cut short left none: at once. */
function scheduleOf({ status, scheduled_at }: Delivery, now_ms: number): number | null {
  return status === "pending" ? scheduled_at ?? now_ms : null;
}

/**
 * Enters the result of an attempt.
 *
 * A success delivers, whatever the delivery was. A failure that a person asked for changes no schedule and no state. One
 * whose lease another process took meanwhile keeps that process's schedule, unless this attempt ends it.
 *
 * @param delivery The delivery as it is now.
 * @param attempt The attempt; its number is given here.
 * @param verdict What is to happen next.
 * @param by The process that made the attempt, and the time.
 * @returns The delivery after it.
 */
export function withAttempt(
  delivery: Delivery,
  attempt: ObservedAttempt,
  verdict: Verdict,
  by: { readonly owner: string | null; readonly now_ms: number },
): Delivery {
  const manual = attempt.trigger === "manual";
  const wishes = manual ? Math.max(delivery.wishes - 1, 0) : delivery.wishes;
  const noted = { ...entered(delivery, attempt, verdict.outcome), wishes };
  if (verdict.outcome === "delivered") return continued({ ...noted, status: "delivered" }, null, by.now_ms);
  const ours = (delivery.lease?.owner ?? null) === by.owner;
  // Revived while it was under way: what it comes to is of the time before.
  if (ours && !manual && delivery.scheduled_at !== null && attempt.at < delivery.queued_at) {
    return continued(noted, scheduleOf(delivery, by.now_ms), by.now_ms);
  }
  if (verdict.outcome === "retry") {
    if (!ours) return noted;
    if (manual) return continued(noted, scheduleOf(delivery, by.now_ms), by.now_ms);
    if (delivery.status !== "pending") return noted;
    const failures = delivery.failures + 1;
    // The trigger named the first attempt; the retries after it are the schedule's.
    return continued({ ...noted, failures, trigger: "automatic" }, verdict.due_at, by.now_ms);
  }
  if (delivery.status !== "pending") return ours ? continued(noted, null, by.now_ms) : noted;
  const failures = delivery.failures + 1;
  return continued({ ...noted, failures, status: STATUS_AFTER[verdict.outcome] }, null, by.now_ms);
}

/**
 * Whether an attempt is already entered: after a commit whose outcome nobody knows.
 *
 * @param delivery The delivery as read again.
 * @param attempt The attempt that was to be entered.
 * @param entered How many attempts were on record when it was made: what was there already is another, though it may have
 * begun in the same millisecond and taken as long.
 * @returns Whether it is there.
 */
export function hasAttempt(delivery: Delivery, attempt: ObservedAttempt, entered: number): boolean {
  return delivery.attempts.some(({ number, at, duration_ms, trigger }) =>
    number > entered && at === attempt.at && duration_ms === attempt.duration_ms &&
    trigger === attempt.trigger
  );
}

/**
 * Takes the lease of a delivery, for `owner` until `until_ms`.
 *
 * @param delivery A delivery with something to do.
 * @param lease Who takes it and until when.
 * @returns The delivery held.
 */
export function leased(delivery: Delivery, lease: { owner: string; until_ms: number }): Delivery {
  assert(delivery.due_at !== null, "only a delivery with something to do is leased");
  return { ...delivery, due_at: lease.until_ms, lease: { owner: lease.owner } };
}

/**
 * Gives a lease back, so that anyone may take the delivery.
 *
 * @param delivery A delivery with something to do.
 * @param due_at From when on: now, or later if nothing can be done until then.
 * @returns The delivery, due then.
 */
export function released(delivery: Delivery, due_at: number): Delivery {
  assert(delivery.due_at !== null, "only a delivery with something to do is given back");
  return { ...delivery, due_at, lease: null };
}

/**
 * Notes that the process that held the lease died: its send may have reached the receiver, or not. It uses up no
 * retry and no wish, so that a crash never costs a receiver its event.
 *
 * @param delivery A delivery whose lease's owner is dead.
 * @param now_ms When the work is taken up again.
 * @returns The delivery with an interrupted attempt, due now.
 */
export function interrupted(delivery: Delivery, now_ms: number): Delivery {
  const attempt = {
    trigger: nextTrigger(delivery),
    at: now_ms,
    duration_ms: null,
    status_code: null,
    error: "interrupted",
    response_body: null,
  } as const;
  return released(entered(delivery, attempt, "retry"), now_ms);
}

/**
 * Ends what is still to do, without an attempt.
 *
 * @param delivery A delivery with something to do.
 * @param status What a pending one becomes: `cancelled` (its webhook is not active any more) or `exhausted` (it waited
 * too long). One that is over stays what it is.
 * @returns The delivery, ended.
 */
export function ended(delivery: Delivery, status: "cancelled" | "exhausted"): Delivery {
  assert(delivery.due_at !== null, "only a delivery with something to do is ended");
  const after = delivery.status === "pending" ? status : delivery.status;
  return { ...delivery, status: after, due_at: null, lease: null, wishes: 0, scheduled_at: null };
}

/**
 * Cancels what somebody wants more of. A send that is under way goes on under its lease, and nothing is sent beside it.
 *
 * @param delivery A pending delivery.
 * @returns The delivery, cancelled; due when its lease ends if somebody is at it.
 */
export function cancelled(delivery: Delivery): Delivery {
  if (delivery.lease === null) return ended(delivery, "cancelled");
  return { ...delivery, status: "cancelled", wishes: 0, scheduled_at: null };
}

/**
 * Notes that a person wants one more attempt, now. While one is under way it comes after that.
 *
 * @param delivery Any delivery.
 * @param now_ms The time.
 * @returns The delivery with the wish; due now unless somebody is at it. Its schedule and its state stay.
 */
export function wished(delivery: Delivery, now_ms: number): Delivery {
  const wishes = delivery.wishes + 1;
  if (delivery.lease !== null) return { ...delivery, wishes };
  const scheduled_at = delivery.wishes > 0 ? delivery.scheduled_at : delivery.due_at;
  return { ...delivery, wishes, due_at: now_ms, scheduled_at };
}

/**
 * Revives a delivery that ended without success, with a fresh retry budget.
 *
 * @param delivery A delivery that is exhausted, cancelled or blocked.
 * @param now_ms The time.
 * @returns The delivery, pending, due now (or after the attempt that is under way).
 */
export function revived(delivery: Delivery, now_ms: number): Delivery {
  const fresh = {
    ...delivery,
    status: "pending",
    trigger: "recover",
    queued_at: now_ms,
    failures: 0,
  } as const;
  return delivery.due_at === null ? { ...fresh, due_at: now_ms } : { ...fresh, scheduled_at: now_ms };
}
