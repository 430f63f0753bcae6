/**
 * The form in which deliveries leave the service, and the parameters by which they are asked for.
 *
 * @module
 */
import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { type Delivery, deliveryId } from "../../lib/delivery.ts";
import { AppError } from "../../lib/errors.ts";
import { findDelivery, listDeliveries, showDelivery } from "../../lib/history.ts";
import type { DeliveryPage, DeliveryQuery } from "../../lib/store.ts";
import { SAMPLE_AT, SAMPLE_SITE, sampleDelivery, sampleEvent, sampleWebhook } from "../helpers/sample.ts";

const WEBHOOK = sampleWebhook(1);
const EVENT = sampleEvent(1, {
  body: new TextEncoder().encode(
    '{"event":"goal_completion","site_id":"example.com","timestamp":"t","data":{"n":1}}',
  ),
});
const ID = deliveryId(EVENT.id, WEBHOOK.id);
const AT = "2026-01-01T00:00:00.000Z";

function delivery(given: Partial<Delivery> = {}): Delivery {
  return sampleDelivery(EVENT, WEBHOOK.id, given);
}

Deno.test("showDelivery() shows times in UTC and nothing of leases, triggers and failures", () => {
  const shown = showDelivery(
    delivery({
      status: "delivered",
      due_at: null,
      attempts_total: 1,
      attempts: [{
        number: 1,
        trigger: "automatic",
        at: SAMPLE_AT + 5,
        duration_ms: 12.5,
        status_code: 204,
        outcome: "delivered",
        error: null,
        response_body: "",
      }],
    }),
    WEBHOOK,
  );
  assertEquals(shown, {
    id: ID,
    site_id: SAMPLE_SITE,
    webhook_id: WEBHOOK.id,
    event_id: EVENT.id,
    event: "goal_completion",
    status: "delivered",
    created_at: AT,
    next_attempt_at: null,
    attempts_total: 1,
    attempts: [{
      number: 1,
      trigger: "automatic",
      at: "2026-01-01T00:00:00.005Z",
      duration_ms: 12.5,
      status_code: 204,
      outcome: "delivered",
      error: null,
      response_body: "",
    }],
  });
});

Deno.test("showDelivery() names the next attempt of what waits, and of nothing else", () => {
  const due_at = SAMPLE_AT + 60_000;
  const table: [
    given: Partial<Delivery>,
    webhook: { cancelled_until: number | null } | null,
    expected: unknown,
  ][] = [
    [{ due_at }, WEBHOOK, ["pending", "2026-01-01T00:01:00.000Z"]],
    [{ due_at, lease: { owner: "a" } }, WEBHOOK, ["pending", null]],
    [{ due_at }, { cancelled_until: SAMPLE_AT }, ["cancelled", null]],
    [{ due_at }, { cancelled_until: SAMPLE_AT - 1 }, ["pending", "2026-01-01T00:01:00.000Z"]],
    [{ due_at }, null, ["cancelled", null]],
    [{ due_at: null, status: "exhausted" }, WEBHOOK, ["exhausted", null]],
    [{ due_at: null, status: "delivered" }, { cancelled_until: SAMPLE_AT }, ["delivered", null]],
    [{ due_at: null, status: "blocked" }, null, ["blocked", null]],
  ];
  for (const [given, webhook, expected] of table) {
    const { status, next_attempt_at } = showDelivery(delivery(given), webhook);
    assertEquals([status, next_attempt_at], expected, JSON.stringify([given, webhook]));
  }
});

/** What is asked of storage for a query. */
async function asked(query: Record<string, string>): Promise<DeliveryQuery> {
  let seen: DeliveryQuery | null = null;
  await listDeliveries(SAMPLE_SITE, query, {
    deliveryPage(site_id, given) {
      assertEquals(site_id, SAMPLE_SITE);
      seen = given;
      return Promise.resolve({ deliveries: [], next: null });
    },
  });
  if (seen === null) throw new Error("storage was not asked");
  return seen;
}

Deno.test("listDeliveries() asks for the documented defaults", async () => {
  assertEquals(await asked({}), {
    webhook_id: null,
    event: null,
    status: null,
    since: null,
    until: null,
    limit: 50,
    after: null,
  });
});

Deno.test("listDeliveries() reads every parameter", async () => {
  assertEquals(
    await asked({
      webhook_id: WEBHOOK.id,
      event: "test",
      status: "blocked",
      since: "2026-01-01T01:00:00+01:00",
      until: "2026-01-01T00:00:00.001Z",
      limit: "100",
      cursor: ID,
    }),
    {
      webhook_id: WEBHOOK.id,
      event: "test",
      status: "blocked",
      since: SAMPLE_AT,
      until: SAMPLE_AT + 1,
      limit: 100,
      after: { event_id: EVENT.id, webhook_id: WEBHOOK.id },
    },
  );
});

Deno.test("listDeliveries() refuses what makes no sense by its name, all of it at once", async () => {
  const error = await assertRejects(() =>
    listDeliveries(SAMPLE_SITE, {
      limit: "0",
      cursor: `${ID}0`,
      status: "lost",
      event: "rain",
      since: "now",
      until: "2026-01-01T00:00:00",
      page: "2",
    }, { deliveryPage: () => Promise.reject(new Error("storage must not be asked")) }), AppError);
  assertEquals(error.code, "validation_failed");
  const paths = error.errors.map(({ path }) => path).toSorted();
  assertEquals(paths, ["/cursor", "/event", "/limit", "/page", "/since", "/status", "/until"]);
});

Deno.test("listDeliveries() shows each delivery as its webhook makes it, and where to go on", async () => {
  const page: DeliveryPage = {
    deliveries: [
      { delivery: delivery(), webhook: WEBHOOK },
      { delivery: delivery(), webhook: sampleWebhook(1, { cancelled_until: SAMPLE_AT }) },
    ],
    next: { event_id: EVENT.id, webhook_id: WEBHOOK.id },
  };
  const shown = await listDeliveries(SAMPLE_SITE, {}, { deliveryPage: () => Promise.resolve(page) });
  assertEquals(shown.data.map(({ status }) => status), ["pending", "cancelled"]);
  assertEquals(shown.next_cursor, ID);
  const after = await asked({ cursor: shown.next_cursor ?? "" });
  assertEquals(after.after, page.next);
});

/** Storage with one delivery, and maybe its event. */
function storage(event = true): Parameters<typeof findDelivery>[2] {
  return {
    store: {
      delivery: (event_id, webhook_id) => {
        const known = event_id === EVENT.id && webhook_id === WEBHOOK.id;
        return Promise.resolve(known ? { value: delivery(), versionstamp: "0", written: true } : null);
      },
      event: () => Promise.resolve(event ? EVENT : null),
    },
    directory: { webhook: () => Promise.resolve(WEBHOOK) },
  };
}

Deno.test("findDelivery() shows what was sent, or null when that is kept no longer", async () => {
  assertObjectMatch(await findDelivery(SAMPLE_SITE, ID, storage()), { id: ID, payload: { data: { n: 1 } } });
  assertEquals((await findDelivery(SAMPLE_SITE, ID, storage(false))).payload, null);
});

Deno.test("findDelivery() finds nothing of another site, and nothing by what is no id", async () => {
  const ids: [site_id: string, id: string][] = [
    ["other.example", ID],
    ["", ID],
    [SAMPLE_SITE, ID.toLowerCase()],
    [SAMPLE_SITE, `${ID}0`],
    [SAMPLE_SITE, ID.slice(0, -1)],
    [SAMPLE_SITE, EVENT.id],
    [SAMPLE_SITE, ""],
    [SAMPLE_SITE, deliveryId(sampleEvent(2).id, WEBHOOK.id)],
  ];
  for (const [site_id, id] of ids) {
    const error = await assertRejects(() => findDelivery(site_id, id, storage()), AppError);
    assertEquals([error.code, error.message], ["not_found", "Not found: the site has no such delivery"], id);
  }
});
