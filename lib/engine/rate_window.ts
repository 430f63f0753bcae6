/**
 * How much was sent within the last minute, so that a rate limit holds for any sixty seconds and not just for those of
 * the clock.
 *
 * Owns a count for each second. It must never allow more than the limit within a minute; at worst it waits a second more
 * than needed.
 *
 * @module
 */
import { TIME } from "../limits.ts";

/** Seconds that a minute can touch: its first and its last are cut. */
const SECONDS = 61;

/** See the module. */
export class RateWindow {
  /** Sends of each of the last seconds, oldest first. */
  #seconds: { readonly second: number; sends: number }[] = [];

  /** Notes a send. */
  note(now: number): void {
    const second = Math.floor(now / TIME.SECOND_MS);
    const last = this.#seconds.at(-1);
    if (last !== undefined && last.second >= second) last.sends++;
    else this.#seconds.push({ second, sends: 1 });
    this.#forget(now);
  }

  /** How many more may be sent now. */
  left(now: number, limit: number): number {
    return Math.max(limit - this.#sent(now), 0);
  }

  /** When the next may be sent; null for now. */
  freeAt(now: number, limit: number): number | null {
    let sent = this.#sent(now);
    for (const { second, sends } of this.#seconds) {
      if (sent < limit) break;
      sent -= sends;
      if (sent < limit) return (second + SECONDS) * TIME.SECOND_MS;
    }
    return null;
  }

  #sent(now: number): number {
    this.#forget(now);
    return this.#seconds.reduce((sum, { sends }) => sum + sends, 0);
  }

  #forget(now: number): void {
    const oldest = Math.floor(now / TIME.SECOND_MS) - SECONDS;
    const kept = this.#seconds.findIndex(({ second }) => second > oldest);
    if (kept !== 0) this.#seconds = kept < 0 ? [] : this.#seconds.slice(kept);
  }
}
