/**
 * Export and import of the configuration: what comes out goes in again, and nothing secret comes out in the clear.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Api, goal, type PageJson, SITE, sitePath, type WebhookJson } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";
import { passesStandard } from "../helpers/signatures.ts";

type Fields = Record<string, unknown>;

interface SiteJson {
  readonly site_id: string;
  readonly webhooks: readonly (Fields & { readonly id: string })[];
}

interface ExportJson {
  readonly version: number;
  readonly exported_at: string;
  readonly sites: readonly SiteJson[];
  readonly keys: readonly Fields[];
}

interface ImportedJson {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly secrets_made: readonly {
    readonly site_id: string;
    readonly webhook_id: string;
    readonly secret: string;
    readonly standard_secret: string;
  }[];
}

const OTHER = "other.example/blog";
const NOWHERE = "http://127.0.0.1:9/";

async function exported(service: Api, query = ""): Promise<ExportJson> {
  const { status, json } = await service.call<ExportJson>("GET", `/v1/export${query}`);
  assertEquals(status, 200, JSON.stringify(json));
  return json;
}

async function imported(service: Api, document: unknown): Promise<ImportedJson> {
  const { status, json } = await service.call<ImportedJson>("POST", "/v1/import", document);
  assertEquals(status, 200, JSON.stringify(json));
  return json;
}

/** The places at fault of a document that must be refused. */
async function faults(service: Api, document: unknown): Promise<string[]> {
  const { status, json } = await service.call("POST", "/v1/import", document);
  assertEquals([status, json.code], [422, "validation_failed"], JSON.stringify(json));
  return (json.errors ?? []).map(({ path }) => path);
}

/** How many webhooks were created, updated, left alone. */
async function counts(service: Api, document: unknown): Promise<number[]> {
  const { created, updated, unchanged } = await imported(service, document);
  return [created, updated, unchanged];
}

async function webhooks(service: Api, site_id = SITE): Promise<readonly WebhookJson[]> {
  return (await service.call<{ data: WebhookJson[] }>("GET", sitePath("/webhooks", site_id))).json.data;
}

/** A document of one site. */
function documentOf(...of_site: Fields[]): Fields {
  return { version: 1, sites: [{ site_id: SITE, webhooks: of_site }] };
}

/** A webhook of a document; `n` tells those of one test apart. */
function wanted(n: number, fields: Fields = {}): Fields {
  const id = `wh_01JMZ${String(n).padStart(21, "0")}`;
  return { id, url: NOWHERE, events: ["goal_completion"], ...fields };
}

/** A document without what tells when and how it was made. */
function comparable({ sites }: ExportJson): unknown {
  return sites.map(({ site_id, webhooks }) => ({
    site_id,
    webhooks: webhooks.map(({ created_at: _, updated_at: __, sealed: ___, ...rest }) => rest),
  }));
}

Deno.test("an export has every webhook of every site, and no secret, header value or key", async () => {
  await using service = await startTestService();
  const headers = { "X-Token": "value-of-a-header" };
  const first = await service.webhook(NOWHERE, { headers, filters: { goals: ["Signup"] } });
  const second = await service.webhook(NOWHERE, { enabled: false }, OTHER);
  const deleted = await service.webhook(NOWHERE);
  await service.call("DELETE", sitePath(`/webhooks/${deleted.id}`));
  await service.post(goal(1, { site_id: "events.example" }));
  const key = await service.key("read", [SITE]);
  for (const query of ["", "?secrets=sealed"]) {
    const { status, text, json } = await service.call<ExportJson>("GET", `/v1/export${query}`);
    assertEquals([status, json.version], [200, 1]);
    assertEquals(json.sites.map(({ site_id, webhooks }) => [site_id, webhooks.map(({ id }) => id)]), [
      [SITE, [first.id]],
      [OTHER, [second.id]],
    ]);
    const [webhook] = json.sites[0]?.webhooks ?? [];
    assertEquals([webhook?.["url"], webhook?.["headers"]], [NOWHERE, { "X-Token": "********" }]);
    assertEquals(json.sites[1]?.webhooks[0]?.["status"], "disabled");
    assertEquals(json.keys.map(({ sites }) => sites), [[SITE]]);
    for (const secret of [first.secret, first.standard_secret, second.secret, "value-of-a-header", key]) {
      assert(!text.includes(secret), query);
    }
    assertEquals(text.includes("sealed"), query !== "");
  }
  for (const query of ["?secrets=clear", "?secrets=", "?all=1"]) {
    assertEquals((await service.call("GET", `/v1/export${query}`)).status, 422, query);
  }
});

Deno.test("with sealed secrets another service with the same key signs and sends as the first did", async () => {
  await using from = await startTestService();
  await using to = await startTestService();
  await using receiver = startReceiver();
  const { id, secret, standard_secret } = await from.webhook(receiver.url, {
    headers: { "X-Token": "value-of-a-header" },
    filters: { goals: ["Signup"], visitor_spike: { threshold: 7, percent_over_baseline: 50 } },
    rate_limit_per_minute: 600,
  });
  await from.webhook(NOWHERE, { enabled: false }, OTHER);
  const document = await exported(from, "?secrets=sealed");
  assertEquals(await imported(to, document), { created: 2, updated: 0, unchanged: 0, secrets_made: [] });
  assertEquals(comparable(await exported(to)), comparable(document));
  assertEquals(await counts(to, document), [0, 0, 2], "again: nothing to do");
  assertEquals(await counts(from, document), [0, 0, 2], "where it came from: nothing to do");

  await to.post(goal());
  const request = await receiver.received(1);
  assertEquals(request.headers.get("X-Token"), "value-of-a-header");
  assert(passesStandard(request, { secret, standard_secret }));
  assertEquals((await to.settled("delivered", 1)).map(({ webhook_id }) => webhook_id), [id]);
});

Deno.test("what was sealed opens with the same key only, and only for its site and webhook", async () => {
  await using from = await startTestService();
  await using foreign = await startTestService({ env: { TIDINGS_SECRET_KEY: btoa("f".repeat(32)) } });
  await using to = await startTestService();
  await from.webhook(NOWHERE, { headers: { "X-Token": "v" } });
  const document = await exported(from, "?secrets=sealed");
  const [webhook] = document.sites[0]?.webhooks ?? [];
  assert(webhook !== undefined);
  const at = "/sites/0/webhooks/0/sealed";
  const both = [`${at}/secrets/0/value`, `${at}/headers/X-Token`];
  assertEquals(await faults(foreign, document), both);
  assertEquals(await faults(to, { ...document, sites: [{ site_id: OTHER, webhooks: [webhook] }] }), both);
  assertEquals(await faults(to, documentOf({ ...webhook, id: wanted(1)["id"] })), both);
  const sealed = webhook["sealed"] as { secrets: Fields[]; headers: Fields };
  const altered = { ...sealed, secrets: [{ value: "1.AAAA", expires_at: null }] };
  assertEquals(await faults(to, documentOf({ ...webhook, sealed: altered })), [`${at}/secrets/0/value`]);
  const none = { ...sealed, secrets: [] };
  assertEquals(await faults(to, documentOf({ ...webhook, sealed: none })), [`${at}/secrets`]);
  assertEquals([await webhooks(to), await webhooks(foreign)], [[], []]);
});

Deno.test("without sealed secrets a new webhook gets one, shown once; one that is there keeps its own", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const url = receiver.url;
  const document = documentOf(wanted(1, { url }));
  const { secrets_made: [made, ...more] } = await imported(service, document);
  assertEquals([made?.site_id, made?.webhook_id, more], [SITE, wanted(1)["id"], []]);
  assert(made !== undefined);
  assertEquals(await imported(service, document), { created: 0, updated: 0, unchanged: 1, secrets_made: [] });
  await imported(service, documentOf(wanted(1, { url, name: "Renamed" })));
  await service.post(goal());
  assert(passesStandard(await receiver.received(1), made));
});

Deno.test("a webhook that is there gets the document's settings, masked headers stay, others go", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url, {
    headers: { "X-Kept": "kept", "X-Gone": "gone" },
    filters: { goals: ["Signup"] },
    max_retries: 9,
  });
  const bystander = await service.webhook(NOWHERE, { enabled: false });
  const document = documentOf({
    id,
    url: receiver.url,
    events: ["goal_completion"],
    headers: { "x-kept": "********", "X-New": "new" },
  });
  assertEquals(await counts(service, document), [0, 1, 0]);
  assertEquals(await counts(service, document), [0, 0, 1]);
  const shown = await webhooks(service);
  assertEquals(shown.map((webhook) => webhook.id), [id, bystander.id]);
  assertEquals([shown[0]?.max_retries, Object.keys(shown[0]?.headers ?? {})], [3, ["X-Kept", "X-New"]]);
  await service.post(goal(1, { data: { goal_name: "Another", visitor_count: 1 } }));
  const { headers } = await receiver.received(1);
  const sent = ["X-Kept", "X-Gone", "X-New"].map((name) => headers.get(name));
  assertEquals(sent, ["kept", null, "new"]);
  const audit = await service.call<PageJson<Fields>>("GET", "/v1/audit");
  const { action, actor, subject, changes } = audit.json.data[0] ?? {};
  assertEquals([action, actor, subject], ["webhook.changed", "environment", id]);
  assertEquals((changes as string[]).toSorted(), [
    "filters.goals",
    "headers.X-Gone",
    "headers.X-New",
    "max_retries",
  ]);
});

Deno.test("an import brings back a deleted webhook, and a rotated secret, as they were", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const created = await service.webhook(receiver.url);
  const document = await exported(service, "?secrets=sealed");
  const path = sitePath(`/webhooks/${created.id}`);
  await service.call("POST", `${path}/rotate-secret`, { overlap_hours: 0 });
  assertEquals(await counts(service, document), [0, 1, 0]);
  await service.call("DELETE", path);
  assertEquals(await counts(service, document), [1, 0, 0]);
  assertEquals(await counts(service, document), [0, 0, 1]);
  await service.post(goal());
  const request = await receiver.received(1);
  assert(passesStandard(request, created));
  const audit = await service.call<PageJson<Fields>>("GET", "/v1/audit");
  assertEquals(audit.json.data.map(({ action }) => action), [
    "webhook.created",
    "webhook.deleted",
    "webhook.secret_rotated",
    "webhook.secret_rotated",
    "secrets.exported",
    "webhook.created",
  ]);
});

Deno.test("an import of settings and secret is one change, told once, and leaves alone what it does not name", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const created = await service.webhook(NOWHERE, { headers: { "X-Token": "v" } });
  const path = sitePath(`/webhooks/${created.id}`);
  const { sites } = await exported(service, "?secrets=sealed");
  const sealed = sites[0]?.webhooks[0]?.["sealed"];
  await service.call("POST", `${path}/rotate-secret`, { overlap_hours: 0 });
  await service.call("PATCH", path, { enabled: false });
  const events = ["goal_completion"];
  const document = documentOf({ id: created.id, url: receiver.url, events, sealed });
  assertEquals(await counts(service, document), [0, 1, 0]);
  const { json: { data: [entry, before] } } = await service.call<PageJson<Fields>>("GET", "/v1/audit");
  const changes = (entry?.["changes"] as string[]).toSorted();
  assertEquals([entry?.["action"], changes], ["webhook.changed", [
    "enabled",
    "headers.X-Token",
    "name",
    "secret",
    "url",
  ]]);
  assertEquals(before?.["changes"], ["enabled"], "the entry before is of the change before");
  await service.post(goal());
  assert(passesStandard(await receiver.received(1), created));
});

Deno.test("a document with anything wrong is refused with every fault by its place, and nothing is imported", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook(NOWHERE, {}, OTHER);
  const at = "/sites/0/webhooks";
  const settings = documentOf(
    wanted(1),
    wanted(2, { max_retries: 99, unknown: 1 }),
    wanted(3, { url: "http://10.0.0.1/" }),
    wanted(4, { headers: { "X-Token": "********" } }),
    wanted(5, { filters: { goals: Array.from({ length: 100 }, () => "ü".repeat(500)) } }),
    wanted(6, { id }),
  );
  assertEquals((await faults(service, settings)).toSorted(), [
    `${at}/1/max_retries`,
    `${at}/1/unknown`,
    `${at}/2/url`,
    `${at}/3/headers/X-Token`,
    `${at}/4`,
    `${at}/5/id`,
  ]);
  const form = {
    version: 2,
    sites: [{ site_id: "no site", webhooks: [{ ...wanted(1), id: "1" }] }],
    more: true,
  };
  assertEquals((await faults(service, form)).toSorted(), [
    "/more",
    "/sites/0/site_id",
    `${at}/0/id`,
    "/version",
  ]);
  const site = { site_id: SITE, webhooks: [wanted(1), wanted(1)] };
  const twice = { version: 1, sites: [site, { site_id: "EXAMPLE.com", webhooks: [] }] };
  assertEquals(await faults(service, twice), [`${at}/1/id`, "/sites/1/site_id"]);
  assertEquals(await faults(service, []), [""]);
  assertEquals(await webhooks(service), []);
});

Deno.test("an import leaves a site with at most 50 webhooks, those that it updates counted once", async () => {
  await using service = await startTestService();
  const all = Array.from({ length: 50 }, (_, n) => wanted(n, { enabled: false }));
  const tooMany = documentOf(...all, wanted(50));
  assertEquals(await faults(service, tooMany), ["/sites/0/webhooks"]);
  assertEquals(await webhooks(service), []);
  assertEquals(await counts(service, documentOf(...all)), [50, 0, 0]);
  assertEquals(await counts(service, documentOf(...all)), [0, 0, 50]);
  assertEquals(await faults(service, documentOf(wanted(50))), ["/sites/0/webhooks"]);
});

Deno.test("an import may be larger than other bodies, up to 4 MiB", async () => {
  await using service = await startTestService();
  const padded = (bytes: number): string => `{"version": 1, "sites": []${" ".repeat(bytes - 27)}}`;
  const status = async (bytes: number): Promise<number> =>
    (await service.call("POST", "/v1/import", padded(bytes))).status;
  assertEquals([await status(4 * 1024 * 1024), await status(4 * 1024 * 1024 + 1)], [200, 413]);
});
