/**
 * Webhooks of Slack and Discord, from the posted event to what arrives and what becomes of the answer.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeBody } from "../../lib/event.ts";
import { renderBody } from "../../lib/formats/render.ts";
import { type DeliveryJson, goal, SITE, sitePath, until, type WebhookJson, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";
import { assertSigned } from "../helpers/signatures.ts";

const FORMATS = ["slack", "discord"] as const;

interface Hinted extends WebhookJson {
  readonly format: string;
  readonly hint?: string;
}

Deno.test("a posted event arrives as the service's own message, and both signatures are of what arrives", async () => {
  for (const format of FORMATS) {
    await using service = await startTestService();
    await using receiver = startReceiver({ respond: [500, 200] });
    const webhook = await service.webhook(receiver.url, { format });
    await service.post(goal(3));
    const { timestamp, data } = goal(3) as { timestamp: string; data: unknown };
    const stored = encodeBody({ event: "goal_completion", site_id: SITE, timestamp, data });
    const { body } = renderBody(format, stored, { dashboard_url: null, is_test: false });
    for (const count of [1, 2]) {
      const request = await within(receiver.received(count), "the message");
      assertEquals(request.text, new TextDecoder().decode(body));
      assertEquals(request.headers.get("Content-Type"), "application/json");
      await assertSigned(request, webhook);
    }
    const [delivery] = await service.settled("delivered", 1);
    const shown = await service.call<DeliveryJson & { payload: unknown }>(
      "GET",
      sitePath(`/deliveries/${delivery?.id}`),
    );
    assertEquals(shown.json.payload, goal(3));
  }
});

Deno.test("a webhook that changes its format gets the next message in it, the retry of an older event too", async () => {
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "3600000" } });
  await using receiver = startReceiver({ respond: [500, 200] });
  const { id } = await service.webhook(receiver.url);
  await service.post(goal());
  const [waiting] = await service.settledAs(({ attempts_total }) => attempts_total === 1, 1);
  assert(waiting !== undefined);
  await service.call("PATCH", sitePath(`/webhooks/${id}`), { format: "discord" });
  await service.call("POST", sitePath(`/deliveries/${waiting.id}/redeliver`));
  const { text } = await within(receiver.received(2), "the redelivery");
  assertEquals(JSON.parse(text).embeds[0].title, "Goal completed: Signup");
});

Deno.test("what Slack refuses is not sent again, and a test says what to do", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: () => new Response("no_text", { status: 400 }) });
  const { id } = await service.webhook(receiver.url, { format: "slack", max_retries: 10 });
  await service.post(goal());
  const [refused] = await service.settled("exhausted", 1);
  const [attempt, ...more] = refused?.attempts ?? [];
  assertEquals(more, []);
  assertEquals([attempt?.outcome, attempt?.status_code, attempt?.response_body], ["failed", 400, "no_text"]);
  const { json: tried } = await service.call<DeliveryJson & { remedy: string }>(
    "POST",
    sitePath(`/webhooks/${id}/test`),
  );
  assertEquals(tried.status, "exhausted");
  assertMatch(tried.remedy, /^Slack found no text/);
  const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`));
  assertEquals([json.status, json.health.breaker], ["active", "closed"]);
});

Deno.test("a webhook that Slack or Discord no longer knows is paused, and says why", async () => {
  const answers = { slack: "no_service", discord: '{"message": "Unknown Webhook", "code": 10015}' } as const;
  for (const format of FORMATS) {
    await using service = await startTestService();
    await using receiver = startReceiver({ respond: () => new Response(answers[format], { status: 404 }) });
    const { id } = await service.webhook(receiver.url, { format });
    await service.post(goal());
    const [gone] = await service.settled("exhausted", 1);
    assertEquals(gone?.attempts.map(({ outcome }) => outcome), ["gone"]);
    const paused = await until(async () => {
      const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`));
      return json.status === "paused" ? json : null;
    }, "the webhook is paused");
    assertMatch(paused.status_reason ?? "", /gone.*404/);
  }
});

Deno.test("a webhook whose format does not fit its URL is created with a hint, which ends with the patch that fits", async () => {
  await using service = await startTestService();
  const url = "https://hooks.slack.com/services/T0/B0/x";
  const created = await service.call<Hinted>("POST", sitePath("/webhooks"), {
    url,
    events: ["visitor_drop"],
  });
  const hint = "This is a Slack URL: set format to slack";
  assertEquals([created.status, created.json.format, created.json.hint], [201, "json", hint]);
  const path = sitePath(`/webhooks/${created.json.id}`);
  assertEquals((await service.call<Hinted>("GET", path)).json.hint, hint);
  const listed = await service.call<{ data: Hinted[] }>("GET", sitePath("/webhooks"));
  assertEquals(listed.json.data.map((webhook) => webhook.hint), [hint]);
  const other = await service.call<Hinted>("PATCH", path, { format: "discord" });
  assertEquals([other.json.format, other.json.hint], ["discord", hint]);
  const fits = await service.call<Hinted>("PATCH", path, { format: "slack" });
  assertEquals([fits.json.format, "hint" in fits.json], ["slack", false]);
});
