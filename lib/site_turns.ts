/**
 * Turns among sites: however fast one site posts, another site's event waits behind a few of its events and not behind
 * all of them.
 *
 * Owns who may be accepted now, who waits, and who is told to slow down. It must never look at what is accepted.
 *
 * @module
 */
import { AppError } from "./errors.ts";
import { ACCEPT } from "./limits.ts";

interface Site {
  /** Events being accepted. */
  active: number;
  /** Events that wait, in the order in which they came. */
  readonly waiting: (() => void)[];
}

/** See the module. */
export class SiteTurns {
  /** Sites with something under way. */
  readonly #sites = new Map<string, Site>();
  readonly #at_once: number;

  /** @param at_once How much of one site may be under way at a time. */
  constructor(at_once: number = ACCEPT.per_site_at_once) {
    this.#at_once = at_once;
  }

  /** Sites with something under way: none when all is quiet. */
  get sites(): number {
    return this.#sites.size;
  }

  /**
   * Runs something for a site when it is the site's turn.
   *
   * @param site_id Whose turn is taken.
   * @param run What is to be done.
   * @returns What came of it.
   * @throws {AppError} `rate_limited` if so much of the site waits already that it is too fast for us.
   */
  async take<Result>(site_id: string, run: () => Promise<Result>): Promise<Result> {
    const site = this.#sites.get(site_id) ?? { active: 0, waiting: [] };
    this.#sites.set(site_id, site);
    if (site.active < this.#at_once) {
      site.active++;
    } else if (site.waiting.length < ACCEPT.per_site_waiting_max) {
      // Whoever ends hands its place on, so `active` stays as it is.
      await new Promise<void>((resolve) => void site.waiting.push(resolve));
    } else {
      throw new AppError(
        "rate_limited",
        `Cannot accept more events for this site just now: ${ACCEPT.per_site_waiting_max} of them are waiting`,
        { retry_after_s: 1 },
      );
    }
    try {
      return await run();
    } finally {
      const next = site.waiting.shift();
      if (next !== undefined) next();
      else if (--site.active === 0) this.#sites.delete(site_id);
    }
  }
}
