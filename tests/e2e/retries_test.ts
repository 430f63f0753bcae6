/**
 * Retries as a receiver meets them: how often it is asked, what stays the same, what changes, and when it ends.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { countOf, goal, SITE, sitePath, type WebhookJson, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";
import { assertSigned } from "../helpers/signatures.ts";

/** Retries come an hour later, so that nothing is sent twice in a test that does not want it. */
const LATER = { TIDINGS_RETRY_BASE_MS: "3600000" };

Deno.test("a receiver that fails twice gets the same event three times, each time signed anew", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: [500, 500, 200] });
  const webhook = await service.webhook(receiver.url);
  const { id } = await service.post(goal(7));
  const [delivery] = await service.settled("delivered", 1);

  assertEquals(receiver.requests.length, 3);
  assertEquals(delivery?.attempts_total, 3);
  assertEquals(
    delivery?.attempts.map((
      { number, trigger, status_code, outcome, error },
    ) => [number, trigger, status_code, outcome, error]),
    [
      [1, "automatic", 500, "retry", null],
      [2, "automatic", 500, "retry", null],
      [3, "automatic", 200, "delivered", null],
    ],
  );
  for (const [index, request] of receiver.requests.entries()) {
    assertEquals(request.method, "POST");
    assertEquals(request.headers.get("webhook-id"), id);
    assertEquals(request.headers.get("X-Webhook-Attempt"), String(index + 1));
    const attempted_at_s = Math.floor(Date.parse(delivery?.attempts[index]?.at ?? "") / 1000);
    assertEquals(request.headers.get("webhook-timestamp"), String(attempted_at_s));
    await assertSigned(request, webhook);
  }
});

Deno.test("a receiver gets the documented headers and exactly the four keys of the body, in their order", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const site_id = "bücher.example/blog";
  await service.webhook(
    receiver.url,
    { headers: { "X-Team": "blue", "Authorization": "Basic abc" } },
    site_id,
  );
  const event = goal(3, { site_id: "BÜCHER.example/blog", timestamp: "2026-02-25T13:00:00.5+01:00" });
  const { id } = await service.post(event);
  const { headers, text } = await within(receiver.received(1), "the delivery");

  assertEquals(
    text,
    `{"event":"goal_completion","site_id":"${site_id}","timestamp":"2026-02-25T13:00:00.5+01:00",` +
      `"data":{"goal_name":"Signup","visitor_count":3}}`,
  );
  assertEquals(headers.get("Content-Type"), "application/json");
  assertMatch(headers.get("User-Agent") ?? "", /^Tidings\/\d+\.\d+\.\d+/);
  assertEquals(headers.get("X-Webhook-Event"), "goal_completion");
  assertEquals(headers.get("X-Webhook-Site-Id"), "b%C3%BCcher.example%2Fblog");
  assertEquals(headers.get("webhook-id"), id);
  assertEquals(headers.get("X-Team"), "blue");
  assertEquals(headers.get("Authorization"), "Basic abc");
  assertEquals(headers.get("X-Webhook-Test"), null);
  assertEquals(headers.get("X-Webhook-Signature-Previous"), null);
});

Deno.test("two webhooks told about one event get the same webhook-id, each with its own signature", async () => {
  await using service = await startTestService();
  await using one = startReceiver();
  await using other = startReceiver();
  const webhook = await service.webhook(one.url);
  const second = await service.webhook(other.url, {
    secret: "my own secret".replaceAll(" ", "-").padEnd(24, "!"),
  });
  const { id, queued } = await service.post(goal());
  assertEquals(queued, 2);
  const [to_one, to_other] = await within(
    Promise.all([one.received(1), other.received(1)]),
    "both deliveries",
  );
  assertEquals([to_one.headers.get("webhook-id"), to_other.headers.get("webhook-id")], [id, id]);
  await assertSigned(to_one, webhook);
  await assertSigned(to_other, second);
});

for (const max_retries of [0, 2]) {
  Deno.test(`a receiver that always fails gets 1 + ${max_retries} requests, and the delivery is exhausted`, async () => {
    await using service = await startTestService();
    await using receiver = startReceiver({ respond: 500 });
    const webhook = await service.webhook(receiver.url, { max_retries });
    await service.post(goal());
    const [delivery] = await service.settled("exhausted", 1);

    assertEquals(receiver.requests.length, 1 + max_retries);
    assertEquals(delivery?.attempts_total, 1 + max_retries);
    assertEquals(delivery?.attempts.at(-1)?.outcome, "failed");
    assertEquals(delivery?.next_attempt_at, null);
    const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${webhook.id}`));
    assertEquals(json.status, "active");
    assertEquals(json.health.pending, 0);
    assertEquals(json.health.consecutive_failures, 1 + max_retries);
  });
}

Deno.test("a delivery that waits for its retry is pending and says when it will be tried", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: 500 });
  const webhook = await service.webhook(receiver.url);
  await service.post(goal());
  await within(receiver.received(1), "the first attempt");
  const path = sitePath(`/webhooks/${webhook.id}`);
  const [delivery] = await service.settled("pending", 1);
  const attempt = delivery?.attempts[0];
  const waits_ms = Date.parse(delivery?.next_attempt_at ?? "") - Date.parse(attempt?.at ?? "");

  assertEquals(attempt?.outcome, "retry");
  // An hour, 20 % more or less, from the answer; the attempt began a little before.
  assertEquals(waits_ms >= 0.8 * 3_600_000 && waits_ms <= 1.2 * 3_600_000 + 60_000, true, `${waits_ms} ms`);
  const { json } = await service.call<WebhookJson>("GET", path);
  assertEquals(json.health.pending, 1);
});

Deno.test("after 410 nothing more is sent: the webhook is paused and what waited is cancelled", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: [500, 500, 410, 200] });
  const webhook = await service.webhook(receiver.url);
  await service.post(goal(1));
  await service.post(goal(2));
  await within(receiver.received(2), "two failures");
  const { id: gone_id } = await service.post(goal(3));
  const path = sitePath(`/webhooks/${webhook.id}`);
  await within(receiver.received(3), "the event that is answered with 410");
  const [gone, ...waiting] = await service.settledAs((delivery) => delivery.status !== "pending", 3);

  assertEquals([gone?.event_id, gone?.status, gone?.attempts[0]?.outcome], [gone_id, "exhausted", "gone"]);
  assertEquals(waiting.map(({ status, next_attempt_at }) => [status, next_attempt_at]), [
    ["cancelled", null],
    ["cancelled", null],
  ]);
  const { json: paused } = await service.call<WebhookJson>("GET", path);
  assertEquals([paused.status, paused.enabled, paused.health.pending], ["paused", false, 0]);
  assertMatch(paused.status_reason ?? "", /410/);

  const refused = await service.post(goal(4));
  assertEquals([refused.queued, refused.skipped], [0, [{ webhook_id: webhook.id, reason: "paused" }]]);

  const { json: active } = await service.call<WebhookJson>("PATCH", path, { enabled: true });
  assertEquals([active.status, active.status_reason, active.health.consecutive_failures], [
    "active",
    null,
    0,
  ]);
  await service.post(goal(5));
  await within(receiver.received(4), "an event after the pause");
  assertEquals(receiver.requests.map(countOf), [1, 2, 3, 5]);
  assertEquals((await service.deliveries("?status=cancelled")).length, 2);
});

Deno.test("an event goes to the webhooks of its own site only", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  const { queued, skipped } = await service.post(goal(1, { site_id: `blog.${SITE}` }));
  assertEquals([queued, skipped], [0, []]);
  await service.post(goal(2));
  await within(receiver.received(1), "the event of its own site");
  assertEquals(receiver.requests.map(countOf), [2]);
});
