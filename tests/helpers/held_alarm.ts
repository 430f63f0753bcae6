/**
 * A service whose alarms ring only when a test says so: messages to KV's queue are kept back, and so is the sweep.
 *
 * Owns the keeping back. Everything else is the real thing: what is released goes through the real queue.
 *
 * @module
 */
import type { OpenDatabase } from "../../kv/open.ts";
import { LEASE } from "../../lib/limits.ts";
import type { Clock } from "../../lib/ports.ts";

/** Alarms in a test's hand; `database` and `clock` are for the service to start with. */
export interface HeldAlarm {
  readonly database: (real: OpenDatabase) => OpenDatabase;
  readonly clock: (real: Clock) => Clock;
  /** How many messages were kept back so far, and not released. */
  readonly armed: number;
  /** Hands what was kept back to the queue, with the delays that were asked for. */
  release(): Promise<void>;
  /** Has the service sweep, as it would every 15 s. */
  sweep(): void;
}

/** Makes one. */
export function holdAlarm(): HeldAlarm {
  type Send = () => Promise<unknown>;
  let kept: Send[] = [];
  let runSweep: (() => void) | null = null;

  function database(real: OpenDatabase): OpenDatabase {
    const { db } = real;
    const enqueue: typeof db.enqueue = (message, options) => {
      kept.push(() => db.enqueue(message, options));
      return Promise.resolve({ ok: true, versionstamp: "00000000000000000000" });
    };
    return {
      ...real,
      db: {
        get: db.get.bind(db),
        getMany: db.getMany.bind(db),
        list: db.list.bind(db),
        atomic: db.atomic.bind(db),
        listenQueue: db.listenQueue.bind(db),
        close: db.close.bind(db),
        enqueue,
      },
    };
  }

  function clock(real: Clock): Clock {
    return {
      now: () => real.now(),
      elapsed: () => real.elapsed(),
      after(delay_ms, run) {
        if (delay_ms !== LEASE.sweep_ms) return real.after(delay_ms, run);
        runSweep = run;
        return () => runSweep = null;
      },
    };
  }

  return {
    database,
    clock,
    get armed() {
      return kept.length;
    },
    async release() {
      const released = kept;
      kept = [];
      await Promise.all(released.map((send) => send()));
    },
    sweep() {
      const run = runSweep;
      runSweep = null;
      run?.();
    },
  };
}
