/**
 * How many deliveries wait, counted when somebody asks.
 *
 * Owns how often. There is no number of them anywhere, so due entries are walked, and a long walk is made rarely: counting
 * takes no more than a hundredth of the time, and who asks meanwhile is told what was counted last.
 *
 * @module
 */
import { METRICS } from "./limits.ts";
import type { Clock } from "./ports.ts";
import type { DueCount, Store } from "./store.ts";

/** What counting needs. */
export interface PendingPorts {
  readonly store: Pick<Store, "countDue">;
  readonly clock: Pick<Clock, "now" | "elapsed" | "after">;
}

/** See the module. */
export class PendingCount {
  readonly #ports: PendingPorts;
  #latest: DueCount | null = null;
  #again_at = -Infinity;
  #counting: Promise<void> | null = null;

  /** @param ports What it needs. */
  constructor(ports: PendingPorts) {
    this.#ports = ports;
  }

  /**
   * Counts, unless it was counted lately.
   * @returns The newest count; the one before if this one takes long; null if there is none.
   */
  async read(): Promise<DueCount | null> {
    const { clock } = this.#ports;
    if (this.#counting === null && clock.elapsed() >= this.#again_at) {
      this.#counting = this.#count().finally(() => this.#counting = null);
    }
    if (this.#counting !== null) {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancel = clock.after(METRICS.count_waited_ms_max, resolve);
      await Promise.race([this.#counting, late]);
      cancel();
    }
    return this.#latest;
  }

  async #count(): Promise<void> {
    const { store, clock } = this.#ports;
    const started = clock.elapsed();
    try {
      this.#latest = await store.countDue(clock.now(), METRICS.counted_max);
    } catch {
      // What was counted before is not true any longer. Why storage can't be read is told by readiness.
      this.#latest = null;
    }
    const ended = clock.elapsed();
    this.#again_at = ended + Math.max((ended - started) * METRICS.count_rest, METRICS.count_ms_min);
  }
}
