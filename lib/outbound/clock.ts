/**
 * The clock of the machine, as the engine sees it.
 *
 * Owns the difference between wall time, which people and NTP move, and the engine's time. It must never let time run
 * backward: leases and due entries written a moment ago would lie in the future.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Clock, Log } from "../ports.ts";

/** What the clock reads and whom it tells; each part can be replaced in a test. */
export interface SystemClockOptions {
  /** Is told once of every jump of the wall clock. */
  readonly log?: Pick<Log, "info" | "warn">;
  /** Milliseconds since the Unix epoch. */
  readonly wall?: () => number;
  /** Milliseconds of a clock that never runs backward. */
  readonly monotonic?: () => number;
  /** Calls `run` once after at most {@linkcode TIMER_MS_MAX}, and returns what cancels it. */
  readonly startTimer?: (delay_ms: number, run: () => void) => () => void;
}

/** The longest delay that `setTimeout` knows (a signed 32-bit number); after a longer one it fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** A smaller difference between the wall clock and the engine's time is drift, and not worth a line. */
const JUMP_MS = 1000;

/**
 * Makes the clock. Its `now()` is wall time at the start plus monotonic time, in whole milliseconds. When the wall clock
 * is ahead of that (the machine slept, NTP set it), it is followed at once; when it is behind, time goes on as if
 * nothing had happened until the wall clock has caught up, and a warning says so.
 *
 * @param options What it reads and whom it tells.
 * @returns The clock.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "./clock.ts";
 * let wall_ms = 5000;
 * const clock = systemClock({ wall: () => wall_ms, monotonic: () => 0 });
 * wall_ms = 8000;
 * assertEquals(clock.now(), 8000);
 * wall_ms = 1000;
 * assertEquals(clock.now(), 8000);
 * ```
 */
export function systemClock(options: SystemClockOptions = {}): Clock {
  const {
    log,
    wall = () => Date.now(),
    monotonic = () => performance.now(),
    startTimer = startSystemTimer,
  } = options;
  let ahead_ms = wall() - monotonic(); // how far the engine's time is ahead of the monotonic clock: only grows
  let behind_told_ms = 0; // how far the wall clock was behind when that was last said
  let last_wall_ms = NaN;
  let last_now_ms = 0;

  function now(): number {
    const wall_ms = wall();
    // Within one millisecond nothing has changed: this is asked a dozen times for each delivery.
    if (wall_ms === last_wall_ms) return last_now_ms;
    last_wall_ms = wall_ms;
    const monotonic_ms = monotonic();
    const jump_ms = wall_ms - (ahead_ms + monotonic_ms);
    if (jump_ms > 0) ahead_ms = wall_ms - monotonic_ms;
    const now_ms = last_now_ms = Math.floor(ahead_ms + monotonic_ms);
    // Told last, and after the state is settled: the log stamps its lines with this very function.
    tell(jump_ms);
    return now_ms;
  }

  function tell(jump_ms: number): void {
    const behind_ms = Math.max(0, -jump_ms);
    const told_ms = behind_told_ms;
    if (behind_ms > told_ms + JUMP_MS) behind_told_ms = behind_ms;
    // The wall clock caught up, so the next jump is measured from here.
    if (behind_ms < told_ms) behind_told_ms = behind_ms;
    if (jump_ms > JUMP_MS) log?.info("clock.jumped_forward", { by_ms: Math.round(jump_ms) });
    if (behind_ms > told_ms + JUMP_MS) {
      log?.warn("clock.wall_is_behind", { by_ms: Math.round(behind_ms), followed: false });
    }
  }

  return { now, elapsed: monotonic, after: (delay_ms, run) => startLongTimer(startTimer, delay_ms, run) };
}

function startSystemTimer(delay_ms: number, run: () => void): () => void {
  const timer = setTimeout(run, delay_ms);
  return () => clearTimeout(timer);
}

/** A timer of any length, made of timers that `setTimeout` can take. */
function startLongTimer(
  startTimer: (delay_ms: number, run: () => void) => () => void,
  delay_ms: number,
  run: () => void,
): () => void {
  assert(!Number.isNaN(delay_ms), "the delay of a timer is a number");
  const step_ms = Math.min(Math.max(0, delay_ms), TIMER_MS_MAX);
  const rest_ms = delay_ms - step_ms;
  if (rest_ms <= 0) return startTimer(step_ms, run);
  let cancel = startTimer(step_ms, () => {
    cancel = startLongTimer(startTimer, rest_ms, run);
  });
  return () => cancel();
}
