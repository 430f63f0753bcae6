/**
 * Posting an event again: what an idempotency key promises.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type AcceptedJson, type Api, type ApiAnswer, countOf, goal, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, temporaryFile } from "../helpers/service.ts";

function postWith(service: Api, key: string, event: unknown): Promise<ApiAnswer<AcceptedJson>> {
  return service.call("POST", "/v1/events", event, { headers: { "Idempotency-Key": key } });
}

Deno.test("the same event with the same key is told again what it was told the first time, and sent once", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  const filtered = await service.webhook(receiver.url, { filters: { goals: ["Purchase"] } });
  const first = await postWith(service, "k-1", goal(1));
  assertEquals(first.status, 202);
  assertEquals(first.json.skipped, [{ webhook_id: filtered.id, reason: "filtered" }]);
  assertEquals("duplicate" in first.json, false);

  for (let time = 0; time < 3; time++) {
    const again = await postWith(service, "k-1", goal(1));
    assertEquals([again.status, again.json], [200, { ...first.json, duplicate: true }]);
  }
  await service.settled("delivered", 1);
  assertEquals(receiver.requests.length, 1);
});

Deno.test("the answer to a repetition is the first one, even if the webhooks have changed since", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const first = await postWith(service, "k-1", goal(1));
  await service.webhook(receiver.url);
  const again = await postWith(service, "k-1", goal(1));
  assertEquals([again.status, again.json], [200, { ...first.json, duplicate: true }]);
  assertEquals(again.json.queued, 0);
  const fresh = await postWith(service, "k-2", goal(1));
  assertEquals([fresh.status, fresh.json.queued], [202, 1]);
});

Deno.test("the order of keys, the spelling of the site and a later timestamp make no other event", async () => {
  await using service = await startTestService();
  const first = await postWith(service, "k", goal(1, { data: { goal_name: "Signup", visitor_count: 1 } }));
  const spelled = { data: { visitor_count: 1, goal_name: "Signup" }, site_id: "EXAMPLE.com" };
  const again = await postWith(service, "k", goal(1, { ...spelled, timestamp: "2026-02-25T12:05:00+01:00" }));
  assertEquals([again.status, again.json], [200, { ...first.json, duplicate: true }]);
});

Deno.test("the same key with another event or other data is refused, and the first one stays", async () => {
  await using service = await startTestService();
  const first = await postWith(service, "k", goal(1));
  const others = [
    goal(2),
    goal(1, { data: { goal_name: "Signup", visitor_count: 1, path: "/" } }),
    goal(1, { event: "custom_event", data: { event_name: "Signup", visitor_count: 1 } }),
  ];
  for (const other of others) {
    const { status, json } = await service.call("POST", "/v1/events", other, {
      headers: { "Idempotency-Key": "k" },
    });
    assertEquals([status, json.code], [422, "idempotency_key_reused"]);
  }
  assertEquals((await postWith(service, "k", goal(1))).json, { ...first.json, duplicate: true });
});

Deno.test('a key in quotes equals the key, and "k" and k" are different keys', async () => {
  await using service = await startTestService();
  const first = await postWith(service, '"k"', goal(1));
  assertEquals((await postWith(service, "k", goal(1))).json.id, first.json.id);
  const half = await postWith(service, 'k"', goal(1));
  assertEquals(half.status, 202);
  assertNotEquals(half.json.id, first.json.id);
});

Deno.test("keys of 1 to 255 visible characters are taken, others refused with nothing stored", async () => {
  await using service = await startTestService();
  for (const key of ["!", "~", "k".repeat(255), '"' + "k".repeat(255) + '"']) {
    const { status } = await postWith(service, key, goal(1, { site_id: `a${key.length}.example` }));
    assertEquals(status, 202, `a key of ${key.length} characters`);
  }
  for (const key of ["k".repeat(256), "a b", '""', "é"]) {
    const { status, json } = await service.call("POST", "/v1/events", goal(), {
      headers: { "Idempotency-Key": key },
    });
    assertEquals([status, json.errors?.map(({ path }) => path)], [422, ["/Idempotency-Key"]], key);
  }
});

Deno.test("many posts with one key at once are one event", async () => {
  await using file = await temporaryFile();
  await using service = await startTestService({ kv: file.path });
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  const answers = await Promise.all(Array.from({ length: 20 }, () => postWith(service, "once", goal(1))));

  assertEquals(new Set(answers.map(({ json }) => json.id)).size, 1);
  assertEquals(answers.map(({ status }) => status).toSorted(), [...Array(19).fill(200), 202]);
  await service.settled("delivered", 1);
  assertEquals(receiver.requests.length, 1);
});

Deno.test("two different events with one key at once: one is accepted, the other refused", async () => {
  await using service = await startTestService();
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(
      [1, 2].map((count) => postWith(service, `round-${round}`, goal(count))),
    );
    assertEquals(answers.map(({ status }) => status).toSorted(), [202, 422]);
  }
});

Deno.test("a refused request uses no key up", async () => {
  await using service = await startTestService();
  const ingest = await service.key("ingest");
  const options = { headers: { "Idempotency-Key": "k" } };
  const refusals = [
    await service.call("POST", "/v1/events", "{", options),
    await service.call("POST", "/v1/events", goal(1, { data: {} }), options),
    await service.call(
      "POST",
      "/v1/events",
      goal(1, { data: { goal_name: "a@b.example", visitor_count: 1 } }),
      options,
    ),
    await service.call("POST", "/v1/events", goal(1, { site_id: "foreign.example" }), {
      ...options,
      key: ingest,
    }),
    await service.call("POST", "/v1/events", goal(1), { ...options, key: null }),
  ];
  assertEquals(refusals.map(({ status }) => status), [400, 422, 422, 403, 401]);
  const { status, json } = await postWith(service, "k", goal(2));
  assertEquals([status, json.duplicate], [202, undefined]);
});

Deno.test("a key belongs to its site", async () => {
  await using service = await startTestService();
  const one = await postWith(service, "k", goal(1));
  const other = await postWith(service, "k", goal(2, { site_id: "other.example" }));
  assertEquals([one.status, other.status], [202, 202]);
  assertNotEquals(one.json.id, other.json.id);
});

Deno.test("a key outlives the process", async () => {
  await using file = await temporaryFile();
  let id = "";
  {
    await using before = await startTestService({ kv: file.path });
    id = (await postWith(before, "k", goal(1))).json.id;
  }
  await using service = await startTestService({ kv: file.path });
  const again = await postWith(service, "k", goal(1));
  assertEquals([again.status, again.json.id, again.json.duplicate], [200, id, true]);
});

Deno.test("a key is free again after 24 hours", async () => {
  let ahead_ms = 0;
  await using service = await startTestService({
    clock: (real) => ({ ...real, now: () => real.now() + ahead_ms, after: real.after }),
  });
  const first = await postWith(service, "k", goal(1));
  ahead_ms = 24 * 3_600_000 - 60_000;
  assertEquals((await postWith(service, "k", goal(1))).status, 200);
  ahead_ms = 24 * 3_600_000 + 1;
  // Beats of this service lie a day back just now, which stops sending and not accepting.
  const second = await postWith(service, "k", goal(1));
  assertEquals(second.status, 202);
  assertNotEquals(second.json.id, first.json.id);
  const other = await postWith(service, "k", goal(2));
  assertEquals(other.status, 422);
});

Deno.test("without a key the same event is a new one each time", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  const first = await service.post(goal(1));
  const second = await service.post(goal(1));
  assertNotEquals(first.id, second.id);
  await within(receiver.received(2), "both");
  assertEquals(receiver.requests.map(countOf), [1, 1]);
  assert(first.id < second.id, "ids sort by time");
});
