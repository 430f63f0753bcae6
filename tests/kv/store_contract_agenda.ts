/**
 * Part of the store's contract: what is due, the markers that lead to it, and the beats of processes.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { keys, slotOf } from "../../kv/keys.ts";
import { dueRecord } from "../../kv/records.ts";
import { ended, released } from "../../lib/delivery_moves.ts";
import { LEASE } from "../../lib/limits.ts";
import type { DueEntry, EventStore, Marker } from "../../lib/store.ts";
import { SAMPLE_AT, SAMPLE_SITE, sampleAcceptance, sampleEvent, sampleWebhookId } from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { allEntries, indexFaults, keysBelow } from "./store_contract_state.ts";

const WEBHOOK = sampleWebhookId(1);
const SLOT_MS = LEASE.slot_ms;
/** When the first slot of the samples begins. */
const SLOT_0 = slotOf(SAMPLE_AT) * SLOT_MS;

/** Accepts an event whose deliveries are due at that time. */
async function acceptDue(store: EventStore, n: number, at: number, webhook_ids = [WEBHOOK]): Promise<void> {
  const acceptance = sampleAcceptance(sampleEvent(n), webhook_ids);
  const deliveries = acceptance.deliveries.map(({ delivery }) => ({
    delivery: { ...delivery, due_at: at },
    marker_at: null,
  }));
  await store.accept({ ...acceptance, deliveries });
}

async function onlyMarker(
  opened: { store: { markers: (...given: [number, number, null]) => Promise<Marker[]> } },
): Promise<Marker> {
  const [marker, ...more] = await opened.store.markers(Number.MAX_SAFE_INTEGER, 10, null);
  assert(marker !== undefined && more.length === 0);
  return marker;
}

/** Registers this part. */
export function testAgenda(test: ContractTest): void {
  testMarkers(test);
  testMarkerRaces(test);
  testCountDue(test);
  testLook(test);
  testDropEntry(test);
  testRepair(test);
  testInstances(test);
}

function testMarkers(test: ContractTest): void {
  test("markers() lists by slot, the slot of `until` included, and no later one", async ({ store }) => {
    await acceptDue(store, 1, SLOT_0 + 2 * SLOT_MS);
    await acceptDue(store, 2, SLOT_0 + SLOT_MS - 1, [sampleWebhookId(2), WEBHOOK]);
    await acceptDue(store, 3, SLOT_0 + SLOT_MS, [sampleWebhookId(2)]);
    const found = async (until: number): Promise<unknown[]> =>
      (await store.markers(until, 10, null)).map((
        { slot, webhook_id },
      ) => [slot - slotOf(SLOT_0), webhook_id]);
    assertEquals(await found(SLOT_0 - 1), []);
    assertEquals(await found(SLOT_0), [[0, WEBHOOK], [0, sampleWebhookId(2)]]);
    assertEquals(await found(SLOT_0 + 2 * SLOT_MS - 1), [[0, WEBHOOK], [0, sampleWebhookId(2)], [
      1,
      sampleWebhookId(2),
    ]]);
    assertEquals((await found(SLOT_0 + 2 * SLOT_MS)).length, 4);
  });

  test("markers() goes on behind the last one of a page, without skipping or repeating", async ({ store }) => {
    const webhook_ids = Array.from({ length: 7 }, (_, n) => sampleWebhookId(n));
    for (let n = 0; n < 4; n++) await acceptDue(store, n, SLOT_0 + n * SLOT_MS, webhook_ids);
    const until = SLOT_0 + 3 * SLOT_MS;
    const all = await store.markers(until, 100, null);
    assertEquals(all.length, 28);
    for (const most of [1, 3, 7, 28]) {
      const paged: Marker[] = [];
      for (let after: Marker | null = null;;) {
        const page: Marker[] = await store.markers(until, most, after);
        paged.push(...page);
        if (page.length < most) break;
        after = page.at(-1) ?? null;
      }
      assertEquals(paged, all);
    }
  });

  test("upcomingSlots() names the beginnings of the slots that have markers", async ({ store }) => {
    for (const [n, slot] of [0, 2, 3, 7, 9].entries()) {
      await acceptDue(store, n, SLOT_0 + slot * SLOT_MS + 5, [WEBHOOK, sampleWebhookId(2)]);
    }
    const found = await store.upcomingSlots(SLOT_0 + 1, SLOT_0 + 7 * SLOT_MS);
    assertEquals(found, [2, 3, 7].map((slot) => SLOT_0 + slot * SLOT_MS));
    assertEquals(await store.upcomingSlots(SLOT_0 + 9 * SLOT_MS, SLOT_0 + 20 * SLOT_MS), []);
    assertEquals(await store.upcomingSlots(SLOT_0, SLOT_0), []);
  });
}

function testCountDue(test: ContractTest): void {
  test("countDue() counts what is due by then and what is due later, and no more than it should", async ({ store }) => {
    assertEquals(await store.countDue(SLOT_0, 10), { due: 0, later: 0 });
    await acceptDue(store, 1, SLOT_0 - 1, [WEBHOOK, sampleWebhookId(2)]);
    await acceptDue(store, 2, SLOT_0);
    await acceptDue(store, 3, SLOT_0 + 1);
    await acceptDue(store, 4, SLOT_0 + 100 * SLOT_MS, [sampleWebhookId(2)]);
    assertEquals(await store.countDue(SLOT_0, 10), { due: 3, later: 2 });
    const { due, later } = await store.countDue(SLOT_0, 4);
    assertEquals(due + later, 4);
  });
}

function testMarkerRaces(test: ContractTest): void {
  const later = SLOT_0 + 5 * SLOT_MS;

  test("retireMarker() removes a marker, and keeps one that was set again since it was read", async (opened) => {
    const { store, db } = opened;
    await acceptDue(store, 1, SLOT_0);
    const stale = await onlyMarker(opened);
    await acceptDue(store, 2, SLOT_0);
    await store.retireMarker(stale);
    const fresh = await onlyMarker(opened);
    assertNotEquals(fresh.versionstamp, stale.versionstamp);
    await store.retireMarker(fresh);
    assertEquals(await keysBelow(db, "agenda"), []);
    await store.retireMarker(fresh);
    assertEquals(await keysBelow(db, "agenda"), []);
  });

  test("moveMarker() moves a marker, and keeps one that was set again since it was read", async (opened) => {
    const { store, db } = opened;
    await acceptDue(store, 1, SLOT_0);
    const stale = await onlyMarker(opened);
    await acceptDue(store, 2, SLOT_0);
    await store.moveMarker(stale, later);
    const fresh = await onlyMarker(opened);
    assertEquals(fresh.slot, slotOf(SLOT_0));
    await store.moveMarker(fresh, later);
    assertEquals(await keysBelow(db, "agenda"), [[slotOf(later), WEBHOOK]]);
  });

  test("moveMarker() within its own slot keeps the marker", async (opened) => {
    await acceptDue(opened.store, 1, SLOT_0);
    await opened.store.moveMarker(await onlyMarker(opened), SLOT_0 + SLOT_MS - 1);
    assertEquals((await onlyMarker(opened)).slot, slotOf(SLOT_0));
  });

  test("retireMarker() at the moment of an acceptance never leaves the accepted without a marker", async (opened) => {
    const { store, other, db } = opened;
    for (let n = 0; n < 20; n++) {
      const webhook_id = sampleWebhookId(n);
      await store.accept(sampleAcceptance(sampleEvent(n), [webhook_id]));
      const known = await store.delivery(sampleEvent(n).id, webhook_id);
      assert(known !== null);
      await store.move(known, (delivery) => ended(delivery, "cancelled"));
      const markers = await store.markers(SAMPLE_AT, 100, null);
      const marker = markers.find((each) => each.webhook_id === webhook_id);
      assert(marker !== undefined);
      const accepting = sampleAcceptance(sampleEvent(100 + n), [webhook_id]);
      await Promise.all([
        n % 2 === 0 ? store.retireMarker(marker) : store.moveMarker(marker, later),
        (n % 3 === 0 ? store : other).accept(accepting),
      ]);
    }
    assertEquals(await indexFaults(db), []);
  });
}

function testLook(test: ContractTest): void {
  test("look() finds what is due, earliest first, and the first entry beyond", async ({ store }) => {
    assertEquals(await store.look(WEBHOOK, SLOT_0, 10), { due: [], next: null });
    for (const n of [3, 1, 4, 2]) await acceptDue(store, n, SLOT_0 + n);
    await acceptDue(store, 5, SLOT_0, [sampleWebhookId(2)]);
    const look = async (until: number, most: number): Promise<unknown[]> => {
      const { due, next } = await store.look(WEBHOOK, until, most);
      return [due.map(({ at }) => at - SLOT_0), next === null ? null : next.at - SLOT_0];
    };
    assertEquals(await look(SLOT_0, 10), [[], 1]);
    assertEquals(await look(SLOT_0 + 2, 10), [[1, 2], 3]);
    assertEquals(await look(SLOT_0 + 9, 10), [[1, 2, 3, 4], null]);
    assertEquals(await look(SLOT_0 + 9, 4), [[1, 2, 3, 4], null]);
    assertEquals(await look(SLOT_0 + 9, 2), [[1, 2], 3], "there are more than asked for");
    assertEquals(await look(Number.MAX_SAFE_INTEGER, 100), [[1, 2, 3, 4], null]);
  });

  test("look() reads on where a lane has more than one batch of KV", async ({ store }) => {
    await Promise.all(Array.from({ length: 1200 }, (_, n) => acceptDue(store, n, SLOT_0 + n)));
    const { due, next } = await store.look(WEBHOOK, SLOT_0 + 1099, 65_536);
    assertEquals([due.length, next?.at], [1100, SLOT_0 + 1100]);
    assertEquals(await store.pendingCount(WEBHOOK, 10_000), 1200);
  });
}

function testDropEntry(test: ContractTest): void {
  const entryAt = (event_id: string, at: number): DueEntry => ({
    webhook_id: WEBHOOK,
    event_id,
    site_id: SAMPLE_SITE,
    at,
    owner: null,
    unwritten: null,
  });
  const value = dueRecord.encode({ site_id: SAMPLE_SITE, owner: null, unwritten: null });

  test("dropEntry() removes an entry that no delivery names, and never one that a delivery names", async ({ store, db }) => {
    await acceptDue(store, 1, SLOT_0);
    const event_id = sampleEvent(1).id;
    for (const [at, event] of [[SLOT_0 + 1, event_id], [SLOT_0, sampleEvent(2).id]] as const) {
      await db.atomic().set(keys.due(WEBHOOK, at, event), value).commit();
      assertNotEquals(await indexFaults(db), []);
      await store.dropEntry(entryAt(event, at));
      assertEquals(await indexFaults(db), []);
    }
    const before = await allEntries(db);
    await store.dropEntry(entryAt(event_id, SLOT_0));
    assertEquals(await allEntries(db), before);
  });

  test("dropEntry() at the moment when a delivery comes to name the entry keeps it", async ({ store, other, db }) => {
    for (let n = 0; n < 20; n++) {
      await acceptDue(store, n, SLOT_0);
      const event_id = sampleEvent(n).id;
      const at = SLOT_0 + 60_000 + n;
      await db.atomic().set(keys.due(WEBHOOK, at, event_id), value).commit();
      const known = await store.delivery(event_id, WEBHOOK);
      assert(known !== null);
      const moving = (n % 2 === 0 ? store : other).move(known, (delivery) => released(delivery, at));
      await Promise.all([store.dropEntry(entryAt(event_id, at)), moving]);
      assertEquals(await indexFaults(db), []);
    }
  });
}

function testRepair(test: ContractTest): void {
  test("repairAgenda() makes missing markers again, and says how much it looked at", async ({ store, db }) => {
    assertEquals(await store.repairAgenda(), 0);
    const webhook_ids = Array.from({ length: 12 }, (_, n) => sampleWebhookId(n));
    for (let n = 0; n < 30; n++) await acceptDue(store, n, SLOT_0 + n * SLOT_MS, webhook_ids);
    const markers = await keysBelow(db, "agenda");
    assertEquals(markers.length, 360);
    for (let from = 0; from < markers.length; from += 100) {
      const atomic = db.atomic();
      for (const marker of markers.slice(from, from + 100)) atomic.delete(["agenda", ...marker]);
      await atomic.commit();
    }
    assertNotEquals(await indexFaults(db), []);
    assertEquals(await store.repairAgenda(), 360);
    assertEquals(await keysBelow(db, "agenda"), markers);
    assertEquals(await indexFaults(db), []);
  });
}

function testInstances(test: ContractTest): void {
  test("instances() shows each process's last beat until it is forgotten", async ({ store, other }) => {
    assertEquals(await store.instances(), []);
    await store.beat("one", SAMPLE_AT);
    await other.beat("two", SAMPLE_AT);
    const first = await store.instances();
    assertEquals(first.map(({ id, at }) => [id, at]), [["one", SAMPLE_AT], ["two", SAMPLE_AT]]);
    await store.beat("one", SAMPLE_AT);
    const second = await other.instances();
    assertNotEquals(second[0]?.versionstamp, first[0]?.versionstamp);
    assertEquals(second[1], first[1]);
    await other.forgetInstance("one");
    assertEquals((await store.instances()).map(({ id }) => id), ["two"]);
    await store.forgetInstance("one");
  });

  test("failing_since is null while commits succeed", async ({ store }) => {
    await store.beat("one", SAMPLE_AT);
    assertEquals(store.failing_since, null);
  });
}
