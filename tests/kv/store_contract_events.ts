/**
 * Part of the store's contract: accepting events, and reading what was accepted.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { keys, slotOf } from "../../kv/keys.ts";
import { INPUT } from "../../lib/limits.ts";
import type { Acceptance, IdempotencyEntry } from "../../lib/store.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleDelivery,
  sampleEvent,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { allEntries, indexFaults, keysBelow } from "./store_contract_state.ts";

function entryFor(event_id: string): IdempotencyEntry {
  return { event_id, digest: "ab".repeat(32), expires_at: SAMPLE_AT + INPUT.idempotency_key_ms };
}

/** An event for two webhooks under an idempotency key. */
function keyed(n: number, seen: string | null = null): Acceptance {
  const acceptance = sampleAcceptance(sampleEvent(n), [sampleWebhookId(1), sampleWebhookId(2)]);
  return { ...acceptance, idempotency: { key: "order 7", entry: entryFor(acceptance.event.id), seen } };
}

/** Registers this part. */
export function testEvents(test: ContractTest): void {
  testAccept(test);
  testIdempotency(test);
  testReads(test);
}

function testAccept(test: ContractTest): void {
  test("accept() writes event, deliveries, due entries, markers, log and idempotency key in one commit", async (opened) => {
    const { store, db } = opened;
    const webhook_ids = [sampleWebhookId(1), sampleWebhookId(2)];
    const acceptance = sampleAcceptance(sampleEvent(1), webhook_ids);
    const { event, deliveries } = acceptance;
    const idempotency = { key: "order 7", entry: entryFor(event.id), seen: null };
    const versionstamp = await store.accept({ ...acceptance, idempotency });
    assert(versionstamp !== null);

    const entries = await allEntries(db);
    assertEquals(new Set(entries.map((entry) => entry.versionstamp)), new Set([versionstamp]), "one commit");
    assertEquals(entries.length, 3 + 2 * 3, "no delivery has a record yet");
    assertEquals(await store.event(event.id), event);
    for (const { delivery } of deliveries) {
      const { webhook_id } = delivery;
      assertEquals(await store.delivery(event.id, webhook_id), {
        value: delivery,
        versionstamp,
        written: false,
      });
      assertEquals((await db.get(keys.log(SAMPLE_SITE, webhook_id, event.id))).versionstamp, versionstamp);
      const { due, next } = await store.look(webhook_id, SAMPLE_AT, 10);
      const entry = {
        webhook_id,
        event_id: event.id,
        site_id: SAMPLE_SITE,
        at: SAMPLE_AT,
        owner: null,
        unwritten: { event: event.event, created_at: event.accepted_at, versionstamp },
      };
      assertEquals([due, next], [[entry], null]);
    }
    assertEquals((await db.get(keys.siteEvent(SAMPLE_SITE, event.id))).versionstamp, versionstamp);
    const found = await store.idempotency(SAMPLE_SITE, "order 7");
    assertEquals(found, { value: idempotency.entry, versionstamp });
    const slot = slotOf(SAMPLE_AT);
    const markers = webhook_ids.map((webhook_id) => ({ slot, webhook_id, versionstamp }));
    assertEquals(await store.markers(SAMPLE_AT, 10, null), markers);
    assertEquals(await indexFaults(db), []);
  });

  test("accept() sets the marker where a lane's hold ends, and the due entry where the delivery says", async (opened) => {
    const { store, db } = opened;
    const [webhook_id, event] = [sampleWebhookId(1), sampleEvent(1)];
    const marker_at = SAMPLE_AT + 95_000;
    const deliveries = [{ delivery: sampleDelivery(event, webhook_id), marker_at }];
    await store.accept({ ...sampleAcceptance(event, [webhook_id]), deliveries });
    assertEquals(await keysBelow(db, "agenda"), [[slotOf(marker_at), webhook_id]]);
    assertEquals((await store.look(webhook_id, SAMPLE_AT, 1)).due.length, 1);
    assertEquals(await indexFaults(db, new Map([[webhook_id, marker_at]])), []);
  });

  test("accept() of an event for nobody keeps the event, and one that isn't listed is not in the site's history", async (opened) => {
    const { store, db } = opened;
    await store.accept(sampleAcceptance(sampleEvent(1), []));
    await store.accept({ ...sampleAcceptance(sampleEvent(2), []), listed: false });
    assert(await store.event(sampleEvent(1).id) !== null);
    assert(await store.event(sampleEvent(2).id) !== null);
    assertEquals(await keysBelow(db, "site_event"), [[SAMPLE_SITE, sampleEvent(1).id]]);
    assertEquals(await keysBelow(db, "due"), []);
  });

  test("accept() of a delivery that is over schedules nothing", async (opened) => {
    const { store, db } = opened;
    const event = sampleEvent(1, { event: "test" });
    const over = sampleDelivery(event, sampleWebhookId(1), {
      status: "delivered",
      due_at: null,
      trigger: "test",
    });
    await store.accept({
      ...sampleAcceptance(event, [sampleWebhookId(1)]),
      deliveries: [{ delivery: over, marker_at: null }],
      listed: false,
    });
    assertEquals((await store.delivery(event.id, sampleWebhookId(1)))?.value, over);
    assertEquals(await keysBelow(db, "due"), []);
    assertEquals(await keysBelow(db, "agenda"), []);
    assertEquals((await keysBelow(db, "log")).length, 1);
  });

  test("accept() takes the largest event of the largest site in one commit", async (opened) => {
    const { store, db } = opened;
    const site_id = "x".repeat(INPUT.site_id_chars_max);
    const webhook_ids = Array.from({ length: INPUT.webhooks_per_site_max }, (_, n) => sampleWebhookId(n));
    const body = new Uint8Array(INPUT.event_bytes_max).fill(0x20);
    const acceptance = sampleAcceptance(sampleEvent(1, { site_id, body }), webhook_ids);
    const entry = entryFor(acceptance.event.id);
    const key = "\u{1f511}".repeat(INPUT.idempotency_key_chars_max);
    const versionstamp = await store.accept({ ...acceptance, idempotency: { key, entry, seen: null } });
    const stamps = new Set((await allEntries(db)).map((each) => each.versionstamp));
    assertEquals(stamps, new Set([versionstamp ?? "none"]));
    assertEquals((await store.event(acceptance.event.id))?.body, body);
    assertEquals(await indexFaults(db), []);
  });
}

function testIdempotency(test: ContractTest): void {
  test("accept() under a key that is in use returns null and writes nothing", async ({ store, db }) => {
    assert(await store.accept(keyed(1)) !== null);
    const before = await allEntries(db);
    assertEquals(await store.accept(keyed(2)), null);
    assertEquals(await allEntries(db), before);
  });

  test("accept() of many at once under one key lets one through, in one process and in two", async ({ store, other, db }) => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? store : other).accept(keyed(n))),
    );
    assertEquals(results.filter((versionstamp) => versionstamp !== null).length, 1);
    assertEquals((await keysBelow(db, "event")).length, 1);
    assertEquals((await keysBelow(db, "due")).length, 2);
    assertEquals(await indexFaults(db), []);
  });

  test("accept() takes a key over whose time is past, if it is still as it was seen", async ({ store }) => {
    const first = await store.accept(keyed(1));
    const seen = await store.idempotency(SAMPLE_SITE, "order 7");
    assertEquals(seen?.versionstamp, first ?? "none");
    const second = await store.accept(keyed(2, first));
    assertNotEquals(second, null);
    assertEquals((await store.idempotency(SAMPLE_SITE, "order 7"))?.value.event_id, sampleEvent(2).id);
    assertEquals(await store.accept(keyed(3, first)), null, "it was taken over already");
  });

  test("idempotency() keeps sites and keys apart", async ({ store }) => {
    await store.accept(keyed(1));
    assertEquals(await store.idempotency("other.example", "order 7"), null);
    assertEquals(await store.idempotency(SAMPLE_SITE, "order"), null);
  });
}

function testReads(test: ContractTest): void {
  test("event() gives the body back byte for byte, whatever it holds", async ({ store }) => {
    const body = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const decisions = [{ webhook_id: sampleWebhookId(1), reason: "filtered" as const }];
    const event = sampleEvent(1, { body, decisions });
    await store.accept({ event, deliveries: [], idempotency: null, listed: true });
    assertEquals(await store.event(event.id), event);
    assertEquals(await store.event(sampleEvent(2).id), null);
  });

  test("deliveries() answers in the order asked for, with null for those that aren't there", async ({ store }) => {
    const webhook_ids = Array.from({ length: 23 }, (_, n) => sampleWebhookId(n));
    const { event } = sampleAcceptance(sampleEvent(1), webhook_ids);
    await store.accept(sampleAcceptance(event, webhook_ids));
    const asked = [...webhook_ids.toReversed(), sampleWebhookId(99), ...webhook_ids.slice(3, 5)]
      .map((webhook_id) => ({ event_id: event.id, webhook_id }));
    const found = await store.deliveries(asked);
    assertEquals(
      found.map((known) => known?.value.webhook_id ?? null),
      asked.map(({ webhook_id }) => webhook_id === sampleWebhookId(99) ? null : webhook_id),
    );
    assertEquals(await store.deliveries([]), []);
    assertEquals(await store.delivery(sampleEvent(2).id, sampleWebhookId(1)), null);
  });
}
