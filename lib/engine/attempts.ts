/**
 * Makes attempts and sees to it that each is recorded.
 *
 * Owns the way from a held delivery to its record: look at the webhook as it is now, make sure that the lease outlives
 * the send, deliver, record. An attempt that was made is recorded again and again until storage takes it.
 *
 * @module
 */
import { deliver, type Delivered, type DeliverPorts } from "../deliver.ts";
import { type Delivery, deliveryId, effectiveStatus } from "../delivery.ts";
import { ended, hasAttempt, leased, released, withAttempt } from "../delivery_moves.ts";
import type { Directory } from "../directory.ts";
import { AppError } from "../errors.ts";
import { LEASE, TIME } from "../limits.ts";
import { isGivenUp } from "../lane_state.ts";
import { type AttemptCounter, meteredAttempt } from "../metrics.ts";
import { type Pause, pauseOf } from "../pause.ts";
import type { Clock, Ids, Log } from "../ports.ts";
import type { Store } from "../store.ts";
import type { Tracing } from "../tracing.ts";
import { urlOrigin, type Webhook, webhookStatus } from "../webhook.ts";
import { type Held, heldKey, type Lane } from "./lane.ts";

/** What making attempts needs. */
export interface AttemptsPorts extends Omit<DeliverPorts, "directory" | "clock"> {
  readonly store: Pick<Store, "move" | "laneState">;
  readonly ids: Pick<Ids, "ulid">;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly log: Log;
  readonly stats: AttemptCounter;
  /** Null or left out where nobody traces. */
  readonly tracing?: Tracing | null;
  readonly instance: string;
  /** Asks for a look at what is due then. */
  readonly arm: (at: number) => void;
  /** Sends at once, past caps and holds. */
  readonly sendNow: (lane: Lane, held: Held) => void;
  /** A send changed until when a lane is quiet. */
  readonly holdChanged: (lane: Lane) => void;
  /** Called after each attempt that is over with, recorded or given up. */
  readonly onRecorded: () => void;
  /** Whether the process has given up waiting for storage. */
  readonly isOver: () => boolean;
}

/** Between tries to record an attempt that storage could not take. */
const RECORD_PAUSE_MS_MAX = 5 * TIME.SECOND_MS;
/** Tries to record an attempt while something fails that should not. */
const STRANGE_TRIES_MAX = 10;

/** See the module. */
export class Attempts {
  readonly #ports: AttemptsPorts;
  #unrecorded = 0;
  /** How many of them are whose: after a long outage the lease of one may be over before it is on record. */
  readonly #unrecorded_of = new Map<string, number>();

  /** @param ports What it needs. */
  constructor(ports: AttemptsPorts) {
    this.#ports = ports;
  }

  /** Attempts made and not recorded yet. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  /** Whether an attempt at this delivery was made and is not recorded yet: taken up now, it would be made again. */
  owesRecord(event_id: string, webhook_id: string): boolean {
    return this.#unrecorded_of.has(heldKey(event_id, webhook_id));
  }

  /**
   * Makes one attempt, or finds that none must be made. Never throws; the record goes on when this is over.
   * @param lane The delivery's lane; it is told when the send is over, or that there was none.
   * @param held The delivery.
   */
  async make(lane: Lane, held: Held): Promise<void> {
    const { clock, log } = this.#ports;
    let done: Delivered | null = null;
    try {
      const webhook = await this.#sendable(lane, held);
      if (webhook === null) return;
      done = await this.#deliver(held, webhook);
      this.#log(webhook, held, done);
    } catch (error) {
      // Nothing was sent; the lease brings the delivery back.
      log.error("delivery.failed_inside", { ...names(held.known.value), error: String(error) });
    } finally {
      if (done === null) lane.abandoned();
    }
    if (done === null) return;
    const now_ms = clock.now();
    const held_until = lane.holdUntil(now_ms);
    const news = { ...done, timed_out: done.attempt.error === "timeout" };
    lane.finished(done.attempt.duration_ms ?? 0, news, { now_ms, base_ms: this.#ports.retry_base_ms });
    if (lane.holdUntil(now_ms) !== held_until) this.#ports.holdChanged(lane);
    this.#owe(held.known.value, 1);
    void this.#record(lane, held, done).finally(() => {
      this.#owe(held.known.value, -1);
      this.#ports.onRecorded();
    });
  }

  #deliver({ known: { value: delivery }, body, origin }: Held, webhook: Webhook): Promise<Delivered> {
    const { tracing } = this.#ports;
    const parcel = { delivery, body, webhook };
    if (!tracing) return deliver(parcel, this.#ports);
    const told = { delivery, url_origin: urlOrigin(webhook.url), place: origin?.place ?? null };
    return tracing.attempt(told, () => deliver(parcel, this.#ports));
  }

  #owe({ event_id, webhook_id }: Delivery, more: 1 | -1): void {
    const key = heldKey(event_id, webhook_id);
    const owed = (this.#unrecorded_of.get(key) ?? 0) + more;
    if (owed === 0) this.#unrecorded_of.delete(key);
    else this.#unrecorded_of.set(key, owed);
    this.#unrecorded += more;
  }

  /** The webhook to send to, or null if this delivery must not be sent, or not now. */
  async #sendable(lane: Lane, held: Held): Promise<Webhook | null> {
    const { clock, directory, store } = this.#ports;
    const delivery = held.known.value;
    const webhook = await directory.webhook(delivery.site_id, delivery.webhook_id);
    if (delivery.status === "pending" && effectiveStatus(delivery, webhook) === "cancelled") {
      const moved = await store.move(held.known, (now) => {
        if (now.due_at !== delivery.due_at) return null;
        const over = now.status === "pending" && effectiveStatus(now, webhook) === "cancelled";
        const wanted = !over && (now.status === "pending" || now.wishes > 0);
        // Revived or wished for while it waited here: the pump takes it up as it is now.
        return wanted ? released(now, clock.now()) : ended(now, "cancelled");
      });
      if (moved !== null && moved.value.due_at !== null) this.#ports.arm(moved.value.due_at);
      return null;
    }
    if (webhook === null || webhookStatus(webhook) !== "active") {
      // Inactive and yet not cancelled: a wish, or accepted by a process that knew it as active. The pump decides it.
      if (!held.known.written) await this.#leaveToPump(held);
      return null;
    }
    const lease_until = delivery.due_at ?? 0;
    if (lease_until - clock.now() >= webhook.timeout_ms + LEASE.send_margin_ms) return webhook;
    // Too late to finish within the lease: forgotten without a write, its due entry or its group lease brings it back.
    lane.spilled = true;
    this.#ports.arm(lease_until);
    return null;
  }

  /** Gives a delivery a due entry, now: the pump finds it by that. */
  async #leaveToPump({ known }: Held): Promise<void> {
    const { store, clock, arm } = this.#ports;
    const now_ms = clock.now();
    await store.move(known, (now) => now.due_at === known.value.due_at ? released(now, now_ms) : null);
    arm(now_ms);
  }

  async #record(lane: Lane, held: Held, done: Delivered): Promise<void> {
    const { store, clock, directory, log, instance, arm, isOver } = this.#ports;
    const { known } = held;
    for (let tries = 0; !isOver(); tries++) {
      try {
        const pause = await this.#pauseAfter(lane, done);
        const recorded = await store.move(
          known,
          (delivery) => this.#after(known.value, delivery, done),
          pause,
        );
        // Not of a delivery that is gone: its site was deleted meanwhile, with its counters.
        if (recorded !== null) this.#ports.stats.countAttempt(meteredAttempt(recorded.value, done));
        const due_at = recorded?.value.due_at ?? null;
        if (recorded !== null && recorded.value.wishes > 0 && recorded.value.lease?.owner === instance) {
          this.#ports.sendNow(lane, { ...held, known: recorded, bytes: 0, origin: undefined });
        } else if (due_at !== null) {
          arm(due_at);
        }
        if (pause !== undefined) {
          directory.invalidate();
          log.warn("webhook.paused", { ...names(known.value), reason: pause.reason });
          arm(clock.now());
        }
        return;
      } catch (error) {
        log.warn("delivery.not_recorded", { ...names(known.value), error: String(error) });
        // What storage itself does not know is tried a few times more: an attempt without a record is made again.
        if (!(error instanceof AppError) && tries >= STRANGE_TRIES_MAX) return;
        const pause_ms = Math.min(100 * 2 ** tries, RECORD_PAUSE_MS_MAX);
        await new Promise<void>((resolve) => void clock.after(pause_ms, resolve));
      }
    }
  }

  /** The pause that an attempt brings upon its webhook, if any. */
  async #pauseAfter(lane: Lane, { verdict }: Delivered): Promise<Pause | undefined> {
    const { store, clock, directory, ids } = this.#ports;
    const { site_id, webhook_id: id } = lane;
    const at = clock.now();
    if (verdict.outcome === "delivered") return undefined;
    if (verdict.outcome !== "gone") {
      if (!isGivenUp(lane.state, at)) return undefined;
      const stored = await store.laneState(site_id, id);
      if (stored !== null) lane.learn(stored);
      if (!isGivenUp(lane.state, at)) return undefined;
    }
    const webhooks = await directory.webhooksOf(site_id);
    // Off already: paused by an attempt that ended just before this one.
    if (!webhooks.some((webhook) => webhook.id === id && webhookStatus(webhook) === "active")) {
      return undefined;
    }
    const reason = verdict.outcome === "gone" ? "gone" : "failing";
    const site_name = directory.names.nameOf(site_id);
    return pauseOf({ site_id, id }, reason, { site_name, webhooks, at, event_id: `evt_${ids.ulid(at)}` });
  }

  /** The delivery after an attempt; one that a person wished for meanwhile is kept to be sent again at once. */
  #after(sent: Delivery, delivery: Delivery, { attempt, verdict }: Delivered): Delivery | null {
    const { clock, instance } = this.#ports;
    if (hasAttempt(delivery, attempt, sent.attempts_total)) return null;
    const now = clock.now();
    const after = withAttempt(delivery, attempt, verdict, { owner: instance, now_ms: now });
    const ours = delivery.lease?.owner === instance;
    if (after.wishes === 0 || !ours) return after;
    return leased(after, { owner: instance, until_ms: now + LEASE.longest_ms });
  }

  #log(webhook: Webhook, { known, origin }: Held, { attempt, verdict }: Delivered): void {
    const { clock, log } = this.#ports;
    const delivery = known.value;
    log.info("delivery.attempted", {
      request_id: origin?.request_id,
      ...names(delivery),
      delivery: deliveryId(delivery.event_id, delivery.webhook_id),
      kind: delivery.event,
      trigger: attempt.trigger,
      attempt: delivery.attempts_total + 1,
      outcome: verdict.outcome,
      status_code: attempt.status_code,
      error: attempt.error,
      duration_ms: attempt.duration_ms,
      age_ms: clock.now() - delivery.queued_at,
      next_at: verdict.outcome === "retry" ? new Date(verdict.due_at).toISOString() : null,
      url: urlOrigin(webhook.url),
    });
  }
}

/** The names by which a log line is found. */
function names(delivery: Delivery): { site: string; webhook: string; event: string } {
  return { site: delivery.site_id, webhook: delivery.webhook_id, event: delivery.event_id };
}
