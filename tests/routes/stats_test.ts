/**
 * Counters by the hour, as callers read them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ADMIN_KEY, type Api, goal, type PageJson, SITE, sitePath } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, temporaryFile } from "../helpers/service.ts";

interface StatJson {
  readonly hour: string;
  readonly site_id: string;
  readonly webhook_id: string | null;
  readonly accepted: number;
  readonly attempts: number;
  readonly delivered: number;
  readonly retried: number;
  readonly failed: number;
  readonly blocked: number;
  readonly gone: number;
  readonly duration_ms_total: number;
}

const HOUR_MS = 3_600_000;
const OTHER = "other.example";
const COUNTERS = ["accepted", "attempts", "delivered", "retried", "failed", "blocked", "gone"] as const;

async function stats(service: Api, query = "", key = ADMIN_KEY): Promise<PageJson<StatJson>> {
  const { status, json } = await service.call<PageJson<StatJson>>(
    "GET",
    `/v1/stats${query}`,
    undefined,
    { key },
  );
  assertEquals(status, 200, JSON.stringify(json));
  return json;
}

/** The counters over all hours: a test may run across the end of one. */
function total(rows: readonly StatJson[], webhook_id: string | null): number[] {
  const own = rows.filter((row) => row.webhook_id === webhook_id);
  return COUNTERS.map((name) => own.reduce((sum, row) => sum + row[name], 0));
}

Deno.test("events and attempts are counted by hour, for the site and for each webhook, at once", async () => {
  await using service = await startTestService();
  await using fine = startReceiver();
  await using busy = startReceiver({ respond: [500, 500, 200] });
  await using broken = startReceiver({ respond: 500 });
  await using left = startReceiver({ respond: 410 });
  const ids = [
    await service.webhook(fine.url),
    await service.webhook(busy.url),
    await service.webhook(broken.url, { max_retries: 1 }),
    await service.webhook(left.url),
    await service.webhook(fine.url, { events: ["visitor_spike"] }),
  ].map(({ id }) => id);
  await service.post(goal(), { "Idempotency-Key": "k" });
  await service.call("POST", "/v1/events", goal(), { headers: { "Idempotency-Key": "k" } });
  await service.settledAs(({ status }) => status !== "pending", 4);

  const { data, next_cursor } = await stats(service);
  assertEquals(next_cursor, null);
  assertEquals(total(data, null), [1, 0, 0, 0, 0, 0, 0]);
  assertEquals(ids.map((id) => total(data, id)), [
    [1, 1, 1, 0, 0, 0, 0],
    [1, 3, 1, 2, 0, 0, 0],
    [1, 2, 0, 1, 1, 0, 0],
    [1, 1, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 0],
  ]);
  for (const { hour, site_id, duration_ms_total, attempts } of data) {
    assertEquals([site_id, Date.parse(hour) % HOUR_MS], [SITE, 0]);
    assert(attempts === 0 ? duration_ms_total === 0 : duration_ms_total > 0);
  }
});

Deno.test("a test is not counted", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url);
  await service.call("POST", sitePath(`/webhooks/${id}/test`));
  assertEquals((await stats(service)).data, []);
});

Deno.test("counters outlive the process, and those of several add up", async () => {
  await using file = await temporaryFile();
  for (let run = 1; run <= 2; run++) {
    await using service = await startTestService({ kv: file.path });
    for (let n = 0; n < 3; n++) await service.post(goal());
    // The second time it is not asked for: stopping writes it.
    if (run === 1) assertEquals(total((await stats(service)).data, null)[0], 3);
  }
  await using service = await startTestService({ kv: file.path });
  assertEquals(total((await stats(service)).data, null)[0], 6);
});

Deno.test("who may read a site may read its counters, and only an administrator those of all", async () => {
  await using service = await startTestService();
  await service.post(goal());
  await service.post(goal(1, { site_id: OTHER }));
  assertEquals((await stats(service)).data.map(({ site_id }) => site_id), [SITE, OTHER]);
  for (const scope of ["read", "manage"] as const) {
    const key = await service.key(scope, [SITE]);
    const own = await stats(service, `?site_id=${SITE}`, key);
    assertEquals(own.data.map(({ site_id }) => site_id), [SITE]);
    const foreign = [`?site_id=${OTHER}`, "?site_id=absent.example", "?site_id=not%20a%20site"];
    for (const query of foreign) {
      assertEquals((await service.call("GET", `/v1/stats${query}`, undefined, { key })).status, 404, query);
    }
    assertEquals((await service.call("GET", "/v1/stats", undefined, { key })).status, 403);
  }
  for (const scope of ["ingest", "metrics"] as const) {
    const key = await service.key(scope, [SITE]);
    const answer = await service.call("GET", `/v1/stats?site_id=${SITE}`, undefined, { key });
    assertEquals(answer.status, 403, scope);
  }
});

Deno.test("the last 24 hours are read unless since says otherwise, and pages neither skip nor repeat", async () => {
  let ahead_ms = 0;
  await using service = await startTestService({
    clock: (real) => ({ ...real, now: () => real.now() + ahead_ms, after: real.after }),
  });
  const started = Date.now();
  for (let hours = 0; hours <= 30; hours += 10) {
    ahead_ms = hours * HOUR_MS;
    for (const site_id of [SITE, OTHER]) {
      await service.post(goal(1, { site_id, timestamp: "2026-02-25T12:00:00Z" }));
    }
  }
  assertEquals((await stats(service)).data.length, 6);
  const since = new Date(started - HOUR_MS).toISOString();
  const all = (await stats(service, `?since=${since}`)).data;
  assertEquals(all.map(({ site_id }) => site_id), [...Array(4).fill(SITE), ...Array(4).fill(OTHER)]);
  const within_hour = new Date(Date.parse(all[2]?.hour ?? "") + HOUR_MS / 2).toISOString();
  assertEquals(
    (await stats(service, `?since=${within_hour}`)).data.length,
    4,
    "the hour that since lies in counts",
  );

  const read: StatJson[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: PageJson<StatJson> = await stats(service, `?since=${since}&limit=3${cursor}`);
    read.push(...page.data);
    cursor = page.next_cursor === null ? null : `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
  assertEquals(read, all);
});

Deno.test("the counters refuse parameters they do not know", async () => {
  await using service = await startTestService();
  const queries = [
    "?limit=0",
    "?limit=1001",
    "?cursor=x",
    "?cursor=%5B%5D",
    "?since=now",
    "?until=now",
    "?site_id=",
  ];
  for (const query of queries) {
    const { status, json } = await service.call("GET", `/v1/stats${query}`);
    assertEquals([status, json.code], [422, "validation_failed"], query);
  }
});
