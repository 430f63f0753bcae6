/**
 * A delivery: one event for one webhook, with every attempt made, and how it moves from one state to the next.
 *
 * Owns the state machine as pure functions `(delivery, …) → delivery`. A pending delivery has a `due_at`; the store
 * keeps exactly one due entry for it, at that time. It must never read a clock or send.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { DeliveredEventName } from "./event_types.ts";
import type { SendErrorKind } from "./ports.ts";
import { ANSWER, RETRY } from "./limits.ts";

/** `cancelled` only recover revives; `delivered`, `exhausted` and `blocked` stay unless a person asks. */
export const DELIVERY_STATUSES = ["pending", "delivered", "exhausted", "cancelled", "blocked"] as const;
/** The state of a delivery. */
export type DeliveryStatus = typeof DELIVERY_STATUSES[number];

/** Why an attempt was made. */
export const TRIGGERS = ["automatic", "manual", "recover", "test"] as const;
/** Why an attempt was made. */
export type Trigger = typeof TRIGGERS[number];

/** What came of an attempt: `failed` when no retry was left. */
export const OUTCOMES = ["delivered", "retry", "gone", "blocked", "failed"] as const;
/** What came of an attempt. */
export type Outcome = typeof OUTCOMES[number];

/** Why an attempt was no success; null when the status code says it. */
export type AttemptError = SendErrorKind | "redirect" | "interrupted";

/** One request to a receiver. */
export interface Attempt {
  /** 1, 2, … over the delivery's whole life. */
  readonly number: number;
  readonly trigger: Trigger;
  readonly at: number;
  /** Null when nobody knows: the process died. */
  readonly duration_ms: number | null;
  readonly status_code: number | null;
  readonly outcome: Outcome;
  readonly error: AttemptError | null;
  /** The first bytes of the answer as text, personal data replaced. */
  readonly response_body: string | null;
}

/** Who holds a delivery until its `due_at`. */
export interface Lease {
  /** The id of a process. */
  readonly owner: string;
}

/** One event for one webhook. */
export interface Delivery {
  readonly event_id: string;
  readonly webhook_id: string;
  readonly site_id: string;
  readonly event: DeliveredEventName;
  readonly status: DeliveryStatus;
  /** Why its next attempt will be made. */
  readonly trigger: Trigger;
  readonly created_at: number;
  /** When it was last queued: created, or revived. What is older than the webhook's last pause is cancelled. */
  readonly queued_at: number;
  /** When someone has to look at it again; null unless pending. */
  readonly due_at: number | null;
  /** Who is at it until then; null when it only waits. */
  readonly lease: Lease | null;
  /** Failed sends since it was queued: what `max_retries` counts. A send cut short by a crash is none. */
  readonly failures: number;
  readonly attempts_total: number;
  /** The first and the last nineteen. */
  readonly attempts: readonly Attempt[];
}

/** What a send came to, judged. */
export type Verdict =
  | { readonly outcome: "delivered" | "gone" | "blocked" | "failed" }
  | { readonly outcome: "retry"; readonly due_at: number };

/**
 * The id of a delivery: made of the event's and the webhook's, so that fan-out and recovery are idempotent.
 *
 * @param event_id `evt_` and a ULID.
 * @param webhook_id `wh_` and a ULID.
 * @returns `dlv_` and both ULIDs.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { deliveryId, parseDeliveryId } from "./delivery.ts";
 * const event_id = "evt_01JMZ0000000000000000000AA";
 * const webhook_id = "wh_01JMZ0000000000000000000BB";
 * assertEquals(parseDeliveryId(deliveryId(event_id, webhook_id)), { event_id, webhook_id });
 * ```
 */
export function deliveryId(event_id: string, webhook_id: string): string {
  return `dlv_${event_id.slice("evt_".length)}${webhook_id.slice("wh_".length)}`;
}

/**
 * Takes a delivery's id apart.
 *
 * @param id A text from a caller.
 * @returns The two ids, or null if it is no delivery's id.
 */
export function parseDeliveryId(id: string): { event_id: string; webhook_id: string } | null {
  const match = /^dlv_([0-9A-Z]{26})([0-9A-Z]{26})$/.exec(id);
  if (match === null) return null;
  return { event_id: `evt_${match[1]}`, webhook_id: `wh_${match[2]}` };
}

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

/** An attempt before its delivery numbers and judges it. */
export type ObservedAttempt = Omit<Attempt, "number" | "outcome">;

/**
 * Enters the result of an attempt.
 *
 * A delivery that is not pending any more (ended meanwhile, or sent again by a person) becomes `delivered` by a success
 * and otherwise stays what it is. One whose lease another process took meanwhile keeps that process's schedule, unless
 * this attempt ends it.
 *
 * @param delivery The delivery as it is now.
 * @param attempt The attempt; its number is given here.
 * @param verdict What is to happen next.
 * @param owner The process that made the attempt.
 * @returns The delivery after it.
 */
export function withAttempt(
  delivery: Delivery,
  attempt: ObservedAttempt,
  verdict: Verdict,
  owner: string | null,
): Delivery {
  const number = delivery.attempts_total + 1;
  const entered = {
    ...delivery,
    attempts_total: number,
    attempts: appended(delivery.attempts, { ...attempt, number, outcome: verdict.outcome }),
  };
  if (verdict.outcome === "retry") {
    if (delivery.status !== "pending" || (delivery.lease?.owner ?? null) !== owner) return entered;
    // What a person asked for was this attempt; the retries after it are the schedule's again.
    const failures = delivery.failures + 1;
    return { ...entered, due_at: verdict.due_at, lease: null, trigger: "automatic", failures };
  }
  if (delivery.status !== "pending" && verdict.outcome !== "delivered") return entered;
  const failures = delivery.failures + (verdict.outcome === "delivered" ? 0 : 1);
  return { ...entered, status: STATUS_AFTER[verdict.outcome], due_at: null, lease: null, failures };
}

/**
 * Whether an attempt is already entered: after a commit whose outcome nobody knows.
 *
 * @param delivery The delivery as read again.
 * @param attempt The attempt that was to be entered.
 * @returns Whether it is there.
 */
export function hasAttempt(delivery: Delivery, attempt: ObservedAttempt): boolean {
  return delivery.attempts.some(({ at, duration_ms, trigger }) =>
    at === attempt.at && duration_ms === attempt.duration_ms && trigger === attempt.trigger
  );
}

/**
 * Takes the lease of a delivery, for `owner` until `until_ms`.
 *
 * @param delivery A pending delivery.
 * @param lease Who takes it and until when.
 * @returns The delivery held.
 */
export function leased(delivery: Delivery, lease: { owner: string; until_ms: number }): Delivery {
  assert(delivery.status === "pending", "only a pending delivery is leased");
  return { ...delivery, due_at: lease.until_ms, lease: { owner: lease.owner } };
}

/**
 * Gives a lease back, so that anyone may take the delivery at once.
 *
 * @param delivery A pending delivery.
 * @param now_ms The time.
 * @returns The delivery, due now.
 */
export function released(delivery: Delivery, now_ms: number): Delivery {
  assert(delivery.status === "pending", "only a pending delivery is given back");
  return { ...delivery, due_at: now_ms, lease: null };
}

/**
 * Notes that the process that held the lease died: its send may have reached the receiver, or not. It uses up no
 * retry, so that a crash never costs a receiver its event.
 *
 * @param delivery A pending delivery whose lease's owner is dead.
 * @param now_ms When the work is taken up again.
 * @returns The delivery with an interrupted attempt, due now.
 */
export function interrupted(delivery: Delivery, now_ms: number): Delivery {
  const attempt = {
    trigger: delivery.trigger,
    at: now_ms,
    duration_ms: null,
    status_code: null,
    error: "interrupted",
    response_body: null,
  } as const;
  const owner = delivery.lease?.owner ?? null;
  const noted = withAttempt(delivery, attempt, { outcome: "retry", due_at: now_ms }, owner);
  return { ...noted, trigger: delivery.trigger, failures: delivery.failures };
}

/**
 * Ends a pending delivery without an attempt.
 *
 * @param delivery A pending delivery.
 * @param status `cancelled` (its webhook is not active any more) or `exhausted` (it waited too long).
 * @returns The delivery, ended.
 */
export function ended(delivery: Delivery, status: "cancelled" | "exhausted"): Delivery {
  assert(delivery.status === "pending", "only a pending delivery is ended");
  return { ...delivery, status, due_at: null, lease: null };
}

/** What of a webhook decides whether its pending deliveries still count. */
interface Cancelling {
  readonly cancelled_until: number | null;
}

/**
 * The state of a delivery as its owner should read it: pending work of a webhook that was disabled, paused or deleted
 * is cancelled from that moment, even before the record says so.
 *
 * @param delivery The delivery as stored.
 * @param webhook Its webhook, or null if even its tombstone is gone.
 * @returns The status to show and to act on.
 */
export function effectiveStatus(delivery: Delivery, webhook: Cancelling | null): DeliveryStatus {
  if (delivery.status !== "pending") return delivery.status;
  const cancelled = webhook === null || delivery.queued_at <= (webhook.cancelled_until ?? -Infinity);
  return cancelled ? "cancelled" : "pending";
}

/**
 * Whether a delivery waited longer than anyone would want it.
 *
 * @param delivery A pending delivery.
 * @param now_ms The time.
 * @returns Whether it is exhausted by age.
 */
export function isTooOld(delivery: Delivery, now_ms: number): boolean {
  return now_ms - delivery.queued_at > RETRY.pending_ms_max;
}
