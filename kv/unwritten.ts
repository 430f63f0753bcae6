/**
 * Deliveries that nothing has happened to yet: they have no record of their own.
 *
 * Owns what stands for such a delivery until it is first moved: its due entry, which is written with the event in any case
 * and says all there is to know, and its event, which says when that entry is. The record comes with the first attempt. A
 * delivery is written once instead of twice then (docs/decisions/0015-unwritten-deliveries.md).
 *
 * It must never be guessed from an event alone that there is such a delivery: without its due entry it is over and expired.
 *
 * @module
 */
import { assert } from "@std/assert";
import { isUntouched, newDelivery } from "../lib/delivery.ts";
import { leased } from "../lib/delivery_moves.ts";
import type { Acceptance, DueEntry, KnownDelivery, StoredEvent, UnwrittenDelivery } from "../lib/store.ts";
import type { Database } from "./database.ts";
import { getAll } from "./get_all.ts";
import { type Key, keys } from "./keys.ts";
import type { RecordReader } from "./record_reader.ts";
import { type EventRecord, eventRecord } from "./event_record.ts";
import { deliveryRecord, dueRecord } from "./records.ts";

/** What names a delivery. */
export interface DeliveryName {
  readonly event_id: string;
  readonly webhook_id: string;
}

/**
 * The delivery that a due entry stands for.
 *
 * @param entry The entry as read.
 * @returns The delivery, or null if it has a record of its own.
 */
export function fromDueEntry({ unwritten, at, owner, ...of }: DueEntry): KnownDelivery | null {
  if (unwritten === null) return null;
  const { event, created_at, versionstamp } = unwritten;
  const made = newDelivery({ ...of, event, trigger: "automatic", created_at, queued_at: created_at });
  const value = owner === null ? { ...made, due_at: at } : leased(made, { owner, until_ms: at });
  return { value, versionstamp, written: false };
}

/**
 * What an event's record says of the deliveries that are made with it and have no record.
 *
 * @param event The event.
 * @param deliveries Those made with it.
 * @returns The event with the time of their due entries, in the order of its decisions.
 */
export function withFirstDue(event: StoredEvent, deliveries: Acceptance["deliveries"]): EventRecord {
  if (deliveries.length === 0) return event;
  let next = 0;
  // Both are in the order of the site's webhooks.
  const first_due = event.decisions.map(({ webhook_id }) => {
    const delivery = deliveries[next]?.delivery;
    if (delivery?.webhook_id !== webhook_id) return null;
    next++;
    return isUntouched(delivery) ? delivery.due_at : null;
  });
  assert(next === deliveries.length, "each delivery of an event was decided about, in this order");
  return { ...event, first_due };
}

/** What is to be known of a delivery that was made with an event, besides when it is due and who is at it. */
export function unwrittenOf({ event, accepted_at }: StoredEvent): UnwrittenDelivery {
  return { event, created_at: accepted_at };
}

/** The event as the domain knows it. */
export function eventOf({ first_due: _, ...event }: EventRecord): StoredEvent {
  return event;
}

/** What deliveries are read with. */
interface Reading {
  readonly db: Pick<Database, "getMany">;
  readonly reader: RecordReader;
}

/** The key of a delivery's record. */
export function deliveryKey({ event_id, webhook_id }: DeliveryName): Key {
  return keys.delivery(event_id, webhook_id);
}

function written(
  entry: Deno.KvEntryMaybe<Uint8Array>,
  reader: RecordReader,
): KnownDelivery | null {
  const value = reader.read(deliveryRecord, entry);
  return value === null || entry.versionstamp === null
    ? null
    : { value, versionstamp: entry.versionstamp, written: true };
}

/**
 * Reads a due entry.
 *
 * @param entry As the database has it.
 * @param reader For one that can't be read: the next walk makes it anew.
 * @returns The entry, or null.
 */
export function dueEntryOf(
  entry: Deno.KvEntryMaybe<Uint8Array>,
  reader: RecordReader,
): DueEntry | null {
  const record = reader.read(dueRecord, entry);
  if (record === null || entry.versionstamp === null) return null;
  const { site_id, owner, unwritten } = record;
  const [, webhook_id, at, event_id] = entry.key;
  return {
    webhook_id: String(webhook_id),
    at: Number(at),
    event_id: String(event_id),
    site_id,
    owner,
    unwritten: unwritten === null ? null : { ...unwritten, versionstamp: entry.versionstamp },
  };
}

/**
 * Reads deliveries, with or without records.
 *
 * @param reading The database, and how its records are read.
 * @param names Which; a due entry that was just read and stands for a delivery is that delivery.
 * @returns Each as it is, null for one that is not there or can't be read.
 */
export async function readDeliveries(
  { db, reader }: Reading,
  names: readonly (DeliveryName | DueEntry)[],
): Promise<(KnownDelivery | null)[]> {
  const standing = names.map((name) => "unwritten" in name ? fromDueEntry(name) : null);
  const asked = names.filter((_, index) => standing[index] === null);
  const entries = await getAll(db, asked.map(deliveryKey));
  const missing = asked.filter((_, index) => entries[index]?.versionstamp === null);
  const unwritten = missing.length === 0 ? [] : await readUnwritten({ db, reader }, missing);
  const [next_entry, next_unwritten] = [entries.values(), unwritten.values()];
  return standing.map((known) => {
    if (known !== null) return known;
    const entry = next_entry.next().value;
    if (entry === undefined) return null;
    return entry.versionstamp === null ? next_unwritten.next().value ?? null : written(entry, reader);
  });
}

/** Deliveries that had no record a moment ago: their events say where their due entries are, or were. */
async function readUnwritten(
  { db, reader }: Reading,
  names: readonly DeliveryName[],
): Promise<(KnownDelivery | null)[]> {
  const event_ids = [...new Set(names.map(({ event_id }) => event_id))];
  const entries = await getAll(db, event_ids.map(keys.event));
  const events = new Map(event_ids.map((id, index) => {
    const entry = entries[index];
    return [id, entry === undefined ? null : reader.read(eventRecord, entry)];
  }));
  return await Promise.all(names.map(async (name) => {
    const at = firstDue(events.get(name.event_id) ?? null, name.webhook_id);
    if (at === null) return null;
    // Both at one moment: the record may have come since it was missed, and the due entry have gone with that.
    const [delivery, due] = await db.getMany<[Uint8Array, Uint8Array]>([
      deliveryKey(name),
      keys.due(name.webhook_id, at, name.event_id),
    ]);
    if (delivery.versionstamp !== null) return written(delivery, reader);
    const entry = dueEntryOf(due, reader);
    return entry === null ? null : fromDueEntry(entry);
  }));
}

/**
 * When the due entry is, or was, of a delivery without a record.
 *
 * @param event Its event.
 * @param webhook_id For whom it is.
 * @returns The time; null if it has a record since it was made.
 */
export function firstDue(event: EventRecord | null, webhook_id: string): number | null {
  const index = event?.decisions.findIndex((decision) => decision.webhook_id === webhook_id) ?? -1;
  return event?.first_due?.[index] ?? null;
}
