/**
 * What is committed, decoded: kept up commit by commit, so that every check is a look-up and never a scan of a database.
 *
 * Owns the reading of what the store wrote. It must never ask the product what it believes.
 *
 * @module
 */
import { deliveryRecord } from "../../kv/delivery_record.ts";
import { eventRecord } from "../../kv/event_record.ts";
import { dueRecord, groupLeaseRecord } from "../../kv/records.ts";
import { eventOf, fromDueEntry, fromEvent } from "../../kv/unwritten.ts";
import type { LaneState } from "../../lib/lane_state.ts";
import { LEASE } from "../../lib/limits.ts";
import type { Delivery } from "../../lib/delivery.ts";
import type { IdempotencyEntry, StoredEvent } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";
import type { FakeMutation, FakeWrite } from "../helpers/fake_kv_store.ts";

/** What one commit did to one delivery. */
export interface DeliveryChange {
  readonly before: Delivery | null;
  /** Null: its record was removed. */
  readonly after: Delivery | null;
}

/** What one commit did. */
export interface Changes {
  readonly deliveries: readonly DeliveryChange[];
  /** Deliveries that a group lease named, and names no more. */
  readonly unnamed: readonly string[];
  /** Webhooks whose due entries or markers changed. */
  readonly indexed: ReadonlySet<string>;
  readonly webhooks: readonly { readonly before: Webhook | null; readonly after: Webhook | null }[];
  readonly events: readonly StoredEvent[];
  readonly keys: readonly {
    readonly key: string;
    readonly before: IdempotencyEntry | null;
    readonly after: IdempotencyEntry;
  }[];
  /** Processes that said that they live. */
  readonly beats: readonly string[];
}

/** A group lease: whose, until when, and of which deliveries. */
export interface MirroredLease {
  readonly owner: string;
  readonly until: number;
  readonly names: readonly string[];
}

/** When each due entry of a delivery is, and whose. */
type Dues = Map<string, Map<number, string | null>>;

/** The name of a delivery in this room. */
export function nameOf({ event_id, webhook_id }: { event_id: string; webhook_id: string }): string {
  return `${event_id} ${webhook_id}`;
}

/** The same map for the same key, made when it is first asked for. */
export function inside<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

const decoder = new TextDecoder();

/** A record that was checked a moment ago, when it was written. */
function parsed<Value>(bytes: Uint8Array): Value {
  return JSON.parse(decoder.decode(bytes)) as Value;
}

function bytesOf(mutation: FakeMutation): Uint8Array<ArrayBuffer> | null {
  return mutation.type === "set" && mutation.value.kind === "bytes" ? mutation.value.bytes : null;
}

/** See the module. */
export class Mirror {
  readonly deliveries = new Map<string, Delivery>();
  readonly events = new Map<string, StoredEvent>();
  readonly webhooks = new Map<string, Webhook>();
  readonly keys = new Map<string, IdempotencyEntry>();
  readonly instances = new Set<string>();
  /** The stored state of lanes, and when it was written, by the time that {@linkcode Mirror.apply} is told. */
  readonly lanes = new Map<string, { readonly state: LaneState; readonly written_at: number }>();
  /** Of each webhook, the due entries of each event. */
  readonly dues = new Map<string, Dues>();
  /** Of each webhook, the slots in which it has a marker. */
  readonly agenda = new Map<string, Set<number>>();
  /** Group leases by their key. */
  readonly leases = new Map<string, MirroredLease>();
  /** Deliveries that have, or had, a record. */
  readonly written = new Set<string>();

  #now = 0;

  /**
   * Follows one commit.
   * @param write What took effect.
   * @param now When, by the world's time.
   */
  apply(write: FakeWrite, now: number): Changes {
    this.#now = now;
    const changes = {
      deliveries: [] as DeliveryChange[],
      unnamed: [] as string[],
      indexed: new Set<string>(),
      webhooks: [] as { before: Webhook | null; after: Webhook | null }[],
      events: [] as StoredEvent[],
      keys: [] as { key: string; before: IdempotencyEntry | null; after: IdempotencyEntry }[],
      beats: [] as string[],
    };
    for (const mutation of write.mutations) this.#follow(mutation, changes);
    return changes;
  }

  #follow(
    mutation: FakeMutation,
    changes: {
      deliveries: DeliveryChange[];
      unnamed: string[];
      indexed: Set<string>;
      webhooks: { before: Webhook | null; after: Webhook | null }[];
      events: StoredEvent[];
      keys: { key: string; before: IdempotencyEntry | null; after: IdempotencyEntry }[];
      beats: string[];
    },
  ): void {
    const [table, first, second, third] = mutation.key;
    const bytes = bytesOf(mutation);
    switch (table) {
      case "delivery": {
        const name = `${String(first)} ${String(second)}`;
        const before = this.deliveries.get(name) ?? null;
        const after = bytes === null ? null : deliveryRecord.decode(bytes);
        if (after === null) this.deliveries.delete(name);
        else this.deliveries.set(name, after);
        this.written.add(name);
        changes.deliveries.push({ before, after });
        return;
      }
      case "group_lease": {
        const key = mutation.key.join(" ");
        changes.unnamed.push(...this.leases.get(key)?.names ?? []);
        this.leases.delete(key);
        if (bytes === null) return;
        const { owner, deliveries } = groupLeaseRecord.decode(bytes);
        const names = deliveries.flatMap(({ event_id, webhook_ids }) =>
          webhook_ids.map((webhook_id) => nameOf({ event_id, webhook_id }))
        );
        this.leases.set(key, { owner, until: Number(first), names });
        return;
      }
      case "due": {
        const of_webhook = inside(this.dues, String(first), () => new Map());
        const of_event = inside(of_webhook, String(third), () => new Map());
        if (bytes === null) of_event.delete(Number(second));
        else this.#noteDue(mutation.key.map(String), dueRecord.decode(bytes), { of_event, changes });
        if (of_event.size === 0) of_webhook.delete(String(third));
        changes.indexed.add(String(first));
        return;
      }
      case "agenda": {
        const slots = inside(this.agenda, String(second), () => new Set());
        if (bytes === null) slots.delete(Number(first));
        else slots.add(Number(first));
        changes.indexed.add(String(second));
        return;
      }
      case "webhook": {
        const before = this.webhooks.get(String(second)) ?? null;
        const after = bytes === null ? null : parsed<Webhook>(bytes);
        if (after === null) this.webhooks.delete(String(second));
        else this.webhooks.set(String(second), after);
        changes.webhooks.push({ before, after });
        return;
      }
      case "event": {
        if (bytes === null) return;
        const record = eventRecord.decode(bytes);
        if (!this.events.has(record.id)) {
          changes.events.push(eventOf(record));
          for (const { webhook_id } of record.decisions) {
            const after = fromEvent(record, webhook_id);
            if (after === null) continue;
            this.deliveries.set(nameOf(after), after);
            changes.deliveries.push({ before: null, after });
          }
        }
        this.events.set(record.id, eventOf(record));
        return;
      }
      case "event_key": {
        if (bytes === null) return;
        const key = `${String(first)} ${String(second)}`;
        const after = parsed<IdempotencyEntry>(bytes);
        changes.keys.push({ key, before: this.keys.get(key) ?? null, after });
        this.keys.set(key, after);
        return;
      }
      case "health":
        if (bytes !== null) this.lanes.set(String(second), { state: parsed(bytes), written_at: this.#now });
        return;
      case "instance":
        if (bytes === null) this.instances.delete(String(first));
        else this.instances.add(String(first));
        if (bytes !== null) changes.beats.push(String(first));
    }
  }

  /** A due entry, which may be all that there is of a delivery. */
  #noteDue(
    [, webhook_id = "", at = "", event_id = ""]: readonly string[],
    { site_id, owner, unwritten }: ReturnType<typeof dueRecord.decode>,
    { of_event, changes }: {
      of_event: Map<number, string | null>;
      changes: { deliveries: DeliveryChange[] };
    },
  ): void {
    of_event.set(Number(at), owner);
    if (unwritten === null) return;
    const entry = { webhook_id, event_id, at: Number(at), site_id, owner };
    const known = fromDueEntry({ ...entry, unwritten: { ...unwritten, versionstamp: "" } });
    const after = known?.value ?? null;
    const before = this.deliveries.get(nameOf({ event_id, webhook_id })) ?? null;
    if (after !== null) this.deliveries.set(nameOf(after), after);
    changes.deliveries.push({ before, after });
  }

  /** How many due entries there are. */
  get due_count(): number {
    let count = 0;
    for (const dues of this.dues.values()) {
      for (const times of dues.values()) count += times.size;
    }
    return count;
  }

  /** How many markers there are. */
  get marker_count(): number {
    return [...this.agenda.values()].reduce((sum, slots) => sum + slots.size, 0);
  }

  /** When each due entry is, and when each group lease runs out, unordered. */
  dueTimes(): number[] {
    const dues = [...this.dues.values()].flatMap((dues) =>
      [...dues.values()].flatMap((times) => [...times.keys()])
    );
    return [...dues, ...[...this.leases.values()].map(({ until }) => until)];
  }

  /** The group lease that names a delivery, or null. */
  leaseOf(name: string): MirroredLease | null {
    return [...this.leases.values()].find(({ names }) => names.includes(name)) ?? null;
  }

  /** Whether a delivery is held since it was accepted, and nothing has happened to it. */
  isHeldFirst({ event_id, webhook_id, lease }: Delivery): boolean {
    const name = nameOf({ event_id, webhook_id });
    return lease !== null && !this.written.has(name) && !this.dues.get(webhook_id)?.has(event_id);
  }

  /** When the last of what is scheduled is over: due entries, group leases, the slots of markers; null if there is nothing. */
  get last_at(): number | null {
    const slots = [...this.agenda.values()].flatMap((some) => [...some]);
    const last = Math.max(...slots.map((slot) => (slot + 1) * LEASE.slot_ms), ...this.dueTimes());
    return last === -Infinity ? null : last;
  }
}
