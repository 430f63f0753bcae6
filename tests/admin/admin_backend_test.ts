/**
 * Both ways of administration do the same: on the database itself, and over the API of a service.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import {
  type Backend,
  type Listed,
  localBackend,
  type Page,
  restBackend,
  sitePath,
} from "../../admin/backend.ts";
import { Failure } from "../../admin/failure.ts";
import { serveLocally } from "../../admin/local_service.ts";
import { openDatabase } from "../../kv/open.ts";
import { parseConfig } from "../../lib/config.ts";
import type { AcceptResult } from "../../lib/accept.ts";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import type { ShownDelivery } from "../../lib/history.ts";
import type { ShownKey } from "../../lib/keys.ts";
import { parseNetworks } from "../../lib/outbound/address.ts";
import { systemClock } from "../../lib/outbound/clock.ts";
import type { ShownWebhook } from "../../lib/shown_webhook.ts";
import type { ShownSecret } from "../../lib/secret.ts";
import { openStorage } from "../../service.ts";
import { ADMIN_KEY } from "../helpers/api.ts";
import { recordingLog } from "../helpers/recording_log.ts";
import { startTestService } from "../helpers/service.ts";

const SITE = "bücher.example/blog";
const URL_OF_HOOK = "https://hooks.example.com/in?token=t";

async function openLocal(): Promise<Backend> {
  const parsed = parseConfig(
    { TIDINGS_KV: ":memory:", TIDINGS_ALLOW_NETWORKS: "127.0.0.0/8" },
    { on_deploy: false, terminal: false },
    parseNetworks,
  );
  assert("config" in parsed);
  const { config } = parsed;
  const clock = systemClock();
  const storage = await openStorage({
    database: await openDatabase({ kind: "memory" }),
    secret_key: new Uint8Array(32),
    clock,
    log: recordingLog(),
    config,
  });
  return localBackend(serveLocally({ config, clock, storage, place: "memory" }));
}

async function openRest(): Promise<Backend> {
  const service = await startTestService();
  return {
    ...restBackend({ url: service.url, key: ADMIN_KEY }, fetch),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

const listKeys = (backend: Backend): Promise<Listed<ShownKey>> => backend.call("GET", "/v1/keys");
const createKey = (backend: Backend, body: unknown): Promise<ShownKey & { key: string }> =>
  backend.call("POST", "/v1/keys", { body });
const revokeKey = (backend: Backend, id: string): Promise<void> => backend.call("DELETE", `/v1/keys/${id}`);
const listWebhooks = (backend: Backend, site_id: string): Promise<Listed<ShownWebhook>> =>
  backend.call("GET", sitePath(site_id, "webhooks"));
const createWebhook = (
  backend: Backend,
  site_id: string,
  body: unknown,
): Promise<ShownWebhook & ShownSecret> => backend.call("POST", sitePath(site_id, "webhooks"), { body });
const showWebhook = (backend: Backend, site_id: string, id: string): Promise<ShownWebhook> =>
  backend.call("GET", sitePath(site_id, "webhooks", id));

async function refusal(work: () => Promise<unknown>): Promise<{ code: ErrorCode; paths: string[] }> {
  const error = await assertRejects(work);
  assertInstanceOf(error, AppError);
  return { code: error.code, paths: error.errors.map(({ path }) => path) };
}

/** What holds for every driver. */
function testBackendContract(name: string, open: () => Promise<Backend>, actor: string): void {
  Deno.test(`${name} makes keys, lists them without the key, and revokes them`, async () => {
    await using backend = await open();
    assertEquals(await listKeys(backend), { data: [] });
    const input = {
      name: "dashboard",
      scope: "read",
      sites: ["Example.com"],
      expires_at: "2999-01-01T00:00:00Z",
    };
    const { key, ...shown } = await createKey(backend, input);
    assertMatch(key, new RegExp(`^tdk_${shown.id}_[A-Za-z0-9]+$`));
    assertEquals(shown.sites, ["example.com"]);
    assertEquals(shown.expires_at, "2999-01-01T00:00:00.000Z");
    assertEquals(await listKeys(backend), { data: [shown] });
    assertEquals(await revokeKey(backend, shown.id), undefined);
    assertEquals(await listKeys(backend), { data: [] });
    assertEquals(await refusal(() => revokeKey(backend, shown.id)), { code: "not_found", paths: [] });
  });

  Deno.test(`${name} refuses a key with the fields at fault`, async () => {
    await using backend = await open();
    const input = { name: "", scope: "root", sites: ["*"], color: "red" };
    const { code, paths } = await refusal(() => createKey(backend, input));
    assertEquals(code, "validation_failed");
    assertEquals(paths.toSorted(), ["/color", "/name", "/scope"]);
  });

  Deno.test(`${name} makes webhooks with a secret shown once, lists and shows them`, async () => {
    await using backend = await open();
    assertEquals(await listWebhooks(backend, SITE), { data: [] });
    const input = { url: URL_OF_HOOK, events: ["visitor_drop"], headers: { "X-Team": "sales" } };
    const { secret, standard_secret, ...shown } = await createWebhook(backend, SITE, input);
    assertMatch(secret, /^whsec_/);
    assertEquals(standard_secret, secret);
    assertEquals([shown.site_id, shown.url, shown.name], [SITE, URL_OF_HOOK, "hooks.example.com"]);
    assertEquals(shown.headers, { "X-Team": "********" });
    assertEquals(await listWebhooks(backend, SITE), { data: [shown] });
    assertEquals(await showWebhook(backend, SITE, shown.id), shown);
    assertEquals(await listWebhooks(backend, "other.example"), { data: [] });
    assertEquals((await refusal(() => showWebhook(backend, "other.example", shown.id))).code, "not_found");
  });

  Deno.test(`${name} refuses a webhook with the fields at fault`, async () => {
    await using backend = await open();
    const table: [input: unknown, path: string][] = [
      [{ url: "http://hooks.example.com", events: ["visitor_drop"] }, "/url"],
      [{ url: URL_OF_HOOK, events: [] }, "/events"],
      [{ url: URL_OF_HOOK, events: ["visitor_drop"], secret: "short" }, "/secret"],
      [[], ""],
    ];
    for (const [input, path] of table) {
      const found = await refusal(() => createWebhook(backend, SITE, input));
      assertEquals(found, { code: "validation_failed", paths: [path] });
    }
    assertEquals(await listWebhooks(backend, SITE), { data: [] });
  });

  Deno.test(`${name} changes, tests, recovers and deletes webhooks`, async () => {
    await using backend = await open();
    // Nothing listens there, and what was asked for waits long before it is tried again.
    const { id, url } = await createWebhook(backend, SITE, {
      url: "http://127.0.0.1:9/in",
      events: ["goal_completion"],
    });
    const path = sitePath(SITE, "webhooks", id);
    const changed = await backend.call<ShownWebhook>("PATCH", path, { body: { name: "B", max_retries: 1 } });
    assertEquals([changed.name, changed.max_retries, changed.url], ["B", 1, url]);
    assertEquals(await showWebhook(backend, SITE, id), changed);
    const test = await backend.call<ShownDelivery & { remedy: string }>("POST", `${path}/test`, { body: {} });
    assertEquals([test.status, test.attempts[0]?.error], ["exhausted", "connect"]);
    assertMatch(test.remedy, /Nothing accepts connections there/);
    const rotated = await backend.call<ShownSecret>("POST", `${path}/rotate-secret`, { body: {} });
    assertMatch(rotated.secret, /^whsec_/);
    const since = "2026-01-01T00:00:00Z";
    const recovered = await backend.call("POST", `${path}/recover`, { body: { since } });
    assertEquals(recovered, { recovered: 0, next_since: null });
    await backend.call("PATCH", path, { body: { enabled: false } });
    const inactive = await refusal(() => backend.call("POST", `${path}/recover`, { body: { since } }));
    assertEquals(inactive.code, "webhook_not_active");
    assertEquals(await backend.call("DELETE", path), undefined);
    assertEquals((await refusal(() => backend.call("DELETE", path))).code, "not_found");
  });

  Deno.test(`${name} takes events, explains them, and lists what came of them`, async () => {
    await using backend = await open();
    const { id } = await createWebhook(backend, SITE, {
      url: "http://127.0.0.1:9/in",
      events: ["visitor_drop"],
    });
    const body = {
      event: "visitor_drop",
      site_id: SITE,
      timestamp: "2026-02-25T12:00:00Z",
      data: { current_visitors: 0 },
    };
    const headers = { "Idempotency-Key": "k" };
    const accepted = await backend.call<Omit<AcceptResult, "duplicate">>("POST", "/v1/events", {
      body,
      headers,
    });
    assertEquals(accepted, { id: accepted.id, queued: 1, skipped: [] });
    assertEquals(await backend.call("POST", "/v1/events", { body, headers }), {
      ...accepted,
      duplicate: true,
    });
    const other = { ...body, data: { current_visitors: 1 } };
    const reused = await refusal(() => backend.call("POST", "/v1/events", { body: other, headers }));
    assertEquals(reused.code, "idempotency_key_reused");
    const events = await backend.call<Page<{ id: string }>>("GET", sitePath(SITE, "events"));
    assertEquals(events.data.map(({ id }) => id), [accepted.id]);
    const shown = await backend.call<{ payload: unknown; decisions: { delivery_id: string }[] }>(
      "GET",
      sitePath(SITE, "events", accepted.id),
    );
    assertEquals(shown.payload, body);
    const [decision] = shown.decisions;
    const delivery_path = sitePath(SITE, "deliveries", decision?.delivery_id ?? "");
    const delivery = await backend.call<ShownDelivery>("GET", delivery_path);
    assertEquals([delivery.event_id, delivery.webhook_id, delivery.status], [accepted.id, id, "pending"]);
    const page = await backend.call<Page<ShownDelivery>>("GET", sitePath(SITE, "deliveries"), {
      query: { status: "pending", limit: "1" },
    });
    assertEquals(page.data.map(({ id }) => id), [decision?.delivery_id]);
    const again = await backend.call<ShownDelivery>("POST", `${delivery_path}/redeliver`);
    assertEquals(again.id, decision?.delivery_id);
    const explained = await backend.call("POST", sitePath(SITE, "explain"), { body: other });
    assertEquals(explained, {
      decisions: [{ webhook_id: id, name: "127.0.0.1:9", told: false, reason: "below_threshold" }],
    });
  });

  Deno.test(`${name} lists sites and what was changed, counts, and deletes a site for good`, async () => {
    await using backend = await open();
    await createWebhook(backend, SITE, { url: "http://127.0.0.1:9/in", events: ["custom_event"] });
    const body = {
      event: "visitor_drop",
      site_id: SITE,
      timestamp: "2026-02-25T12:00:00Z",
      data: { current_visitors: 0 },
    };
    await backend.call("POST", "/v1/events", { body });
    const sites = await backend.call<Page<{ site_id: string; webhooks: number }>>("GET", "/v1/sites");
    assertEquals(sites.data.map(({ site_id, webhooks }) => [site_id, webhooks]), [[SITE, 1]]);
    const stats = await backend.call<Page<{ accepted: number; webhook_id: string | null }>>(
      "GET",
      "/v1/stats",
    );
    assertEquals(stats.data.map(({ accepted, webhook_id }) => [accepted, webhook_id]), [[1, null]]);
    assertEquals(await backend.call("DELETE", sitePath(SITE)), undefined);
    assertEquals(await listWebhooks(backend, SITE), { data: [] });
    assertEquals((await refusal(() => backend.call("DELETE", sitePath(SITE)))).code, "not_found");
    const audit = await backend.call<Page<{ action: string; actor: string }>>("GET", "/v1/audit");
    const actions = audit.data.map(({ action }) => action);
    assertEquals([actions[0], actions.at(-1)], ["site.deleted", "webhook.created"]);
    assertEquals(new Set(audit.data.map(({ actor }) => actor)), new Set([actor]));
  });

  Deno.test(`${name} answers in the order of fields that the API has`, async () => {
    await using backend = await open();
    const created = await createKey(backend, { name: "a", scope: "metrics" });
    assertEquals(Object.keys(created), [
      "id",
      "name",
      "scope",
      "sites",
      "expires_at",
      "created_at",
      "last_used_at",
      "key",
    ]);
    assert(Object.keys(await listKeys(backend)).join() === "data");
  });
}

Deno.test("localBackend() says what went wrong where a service would answer 500", async () => {
  await using backend = localBackend({
    place: "memory",
    fetch: () => Promise.reject(new Failure("TypeError: it is broken")),
    close: () => Promise.resolve(),
  });
  const error = await assertRejects(() => backend.call("GET", "/v1/keys"));
  assertInstanceOf(error, Failure);
  assertEquals(error.message, "TypeError: it is broken");
});

testBackendContract("localBackend()", openLocal, "cli");
testBackendContract("restBackend()", openRest, "environment");
