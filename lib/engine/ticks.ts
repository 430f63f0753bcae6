/**
 * What the engine does again and again, or once beside its work.
 *
 * Owns the timers of a running engine. A failure is told and ends nothing: the next tick tries again.
 *
 * @module
 */
import type { Clock, Log } from "../ports.ts";

/** See the module. */
export class Ticks {
  readonly #ports: { readonly clock: Pick<Clock, "after">; readonly log: Pick<Log, "warn"> };
  readonly #cancel_timers: (() => void)[] = [];
  #stopped = false;

  /** @param ports Whose timers, and who is told of failures. */
  constructor(ports: { readonly clock: Pick<Clock, "after">; readonly log: Pick<Log, "warn"> }) {
    this.#ports = ports;
  }

  /** Does something at an interval, counted from the end of the time before. */
  every(interval_ms: number, run: () => Promise<void>): void {
    const index = this.#cancel_timers.length;
    const again = (): void => {
      this.#cancel_timers[index] = this.#ports.clock.after(interval_ms, () => {
        void this.beside(run()).finally(() => this.#stopped || again());
      });
    };
    again();
  }

  /** Lets something go on that nobody waits for. */
  async beside(doing: Promise<void>): Promise<void> {
    try {
      await doing;
    } catch (error) {
      // When the process ends, storage is closed under it.
      if (!this.#stopped) this.#ports.log.warn("engine.tick_failed", { error: String(error) });
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancel_timers.splice(0)) cancel();
  }
}
