/**
 * How much was done, by the hour: counted in this process, added up over all processes when it is read.
 *
 * Owns the counters. A process sets what it counted and never adds to what is stored, so that writing again what may
 * have been written counts nothing twice. It must never take memory without bound, nor hold up what it counts.
 *
 * @module
 */
import type { Outcome } from "./delivery.ts";
import type { DeliveredEventName } from "./event_types.ts";
import { STATS, TIME } from "./limits.ts";
import type { Clock, Log } from "./ports.ts";
import type { Acceptance, StatPosition, StatStore, Store } from "./store.ts";

/** What is counted in an hour, for a webhook or a site as a whole. */
export interface StatCounts {
  /** Events accepted: of a webhook those it is told about. */
  readonly accepted: number;
  readonly attempts: number;
  readonly delivered: number;
  readonly retried: number;
  readonly failed: number;
  readonly blocked: number;
  readonly gone: number;
  /** How long the attempts took, all together. */
  readonly duration_ms_total: number;
}

/** Nothing counted. */
export const NO_COUNTS: StatCounts = {
  accepted: 0,
  attempts: 0,
  delivered: 0,
  retried: 0,
  failed: 0,
  blocked: 0,
  gone: 0,
  duration_ms_total: 0,
};

/** The counter of each outcome. */
const COUNTER = {
  delivered: "delivered",
  retry: "retried",
  failed: "failed",
  blocked: "blocked",
  gone: "gone",
} as const satisfies Record<Outcome, keyof StatCounts>;

/**
 * Adds up two counts of the same thing.
 *
 * @param a One.
 * @param b The other.
 * @returns Their sum, durations to the tenth of a millisecond that they are measured in.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { addCounts, NO_COUNTS } from "./stats.ts";
 * const one = { ...NO_COUNTS, attempts: 1, duration_ms_total: 0.1 };
 * assertEquals(addCounts(one, { ...one, duration_ms_total: 0.2 }).duration_ms_total, 0.3);
 * ```
 */
export function addCounts(a: StatCounts, b: StatCounts): StatCounts {
  return {
    accepted: a.accepted + b.accepted,
    attempts: a.attempts + b.attempts,
    delivered: a.delivered + b.delivered,
    retried: a.retried + b.retried,
    failed: a.failed + b.failed,
    blocked: a.blocked + b.blocked,
    gone: a.gone + b.gone,
    duration_ms_total: tenths(a.duration_ms_total + b.duration_ms_total),
  };
}

/** What durations are measured in: sums of them stay free of what binary fractions add. */
function tenths(duration_ms: number): number {
  return Math.round(duration_ms * 10) / 10;
}

/** What counting needs. */
export interface StatsPorts {
  readonly store: Pick<StatStore, "writeStats">;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly log: Pick<Log, "warn">;
  /** This process's id, new at every start. */
  readonly instance: string;
}

/** A counter in memory. */
interface Counter {
  readonly place: StatPosition;
  /** The process, and which of its counts. */
  readonly counter: string;
  /** Counted up where they are: each event and each attempt comes by here. */
  readonly counts: { -readonly [Count in keyof StatCounts]: StatCounts[Count] };
  /** Whether there is more than was last written. */
  dirty: boolean;
}

/** What an attempt is counted by. */
export interface CountedAttempt {
  readonly site_id: string;
  readonly webhook_id: string;
  readonly outcome: Outcome;
  readonly duration_ms: number;
}

/** Who is told of what was committed. */
export interface AcceptanceCounter {
  /** Counts an event that was accepted, for its site and for each webhook that is told. */
  countAccepted(site_id: string, webhook_ids: readonly string[], event: DeliveredEventName): void;
}

/** See the module. */
export class Stats {
  readonly #ports: StatsPorts;
  readonly #counters = new Map<string, Counter>();
  /** What was taken out of memory goes on under another number: what is set anew must not fall back to less. */
  #generation = 0;
  #lost = 0;
  #flushing: Promise<void> = Promise.resolve();
  #cancel: (() => void) | null = null;

  /** @param ports What it needs. */
  constructor(ports: StatsPorts) {
    this.#ports = ports;
  }

  /** Begins to write what is counted, every ten seconds. */
  start(): void {
    this.#cancel = this.#ports.clock.after(STATS.flush_ms, () => {
      void this.#tryFlush().then(() => this.#cancel !== null && this.start());
    });
  }

  /** Ends that, and writes what was counted last. */
  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    await this.#tryFlush();
  }

  /** Counts an event that was accepted, for its site and for each webhook that is told. */
  countAccepted(site_id: string, webhook_ids: readonly string[]): void {
    this.#countOne(site_id, null, "accepted");
    for (const webhook_id of webhook_ids) this.#countOne(site_id, webhook_id, "accepted");
  }

  /** Counts an attempt that was made. */
  countAttempt({ site_id, webhook_id, outcome, duration_ms }: CountedAttempt): void {
    const counts = this.#countOne(site_id, webhook_id, "attempts");
    if (counts === null) return;
    counts[COUNTER[outcome]]++;
    counts.duration_ms_total = tenths(counts.duration_ms_total + duration_ms);
  }

  /** Forgets what was counted for a site: it is being deleted. */
  async forget(site_id: string): Promise<void> {
    const forgetAll = (): void => {
      for (const [key, { place }] of this.#counters) {
        if (place.site_id === site_id) this.#counters.delete(key);
      }
    };
    forgetAll();
    // What is being written now was taken before.
    await this.#flushing.catch(() => {});
    forgetAll();
  }

  /**
   * Writes what was counted since the last time; one after the other.
   * @throws {AppError} `unavailable`; it stays in memory for the next time.
   */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.catch(() => {}).then(() => this.#flush());
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const { store, clock } = this.#ports;
    const dirty = [...this.#counters.values()].filter((counter) => counter.dirty);
    for (let from = 0; from < dirty.length; from += STATS.written_at_once) {
      const some = dirty.slice(from, from + STATS.written_at_once);
      for (const counter of some) counter.dirty = false;
      try {
        await store.writeStats(
          some.map(({ place, counter, counts }) => ({ ...place, counter, counts: { ...counts } })),
        );
      } catch (error) {
        for (const counter of some) counter.dirty = true;
        throw error;
      }
    }
    this.#evict(hourOf(clock.now()));
  }

  /** Lets go of what is written and over; when there is too much, of everything that is written. */
  #evict(hour: number): void {
    const full = this.#counters.size > STATS.counters_max / 2;
    if (full) this.#generation++;
    for (const [key, { place, dirty }] of this.#counters) {
      if (!dirty && (full || place.hour < hour)) this.#counters.delete(key);
    }
  }

  async #tryFlush(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.#ports.log.warn("stats.not_written", { error: String(error) });
    }
    if (this.#lost === 0) return;
    this.#ports.log.warn("stats.lost", { counts: this.#lost });
    this.#lost = 0;
  }

  /** Counts one of something. @returns The counts it is among, or null if there is no room for them. */
  #countOne(
    site_id: string,
    webhook_id: string | null,
    what: Exclude<keyof StatCounts, "duration_ms_total">,
  ): Counter["counts"] | null {
    const counter = this.#counterOf(site_id, webhook_id);
    if (counter === null) {
      this.#lost++;
      return null;
    }
    counter.counts[what]++;
    counter.dirty = true;
    return counter.counts;
  }

  #counterOf(site_id: string, webhook_id: string | null): Counter | null {
    const { clock, instance } = this.#ports;
    const hour = hourOf(clock.now());
    const key = `${hour} ${webhook_id ?? ""} ${site_id}`;
    const known = this.#counters.get(key);
    if (known !== undefined) return known;
    if (this.#counters.size >= STATS.counters_max) return null;
    const counter = `${instance}.${this.#generation}`;
    const made = { place: { site_id, webhook_id, hour }, counter, counts: { ...NO_COUNTS }, dirty: false };
    this.#counters.set(key, made);
    return made;
  }
}

/** The hour that a moment lies in, in hours since the epoch. */
export function hourOf(at_ms: number): number {
  return Math.floor(at_ms / TIME.HOUR_MS);
}

/** The part of storage that accepting needs. */
type Accepting = "acceptWith" | "alerts" | "idempotency" | "event";

/**
 * A store in which what is accepted is counted, as soon as it is committed.
 *
 * @param store The store.
 * @param counter Who counts.
 * @returns The part of it that accepting needs.
 */
export function countingStore(
  store: Pick<Store, Accepting>,
  counter: AcceptanceCounter,
): Pick<Store, Accepting> {
  function count({ event, deliveries }: Acceptance): void {
    const webhook_ids = deliveries.map(({ delivery }) => delivery.webhook_id);
    counter.countAccepted(event.site_id, webhook_ids, event.event);
  }
  return {
    idempotency: store.idempotency,
    event: store.event,
    alerts: store.alerts,
    async acceptWith(change, acceptances) {
      const versionstamp = await store.acceptWith(change, acceptances);
      if (versionstamp !== null) { for (const acceptance of acceptances) count(acceptance); }
      return versionstamp;
    },
  };
}
