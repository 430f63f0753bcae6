/**
 * Makes attempts and sees to it that each is recorded.
 *
 * Owns the way from a held delivery to its record: look at the webhook as it is now, make sure that the lease outlives
 * the send, deliver, record. An attempt that was made is recorded again and again until storage takes it.
 *
 * @module
 */
import { deliver, type Delivered, type DeliverPorts } from "../deliver.ts";
import { type Delivery, effectiveStatus } from "../delivery.ts";
import { ended, hasAttempt, leased, withAttempt } from "../delivery_moves.ts";
import type { Directory } from "../directory.ts";
import { AppError } from "../errors.ts";
import { LEASE, TIME } from "../limits.ts";
import type { Clock, Log } from "../ports.ts";
import type { Stats } from "../stats.ts";
import type { Store } from "../store.ts";
import { urlOrigin, type Webhook, webhookStatus } from "../webhook.ts";
import type { Held, Lane } from "./lane.ts";

/** What making attempts needs. */
export interface AttemptsPorts extends Omit<DeliverPorts, "directory" | "clock"> {
  readonly store: Pick<Store, "move">;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly log: Log;
  readonly stats: Pick<Stats, "countAttempt">;
  readonly instance: string;
  /** Asks for a look at what is due then. */
  readonly arm: (at: number) => void;
  /** Sends at once, past caps and holds. */
  readonly sendNow: (lane: Lane, held: Held) => void;
  /** The receiver wants quiet until then. */
  readonly hold: (lane: Lane, until: number) => void;
  /** Called after each attempt that is over with, recorded or given up. */
  readonly onRecorded: () => void;
  /** Whether the process has given up waiting for storage. */
  readonly isOver: () => boolean;
}

/** Between tries to record an attempt that storage could not take. */
const RECORD_PAUSE_MS_MAX = 5 * TIME.SECOND_MS;

/** See the module. */
export class Attempts {
  readonly #ports: AttemptsPorts;
  #unrecorded = 0;

  /** @param ports What it needs. */
  constructor(ports: AttemptsPorts) {
    this.#ports = ports;
  }

  /** Attempts made and not recorded yet. */
  get unrecorded(): number {
    return this.#unrecorded;
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
      done = await deliver({ delivery: held.known.value, body: held.body, webhook }, this.#ports);
      this.#log(webhook, held.known.value, done);
    } catch (error) {
      // Nothing was sent; the lease brings the delivery back.
      log.error("delivery.failed_inside", { ...names(held.known.value), error: String(error) });
    } finally {
      if (done === null) lane.abandoned();
    }
    if (done === null) return;
    const { attempt, verdict, throttle_until } = done;
    const timed_out = attempt.error === "timeout";
    lane.finished(attempt.duration_ms ?? 0, { verdict, timed_out, throttle_until }, clock.now());
    if (throttle_until !== null) this.#ports.hold(lane, throttle_until);
    this.#unrecorded++;
    void this.#record(lane, held, done).finally(() => {
      this.#unrecorded--;
      this.#ports.onRecorded();
    });
  }

  /** The webhook to send to, or null if this delivery must not be sent, or not now. */
  async #sendable(lane: Lane, held: Held): Promise<Webhook | null> {
    const { clock, directory, store } = this.#ports;
    const delivery = held.known.value;
    const webhook = await directory.webhook(delivery.site_id, delivery.webhook_id);
    if (delivery.status === "pending" && effectiveStatus(delivery, webhook) === "cancelled") {
      await store.move(held.known, (now) => now.due_at === delivery.due_at ? ended(now, "cancelled") : null);
      return null;
    }
    // Inactive and yet not cancelled: a wish, or accepted by a process that knew it as active. The pump decides it.
    if (webhook === null || webhookStatus(webhook) !== "active") return null;
    const lease_until = delivery.due_at ?? 0;
    if (lease_until - clock.now() >= webhook.timeout_ms + LEASE.send_margin_ms) return webhook;
    // Too late to finish within the lease: forgotten without a write, its due entry brings it back.
    lane.spilled = true;
    this.#ports.arm(lease_until);
    return null;
  }

  async #record(lane: Lane, held: Held, done: Delivered): Promise<void> {
    const { store, clock, directory, log, instance, arm, isOver } = this.#ports;
    const { verdict } = done;
    const { known } = held;
    const pause = verdict.outcome === "gone" ? { reason: "gone", at: clock.now() } as const : undefined;
    for (let tries = 0; !isOver(); tries++) {
      try {
        const recorded = await store.move(known, (delivery) => this.#after(delivery, done), pause);
        // Not of a delivery that is gone: its site was deleted meanwhile, with its counters.
        if (recorded !== null) this.#count(recorded.value, done);
        const due_at = recorded?.value.due_at ?? null;
        if (recorded !== null && recorded.value.wishes > 0 && recorded.value.lease?.owner === instance) {
          this.#ports.sendNow(lane, { ...held, known: recorded, bytes: 0 });
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
        if (!(error instanceof AppError)) return;
        const pause_ms = Math.min(100 * 2 ** tries, RECORD_PAUSE_MS_MAX);
        await new Promise<void>((resolve) => void clock.after(pause_ms, resolve));
      }
    }
  }

  /** The delivery after an attempt; one that a person wished for meanwhile is kept to be sent again at once. */
  #after(delivery: Delivery, { attempt, verdict }: Delivered): Delivery | null {
    const { clock, instance } = this.#ports;
    if (hasAttempt(delivery, attempt)) return null;
    const now = clock.now();
    const after = withAttempt(delivery, attempt, verdict, { owner: instance, now_ms: now });
    const ours = delivery.lease?.owner === instance;
    if (after.wishes === 0 || !ours) return after;
    return leased(after, { owner: instance, until_ms: now + LEASE.longest_ms });
  }

  #count({ site_id, webhook_id }: Delivery, { attempt, verdict }: Delivered): void {
    const { outcome } = verdict;
    this.#ports.stats.countAttempt({ site_id, webhook_id, outcome, duration_ms: attempt.duration_ms ?? 0 });
  }

  #log(webhook: Webhook, delivery: Delivery, { attempt, verdict }: Delivered): void {
    const { clock, log } = this.#ports;
    log.info("delivery.attempted", {
      ...names(delivery),
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
