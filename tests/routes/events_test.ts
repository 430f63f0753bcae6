/**
 * Events over HTTP: who is told and who is not, and how a receiver's developer finds out why a signature does not verify.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { type AcceptedJson, goal, SITE, sitePath } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

interface EventJson {
  readonly id: string;
  readonly event: string;
  readonly timestamp: string;
  readonly accepted_at: string;
  readonly queued: number;
  readonly skipped: number;
  readonly payload?: unknown;
  readonly decisions?: readonly {
    readonly webhook_id: string;
    readonly delivery_id?: string;
    readonly reason?: string;
  }[];
}

/** An event of each kind that is accepted as it is. */
const EVENTS: Readonly<Record<string, Record<string, unknown>>> = {
  goal_completion: { goal_name: "Signup", visitor_count: 1 },
  visitor_spike: { current_visitors: 50 },
  visitor_drop: { current_visitors: 0 },
  custom_event: { event_name: "Download", visitor_count: 1 },
  error_condition: { error_type: "stats_api", message: "It answered 502" },
};

function eventOf(event: string, data: Record<string, unknown>): Record<string, unknown> {
  return { event, site_id: SITE, timestamp: "2026-02-25T12:00:00Z", data };
}

Deno.test("an event tells whom it matches, and says of every other webhook why not", async () => {
  await using service = await startTestService();
  const url = "http://127.0.0.1:9/";
  const told = await service.webhook(url, { filters: { goals: ["Signup", "Purchase"] } });
  const filtered = await service.webhook(url, { filters: { goals: ["signup"] } });
  const other = await service.webhook(url, { events: ["visitor_drop"] });
  const disabled = await service.webhook(url, { enabled: false });
  const { id, queued, skipped } = await service.post(goal());
  assertMatch(id, /^evt_[0-9A-Z]{26}$/);
  assertEquals([queued, skipped], [1, [
    { webhook_id: filtered.id, reason: "filtered" },
    { webhook_id: other.id, reason: "not_subscribed" },
    { webhook_id: disabled.id, reason: "disabled" },
  ]]);
  const { json } = await service.call<EventJson>("GET", sitePath(`/events/${id}`));
  assertEquals(json.decisions?.[0], {
    webhook_id: told.id,
    delivery_id: `dlv_${id.slice(4)}${told.id.slice(3)}`,
  });
  assertEquals(json.decisions?.slice(1), [...skipped]);
  assertEquals([json.payload, json.queued, json.skipped], [goal(), 1, 3]);
});

Deno.test("every kind of event is accepted and delivered", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url, { events: Object.keys(EVENTS) });
  for (const [event, data] of Object.entries(EVENTS)) {
    assertEquals((await service.post(eventOf(event, data))).queued, 1, event);
  }
  await service.settled("delivered", 5);
  const received = receiver.requests.map(({ text }) => JSON.parse(text));
  assertEquals(received.map(({ event }) => event).toSorted(), Object.keys(EVENTS).toSorted());
});

Deno.test("a spike below the threshold, and a drop above it, are told to nobody", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/", {
    events: ["visitor_spike", "visitor_drop"],
    filters: { visitor_spike: { threshold: 50 }, visitor_drop: { threshold: 5 } },
  });
  const below = [{ webhook_id: id, reason: "below_threshold" }];
  const posted = async (event: string, current_visitors: number): Promise<AcceptedJson> =>
    await service.post(eventOf(event, { current_visitors }));
  assertEquals((await posted("visitor_spike", 49)).skipped, below);
  assertEquals((await posted("visitor_drop", 5)).skipped, below);
  assertEquals((await posted("visitor_spike", 50)).queued, 1);
  assertEquals((await posted("visitor_drop", 4)).queued, 1);
});

Deno.test("the signature debugger says of each header whether it is valid, and what to do", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id, secret } = await service.webhook(receiver.url);
  await service.call("POST", sitePath(`/webhooks/${id}/test`));
  const [request] = receiver.requests;
  const headers = Object.fromEntries(request?.headers ?? []);
  const verify = async (given: Record<string, unknown>): Promise<unknown> => {
    const body = { secret, body: request?.text, headers, ...given };
    const { status, json } = await service.call<
      { signatures: { header: string; valid: boolean; reason?: string }[] }
    >(
      "POST",
      "/v1/verify-signature",
      body,
    );
    assertEquals(status, 200);
    return json.signatures.map(({ header, valid, reason }) => [header, valid, reason]);
  };
  assertEquals(await verify({}), [["X-Webhook-Signature", true, undefined], [
    "webhook-signature",
    true,
    undefined,
  ]]);
  assertEquals(await verify({ secret: "another-secret-0123456789" }), [
    ["X-Webhook-Signature", false, "wrong_secret_or_body"],
    ["webhook-signature", false, "wrong_secret_or_body"],
  ]);
  assertEquals(await verify({ headers: {} }), [
    ["X-Webhook-Signature", false, "missing"],
    ["webhook-signature", false, "missing"],
  ]);
  assertEquals(service.logs.some((line) => line.includes(secret.slice(6))), false);
});
