/**
 * API keys over HTTP: made, listed, used, revoked.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { SITE, sitePath, until } from "../helpers/api.ts";
import { startTestService, temporaryFile } from "../helpers/service.ts";

interface KeyJson {
  readonly id: string;
  readonly name: string;
  readonly scope: string;
  readonly sites: readonly string[];
  readonly expires_at: string | null;
  readonly created_at: string;
  readonly last_used_at: string | null;
}

Deno.test("a key is shown whole once, and after that by everything but itself", async () => {
  await using service = await startTestService();
  const body = { name: "Dashboard", scope: "read", sites: ["Example.com", "bücher.example", "example.com"] };
  const { status, json } = await service.call<KeyJson & { key: string }>("POST", "/v1/keys", body);
  assertEquals(status, 201);
  const { key, ...shown } = json;
  assertMatch(key, /^tdk_[A-Za-z0-9]+_[A-Za-z0-9]{40,}$/);
  assert(key.startsWith(`tdk_${shown.id}_`));
  assertMatch(shown.created_at, /^\d{4}-\d\d-\d\dT/);
  assertEquals({ ...shown, id: "", created_at: "" }, {
    id: "",
    name: "Dashboard",
    scope: "read",
    sites: ["example.com", "bücher.example"],
    expires_at: null,
    created_at: "",
    last_used_at: null,
  });
  const list = await service.call<{ data: KeyJson[] }>("GET", "/v1/keys");
  assertEquals(list.json.data, [shown]);
  assertEquals(list.text.includes(key.slice(-20)), false);
});

Deno.test("keys are listed oldest first, expired ones too, revoked ones not", async () => {
  await using service = await startTestService();
  const made: KeyJson[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    const expires_at = name === "b" ? new Date(Date.now() + 100).toISOString() : null;
    const { json } = await service.call<KeyJson>("POST", "/v1/keys", { name, scope: "metrics", expires_at });
    made.push(json);
  }
  const { status, text } = await service.call("DELETE", `/v1/keys/${made[2]?.id}`);
  assertEquals([status, text], [204, ""]);
  const { json } = await service.call<{ data: KeyJson[] }>("GET", "/v1/keys");
  assertEquals(json.data.map(({ name }) => name), ["a", "b", "d"]);
});

Deno.test("a revoked key ends at once, and revoking it again finds none", async () => {
  await using service = await startTestService();
  const { json } = await service.call<{ id: string; key: string }>("POST", "/v1/keys", {
    name: "x",
    scope: "read",
    sites: [SITE],
  });
  const use = async (): Promise<number> =>
    (await service.call("GET", sitePath("/webhooks"), undefined, { key: json.key })).status;
  assertEquals(await use(), 200);
  assertEquals((await service.call("DELETE", `/v1/keys/${json.id}`)).status, 204);
  assertEquals(await use(), 401);
  assertEquals((await service.call("DELETE", `/v1/keys/${json.id}`)).status, 404);
});

Deno.test("the last use of a key is noted, once a minute at most", async () => {
  let ahead_ms = 0;
  await using service = await startTestService({
    clock: (real) => ({ ...real, now: () => real.now() + ahead_ms, after: real.after }),
  });
  const key = await service.key("read");
  const lastUse = async (): Promise<string | null> => {
    const { json } = await service.call<{ data: KeyJson[] }>("GET", "/v1/keys");
    return json.data[0]?.last_used_at ?? null;
  };
  const use = (): Promise<unknown> => service.call("GET", sitePath("/webhooks"), undefined, { key });
  assertEquals(await lastUse(), null);
  await use();
  const first = await until(lastUse, "the use is noted");
  await use();
  await use();
  assertEquals(await lastUse(), first);
  ahead_ms = 61_000;
  await use();
  await until(async () => await lastUse() !== first, "the use a minute later is noted");
});

Deno.test("keys outlive the process, and a key revoked stays so", async () => {
  await using file = await temporaryFile();
  let keys: string[] = [];
  {
    await using before = await startTestService({ kv: file.path });
    keys = [await before.key("read"), await before.key("read")];
    const { json } = await before.call<{ data: KeyJson[] }>("GET", "/v1/keys");
    await before.call("DELETE", `/v1/keys/${json.data[1]?.id}`);
  }
  await using service = await startTestService({ kv: file.path });
  const statuses = await Promise.all(keys.map(async (key) => {
    return (await service.call("GET", sitePath("/webhooks"), undefined, { key })).status;
  }));
  assertEquals(statuses, [200, 401]);
});

Deno.test("a key that makes no sense is refused", async () => {
  await using service = await startTestService();
  const good = { name: "x", scope: "read", sites: [SITE] };
  const bad: [body: Record<string, unknown>, path: string][] = [
    [{ ...good, name: "" }, "/name"],
    [{ ...good, name: "x".repeat(101) }, "/name"],
    [{ ...good, scope: "root" }, "/scope"],
    [{ ...good, sites: [] }, "/sites"],
    [{ ...good, sites: ["10.0.0.1"] }, "/sites/0"],
    [{ ...good, expires_at: "2020-01-01T00:00:00Z" }, "/expires_at"],
    [{ ...good, expires_at: "2099-01-01T00:00:00" }, "/expires_at"],
    [{ ...good, expires_at: "tomorrow" }, "/expires_at"],
    [{ ...good, key: "tdk_1_2" }, "/key"],
  ];
  for (const [body, path] of bad) {
    const { status, json } = await service.call("POST", "/v1/keys", body);
    assertEquals([status, json.errors?.map((error) => error.path)], [422, [path]], JSON.stringify(body));
  }
  for (const scope of ["metrics", "admin"]) {
    assertEquals(
      (await service.call("POST", "/v1/keys", { name: "x", scope })).status,
      201,
      `${scope} needs no site`,
    );
  }
});

Deno.test("without TIDINGS_ADMIN_KEY nobody is let in by it", async () => {
  await using service = await startTestService({ env: { TIDINGS_ADMIN_KEY: "" } });
  for (const key of ["", "undefined", "null", "admin-key-of-the-tests-0123456789abcdef"]) {
    assertEquals((await service.call("GET", "/v1/keys", undefined, { key })).status, 401);
  }
});
