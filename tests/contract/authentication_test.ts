/**
 * "Authentication" of the contract: keys, scopes, and what is told about sites that a key is not for. The paths are those
 * that the service itself publishes, so a new one is held too.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ADMIN_KEY, type ApiAnswer, type ProblemJson, until } from "../helpers/api.ts";
import { FORM, NOBODY, section, type Stage } from "./section.ts";

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly needs_key: boolean;
}

/** Every call that the service publishes. */
async function operations({ ask }: Stage): Promise<Operation[]> {
  type Document = Record<"paths", Record<string, Record<string, { security?: readonly unknown[] }>>>;
  const { paths } = await ask<Document>(200, "GET", "/openapi.json", undefined, { key: null });
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).filter(([method]) => /^(?:get|post|put|patch|delete)$/.test(method))
      .map(([method, { security }]) => ({
        method: method.toUpperCase(),
        path,
        needs_key: security?.length !== 0,
      }))
  );
}

/** The path of an operation, of a site, and of things that are nowhere. */
function pathOf({ path }: Operation, site_id: string): string {
  return path.replace("{site_id}", encodeURIComponent(site_id)).replaceAll(/\{\w+\}/g, "none");
}

/** The public calls. */
const PUBLIC = [
  "GET /",
  "GET /docs",
  "GET /healthz",
  "GET /openapi.json",
  "GET /readyz",
  "GET /v1/event-types",
];

/** What each scope may: a call for each right, and who has it. */
const RIGHTS: readonly [method: string, rest: string, scopes: string, body?: (stage: Stage) => unknown][] = [
  ["GET", "/webhooks", "read manage admin"],
  ["GET", "/webhooks/WEBHOOK", "read manage admin"],
  ["GET", "/events", "read manage admin"],
  ["GET", "/deliveries", "read manage admin"],
  ["POST", "/v1/events", "ingest admin", ({ event }) => event()],
  ["POST", "/v1/events/batch", "ingest admin", ({ event }) => ({ events: [event()] })],
  ["POST", "/webhooks", "manage admin", () => ({ url: NOBODY, events: ["visitor_drop"] })],
  ["PATCH", "/webhooks/WEBHOOK", "manage admin", () => ({ name: "n" })],
  ["POST", "/webhooks/WEBHOOK/rotate-secret", "manage admin"],
  ["POST", "/webhooks/WEBHOOK/test", "manage admin"],
  ["POST", "/webhooks/WEBHOOK/recover", "manage admin", () => ({ since: "2026-01-01T00:00:00Z" })],
  ["POST", "/explain", "manage admin", ({ event }) => event()],
  ["GET", "/v1/keys", "admin"],
  ["POST", "/v1/keys", "admin", () => ({ name: "n", scope: "metrics" })],
  ["GET", "/v1/sites", "admin"],
  ["GET", "/v1/audit", "admin"],
  ["GET", "/v1/export", "admin"],
  ["POST", "/v1/import", "admin", () => ({ version: 1, sites: [] })],
  ["GET", "/v1/stats", "admin"],
  [
    "POST",
    "/v1/verify-signature",
    "read ingest manage metrics admin",
    () => ({ secret: "s".repeat(24), body: "", headers: {} }),
  ],
];

section("authentication", {
  "event types, health, openapi.json, docs and / need no key; everything else does, and says so": async (
    stage,
  ) => {
    const all = await operations(stage);
    const open = all.filter(({ needs_key }) => !needs_key).map(({ method, path }) => `${method} ${path}`);
    assertEquals(open.toSorted(), PUBLIC);
    for (const operation of all) {
      const path = pathOf(operation, stage.site_id);
      for (const key of [null, "tdk_unknown_0123456789", "no-key-at-all", ADMIN_KEY.slice(1)]) {
        const { status, headers } = await stage.call(operation.method, path, undefined, { key });
        const expected = operation.needs_key ? [401, "Bearer"] : [200, null];
        assertEquals([status, headers.get("WWW-Authenticate")], expected, `${operation.method} ${path}`);
      }
    }
  },
  "a key is tdk_<id>_<secret>, with a name, one scope, sites, and maybe an end": async (
    { ask, site_id, service, refused },
  ) => {
    const body = { name: "n", scope: "read", sites: [site_id] };
    const { id, key } = await ask<{ id: string; key: string }>(201, "POST", "/v1/keys", body);
    assertMatch(key, /^tdk_[A-Za-z0-9]+_[A-Za-z0-9]+$/);
    assertEquals(key.split("_")[1], id);
    for (const sites of [undefined, []]) {
      assertEquals(await refused("validation_failed", "POST", "/v1/keys", { ...body, sites }), ["/sites"]);
    }
    assertEquals(await refused("validation_failed", "POST", "/v1/keys", { ...body, scope: "root" }), [
      "/scope",
    ]);
    await service.call("GET", "/v1/keys", undefined, { key });
    assertEquals(service.lines.some((line) => line.includes("tdk_")), false, "it is in no log");
  },
  "a revoked and an expired key are unknown ones": async ({ ask, call, site_id }) => {
    const list = (key: string) => call("GET", `/v1/sites/${site_id}/webhooks`, undefined, { key });
    const body = { name: "n", scope: "read", sites: [site_id] };
    const revoked = await ask<{ id: string; key: string }>(201, "POST", "/v1/keys", body);
    assertEquals((await list(revoked.key)).status, 200);
    await ask(204, "DELETE", `/v1/keys/${revoked.id}`);
    await until(async () => (await list(revoked.key)).status === 401, "the key is revoked");
    const expires_at = new Date(Date.now() + 300).toISOString();
    const expiring = await ask<{ key: string }>(201, "POST", "/v1/keys", { ...body, expires_at });
    await until(async () => (await list(expiring.key)).status === 401, "the key has expired");
  },
  "each scope may what the table says for its site; without the scope it is 403": async (stage) => {
    const { id } = await stage.webhook();
    for (const scope of ["read", "ingest", "manage", "metrics", "admin"] as const) {
      const key = await stage.service.key(scope, [stage.site_id]);
      for (const [method, rest, scopes, body] of RIGHTS) {
        const path = rest.startsWith("/v1/") ? rest : stage.path(rest.replace("WEBHOOK", id));
        const { status } = await stage.call(method, path, body?.(stage), { key });
        const may = scopes.split(" ").includes(scope);
        assertEquals(may ? status < 300 : status === 403, true, `${scope}: ${method} ${rest} is ${status}`);
      }
    }
  },
  "a foreign site is 404 on every path under it, as if it did not exist": async (stage) => {
    const under = (await operations(stage)).filter(({ path }) => path.startsWith("/v1/sites/{site_id}/"));
    assert(under.length > 10);
    await stage.webhook();
    const text = ({ text }: ApiAnswer<ProblemJson>) => text.replace(/"request_id":"[^"]*"/, "");
    for (const scope of ["read", "ingest", "manage", "metrics"] as const) {
      const key = await stage.service.key(scope, ["own.example"]);
      for (const operation of under) {
        const answers = [];
        for (const site_id of [stage.site_id, "nowhere.example"]) {
          const body = operation.method === "GET" ? undefined : {};
          answers.push(await stage.call(operation.method, pathOf(operation, site_id), body, { key }));
        }
        const [foreign, absent] = answers;
        assert(foreign !== undefined && absent !== undefined);
        assertEquals([foreign.status, foreign.json.code], [404, "not_found"], operation.path);
        assertEquals(text(foreign), text(absent));
      }
    }
  },
  "an event for a foreign site is 403, in a batch it is that item's error": async (
    { event, ask, key, refused, site_id },
  ) => {
    const ingest = { key: await key("ingest") };
    const foreign = event({ site_id: `not.${site_id}` });
    await refused("forbidden", "POST", "/v1/events", foreign, ingest);
    const body = { events: [foreign, event()] };
    type Results = { results: { error?: { code: string } }[] };
    const { results } = await ask<Results>(202, "POST", "/v1/events/batch", body, ingest);
    assertEquals(results.map(({ error }) => error?.code), ["forbidden", undefined]);
  },
  "a key for * is for all sites": async ({ call, path, service }) => {
    const key = await service.key("read", ["*"]);
    assertEquals((await call("GET", path("/webhooks"), undefined, { key })).status, 200);
  },
  "read sees of a URL its scheme and host only": async ({ webhook, ask, path, key }) => {
    const url = "http://127.0.0.1:9/credential?a=b";
    const { id } = await webhook(url);
    const seen = async (key: string) =>
      (await ask<{ url: string }>(200, "GET", path(`/webhooks/${id}`), undefined, { key })).url;
    assertEquals(await seen(await key("read")), "http://127.0.0.1:9");
    assertEquals([await seen(await key("manage")), await seen(ADMIN_KEY)], [url, url]);
    type List = { data: { url: string }[] };
    const { data } = await ask<List>(200, "GET", path("/webhooks"), undefined, { key: await key("read") });
    assertEquals(data.map((one) => one.url), ["http://127.0.0.1:9"]);
  },
});

section("keys and audit", {
  "a new key is answered 201 with these fields and the key itself, which is shown once": async (
    { call, ask, site_id },
  ) => {
    const expires_at = "2099-01-01T00:00:00.000Z";
    const body = { name: "Dashboard", scope: "read", sites: [site_id], expires_at };
    const { status, json } = await call<Record<string, unknown>>("POST", "/v1/keys", body);
    const { id, created_at, key, ...rest } = json;
    assertEquals([status, rest], [201, { ...body, last_used_at: null }]);
    assertMatch(String(created_at), FORM.time);
    const { data } = await ask<{ data: Record<string, unknown>[] }>(200, "GET", "/v1/keys");
    assertEquals(data.find((one) => one["id"] === id), { id, created_at, ...rest });
    assertEquals(JSON.stringify(data).includes(String(key)), false);
    await ask(204, "DELETE", `/v1/keys/${id}`);
    await ask(404, "DELETE", `/v1/keys/${id}`);
  },
  "the audit has these fields, names of what changed and no values, newest first, in pages": async (
    stage,
  ) => {
    const { ask, webhook, path, refused, site_id } = stage;
    const { id } = await webhook();
    await ask(200, "PATCH", path(`/webhooks/${id}`), {
      name: "secret-name",
      filters: { goals: ["a"] },
      headers: { "X-A": "v" },
    });
    interface Entry {
      readonly at: string;
      readonly site_id: string | null;
      readonly changes: readonly string[];
    }
    type Audit = { data: Entry[]; next_cursor: string | null };
    const { data: [newest] } = await ask<Audit>(200, "GET", "/v1/audit?limit=1");
    const { at, changes, ...rest } = newest ?? { at: "", changes: [] };
    assertMatch(at, FORM.time);
    assertEquals(rest, { actor: "environment", action: "webhook.changed", site_id, subject: id });
    assertEquals(changes.toSorted(), ["filters.goals", "headers.X-A", "name"]);
    const first = await ask<Audit>(200, "GET", "/v1/audit?limit=1");
    const second = await ask<Audit>(200, "GET", `/v1/audit?limit=1&cursor=${first.next_cursor}`);
    assertEquals(Reflect.get(second.data[0] ?? {}, "action"), "webhook.created");
    assertEquals(
      (await ask<Audit>(200, "GET", `/v1/audit?until=${at}`)).data.some((one) => one.at === at),
      false,
    );
    assertEquals((await ask<Audit>(200, "GET", `/v1/audit?since=${at}`)).data.length, 1);
    for (const query of ["limit=0", "limit=101", "cursor=x", "since=x", "colour=red"]) {
      assertEquals(await refused("validation_failed", "GET", `/v1/audit?${query}`), [
        `/${query.split("=")[0]}`,
      ]);
    }
  },
});
