/**
 * What is so at the moment somebody looks: readiness, lanes, what waits, what is overdue.
 *
 * Owns the reading of it, bounded whatever waits: a look costs some reads, and never a walk that it waits for. What can't be
 * read is not a number; everything else is told all the same.
 *
 * @module
 */
import { withinDeadline } from "./deadline.ts";
import type { Census } from "./engine/census.ts";
import type { Engine } from "./engine/engine.ts";
import { AppError } from "./errors.ts";
import { METRICS } from "./limits.ts";
import type { PendingCount } from "./pending_count.ts";
import type { Clock } from "./ports.ts";
import type { DueCount, Marker, Store } from "./store.ts";

/** What is so just now. */
export interface Gauges extends Census {
  /** Whether `/readyz` would answer 200. */
  readonly ready: boolean;
  /** Deliveries that wait, in memory and in storage; null: not known. */
  readonly pending: DueCount | null;
  /** How long the delivery that is overdue the longest is so; 0: none is; null: not known. */
  readonly overdue_ms: number | null;
}

/** What is looked at. */
export interface GaugePorts {
  readonly store: Pick<Store, "markers" | "look">;
  readonly engine: Pick<Engine, "census">;
  readonly pending: Pick<PendingCount, "read">;
  readonly problems: () => Promise<readonly string[]>;
  readonly clock: Clock;
}

/**
 * Looks.
 *
 * @param ports At what.
 * @returns What is so now. It takes little more than a second, whatever fails.
 */
export async function gaugesNow({ store, engine, pending, problems, clock }: GaugePorts): Promise<Gauges> {
  const inTime = async <T>(work: Promise<T>): Promise<T | null> => {
    const late = (): Error => new AppError("unavailable", "too late");
    try {
      return await withinDeadline(work, { clock, deadline_ms: METRICS.read_ms_max, late });
    } catch {
      return null;
    }
  };
  const [found, counted, overdue_ms] = await Promise.all([
    inTime(problems()),
    inTime(pending.read()),
    inTime(overdueMs(store, clock.now())),
  ]);
  return { ...engine.census(), ready: found?.length === 0, pending: counted, overdue_ms };
}

/**
 * How long the delivery that is overdue the longest is so, of those that their lane does not hold back.
 *
 * The earliest markers lead to it; behind a marker there may be nothing any more, so some are looked behind, and no more
 * than some: thousands of webhooks may have one.
 *
 * @param store Where markers are.
 * @param now The time.
 * @returns Milliseconds; 0 if nothing is overdue.
 */
export async function overdueMs(store: Pick<Store, "markers" | "look">, now: number): Promise<number> {
  const markers: Marker[] = await store.markers(now, METRICS.markers_looked_behind, null);
  const webhooks = [...new Set(markers.map(({ webhook_id }) => webhook_id))];
  let earliest = now;
  for (let from = 0; from < webhooks.length; from += METRICS.looks_at_once) {
    const some = webhooks.slice(from, from + METRICS.looks_at_once);
    const looks = await Promise.all(some.map((webhook_id) => store.look(webhook_id, now, 1)));
    for (const { due: [first] } of looks) earliest = Math.min(earliest, first?.at ?? now);
  }
  return now - earliest;
}
