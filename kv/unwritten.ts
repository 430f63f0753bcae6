/**
 * Deliveries that nothing has happened to yet: they have no record of their own.
 *
 * Owns what stands for such a delivery until it is first moved. One that waits has a due entry, written with the event, which
 * says all there is to know, and the event says when that entry is. One that a process holds since it was accepted has a part
 * in a group lease, and the event says who holds it. The record comes with the first attempt. A delivery is written once
 * instead of twice then (docs/decisions/0015-unwritten-deliveries.md, 0017-group-leases.md).
 *
 * It must never be guessed from an old event that there is such a delivery: its record may have expired before the event.
 *
 * @module
 */
import { assert } from "@std/assert";
import { type Delivery, isUntouched, newDelivery } from "../lib/delivery.ts";
import { leased } from "../lib/delivery_moves.ts";
import type {
  Acceptance,
  DeliveryName,
  DueEntry,
  KnownDelivery,
  StoredEvent,
  UnwrittenDelivery,
} from "../lib/store.ts";
import type { Clock } from "../lib/ports.ts";
import type { Database } from "./database.ts";
import { getAll } from "./get_all.ts";
import { type Key, keys } from "./keys.ts";
import type { LeasedEvent } from "./group_lease.ts";
import type { GroupLeases } from "./group_leases.ts";
import type { RecordReader } from "./record_reader.ts";
import type { Retention } from "./retention.ts";
import { type EventRecord, eventRecord } from "./event_record.ts";
import { deliveryRecord } from "./delivery_record.ts";
import { dueRecord } from "./records.ts";

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

/** What an event is committed with, of its deliveries that have no record. */
export interface Unwritten {
  /** The event, and what it says of them. */
  readonly event: EventRecord;
  /** Those that are held from the beginning; null if none is. */
  readonly leased: LeasedEvent | null;
}

/**
 * Sorts the deliveries that are made with an event by what stands for them.
 *
 * @param event The event.
 * @param deliveries Those made with it.
 * @returns What the event's record says, in the order of its decisions, and its part of the group lease.
 */
export function withFirst(event: StoredEvent, deliveries: Acceptance["deliveries"]): Unwritten {
  if (deliveries.length === 0) return { event, leased: null };
  const first_due: (number | null)[] = [];
  const until: (number | null)[] = [];
  const held: string[] = [];
  let owner: string | null = null;
  let latest = 0;
  let next = 0;
  // Both are in the order of the site's webhooks.
  for (const { webhook_id } of event.decisions) {
    const delivery = deliveries[next]?.delivery;
    const decided = delivery?.webhook_id === webhook_id;
    if (decided) next++;
    const due_at = decided && isUntouched(delivery) ? delivery.due_at : null;
    const lease = due_at === null ? null : delivery?.lease ?? null;
    first_due.push(lease === null ? due_at : null);
    until.push(lease === null ? null : due_at);
    if (lease === null || due_at === null) continue;
    held.push(webhook_id);
    owner = lease.owner;
    latest = Math.max(latest, due_at);
  }
  assert(next === deliveries.length, "each delivery of an event was decided about, in this order");
  const waits = first_due.some((at) => at !== null);
  if (owner === null) return { event: waits ? { ...event, first_due } : event, leased: null };
  return {
    event: { ...event, ...(waits ? { first_due } : {}), first_lease: { owner, until } },
    leased: { owner, until: latest, event_id: event.id, webhook_ids: held },
  };
}

/** What is to be known of a delivery that was made with an event, besides when it is due and who is at it. */
export function unwrittenOf({ event, accepted_at }: StoredEvent): UnwrittenDelivery {
  return { event, created_at: accepted_at };
}

/** The event as the domain knows it. */
export function eventOf({ first_due: _due, first_lease: _lease, ...event }: EventRecord): StoredEvent {
  return event;
}

/** What deliveries are read with. */
export interface DeliveriesReader {
  readonly db: Pick<Database, "getMany">;
  readonly reader: RecordReader;
  readonly retention: Pick<Retention, "deliveryExpired">;
  readonly clock: Pick<Clock, "now">;
}

/** The key of a delivery's record. */
export function deliveryKey({ event_id, webhook_id }: DeliveryName): Key {
  return keys.delivery(event_id, webhook_id);
}

/**
 * What stands in place of the record of a delivery whose site was deleted while a process held it: whoever comes to record
 * an attempt finds that it is not as it was, and that there is no such delivery.
 */
export const STRUCK = new Uint8Array(0);

/** Whether a delivery's site was deleted while a process held it. */
export function isStruck(value: Uint8Array): boolean {
  return value.byteLength === STRUCK.byteLength;
}

function written(
  entry: Deno.KvEntryMaybe<Uint8Array>,
  reader: RecordReader,
): KnownDelivery | null {
  if (entry.versionstamp !== null && isStruck(entry.value)) return null;
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
  reading: DeliveriesReader,
  names: readonly (DeliveryName | DueEntry)[],
): Promise<(KnownDelivery | null)[]> {
  const { db, reader } = reading;
  const standing = names.map((name) => "unwritten" in name ? fromDueEntry(name) : null);
  const asked = names.filter((_, index) => standing[index] === null);
  const entries = await getAll(db, asked.map(deliveryKey));
  const missing = asked.filter((_, index) => entries[index]?.versionstamp === null);
  const unwritten = missing.length === 0 ? [] : await readUnwritten(reading, missing);
  const [next_entry, next_unwritten] = [entries.values(), unwritten.values()];
  return standing.map((known) => {
    if (known !== null) return known;
    const entry = next_entry.next().value;
    if (entry === undefined) return null;
    return entry.versionstamp === null ? next_unwritten.next().value ?? null : written(entry, reader);
  });
}

/** Deliveries that had no record a moment ago: their events say who holds them, or where their due entries are, or were. */
async function readUnwritten(
  reading: DeliveriesReader,
  names: readonly DeliveryName[],
): Promise<(KnownDelivery | null)[]> {
  const { db, reader, retention, clock } = reading;
  const event_ids = [...new Set(names.map(({ event_id }) => event_id))];
  const entries = await getAll(db, event_ids.map(keys.event));
  const events = new Map(event_ids.map((id, index) => {
    const entry = entries[index];
    const record = entry === undefined ? null : reader.read(eventRecord, entry);
    const versionstamp = entry?.versionstamp ?? null;
    return [id, record === null || versionstamp === null ? null : { record, versionstamp }];
  }));
  return await Promise.all(names.map(async (name) => {
    const event = events.get(name.event_id) ?? null;
    const held = event === null ? null : fromEvent(event.record, name.webhook_id);
    if (event !== null && held !== null) {
      const expired = retention.deliveryExpired(held.created_at, clock.now());
      if (expired && name.leased !== true) return null;
      return { value: held, versionstamp: event.versionstamp, written: false };
    }
    const at = firstDue(event?.record ?? null, name.webhook_id);
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
 * A delivery without a record as its process holds it since it was accepted.
 *
 * @param event Its event.
 * @param webhook_id For whom it is.
 * @returns The delivery; null if the event says nothing of that.
 */
export function fromEvent(event: EventRecord, webhook_id: string): Delivery | null {
  const index = event.decisions.findIndex((decision) => decision.webhook_id === webhook_id);
  const until_ms = event.first_lease?.until[index] ?? null;
  if (event.first_lease === undefined || until_ms === null) return null;
  const { id: event_id, site_id, event: kind, accepted_at } = event;
  const made = newDelivery({
    event_id,
    webhook_id,
    site_id,
    event: kind,
    trigger: "automatic",
    created_at: accepted_at,
    queued_at: accepted_at,
  });
  return leased(made, { owner: event.first_lease.owner, until_ms });
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

/** Looked up at a time where many are counted. */
const COUNTED_AT_ONCE = 100;

/**
 * Counts the deliveries that processes hold since they accepted them.
 *
 * @param reading The database, and the group leases in it.
 * @param most How many are looked at.
 * @param webhook_id Only those of this webhook.
 */
export async function heldFirstCount(
  { db, leases }: Pick<DeliveriesReader, "db"> & { readonly leases: Pick<GroupLeases, "named"> },
  most: number,
  webhook_id?: string,
): Promise<number> {
  if (most <= 0) return 0;
  const by_webhook = await leases.named();
  const named = webhook_id === undefined ? [...by_webhook.values()].flat() : by_webhook.get(webhook_id) ?? [];
  let count = 0;
  // Some of them have a record by now, but no more than `most` are looked at.
  for (let from = 0; from < Math.min(named.length, most); from += COUNTED_AT_ONCE) {
    const some = named.slice(from, Math.min(from + COUNTED_AT_ONCE, most));
    const entries = await getAll(db, some.map(deliveryKey));
    count += entries.filter(({ versionstamp }) => versionstamp === null).length;
  }
  return count;
}
