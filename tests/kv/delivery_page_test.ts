/**
 * Pages of deliveries: what they show while deliveries arrive, and how much they read. What they show otherwise is part
 * of the store's contract.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import type { Database } from "../../kv/database.ts";
import { deliveryPage, type DeliveryPageReader } from "../../kv/delivery_page.ts";
import { ended } from "../../lib/delivery_moves.ts";
import { deliveryId } from "../../lib/delivery.ts";
import { INPUT } from "../../lib/limits.ts";
import type { DeliveryPage, DeliveryQuery, Store } from "../../lib/store.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { recordingLog } from "../helpers/recording_log.ts";
import { createRetention } from "../../kv/retention.ts";
import { createRecordReader } from "../../kv/record_reader.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleEvent,
  sampleUlidPrefix,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import { storeOver } from "./store_contract.ts";
import { numbersOn, pageQuery } from "./store_contract_pages.ts";

const EXAMINED_MAX = INPUT.page_examined_max;

/** A store, and a reader that counts what it reads. */
interface Opened {
  readonly store: Store;
  readonly reader: DeliveryPageReader;
  readonly read: { records: number; batches: number; log_entries: number };
}

async function open(webhooks: number): Promise<Opened> {
  const clock = createManualClock(SAMPLE_AT);
  const db = new FakeKv({ clock });
  const store = await storeOver(db, clock);
  for (let n = 0; n < webhooks; n++) await store.addWebhook(sampleWebhook(n));
  const read = { records: 0, batches: 0, log_entries: 0 };
  const reader: DeliveryPageReader = {
    db: countingList(db, {
      log: () => read.log_entries++,
      delivery: () => read.records++,
      range: () => read.batches++,
    }),
    reader: createRecordReader({ clock, log: recordingLog() }),
    clock,
    retention: createRetention(30),
    idPrefixAt: (at_ms) => `evt_${sampleUlidPrefix(at_ms)}`,
  };
  return { store, reader, read };
}

/** A database that tells of each log entry and each delivery listed, and of each range of deliveries. */
function countingList(db: FakeKv, on: { log(): void; delivery(): void; range(): void }): Database {
  const list = function (...given: Parameters<FakeKv["list"]>): ReturnType<FakeKv["list"]> {
    const entries = db.list(...given);
    const [selector] = given;
    if ("start" in selector && selector.start[0] === "delivery") on.range();
    const next = entries.next.bind(entries);
    entries.next = async () => {
      const result = await next();
      if (!result.done && result.value.key[0] === "log") on.log();
      if (!result.done && result.value.key[0] === "delivery") on.delivery();
      return result;
    };
    return entries;
  };
  const getMany: FakeKv["getMany"] = (asked, ...options) => {
    const records = asked.filter(([table]) => table === "delivery");
    if (records.length > 0) on.range();
    for (const _ of records) on.delivery();
    return db.getMany(asked, ...options);
  };
  const counting = { list, getMany };
  return new Proxy(db, {
    get: (target, name) => Reflect.get(counting, name) ?? Reflect.get(target, name).bind(target),
  });
}

/** Accepts events from `from` on, a millisecond apart, each for all of some webhooks. */
async function accept(store: Store, from: number, count: number, webhooks: readonly number[]): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => {
    const event = sampleEvent(from + index, { accepted_at: SAMPLE_AT + from + index });
    const acceptance = sampleAcceptance(event, webhooks.map(sampleWebhookId));
    // Each with a record, so that what is read for one is one record.
    const deliveries = acceptance.deliveries.map(({ delivery, marker_at }) => ({
      delivery: { ...delivery, trigger: "recover" } as const,
      marker_at,
    }));
    return store.accept({ ...acceptance, deliveries });
  }));
}

/** Ends some deliveries of the first webhook, so that a filter finds them and nothing else. */
async function endSome(store: Store, events: readonly number[]): Promise<void> {
  for (const n of events) {
    const known = await store.delivery(sampleEvent(n, { accepted_at: SAMPLE_AT + n }).id, sampleWebhookId(0));
    assert(known !== null);
    await store.move(known, (delivery) => ended(delivery, "exhausted"));
  }
}

Deno.test("deliveryPage() neither skips nor repeats while new deliveries arrive between pages", async () => {
  const accepted = fc.record({
    webhooks: fc.uniqueArray(fc.nat(3), { minLength: 1 }),
    // Several in one millisecond, as in a batch.
    pass_ms: fc.nat(1),
    ended: fc.boolean(),
  });
  const queries = fc.record({
    webhook_id: fc.option(fc.nat(3).map(sampleWebhookId)),
    status: fc.constantFrom(null, "pending" as const, "exhausted"),
    limit: fc.integer({ min: 1, max: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(accepted, { maxLength: 40, size: "max" }),
      fc.array(accepted, { maxLength: 10 }),
      queries,
      async (before, between, given) => {
        const { store, reader } = await open(4);
        let [n, at] = [0, SAMPLE_AT];
        const expected: string[] = [];
        const take = async ({ webhooks, pass_ms, ended: ends }: typeof before[number]): Promise<string[]> => {
          const event = sampleEvent(n++, { accepted_at: at += pass_ms });
          const matching: string[] = [];
          const acceptance = sampleAcceptance(event, webhooks.map(sampleWebhookId));
          const deliveries = acceptance.deliveries.map(({ delivery }) => ({
            delivery: ends ? ended(delivery, "exhausted") : delivery,
            marker_at: null,
          }));
          await store.accept({ ...acceptance, deliveries });
          for (const { delivery: { event_id, webhook_id, status } } of deliveries) {
            if (given.webhook_id !== null && given.webhook_id !== webhook_id) continue;
            if (given.status !== null && given.status !== status) continue;
            matching.push(deliveryId(event_id, webhook_id));
          }
          return matching;
        };
        for (const each of before) expected.push(...await take(each));

        const seen: string[] = [];
        let after: DeliveryQuery["after"] = null;
        for (let pages = 0;; pages++) {
          assert(pages <= expected.length + 1, "the pages end");
          const query = pageQuery({ ...given, after });
          const page: DeliveryPage = await deliveryPage(reader, SAMPLE_SITE, query);
          assertLessOrEqual(page.deliveries.length, given.limit);
          seen.push(
            ...page.deliveries.map(({ delivery }) => deliveryId(delivery.event_id, delivery.webhook_id)),
          );
          after = page.next;
          if (after === null) break;
          const arriving = between[pages];
          if (arriving !== undefined) await take(arriving);
        }
        assertEquals(seen, expected.toSorted().toReversed());
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("deliveryPage() examines 1,000 records at most, and goes on where it stopped", async () => {
  const { store, reader, read } = await open(1);
  await accept(store, 0, EXAMINED_MAX + 300, [0]);
  for (const limit of [1, 7, 50, 100]) {
    const query = pageQuery({ status: "delivered", limit });
    read.records = read.batches = 0;
    const first = await deliveryPage(reader, SAMPLE_SITE, query);
    assertEquals([first.deliveries, read.records], [[], EXAMINED_MAX]);
    assertLessOrEqual(
      read.batches,
      EXAMINED_MAX / INPUT.page_max + 1,
      "a small page is looked for in large steps",
    );
    assertEquals(first.next?.event_id, sampleEvent(300, { accepted_at: SAMPLE_AT + 300 }).id);
    const second = await deliveryPage(reader, SAMPLE_SITE, { ...query, after: first.next });
    assertEquals([second, read.records], [{ deliveries: [], next: null }, EXAMINED_MAX + 300]);
  }
});

Deno.test("deliveryPage() that examined all there is, to the last record, has no next page", async () => {
  const { store, reader } = await open(1);
  await accept(store, 0, EXAMINED_MAX, [0]);
  const page = await deliveryPage(reader, SAMPLE_SITE, pageQuery({ status: "delivered" }));
  assertEquals(page, { deliveries: [], next: null });
});

Deno.test("deliveryPage() is short, with a next page, if a filter matches little", async () => {
  const { store, reader, read } = await open(1);
  const total = EXAMINED_MAX + 300;
  await accept(store, 0, total, [0]);
  const [oldest, early, late] = [5, total - EXAMINED_MAX, total - 50];
  await endSome(store, [oldest, early, late]);
  const query = pageQuery({ status: "exhausted", limit: 10 });
  const first = await deliveryPage(reader, SAMPLE_SITE, query);
  assertEquals(numbersOn(first).map(([event]) => event), [late, early]);
  const second = await deliveryPage(reader, SAMPLE_SITE, { ...query, after: first.next });
  assertEquals([numbersOn(second), second.next], [[[oldest, 0]], null]);
  assertEquals(read.records, total, "each record was examined once");

  const one = await deliveryPage(reader, SAMPLE_SITE, { ...query, limit: 1 });
  assertEquals([numbersOn(one), one.next], [[[late, 0]], {
    event_id: sampleEvent(late, { accepted_at: SAMPLE_AT + late }).id,
    webhook_id: sampleWebhookId(0),
  }]);
});

Deno.test("deliveryPage() without a filter reads no more records than it shows", async () => {
  const { store, reader, read } = await open(3);
  await accept(store, 0, 100, [0, 1, 2]);
  for (const limit of [1, 20, 100]) {
    read.records = 0;
    assertEquals((await deliveryPage(reader, SAMPLE_SITE, pageQuery({ limit }))).deliveries.length, limit);
    assertEquals(read.records, limit);
  }
});

Deno.test("deliveryPage() reads little of each log beyond what it shows, however long the logs are", async () => {
  const webhooks = Array.from({ length: INPUT.webhooks_per_site_max }, (_, n) => n);
  const { store, reader, read } = await open(webhooks.length);
  await accept(store, 0, 60, webhooks);
  assertEquals((await deliveryPage(reader, SAMPLE_SITE, pageQuery({ limit: 50 }))).deliveries.length, 50);
  assertLessOrEqual(read.log_entries, 50 + 10 * webhooks.length);
  read.log_entries = 0;
  await deliveryPage(reader, SAMPLE_SITE, pageQuery({ status: "delivered" }));
  assertLessOrEqual(read.log_entries, EXAMINED_MAX + 10 * webhooks.length);
});

Deno.test("deliveryPage() reads one by one what lies among the deliveries of other sites, and shows the same", async () => {
  const { store, reader, read } = await open(1);
  const busy = sampleWebhook(1, { site_id: "busy.example" });
  await store.addWebhook(busy);
  for (let n = 0; n < 120; n++) {
    const event = sampleEvent(n, { accepted_at: SAMPLE_AT + n });
    await store.accept(
      n % 4 === 0
        ? sampleAcceptance(event, [sampleWebhookId(0)])
        : sampleAcceptance({ ...event, site_id: busy.site_id }, [busy.id]),
    );
  }
  const page = await deliveryPage(reader, SAMPLE_SITE, pageQuery({ limit: 30 }));
  assertEquals(page.deliveries.length, 30);
  assert(page.deliveries.every(({ delivery }) => delivery.site_id === SAMPLE_SITE));
  assertLessOrEqual(read.records, 2 * 31 + 31);
});
