/**
 * Renaming a site, from outside: everything of it is found under its new name, and the old one is accepted for a while.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TIME } from "../../lib/limits.ts";
import {
  type AcceptedJson,
  type Api,
  type ApiAnswer,
  type DeliveryJson,
  goal,
  type PageJson,
  type ProblemJson,
  SITE,
  sitePath,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { assertSigned } from "../helpers/signatures.ts";

const NEW = "new.example/shop";

interface Renamed {
  readonly site_id: string;
  readonly old_names: readonly { readonly site_id: string; readonly accepted_until: string }[];
}

async function tryRename(
  service: Api,
  from: string,
  body: object,
): Promise<ApiAnswer<Renamed & ProblemJson>> {
  return await service.call("POST", sitePath("/rename", from), body);
}

async function rename(service: Api, from: string, to: string, days?: number): Promise<Renamed> {
  const body = { to, ...(days === undefined ? {} : { accept_old_for_days: days }) };
  const { status, json, text } = await tryRename(service, from, body);
  assertEquals(status, 200, text);
  return json;
}

/** A service whose time can be moved on. */
async function startMovable(): Promise<TestService & { readonly moveOn: (ms: number) => void }> {
  let ahead_ms = 0;
  const service = await startTestService({
    clock: (real) => ({ ...real, now: () => real.now() + ahead_ms }),
  });
  return { ...service, moveOn: (ms) => ahead_ms += ms };
}

function posted(site_id: string, count = 1): Record<string, unknown> {
  return goal(count, { site_id });
}

Deno.test("a renamed site has its webhooks, health, history, counters and audit under the new name", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const webhook = await service.webhook(receiver.url, { headers: { "X-Team": "sales" } });
  const before = await service.post(goal());
  const [delivery] = await service.settled("delivered", 1);
  const renamed = await rename(service, SITE, NEW);
  assertEquals(renamed.site_id, NEW);
  assertEquals(renamed.old_names.map(({ site_id }) => site_id), [SITE]);
  const until_ms = Date.parse(renamed.old_names[0]?.accepted_until ?? "") - Date.now();
  assert(Math.abs(until_ms - 30 * TIME.DAY_MS) < TIME.MINUTE_MS, "thirty days unless said otherwise");

  const { json: { data: [shown] } } = await service.call<PageJson<WebhookJson>>(
    "GET",
    sitePath("/webhooks", NEW),
  );
  assertEquals([shown?.id, shown?.site_id, shown?.url], [webhook.id, NEW, webhook.url]);
  assert(shown?.health.last_success_at !== null);
  const [listed] = await service.deliveries("", NEW);
  assertEquals(listed, { ...delivery, site_id: NEW } as DeliveryJson);
  const event = await service.call<{ payload: unknown }>("GET", sitePath(`/events/${before.id}`, NEW));
  assertEquals(event.json.payload, goal(), "what receivers were told");
  const stats = await service.call<PageJson<{ site_id: string; accepted: number }>>(
    "GET",
    `/v1/stats?site_id=${encodeURIComponent(NEW)}`,
  );
  assertEquals(stats.json.data[0]?.site_id, NEW);
  const sites = await service.call<PageJson<{ site_id: string }>>("GET", "/v1/sites");
  assertEquals(sites.json.data.map(({ site_id }) => site_id), [NEW]);
  const audit = await service.call<
    PageJson<{ action: string; site_id: string; subject: string; changes: string[] }>
  >(
    "GET",
    "/v1/audit",
  );
  const [entry] = audit.json.data;
  assertEquals([entry?.action, entry?.site_id, entry?.subject], ["site.renamed", NEW, NEW]);
  assertEquals(entry?.changes, [`from=${SITE}`, `to=${NEW}`, "accept_old_for_days=30"]);

  await service.post(posted(NEW, 2));
  const request = await within(receiver.received(2), "an event under the new name");
  assertEquals([JSON.parse(request.text).site_id, request.headers.get("X-Webhook-Site-Id")], [
    NEW,
    encodeURIComponent(NEW),
  ]);
  assertEquals(request.headers.get("X-Team"), "sales");
  await assertSigned(request, webhook);
  const made = await service.call("POST", sitePath("/webhooks", SITE), {
    url: receiver.url,
    events: ["visitor_drop"],
  });
  assert(made.headers.get("Location")?.startsWith(`/v1/sites/${encodeURIComponent(NEW)}/webhooks/`));
});

Deno.test("what is posted and read under the old name is that of the renamed site, and told under its new name", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url, { events: ["goal_completion", "visitor_spike", "error_condition"] });
  const key = await service.key("ingest", [SITE]);
  const headers = { "Idempotency-Key": "once" };
  const first = await service.call<AcceptedJson>("POST", "/v1/events", goal(), { key, headers });
  await within(receiver.received(1), "the event before");
  await rename(service, SITE, NEW);

  for (const site_id of [SITE, NEW]) {
    const again = await service.call<AcceptedJson>("POST", "/v1/events", posted(site_id), { key, headers });
    assertEquals([again.status, again.json.id, again.json.duplicate], [200, first.json.id, true]);
  }
  const other = await service.call<AcceptedJson>("POST", "/v1/events", goal(2), { key });
  assertEquals([other.status, other.json.queued], [202, 1], other.text);
  const batch = await service.call<{ accepted: number }>("POST", "/v1/events/batch", {
    events: [posted(SITE, 3), posted(NEW, 4)],
  }, { key });
  assertEquals(batch.json.accepted, 2, batch.text);
  const reading = await service.call<{ triggered: unknown[] }>(
    "POST",
    sitePath("/readings"),
    { current_visitors: 500 },
    { key },
  );
  assertEquals(reading.json.triggered.length, 1, reading.text);
  await within(receiver.received(5), "all that was posted after");
  for (const request of receiver.requests.slice(1)) {
    assertEquals(JSON.parse(request.text).site_id, NEW);
    assertEquals(request.headers.get("X-Webhook-Site-Id"), encodeURIComponent(NEW));
  }
  assertEquals((await service.deliveries("", SITE)).length, 5);
  const explained = await service.call("POST", sitePath("/explain", NEW), goal());
  assertEquals(explained.status, 200, explained.text);
});

Deno.test("an event that was accepted before the rename is sent after it as it was accepted", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const webhook = await service.webhook(receiver.url, { max_retries: 10 });
  const held = Promise.withResolvers<Response>();
  receiver.respond([() => held.promise, 200]);
  await service.post(goal());
  await within(receiver.received(1), "the first attempt");
  await rename(service, SITE, NEW);
  held.resolve(new Response(null, { status: 503 }));
  const retry = await within(receiver.received(2), "the retry");
  assertEquals([JSON.parse(retry.text).site_id, retry.headers.get("X-Webhook-Site-Id")], [SITE, SITE]);
  await assertSigned(retry, webhook);
  const delivered = await service.settled("delivered", 1);
  assertEquals(delivered[0]?.attempts_total, 2);
});

Deno.test("keys of the old and of the new name work for the renamed site, and for no other", async () => {
  await using service = await startMovable();
  await service.webhook("http://127.0.0.1:9/");
  await service.webhook("http://127.0.0.1:9/", {}, "other.example");
  const old = await service.key("manage", [SITE]);
  const ahead = await service.key("manage", [NEW, "other.example"]);
  const foreign = await service.key("manage", ["third.example"]);
  await rename(service, SITE, NEW, 10);
  const after = await service.key("manage", [NEW]);
  const status = async (key: string, site_id: string): Promise<number> =>
    (await service.call("GET", sitePath("/webhooks", site_id), undefined, { key })).status;
  for (const key of [old, ahead, after]) {
    assertEquals([await status(key, NEW), await status(key, SITE)], [200, 200]);
  }
  assertEquals([await status(ahead, "other.example"), await status(foreign, NEW)], [200, 404]);
  const { json: { data } } = await service.call<PageJson<{ sites: string[] }>>("GET", "/v1/keys");
  assertEquals(data.map(({ sites }) => sites), [[NEW], [NEW, "other.example"], ["third.example"], [NEW]]);

  service.moveOn(10 * TIME.DAY_MS);
  for (const key of [old, ahead, after]) {
    assertEquals(await status(key, NEW), 200);
    const refused = await service.call("GET", sitePath("/webhooks"), undefined, { key });
    assertEquals(refused.status, 404);
    assertStringIncludes(refused.json.detail ?? "", `was renamed to ${NEW}`);
  }
  const told = await service.call("GET", sitePath("/webhooks"), undefined, { key: foreign });
  assertEquals(told.json.detail, "Not found", "who may not see the site learns nothing of it");
  const ingest = await service.key("ingest", [NEW]);
  const refused = await service.call("POST", "/v1/events", goal(), { key: ingest });
  assertEquals(refused.status, 403);
  assertStringIncludes(refused.json.detail ?? "", `was renamed to ${NEW}`);
});

Deno.test("when its time is over, the old name is that of a site which has nothing of the renamed one", async () => {
  await using service = await startMovable();
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  await service.post(goal());
  await within(receiver.received(1), "the event before");
  await rename(service, SITE, NEW, 1);
  service.moveOn(TIME.DAY_MS);
  assertEquals((await service.post(goal(2))).queued, 0);
  assertEquals((await service.call("GET", sitePath("/deliveries"))).text, `{"data":[],"next_cursor":null}`);
  // Whoever has the domain next.
  const theirs = await service.webhook(receiver.url);
  assertEquals(theirs.site_id, SITE);
  await service.post(goal(3));
  const request = await within(receiver.received(2), "their event");
  assertEquals([JSON.parse(request.text).site_id, request.headers.get("X-Webhook-Site-Id")], [SITE, SITE]);
  const sites = await service.call<PageJson<{ site_id: string; webhooks: number }>>(
    "GET",
    "/v1/sites?limit=1",
  );
  const rest = await service.call<PageJson<{ site_id: string; webhooks: number }>>(
    "GET",
    `/v1/sites?limit=1&cursor=${encodeURIComponent(sites.json.next_cursor ?? "")}`,
  );
  const found = [...sites.json.data, ...rest.json.data].map(({ site_id, webhooks }) => [site_id, webhooks]);
  assertEquals(found.toSorted(), [[SITE, 1], [NEW, 1]].toSorted());
  assertEquals((await service.call("DELETE", sitePath("", NEW))).status, 204);
  assertEquals((await service.call("GET", sitePath("/webhooks", NEW))).text, `{"data":[]}`);
  assertEquals((await service.deliveries("", SITE)).length, 1, "theirs stays");
});

Deno.test("a name that another site has can't be taken, and nothing changes", async () => {
  await using service = await startTestService();
  await service.webhook("http://127.0.0.1:9/");
  await service.webhook("http://127.0.0.1:9/", {}, "webhook.example");
  await service.post(posted("event.example"));
  await service.webhook("http://127.0.0.1:9/", {}, "first.example");
  await rename(service, "first.example", "second.example");
  for (const to of ["webhook.example", "event.example", "first.example", "second.example"]) {
    const { status, json } = await tryRename(service, SITE, { to });
    assertEquals([status, json.code], [409, "conflict"], to);
  }
  for (const body of [{}, { to: "10.0.0.1" }, { to: NEW, accept_old_for_days: 366 }, { to: NEW, days: 1 }]) {
    assertEquals((await tryRename(service, SITE, body)).status, 422);
  }
  assertEquals((await tryRename(service, "nothing.example", { to: NEW })).status, 404);
  const { json } = await service.call<PageJson<WebhookJson>>("GET", sitePath("/webhooks"));
  assertEquals(json.data[0]?.site_id, SITE);
});

Deno.test("a rename can be repeated, chained and taken back", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/");
  const has = async (site_id: string): Promise<string | undefined> => {
    const { json } = await service.call<PageJson<WebhookJson>>("GET", sitePath("/webhooks", site_id));
    return json.data[0]?.id === id ? json.data[0].site_id : undefined;
  };
  await rename(service, SITE, NEW);
  assertEquals((await rename(service, SITE, NEW, 0)).old_names, [], "repeated under the old name");
  assertEquals((await rename(service, NEW, NEW)).site_id, NEW);
  assertEquals([await has(SITE), await has(NEW)], [undefined, NEW]);
  await rename(service, NEW, "b.example");
  await rename(service, "b.example", "c.example");
  assertEquals([await has(NEW), await has("b.example"), await has("c.example")], Array(3).fill("c.example"));
  const back = await rename(service, "c.example", SITE);
  assertEquals(back.old_names.map(({ site_id }) => site_id).toSorted(), ["b.example", "c.example", NEW]);
  assertEquals([await has(SITE), await has(NEW)], [SITE, SITE]);
});

Deno.test("a site is not deleted by its old name; deleted, none of its names leads to anything", async () => {
  await using service = await startTestService();
  await service.webhook("http://127.0.0.1:9/");
  await service.post(goal());
  const key = await service.key("manage", [SITE]);
  await rename(service, SITE, NEW);
  const refused = await service.call("DELETE", sitePath(""));
  assertEquals([refused.status, refused.json.code], [409, "conflict"]);
  assertStringIncludes(refused.json.detail ?? "", NEW);
  assertEquals((await service.call("DELETE", sitePath("", NEW))).status, 204);
  assertEquals(
    (await service.call("GET", "/v1/keys", undefined, { key })).status,
    401,
    "the key had no other site",
  );
  assertEquals((await service.call("GET", "/v1/sites")).text, `{"data":[],"next_cursor":null}`);
  for (const site_id of [SITE, NEW]) {
    assertEquals((await service.call("DELETE", sitePath("", site_id))).status, 404);
    const made = await service.webhook("http://127.0.0.1:9/", {}, site_id);
    assertEquals(made.site_id, site_id);
    assertEquals((await service.deliveries("", site_id)).length, 0);
  }
});

Deno.test("an export calls sites by their names, and its sealed secrets open under them here and elsewhere", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/", { headers: { "X-Team": "sales" } });
  await rename(service, SITE, NEW);
  const exported = await service.call<{ sites: { site_id: string }[] }>("GET", "/v1/export?secrets=sealed");
  assertEquals(exported.json.sites.map(({ site_id }) => site_id), [NEW]);
  await using elsewhere = await startTestService();
  for (
    const { target, counts } of [{ target: service, counts: "0 1" }, { target: elsewhere, counts: "1 0" }]
  ) {
    const imported = await target.call<{ created: number; unchanged: number }>(
      "POST",
      "/v1/import",
      exported.json,
    );
    assertEquals(imported.status, 200, imported.text);
    assertEquals(`${imported.json.created} ${imported.json.unchanged}`, counts);
    const { json } = await target.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`, NEW));
    assertEquals(json.site_id, NEW);
  }
});

Deno.test("no answer says what a site is stored under, and log lines call it by its name", async () => {
  await using service = await startMovable();
  await using receiver = startReceiver();
  await service.webhook(receiver.url, {}, "first.example");
  await rename(service, "first.example", "hidden.example", 0);
  // Stored under a name and an id from here on.
  const { id } = await service.webhook(receiver.url, {}, "first.example");
  const { id: event_id } = await service.post(posted("first.example"));
  await within(receiver.received(1), "the event");
  const site = (rest: string): string => sitePath(rest, "first.example");
  const test = await service.call("POST", site(`/webhooks/${id}/test`));
  const texts = [test.text];
  for (
    const path of [
      site("/webhooks"),
      site(`/webhooks/${id}`),
      site("/deliveries"),
      site("/events"),
      site(`/events/${event_id}`),
      "/v1/stats",
      "/v1/audit",
      "/v1/keys",
      "/v1/export",
      "/v1/sites",
    ]
  ) {
    const { status, text } = await service.call("GET", path);
    assertEquals(status, 200, path);
    texts.push(text);
  }
  for (const text of texts) assertEquals(text.includes("~"), false, text);
  const lines = service.logs.filter((line) => line.includes("delivery.attempted"));
  assert(lines.length > 0);
  assert(lines.every((line) => JSON.parse(line).site === "first.example"), lines.join("\n"));
});
