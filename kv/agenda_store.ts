/**
 * What is due, found without scanning lanes: due entries, agenda markers, and the beats of processes.
 *
 * Owns the reading side of the due index. An agenda marker says "this webhook has something due in this slot of ten
 * seconds"; it is set blindly with every due entry and removed only if nobody set it again since it was read. Invariant:
 * a lane's earliest marker is never later than its earliest due entry, or than the end of the lane's hold.
 *
 * @module
 */
import { KV, LEASE } from "../lib/limits.ts";
import type { AgendaStore, DueEntry, Marker, UnwrittenDelivery } from "../lib/store.ts";
import { type Key, keys, slotOf, textAfter } from "./keys.ts";
import type { Mutation } from "./member.ts";
import { eventRecord } from "./event_record.ts";
import { deliveryRecord } from "./delivery_record.ts";
import { beatRecord, dueRecord } from "./records.ts";
import { dueEntryOf, firstDue, heldFirstCount, unwrittenOf } from "./unwritten.ts";
import type { StoreParts } from "./webhook_store.ts";

/** A part of a key that must be a string, as written by `keys.ts`. */
function text(key: Key, index: number): string {
  return String(key[index]);
}

/**
 * The writing of a due entry and of the marker that leads to it.
 *
 * @param entry The entry; it stands for a delivery without a record if it has what is to be known of one.
 * @param marker_at Where the marker belongs when the lane is on hold until later.
 */
export function dueMutations(
  { webhook_id, event_id, site_id, at, owner, unwritten }: Omit<DueEntry, "unwritten"> & {
    readonly unwritten: UnwrittenDelivery | null;
  },
  marker_at: number = at,
): Mutation[] {
  const value = dueRecord.encode({ site_id, owner, unwritten });
  return [
    { kind: "set", key: keys.due(webhook_id, at, event_id), value },
    { kind: "mark", key: keys.agenda(slotOf(marker_at), webhook_id) },
  ];
}

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share.
 * @returns The due index, markers and beats.
 */
export function createAgendaStore(parts: StoreParts): AgendaStore {
  const { db, committer, clock, reader, leases } = parts;

  /** Writes a due entry that can't be read anew, from the delivery that names it. */
  async function repairEntry({ key, versionstamp }: Deno.KvEntry<unknown>): Promise<void> {
    const [webhook_id, event_id] = [text(key, 1), text(key, 3)];
    const at = Number(key[2]);
    const stored = await db.get<Uint8Array>(keys.delivery(event_id, webhook_id));
    const delivery = reader.read(deliveryRecord, stored);
    const event = stored.versionstamp === null
      ? reader.read(eventRecord, await db.get<Uint8Array>(keys.event(event_id)))
      : null;
    // Without a record, what the entry said is in the event, but for who was at it.
    const says = delivery?.due_at === at
      ? { ...delivery, owner: delivery.lease?.owner ?? null, unwritten: null }
      : firstDue(event, webhook_id) === at && event !== null
      ? { webhook_id, event_id, site_id: event.site_id, owner: null, unwritten: unwrittenOf(event) }
      : null;
    if (says === null) return;
    await committer.commit({ checks: [{ key, versionstamp }], mutations: dueMutations({ ...says, at }) });
  }

  return {
    async markers(until, most, after) {
      const found: Marker[] = [];
      // The slot of `until` is part of it: the end of a range is exclusive.
      const end = keys.agendaSlot(slotOf(until) + 1);
      const range = after === null
        ? { prefix: keys.agendaAll(), end }
        : { start: keys.agenda(after.slot, textAfter(after.webhook_id)), end };
      const batchSize = Math.min(most, KV.list_batch_max);
      for await (const { key, versionstamp } of db.list(range, { limit: most, batchSize })) {
        found.push({ slot: Number(key[1]), webhook_id: text(key, 2), versionstamp });
      }
      return found;
    },

    async upcomingSlots(since, until) {
      const found: number[] = [];
      let slot = slotOf(since) + 1;
      // One short look a slot: a slot may hold ten thousand markers, and one is enough to know.
      while (slot <= slotOf(until)) {
        const range = { start: keys.agendaSlot(slot), end: keys.agendaSlot(slotOf(until) + 1) };
        const first = await Array.fromAsync(db.list(range, { limit: 1, batchSize: 1 }));
        const key = first[0]?.key;
        if (key === undefined) break;
        found.push(Number(key[1]) * LEASE.slot_ms);
        slot = Number(key[1]) + 1;
      }
      return found;
    },

    async look(webhook_id, until, most) {
      const due: DueEntry[] = [];
      const limit = most + 1;
      const options = { limit, batchSize: Math.min(limit, KV.list_batch_max) };
      for await (const entry of db.list<Uint8Array>({ prefix: keys.dueOf(webhook_id) }, options)) {
        const found = dueEntryOf(entry, reader);
        if (found === null) continue;
        if (found.at > until || due.length === most) return { due, next: found };
        due.push(found);
      }
      return { due, next: null };
    },

    groupLeases: (until) => leases.list(until),
    endGroupLease: (lease) => leases.end(lease),

    async mark(webhook_id) {
      const key = keys.agenda(slotOf(clock.now()), webhook_id);
      await committer.commit({ checks: [], mutations: [{ kind: "mark", key }] });
    },

    async retireMarker({ slot, webhook_id, versionstamp }) {
      const key = keys.agenda(slot, webhook_id);
      await committer.commit({ checks: [{ key, versionstamp }], mutations: [{ kind: "delete", key }] });
    },

    async moveMarker({ slot, webhook_id, versionstamp }, to) {
      const key = keys.agenda(slot, webhook_id);
      await committer.commit({
        checks: [{ key, versionstamp }],
        mutations: [{ kind: "delete", key }, { kind: "mark", key: keys.agenda(slotOf(to), webhook_id) }],
      });
    },

    async dropEntry({ webhook_id, at, event_id, site_id }) {
      const key = keys.due(webhook_id, at, event_id);
      const [delivery, due] = await db.getMany<[Uint8Array, Uint8Array]>([
        keys.delivery(event_id, webhook_id),
        key,
      ]);
      const record = reader.read(deliveryRecord, delivery);
      const stands_for_it = delivery.versionstamp === null && dueEntryOf(due, reader)?.unwritten;
      if (record?.due_at === at || stands_for_it) return;
      const broken = record === null && delivery.versionstamp !== null;
      const due_at = broken ? clock.now() + LEASE.broken_again_ms : record?.due_at ?? null;
      const owner = record?.lease?.owner ?? null;
      // Checked against the delivery as read: it may come to name this entry at this moment. A delivery that names another
      // entry has that one written, since it is missing if this one was put off while the record was broken.
      await committer.commit({
        checks: [{ key: delivery.key, versionstamp: delivery.versionstamp }],
        mutations: [
          { kind: "delete", key },
          ...(due_at === null
            ? []
            : dueMutations({ webhook_id, event_id, site_id, at: due_at, owner, unwritten: null })),
        ],
      });
    },

    async countDue(now, most) {
      let [due, later] = [0, 0];
      // Small batches: nobody waits for the count, and everybody else for the one that is being read.
      for await (const { key } of db.list({ prefix: keys.dueAll() }, { limit: most, batchSize: 100 })) {
        if (Number(key[2]) <= now) due++;
        else later++;
      }
      return { due, later: later + await heldFirstCount(parts, most - due - later) };
    },

    async repairAgenda() {
      let count = 0;
      let slots = new Map<string, Key>();
      const mark = async (): Promise<void> => {
        const mutations = [...slots.values()].map((key) => ({ kind: "mark", key }) as const);
        slots = new Map();
        await committer.commit({ checks: [], mutations });
      };
      for await (
        const entry of db.list<Uint8Array>({ prefix: keys.dueAll() }, { batchSize: KV.list_batch_max })
      ) {
        count++;
        if (reader.read(dueRecord, entry) === null) await repairEntry(entry);
        const key = keys.agenda(slotOf(Number(entry.key[2])), text(entry.key, 1));
        slots.set(key.join(" "), key);
        if (slots.size === 100) await mark();
      }
      if (slots.size > 0) await mark();
      return count;
    },

    async ring() {
      await committer.commit({ checks: [], mutations: [{ kind: "sum", key: keys.ring(), amount: 1n }] });
    },

    async rings() {
      const entry = await db.get<Deno.KvU64>(keys.ring());
      return entry.value?.value ?? 0n;
    },

    async beat(instance, at) {
      const mutations = [
        { kind: "set", key: keys.instance(instance), value: beatRecord.encode({ at }) } as const,
      ];
      await committer.commit({ checks: [], mutations });
    },

    async instances() {
      const found = await Array.fromAsync(db.list<Uint8Array>({ prefix: keys.instances() }));
      return found.map(({ key, value, versionstamp }) => ({
        id: text(key, 1),
        versionstamp,
        at: beatRecord.decode(value).at,
      }));
    },

    async forgetInstance(instance) {
      await committer.commit({
        checks: [],
        mutations: [{ kind: "delete", key: keys.instance(instance) }],
      });
    },

    get failing_since() {
      return committer.failing_since;
    },

    get failing_because() {
      return committer.failing_because;
    },
  };
}
