/**
 * "What a receiver gets" of the contract: the request, byte for byte and header for header.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { type AcceptedJson, type CreatedWebhook, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { assertSigned, passesStandard } from "../helpers/signatures.ts";
import { section } from "./section.ts";

/** Everything that is sent; what HTTP itself needs is named last. */
const HEADERS = [
  ...["content-type", "user-agent", "x-webhook-signature", "x-webhook-event", "x-webhook-site-id"],
  ...["webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-attempt"],
];
const OF_HTTP = ["host", "content-length", "accept", "accept-encoding", "accept-language", "connection"];

section("what a receiver gets", {
  "a POST of exactly four keys in their order, however they came": async (
    { ask, service },
  ) => {
    await using receiver = startReceiver();
    const site_id = "Bücher.example/blog";
    await service.webhook(`${receiver.origin}/in?a=b`, { events: ["custom_event"] }, site_id);
    const timestamp = "2026-02-25T13:00:00.5+01:00";
    const data = { props: { z: 1, a: "é" }, visitor_count: 3, event_name: "Download" };
    await ask(202, "POST", "/v1/events", { data, timestamp, site_id, event: "custom_event" });
    const { method, path: asked, text, headers } = await within(receiver.received(1), "the request");
    assertEquals([method, asked], ["POST", "/in?a=b"]);
    const start =
      `{"event":"custom_event","site_id":"bücher.example/blog","timestamp":"${timestamp}","data":{`;
    assertEquals(text.slice(0, start.length), start);
    assertEquals(Object.keys(JSON.parse(text)), ["event", "site_id", "timestamp", "data"]);
    assertEquals(JSON.parse(text).data, data);
    assertEquals(headers.get("X-Webhook-Site-Id"), "b%C3%BCcher.example%2Fblog");
  },
  "these headers and the webhook's own, and no others": async ({ webhook, ask, event, site_id }) => {
    await using receiver = startReceiver();
    const made = await webhook(receiver.url, {
      headers: { "X-Team": "blue", "Authorization": "Bearer x y" },
    });
    const before_s = Math.floor(Date.now() / 1000);
    const { id } = await ask<AcceptedJson>(202, "POST", "/v1/events", event());
    const request = await within(receiver.received(1), "the request");
    const { headers } = request;
    const names = [...headers.keys()].filter((name) => !OF_HTTP.includes(name));
    assertEquals(names.toSorted(), [...HEADERS, "x-team", "authorization"].toSorted());
    assertEquals([headers.get("X-Team"), headers.get("Authorization")], ["blue", "Bearer x y"]);
    assertEquals(headers.get("Content-Type"), "application/json");
    assertEquals(headers.get("User-Agent"), `Tidings/${manifest.version}`);
    assertEquals([headers.get("X-Webhook-Event"), headers.get("X-Webhook-Site-Id")], [
      "goal_completion",
      site_id,
    ]);
    assertEquals([headers.get("webhook-id"), headers.get("X-Webhook-Attempt")], [id, "1"]);
    assertMatch(headers.get("X-Webhook-Signature") ?? "", /^sha256=[0-9a-f]{64}$/);
    assertMatch(headers.get("webhook-signature") ?? "", /^v1,[A-Za-z0-9+/]{43}=$/);
    const timestamp_s = Number(headers.get("webhook-timestamp"));
    assert(timestamp_s >= before_s && timestamp_s <= Date.now() / 1000, `${timestamp_s}`);
    await assertSigned(request, made);
  },
  "during a rotation the previous secret signs along, in both forms": async (
    { webhook, ask, event, path },
  ) => {
    await using receiver = startReceiver();
    const old = await webhook(receiver.url);
    const fresh = await ask<CreatedWebhook>(200, "POST", path(`/webhooks/${old.id}/rotate-secret`));
    await ask(202, "POST", "/v1/events", event());
    const request = await within(receiver.received(1), "the request");
    const names = [...request.headers.keys()].filter((name) => !OF_HTTP.includes(name));
    assertEquals(names.toSorted(), [...HEADERS, "x-webhook-signature-previous"].toSorted());
    assertMatch(request.headers.get("webhook-signature") ?? "", /^v1,\S{44} v1,\S{44}$/);
    await assertSigned(request, fresh);
    await assertSigned(request, old, "X-Webhook-Signature-Previous");
    await ask(200, "POST", path(`/webhooks/${old.id}/rotate-secret`), { overlap_hours: 0 });
    await ask(202, "POST", "/v1/events", event());
    const alone = await within(receiver.received(2), "the request after the overlap");
    assertEquals(alone.headers.has("X-Webhook-Signature-Previous"), false);
    assertEquals([passesStandard(alone, old), passesStandard(alone, fresh)], [false, false]);
  },
  "a retry has the same webhook-id and body, the next number, and is signed anew": async (
    { webhook, ask, event },
  ) => {
    await using receiver = startReceiver({ respond: [500, 200] });
    const made = await webhook(receiver.url);
    const { id } = await ask<AcceptedJson>(202, "POST", "/v1/events", event());
    await within(receiver.received(2), "both attempts");
    for (const [index, request] of receiver.requests.entries()) {
      assertEquals(request.headers.get("webhook-id"), id);
      assertEquals(request.headers.get("X-Webhook-Attempt"), String(index + 1));
      assertEquals(request.text, receiver.requests[0]?.text);
      await assertSigned(request, made);
    }
  },
  "two webhooks told about one event share its webhook-id": async ({ webhook, ask, event }) => {
    await using receiver = startReceiver();
    for (let count = 0; count < 2; count++) await webhook(receiver.url);
    const { id, queued } = await ask<AcceptedJson>(202, "POST", "/v1/events", event());
    await within(receiver.received(2), "both requests");
    assertEquals([queued, ...receiver.requests.map(({ headers }) => headers.get("webhook-id"))], [2, id, id]);
  },
  "X-Webhook-Signature does not cover webhook-id, webhook-signature does": async (
    { webhook, ask, event },
  ) => {
    await using receiver = startReceiver();
    const made = await webhook(receiver.url);
    await ask(202, "POST", "/v1/events", event());
    const request = await within(receiver.received(1), "the request");
    const headers = new Headers(request.headers);
    headers.set("webhook-id", "evt_another");
    assertEquals(passesStandard({ ...request, headers }, made), false);
    assertEquals(passesStandard(request, made), true);
  },
});
