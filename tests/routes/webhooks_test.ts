/**
 * Webhooks over HTTP: created, read, changed by a merge patch, deleted; what is masked, and what is limited.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  type CreatedWebhook,
  type DeliveryJson,
  goal,
  SITE,
  sitePath,
  until,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";
import { assertSigned } from "../helpers/signatures.ts";

const LATER = { TIDINGS_RETRY_BASE_MS: "3600000" };

Deno.test("a webhook is created with the documented defaults", async () => {
  await using service = await startTestService({ env: { TIDINGS_TIMEOUT_MS: "7000" } });
  const { secret, standard_secret, id, created_at, updated_at, ...rest } = await service.webhook(
    "http://127.0.0.1:9/in?a=1",
    { events: ["goal_completion", "visitor_spike"] },
  );
  assertMatch(id, /^wh_[0-9A-Z]{26}$/);
  assertMatch(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assertEquals(standard_secret, secret);
  assertMatch(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assertEquals(updated_at, created_at);
  assertEquals<unknown>(rest, {
    site_id: SITE,
    name: "127.0.0.1:9",
    url: "http://127.0.0.1:9/in?a=1",
    format: "json",
    events: ["goal_completion", "visitor_spike"],
    filters: {
      goals: [],
      custom_events: [],
      error_types: [],
      visitor_spike: { threshold: 10, percent_over_baseline: null, readings: 1, cooldown_hours: 12 },
      visitor_drop: { threshold: 1, readings: 1, cooldown_hours: 12 },
    },
    headers: {},
    enabled: true,
    status: "active",
    status_reason: null,
    max_retries: 3,
    timeout_ms: 7000,
    rate_limit_per_minute: null,
    previous_secret_expires_at: null,
    health: {
      consecutive_failures: 0,
      last_success_at: null,
      last_failure_at: null,
      breaker: "closed",
      pending: 0,
    },
    spike: { last_triggered_at: null, silent_until: null },
    drop: { last_triggered_at: null, silent_until: null },
  });
});

Deno.test("a secret is shown where it is made and nowhere else", async () => {
  await using service = await startTestService();
  const { id, secret } = await service.webhook("http://127.0.0.1:9/");
  const path = sitePath(`/webhooks/${id}`);
  const answers = [
    await service.call("GET", path),
    await service.call("GET", sitePath("/webhooks")),
    await service.call("PATCH", path, { name: "x" }),
    await service.call("POST", `${path}/test`),
    await service.call("GET", sitePath("/deliveries")),
  ];
  for (const { status, text } of answers) {
    assertEquals(status, 200);
    assertEquals(/secret"|whsec_/.test(text), false, text);
    assertEquals(text.includes(secret), false);
  }
});

Deno.test("an owner's own secret signs, in both of its forms, and a bad one is refused without being repeated", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const own = [
    "a-secret-of-mine-0123456789",
    `whsec_${btoa("x".repeat(24))}`,
    `whsec_${btoa("y".repeat(64))}`,
    "#".repeat(64),
  ];
  for (const [index, secret] of own.entries()) {
    const created = await service.webhook(receiver.url, { secret, events: ["visitor_drop"] });
    assertEquals(created.secret, secret);
    const { status } = await service.call("POST", sitePath(`/webhooks/${created.id}/test`));
    assertEquals(status, 200);
    await assertSigned(await within(receiver.received(index + 1), "the test"), created);
  }
  const refused = [
    "short-marker",
    "marker".padEnd(65, "x"),
    "marker with spaces 0123456789",
    "whsec_marker!",
    `whsec_${btoa("marker")}`,
    "whsec_",
    "märker-0123456789-0123456789",
    "",
  ];
  for (const secret of refused) {
    const body = { url: receiver.url, events: ["visitor_drop"], secret };
    const { status, json, text } = await service.call("POST", sitePath("/webhooks"), body);
    assertEquals([status, json.errors?.map(({ path }) => path)], [422, ["/secret"]], secret);
    assertEquals(/marker|märker/.test(text), false, text);
  }
  const { status, json } = await service.call("POST", sitePath("/webhooks"), {
    url: receiver.url,
    events: ["visitor_drop"],
    secret: 7,
  });
  assertEquals([status, json.errors?.map(({ path }) => path)], [422, ["/secret"]]);
});

Deno.test("a patch changes what it names, resets what is null, replaces arrays, and merges objects", async () => {
  await using service = await startTestService();
  const created = await service.webhook("http://127.0.0.1:9/", {
    name: "Sales",
    events: ["goal_completion", "visitor_spike"],
    filters: { goals: ["Signup", "Purchase"], visitor_spike: { threshold: 100, readings: 3 } },
    max_retries: 7,
    rate_limit_per_minute: 60,
  });
  const path = sitePath(`/webhooks/${created.id}`);
  const { secret: _, standard_secret: __, ...before } = created;
  const patch = async (body: unknown): Promise<Record<string, unknown>> => {
    const { status, json } = await service.call<Record<string, unknown>>("PATCH", path, body);
    assertEquals(status, 200, JSON.stringify(json));
    assertEquals((await service.call("GET", path)).json, { ...json } as never);
    return json;
  };

  const same = await patch({});
  assertEquals({ ...same, updated_at: "" }, { ...before, updated_at: "" } as never);
  const changed = await patch({
    name: null,
    events: ["visitor_drop"],
    filters: { goals: ["Other"], visitor_spike: { threshold: null } },
    max_retries: null,
    rate_limit_per_minute: null,
    timeout_ms: 2500,
  });
  assertEquals(changed["name"], "127.0.0.1:9");
  assertEquals(changed["events"], ["visitor_drop"]);
  assertEquals(changed["filters"], {
    goals: ["Other"],
    custom_events: [],
    error_types: [],
    visitor_spike: { threshold: 10, percent_over_baseline: null, readings: 3, cooldown_hours: 12 },
    visitor_drop: { threshold: 1, readings: 1, cooldown_hours: 12 },
  });
  assertEquals([changed["max_retries"], changed["rate_limit_per_minute"], changed["timeout_ms"]], [
    3,
    null,
    2500,
  ]);
  assertEquals(changed["created_at"], created.created_at);
});

Deno.test("a patch that is refused changes nothing", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/");
  const path = sitePath(`/webhooks/${id}`);
  const before = await service.call("GET", path);
  const patches: [body: unknown, path: string][] = [
    [[], ""],
    ["text", ""],
    [null, ""],
    [{ name: "x", max_retries: 99 }, "/max_retries"],
    [{ name: "x", url: null }, "/url"],
    [{ name: "x", events: null }, "/events"],
    [{ name: "x", events: [] }, "/events"],
    [{ name: "x", secret: "0123456789abcdef01234567" }, "/secret"],
    [{ name: "x", id: "wh_1" }, "/id"],
    [{ name: "x", status: "active" }, "/status"],
    [{ name: "x", site_id: "other.example" }, "/site_id"],
    [{ name: "x", format: "yaml" }, "/format"],
    [{ name: "x", enabled: "yes" }, "/enabled"],
  ];
  for (const [body, pointer] of patches) {
    const { status, json } = await service.call("PATCH", path, JSON.stringify(body));
    assertEquals([status, json.code], [422, "validation_failed"], pointer);
    assertEquals(json.errors?.map((error) => error.path), [pointer]);
  }
  assertEquals((await service.call("GET", path)).json, before.json);
});

Deno.test("header values are masked, kept when the mask is written back, and sent", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const headers = { "Authorization": "Bearer marker-1", "X-Team": "marker-2" };
  const masked = { "Authorization": "********", "X-Team": "********" };
  const created = await service.webhook(receiver.url, { headers });
  assertEquals(created.headers, masked);
  const path = sitePath(`/webhooks/${created.id}`);
  const sent = async (count: number): Promise<(string | null)[]> => {
    await service.post(goal(count));
    const request = await within(receiver.received(count), "the delivery");
    return [request.headers.get("Authorization"), request.headers.get("X-Team")];
  };
  const patch = async (body: unknown): Promise<unknown> => {
    const { json, text } = await service.call<WebhookJson>("PATCH", path, body);
    assertEquals(text.includes("marker"), false);
    return json.headers;
  };
  assertEquals(await sent(1), ["Bearer marker-1", "marker-2"]);

  assertEquals(
    await patch({ headers: { "x-team": "********", "Authorization": "Bearer marker-3" } }),
    masked,
  );
  assertEquals(await sent(2), ["Bearer marker-3", "marker-2"]);

  assertEquals(await patch({ headers: { "X-Team": null } }), { "Authorization": "********" });
  assertEquals(await sent(3), ["Bearer marker-3", null]);

  assertEquals(await patch({ headers: null }), {});
  assertEquals(await sent(4), [null, null]);

  const { status, json } = await service.call("PATCH", path, { headers: { "X-New": "********" } });
  assertEquals([status, json.errors?.map((error) => error.path)], [422, ["/headers/X-New"]]);
});

Deno.test("a site has at most fifty webhooks, also when many are created at once; a deleted one makes room", async () => {
  await using service = await startTestService();
  const create = (): Promise<{ status: number; json: { id: string; code?: string } }> =>
    service.call("POST", sitePath("/webhooks"), { url: "http://127.0.0.1:9/", events: ["visitor_drop"] });
  const answers = await Promise.all(Array.from({ length: 60 }, create));
  const codes = answers.filter(({ status }) => status !== 201).map(({ status, json }) => [status, json.code]);
  assertEquals(codes, Array(10).fill([409, "limit_reached"]));
  const { json } = await service.call<{ data: WebhookJson[] }>("GET", sitePath("/webhooks"));
  assertEquals(json.data.length, 50);
  assertEquals((await service.webhook("http://127.0.0.1:9/", {}, "other.example")).site_id, "other.example");

  assertEquals((await service.call("DELETE", sitePath(`/webhooks/${json.data[7]?.id}`))).status, 204);
  assertEquals((await create()).status, 201);
  assertEquals((await create()).status, 409);
});

Deno.test("a webhook too large to store is refused, with the size in the message", async () => {
  await using service = await startTestService();
  // Within the limits of each field and of a request's body: 100 names of 200 characters of three bytes.
  const goals = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(200, "語"));
  const body = { url: "http://127.0.0.1:9/", events: ["goal_completion"], filters: { goals } };
  const { status, json } = await service.call("POST", sitePath("/webhooks"), body);
  assertEquals([status, json.code], [422, "validation_failed"]);
  assertMatch(json.detail ?? "", /49152 bytes as stored, current value is \d{5}/);
  const { id } = await service.webhook("http://127.0.0.1:9/");
  assertEquals(
    (await service.call("PATCH", sitePath(`/webhooks/${id}`), { filters: { goals } })).status,
    422,
  );
});

Deno.test("webhooks are listed oldest first, without the deleted ones", async () => {
  await using service = await startTestService();
  const created: CreatedWebhook[] = [];
  for (let index = 0; index < 5; index++) created.push(await service.webhook(`http://127.0.0.1:9/${index}`));
  await service.call("DELETE", sitePath(`/webhooks/${created[2]?.id}`));
  const { json } = await service.call<{ data: WebhookJson[] }>("GET", sitePath("/webhooks"));
  assertEquals(json.data.map(({ id }) => id), [0, 1, 3, 4].map((index) => created[index]?.id));
});

Deno.test("a changed webhook takes effect with the next send, not with the next event", async () => {
  await using service = await startTestService();
  await using before = startReceiver({ respond: 500 });
  await using after = startReceiver();
  const { id } = await service.webhook(before.url, { max_retries: 10 });
  const { id: event_id } = await service.post(goal(1));
  await within(before.received(1), "the first attempt");
  const { status } = await service.call("PATCH", sitePath(`/webhooks/${id}`), {
    url: after.url,
    headers: { "X-Now": "yes" },
  });
  assertEquals(status, 200);
  const request = await within(after.received(1), "the retry at the new address");
  assertEquals([request.headers.get("webhook-id"), request.headers.get("X-Now")], [event_id, "yes"]);
});

Deno.test("a deleted webhook is gone, its pending deliveries are cancelled, its history stays readable", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: [200, 500] });
  const webhook = await service.webhook(receiver.url);
  const first = await service.post(goal(1));
  await service.settled("delivered", 1);
  const second = await service.post(goal(2));
  await service.settledAs(({ attempts_total }) => attempts_total === 1, 2);
  const path = sitePath(`/webhooks/${webhook.id}`);
  const { status, text } = await service.call("DELETE", path);
  assertEquals([status, text], [204, ""]);

  for (
    const [method, rest] of [["GET", ""], ["PATCH", ""], ["DELETE", ""], ["POST", "/test"], [
      "POST",
      "/rotate-secret",
    ]]
  ) {
    const answer = await service.call(method ?? "", path + rest, method === "PATCH" ? {} : undefined);
    assertEquals([answer.status, answer.json.code], [404, "not_found"], `${method} ${rest}`);
  }
  for (const query of ["", `?webhook_id=${webhook.id}`]) {
    const deliveries = await service.deliveries(query);
    assertEquals(deliveries.map(({ event_id, status }) => [event_id, status]), [
      [second.id, "cancelled"],
      [first.id, "delivered"],
    ]);
    const one = await service.call<DeliveryJson & { payload: unknown }>(
      "GET",
      sitePath(`/deliveries/${deliveries[0]?.id}`),
    );
    assertEquals([one.status, one.json.status, one.json.payload], [200, "cancelled", goal(2)]);
  }
  assertEquals((await service.post(goal(3))).skipped, []);
  assertEquals(receiver.requests.length, 2);
});

Deno.test("health tells of successes and failures", async () => {
  await using service = await startTestService({ env: LATER });
  await using receiver = startReceiver({ respond: [200, 500, 500, 200] });
  const { id } = await service.webhook(receiver.url);
  const health = async (): Promise<WebhookJson["health"]> =>
    (await service.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`))).json.health;
  await service.post(goal(1));
  await service.settled("delivered", 1);
  const good = await health();
  assertEquals([good.consecutive_failures, good.last_failure_at, good.pending], [0, null, 0]);
  assertNotEquals(good.last_success_at, null);

  await service.post(goal(2));
  await service.post(goal(3));
  await service.settledAs(({ attempts_total }) => attempts_total === 1, 3);
  const bad = await health();
  assertEquals([bad.consecutive_failures, bad.pending], [2, 2]);
  assert((bad.last_failure_at ?? "") >= (bad.last_success_at ?? "~"));

  await service.post(goal(4));
  await until(async () => (await health()).consecutive_failures === 0, "a success clears the count");
});

Deno.test("a webhook created disabled is told nothing until it is enabled", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const created: CreatedWebhook = await service.webhook(receiver.url, { enabled: false });
  assertEquals([created.status, created.enabled], ["disabled", false]);
  assertEquals((await service.post(goal(1))).skipped, [{ webhook_id: created.id, reason: "disabled" }]);
  const { json } = await service.call<WebhookJson>("PATCH", sitePath(`/webhooks/${created.id}`), {
    enabled: true,
  });
  assertEquals(json.status, "active");
  assertEquals((await service.post(goal(2))).queued, 1);
  await service.settled("delivered", 1);
  assertEquals(receiver.requests.length, 1);
});
