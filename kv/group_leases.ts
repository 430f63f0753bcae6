/**
 * The group leases of this process, and those of all that are in the database.
 *
 * Owns when one ends: once each of its deliveries has a record, or is gone. Ending it too late does no harm, since whoever
 * finds it looks at its deliveries; ending it too early would lose what the process still holds when it dies.
 *
 * @module
 */
import { KV, LEASE, TIME } from "../lib/limits.ts";
import type { Clock } from "../lib/ports.ts";
import { namesOf } from "../lib/group_lease_names.ts";
import type { DeliveryName, GroupLease } from "../lib/store.ts";
import type { Committer } from "./committer.ts";
import type { Database } from "./database.ts";
import type { WrittenLease } from "./group_lease.ts";
import { getAll } from "./get_all.ts";
import { type Key, keys, LAST_ID } from "./keys.ts";
import { groupLeaseRecord } from "./records.ts";
import type { RecordReader } from "./record_reader.ts";

/** What it reaches the database through. */
export interface GroupLeasesPorts {
  readonly db: Pick<Database, "list" | "getMany">;
  readonly committer: Pick<Committer, "commit">;
  readonly reader: RecordReader;
  readonly clock: Pick<Clock, "now">;
}

/** One that this process wrote. */
interface OwnLease {
  readonly key: Key;
  /** Its deliveries that have no record yet: the webhooks, by event. */
  readonly open: Map<string, readonly string[]>;
}

function keyOf({ until, first_event_id, operation }: GroupLease): Key {
  return keys.groupLease(until, first_event_id, operation);
}

/** See the module. */
export class GroupLeases {
  readonly #ports: GroupLeasesPorts;
  /** By the versionstamp of the commit that wrote it: its deliveries know that one. */
  readonly #own = new Map<string, OwnLease>();
  #reading: Promise<ReadonlyMap<string, DeliveryName[]>> | null = null;

  /** @param ports What it needs. */
  constructor(ports: GroupLeasesPorts) {
    this.#ports = ports;
  }

  /** Notes what a commit of this process wrote; its other members may have done so before. */
  note(versionstamp: string, { key, events }: WrittenLease): void {
    if (this.#own.has(versionstamp)) return;
    this.#forgetBefore(Number(key[1]) - TIME.HOUR_MS);
    const open = new Map(events.map(({ event_id, webhook_ids }) => [event_id, webhook_ids]));
    this.#own.set(versionstamp, { key, open });
  }

  /** Forgets those that others have ended: what was forgotten of them is never settled here. */
  #forgetBefore(until: number): void {
    for (const [versionstamp, { key }] of this.#own) {
      if (Number(key[1]) >= until) return;
      this.#own.delete(versionstamp);
    }
  }

  /** Whether a commit of this process wrote it, and it is there. */
  owns(versionstamp: string): boolean {
    return this.#own.has(versionstamp);
  }

  /** The key of the group lease that goes with the record of a delivery, since it is the last without one; or null. */
  endingWith(versionstamp: string, { event_id, webhook_id }: DeliveryName): Key | null {
    const lease = this.#own.get(versionstamp);
    if (lease === undefined || lease.open.size > 1) return null;
    const [[last_event, webhook_ids] = []] = lease.open;
    const is_last = last_event === event_id && webhook_ids?.length === 1 && webhook_ids[0] === webhook_id;
    return is_last ? lease.key : null;
  }

  /**
   * A delivery has a record, or is gone; with the last of them its group lease goes.
   *
   * @param ended Whether it went with the delivery's record.
   */
  settled(versionstamp: string, { event_id, webhook_id }: DeliveryName, ended = false): void {
    const lease = this.#own.get(versionstamp);
    const webhook_ids = lease?.open.get(event_id);
    if (lease === undefined || webhook_ids === undefined) return;
    const left = webhook_ids.filter((id) => id !== webhook_id);
    if (left.length > 0) lease.open.set(event_id, left);
    else lease.open.delete(event_id);
    if (lease.open.size > 0) return;
    this.#own.delete(versionstamp);
    if (ended) return;
    // Nobody waits for it. If it stays, it is found when it has run out.
    this.#ports.committer.commit({ checks: [], mutations: [{ kind: "delete", key: lease.key }] }).catch(
      () => {},
    );
  }

  /** Those that end at or before a time, earliest first. */
  async list(until: number): Promise<GroupLease[]> {
    const { db, reader } = this.#ports;
    const found: GroupLease[] = [];
    const range = { prefix: keys.groupLeases(), end: keys.groupLease(until, LAST_ID, 0) };
    for await (const entry of db.list<Uint8Array>(range, { batchSize: KV.list_batch_default })) {
      const record = reader.read(groupLeaseRecord, entry);
      if (record === null) continue;
      const [, ends_at, first_event_id, operation] = entry.key;
      found.push({
        owner: record.owner,
        until: Number(ends_at),
        first_event_id: String(first_event_id),
        operation: Number(operation),
        versionstamp: entry.versionstamp,
        deliveries: record.deliveries,
      });
    }
    return found;
  }

  /** What all of them name, by webhook. Who asks while it is read shares the look: a page of webhooks asks for each. */
  named(): Promise<ReadonlyMap<string, readonly DeliveryName[]>> {
    this.#reading ??= this.#named().finally(() => this.#reading = null);
    return this.#reading;
  }

  async #named(): Promise<ReadonlyMap<string, DeliveryName[]>> {
    const names = (await this.list(Number.MAX_SAFE_INTEGER)).flatMap(namesOf);
    return Map.groupBy(names, ({ webhook_id }) => webhook_id);
  }

  /** Removes one as it was read. What has no record although its event is there can't be read: that is put off. */
  async end(lease: GroupLease): Promise<void> {
    const { versionstamp, owner } = lease;
    const { clock, committer } = this.#ports;
    const key = keyOf(lease);
    const left = await this.#withoutRecord(lease);
    const [first] = left;
    const gone = { kind: "delete", key } as const;
    if (first === undefined) {
      // Without a check: several may end it at once, and whoever wrote it again since only took names out.
      await committer.commit({ checks: [], mutations: [gone] });
    } else {
      const later = keys.groupLease(clock.now() + LEASE.broken_again_ms, first.event_id, 0);
      const value = groupLeaseRecord.encode({ owner, deliveries: left });
      await committer.commit({
        checks: [{ key, versionstamp }],
        mutations: [gone, { kind: "set", key: later, value }],
      });
    }
    this.#own.delete(versionstamp);
  }

  /** What of a group lease has no record, although its event is there. */
  async #withoutRecord(lease: GroupLease): Promise<{ event_id: string; webhook_ids: string[] }[]> {
    const { db } = this.#ports;
    const names = namesOf(lease);
    const deliveries = await getAll(db, names.map((name) => keys.delivery(name.event_id, name.webhook_id)));
    const missing = names.filter((_, index) => deliveries[index]?.versionstamp === null);
    const events = await getAll(db, missing.map(({ event_id }) => keys.event(event_id)));
    const left = missing.filter((_, index) => events[index]?.versionstamp !== null);
    // As it was, by event: it must not become longer than it was.
    return [...Map.groupBy(left, ({ event_id }) => event_id)].map(([event_id, of_event]) => ({
      event_id,
      webhook_ids: of_event.map(({ webhook_id }) => webhook_id),
    }));
  }

  /** Strikes the deliveries of some webhooks off, so that nobody takes them up. @returns Which. */
  async strike(webhook_ids: ReadonlySet<string>): Promise<DeliveryName[]> {
    const struck: DeliveryName[] = [];
    for (const lease of await this.list(Number.MAX_SAFE_INTEGER)) {
      const deliveries = lease.deliveries.flatMap((of_event) => {
        const left = of_event.webhook_ids.filter((id) => !webhook_ids.has(id));
        return left.length === 0 ? [] : [{ ...of_event, webhook_ids: left }];
      });
      const theirs = namesOf(lease).filter(({ webhook_id }) => webhook_ids.has(webhook_id));
      if (theirs.length === 0) continue;
      const key = keyOf(lease);
      const value = groupLeaseRecord.encode({ owner: lease.owner, deliveries });
      const result = await this.#ports.committer.commit({
        checks: [{ key, versionstamp: lease.versionstamp }],
        mutations: [deliveries.length === 0 ? { kind: "delete", key } : { kind: "set", key, value }],
      });
      // One that has ended meanwhile is looked for again in the next pass, and not found.
      if (result.ok) struck.push(...theirs);
    }
    return struck;
  }
}
