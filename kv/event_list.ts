/**
 * Lists of events: those of a site, and the log of each webhook. Many entries of one moment are one record.
 *
 * Owns how the entries that one group commit adds to a list are put together, and the order in which they are read. The
 * key of a record names its newest event; of an entry by itself that is all. A block has the other events in its value. They
 * are of one short span of time, so whoever reads from a place on reads only that much beyond it
 * (docs/decisions/0018-list-blocks.md).
 *
 * @module
 */
import { KV, LIST } from "../lib/limits.ts";
import type { Database } from "./database.ts";
import { eventTime } from "./event_time.ts";
import { FIRST_ID, type Key, LAST_ID } from "./keys.ts";
import type { RecordReader } from "./record_reader.ts";
import { listBlockRecord } from "./records.ts";

const EMPTY = new Uint8Array(0);

/**
 * An entry as it would be by itself: the last part of its key is the id of an event. It must come with its event: a block that
 * another process wrote for the same one could have the same key.
 */
export interface ListEntry {
  readonly key: Key;
  readonly expire_in_ms: number;
}

/** What an entry takes at the most besides its key: its part of a block, and of what is in a block once. */
export const ENTRY_BYTES_MAX = 48;

/** A record as it is written. */
export interface ListRecord {
  readonly key: Key;
  readonly value: Uint8Array<ArrayBuffer>;
  readonly expire_in_ms: number;
}

function idOf({ key }: ListEntry): string {
  return String(key.at(-1));
}

/** Gathers the entries of a group commit. */
export class ListEntries {
  readonly #lists = new Map<string, ListEntry[]>();

  add(entry: ListEntry): void {
    const { key } = entry;
    let name = "";
    for (let part = 0; part < key.length - 1; part++) name += `${String(key[part])}\u0000`;
    const entries = this.#lists.get(name);
    if (entries === undefined) this.#lists.set(name, [entry]);
    else entries.push(entry);
  }

  /**
   * The records of all lists.
   *
   * @param operation The number of the atomic operation that writes them, among those of this process. If its answer is lost
   * it may be made again in parts, which must not overwrite what the whole had written.
   */
  *records(operation: number): Generator<ListRecord> {
    for (const entries of this.#lists.values()) {
      for (const block of blocksOf(entries)) yield recordOf(block, operation);
    }
  }
}

/** Divides the entries of a list by time and number, the earliest first. */
function* blocksOf(entries: ListEntry[]): Generator<ListEntry[]> {
  if (entries.length > 1) entries.sort((a, b) => idOf(a) < idOf(b) ? -1 : 1);
  let block: ListEntry[] = [];
  let ends_at = 0;
  for (const entry of entries) {
    const at = entries.length === 1 ? 0 : eventTime(idOf(entry));
    if (block.length > 0 && (at > ends_at || block.length === LIST.block_entries_max)) {
      yield block;
      block = [];
    }
    if (block.length === 0) ends_at = at + LIST.block_span_ms;
    block.push(entry);
  }
  if (block.length > 0) yield block;
}

function recordOf(block: readonly ListEntry[], operation: number): ListRecord {
  const newest = block.at(-1) as ListEntry;
  if (block.length === 1) return { ...newest, value: EMPTY };
  return {
    key: [...newest.key, operation],
    value: listBlockRecord.encode({ event_ids: block.map(idOf) }),
    expire_in_ms: block.reduce((longest, { expire_in_ms }) => Math.max(longest, expire_in_ms), 0),
  };
}

/** What lists are read with. */
export interface ListSource {
  readonly db: Pick<Database, "list">;
  readonly reader: RecordReader;
  /** The smallest id an event accepted at that time can have. */
  readonly idPrefixAt: (at_ms: number) => string;
}

/** A part of a list: from the first id on, up to the end and without it. */
export interface ListRange {
  readonly list: Key;
  readonly first: string;
  readonly end: string;
}

/**
 * The events of a record of a list.
 *
 * @param entry The record as read.
 * @param at Where in its key the id of its newest event is.
 * @param reader Of a block that can't be read, that one is all there is.
 */
export function eventIdsOf(
  entry: Deno.KvEntry<unknown>,
  at: number,
  reader: RecordReader,
): readonly string[] {
  const newest = String(entry.key[at]);
  if (entry.key.length === at + 1) return [newest];
  return reader.read(listBlockRecord, entry)?.event_ids ?? [newest];
}

/** The keys of all records that may have events of a range. */
function keysOf({ list, first, end }: ListRange, { idPrefixAt }: ListSource): { start: Key; end: Key } {
  const beyond = end === LAST_ID ? end : idPrefixAt(eventTime(end) + LIST.block_span_ms + 1);
  return { start: [...list, first], end: [...list, beyond > end ? beyond : end] };
}

/** How many records of a list are read at once. */
export interface BatchSizes {
  readonly first: number;
  /** Each read after it takes twice as many as the one before, up to so many. */
  readonly later: number;
}

/** Reads a list from its newest event on: a batch of records at a time, each of which is looked into when it is its turn. */
export class ListReader {
  readonly #from: ListSource;
  readonly #range: ListRange;
  readonly #sizes: BatchSizes;
  readonly #start: Key;
  #end: Key;
  #batch_size: number;
  /** Read, and not looked into from {@linkcode ListReader.#next} on. */
  #records: Deno.KvEntry<unknown>[] = [];
  #next = 0;
  /** Whether there are no records behind these. */
  #over = false;
  /** What those looked into have, newest first from {@linkcode ListReader.#taken} on. */
  #ids: string[] = [];
  #taken = 0;
  /** Only what is earlier is still to be taken. */
  #below: string;
  #head: string | null = null;

  constructor(from: ListSource, range: ListRange, sizes: BatchSizes) {
    this.#from = from;
    this.#range = range;
    this.#sizes = sizes;
    this.#batch_size = sizes.first;
    this.#below = range.end;
    ({ start: this.#start, end: this.#end } = keysOf(range, from));
  }

  /** The newest event that was not taken yet; null at the end, or where {@linkcode ListReader.fill} has to come first. */
  get head(): string | null {
    return this.#head;
  }

  get needs_filling(): boolean {
    return this.#head === null && !this.#over;
  }

  take(): void {
    this.#below = this.#ids[this.#taken++] ?? this.#below;
    this.#advance();
  }

  /** Reads on, until there is a head or the list is at its end. */
  async fill(): Promise<void> {
    while (this.needs_filling) await this.#readBatch();
  }

  /** Takes so many events, or as many as there are. */
  async takeMany(most: number): Promise<string[]> {
    const taken: string[] = [];
    while (taken.length < most) {
      if (this.needs_filling) await this.fill();
      if (this.#head === null) break;
      taken.push(this.#head);
      this.take();
    }
    return taken;
  }

  /** Whether there are more. */
  async anyLeft(): Promise<boolean> {
    await this.fill();
    return this.#head !== null;
  }

  async #readBatch(): Promise<void> {
    const batch_size = this.#batch_size;
    this.#batch_size = Math.min(2 * batch_size, this.#sizes.later);
    const range = { start: this.#start, end: this.#end };
    const options = { reverse: true, limit: batch_size, batchSize: batch_size };
    this.#records = await Array.fromAsync(this.#from.db.list(range, options));
    this.#next = 0;
    this.#end = this.#records.at(-1)?.key ?? this.#end;
    this.#over = this.#records.length < batch_size;
    this.#advance();
  }

  /** Looks into records until it is known which event comes next: nothing in the next record is newer than its newest. */
  #advance(): void {
    for (;;) {
      const id = this.#ids[this.#taken];
      const record = this.#records[this.#next];
      const newest_left = record === undefined && this.#over
        ? FIRST_ID
        : this.#newestOf(record?.key ?? this.#end);
      this.#head = id !== undefined && id >= newest_left ? id : null;
      if (this.#head !== null || record === undefined) return;
      this.#next++;
      this.#lookInto(record);
    }
  }

  #lookInto(record: Deno.KvEntry<unknown>): void {
    const { list, first } = this.#range;
    const found = eventIdsOf(record, list.length, this.#from.reader)
      .filter((id) => id < this.#below && id >= first);
    const left = this.#ids.slice(this.#taken);
    this.#ids = left.length + found.length > 1
      ? sortedOnce([...left, ...found]).reverse()
      : left.concat(found);
    this.#taken = 0;
  }

  #newestOf(key: Key): string {
    return String(key[this.#range.list.length]);
  }
}

/** Oldest first, each once: an event is listed twice if its entry was made again to last longer. */
function sortedOnce(ids: readonly string[]): string[] {
  return [...new Set(ids)].sort();
}

/** Records that are read at first; each read after that takes twice as many. */
const OLDEST_FIRST = 16;

/**
 * Reads a list from its oldest event on.
 *
 * @param from The database, and how its records are read.
 * @param range Which part of it; its ends must not meet.
 * @param most How many.
 * @returns At most so many events, oldest first.
 */
export async function oldestIds(from: ListSource, range: ListRange, most: number): Promise<string[]> {
  const { list, first, end } = range;
  const { end: until, start } = keysOf(range, from);
  let next = start;
  let ids: string[] = [];
  // Of blocks a few are enough.
  for (let limit = OLDEST_FIRST;; limit = Math.min(2 * limit, KV.list_batch_max)) {
    const entries = await Array.fromAsync(
      from.db.list({ start: next, end: until }, { limit, batchSize: limit }),
    );
    const found = entries.flatMap((entry) => eventIdsOf(entry, list.length, from.reader));
    ids = sortedOnce([...ids, ...found.filter((id) => id >= first && id < end)]).slice(0, most);
    const last = entries.at(-1);
    if (last === undefined || entries.length < limit) return ids;
    // A record that comes later has nothing that is earlier than this.
    const all_read = eventTime(String(last.key[list.length])) - LIST.block_span_ms;
    const wanted = ids[most - 1];
    if (wanted !== undefined && eventTime(wanted) < all_read) return ids;
    next = [...last.key, 0];
  }
}
