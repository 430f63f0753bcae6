/**
 * Reads one page of a site's events, newest first, with bounded work.
 *
 * @module
 */
import { INPUT } from "../lib/limits.ts";
import type { EventPage, EventQuery, StoredEvent } from "../lib/store.ts";
import type { Database } from "./database.ts";
import { getAll } from "./get_all.ts";
import { type Key, keys } from "./keys.ts";
import type { RecordReader } from "./record_reader.ts";
import { eventRecord } from "./event_record.ts";
import { eventOf } from "./unwritten.ts";

/** What a page is read with. */
export interface EventPageReader {
  readonly db: Database;
  readonly reader: RecordReader;
  /** The smallest id an event accepted at that time can have. */
  readonly idPrefixAt: (at_ms: number) => string;
}

/** Before and behind every event id. */
const FIRST_ID = "";
const LAST_ID = "\u{10ffff}";

/** The keys of a site's events between two ids, or null if nothing lies between: KV refuses such a range. */
export function eventRange(site_id: string, first: string, end: string): { start: Key; end: Key } | null {
  if (end <= first) return null;
  return { start: keys.siteEvent(site_id, first), end: keys.siteEvent(site_id, end) };
}

/** What the query bounds: ids sort by time, so a time is a place in the list. */
function rangeOf(
  site_id: string,
  query: EventQuery,
  { idPrefixAt }: EventPageReader,
): ReturnType<typeof eventRange> {
  const ends = [
    LAST_ID,
    ...(query.until === null ? [] : [idPrefixAt(query.until)]),
    ...(query.before === null ? [] : [query.before]),
  ];
  const end = ends.reduce((least, each) => each < least ? each : least);
  return eventRange(site_id, query.since === null ? FIRST_ID : idPrefixAt(query.since), end);
}

/**
 * Reads several events, in the order asked for; one that is kept no longer, or can't be read, is left out.
 *
 * @param from The database, and how its records are read.
 * @param ids Their ids.
 * @returns The events found.
 */
export async function readEvents(
  { db, reader }: { readonly db: Database; readonly reader: RecordReader },
  ids: readonly string[],
): Promise<StoredEvent[]> {
  return (await getAll(db, ids.map(keys.event)))
    .map((entry) => reader.read(eventRecord, entry)).filter((event) => event !== null).map(eventOf);
}

/**
 * Reads one page.
 *
 * @param from The database, how its records are read, and how ids of a time begin.
 * @param site_id Whose events.
 * @param query Which of them, and where to start.
 * @returns At most `query.limit` events; `next` is set while there may be more, even on a short page.
 */
export async function eventPage(
  from: EventPageReader,
  site_id: string,
  query: EventQuery,
): Promise<EventPage> {
  const range = rangeOf(site_id, query, from);
  if (range === null) return { events: [], next: null };
  const events: StoredEvent[] = [];
  const { start } = range;
  let { end } = range;
  /** The ids before the last one looked at, newest first. */
  async function idsBefore(limit: number): Promise<string[]> {
    const options = { reverse: true, limit, batchSize: limit };
    const entries = await Array.fromAsync(from.db.list({ start, end }, options));
    return entries.map(({ key }) => String(key[2]));
  }
  let examined = 0;
  // Without a filter the first batch is the page; a filter that matches little is looked through in larger ones.
  let batch_size = query.limit;
  while (examined < INPUT.page_examined_max) {
    const ids = await idsBefore(Math.min(batch_size, INPUT.page_examined_max - examined));
    const last = ids.at(-1);
    if (last === undefined) return { events, next: null };
    end = keys.siteEvent(site_id, last);
    for (const event of await readEvents(from, ids)) {
      // Another site's record is never shown, whatever its key says.
      if (event.site_id !== site_id || (query.event !== null && event.event !== query.event)) continue;
      events.push(event);
      if (events.length < query.limit) continue;
      const more = event.id !== last || (await idsBefore(1)).length > 0;
      return { events, next: more ? event.id : null };
    }
    examined += ids.length;
    batch_size = INPUT.page_max;
  }
  return { events, next: (await idsBefore(1)).length > 0 ? String(end[2]) : null };
}
