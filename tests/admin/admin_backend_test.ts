/**
 * Both drivers of administration do the same: on the database itself, and over the API of a service.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import type { Backend } from "../../admin/backend.ts";
import { localBackend } from "../../admin/local_backend.ts";
import { restBackend } from "../../admin/rest_backend.ts";
import { openDatabase } from "../../kv/open.ts";
import { Directory } from "../../lib/directory.ts";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import { systemClock } from "../../lib/outbound/clock.ts";
import { systemIds } from "../../lib/outbound/ids.ts";
import { openStorage } from "../../service.ts";
import { ADMIN_KEY } from "../helpers/api.ts";
import { startTestService } from "../helpers/service.ts";

const SITE = "bücher.example/blog";
const URL_OF_HOOK = "https://hooks.example.com/in?token=t";

async function openLocal(): Promise<Backend> {
  const clock = systemClock();
  const ids = systemIds();
  const { store, close } = await openStorage({
    database: await openDatabase({ kind: "memory" }),
    secret_key: new Uint8Array(32),
    clock,
    config: { secret_key_previous: null, retention_days: 30 },
  });
  return localBackend({
    place: "memory",
    keys: { store, clock, ids },
    webhooks: {
      store,
      directory: new Directory(store),
      engine: { laneState: () => null },
      guard: {
        refusal: ({ protocol }) => Promise.resolve(protocol === "https:" ? null : "must begin with https://"),
      },
      clock,
      ids,
      defaults: { timeout_ms: 10_000 },
    },
    close,
  });
}

async function openRest(): Promise<Backend> {
  const service = await startTestService();
  return {
    ...restBackend({ url: service.url, key: ADMIN_KEY }, fetch),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

async function refusal(work: () => Promise<unknown>): Promise<{ code: ErrorCode; paths: string[] }> {
  const error = await assertRejects(work);
  assertInstanceOf(error, AppError);
  return { code: error.code, paths: error.errors.map(({ path }) => path) };
}

/** What holds for every driver. */
function testBackendContract(name: string, open: () => Promise<Backend>): void {
  Deno.test(`${name} makes keys, lists them without the key, and revokes them`, async () => {
    await using backend = await open();
    assertEquals(await backend.listKeys(), { data: [] });
    const input = {
      name: "dashboard",
      scope: "read",
      sites: ["Example.com"],
      expires_at: "2999-01-01T00:00:00Z",
    };
    const { key, ...shown } = await backend.createKey(input);
    assertMatch(key, new RegExp(`^tdk_${shown.id}_[A-Za-z0-9]+$`));
    assertEquals(shown.sites, ["example.com"]);
    assertEquals(shown.expires_at, "2999-01-01T00:00:00.000Z");
    assertEquals(await backend.listKeys(), { data: [shown] });
    assertEquals(await backend.revokeKey(shown.id), undefined);
    assertEquals(await backend.listKeys(), { data: [] });
    assertEquals(await refusal(() => backend.revokeKey(shown.id)), { code: "not_found", paths: [] });
  });

  Deno.test(`${name} refuses a key with the fields at fault`, async () => {
    await using backend = await open();
    const input = { name: "", scope: "root", sites: ["*"], color: "red" };
    const { code, paths } = await refusal(() => backend.createKey(input));
    assertEquals(code, "validation_failed");
    assertEquals(paths.toSorted(), ["/color", "/name", "/scope"]);
  });

  Deno.test(`${name} makes webhooks with a secret shown once, lists and shows them`, async () => {
    await using backend = await open();
    assertEquals(await backend.listWebhooks(SITE), { data: [] });
    const input = { url: URL_OF_HOOK, events: ["visitor_drop"], headers: { "X-Team": "sales" } };
    const { secret, standard_secret, ...shown } = await backend.createWebhook(SITE, input);
    assertMatch(secret, /^whsec_/);
    assertEquals(standard_secret, secret);
    assertEquals([shown.site_id, shown.url, shown.name], [SITE, URL_OF_HOOK, "hooks.example.com"]);
    assertEquals(shown.headers, { "X-Team": "********" });
    assertEquals(await backend.listWebhooks(SITE), { data: [shown] });
    assertEquals(await backend.showWebhook(SITE, shown.id), shown);
    assertEquals(await backend.listWebhooks("other.example"), { data: [] });
    assertEquals((await refusal(() => backend.showWebhook("other.example", shown.id))).code, "not_found");
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
      const found = await refusal(() => backend.createWebhook(SITE, input));
      assertEquals(found, { code: "validation_failed", paths: [path] });
    }
    assertEquals(await backend.listWebhooks(SITE), { data: [] });
  });

  Deno.test(`${name} answers in the order of fields that the API has`, async () => {
    await using backend = await open();
    const created = await backend.createKey({ name: "a", scope: "metrics" });
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
    assert(Object.keys(await backend.listKeys()).join() === "data");
  });
}

testBackendContract("localBackend()", openLocal);
testBackendContract("restBackend()", openRest);
