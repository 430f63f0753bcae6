/**
 * Sites as a whole: listing those that something is stored for, and removing all of one for good.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { OpenDatabase } from "../../kv/open.ts";
import { allEntries } from "../kv/store_contract_state.ts";
import { type Api, goal, type PageJson, SITE, sitePath, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

interface SiteJson {
  readonly site_id: string;
  readonly webhooks: number;
  readonly last_event_at: string | null;
}

const OTHER = "other.example/blog";

async function sites(service: Api, query = ""): Promise<PageJson<SiteJson>> {
  const { status, json } = await service.call<PageJson<SiteJson>>("GET", `/v1/sites${query}`);
  assertEquals(status, 200, JSON.stringify(json));
  return json;
}

async function names(service: Api): Promise<string[]> {
  return (await sites(service)).data.map(({ site_id }) => site_id);
}

async function remove(service: Api, site_id: string): Promise<number> {
  return (await service.call("DELETE", sitePath("", site_id))).status;
}

/** Looks into the database of a service. */
function watched(): { database: (real: OpenDatabase) => OpenDatabase; text: () => Promise<string> } {
  let opened: OpenDatabase | null = null;
  return {
    database: (real) => opened = real,
    async text() {
      assert(opened !== null);
      const decoder = new TextDecoder();
      const entries = await allEntries(opened.db);
      return entries.map(({ key, value }) => {
        const told = value instanceof Uint8Array ? decoder.decode(value) : String(value);
        return `${key.join(" ")}: ${told}`;
      }).join("\n");
    },
  };
}

Deno.test("a site is listed once something is stored for it: a webhook or an event", async () => {
  await using service = await startTestService();
  assertEquals(await sites(service), { data: [], next_cursor: null });
  await service.key("read", ["named.example"]);
  assertEquals(await names(service), [], "a key names a site, and stores nothing for it");
  await service.webhook("http://127.0.0.1:9/", {}, OTHER);
  await service.webhook("http://127.0.0.1:9/", {}, OTHER);
  const { id } = await service.webhook("http://127.0.0.1:9/", {}, OTHER);
  await service.call("DELETE", sitePath(`/webhooks/${id}`, OTHER));
  const before = Date.now();
  await service.post(goal());
  const { data } = await sites(service);
  assertEquals(data.map(({ site_id, webhooks }) => [site_id, webhooks]), [[SITE, 0], [OTHER, 2]]);
  assert(Math.abs(Date.parse(data[0]?.last_event_at ?? "") - before) < 60_000);
  assertEquals(data[1]?.last_event_at, null);
});

Deno.test("sites are listed in pages, by name, whatever their script", async () => {
  await using service = await startTestService();
  // By code points: the last two sort the other way by what they are in memory.
  const all = [
    "a.example",
    "a.example/b",
    "a.example/b/c",
    "b",
    "bücher.example",
    "日本.example",
    "ﬃ.example",
  ];
  const listed = [...all, "𐐨.example"];
  for (const [index, site_id] of listed.entries()) {
    if (index % 2 === 0) await service.post(goal(1, { site_id }));
    else await service.webhook("http://127.0.0.1:9/", {}, site_id);
    if (index % 5 === 0) await service.webhook("http://127.0.0.1:9/", {}, site_id);
  }
  assertEquals(await names(service), listed);
  for (const limit of [1, 3]) {
    const read: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: PageJson<SiteJson> = await sites(service, `?limit=${limit}${cursor}`);
      assert(page.data.length <= limit);
      read.push(...page.data.map(({ site_id }) => site_id));
      cursor = page.next_cursor === null ? null : `&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
    assertEquals(read, listed);
  }
});

Deno.test("the list of sites refuses parameters it does not know", async () => {
  await using service = await startTestService();
  for (const query of ["?limit=0", "?limit=101", "?cursor=not%20a%20site", "?since=2026-01-01T00:00:00Z"]) {
    const { status, json } = await service.call("GET", `/v1/sites${query}`);
    assertEquals([status, json.code], [422, "validation_failed"], query);
  }
});

Deno.test("a deleted site leaves nothing behind but that it was deleted, and others keep what is theirs", async () => {
  const { database, text } = watched();
  await using service = await startTestService({ database });
  await using receiver = startReceiver();
  await using failing = startReceiver({ respond: 500 });
  for (const site_id of [SITE, OTHER]) {
    const { id } = await service.webhook(receiver.url, { headers: { "X-Site": `of ${site_id}` } }, site_id);
    await service.webhook(failing.url, { max_retries: 10 }, site_id);
    const gone = await service.webhook(receiver.url, {}, site_id);
    await service.call("DELETE", sitePath(`/webhooks/${gone.id}`, site_id));
    await service.call("POST", sitePath(`/webhooks/${id}/test`, site_id));
    for (let n = 0; n < 120; n++) {
      await service.post(goal(n, { site_id, data: { goal_name: `Goal of ${site_id}`, visitor_count: n } }), {
        "Idempotency-Key": `key ${n}`.replace(" ", "-"),
      });
    }
  }
  await until(async () => {
    const delivered = await service.deliveries("?status=delivered&limit=100");
    return delivered.length === 100;
  }, "much is delivered");
  await service.call("GET", `/v1/stats?site_id=${SITE}`);
  const others = await service.deliveries("?limit=100", OTHER);

  assertEquals(await remove(service, SITE), 204);
  const left = (await text()).split("\n").filter((line) => line.includes(SITE));
  assert(left.length > 0 && left.every((line) => line.startsWith("audit ")), left.join("\n").slice(0, 2000));

  assertEquals(await names(service), [OTHER]);
  assertEquals(await remove(service, SITE), 404);
  assertEquals(await service.deliveries(), []);
  assertEquals((await service.deliveries("?limit=100", OTHER)).length, others.length);
  const list = await service.call<{ data: unknown[] }>("GET", sitePath("/webhooks"));
  assertEquals([list.status, list.json.data], [200, []]);
  const stats = await service.call<PageJson<unknown>>("GET", `/v1/stats?site_id=${SITE}`);
  assertEquals(stats.json.data, []);

  // What was under way finds nothing to record, and the service goes on.
  const seen = receiver.requests.length;
  await service.post(goal(1, { site_id: OTHER }));
  await until(() => receiver.requests.length > seen, "the other site is told");
  const problems = service.logs.filter((line) => /"level":"error"/.test(line));
  assertEquals(problems, []);
  const again = (await text()).split("\n").filter((line) => line.includes(SITE));
  assert(again.every((line) => line.startsWith("audit ")), again.join("\n").slice(0, 2000));
});

Deno.test("nothing is sent for a site from the moment it is deleted", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: 500 });
  await service.webhook(receiver.url, { max_retries: 10 });
  for (let n = 0; n < 5; n++) await service.post(goal(n));
  await service.settledAs(({ attempts_total }) => attempts_total > 0, 5);
  assertEquals(await remove(service, SITE), 204);
  const sent = receiver.requests.length;
  // Another site's event goes through the same engine, after whatever was due before it.
  await using other = startReceiver();
  await service.webhook(other.url, {}, OTHER);
  await service.post(goal(1, { site_id: OTHER }));
  await other.received(1);
  assert(receiver.requests.length <= sent + 5, "at most what was under way");
  const { json } = await service.call<PageJson<SiteJson>>("GET", "/v1/sites");
  assertEquals(json.data.map(({ site_id }) => site_id), [OTHER]);
});

Deno.test("keys lose the site, and a key without any other is revoked", async () => {
  await using service = await startTestService();
  await service.webhook("http://127.0.0.1:9/");
  const only = await service.key("manage", [SITE]);
  const two = await service.key("read", [SITE, OTHER]);
  const every = await service.key("read", ["*"]);
  const admin = await service.key("admin", [SITE]);
  const foreign = await service.key("read", [OTHER]);
  assertEquals(await remove(service, SITE), 204);

  const status = async (key: string, site_id: string): Promise<number> =>
    (await service.call("GET", sitePath("/webhooks", site_id), undefined, { key })).status;
  assertEquals(await status(only, SITE), 401);
  assertEquals([await status(two, SITE), await status(two, OTHER)], [404, 200]);
  assertEquals([await status(every, SITE), await status(admin, SITE)], [200, 200]);
  assertEquals([await status(foreign, SITE), await status(foreign, OTHER)], [404, 200]);
  const { json } = await service.call<{ data: { sites: string[] }[] }>("GET", "/v1/keys");
  assertEquals(json.data.map(({ sites }) => sites), [[OTHER], ["*"], [], [OTHER]]);

  const audit = await service.call<PageJson<{ action: string; actor: string; site_id: string }>>(
    "GET",
    "/v1/audit",
  );
  const told = audit.json.data.filter(({ actor, site_id }) => actor === "environment" && site_id === SITE);
  assertEquals(told.map(({ action }) => action), [
    "site.deleted",
    "key.changed",
    "key.changed",
    "key.revoked",
    "webhook.deleted",
    "webhook.created",
  ]);
});

Deno.test("only an existing site can be deleted, and only by an administrator", async () => {
  await using service = await startTestService();
  assertEquals(await remove(service, "absent.example"), 404);
  await service.post(goal());
  for (const scope of ["read", "ingest", "manage", "metrics"] as const) {
    const own = await service.key(scope, [SITE]);
    const foreign = await service.key(scope, [OTHER]);
    assertEquals((await service.call("DELETE", sitePath(""), undefined, { key: own })).status, 403, scope);
    assertEquals(
      (await service.call("DELETE", sitePath(""), undefined, { key: foreign })).status,
      404,
      scope,
    );
  }
  assertEquals(await remove(service, SITE), 204, "a site of events alone");
  assertEquals(await remove(service, SITE), 404);
});

Deno.test("a site can be used again after it was deleted, without anything of before", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  const first = await service.post(goal(), { "Idempotency-Key": "k" });
  await service.settled("delivered", 1);
  assertEquals(await remove(service, SITE), 204);
  await service.webhook(receiver.url);
  const second = await service.post(goal(), { "Idempotency-Key": "k" });
  assert(first.id !== second.id, "the idempotency key is free again");
  const deliveries = await service.settled("delivered", 1);
  assertEquals(deliveries.map(({ event_id }) => event_id), [second.id]);
  assertEquals((await sites(service)).data.map(({ webhooks }) => webhooks), [1]);
});
