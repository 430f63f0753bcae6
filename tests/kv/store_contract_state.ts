/**
 * What a database holds, read past the store: all entries, and whether the due index fits the deliveries.
 *
 * Owns the reading of keys for the suite's assertions. It must never write.
 *
 * @module
 */
import type { Database } from "../../kv/database.ts";
import { slotOf } from "../../kv/keys.ts";
import { BrokenRecord } from "../../lib/errors.ts";
import { type EventRecord, eventRecord } from "../../kv/event_record.ts";
import { deliveryRecord } from "../../kv/delivery_record.ts";
import { dueRecord, groupLeaseRecord } from "../../kv/records.ts";

/** Everything in the database. */
export async function allEntries(db: Database): Promise<Deno.KvEntry<unknown>[]> {
  return await Array.fromAsync(db.list({ prefix: [] }));
}

/** The keys below a first part, without it. */
export async function keysBelow(db: Database, first: string): Promise<Deno.KvKeyPart[][]> {
  return (await Array.fromAsync(db.list({ prefix: [first] }))).map(({ key }) => key.slice(1));
}

/** Everything in the database as one text, a byte a character: what a thief of the file could search. */
export async function rawText(db: Database): Promise<string> {
  const parts: string[] = [];
  for (const { key, value } of await allEntries(db)) {
    parts.push(...key.map((part) => part instanceof Uint8Array ? latin1(part) : String(part)));
    parts.push(value instanceof Uint8Array ? latin1(value) : String(value));
  }
  return parts.join("\n");
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

/**
 * Holds the deliveries against the due index.
 *
 * @param db The database.
 * @param held_until Until when each webhook's lane is on hold, where it ever was: its markers may be that late.
 * @returns What is wrong, in words; nothing if every pending delivery is due some time, every delivery that is due has
 * exactly one due entry, at its `due_at` and of its owner, no other has one, and each is led to by a marker in time; and if
 * each that is held since it was accepted and has no record is named by a group lease.
 */
export async function indexFaults(
  db: Database,
  held_until: ReadonlyMap<string, number> = new Map(),
): Promise<string[]> {
  const expected = new Map<string, string>();
  const written = new Set<string>();
  for await (const { value } of db.list<Uint8Array>({ prefix: ["delivery"] })) {
    // Of a site that was deleted while a process held it.
    if (value.byteLength === 0) continue;
    const { status, webhook_id, event_id, site_id, due_at, lease } = deliveryRecord.decode(value);
    written.add(`${event_id} ${webhook_id}`);
    if (status === "pending" && due_at === null) {
      return [`${event_id} ${webhook_id} is pending and never due`];
    }
    if (due_at === null) continue;
    expected.set(`${webhook_id} ${due_at} ${event_id}`, `${site_id} ${lease?.owner ?? null}`);
  }
  const first_slot = new Map<string, number>();
  for (const [slot, webhook_id] of await keysBelow(db, "agenda")) {
    const id = String(webhook_id);
    first_slot.set(id, Math.min(first_slot.get(id) ?? Infinity, Number(slot)));
  }
  const faults: string[] = [];
  for await (const { key, value } of db.list<Uint8Array>({ prefix: ["due"] })) {
    const [, webhook_id, at, event_id] = key.map(String);
    const name = `${webhook_id} ${at} ${event_id}`;
    const { site_id, owner, unwritten } = dueRecord.decode(value);
    // One that stands for a delivery that nothing has happened to yet is all that there is of it.
    const stands = unwritten !== null && !written.has(`${event_id} ${webhook_id}`);
    if (!stands && (unwritten !== null || expected.get(name) !== `${site_id} ${owner}`)) {
      faults.push(`due entry ${name} of ${owner}, delivery says ${expected.get(name)}`);
    }
    expected.delete(name);
    const latest = Math.max(Number(at), held_until.get(String(webhook_id)) ?? -Infinity);
    const slot = first_slot.get(String(webhook_id));
    if (slot === undefined || slot > slotOf(latest)) {
      faults.push(`due entry ${name} is led to by slot ${slot}, not by ${slotOf(latest)} or earlier`);
    }
  }
  for (const name of expected.keys()) faults.push(`no due entry ${name}`);
  return [...faults, ...await leaseFaults(db, written)];
}

/** An event, or null where a test broke it. */
function readable(value: Uint8Array): EventRecord | null {
  try {
    return eventRecord.decode(value);
  } catch (error) {
    if (error instanceof BrokenRecord) return null;
    throw error;
  }
}

/** What is wrong with the deliveries that their events say are held: nothing, where group leases name all without a record. */
async function leaseFaults(db: Database, written: ReadonlySet<string>): Promise<string[]> {
  const named = new Map<string, string>();
  for await (const { key, value } of db.list<Uint8Array>({ prefix: ["group_lease"] })) {
    const { owner, deliveries } = groupLeaseRecord.decode(value);
    for (const { event_id, webhook_ids } of deliveries) {
      for (const id of webhook_ids) named.set(`${event_id} ${id}`, `${owner} ${String(key[1])}`);
    }
  }
  const faults: string[] = [];
  for await (const { value } of db.list<Uint8Array>({ prefix: ["event"] })) {
    const event = readable(value);
    if (event === null) continue;
    const { id, decisions, first_lease } = event;
    for (const [index, { webhook_id }] of decisions.entries()) {
      const until = first_lease?.until[index] ?? null;
      if (first_lease === undefined || until === null || written.has(`${id} ${webhook_id}`)) continue;
      const [owner, ends_at] = named.get(`${id} ${webhook_id}`)?.split(" ") ?? [];
      if (owner !== first_lease.owner || Number(ends_at) < until) {
        faults.push(`${id} ${webhook_id} is held until ${until}, its group lease says ${owner} ${ends_at}`);
      }
    }
  }
  return faults;
}
