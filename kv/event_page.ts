/**
 * Reads one page of a site's events, newest first, with bounded work.
 *
 * @module
 */
import { INPUT } from "../lib/limits.ts";
import type { EventPage, EventQuery, StoredEvent } from "../lib/store.ts";
import type { Database } from "./database.ts";
import { getAll } from "./get_all.ts";
import { type ListRange, ListReader, type ListSource } from "./event_list.ts";
import { FIRST_ID, keys, LAST_ID } from "./keys.ts";
import type { RecordReader } from "./record_reader.ts";
import { eventRecord } from "./event_record.ts";
import { eventOf } from "./unwritten.ts";

/** What a page is read with. */
export interface EventPageReader extends ListSource {
  readonly db: Database;
}

/** What the query bounds: ids sort by time, so a time is a place in the list. Null if nothing lies between. */
function rangeOf(
  site_id: string,
  query: EventQuery,
  { idPrefixAt }: EventPageReader,
): ListRange | null {
  const ends = [
    LAST_ID,
    ...(query.until === null ? [] : [idPrefixAt(query.until)]),
    ...(query.before === null ? [] : [query.before]),
  ];
  const end = ends.reduce((least, each) => each < least ? each : least);
  const first = query.since === null ? FIRST_ID : idPrefixAt(query.since);
  return end <= first ? null : { list: keys.siteEventsOf(site_id), first, end };
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
  const list = new ListReader(from, range, { first: query.limit + 1, later: INPUT.page_max });
  let examined = 0;
  let last: string | null = null;
  // Without a filter the first batch is the page; a filter that matches little is looked through in larger ones.
  let batch_size = query.limit;
  while (examined < INPUT.page_examined_max) {
    const ids = await list.takeMany(Math.min(batch_size, INPUT.page_examined_max - examined));
    if (ids.length === 0) return { events, next: null };
    last = ids.at(-1) ?? null;
    for (const event of await readEvents(from, ids)) {
      // Another site's record is never shown, whatever its key says.
      if (event.site_id !== site_id || (query.event !== null && event.event !== query.event)) continue;
      events.push(event);
      if (events.length < query.limit) continue;
      const more = event.id !== last || await list.anyLeft();
      return { events, next: more ? event.id : null };
    }
    examined += ids.length;
    batch_size = INPUT.page_max;
  }
  return { events, next: await list.anyLeft() ? last : null };
}
