/**
 * The history of deliveries over HTTP: pages, filters, one delivery with what was sent.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Api, type DeliveryJson, goal, type PageJson, SITE, sitePath, within } from "../helpers/api.ts";
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
