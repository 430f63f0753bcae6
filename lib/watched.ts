/**
 * What the watching of Plausible brings in: events and readings, on the way that those of callers take.
 *
 * Owns that an event of a watch is accepted in the commit that moves the watch on, or not at all.
 *
 * @module
 */
import type { AcceptPorts } from "./accept.ts";
import { admit } from "./admit.ts";
import { decide } from "./decide.ts";
import { parseEvent } from "./event.ts";
import type { EventPayload } from "./event_types.ts";
import { decideReading, parseReading } from "./reading.ts";
import type { WatchChange } from "./store.ts";
import { takeReading } from "./take_reading.ts";

/**
 * Accepts an event and moves its site's watch on.
 *
 * @param payload The event. It passes the door like any other.
 * @param change The state of the watch after it.
 * @param ports What accepting needs.
 * @returns The versionstamp of the state, or null if someone else changed it: then nothing is accepted.
 * @throws {AppError} `unavailable`, `rate_limited`; `personal_data`, `validation_failed` if the watch made a bad event.
 */
export async function acceptWatched(
  payload: EventPayload,
  change: WatchChange,
  ports: AcceptPorts,
): Promise<string | null> {
  const { site_id } = change;
  const told = { ...payload, site_id: ports.directory.names.nameOf(site_id) };
  const { payload: parsed, body } = parseEvent(told, ports.clock.now());
  return await ports.turns.take(site_id, async () => {
    const webhooks = await ports.directory.webhooksOf(site_id);
    const decisions = decide(parsed, webhooks);
    const admission = { payload: { ...parsed, site_id }, body, webhooks, decisions };
    return (await admit([admission], change, ports))?.versionstamp ?? null;
  });
}

/** A reading as a watch takes it: its time in milliseconds, the rest as a caller posts it. */
export interface TakenByWatch {
  readonly at: number;
  readonly current_visitors: number;
}

/**
 * Takes a reading of a watch.
 *
 * @param site_id Whose.
 * @param reading The reading.
 * @param ports What accepting needs.
 * @throws {AppError} `unavailable`, `rate_limited`; `personal_data`, `validation_failed` if the watch made a bad one.
 */
export async function takeWatchedReading(
  site_id: string,
  { at, ...rest }: TakenByWatch,
  ports: AcceptPorts,
): Promise<void> {
  const reading = parseReading({ ...rest, at: new Date(at).toISOString() }, ports.clock.now());
  await takeReading(site_id, reading, ports);
}

/**
 * Whether a reading with so many visitors would be told as a spike.
 *
 * @param site_id Whose.
 * @param reading The reading as far as it is known.
 * @param ports What is remembered of the site, and its webhooks.
 * @returns Whether any webhook would be told.
 */
export async function wouldSpike(
  site_id: string,
  { at, current_visitors }: TakenByWatch,
  { store, directory }: Pick<AcceptPorts, "directory"> & {
    readonly store: Pick<AcceptPorts["store"], "alerts">;
  },
): Promise<boolean> {
  const webhooks = await directory.webhooksOf(site_id);
  const { value } = await store.alerts(site_id);
  const timestamp = new Date(at).toISOString();
  const reading = { at, timestamp, current_visitors, visitors_12h: null, tops: {} };
  const decided = decideReading(site_id, reading, webhooks, value);
  return decided?.alerts.some(({ decisions }) => decisions.some(({ reason }) => reason === null)) ?? false;
}
