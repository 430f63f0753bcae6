/**
 * Who changed what: every change of configuration has an entry, and no entry has a value.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { type Api, goal, type PageJson, SITE, sitePath, until, type WebhookJson } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

interface EntryJson {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly site_id: string | null;
  readonly subject: string;
  readonly changes: readonly string[];
}

const URL = "http://127.0.0.1:9/hooks/credential-in-a-path";

async function audit(service: Api, query = ""): Promise<PageJson<EntryJson>> {
  const { status, json } = await service.call<PageJson<EntryJson>>("GET", `/v1/audit${query}`);
  assertEquals(status, 200, JSON.stringify(json));
  return json;
}

/** What was done, oldest first. */
async function actions(
  service: Api,
): Promise<[action: string, subject: string, changes: readonly string[]][]> {
  const { data } = await audit(service, "?limit=100");
  return data.toReversed().map(({ action, subject, changes }) => [action, subject, changes]);
}

Deno.test("every change of a webhook is told with who made it and the names of what changed", async () => {
  await using service = await startTestService();
  const made = await service.call<{ id: string; key: string }>("POST", "/v1/keys", {
    name: "Owner",
    scope: "manage",
    sites: [SITE],
  });
  const key = made.json.key;
  const by_owner = { key };
  const created = await service.call<WebhookJson>("POST", sitePath("/webhooks"), {
    url: URL,
    events: ["goal_completion"],
    headers: { "X-Team": "secret-value-1", Authorization: "Bearer secret-value-2" },
  }, by_owner);
  const { id } = created.json;
  const path = sitePath(`/webhooks/${id}`);
  const changed = await service.call("PATCH", path, {
    url: `${URL}/new`,
    filters: { goals: ["A goal by name"], visitor_spike: { threshold: 11 } },
    headers: { "X-Team": "secret-value-3", Authorization: "********", "X-New": "secret-value-4" },
    name: null,
  }, by_owner);
  assertEquals(changed.status, 200, changed.text);
  await service.call("PATCH", path, { enabled: false }, by_owner);
  await service.call("PATCH", path, { enabled: true });
  const rotated = await service.call<{ secret: string }>("POST", `${path}/rotate-secret`, {}, by_owner);
  await service.call("DELETE", path, undefined, by_owner);

  assertEquals(await actions(service), [
    ["key.created", made.json.id, []],
    ["webhook.created", id, []],
    ["webhook.changed", id, [
      "url",
      "filters.goals",
      "filters.visitor_spike.threshold",
      "headers.X-Team",
      "headers.X-New",
    ]],
    ["webhook.changed", id, ["enabled"]],
    ["webhook.changed", id, ["enabled"]],
    ["webhook.secret_rotated", id, ["secret"]],
    ["webhook.deleted", id, []],
  ]);
  const { data } = await audit(service);
  const owner = made.json.id;
  assertEquals(data.toReversed().map(({ actor }) => actor), [
    "environment",
    owner,
    owner,
    owner,
    "environment",
    owner,
    owner,
  ]);
  assertEquals(data.map(({ site_id }) => site_id), [SITE, SITE, SITE, SITE, SITE, SITE, null]);
  assertEquals(Object.keys(data[0] ?? {}), ["at", "actor", "action", "site_id", "subject", "changes"]);
  const text = JSON.stringify(data);
  for (
    const hidden of ["secret-value", "credential", "A goal by name", rotated.json.secret, "127.0.0.1", key]
  ) {
    assertFalse(text.includes(hidden), hidden);
  }
});

Deno.test("what is refused, or changes nothing, is not told", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook(URL);
  const path = sitePath(`/webhooks/${id}`);
  const stale = { headers: { "If-Match": '"stale"' } };
  const refusals = [
    await service.call("PATCH", path, { name: 1 }),
    await service.call("PATCH", path, { name: "other" }, stale),
    await service.call("DELETE", path, undefined, stale),
    await service.call("POST", sitePath("/webhooks"), { url: "nope", events: [] }),
    await service.call("DELETE", "/v1/keys/nothing"),
    await service.call("POST", `${path}/rotate-secret`, { overlap_hours: -1 }),
  ];
  for (const { status } of refusals) assert(status >= 400);
  assertEquals((await service.call("PATCH", path, {})).status, 200);
  assertEquals((await actions(service)).map(([action]) => action), ["webhook.created"]);
});

Deno.test("a pause is told as Tidings' own, and who resumed it", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: 410 });
  const { id } = await service.webhook(receiver.url);
  await service.post(goal());
  await until(async () => {
    const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`));
    return json.status === "paused";
  }, "the webhook is paused");
  await service.call("PATCH", sitePath(`/webhooks/${id}`), { enabled: true });
  const { data } = await audit(service);
  assertEquals(
    data.map(({ action, actor, site_id, subject, changes }) => [
      action,
      actor,
      site_id,
      subject,
      changes,
    ]),
    [
      ["webhook.resumed", "environment", SITE, id, ["enabled"]],
      ["webhook.paused", "tidings", SITE, id, ["enabled"]],
      ["webhook.created", "environment", SITE, id, []],
    ],
  );
});

Deno.test("keys that are made and revoked are told, without their names and texts", async () => {
  await using service = await startTestService();
  const { json } = await service.call<{ id: string; key: string }>("POST", "/v1/keys", {
    name: "A telling name",
    scope: "read",
    sites: [SITE],
  });
  await service.call("DELETE", `/v1/keys/${json.id}`);
  assertEquals(await actions(service), [["key.created", json.id, []], ["key.revoked", json.id, []]]);
  const text = JSON.stringify(await audit(service));
  for (const hidden of ["A telling name", json.key, "tdk_"]) assertFalse(text.includes(hidden), hidden);
});

Deno.test("who sends again is told: each redelivery, and a recovery with its time and what came of it", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url, { enabled: false });
  await service.post(goal(1));
  await service.post(goal(2));
  const path = sitePath(`/webhooks/${id}`);
  await service.call("PATCH", path, { enabled: true });
  const key = await service.key("manage");
  const since = "2026-02-25T13:00:00+01:00";
  await service.call("POST", `${path}/recover`, { since, until: "2999-01-01T00:00:00Z" }, { key });
  const [delivery] = await service.settled("delivered", 2);
  await service.call("POST", sitePath(`/deliveries/${delivery?.id}/redeliver`), undefined, { key });
  await service.call("POST", sitePath("/deliveries/dlv_nothing/redeliver"), undefined, { key });
  await service.call("POST", `${path}/recover`, { since: "soon" }, { key });
  await service.call("POST", `${path}/recover`, { since });
  await service.call("POST", `${path}/test`);
  const begins = "since=2026-02-25T12:00:00.000Z";
  assertEquals((await actions(service)).slice(-3), [
    ["webhook.recovered", id, [begins, "until=2999-01-01T00:00:00.000Z", "recovered=2"]],
    ["delivery.redelivered", delivery?.id ?? "", []],
    ["webhook.recovered", id, [begins, "recovered=0"]],
  ]);
  const { data } = await audit(service, "?limit=3");
  assertEquals(data.map(({ site_id }) => site_id), [SITE, SITE, SITE]);
  assertEquals(data[0]?.actor, "environment");
  assert(data[1]?.actor === data[2]?.actor && data[1]?.actor !== "environment");
});

Deno.test("an export with sealed secrets is told, one without or refused is not", async () => {
  await using service = await startTestService();
  await service.webhook(URL);
  for (const query of ["", "?secrets=clear", "?secrets=sealed"]) {
    await service.call("GET", `/v1/export${query}`);
  }
  const { data } = await audit(service);
  assertEquals(
    data.map(({ actor, action, site_id, subject, changes }) => [
      actor,
      action,
      site_id,
      subject,
      changes,
    ]),
    [
      ["environment", "secrets.exported", null, "*", []],
      ["environment", "webhook.created", SITE, data[1]?.subject ?? "", []],
    ],
  );
});

Deno.test("the audit is read newest first, in pages that neither skip nor repeat, and by time", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook(URL);
  const path = sitePath(`/webhooks/${id}`);
  for (let n = 0; n < 6; n++) await service.call("PATCH", path, { name: `name ${n}` });
  const all = (await audit(service, "?limit=100")).data;
  assertEquals(all.length, 7);
  assertEquals(all.map(({ at }) => at), all.map(({ at }) => at).toSorted().toReversed());

  const read: EntryJson[] = [];
  let cursor = "";
  for (;;) {
    const page = await audit(service, `?limit=3${cursor}`);
    assert(page.data.length <= 3);
    read.push(...page.data);
    if (page.next_cursor === null) break;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
  assertEquals(read, all);

  const middle = all[3]?.at ?? "";
  const since = (await audit(service, `?since=${encodeURIComponent(middle)}`)).data;
  const until_then = (await audit(service, `?until=${encodeURIComponent(middle)}`)).data;
  assertEquals(since, all.filter(({ at }) => at >= middle));
  assertEquals(until_then, all.filter(({ at }) => at < middle));
  const nothing = await audit(service, "?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z");
  assertEquals(nothing, { data: [], next_cursor: null });
});

Deno.test("the audit refuses parameters it does not know, and cursors it did not make", async () => {
  await using service = await startTestService();
  for (const query of ["?limit=0", "?limit=101", "?cursor=x", "?since=yesterday", "?actor=me", "?until="]) {
    const { status, json } = await service.call("GET", `/v1/audit${query}`);
    assertEquals([status, json.code], [422, "validation_failed"], query);
  }
});
