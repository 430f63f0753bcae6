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
import { serveLocally } from "../../admin/main.ts";
import { openDatabase } from "../../kv/open.ts";
import { parseConfig } from "../../lib/config.ts";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import type { ShownDelivery } from "../../lib/history.ts";
import type { ShownKey } from "../../lib/keys.ts";
import { parseNetworks } from "../../lib/outbound/address.ts";
import { systemClock } from "../../lib/outbound/clock.ts";
import type { ShownWebhook } from "../../lib/shown_webhook.ts";
import type { ShownSecret } from "../../lib/webhooks.ts";
import { openStorage } from "../../service.ts";
import { ADMIN_KEY } from "../helpers/api.ts";
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
  const storage = await openStorage({
    database: await openDatabase({ kind: "memory" }),
    secret_key: new Uint8Array(32),
    clock: systemClock(),
    config,
  });
  return localBackend(serveLocally(config, { storage, place: "memory" }));
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
function testBackendContract(name: string, open: () => Promise<Backend>): void {
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

testBackendContract("localBackend()", openLocal);
testBackendContract("restBackend()", openRest);
