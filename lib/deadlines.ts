/**
 * Deadlines of many things that go on at once: sends, over look-up, connect, headers and body; bodies of requests.
 *
 * Owns the timers: one for all that may take equally long, since of those the first that started is the first that ends. A
 * timer of its own for every send took as long as writing the request, so one that nothing waits for any more is left to
 * what starts next, and ends by itself if nothing does. A deadline must never be renewed: whoever drips bytes would hold it
 * for ever.
 *
 * @module
 */
import type { Clock } from "./ports.ts";

/** A running deadline. Whoever starts one cancels it when what it is for has ended. */
export class Deadline {
  /** By the clock's `elapsed()`. */
  readonly ends_at: number;
  readonly #running: Set<Deadline>;
  #passed = false;
  #on_passed: (() => void) | null = null;
  #controller: AbortController | null = null;

  /** Made by {@linkcode Deadlines}. */
  constructor(ends_at: number, running: Set<Deadline>) {
    this.ends_at = ends_at;
    this.#running = running;
    running.add(this);
  }

  /** Whether the time is up. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Aborted when the time is up. Made when it is first asked for: most do without. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#passed) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Sets what is called when the time is up: one function, the last that was set. */
  onPassed(run: () => void): void {
    this.#on_passed = run;
  }

  /** What it is for has ended. */
  cancel(): void {
    this.#on_passed = null;
    this.#running.delete(this);
  }

  /** The time is up. */
  pass(): void {
    this.#passed = true;
    this.#on_passed?.();
    this.#controller?.abort();
  }
}

/** Deadlines of one length. There while it has a timer. */
interface Row {
  /** The one that ends first in front. */
  readonly running: Set<Deadline>;
  cancelTimer: () => void;
}

/** Starts deadlines, and lets them pass in time. */
export class Deadlines {
  readonly #clock: Pick<Clock, "after" | "elapsed">;
  readonly #rows = new Map<number, Row>();

  /** @param clock Whose timers they are. */
  constructor(clock: Pick<Clock, "after" | "elapsed">) {
    this.#clock = clock;
  }

  /**
   * Starts a deadline.
   *
   * @param timeout_ms How long, in milliseconds.
   * @returns The deadline.
   */
  start(timeout_ms: number): Deadline {
    const row = this.#rows.get(timeout_ms) ?? this.#begin(timeout_ms);
    return new Deadline(this.#clock.elapsed() + timeout_ms, row.running);
  }

  /** Ends the timers that nothing waits for: whoever made it is done. */
  close(): void {
    for (const [timeout_ms, { running, cancelTimer }] of this.#rows) {
      if (running.size > 0) continue;
      cancelTimer();
      this.#rows.delete(timeout_ms);
    }
  }

  #begin(timeout_ms: number): Row {
    const row: Row = { running: new Set(), cancelTimer: () => {} };
    this.#rows.set(timeout_ms, row);
    this.#wait(timeout_ms, row, timeout_ms);
    return row;
  }

  #wait(timeout_ms: number, row: Row, delay_ms: number): void {
    row.cancelTimer = this.#clock.after(delay_ms, () => this.#onTimer(timeout_ms, row));
  }

  /** What the timer was set for may have ended long ago: then it waits for the first of those that run now. */
  #onTimer(timeout_ms: number, row: Row): void {
    const now = this.#clock.elapsed();
    for (const deadline of row.running) {
      if (deadline.ends_at > now) return this.#wait(timeout_ms, row, deadline.ends_at - now);
      row.running.delete(deadline);
      deadline.pass();
    }
    this.#rows.delete(timeout_ms);
  }
}
