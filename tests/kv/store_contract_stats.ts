/**
 * Part of the store's contract: counters by the hour.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NO_COUNTS, type StatCounts } from "../../lib/stats.ts";
import type { CountedRow, StatQuery, Store } from "../../lib/store.ts";
import { sampleWebhookId } from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";

const ID = sampleWebhookId(1);

function row(given: Partial<CountedRow> & { readonly attempts?: number } = {}): CountedRow {
  const { attempts = 1, ...rest } = given;
  const counts: StatCounts = { ...NO_COUNTS, attempts, duration_ms_total: attempts / 10 };
  return { site_id: "a.example", webhook_id: ID, hour: 100, counter: "one.0", counts, ...rest };
}

function query(given: Partial<StatQuery> = {}): StatQuery {
  return { site_id: null, since_hour: 0, limit: 100, after: null, ...given };
}

/** Rows in short: site, hour, webhook, attempts. */
async function read(store: Store, given: Partial<StatQuery> = {}): Promise<unknown[][]> {
  const { rows } = await store.statPage(query(given));
  return rows.map(({ site_id, hour, webhook_id, counts }) => [site_id, hour, webhook_id, counts.attempts]);
}

/** Registers this part. */
export function testStats(test: ContractTest): void {
  test("writeStats() sets what one process counted, so writing it again counts nothing twice", async ({ store }) => {
    await store.writeStats([row({ attempts: 2 })]);
    await store.writeStats([row({ attempts: 3 })]);
    await store.writeStats([row({ attempts: 3 })]);
    assertEquals(await read(store), [["a.example", 100, ID, 3]]);
  });

  test("statPage() adds up processes, and keeps sites, hours and webhooks apart", async ({ store, other }) => {
    await store.writeStats([
      row(),
      row({ webhook_id: null }),
      row({ hour: 99 }),
      row({ site_id: "b.example" }),
    ]);
    await other.writeStats([
      row({ counter: "two.0", attempts: 10 }),
      row({ counter: "two.1", attempts: 20 }),
    ]);
    const { rows, next } = await store.statPage(query());
    assertEquals(next, null);
    assertEquals(
      rows.map(({ site_id, hour, webhook_id, counts }) => [
        site_id,
        hour,
        webhook_id,
        counts.attempts,
        counts.duration_ms_total,
      ]),
      [
        ["a.example", 99, ID, 1, 0.1],
        ["a.example", 100, null, 1, 0.1],
        ["a.example", 100, ID, 31, 3.1],
        ["b.example", 100, ID, 1, 0.1],
      ],
    );
    assertEquals(await read(store, { site_id: "b.example" }), [["b.example", 100, ID, 1]]);
    assertEquals(await read(store, { site_id: "a.exampl" }), []);
  });

  test("statPage() begins at an hour, in every site", async ({ store }) => {
    for (const site_id of ["a.example", "b.example", "c.example"]) {
      const hours = site_id === "b.example" ? [1, 2] : [1, 2, 98, 99, 100];
      await store.writeStats(hours.map((hour) => row({ site_id, hour })));
    }
    assertEquals((await read(store, { since_hour: 99 })).map(([site_id, hour]) => [site_id, hour]), [
      ["a.example", 99],
      ["a.example", 100],
      ["c.example", 99],
      ["c.example", 100],
    ]);
    assertEquals((await read(store, { since_hour: 99, site_id: "a.example" })).length, 2);
    assertEquals(await read(store, { since_hour: 99, site_id: "b.example" }), []);
    assertEquals(await read(store, { since_hour: 101 }), []);
  });

  test("pages of counters neither skip nor repeat, and never cut a sum in two", async ({ store, other }) => {
    const places = ["a.example", "b.example"].flatMap((site_id) =>
      [99, 100].flatMap((hour) =>
        [null, ID, sampleWebhookId(2)].map((webhook_id) => ({ site_id, hour, webhook_id }))
      )
    );
    await store.writeStats(places.map((place) => row(place)));
    await other.writeStats(places.map((place) => row({ ...place, counter: "two.0" })));
    const all = await read(store);
    assertEquals(all.length, places.length);
    assertEquals(new Set(all.map(([, , , attempts]) => attempts)), new Set([2]));
    for (const limit of [1, 2, 5, 12]) {
      const found: unknown[][] = [];
      let after: StatQuery["after"] = null;
      do {
        found.push(...await read(store, { limit, after }));
        after = (await store.statPage(query({ limit, after }))).next;
      } while (after !== null);
      assertEquals(found, all, `${limit} at a time`);
    }
  });
}
