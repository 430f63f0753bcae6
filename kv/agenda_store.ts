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
import type { AgendaStore, DueEntry, Marker } from "../lib/store.ts";
import { type Key, keys, slotOf } from "./keys.ts";
import { beatRecord, deliveryRecord, dueRecord } from "./records.ts";
import type { StoreParts } from "./webhook_store.ts";

/** A part of a key that must be a string, as written by `keys.ts`. */
function text(key: Key, index: number): string {
  return String(key[index]);
}

function dueEntry(entry: Deno.KvEntry<Uint8Array>): DueEntry {
  const { site_id, owner } = dueRecord.decode(entry.value);
  return {
    webhook_id: text(entry.key, 1),
    at: Number(entry.key[2]),
    event_id: text(entry.key, 3),
    site_id,
    owner,
  };
}

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share.
 * @returns The due index, markers and beats.
 */
export function createAgendaStore({ db, committer, clock }: StoreParts): AgendaStore {
  return {
    async markers(until, most, after) {
      const found: Marker[] = [];
      // The slot of `until` is part of it: the end of a range is exclusive.
      const end = keys.agendaSlot(slotOf(until) + 1);
      const range = after === null
        ? { prefix: keys.agendaAll(), end }
        : { start: keys.agenda(after.slot, after.webhook_id + "\u0000"), end };
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
        const at = Number(entry.key[2]);
        if (at > until || due.length === most) return { due, next: dueEntry(entry) };
        due.push(dueEntry(entry));
      }
      return { due, next: null };
    },

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

    async dropEntry({ webhook_id, at, event_id }) {
      const key = keys.due(webhook_id, at, event_id);
      const delivery = await db.get<Uint8Array>(keys.delivery(event_id, webhook_id));
      if (delivery.versionstamp !== null && deliveryRecord.decode(delivery.value).due_at === at) return;
      // Checked against the delivery as read: it may come to name this entry at this moment.
      await committer.commit({
        checks: [{ key: delivery.key, versionstamp: delivery.versionstamp }],
        mutations: [{ kind: "delete", key }],
      });
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
        const entry of db.list({ prefix: keys.dueAll() }, { batchSize: KV.list_batch_max })
      ) {
        count++;
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
      const found = await Array.fromAsync(db.list({ prefix: keys.instances() }));
      return found.map(({ key, versionstamp }) => ({ id: text(key, 1), versionstamp }));
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
  };
}
