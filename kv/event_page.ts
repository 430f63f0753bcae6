/**
 * Reads one page of a site's events, newest first, with bounded work.
 *
 * @module
 */
import { INPUT, KV } from "../lib/limits.ts";
import type { EventPage, EventQuery, StoredEvent } from "../lib/store.ts";
import type { Database } from "./database.ts";
import { type Key, keys } from "./keys.ts";
import { eventRecord } from "./records.ts";

/** What a page is read with. */
export interface EventPageReader {
  readonly db: Database;
  /** The smallest id an event accepted at that time can have. */
  readonly idPrefixAt: (at_ms: number) => string;
}

/** The keys between the ends that the query sets: ids sort by time, so a time is a place in the list. */
function range(
  site_id: string,
  query: EventQuery,
  { idPrefixAt }: EventPageReader,
): { start: Key; end: Key } {
  const ends = [
    ...(query.until === null ? [] : [idPrefixAt(query.until)]),
    ...(query.before === null ? [] : [query.before]),
  ].toSorted();
  return {
    start: keys.siteEvent(site_id, query.since === null ? "" : idPrefixAt(query.since)),
    end: keys.siteEvent(site_id, ends[0] ?? "\u{10ffff}"),
  };
}

/**
 * Reads several events, in the order asked for; one that is kept no longer is left out.
 *
 * @param db The database.
 * @param ids Their ids.
 * @returns The events found.
 */
export async function readEvents(db: Database, ids: readonly string[]): Promise<StoredEvent[]> {
  const chunks: Promise<Deno.KvEntryMaybe<Uint8Array>[]>[] = [];
  for (let from = 0; from < ids.length; from += KV.get_many_max) {
    chunks.push(db.getMany<Uint8Array[]>(ids.slice(from, from + KV.get_many_max).map(keys.event)));
  }
  return (await Promise.all(chunks)).flat()
    .flatMap((entry) => entry.versionstamp === null ? [] : [eventRecord.decode(entry.value)]);
}

/**
 * Reads one page.
 *
 * @param reader The database, and how ids of a time begin.
 * @param site_id Whose events.
 * @param query Which of them, and where to start.
 * @returns At most `query.limit` events; `next` is set while there may be more, even on a short page.
 */
export async function eventPage(
  reader: EventPageReader,
  site_id: string,
  query: EventQuery,
): Promise<EventPage> {
  const events: StoredEvent[] = [];
  let examined = 0;
  let { start, end } = range(site_id, query, reader);
  while (events.length < query.limit && examined < INPUT.page_examined_max) {
    const limit = query.limit - events.length;
    const options = { reverse: true, limit, batchSize: limit };
    const entries = await Array.fromAsync(reader.db.list({ start, end }, options));
    const ids = entries.map(({ key }) => String(key[2]));
    const last = ids.at(-1);
    if (last === undefined) return { events, next: null };
    end = keys.siteEvent(site_id, last);
    examined += ids.length;
    for (const event of await readEvents(reader.db, ids)) {
      // Another site's record is never shown, whatever its key says.
      if (event.site_id === site_id && (query.event === null || event.event === query.event)) {
        events.push(event);
      }
    }
    if (ids.length < limit) return { events, next: null };
  }
  const more = await Array.fromAsync(
    reader.db.list({ start, end }, { reverse: true, limit: 1, batchSize: 1 }),
  );
  return { events, next: more.length === 0 ? null : String(end[2]) };
}
