/**
 * Who may do what: one table over every route of the application. The routes are read from the application itself, so a
 * new one without an entry here fails.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Scope, SCOPES } from "../../lib/api_key.ts";
import { createApp } from "../../routes/app.ts";
import type { RoutePorts } from "../../routes/context.ts";
import { ADMIN_KEY, type Api, goal, type ProblemJson, SITE, sitePath, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

/** Something to ask for, made anew for each request: some requests use it up. */
interface Fixture {
  readonly site_id: string;
  readonly webhook_id: string;
  readonly delivery_id: string;
  readonly event_id: string;
  readonly key_id: string;
}

/** Who may call a route, and a request to it that succeeds. */
interface Access {
  /** `public`: no key; otherwise the scopes that may. */
  readonly may: "public" | readonly Scope[];
  /** The status of the request if it is allowed. */
  readonly status: number;
  readonly body?: (fixture: Fixture) => unknown;
}

const READ: readonly Scope[] = ["read", "manage", "admin"];
const MANAGE: readonly Scope[] = ["manage", "admin"];
const ADMIN: readonly Scope[] = ["admin"];
const WEBHOOKS = "/v1/sites/:site_id/webhooks";
const EVENTS = "/v1/sites/:site_id/events";
const DELIVERIES = "/v1/sites/:site_id/deliveries";

const TABLE: Readonly<Record<string, Access>> = {
  "GET /": { may: "public", status: 200 },
  "GET /healthz": { may: "public", status: 200 },
  "GET /readyz": { may: "public", status: 200 },
  "GET /metrics": { may: ["metrics", "admin"], status: 200 },
  "GET /openapi.json": { may: "public", status: 200 },
  "GET /docs": { may: "public", status: 200 },
  "GET /v1/event-types": { may: "public", status: 200 },
  "POST /v1/events": {
    may: ["ingest", "admin"],
    status: 202,
    body: ({ site_id }) => goal(1, { site_id }),
  },
  "POST /v1/events/batch": {
    may: ["ingest", "admin"],
    status: 202,
    body: ({ site_id }) => ({ events: [goal(1, { site_id })] }),
  },
  "POST /v1/verify-signature": {
    may: SCOPES,
    status: 200,
    body: () => ({ secret: "0123456789abcdef01234567", body: "{}", headers: {} }),
  },
  [`GET ${EVENTS}`]: { may: READ, status: 200 },
  [`GET ${EVENTS}/:event_id`]: { may: READ, status: 200 },
  "POST /v1/sites/:site_id/readings": {
    may: ["ingest", "admin"],
    status: 202,
    body: () => ({ current_visitors: 1 }),
  },
  "GET /v1/sites/:site_id/watch": { may: READ, status: 404 },
  "PUT /v1/sites/:site_id/watch": { may: MANAGE, status: 422, body: () => ({}) },
  "DELETE /v1/sites/:site_id/watch": { may: MANAGE, status: 404 },
  "POST /v1/sites/:site_id/explain": {
    may: MANAGE,
    status: 200,
    body: ({ site_id }) => goal(1, { site_id }),
  },
  [`GET ${WEBHOOKS}`]: { may: READ, status: 200 },
  [`POST ${WEBHOOKS}`]: {
    may: MANAGE,
    status: 201,
    body: () => ({ url: "http://127.0.0.1:9/", events: ["visitor_drop"] }),
  },
  [`GET ${WEBHOOKS}/:webhook_id`]: { may: READ, status: 200 },
  [`PATCH ${WEBHOOKS}/:webhook_id`]: { may: MANAGE, status: 200, body: () => ({ name: "Other" }) },
  [`DELETE ${WEBHOOKS}/:webhook_id`]: { may: MANAGE, status: 204 },
  [`POST ${WEBHOOKS}/:webhook_id/rotate-secret`]: { may: MANAGE, status: 200 },
  [`POST ${WEBHOOKS}/:webhook_id/test`]: { may: MANAGE, status: 200 },
  [`POST ${WEBHOOKS}/:webhook_id/recover`]: {
    may: MANAGE,
    status: 202,
    body: () => ({ since: "2026-01-01T00:00:00Z" }),
  },
  [`POST ${DELIVERIES}/:delivery_id/redeliver`]: { may: MANAGE, status: 202 },
  [`GET ${DELIVERIES}`]: { may: READ, status: 200 },
  [`GET ${DELIVERIES}/:delivery_id`]: { may: READ, status: 200 },
  "GET /v1/keys": { may: ADMIN, status: 200 },
  "POST /v1/keys": { may: ADMIN, status: 201, body: () => ({ name: "New", scope: "read", sites: [SITE] }) },
  "DELETE /v1/keys/:key_id": { may: ADMIN, status: 204 },
  "GET /v1/audit": { may: ADMIN, status: 200 },
  "GET /v1/stats": { may: ADMIN, status: 200 },
  "GET /v1/sites": { may: ADMIN, status: 200 },
  "GET /v1/export": { may: ADMIN, status: 200 },
  "POST /v1/import": { may: ADMIN, status: 200, body: () => ({ version: 1, sites: [] }) },
  "DELETE /v1/sites/:site_id": { may: ADMIN, status: 204 },
  "POST /v1/sites/:site_id/rename": {
    may: ADMIN,
    status: 200,
    body: ({ site_id }) => ({ to: `renamed-${site_id}` }),
  },
};

/** Routes are registered without asking their ports for anything, so the list needs none. */
function routesOfTheApp(): string[] {
  const { routes } = createApp({} as RoutePorts);
  const named = routes.filter(({ method }) => method !== "ALL").map(({ method, path }) =>
    `${method} ${path}`
  );
  return [...new Set(named)];
}

const ENTRIES = Object.entries(TABLE).map(([route, access]) => {
  const [method = "", pattern = ""] = route.split(" ");
  return { route, method, pattern, ...access };
});
const GUARDED = ENTRIES.filter(({ may }) => may !== "public");
const OF_A_SITE = GUARDED.filter(({ pattern }) => pattern.startsWith("/v1/sites/:site_id/"));

/** A request for one entry: method, path, body. */
function requestOf(
  { method, pattern, body }: (typeof ENTRIES)[number],
  fixture: Fixture,
): [string, string, unknown] {
  const path = pattern.replaceAll(/:([a-z_]+)/g, (_, name: keyof Fixture) => {
    assert(name in fixture, `the fixture has no ${name}`);
    return encodeURIComponent(fixture[name]);
  });
  return [method, path, body?.(fixture)];
}

async function makeFixture(service: Api, receiver_url: string, site_id: string): Promise<Fixture> {
  const { id: webhook_id } = await service.webhook(receiver_url, { events: ["visitor_spike"] }, site_id);
  const tried = await service.call<{ id: string }>("POST", sitePath(`/webhooks/${webhook_id}/test`, site_id));
  const key = await service.call<{ id: string }>("POST", "/v1/keys", {
    name: "x",
    scope: "read",
    sites: [site_id],
  });
  const { id: event_id } = await service.post(goal(1, { site_id }));
  return { site_id, webhook_id, delivery_id: tried.json.id, event_id, key_id: key.json.id };
}

/** A refusal without what differs from request to request. */
function comparable({ json }: { json: ProblemJson }): unknown {
  return { ...json, request_id: "" };
}

Deno.test("every route of the application is in the table, and nothing else is", () => {
  const routes = routesOfTheApp();
  assert(routes.length > 10, "the application has routes");
  assertEquals(Object.keys(TABLE).toSorted(), routes.toSorted());
});

Deno.test("without a valid key every route but the public ones answers 401, whatever is wrong with the key", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const revoked = await service.call<{ id: string; key: string }>("POST", "/v1/keys", {
    name: "Revoked",
    scope: "admin",
  });
  await service.call("DELETE", `/v1/keys/${revoked.json.id}`);
  const expires_at = new Date(Date.now() + 300).toISOString();
  const expired = await service.call<{ key: string }>("POST", "/v1/keys", {
    name: "Expired",
    scope: "admin",
    expires_at,
  });
  await until(async () => {
    const { status } = await service.call("GET", "/v1/keys", undefined, { key: expired.json.key });
    return status === 401;
  }, "the key has expired");
  const valid = await service.key("admin");

  const authorizations: Record<string, string | null> = {
    "no key": null,
    "an empty one": "Bearer ",
    "no scheme": valid,
    "another scheme": `Basic ${btoa(`key:${valid}`)}`,
    "a malformed key": "Bearer hello",
    "a key with a bad character": `Bearer ${valid.slice(0, -1)}-`,
    "an unknown key": `Bearer tdk_01JMZ0000000000000000000AA_${"0".repeat(48)}`,
    "a key that goes on": `Bearer ${valid}0`,
    "a key cut short": `Bearer ${valid.slice(0, -1)}`,
    "two keys": `Bearer ${valid} ${valid}`,
    "most of the environment's key": `Bearer ${ADMIN_KEY.slice(0, -1)}`,
    "a revoked key": `Bearer ${revoked.json.key}`,
    "an expired key": `Bearer ${expired.json.key}`,
  };
  const fixture = await makeFixture(service, receiver.url, SITE);
  for (const entry of GUARDED) {
    const [method, path, body] = requestOf(entry, fixture);
    for (const [what, authorization] of Object.entries(authorizations)) {
      const headers: Record<string, string> = authorization === null ? {} : { Authorization: authorization };
      const { status, json, headers: answered } = await service.call(method, path, body, {
        key: null,
        headers,
      });
      assertEquals([status, json.code], [401, "unauthorized"], `${entry.route} with ${what}`);
      assertEquals(answered.get("WWW-Authenticate"), "Bearer");
    }
    if (method !== "GET") continue;
    const head = await service.call("HEAD", path, undefined, { key: null });
    assertEquals(head.status, 401, `HEAD ${path}`);
  }
});

Deno.test("the public routes need no key, and do not mind a wrong one", async () => {
  await using service = await startTestService();
  for (const { method, pattern, status, route } of ENTRIES.filter(({ may }) => may === "public")) {
    for (const key of [null, "tdk_no_such"]) {
      const answer = await service.call(method, pattern, undefined, { key });
      assertEquals(answer.status, status, route);
    }
  }
});

Deno.test("each scope may do exactly what the table says, for its own site", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  for (const scope of SCOPES) {
    const key = await service.key(scope, [SITE]);
    for (const entry of GUARDED) {
      const fixture = await makeFixture(service, receiver.url, SITE);
      const [method, path, body] = requestOf(entry, fixture);
      const { status, json } = await service.call(method, path, body, { key });
      if (entry.may.includes(scope)) {
        assertEquals(status, entry.status, `${scope} may ${entry.route}: ${JSON.stringify(json)}`);
      } else {
        assertEquals([status, json.code], [403, "forbidden"], `${scope} may not ${entry.route}`);
        assertMatch(json.detail ?? "", new RegExp(`\\b${scope}\\b`));
      }
      await service.call("DELETE", sitePath(`/webhooks/${fixture.webhook_id}`));
    }
  }
});

Deno.test("a foreign site is answered exactly as one that does not exist, on every route under it", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const foreign = await makeFixture(service, receiver.url, "foreign.example");
  const absent = { ...foreign, site_id: "absent.example" };
  const malformed = { ...foreign, site_id: "not a site" };
  for (const scope of SCOPES.filter((scope) => scope !== "admin")) {
    const key = await service.key(scope, [SITE]);
    for (const entry of OF_A_SITE) {
      const answers = [];
      for (const fixture of [foreign, absent, malformed]) {
        const [method, path, body] = requestOf(entry, fixture);
        answers.push(comparable(await service.call(method, path, body, { key })));
      }
      assertEquals(answers[0], answers[1], `${scope}: ${entry.route}`);
      assertEquals(answers[2], answers[1], `${scope}: ${entry.route}`);
      assertEquals(answers[0], {
        type: "urn:tidings:error:not_found",
        title: "Not found",
        status: 404,
        detail: "Not found",
        code: "not_found",
        request_id: "",
      });
    }
  }
  assert(OF_A_SITE.length > 5);
});

Deno.test("another site's webhook, delivery or event is not found under one's own site, as if there were none", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const foreign = await makeFixture(service, receiver.url, "foreign.example");
  const through_own = { ...foreign, site_id: SITE };
  const absent = {
    ...through_own,
    webhook_id: "wh_01JMZ0000000000000000000BB",
    delivery_id: `dlv_${"01JMZ0000000000000000000BB".repeat(2)}`,
    event_id: "evt_01JMZ0000000000000000000BB",
  };
  const key = await service.key("manage", [SITE]);
  const of_one_thing = OF_A_SITE.filter(({ pattern }) => /:(webhook|delivery|event)_id/.test(pattern));
  assert(of_one_thing.length > 5);
  for (const entry of of_one_thing) {
    const answers = [];
    for (const fixture of [through_own, absent]) {
      const [method, path, body] = requestOf(entry, fixture);
      answers.push(await service.call(method, path, body, { key }));
    }
    assertEquals(answers.map(({ status }) => status), [404, 404], entry.route);
    assertEquals(answers.map(comparable)[0], answers.map(comparable)[1], entry.route);
  }
  // All of it is still there.
  const own = await service.key("read", ["foreign.example"]);
  for (const path of [`/webhooks/${foreign.webhook_id}`, `/deliveries/${foreign.delivery_id}`]) {
    const { status } = await service.call("GET", sitePath(path, foreign.site_id), undefined, { key: own });
    assertEquals(status, 200);
  }
});

Deno.test("posting an event for a foreign site is forbidden, and nothing of it is told", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url, {}, "foreign.example");
  const key = await service.key("ingest", [SITE]);
  const refused = async (event: unknown): Promise<unknown> =>
    comparable(await service.call("POST", "/v1/events", event, { key }));
  const answer = await refused(goal(1, { site_id: "foreign.example" }));
  assertEquals(answer, {
    type: "urn:tidings:error:forbidden",
    title: "This key may not do that",
    status: 403,
    detail: "This key is not for that site",
    code: "forbidden",
    request_id: "",
  });
  assertEquals(await refused(goal(1, { site_id: "FOREIGN.example" })), answer);
  assertEquals(await refused(goal(1, { site_id: "absent.example" })), answer);
  // Before anything else about the event is said.
  assertEquals(await refused(goal(1, { site_id: "foreign.example", data: {} })), answer);
  const own = await service.call("POST", "/v1/events", goal(1), { key });
  assertEquals(own.status, 202);
  assertEquals((await service.deliveries("", "foreign.example")).length, 0);
  assertEquals(receiver.requests.length, 0);
});

Deno.test('a key for "*" is for every site, one with several sites for each of them', async () => {
  await using service = await startTestService();
  const all = await service.key("read", ["*"]);
  const two = await service.key("read", [SITE, "Bücher.example/blog"]);
  const status = async (key: string, site_id: string): Promise<number> =>
    (await service.call("GET", sitePath("/webhooks", site_id), undefined, { key })).status;
  for (const site_id of [SITE, "bücher.example/blog", "anything.example"]) {
    assertEquals(await status(all, site_id), 200);
  }
  assertEquals(await status(two, SITE), 200);
  assertEquals(await status(two, "EXAMPLE.com"), 200);
  assertEquals(await status(two, "bücher.example/blog"), 200);
  assertEquals(await status(two, "bücher.example"), 404);
  assertEquals(await status(two, "www.example.com"), 404);
});

Deno.test("a read key sees of a URL its scheme and host, who manages sees all of it", async () => {
  await using service = await startTestService();
  const url = "http://127.0.0.1:9/services/T0/B0/credential?token=1";
  const { id } = await service.webhook(url);
  const shown = async (key: string): Promise<string[]> => {
    const list = await service.call<{ data: { url: string }[] }>("GET", sitePath("/webhooks"), undefined, {
      key,
    });
    const one = await service.call<{ url: string }>("GET", sitePath(`/webhooks/${id}`), undefined, { key });
    return [...list.json.data.map((webhook) => webhook.url), one.json.url];
  };
  assertEquals(await shown(await service.key("read")), ["http://127.0.0.1:9", "http://127.0.0.1:9"]);
  for (const key of [await service.key("manage"), ADMIN_KEY]) assertEquals(await shown(key), [url, url]);
});

Deno.test("the scheme of the authorization is read in any case, and spaces around the key do not matter", async () => {
  await using service = await startTestService();
  const key = await service.key("read");
  for (const authorization of [`bearer ${key}`, `BEARER   ${key}`, `Bearer ${key}  `]) {
    const headers = { Authorization: authorization };
    const { status } = await service.call("GET", sitePath("/webhooks"), undefined, { key: null, headers });
    assertNotEquals(status, 401, authorization.split(" ")[0]);
  }
});
