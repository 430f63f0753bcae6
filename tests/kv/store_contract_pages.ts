/**
 * Part of the store's contract: pages of deliveries. What pages do while deliveries arrive, and how much they read, is
 * in `delivery_page_test.ts`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ended } from "../../lib/delivery_moves.ts";
import type { DeliveryPage, DeliveryQuery, Store } from "../../lib/store.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleEvent,
  sampleTombstone,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";

/** A query without filters. */
export function pageQuery(given: Partial<DeliveryQuery> = {}): DeliveryQuery {
  return {
    webhook_id: null,
    event: null,
    status: null,
    since: null,
    until: null,
    limit: 50,
    after: null,
    ...given,
  };
}

/** Which event and which webhook each delivery of a page is of, by their numbers in the samples. */
export function numbersOn(page: DeliveryPage): [event: number, webhook: number][] {
  return page.deliveries.map(({ delivery: { event_id, webhook_id } }) => [
    parseInt(event_id.slice(-4), 32),
    parseInt(webhook_id.slice(-4), 32),
  ]);
}

/** Three webhooks and five events, a second apart; each event goes to the webhooks that its entry names. */
async function fill(store: Store): Promise<void> {
  for (const n of [1, 2, 3]) await store.addWebhook(sampleWebhook(n));
  for (const [n, webhooks] of [[1, 2], [1], [1, 2, 3], [], [2, 3]].entries()) {
    const event = sampleEvent(n, {
      accepted_at: SAMPLE_AT + 1000 * n,
      event: n % 2 === 0 ? "custom_event" : "goal_completion",
    });
    await store.accept(sampleAcceptance(event, webhooks.map(sampleWebhookId)));
  }
}

const ALL: [number, number][] = [[4, 3], [4, 2], [2, 3], [2, 2], [2, 1], [1, 1], [0, 2], [0, 1]];

/** Registers this part. */
export function testPages(test: ContractTest): void {
  testMerge(test);
  testFilters(test);
  testOwnership(test);
}

function testMerge(test: ContractTest): void {
  test("deliveryPage() merges a site's webhooks, newest first", async ({ store }) => {
    assertEquals(await store.deliveryPage(SAMPLE_SITE, pageQuery()), { deliveries: [], next: null });
    await fill(store);
    const page = await store.deliveryPage(SAMPLE_SITE, pageQuery());
    assertEquals([numbersOn(page), page.next], [ALL, null]);
    for (const { delivery, webhook } of page.deliveries) assertEquals(webhook?.id, delivery.webhook_id);
  });

  test("deliveryPage() goes on behind the last delivery of a page, whatever its length", async ({ store }) => {
    await fill(store);
    for (let limit = 1; limit <= ALL.length + 1; limit++) {
      const seen: [number, number][] = [];
      let after: DeliveryQuery["after"] = null;
      do {
        const page: DeliveryPage = await store.deliveryPage(SAMPLE_SITE, pageQuery({ limit, after }));
        seen.push(...numbersOn(page));
        assertEquals(
          numbersOn(page).length,
          Math.min(limit, ALL.length - seen.length + numbersOn(page).length),
        );
        after = page.next;
      } while (after !== null);
      assertEquals(seen, ALL);
    }
  });
}

function testFilters(test: ContractTest): void {
  test("deliveryPage() filters by webhook, event and time; `since` is inclusive, `until` exclusive", async ({ store }) => {
    await fill(store);
    const found = async (given: Partial<DeliveryQuery>): Promise<[number, number][]> =>
      numbersOn(await store.deliveryPage(SAMPLE_SITE, pageQuery(given)));
    assertEquals(await found({ webhook_id: sampleWebhookId(2) }), ALL.filter(([, webhook]) => webhook === 2));
    assertEquals(await found({ webhook_id: sampleWebhookId(9) }), []);
    assertEquals(await found({ event: "goal_completion" }), [[1, 1]]);
    assertEquals(await found({ event: "visitor_drop" }), []);
    assertEquals(await found({ since: SAMPLE_AT + 2000 }), ALL.filter(([event]) => event >= 2));
    assertEquals(await found({ until: SAMPLE_AT + 2000 }), ALL.filter(([event]) => event < 2));
    assertEquals(await found({ since: SAMPLE_AT + 2001 }), ALL.filter(([event]) => event > 2));
    const [since, until] = [SAMPLE_AT + 1000, SAMPLE_AT + 4000];
    assertEquals(await found({ since, until }), ALL.filter(([event]) => event >= 1 && event < 4));
    const webhook_id = sampleWebhookId(1);
    assertEquals(await found({ since, until, webhook_id, event: "custom_event" }), [[2, 1]]);
  });

  test("deliveryPage() of a time that ends before it begins is empty", async ({ store }) => {
    await fill(store);
    const empty = { deliveries: [], next: null };
    for (const [since, until] of [[3000, 1000], [2000, 2000]] as const) {
      const query = pageQuery({ since: SAMPLE_AT + since, until: SAMPLE_AT + until });
      assertEquals(await store.deliveryPage(SAMPLE_SITE, query), empty);
    }
    const after = {
      event_id: sampleEvent(1, { accepted_at: SAMPLE_AT + 1000 }).id,
      webhook_id: sampleWebhookId(1),
    };
    assertEquals(await store.deliveryPage(SAMPLE_SITE, pageQuery({ since: SAMPLE_AT + 3000, after })), empty);
  });

  test("deliveryPage() filters by the status as its owner should read it", async ({ store }) => {
    await fill(store);
    const cancelled = await store.delivery(
      sampleEvent(4, { accepted_at: SAMPLE_AT + 4000 }).id,
      sampleWebhookId(3),
    );
    assert(cancelled !== null);
    await store.move(cancelled, (delivery) => ended(delivery, "cancelled"));
    // Disabled after the third event: what it had then counts as cancelled, although no record says so yet.
    await store.changeWebhook(SAMPLE_SITE, sampleWebhookId(2), (webhook) => ({
      ...webhook,
      enabled: false,
      cancelled_until: SAMPLE_AT + 2000,
    }));
    const found = async (status: DeliveryQuery["status"]): Promise<[number, number][]> =>
      numbersOn(await store.deliveryPage(SAMPLE_SITE, pageQuery({ status })));
    assertEquals(await found("cancelled"), [[4, 3], [2, 2], [0, 2]]);
    assertEquals(await found("pending"), [[4, 2], [2, 3], [2, 1], [1, 1], [0, 1]]);
    assertEquals(await found("delivered"), []);
  });
}

function testOwnership(test: ContractTest): void {
  test("deliveryPage() never shows another site's deliveries, whatever the keys say", async ({ store, db }) => {
    await fill(store);
    const theirs = sampleWebhook(1, { site_id: "other.example" });
    await store.addWebhook(theirs);
    const event = sampleEvent(7, { site_id: "other.example" });
    await store.accept(sampleAcceptance(event, [theirs.id]));
    assertEquals(numbersOn(await store.deliveryPage("other.example", pageQuery())), [[7, 1]]);
    // A log entry in the wrong place: the record says whose it is.
    await db.atomic().set(["log", SAMPLE_SITE, sampleWebhookId(1), event.id], new Uint8Array(0)).commit();
    assertEquals(numbersOn(await store.deliveryPage(SAMPLE_SITE, pageQuery())), ALL);
  });

  test("deliveryPage() shows a deleted webhook's history, what waited as cancelled", async ({ store }) => {
    await fill(store);
    const id = sampleWebhookId(3);
    await store.changeWebhook(SAMPLE_SITE, id, (webhook) => sampleTombstone(webhook, SAMPLE_AT + 5000));
    assertEquals(numbersOn(await store.deliveryPage(SAMPLE_SITE, pageQuery())), ALL);
    const query = pageQuery({ webhook_id: id, status: "cancelled" });
    assertEquals(numbersOn(await store.deliveryPage(SAMPLE_SITE, query)), [[4, 3], [2, 3]]);
  });

  test("deliveryPage() passes over log entries whose delivery is gone", async ({ store, db }) => {
    await fill(store);
    const { id } = sampleEvent(2, { accepted_at: SAMPLE_AT + 2000 });
    const known = await store.delivery(id, sampleWebhookId(2));
    assert(known !== null);
    await store.move(known, (delivery) => ended(delivery, "exhausted"));
    await db.atomic().delete(["delivery", id, sampleWebhookId(2)]).commit();
    const page = await store.deliveryPage(SAMPLE_SITE, pageQuery({ limit: 7 }));
    assertEquals([numbersOn(page), page.next], [ALL.filter((_, index) => index !== 3), null]);
  });
}
