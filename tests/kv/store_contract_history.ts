/**
 * Part of the store's contract: the history of a site's events, and deliveries made of it later.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { keys } from "../../kv/keys.ts";
import { INPUT } from "../../lib/limits.ts";
import type { EventPage, EventQuery, Store } from "../../lib/store.ts";
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
import { numbersOn, pageQuery } from "./store_contract_pages.ts";
import { allEntries, indexFaults, keysBelow } from "./store_contract_state.ts";

const WEBHOOK = sampleWebhookId(1);

/** The event of a number: a second after the one before. */
function nth(n: number): ReturnType<typeof sampleEvent> {
  return sampleEvent(n, {
    accepted_at: SAMPLE_AT + 1000 * n,
    event: n % 3 === 0 ? "custom_event" : "goal_completion",
  });
}

/** Accepts events that nobody is told about. */
async function fill(store: Store, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const some = Array.from({ length: Math.min(500, count - from) }, (_, index) => from + index);
    await Promise.all(some.map((n) => store.accept(sampleAcceptance(nth(n), []))));
  }
}

/** A query without filters. */
export function eventQuery(given: Partial<EventQuery> = {}): EventQuery {
  return { event: null, since: null, until: null, limit: 50, before: null, ...given };
}

function numbers(events: EventPage["events"]): number[] {
  return events.map(({ id }) => parseInt(id.slice(-4), 32));
}

/** Registers this part. */
export function testHistory(test: ContractTest): void {
  testEventPage(test);
  testEventPageBounds(test);
  testEventsFrom(test);
  testAddDelivery(test);
}

function testEventPage(test: ContractTest): void {
  test("eventPage() lists a site's events, newest first, and neither skips nor repeats", async ({ store }) => {
    assertEquals(await store.eventPage(SAMPLE_SITE, eventQuery()), { events: [], next: null });
    await fill(store, 10);
    await store.accept({ ...sampleAcceptance(nth(10), []), listed: false });
    await store.accept(sampleAcceptance(sampleEvent(11, { site_id: "other.example" }), []));
    assertEquals((await store.eventPage(SAMPLE_SITE, eventQuery())).events[0], nth(9));
    for (
      const [event, expected] of [[null, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]], ["custom_event", [
        9,
        6,
        3,
        0,
      ]]] as const
    ) {
      for (let limit = 1; limit <= 11; limit++) {
        const seen: number[] = [];
        let before: string | null = null;
        do {
          const page: EventPage = await store.eventPage(SAMPLE_SITE, eventQuery({ event, limit, before }));
          seen.push(...numbers(page.events));
          before = page.next;
        } while (before !== null);
        assertEquals(seen, [...expected]);
      }
    }
  });

  test("eventPage() filters by event and time; `since` is inclusive, `until` exclusive", async ({ store }) => {
    await fill(store, 10);
    const found = async (given: Partial<EventQuery>): Promise<number[]> =>
      numbers((await store.eventPage(SAMPLE_SITE, eventQuery(given))).events);
    const [since, until] = [SAMPLE_AT + 3000, SAMPLE_AT + 7000];
    assertEquals(await found({ event: "custom_event" }), [9, 6, 3, 0]);
    assertEquals(await found({ since }), [9, 8, 7, 6, 5, 4, 3]);
    assertEquals(await found({ until }), [6, 5, 4, 3, 2, 1, 0]);
    assertEquals(await found({ since, until, event: "custom_event" }), [6, 3]);
    assertEquals(await found({ since, until, before: nth(5).id }), [4, 3]);
    assertEquals(await found({ since: until, until: since }), [], "a time that ends before it begins");
    assertEquals(await found({ since: until, before: nth(2).id }), []);
    assertEquals(await found({ since, until: since }), []);
  });

  test("eventPage() never shows another site's event, and passes over one that is gone", async ({ store, db }) => {
    await fill(store, 4);
    const theirs = sampleEvent(7, { site_id: "other.example" });
    await store.accept(sampleAcceptance(theirs, []));
    await db.atomic().set(keys.siteEvent(SAMPLE_SITE, theirs.id), new Uint8Array(0)).delete(
      keys.event(nth(2).id),
    )
      .commit();
    const page = await store.eventPage(SAMPLE_SITE, eventQuery({ limit: 3 }));
    assertEquals([numbers(page.events), page.next], [[3, 1, 0], null]);
  });
}

function testEventPageBounds(test: ContractTest): void {
  const max = INPUT.page_examined_max;

  test("eventPage() examines 1,000 records at most, and goes on where it stopped", async ({ store }) => {
    await fill(store, max + 5);
    for (const limit of [7, 100]) {
      const first = await store.eventPage(SAMPLE_SITE, eventQuery({ event: "visitor_drop", limit }));
      assertEquals(first, { events: [], next: nth(5).id });
      const second = await store.eventPage(
        SAMPLE_SITE,
        eventQuery({ event: "visitor_drop", limit, before: first.next }),
      );
      assertEquals(second, { events: [], next: null });
    }
  });
}

function testEventsFrom(test: ContractTest): void {
  test("eventsFrom() lists a site's events as they were accepted, from a time or behind an event", async ({ store }) => {
    await fill(store, 10);
    await store.accept(sampleAcceptance(sampleEvent(11, { site_id: "other.example" }), []));
    const found = async (
      since: number,
      until: number,
      most = 100,
      after: string | null = null,
    ): Promise<number[]> =>
      numbers((await store.eventsFrom(SAMPLE_SITE, { since, until, after }, most)).events);
    const at = (n: number): number => SAMPLE_AT + 1000 * n;
    assertEquals(await found(0, Infinity), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assertEquals(await found(at(3), at(6)), [3, 4, 5]);
    assertEquals(await found(at(3), at(9), 2), [3, 4]);
    assertEquals(await found(at(3), at(9), 2, nth(4).id), [5, 6]);
    assertEquals(await found(at(3), at(5), 2, nth(4).id), []);
    assertEquals(await found(at(6), at(3)), [], "a time that ends before it begins");
    assertEquals(await found(at(6), at(6)), []);
  });

  test("eventsFrom() says where to go on, also where all that it looked at is gone", async ({ store, db }) => {
    await fill(store, 10);
    const at = (n: number): number => SAMPLE_AT + 1000 * n;
    for (const n of [3, 4, 5]) await db.atomic().delete(keys.event(nth(n).id)).commit();
    const from = async (n: number, most: number): Promise<unknown[]> => {
      const range = { since: at(n), until: at(9), after: null };
      const { events, examined, next } = await store.eventsFrom(SAMPLE_SITE, range, most);
      return [numbers(events), examined, next];
    };
    assertEquals(await from(3, 3), [[], 3, { after: nth(5).id, at: at(6) }]);
    assertEquals(await from(3, 4), [[6], 4, { after: nth(6).id, at: at(7) }]);
    assertEquals(await from(7, 2), [[7, 8], 2, null]);
    assertEquals(await from(9, 2), [[], 0, null]);
  });
}

function testAddDelivery(test: ContractTest): void {
  const recovered = sampleDelivery(nth(1), WEBHOOK, {
    trigger: "recover",
    queued_at: SAMPLE_AT + 60_000,
    due_at: SAMPLE_AT + 60_000,
  });

  test("addDelivery() writes delivery, due entry, marker and log in one commit", async ({ store, db }) => {
    await store.addWebhook(sampleWebhook(1));
    await fill(store, 3);
    const before = await allEntries(db);
    assertEquals(await store.addDelivery(recovered), true);
    const known = await store.delivery(recovered.event_id, WEBHOOK);
    assertEquals(known?.value, recovered);
    const added = (await allEntries(db)).filter(({ versionstamp }) => versionstamp === known?.versionstamp);
    // The event and its place in the site's history are there already: written again, they outlive the delivery.
    assertEquals((await allEntries(db)).length - before.length, 4);
    assertEquals(added.map(({ key }) => key[0]), ["agenda", "delivery", "due", "event", "log", "site_event"]);
    assertEquals(await indexFaults(db), []);
    assertEquals(numbersOn(await store.deliveryPage(SAMPLE_SITE, pageQuery())), [[1, 1]]);
  });

  test("addDelivery() by many at once adds one, and never over one that is there", async ({ store, other, db }) => {
    await fill(store, 3);
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? store : other).addDelivery(recovered)),
    );
    assertEquals(results.filter((added) => added).length, 1);
    const known = await store.delivery(recovered.event_id, WEBHOOK);
    assert(known !== null);
    const moved = await store.move(known, (delivery) => ({ ...delivery, due_at: SAMPLE_AT + 90_000 }));
    assertEquals(await store.addDelivery(recovered), false);
    assertEquals(await store.delivery(recovered.event_id, WEBHOOK), moved);
    assertEquals((await keysBelow(db, "due")).length, 1);
    assertEquals(await indexFaults(db), []);
  });

  test("ring() is noticed by every process, and is no change of configuration", async ({ store, other }) => {
    const [rings, version] = [await other.rings(), await other.version()];
    await store.ring();
    assertNotEquals(await other.rings(), rings);
    assertEquals(await other.version(), version);
  });
}
