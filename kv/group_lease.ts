/**
 * Group leases: one record for the leases of all deliveries that a group commit wrote with their events.
 *
 * Owns what the record says and where it is. Nearly every delivery is over within milliseconds, so a due entry for each,
 * written and soon deleted, is a third of all that is written of it. While its group lease is there, a delivery without a
 * record is held by the process that accepted it; the record is for when that process dies or forgets
 * (docs/decisions/0017-group-leases.md).
 *
 * @module
 */
import { assert } from "@std/assert";
import { type Key, keys } from "./keys.ts";
import { groupLeaseRecord } from "./records.ts";

/** The deliveries of one event that a process holds from the moment they are accepted. */
export interface LeasedEvent {
  readonly owner: string;
  /** When the last of their leases ends. */
  readonly until: number;
  readonly event_id: string;
  readonly webhook_ids: readonly string[];
}

/** A group lease as it is written. */
export interface WrittenLease {
  readonly key: Key;
  readonly events: readonly LeasedEvent[];
}

/** Quotes, braces and names around the ids of an event. */
const BYTES_AN_EVENT_MAX = 64;
/** Quotes and a comma around the id of a webhook. */
const BYTES_A_WEBHOOK_MAX = 8;

/** How many bytes an event takes in the record at the most: its share of what stands there once is among them. */
export function leasedBytesMax({ owner, event_id, webhook_ids }: LeasedEvent): number {
  const ids = webhook_ids.reduce((sum, id) => sum + id.length + BYTES_A_WEBHOOK_MAX, event_id.length);
  return owner.length + ids + BYTES_AN_EVENT_MAX;
}

/**
 * Makes one record of the leases of several events.
 *
 * @param events At least one; all of one process.
 * @param operation The number of the atomic operation that writes it, among those of this process.
 * @returns Where it is written, and what.
 */
export function groupLease(
  events: readonly LeasedEvent[],
  operation: number,
): { readonly key: Key; readonly value: Uint8Array<ArrayBuffer> } {
  const [first] = events;
  assert(first !== undefined, "a group lease has events");
  const until = Math.max(...events.map((event) => event.until));
  const deliveries = events.map(({ event_id, webhook_ids }) => ({ event_id, webhook_ids: [...webhook_ids] }));
  const value = groupLeaseRecord.encode({ owner: first.owner, deliveries });
  return { key: keys.groupLease(until, first.event_id, operation), value };
}
