/**
 * A lane: one webhook's deliveries in memory, how many of them may be under way, and how its receiver is doing.
 *
 * Owns the pace of one webhook, so that its trouble is its own. In memory only: it must never send, read a clock, or write.
 *
 * @module
 */
import { breakerState } from "../breaker.ts";
import { LANE_AT_FIRST, type LaneState, laneStateAfter, quietUntil, type SendNews } from "../lane_state.ts";
import { LANE, LEASE, TIME } from "../limits.ts";
import type { KnownDelivery } from "../store.ts";
import type { Origin } from "../tracing.ts";
import type { Webhook } from "../webhook.ts";
import { RateWindow } from "./rate_window.ts";

/** A delivery whose lease this process holds, ready to send without reading anything back. */
export interface Held {
  readonly known: KnownDelivery;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What it counts against the bound of memory. */
  readonly bytes: number;
  /** The request that brought it; unknown of a delivery that was read back from storage. */
  readonly origin?: Origin | undefined;
}

/** An answer is fast when it takes less than this: only then is more sent at a time. */
const FAST_MS = TIME.SECOND_MS;
/** Taken for the duration of a send before there was one. */
const DURATION_MS_AT_FIRST = 50;
/** The weight of the newest duration in the moving average. */
const AVERAGE_WEIGHT = 0.2;
/**
 * What a delivery is called among those in memory.
 *
 * @param event_id Its event.
 * @param webhook_id Its webhook.
 * @returns A key for sets and maps.
 */
export function heldKey(event_id: string, webhook_id: string): string {
  return `${event_id} ${webhook_id}`;
}

/** How long after its lease was taken a delivery may still be sent. */
export const SENDABLE_MS = LEASE.margin_ms - LEASE.send_margin_ms;

/** What of a webhook its lane goes by. */
export type LaneSettings = Pick<Webhook, "resumed_at" | "rate_limit_per_minute">;

/** See the module. */
export class Lane {
  readonly site_id: string;
  readonly webhook_id: string;
  /** In order; the places before the head are empty, so that nothing is kept of what was sent. */
  readonly #waiting: (Held | undefined)[] = [];
  /** Index of the first waiting delivery, in the first half: shifting an array of thousands each time copies it. */
  #head = 0;
  #cap: number = LANE.cap_start;
  #average_ms = DURATION_MS_AT_FIRST;
  #reserved = 0;
  #in_flight = 0;
  #state: LaneState;
  readonly #rate = new RateWindow();
  /** Sends allowed within a minute, or null. */
  #rate_limit: number | null = null;
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

  /** Whether it could be forgotten without losing anything: what it left in KV has a marker there. */
  get idle(): boolean {
    return this.waiting === 0 && this.#in_flight === 0 && this.#reserved === 0 && !this.dirty;
  }

  /** How many more deliveries it can take: no more than it can send within a lease at its present pace. */
  room(now: number): number {
    const waiting = this.waiting + this.#reserved;
    if (this.#probing(now)) return 1 - waiting - this.#in_flight;
    const sendable = Math.max(Math.floor(this.#cap * SENDABLE_MS / this.#average_ms), this.#cap);
    const by_pace = sendable - waiting - this.#in_flight;
    if (this.#rate_limit === null) return by_pace;
    return Math.min(by_pace, this.#rate.left(now, this.#rate_limit) - waiting);
  }

  /** Until when nothing may be sent, or null. */
  holdUntil(now: number): number | null {
    const quiet_until = quietUntil(this.#state, now);
    const free_at = this.#rate_limit === null ? null : this.#rate.freeAt(now, this.#rate_limit);
    return quiet_until === null && free_at === null ? null : Math.max(quiet_until ?? 0, free_at ?? 0);
  }

  /**
   * Takes over what its owner set, and forgets failures and holds from before the webhook was last made active.
   * @param webhook The webhook as it is now.
   * @param processes How many processes send: each keeps to its part of the rate limit.
   */
  sync({ resumed_at, rate_limit_per_minute }: LaneSettings, processes: number): void {
    this.#rate_limit = rate_limit_per_minute === null
      ? null
      : Math.max(Math.floor(rate_limit_per_minute / processes), 1);
    if (resumed_at === null || this.#state.updated_at >= resumed_at) return;
    this.#state = { ...LANE_AT_FIRST, updated_at: resumed_at };
    this.dirty = true;
  }

  /** Learns that another process had success where this one had none. */
  learn(stored: LaneState): void {
    if ((stored.last_success_at ?? 0) > (this.#state.failing_since ?? Infinity)) this.#state = stored;
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
    const cap = this.#probing(now) ? 1 : this.#cap;
    return this.waiting > 0 && this.#in_flight < cap && this.holdUntil(now) === null;
  }

  /** Takes the next delivery to send; the caller calls {@linkcode finished} or {@linkcode abandoned} for it later. */
  start(now: number): Held | null {
    const held = this.#waiting[this.#head];
    if (held === undefined) return null;
    this.#waiting[this.#head] = undefined;
    this.#head++;
    if (this.#head * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    this.begin(now);
    return held;
  }

  /** A send starts, maybe one that did not wait here. */
  begin(now: number): void {
    this.#in_flight++;
    this.#rate.note(now);
  }

  /** Takes everything that waits out of memory. */
  drain(): Held[] {
    const drained = this.#waiting.slice(this.#head).filter((held) => held !== undefined);
    this.#waiting.length = 0;
    this.#head = 0;
    return drained;
  }

  /** A started delivery was not sent after all. */
  abandoned(): void {
    this.#in_flight--;
  }

  /**
   * A send is over: the pace and the state follow.
   * @param duration_ms How long it took.
   * @param news What it says of the receiver.
   * @param at The time, and the configured base of the backoff.
   */
  finished(
    duration_ms: number,
    news: SendNews & { readonly timed_out: boolean },
    at: { readonly now_ms: number; readonly base_ms: number },
  ): void {
    const saturated = this.#in_flight === this.#cap;
    this.#in_flight--;
    this.#average_ms += AVERAGE_WEIGHT * (duration_ms - this.#average_ms);
    if (news.timed_out) this.#cap = Math.max(Math.floor(this.#cap / 2), 1);
    else if (saturated && duration_ms < FAST_MS) this.#cap = Math.min(this.#cap + 1, LANE.cap_max);
    this.#state = laneStateAfter(this.#state, news, at);
    this.dirty = true;
  }

  /** Whether the next send is the probe of a breaker. */
  #probing(now: number): boolean {
    return breakerState(this.#state.breaker, now) === "half_open";
  }
}
