/**
 * Batches: each item by itself, with a result of its own.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { countOf, type DeliveryJson, goal, type PageJson, SITE } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

interface BatchJson {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly results: readonly {
    readonly id?: string;
    readonly queued?: number;
    readonly duplicate?: boolean;
    readonly error?: { code: string; detail: string; errors: readonly { path: string; message: string }[] };
  }[];
}

Deno.test("a batch answers each item in order: accepted, duplicate, rejected", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  const key = await service.key("ingest", [SITE]);
  const events = [
    goal(1, { idempotency_key: "a" }),
    goal(1, { idempotency_key: "a", timestamp: "2026-02-25T12:00:01Z" }),
    goal(-1),
    goal(2, { site_id: "foreign.example" }),
    goal(3, { data: { goal_name: "Signup", visitor_count: 1, path: "/u/jane@example.com" } }),
    goal(4, { idempotency_key: "" }),
    goal(5, { idempotency_key: "a" }),
    "no event",
    goal(6),
  ];
  const { status, json } = await service.call<BatchJson>("POST", "/v1/events/batch", { events }, { key });
  assertEquals(status, 202);
  assertEquals([json.accepted, json.duplicates, json.rejected], [2, 1, 6]);
  assertEquals(json.results.map(({ error, duplicate }) => error?.code ?? duplicate ?? "accepted"), [
    "accepted",
    true,
    "validation_failed",
    "forbidden",
    "personal_data",
    "validation_failed",
    "idempotency_key_reused",
    "validation_failed",
    "accepted",
  ]);
  assertEquals(json.results[0]?.id, json.results[1]?.id);
  assertEquals(json.results[2]?.error?.errors[0]?.path, "/events/2/data/visitor_count");
  assertEquals(json.results[4]?.error?.errors[0]?.path, "/events/4/data/path");
  await receiver.received(2);
  assertEquals(receiver.requests.map(countOf).toSorted(), [1, 6]);
});

Deno.test("a batch takes 1 to 1,000 items, its keys with the items, and is refused when none is valid", async () => {
  await using service = await startTestService();
  const post = (body: unknown, headers = {}) => service.call("POST", "/v1/events/batch", body, { headers });
  for (
    const body of [
      {},
      { events: [] },
      { events: Array(1001).fill(goal()) },
      { events: [goal()], more: 1 },
      [],
    ]
  ) {
    const { status, json } = await post(body);
    assertEquals([status, json.code], [422, "validation_failed"]);
  }
  assertEquals((await post({ events: Array(1000).fill(goal()) })).status, 202);
  const keyed = await post({ events: [goal()] }, { "Idempotency-Key": "k" });
  assertEquals([keyed.status, keyed.json.errors?.[0]?.path], [422, "/Idempotency-Key"]);
  const none = await post({ events: [goal(-1), 7] });
  assertEquals([none.status, none.json.errors?.map(({ path }) => path)], [422, [
    "/events/0/data/visitor_count",
    "/events/1",
  ]]);
  const large = await post({ events: [goal()], padding: "x".repeat(4 * 1024 * 1024) });
  assertEquals([large.status, large.json.code], [413, "payload_too_large"]);
});

Deno.test("a batch of 1,000 events to 10 webhooks is 10,000 deliveries, each once; pages show each once", async () => {
  await using service = await startTestService({ env: { TIDINGS_LOG: "warn" } });
  await using receiver = startReceiver();
  for (let index = 0; index < 10; index++) await service.webhook(`${receiver.url}w${index}`);
  const events = Array.from({ length: 1000 }, (_, index) => goal(index));
  const { json } = await service.call<BatchJson>("POST", "/v1/events/batch", { events });
  assertEquals([json.accepted, json.results.every(({ queued }) => queued === 10)], [1000, true]);
  await receiver.received(10_000);
  const got = receiver.requests.map((request) => `${request.path} ${request.headers.get("webhook-id")}`);
  assertEquals([got.length, new Set(got).size], [10_000, 10_000]);
  await service.settled("delivered", 1, "?limit=1");

  const seen = new Set<string>();
  let cursor: string | null = null;
  do {
    const query: string = `?limit=100${cursor === null ? "" : `&cursor=${cursor}`}`;
    const page = await service.call<PageJson<DeliveryJson>>("GET", `/v1/sites/${SITE}/deliveries${query}`);
    for (const { id } of page.json.data) {
      assert(!seen.has(id), "a page repeats a delivery");
      seen.add(id);
    }
    cursor = page.json.next_cursor;
  } while (cursor !== null);
  assertEquals(seen.size, 10_000);
});

Deno.test("a batch needs a key that may post events", async () => {
  await using service = await startTestService();
  const read = await service.call("POST", "/v1/events/batch", { events: [goal()] }, {
    key: await service.key("read", [SITE]),
  });
  assertEquals(read.status, 403);
  assertMatch(read.json.code, /forbidden/);
});
