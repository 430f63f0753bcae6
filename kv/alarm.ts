/**
 * The alarm clock: Deno KV's queue where there is one, timers in the process where there is none.
 *
 * Owns the only `listenQueue` call: called twice, messages would be split between the two. A message is a time and
 * nothing else, one for each second in which something comes due, so the queue stays short however many retries wait.
 *
 * @module
 */
import { z } from "zod";
import { LEASE, TIME } from "../lib/limits.ts";
import type { Alarm, Clock, Log } from "../lib/ports.ts";
import type { Database } from "./database.ts";

/** A ring that is this near is asked for to a twentieth of a second, one farther off to a second. */
const NEAR_MS = 2 * TIME.SECOND_MS;
const NEAR_RESOLUTION_MS = 50;

/** What an alarm needs. */
export interface AlarmPorts {
  readonly clock: Clock;
  readonly log: Log;
}

const messageSchema = z.object({ kind: z.literal("alarm"), at: z.number() });

/**
 * Reads a queue message.
 *
 * @param raw What the queue delivered: maybe of another release, maybe broken.
 * @returns For when the ring was, or null if it is no alarm.
 */
export function parseAlarm(raw: unknown): number | null {
  const parsed = messageSchema.safeParse(raw);
  return parsed.success ? parsed.data.at : null;
}

/** When to ring for something due at `at_ms`: never before it, and the same for all that is due about then. */
function ringAt(at_ms: number, now: number): number {
  const resolution = at_ms - now <= NEAR_MS ? NEAR_RESOLUTION_MS : TIME.SECOND_MS;
  return Math.ceil(at_ms / resolution) * resolution;
}

/** The rings asked for and not yet over, so that each is asked for once. */
class Armed {
  readonly #rings = new Set<number>();

  /** @returns Whether it was not armed before. */
  add(at: number, now: number): boolean {
    if (this.#rings.has(at)) return false;
    // At most one a second for two minutes, and some near ones: small enough to walk.
    for (const ring of this.#rings) if (ring < now - TIME.MINUTE_MS) this.#rings.delete(ring);
    this.#rings.add(at);
    return true;
  }

  delete(at: number): void {
    this.#rings.delete(at);
  }
}

/**
 * The alarm of a database with a queue (a file, memory).
 *
 * @param db The database.
 * @param ports Clock and log.
 * @returns The alarm. A message that can't be enqueued is left to the sweep.
 */
export function createQueueAlarm(db: Database, { clock, log }: AlarmPorts): Alarm {
  const armed = new Armed();
  let stopped = false;
  return {
    sweep_ms: LEASE.sweep_ms,
    start(ring) {
      // Ends when the database is closed.
      void db.listenQueue((raw: unknown) => {
        const at = parseAlarm(raw);
        if (at === null || stopped) return;
        armed.delete(at);
        log.debug("alarm.rang", { driver: "queue", late_ms: Math.round(clock.now() - at) });
        ring();
      }).catch((error) => log.error("alarm.queue_failed", { error: String(error) }));
    },
    arm(at_ms) {
      const now = clock.now();
      const at = ringAt(at_ms, now);
      if (stopped || !armed.add(at, now)) return;
      db.enqueue({ kind: "alarm", at }, { delay: Math.max(Math.ceil(at - now), 0) }).catch((error) => {
        armed.delete(at);
        log.warn("alarm.not_armed", { error: String(error) });
      });
    },
    stop() {
      stopped = true;
    },
  };
}

/**
 * The alarm of a database without a queue (KV servers, Deno Deploy): timers of this process.
 *
 * @param ports Clock and log.
 * @returns The alarm. A process that ends forgets its timers; the sweep of the next one finds what is due.
 */
export function createTimerAlarm({ clock, log }: AlarmPorts): Alarm {
  const timers = new Map<number, () => void>();
  let ring: (() => void) | null = null;
  return {
    sweep_ms: LEASE.sweep_without_queue_ms,
    start(run) {
      ring = run;
    },
    arm(at_ms) {
      const now = clock.now();
      const at = ringAt(at_ms, now);
      if (ring === null || timers.has(at)) return;
      timers.set(
        at,
        clock.after(Math.max(at - now, 0), () => {
          timers.delete(at);
          log.debug("alarm.rang", { driver: "timer", late_ms: Math.round(clock.now() - at) });
          ring?.();
        }),
      );
    },
    stop() {
      ring = null;
      for (const cancel of timers.values()) cancel();
      timers.clear();
    },
  };
}
