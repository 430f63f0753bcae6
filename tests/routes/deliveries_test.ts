/**
 * The history of deliveries over HTTP: pages, filters, one delivery with what was sent, and sending it again.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Api,
  countOf,
  type DeliveryJson,
  goal,
  type PageJson,
  SITE,
  sitePath,
  until,
  within,
} from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

const LATER = { TIDINGS_RETRY_BASE_MS: "3600000" };

/** All pages, one after the other, from a cursor on. */
async function walk(service: Api, query: string, from: string | null = null): Promise<DeliveryJson[]> {
  const found: DeliveryJson[] = [];
  let cursor = from;
  do {
    const path: string = sitePath(`/deliveries?${query}${cursor === null ? "" : `&cursor=${cursor}`}`);
    const { status, json } = await service.call<PageJson<DeliveryJson>>("GET", path);
    assertEquals(status, 200, path);
    found.push(...json.data);
    cursor = json.next_cursor;
  } while (cursor !== null);
  return found;
}

Deno.test("pages neither skip nor repeat, newest first, also while new deliveries arrive", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const webhooks = [await service.webhook(receiver.url), await service.webhook(receiver.url)];
  for (let count = 0; count < 12; count++) await service.post(goal(count));
  await service.settled("delivered", 24);
  const all = (await walk(service, "limit=100")).map(({ id }) => id);
  assertEquals(all.length, 24);
  assertEquals(all, all.toSorted().toReversed());
  for (const limit of [1, 5, 24, 25]) {
    assertEquals((await walk(service, `limit=${limit}`)).map(({ id }) => id), all, `limit ${limit}`);
  }
  const own = await walk(service, `limit=5&webhook_id=${webhooks[1]?.id}`);
  assertEquals(own.map(({ webhook_id }) => webhook_id), Array(12).fill(webhooks[1]?.id));

  const first = await service.call<PageJson<DeliveryJson>>("GET", sitePath("/deliveries?limit=10"));
  await service.post(goal(99));
  const rest = await walk(service, "limit=10", first.json.next_cursor);
  assertEquals([...first.json.data, ...rest].map(({ id }) => id), all);
});

Deno.test("filters: by status, event and time, until being exclusive", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: [200, 500, 400, 200] });
  const webhook = await service.webhook(receiver.url, { events: ["goal_completion", "custom_event"] });
  await service.post(goal(1));
  await service.post(goal(2));
  await service.post(goal(3));
  await service.post(goal(1, { event: "custom_event", data: { event_name: "Download", visitor_count: 1 } }));
  await service.call("POST", sitePath(`/webhooks/${webhook.id}/test`));
  const all = await service.settledAs(({ attempts_total }) => attempts_total === 1, 5);
  const ids = async (query: string): Promise<string[]> => (await walk(service, query)).map(({ id }) => id);
  const expected = (wanted: (delivery: DeliveryJson) => boolean): string[] =>
    all.filter(wanted).map(({ id }) => id);

  for (const status of ["delivered", "pending", "exhausted", "cancelled", "blocked"]) {
    assertEquals(await ids(`status=${status}`), expected((delivery) => delivery.status === status), status);
  }
  for (const event of ["goal_completion", "custom_event", "visitor_drop", "test"]) {
    assertEquals(await ids(`event=${event}`), expected((delivery) => delivery.event === event), event);
  }
  assertEquals((await ids("event=test")).length, 1);
  for (const { created_at } of all) {
    const time = encodeURIComponent(created_at);
    assertEquals(await ids(`since=${time}`), expected((delivery) => delivery.created_at >= created_at));
    assertEquals(await ids(`until=${time}`), expected((delivery) => delivery.created_at < created_at));
    assertEquals(await ids(`since=${time}&until=${time}`), []);
  }
  assertEquals(await ids(`webhook_id=wh_01JMZ0000000000000000000BB`), []);
  assertEquals(
    await ids(`since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59.999Z`),
    all.map(({ id }) => id),
  );
});

Deno.test("a query that makes no sense is refused", async () => {
  await using service = await startTestService();
  const bad: [query: string, path: string][] = [
    ["limit=0", "/limit"],
    ["limit=101", "/limit"],
    ["limit=1e1", "/limit"],
    ["limit=", "/limit"],
    ["limit=-1", "/limit"],
    ["limit=1&limit=2", "/limit"],
    ["cursor=x", "/cursor"],
    ["cursor=", "/cursor"],
    ["cursor=evt_01JMZ0000000000000000000AA", "/cursor"],
    ["status=lost", "/status"],
    ["event=rain", "/event"],
    ["since=yesterday", "/since"],
    ["since=2026-01-01", "/since"],
    ["until=2026-01-01T00:00:00", "/until"],
    ["colour=red", "/colour"],
    ["__proto__=1", "/__proto__"],
    ["Limit=1", "/Limit"],
  ];
  for (const [query, path] of bad) {
    const { status, json } = await service.call("GET", sitePath(`/deliveries?${query}`));
    assertEquals([status, json.errors?.map((error) => error.path)], [422, [path]], query);
  }
});

Deno.test("one delivery shows what was sent, and while it is under way no next attempt", async () => {
  await using service = await startTestService();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using receiver = startReceiver({
    respond: async () => {
      await released;
      return new Response("ok");
    },
  });
  const webhook = await service.webhook(receiver.url);
  const { id: event_id } = await service.post(goal(5));
  await within(receiver.received(1), "the request");
  const [under_way] = await service.deliveries();
  assertEquals([under_way?.status, under_way?.next_attempt_at, under_way?.attempts], ["pending", null, []]);
  release();
  const [done] = await service.settled("delivered", 1);
  const { json } = await service.call<DeliveryJson & { payload: unknown }>(
    "GET",
    sitePath(`/deliveries/${done?.id}`),
  );
  assertEquals(json.payload, goal(5));
  assertEquals(json, { ...done, payload: json.payload } as typeof json);
  assertEquals([json.site_id, json.webhook_id, json.event_id, json.event], [
    SITE,
    webhook.id,
    event_id,
    "goal_completion",
  ]);
  assertMatch(json.id, /^dlv_[0-9A-Z]{52}$/);
  const [attempt] = json.attempts;
  assertEquals({ ...attempt, at: "", duration_ms: 0 }, {
    number: 1,
    trigger: "automatic",
    at: "",
    duration_ms: 0,
    status_code: 200,
    outcome: "delivered",
    error: null,
    response_body: "ok",
  });
  assert((attempt?.duration_ms ?? -1) >= 0 && (attempt?.at ?? "") >= json.created_at);
});

Deno.test("of a long answer the first 1,024 bytes are kept, as text", async () => {
  await using service = await startTestService();
  const texts = ["é".repeat(2000), "x".repeat(1023) + "é", "\u0000\u0001"];
  await using receiver = startReceiver({ respond: texts.map((text) => new Response(text)) });
  await service.webhook(receiver.url);
  for (const index of texts.keys()) {
    await service.post(goal(index));
    await service.settled("delivered", index + 1);
  }
  const bodies = (await service.deliveries()).map(({ attempts }) => attempts[0]?.response_body).toReversed();
  assertEquals(bodies, ["é".repeat(512), "x".repeat(1023), "\u0000\u0001"]);
});

Deno.test("redelivering makes one new attempt at once, as often as it is asked for", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: [200, 500, 200] });
  await service.webhook(receiver.url);
  const { id: event_id } = await service.post(goal(1));
  const [delivered] = await service.settled("delivered", 1);
  const path = sitePath(`/deliveries/${delivered?.id}/redeliver`);

  const first = await service.call<DeliveryJson>("POST", path);
  assertEquals([first.status, first.json.id], [202, delivered?.id]);
  const [failed] = await service.settledAs(({ attempts_total }) => attempts_total === 2, 1);
  assertEquals(failed?.status, "delivered", "a failed redelivery of a delivered one leaves it delivered");
  assertEquals((await service.call("POST", path)).status, 202);
  const [again] = await service.settledAs(({ attempts_total }) => attempts_total === 3, 1);
  assertEquals(again?.attempts.map(({ trigger, status_code }) => [trigger, status_code]), [
    ["automatic", 200],
    ["manual", 500],
    ["manual", 200],
  ]);
  assertEquals([again?.status, again?.next_attempt_at], ["delivered", null]);
  assertEquals(receiver.requests.map(({ headers }) => headers.get("webhook-id")), [
    event_id,
    event_id,
    event_id,
  ]);
  assertEquals(receiver.requests.map(({ headers }) => headers.get("X-Webhook-Attempt")), ["1", "2", "3"]);
});

Deno.test("redelivering a pending one keeps its schedule if it fails, and ends it if it succeeds", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: [500, 500, 200] });
  await service.webhook(receiver.url, { max_retries: 1 });
  await service.post(goal(1));
  const [pending] = await service.settledAs(({ attempts_total }) => attempts_total === 1, 1);
  assertEquals(pending?.status, "pending");
  const path = sitePath(`/deliveries/${pending?.id}/redeliver`);
  await service.call("POST", path);
  const [kept] = await service.settledAs(({ attempts_total }) => attempts_total === 2, 1);
  assertEquals([kept?.status, kept?.next_attempt_at], ["pending", pending?.next_attempt_at ?? ""]);
  await service.call("POST", path);
  const [ended] = await service.settledAs(({ attempts_total }) => attempts_total === 3, 1);
  assertEquals([ended?.status, ended?.next_attempt_at], ["delivered", null]);
});

Deno.test("a webhook that is not active takes no redelivery and no recovery", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: 500 });
  const { id } = await service.webhook(receiver.url);
  await service.post(goal(1));
  const [delivery] = await service.settledAs(({ attempts_total }) => attempts_total === 1, 1);
  const path = sitePath(`/webhooks/${id}`);
  await service.call("PATCH", path, { enabled: false });
  const since = { since: "2026-01-01T00:00:00Z" };
  for (
    const answer of [
      await service.call("POST", sitePath(`/deliveries/${delivery?.id}/redeliver`)),
      await service.call("POST", `${path}/recover`, since),
    ]
  ) {
    assertEquals([answer.status, answer.json.code], [409, "webhook_not_active"]);
  }
  await service.call("DELETE", path);
  const deleted = await service.call("POST", sitePath(`/deliveries/${delivery?.id}/redeliver`));
  assertEquals([deleted.status, deleted.json.code], [409, "webhook_not_active"]);
  assertEquals(receiver.requests.length, 1);
});

Deno.test("recovering brings back what was exhausted, cancelled or skipped, and leaves the rest alone", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: [200, 400, 500] });
  const { id } = await service.webhook(receiver.url, { max_retries: 0 });
  await service.post(goal(1));
  await service.settled("delivered", 1);
  await service.post(goal(2));
  await until(
    async () => (await service.deliveries("?status=exhausted")).length === 1,
    "the second is exhausted",
  );
  const path = sitePath(`/webhooks/${id}`);
  await service.call("PATCH", path, { enabled: false });
  const skipped = await service.post(goal(3));
  assertEquals(skipped.skipped, [{ webhook_id: id, reason: "disabled" }]);
  await service.call("PATCH", path, { enabled: true });
  receiver.respond(200);

  const body = { since: "2026-01-01T00:00:00Z" };
  const { status, json } = await service.call<{ recovered: number; next_since: string | null }>(
    "POST",
    `${path}/recover`,
    body,
  );
  assertEquals([status, json], [202, { recovered: 2, next_since: null }]);
  const all = await service.settled("delivered", 3);
  assertEquals(all.map(({ attempts }) => attempts.map(({ trigger }) => trigger)), [
    ["recover"],
    ["automatic", "recover"],
    ["automatic"],
  ]);
  assertEquals(receiver.requests.map(countOf).toSorted(), [1, 2, 2, 3]);
  const nothing = await service.call<{ recovered: number }>("POST", `${path}/recover`, body);
  assertEquals(nothing.json.recovered, 0);
});
