/**
 * The clock of one process: it may be ahead of the others', jump, sleep as a suspended machine does, and end.
 *
 * Owns the difference between the time of the world and the time of a process. Timers run on the world's time, as
 * monotonic ones do: a jump of the wall clock moves none of them.
 *
 * @module
 */
import type { Clock } from "../../lib/ports.ts";
import { type ManualClock, settle } from "../helpers/manual_clock.ts";

/** See the module. */
export class ProcessClock implements Clock {
  readonly #world: ManualClock;
  readonly #jumped_ms: () => number;
  /** How far this process's wall clock is ahead of the world's. */
  #ahead_ms: number;
  #state: "awake" | "asleep" | "dead" = "awake";
  #missed: (() => void)[] = [];

  /**
   * @param world The time of the world.
   * @param jumped_ms How far all wall clocks have jumped.
   * @param ahead_ms How far this one is ahead of the others.
   */
  constructor(world: ManualClock, jumped_ms: () => number, ahead_ms: number) {
    this.#world = world;
    this.#jumped_ms = jumped_ms;
    this.#ahead_ms = ahead_ms;
  }

  now(): number {
    return this.#world.now() + this.#jumped_ms() + this.#ahead_ms;
  }

  /** How far its wall clock is ahead of those that were never set. */
  get ahead_ms(): number {
    return this.#ahead_ms;
  }

  /** The time of the world, which no process knows. */
  get world_now(): number {
    return this.#world.now();
  }

  elapsed(): number {
    return this.#world.elapsed();
  }

  after(delay_ms: number, run: () => void): () => void {
    if (this.#state === "dead") return () => {};
    let cancelled = false;
    const once = (): void => {
      if (!cancelled) run();
    };
    const cancel = this.#world.after(delay_ms, () => {
      if (this.#state === "awake") once();
      else if (this.#state === "asleep") this.#missed.push(once);
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** When it was last set, by the world's time. */
  jumped_at = -Infinity;

  /** This process's wall clock alone is set forward. */
  jump(ms: number): void {
    this.jumped_at = this.#world.now();
    this.#ahead_ms += ms;
  }

  sleep(): void {
    if (this.#state === "awake") this.#state = "asleep";
  }

  /** Runs the timers that fell due meanwhile, in their order, each with everything that follows from it at once. */
  async wake(): Promise<void> {
    if (this.#state !== "asleep") return;
    this.#state = "awake";
    const missed = this.#missed;
    this.#missed = [];
    for (const run of missed) {
      if (!this.#runs) return;
      run();
      await settle();
    }
  }

  /** Whether it did not end or fall asleep again. */
  get #runs(): boolean {
    return this.#state === "awake";
  }

  /** No timer runs any more. */
  end(): void {
    this.#state = "dead";
    this.#missed = [];
  }
}
