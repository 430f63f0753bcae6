/**
 * Trying a webhook out: a request at once, whatever state it is in, with an answer that says what to do.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Api,
  type DeliveryJson,
  goal,
  SITE,
  sitePath,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { startRawReceiver, startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";
import { assertSigned } from "../helpers/signatures.ts";

interface TriedJson extends DeliveryJson {
  readonly payload: {
    readonly event: string;
    readonly site_id: string;
    readonly data: Record<string, unknown>;
  };
  readonly remedy: string | null;
}

async function tryOut(service: Api, id: string, body?: unknown): Promise<TriedJson> {
  const { status, json } = await service.call<TriedJson>("POST", sitePath(`/webhooks/${id}/test`), body);
  assertEquals(status, 200, JSON.stringify(json));
  return json;
}

Deno.test("a test is sent at once, signed and marked, and answered with its delivery", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: new Response("fine") });
  const webhook = await service.webhook(receiver.url);
  const tried = await tryOut(service, webhook.id);
  const request = await within(receiver.received(1), "the test");

  assertEquals(request.headers.get("X-Webhook-Test"), "true");
  assertEquals(request.headers.get("X-Webhook-Event"), "test");
  assertEquals(request.headers.get("X-Webhook-Attempt"), "1");
  assertEquals(request.headers.get("webhook-id"), tried.event_id);
  await assertSigned(request, webhook);
  const body = JSON.parse(request.text);
  assertEquals(Object.keys(body), ["event", "site_id", "timestamp", "data"]);
  assertEquals([body.event, body.site_id, Object.keys(body.data)], ["test", SITE, ["message"]]);

  assertEquals(tried.payload, body);
  assertEquals([tried.status, tried.remedy, tried.attempts_total, tried.next_attempt_at], [
    "delivered",
    null,
    1,
    null,
  ]);
  const [attempt] = tried.attempts;
  assertEquals([attempt?.trigger, attempt?.status_code, attempt?.response_body], ["test", 200, "fine"]);
});

Deno.test("a test with an event sends that kind's published example", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url, { events: ["visitor_drop"] });
  const types = await service.call<{ data: { name: string; example: Record<string, unknown> }[] }>(
    "GET",
    "/v1/event-types",
  );
  for (const [index, { name, example }] of types.json.data.entries()) {
    const tried = await tryOut(service, id, { event: name });
    const { headers, text } = await within(receiver.received(index + 1), "the test");
    assertEquals([headers.get("X-Webhook-Event"), headers.get("X-Webhook-Test")], [name, "true"]);
    assertEquals([JSON.parse(text).event, tried.event], [name, name]);
    assertEquals(tried.payload.data, example);
  }
  const { status, json } = await service.call("POST", sitePath(`/webhooks/${id}/test`), { event: "rain" });
  assertEquals([status, json.errors?.map(({ path }) => path)], [422, ["/event"]]);
});

Deno.test("a test ignores filters, subscription, disabling, a pause and a throttle, and changes no health", async () => {
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "3600000" } });
  await using receiver = startReceiver({ respond: [503, 200] });
  const { id } = await service.webhook(receiver.url);
  const path = sitePath(`/webhooks/${id}`);
  await service.post(goal());
  await service.settledAs(({ attempts_total }) => attempts_total === 1, 1);
  const held = await service.call<WebhookJson>("GET", path);
  assertEquals(held.json.health.consecutive_failures, 1);

  assertEquals((await tryOut(service, id)).status, "delivered");
  receiver.respond(500);
  assertEquals((await tryOut(service, id)).status, "exhausted");
  assertEquals((await service.call<WebhookJson>("GET", path)).json.health, held.json.health);

  await service.call("PATCH", path, { enabled: false });
  receiver.respond([200, 410]);
  assertEquals((await tryOut(service, id)).status, "delivered");
  const gone = await tryOut(service, id);
  assertEquals([gone.status, gone.attempts[0]?.outcome], ["exhausted", "gone"]);
  const { json } = await service.call<WebhookJson>("GET", path);
  assertEquals([json.status, json.status_reason], ["disabled", null]);
});

Deno.test("tests are listed as deliveries of their webhook, and are no events of the site", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url);
  const tried = await tryOut(service, id);
  const listed = await service.deliveries(`?webhook_id=${id}&event=test`);
  assertEquals(listed.map((delivery) => [delivery.id, delivery.attempts[0]?.trigger]), [[tried.id, "test"]]);
  const one = await service.call<TriedJson>("GET", sitePath(`/deliveries/${tried.id}`));
  assertEquals(one.json.payload, tried.payload);
  const events = await service.call<{ data: unknown[] }>("GET", sitePath("/events"));
  assertEquals(events.json.data, []);
});

Deno.test("a test that fails is not retried, and the answer names the likely remedy", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await using broken = startRawReceiver(async (connection) => {
    await connection.readRequest();
    await connection.write("SSH-2.0-hello\r\n");
  });
  await using closing = startRawReceiver(async (connection) => void await connection.readRequest());
  await using silent = startRawReceiver((connection) => connection.closed());
  const gone = startReceiver();
  await gone[Symbol.asyncDispose]();
  const answers: [status: number, remedy: RegExp][] = [
    [401, /signature/],
    [403, /signature/],
    [404, /URL/],
    [405, /URL/],
    [410, /gone/],
    [429, /fewer/],
    [500, /log/],
    [302, /redirect/],
  ];
  const { id } = await service.webhook(receiver.url, { max_retries: 10 });
  for (const [status, remedy] of answers) {
    receiver.respond(status);
    const tried = await tryOut(service, id);
    assertEquals([tried.status, tried.attempts_total], ["exhausted", 1], `${status}`);
    assertMatch(tried.remedy ?? "", remedy);
  }
  const errors: [url: string, error: string, remedy: RegExp][] = [
    [broken.url, "protocol", /HTTP/],
    [closing.url, "reset", /closed/],
    [silent.url, "timeout", /timeout_ms/],
    [gone.url, "connect", /port/],
  ];
  for (const [url, error, remedy] of errors) {
    const webhook = await service.webhook(url, { timeout_ms: 1000 });
    const tried = await tryOut(service, webhook.id);
    assertEquals([tried.attempts[0]?.error, tried.attempts[0]?.status_code], [error, null]);
    assertMatch(tried.remedy ?? "", remedy);
  }
  // Nothing was retried, although the base of the backoff is 50 ms.
  await service.post(goal(1));
  await service.call("GET", "/readyz");
  assert(receiver.requests.filter(({ headers }) => headers.has("X-Webhook-Test")).length === answers.length);
});
