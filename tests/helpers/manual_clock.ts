/**
 * A clock that moves when a test says so: no test sleeps, and every timer runs in an order that can be repeated.
 *
 * Owns a fake of {@linkcode Clock}. It must never read the time of the machine.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { assert } from "@std/assert";
import type { Clock } from "../../lib/ports.ts";

/** A {@linkcode Clock} under a test's control. */
export interface ManualClock extends Clock {
  /** Timers that were neither run nor cancelled. */
  readonly pending: number;
  /** When the next timer is due, in milliseconds since the Unix epoch; null without timers. */
  readonly next_at: number | null;
  /**
   * Moves the time forward and runs what falls due on the way, in order of time, then of registration.
   *
   * Before the first timer, after every timer and at the end it lets the program settle: one turn of the event loop,
   * within which every promise that can go on goes on, however long the chain. What waits for the world outside (a
   * socket, a file, a real KV, `crypto.subtle`) isn't waited for: await its own promise after or instead.
   *
   * @param ms How far, in milliseconds; `0` runs what is due now and settles.
   * @throws Whatever a timer throws; the time stays at that timer.
   */
  advance(ms: number): Promise<void>;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * Lets all promises go on that can: microtasks run to the last before the next turn of the event loop begins.
 *
 * @returns A promise that resolves in the next turn of the event loop.
 */
export function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * Makes a clock that stands still until it is advanced.
 *
 * @param start_ms Its first `now()`, in milliseconds since the Unix epoch.
 * @returns The clock.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createManualClock } from "./manual_clock.ts";
 * const clock = createManualClock(1000);
 * const seen: number[] = [];
 * clock.after(20, () => seen.push(clock.now()));
 * await clock.advance(50);
 * assertEquals([seen, clock.now()], [[1020], 1050]);
 * ```
 */
export function createManualClock(start_ms = Date.UTC(2026, 0, 1)): ManualClock {
  const timers: Timer[] = []; // in the order in which they run
  let now_ms = start_ms;
  let advancing = false;

  function after(delay_ms: number, run: () => void): () => void {
    assert(!Number.isNaN(delay_ms), "the delay of a timer is a number");
    const timer = { at: now_ms + Math.max(0, delay_ms), run };
    timers.splice(firstAfter(timers, timer.at), 0, timer);
    return () => {
      const index = timers.indexOf(timer);
      if (index >= 0) timers.splice(index, 1);
    };
  }

  async function advance(ms: number): Promise<void> {
    assert(ms >= 0, "time doesn't run backward");
    assert(!advancing, "one advance() at a time: await the one before");
    advancing = true;
    try {
      const end_ms = now_ms + ms;
      await settle();
      for (let timer = timers[0]; timer !== undefined && timer.at <= end_ms; timer = timers[0]) {
        timers.shift();
        now_ms = timer.at;
        timer.run();
        await settle();
      }
      now_ms = end_ms;
    } finally {
      advancing = false;
    }
  }

  return {
    now: () => now_ms,
    elapsed: () => now_ms - start_ms,
    after,
    advance,
    get pending() {
      return timers.length;
    },
    get next_at() {
      return timers[0]?.at ?? null;
    },
  };
}

/** The index of the first timer due later than `at`: timers of one time keep the order they came in. */
function firstAfter(timers: readonly Timer[], at: number): number {
  let low = 0;
  let high = timers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timers[middle]?.at ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
