/**
 * Events and deliveries in Deno KV: accepting, and every move of a delivery.
 *
 * Owns the invariant that everything rests on: a delivery with something to do has exactly one due entry, at its
 * `due_at`, and an agenda marker no later than that; or it is held since it was accepted, without a record, and a group lease
 * names it. All of that changes in the same commit as the delivery, here and nowhere else. There is no moment between "stored" and
 * "scheduled" for a crash to fall into. Until something happens to it, a delivery has no record (`unwritten.ts`).
 *
 * @module
 */
import type { AuditNote } from "../lib/audit.ts";
import { type Delivery, isUntouched } from "../lib/delivery.ts";
import type { Acceptance, DeliveryName, EventStore, KnownDelivery } from "../lib/store.ts";
import { createAuditRecords } from "./audit_store.ts";
import { deliveryPage } from "./delivery_page.ts";
import { oldestIds } from "./event_list.ts";
import { eventPage, readEvents } from "./event_page.ts";
import { eventTime } from "./event_time.ts";
import { dueMutations } from "./agenda_store.ts";
import { createAlertRecords } from "./alert_store.ts";
import { keys, LAST_ID, textAfter } from "./keys.ts";
import type { Check, Mutation } from "./member.ts";
import { eventRecord } from "./event_record.ts";
import { deliveryRecord } from "./delivery_record.ts";
import { idempotencyRecord } from "./records.ts";
import { deliveryKey, eventOf, isStruck, readDeliveries, withFirst } from "./unwritten.ts";
import { watchWriting } from "./watch_store.ts";
import type { StoreParts, WebhookRecords } from "./webhook_store.ts";

const EMPTY = new Uint8Array(0);

/** The due entry of a delivery with something to do, and the marker that leads to it; none for one in a group lease. */
function scheduleMutations(
  delivery: Delivery,
  { written, marker_at }: { readonly written: boolean; readonly marker_at: number | null },
): Mutation[] {
  const { due_at: at, lease } = delivery;
  if (at === null || (!written && lease !== null)) return [];
  const { event, created_at } = delivery;
  const unwritten = written ? null : { event, created_at };
  return dueMutations({ ...delivery, at, owner: lease?.owner ?? null, unwritten }, marker_at ?? at);
}

/** Whether it has neither a record nor, since a process holds it from the beginning, a due entry. */
function isHeldFirst({ value, written }: KnownDelivery): boolean {
  return !written && value.lease !== null;
}

/** What is otherwise if anything has happened to a delivery: of one without a record, its due entry if it has one. */
function knownCheck(known: KnownDelivery): Check {
  const { value, versionstamp, written } = known;
  const { event_id, webhook_id, due_at } = value;
  if (isHeldFirst(known)) return { key: deliveryKey(value), versionstamp: null };
  const key = written || due_at === null ? deliveryKey(value) : keys.due(webhook_id, due_at, event_id);
  return { key, versionstamp };
}

function nameOf({ event_id, webhook_id }: Delivery): DeliveryName {
  return { event_id, webhook_id };
}

/** What a move brings along in its commit. */
interface MovedWith {
  readonly pause?: Parameters<EventStore["move"]>[2];
  readonly note?: AuditNote;
}

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share, and how the ids of a moment begin.
 * @param webhooks For the pause that a delivery may bring upon its webhook.
 * @returns Events, deliveries and their history.
 */
export function createEventStore(
  parts: StoreParts & { readonly idPrefixAt: (at_ms: number) => string },
  webhooks: WebhookRecords,
): EventStore {
  const { db, committer, clock, retention, reader, leases } = parts;
  const audit = createAuditRecords(parts);

  const alerts = createAlertRecords(parts);

  /** A delivery with something to do never expires: it is what was promised. */
  function deliverySet(delivery: Delivery): Mutation {
    const key = deliveryKey(delivery);
    const value = deliveryRecord.encode(delivery);
    if (delivery.due_at !== null) return { kind: "set", key, value };
    const expire_in_ms = retention.delivery(delivery.event_id, delivery.created_at, clock.now());
    return { kind: "set", key, value, expire_in_ms };
  }

  /**
   * Everything that changes with a delivery: the record, and where it is due.
   * A group lease goes by itself, once all of its deliveries are moved.
   */
  function moveMutations(known: KnownDelivery, after: Delivery): Mutation[] {
    const { value: before, versionstamp, written } = known;
    const in_lease = isHeldFirst(known) && leases.owns(versionstamp);
    const moved = before.due_at !== after.due_at || before.lease?.owner !== after.lease?.owner;
    // An entry that stood for the delivery is written again without that: whoever knows it by the entry learns of it.
    if (!moved && written) return [deliverySet(after)];
    return [
      deliverySet(after),
      ...(in_lease || before.due_at === null || before.due_at === after.due_at ? [] : [
        { kind: "delete", key: keys.due(before.webhook_id, before.due_at, before.event_id) } as const,
      ]),
      ...scheduleMutations(after, { written: true, marker_at: null }),
    ];
  }

  function acceptanceChecks({ event, idempotency }: Acceptance): Check[] {
    if (idempotency === null) return [];
    return [{ key: keys.idempotency(event.site_id, idempotency.key), versionstamp: idempotency.seen }];
  }

  function acceptanceMutations({ event, deliveries, idempotency, listed }: Acceptance): Mutation[] {
    const { id, site_id, accepted_at } = event;
    const expire_in_ms = retention.event(id, accepted_at, deliveries.length > 0, accepted_at);
    const { event: recorded, leased } = withFirst(event, deliveries);
    const mutations: Mutation[] = [
      { kind: "set", key: keys.event(id), value: eventRecord.encode(recorded), expire_in_ms },
    ];
    if (leased !== null) {
      // As long as that of any group it may share.
      mutations.push({ kind: "lease", key: keys.groupLease(leased.until, id, 0), leased });
    }
    if (listed) mutations.push({ kind: "entry", key: keys.siteEvent(site_id, id), expire_in_ms });
    if (idempotency !== null) {
      const key = keys.idempotency(site_id, idempotency.key);
      const value = idempotencyRecord.encode(idempotency.entry);
      mutations.push({ kind: "set", key, value, expire_in_ms: retention.idempotency() });
    }
    for (const { delivery, marker_at } of deliveries) {
      const written = !isUntouched(delivery);
      if (written) mutations.push(deliverySet(delivery));
      const log = keys.log(delivery.site_id, delivery.webhook_id, delivery.event_id);
      mutations.push({ kind: "entry", key: log, expire_in_ms });
      mutations.push(...scheduleMutations(delivery, { written, marker_at }));
    }
    return mutations;
  }

  async function acceptWith(
    change: Parameters<EventStore["acceptWith"]>[0],
    acceptances: readonly Acceptance[],
  ): Promise<string | null> {
    const state = change === null ? null : "watch" in change ? watchWriting(change) : alerts.writing(change);
    const checks = acceptances.flatMap(acceptanceChecks);
    const mutations = acceptances.flatMap(acceptanceMutations);
    const result = await committer.commit(
      state === null ? { checks, mutations } : {
        checks: [...state.checks, ...checks],
        mutations: [...state.mutations, ...mutations],
      },
    );
    if (!result.ok) return null;
    if (result.lease !== undefined) leases.note(result.versionstamp, result.lease);
    return result.versionstamp;
  }

  async function move(
    known: KnownDelivery,
    next: (delivery: Delivery) => Delivery | null,
    { pause, note }: MovedWith,
  ): Promise<KnownDelivery | null> {
    const entry = note === undefined ? null : { id: audit.begin(), note };
    let before = known;
    const settled = (ended = false): void => {
      if (isHeldFirst(known)) leases.settled(known.versionstamp, known.value, ended);
    };
    // Each turn means that someone else moved the delivery (or its webhook) first, so this ends.
    for (;;) {
      const after = next(before.value);
      if (after === null) return null;
      const checks = [knownCheck(before)];
      const mutations = moveMutations(before, after);
      const ending = isHeldFirst(before) ? leases.endingWith(before.versionstamp, before.value) : null;
      if (ending !== null) mutations.push({ kind: "delete", key: ending });
      if (entry !== null) mutations.push(audit.writing(entry.id, entry.note));
      if (pause !== undefined) {
        const webhook = await webhooks.read(after.site_id, after.webhook_id);
        if (webhook !== null && webhook.record.enabled) {
          checks.push({
            key: keys.webhook(after.site_id, after.webhook_id),
            versionstamp: webhook.versionstamp,
          });
          mutations.push(...webhooks.pausing(webhook.record, pause));
          if (pause.notice !== null) mutations.push(...acceptanceMutations(pause.notice));
        }
      }
      const result = await committer.commit({ checks, mutations });
      if (result.ok) {
        settled(ending !== null);
        return { value: after, versionstamp: result.versionstamp, written: true };
      }
      const [again] = await readDeliveries(parts, [{ ...nameOf(after), leased: isHeldFirst(before) }]);
      if (again === undefined || again === null || again.written) settled();
      if (again === undefined || again === null) return null;
      if (entry !== null && await audit.written(entry.id)) return again;
      before = again;
    }
  }

  return {
    async idempotency(site_id, key) {
      const entry = await db.get<Uint8Array>(keys.idempotency(site_id, key));
      if (entry.versionstamp === null) return null;
      // What can't be read stands for nothing that was accepted: it is used anew.
      const value = reader.read(idempotencyRecord, entry) ?? { event_id: "", digest: "", expires_at: 0 };
      return { value, versionstamp: entry.versionstamp };
    },

    acceptWith,
    accept: (acceptance) => acceptWith(null, [acceptance]),

    alerts: alerts.read,

    async addDelivery(delivery) {
      const { site_id, webhook_id, event_id, created_at } = delivery;
      const expire_in_ms = retention.event(event_id, created_at, true, clock.now());
      const log = keys.log(site_id, webhook_id, event_id);
      const event = await db.get<Uint8Array<ArrayBuffer>>(keys.event(event_id));
      if (event.versionstamp === null) return false;
      const result = await committer.commit({
        checks: [
          { key: deliveryKey(delivery), versionstamp: null },
          { key: event.key, versionstamp: event.versionstamp },
        ],
        mutations: [
          deliverySet(delivery),
          // By themselves: the names of blocks are unique only for events that are made with them.
          { kind: "set", key: log, value: EMPTY, expire_in_ms },
          // Nobody was told about it until now, so it would be gone after a week: it must outlive its delivery.
          { kind: "set", key: event.key, value: event.value, expire_in_ms },
          { kind: "set", key: keys.siteEvent(site_id, event_id), value: EMPTY, expire_in_ms },
          ...scheduleMutations(delivery, { written: true, marker_at: null }),
        ],
      });
      return result.ok;
    },

    async event(event_id) {
      const entry = await db.get<Uint8Array>(keys.event(event_id));
      return entry.versionstamp === null ? null : eventOf(eventRecord.decode(entry.value));
    },

    async eventPage(site_id, query) {
      return await eventPage(parts, site_id, query);
    },

    async eventsFrom(site_id, { since, until, after }, most) {
      const first = after === null ? parts.idPrefixAt(since) : textAfter(after);
      const end = Number.isFinite(until) ? parts.idPrefixAt(until) : LAST_ID;
      if (end <= first) return { events: [], examined: 0, next: null };
      const ids = await oldestIds(parts, { list: keys.siteEventsOf(site_id), first, end }, most + 1);
      const beyond = ids[most];
      const examined = ids.slice(0, most);
      const last = examined.at(-1);
      return {
        events: await readEvents({ db, reader }, examined),
        examined: examined.length,
        next: beyond === undefined || last === undefined ? null : { after: last, at: eventTime(beyond) },
      };
    },

    async delivery(event_id, webhook_id) {
      const { value, versionstamp } = await db.get<Uint8Array>(keys.delivery(event_id, webhook_id));
      if (versionstamp !== null && !isStruck(value)) {
        return { value: deliveryRecord.decode(value), versionstamp, written: true };
      }
      return (await readDeliveries(parts, [{ event_id, webhook_id }]))[0] ?? null;
    },
    deliveries: (names) => readDeliveries(parts, names),

    move: (known, next, pause) => move(known, next, { pause }),
    moveAudited: (known, next, note) => move(known, next, { note }),

    async deliveryPage(site_id, query) {
      return await deliveryPage(parts, site_id, query);
    },
  };
}
