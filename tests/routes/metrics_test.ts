/**
 * `/metrics` as Prometheus scrapes it: what was done is counted, and nothing is told that should not be.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { goal, SITE, until } from "../helpers/api.ts";
import { type Family, readExposition, valueOf } from "../helpers/exposition.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

async function scrape(service: TestService): Promise<ReadonlyMap<string, Family>> {
  const { status, text } = await service.call("GET", "/metrics");
  assertEquals(status, 200);
  return readExposition(text);
}

/** Scrapes until a series has a value. */
async function scrapedUntil(
  service: TestService,
  expected: number,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, Family>> {
  return await until(async () => {
    const families = await scrape(service);
    return valueOf(families, name, labels) === expected ? families : null;
  }, `${name} is ${expected}`);
}

Deno.test("what is accepted, tried and delivered is counted as it happens", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: [500, 200] });
  await service.webhook(receiver.url);
  await service.webhook(receiver.url, { events: ["visitor_drop"] });
  for (const expected of [202, 200]) {
    const headers = { "Idempotency-Key": "one" };
    assertEquals((await service.call("POST", "/v1/events", goal(1), { headers })).status, expected);
  }
  await service.call("POST", "/v1/events/batch", { events: [goal(2), goal(3), { event: "none" }] });
  const families = await scrapedUntil(service, 3, "tidings_attempts_total", { outcome: "delivered" });
  assertEquals(valueOf(families, "tidings_attempts_total", { outcome: "retry" }), 1);
  assertEquals(valueOf(families, "tidings_attempt_duration_seconds_count"), 4);
  assertEquals(valueOf(families, "tidings_delivery_latency_seconds_count", { attempt: "first" }), 2);
  assertEquals(valueOf(families, "tidings_delivery_latency_seconds_count", { attempt: "later" }), 1);
  assertEquals(valueOf(families, "tidings_events_accepted_total", { event: "goal_completion" }), 3);
  assertEquals(valueOf(families, "tidings_deliveries_queued_total"), 3);
  assert((valueOf(families, "tidings_commits_total", { outcome: "committed" }) ?? 0) > 4);
  assert((valueOf(families, "tidings_commit_group_members_sum") ?? 0) > 4);
  assertEquals(valueOf(families, "tidings_ready"), 1);
  const lanes = families.get("tidings_lanes")?.samples.reduce((sum, { value }) => sum + value, 0);
  assertEquals(lanes, 1, "the other webhook's lane was not needed");
  await scrapedUntil(service, 0, "tidings_deliveries_pending", { due: "later" });
});

Deno.test("what a person asks for is an attempt like any other, but no latency; a test is neither", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url);
  await service.post(goal(1));
  await scrapedUntil(service, 1, "tidings_attempts_total", { outcome: "delivered" });
  const [delivery] = await service.deliveries();
  assert(delivery !== undefined);
  await service.call("POST", `/v1/sites/${SITE}/webhooks/${id}/test`);
  await service.call("POST", `/v1/sites/${SITE}/deliveries/${delivery.id}/redeliver`);
  const families = await scrapedUntil(service, 2, "tidings_attempts_total", { outcome: "delivered" });
  assertEquals(valueOf(families, "tidings_delivery_latency_seconds_count", { attempt: "first" }), 1);
  assertEquals(valueOf(families, "tidings_delivery_latency_seconds_count", { attempt: "later" }), 0);
});

Deno.test("what waits for a retry is pending, and its lane says why", async () => {
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "3600000" } });
  await using receiver = startReceiver({ respond: 500 });
  await service.webhook(receiver.url);
  for (let n = 0; n < 5; n++) await service.post(goal(n));
  const families = await scrapedUntil(service, 1, "tidings_lanes", { state: "open" });
  assertEquals(valueOf(families, "tidings_oldest_due_age_seconds"), 0);
  await scrapedUntil(service, 5, "tidings_deliveries_pending", { due: "later" });
});

Deno.test("no series names a site, a URL, a key or what was posted, and nothing that is posted adds one", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const before = (await scrape(service)).values().reduce((sum, { samples }) => sum + samples.length, 0);
  for (let n = 0; n < 10; n++) {
    const site_id = `marker-${n}.example`;
    await service.webhook(`${receiver.url}marker-path?marker=query`, {}, site_id);
    await service.post(goal(n, { site_id, data: { goal_name: `marker goal ${n}`, visitor_count: 1 } }));
  }
  await scrapedUntil(service, 10, "tidings_attempts_total", { outcome: "delivered" });
  const { text } = await service.call("GET", "/metrics");
  assertFalse(/marker|127\.0\.0\.1|wh_|evt_|tdk_|@/.test(text), text);
  const after = readExposition(text).values().reduce((sum, { samples }) => sum + samples.length, 0);
  assertEquals(after, before);
});

Deno.test("an operator who asks for it has sites told apart", async () => {
  await using service = await startTestService({ env: { TIDINGS_METRICS_SITES: "true" } });
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  await service.post(goal(1));
  const outcome = { outcome: "delivered", site_id: SITE };
  const families = await scrapedUntil(service, 1, "tidings_attempts_total", outcome);
  const event = { event: "goal_completion", site_id: SITE };
  assertEquals(valueOf(families, "tidings_events_accepted_total", event), 1);
});

Deno.test("a key for metrics reads them in the form Prometheus asks for, and nothing else", async () => {
  await using service = await startTestService();
  const key = await service.key("metrics");
  const answer = await service.call("GET", "/metrics", undefined, { key });
  assertEquals(answer.status, 200);
  assertMatch(answer.headers.get("Content-Type") ?? "", /^text\/plain; version=0\.0\.4/);
  assertEquals((await service.call("GET", "/v1/stats", undefined, { key })).status, 403);
  assertEquals((await service.call("GET", "/metrics?name=x", undefined, { key })).status, 422);
});
