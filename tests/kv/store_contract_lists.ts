/**
 * Part of the store's contract: what is accepted at once shares records of lists, and is found as if it did not.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { keys } from "../../kv/keys.ts";
import type { Database } from "../../kv/database.ts";
import type { DeliveryPage, EventPage, Store } from "../../lib/store.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleDelivery,
  sampleEvent,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { eventQuery } from "./store_contract_history.ts";
import { pageQuery } from "./store_contract_pages.ts";
import { allEntries, keysBelow } from "./store_contract_state.ts";

const OTHER = "other.example";
const COUNT = 60;
const ALL = Array.from({ length: COUNT }, (_, n) => n);
type EventsFound = Awaited<ReturnType<Store["eventsFrom"]>>;

/** The event of a number: 120 ms from the first to the last. Those of another site have numbers behind it. */
function nth(n: number, site_id = SAMPLE_SITE): ReturnType<typeof sampleEvent> {
  return sampleEvent(n + (site_id === OTHER ? COUNT : 0), {
    site_id,
    accepted_at: SAMPLE_AT + 2 * n - n % 3,
  });
}

/** Accepts events for a webhook in two groups: the even ones, and those between them. */
async function fill(store: Store, webhook: number, site_id = SAMPLE_SITE): Promise<void> {
  const ids = [sampleWebhookId(webhook)];
  await store.addWebhook(sampleWebhook(webhook, { site_id }));
  for (const rest of [0, 1]) {
    const some = ALL.filter((n) => n % 2 === rest);
    await Promise.all(some.map((n) => store.accept(sampleAcceptance(nth(n, site_id), ids))));
  }
}

const NUMBERS = new Map(ALL.map((n) => [nth(n).id, n]));

function numberOf(event_id: string): number {
  return NUMBERS.get(event_id) ?? NaN;
}

function numbersOf(page: DeliveryPage): number[] {
  return page.deliveries.map(({ delivery }) => numberOf(delivery.event_id));
}

async function deliveryNumbers(store: Store, limit: number): Promise<number[]> {
  const numbers: number[] = [];
  let after = null;
  do {
    const page: DeliveryPage = await store.deliveryPage(SAMPLE_SITE, pageQuery({ limit, after }));
    numbers.push(...numbersOf(page));
    after = page.next;
  } while (after !== null);
  return numbers;
}

async function eventNumbers(store: Store, limit: number): Promise<number[]> {
  const numbers: number[] = [];
  let before: string | null = null;
  do {
    const page: EventPage = await store.eventPage(SAMPLE_SITE, eventQuery({ limit, before }));
    numbers.push(...page.events.map(({ id }) => numberOf(id)));
    before = page.next;
  } while (before !== null);
  return numbers;
}

async function listRecords(db: Database): Promise<number> {
  return (await keysBelow(db, "site_event")).length + (await keysBelow(db, "log")).length;
}

/** Registers this part. */
export function testLists(test: ContractTest): void {
  test("what is accepted at once shares records of lists, and pages show each once, in order", async ({ store, db }) => {
    await fill(store, 1);
    assertLess(await listRecords(db), COUNT / 2);
    const newest_first = ALL.toReversed();
    for (const limit of [1, 7, COUNT - 1, COUNT, 100]) {
      assertEquals(await deliveryNumbers(store, limit), newest_first, `deliveries, ${limit} a page`);
      assertEquals(await eventNumbers(store, limit), newest_first, `events, ${limit} a page`);
    }
    const [since, until] = [nth(20).accepted_at, nth(40).accepted_at];
    const between = ALL.filter((n) => nth(n).accepted_at >= since && nth(n).accepted_at < until);
    const range = { since, until, limit: 100 };
    const { events } = await store.eventPage(SAMPLE_SITE, eventQuery(range));
    assertEquals(events.map(({ id }) => numberOf(id)), between.toReversed());
    const page = await store.deliveryPage(SAMPLE_SITE, pageQuery(range));
    assertEquals(numbersOf(page), between.toReversed());
  });

  test("eventsFrom() goes through shared records as through others", async ({ store }) => {
    await fill(store, 1);
    for (const most of [1, 7, COUNT]) {
      const seen: number[] = [];
      let after: string | null = null;
      do {
        const range = { since: SAMPLE_AT, until: Infinity, after };
        const found: Awaited<ReturnType<Store["eventsFrom"]>> = await store.eventsFrom(
          SAMPLE_SITE,
          range,
          most,
        );
        seen.push(...found.events.map(({ id }) => numberOf(id)));
        after = found.next?.after ?? null;
      } while (after !== null);
      assertEquals(seen, ALL, `${most} at a time`);
    }
  });

  test("a delivery that is added to an event of a shared record leaves the others in it", async ({ store, db }) => {
    await fill(store, 1);
    const second = sampleWebhookId(2);
    await store.addWebhook(sampleWebhook(2));
    const before = await listRecords(db);
    for (const n of [COUNT - 1, COUNT - 2, 7]) {
      const added = sampleDelivery(nth(n), second, { trigger: "recover", due_at: SAMPLE_AT + 60_000 });
      assert(await store.addDelivery(added));
    }
    assertEquals(await listRecords(db), before + 2 * 3);
    assertEquals(await eventNumbers(store, 100), ALL.toReversed());
    const page = await store.deliveryPage(SAMPLE_SITE, pageQuery({ webhook_id: second }));
    assertEquals(numbersOf(page), [COUNT - 1, COUNT - 2, 7]);
    assertEquals((await deliveryNumbers(store, 7)).length, COUNT + 3);
  });

  test("deliveries that another process adds at once leave the others in a shared record of the same number", async (opened) => {
    const { store, other } = opened;
    await store.addWebhook(sampleWebhook(1));
    await store.addWebhook(sampleWebhook(2));
    const four = ALL.slice(0, 4);
    await Promise.all(four.map((n) => store.accept(sampleAcceptance(nth(n), [sampleWebhookId(1)]))));
    // As many commits by each process: their operations have the same numbers.
    await other.beat("other", SAMPLE_AT);
    await other.beat("other", SAMPLE_AT);
    await Promise.all(
      four.slice(2).map((n) =>
        other.addDelivery(sampleDelivery(nth(n), sampleWebhookId(2), { trigger: "recover" }))
      ),
    );
    assertEquals(await eventNumbers(store, 100), four.toReversed());
    const all = await store.eventsFrom(SAMPLE_SITE, { since: SAMPLE_AT, until: Infinity, after: null }, 100);
    assertEquals(all.events.map(({ id }) => numberOf(id)), four);
  });

  test("a site's last event is the newest that is kept, though a shared record names a newer one", async ({ store, db }) => {
    const told = sampleAcceptance(nth(1), [sampleWebhookId(1)]);
    await Promise.all([store.accept(told), store.accept(sampleAcceptance(nth(2), []))]);
    const last = async (): Promise<number | null | undefined> =>
      (await store.sitePage(10, null)).sites[0]?.last_event_at;
    assertEquals(await last(), nth(2).accepted_at);
    await db.atomic().delete(keys.event(nth(2).id)).commit();
    assertEquals(await last(), nth(1).accepted_at);
  });

  test("all that shared records name goes with its site, and nothing of another", async ({ store, other, db }) => {
    await fill(store, 1, OTHER);
    const kept = await allEntries(db);
    await fill(store, 2);
    await other.wipeSite(SAMPLE_SITE);
    const tables = ["event", "site_event", "log", "delivery"];
    const left = async (): Promise<Deno.KvKey[]> =>
      (await allEntries(db)).filter(({ key }) => tables.includes(String(key[0]))).map(({ key }) => key);
    assertEquals(
      await left(),
      kept.filter(({ key }) => tables.includes(String(key[0]))).map(({ key }) => key),
    );
  });
}
