/**
 * A delivery: one event for one webhook, with every attempt made.
 *
 * Owns what a delivery is and how its state is read; how it moves from one state to the next is in `delivery_moves.ts`.
 *
 * @module
 */
import type { DeliveredEventName } from "./event_types.ts";
import type { SendErrorKind } from "./ports.ts";
import { RETRY } from "./limits.ts";

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
export const ATTEMPT_ERRORS = [
  "timeout",
  "dns",
  "connect",
  "tls",
  "reset",
  "redirect",
  "blocked_address",
  "protocol",
  "interrupted",
] as const satisfies readonly (SendErrorKind | "redirect" | "interrupted")[];
/** Why an attempt was no success. */
export type AttemptError = typeof ATTEMPT_ERRORS[number];

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
  /** When someone has to look at it again; null if nothing is to be done: not pending, and nobody wished for more. */
  readonly due_at: number | null;
  /** Who is at it until then; null when it only waits. */
  readonly lease: Lease | null;
  /** Attempts that a person asked for and that were not made yet. */
  readonly wishes: number;
  /** When the schedule goes on after these: a wish moves `due_at` and not the schedule. */
  readonly scheduled_at: number | null;
  /** Failed sends since it was queued: what `max_retries` counts. A send cut short by a crash is none. */
  readonly failures: number;
  readonly attempts_total: number;
  /** The first and the last nineteen. */
  readonly attempts: readonly Attempt[];
}

/** What a new delivery is made of. */
export interface NewDelivery {
  readonly event_id: string;
  readonly webhook_id: string;
  readonly site_id: string;
  readonly event: DeliveredEventName;
  readonly trigger: Trigger;
  /** When its event was accepted. */
  readonly created_at: number;
  /** When it is queued: the same, unless the event was skipped and recovered. */
  readonly queued_at: number;
}

/**
 * A delivery before its first attempt.
 *
 * @param made What it is made of.
 * @returns The delivery, pending, due when it is queued.
 */
export function newDelivery(made: NewDelivery): Delivery {
  return {
    ...made,
    status: "pending",
    due_at: made.queued_at,
    lease: null,
    wishes: 0,
    scheduled_at: null,
    failures: 0,
    attempts_total: 0,
    attempts: [],
  };
}

/**
 * Whether nothing has happened to a delivery since it was made with its event: it waits, or somebody is at it for the first
 * time.
 *
 * @param delivery The delivery.
 * @returns Whether it differs from {@linkcode newDelivery} at most in when it is due and who is at it.
 */
export function isUntouched(delivery: Delivery): boolean {
  return delivery.status === "pending" && delivery.trigger === "automatic" && delivery.due_at !== null &&
    delivery.attempts_total === 0 && delivery.wishes === 0 && delivery.failures === 0 &&
    delivery.scheduled_at === null && delivery.queued_at === delivery.created_at;
}

/** An attempt before its delivery numbers and judges it. */
export type ObservedAttempt = Omit<Attempt, "number" | "outcome">;

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

/**
 * Why the next attempt of a delivery is made.
 *
 * @param delivery The delivery.
 * @returns `manual` while a person waits for one.
 */
export function nextTrigger(delivery: Delivery): Trigger {
  return delivery.wishes > 0 ? "manual" : delivery.trigger;
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
