/**
 * A lane: one webhook's deliveries in memory, how many of them may be under way, and how its receiver is doing.
 *
 * Owns the pace of one webhook, so that its trouble is its own. Pure state: it must never send, read a clock, or write.
 *
 * @module
 */
import type { Delivery, Verdict } from "../delivery.ts";
import { LANE, LEASE, TIME } from "../limits.ts";
import type { LaneState, Versioned } from "../store.ts";
import { HEALTH_AT_FIRST, type Webhook } from "../webhook.ts";

/** A delivery whose lease this process holds, ready to send without reading anything back. */
export interface Held {
  readonly known: Versioned<Delivery>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What it counts against the bound of memory. */
  readonly bytes: number;
}

/** An answer is fast when it takes less than this: only then is more sent at a time. */
const FAST_MS = TIME.SECOND_MS;
/** Taken for the duration of a send before there was one. */
const DURATION_MS_AT_FIRST = 50;
/** The weight of the newest duration in the moving average. */
const AVERAGE_WEIGHT = 0.2;
/** How long after its lease was taken a delivery may still be sent. */
const SENDABLE_MS = LEASE.margin_ms - LEASE.send_margin_ms;

/** The state of a lane that nothing was sent through. */
export const LANE_AT_FIRST: LaneState = { ...HEALTH_AT_FIRST, hold_until: null, updated_at: 0 };

/** See the module. */
export class Lane {
  readonly site_id: string;
  readonly webhook_id: string;
  readonly #waiting: Held[] = [];
  /** Index of the first waiting delivery: shifting an array of thousands copies it. */
  #head = 0;
  #cap: number = LANE.cap_start;
  #average_ms = DURATION_MS_AT_FIRST;
  #reserved = 0;
  #in_flight = 0;
  #state: LaneState;
  /** Whether KV holds due work that did not fit here. */
  spilled = false;
  /** Whether the state changed since it was last written. */
  dirty = false;
  /** When something last happened here. */
  touched_at = 0;

  /**
   * @param webhook Whose lane.
   * @param state As it was left, maybe by another process.
   */
  constructor(webhook: Pick<Webhook, "site_id" | "id">, state: LaneState) {
    this.site_id = webhook.site_id;
    this.webhook_id = webhook.id;
    this.#state = state;
  }

  /** How its receiver is doing, and until when it is on hold. */
  get state(): LaneState {
    return this.#state;
  }

  /** Sends under way. */
  get in_flight(): number {
    return this.#in_flight;
  }

  /** Sends allowed at a time. */
  get cap(): number {
    return this.#cap;
  }

  /** Deliveries in memory that wait. */
  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  /** Whether it could be forgotten without losing anything. */
  get idle(): boolean {
    return this.waiting === 0 && this.#in_flight === 0 && this.#reserved === 0 && !this.spilled &&
      !this.dirty;
  }

  /** How many more deliveries it can take: no more than it can send within a lease at its present pace. */
  get room(): number {
    const sendable = Math.max(Math.floor(this.#cap * SENDABLE_MS / this.#average_ms), this.#cap);
    return sendable - this.waiting - this.#in_flight - this.#reserved;
  }

  /** Until when nothing may be sent, or null. */
  holdUntil(now: number): number | null {
    const { hold_until } = this.#state;
    return hold_until !== null && hold_until > now ? hold_until : null;
  }

  /** Forgets failures and holds from before the webhook was last made active. */
  sync(webhook: Pick<Webhook, "resumed_at">): void {
    if (webhook.resumed_at === null || this.#state.updated_at >= webhook.resumed_at) return;
    this.#state = { ...LANE_AT_FIRST, updated_at: webhook.resumed_at };
    this.dirty = true;
  }

  /** Keeps room for a delivery that is about to be committed. */
  reserve(): void {
    this.#reserved++;
  }

  /** Gives reserved room back: the delivery came, or its commit failed. */
  unreserve(): void {
    this.#reserved--;
  }

  push(held: Held): void {
    this.#waiting.push(held);
  }

  /** Whether a send could start now. */
  startable(now: number): boolean {
    return this.waiting > 0 && this.#in_flight < this.#cap && this.holdUntil(now) === null;
  }

  /** Takes the next delivery to send; the caller calls {@linkcode finished} or {@linkcode abandoned} for it later. */
  start(): Held | null {
    const held = this.#waiting[this.#head];
    if (held === undefined) return null;
    this.#head++;
    if (this.#head > 1000 && this.#head * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    this.#in_flight++;
    return held;
  }

  /** A send starts that did not wait here. */
  begin(): void {
    this.#in_flight++;
  }

  /** Takes everything that waits out of memory. */
  drain(): Held[] {
    const drained = this.#waiting.slice(this.#head);
    this.#waiting.length = 0;
    this.#head = 0;
    return drained;
  }

  /** A started delivery was not sent after all. */
  abandoned(): void {
    this.#in_flight--;
  }

  /**
   * A send is over: the pace follows.
   * @param duration_ms How long it took.
   * @param result Its verdict, whether it timed out, and until when the receiver wants quiet.
   * @param now The time.
   */
  finished(
    duration_ms: number,
    result: { verdict: Verdict; timed_out: boolean; throttle_until: number | null },
    now: number,
  ): void {
    const saturated = this.#in_flight === this.#cap;
    this.#in_flight--;
    this.#average_ms += AVERAGE_WEIGHT * (duration_ms - this.#average_ms);
    if (result.timed_out) this.#cap = Math.max(Math.floor(this.#cap / 2), 1);
    else if (saturated && duration_ms < FAST_MS) this.#cap = Math.min(this.#cap + 1, LANE.cap_max);
    this.#note(result, now);
  }

  #note({ verdict, throttle_until }: { verdict: Verdict; throttle_until: number | null }, now: number): void {
    const before = this.#state;
    const hold = Math.max(before.hold_until ?? 0, throttle_until ?? 0);
    const health = verdict.outcome === "delivered"
      ? { consecutive_failures: 0, last_success_at: now, last_failure_at: before.last_failure_at }
      : {
        consecutive_failures: before.consecutive_failures + 1,
        last_success_at: before.last_success_at,
        last_failure_at: now,
      };
    this.#state = { ...health, hold_until: hold > now ? hold : null, updated_at: now };
    this.dirty = true;
  }
}
