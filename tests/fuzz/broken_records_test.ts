/**
 * Every kind of record broken in every way under a running service: no route is a 500, and the operator is told which
 * record it is, once.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { openDatabase } from "../../kv/open.ts";
import { goal, SITE, sitePath, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, temporaryFile, type TestService } from "../helpers/service.ts";
import { LONG } from "./runs.ts";

const encoder = new TextEncoder();

/** What became of a record, by what it was; the first two are tried always, all of them in a long run. */
const SHAPES: Readonly<Record<string, (before: unknown) => unknown>> = {
  "of another type": () => "text",
  "without its fields": () => encoder.encode(`{"v":1}\n{}`),
  "empty": () => new Uint8Array(),
  "cut short": (before) => before instanceof Uint8Array ? before.subarray(0, before.length >> 1) : null,
  "no object": () => encoder.encode("null\n"),
  "of a later release": () => encoder.encode(`{"v":99}\n{}`),
};

/** Noticed at the start, with an exit code of its own (`tests/e2e/process_test.ts`). */
const NOT_HERE = ["secret_check"];

interface Ids {
  readonly webhook: string;
  readonly waiting: string;
  readonly event: string;
  readonly delivery: string;
  readonly key: string;
}

/** Something of every kind, some of it still to be done. */
async function fill(kv: string, url: string): Promise<Ids> {
  await using service = await startTestService({ kv, env: { TIDINGS_RETRY_BASE_MS: "600000" } });
  const { id: webhook } = await service.webhook(url, { headers: { "X-A": "b" } });
  const { id: waiting } = await service.webhook("http://127.0.0.1:1/");
  const { id: event } = await service.post(goal(), { "Idempotency-Key": "k" });
  const tried = await until(async () => {
    const found = await service.deliveries();
    return found.length === 2 && found.every(({ attempts_total }) => attempts_total === 1) ? found : null;
  }, "both are tried");
  const made = await service.call<{ id: string }>("POST", "/v1/keys", {
    name: "a",
    scope: "manage",
    sites: ["*"],
  });
  await service.webhook(url, { events: ["visitor_spike"] });
  await service.call("POST", sitePath("/readings"), { current_visitors: 100 });
  await service.call("GET", "/v1/stats");
  return { webhook, waiting, event, delivery: tried[0]?.id ?? "", key: made.json.id };
}

/** Every call that there is, those that remove something last. */
function callsOf(
  { webhook, waiting, event, delivery, key }: Ids,
): [method: string, path: string, body?: unknown][] {
  const own = sitePath(`/webhooks/${webhook}`);
  return [
    ["GET", "/healthz"],
    ["GET", "/readyz"],
    ["GET", sitePath("/webhooks")],
    ["GET", own],
    ["GET", sitePath(`/webhooks/${waiting}`)],
    ["GET", sitePath("/events")],
    ["GET", sitePath(`/events/${event}`)],
    ["GET", sitePath("/deliveries")],
    ["GET", sitePath(`/deliveries/${delivery}`)],
    ["GET", "/v1/keys"],
    ["GET", "/v1/sites"],
    ["GET", "/v1/audit"],
    ["GET", "/v1/stats"],
    ["GET", `/v1/stats?site_id=${SITE}`],
    ["GET", "/v1/export?secrets=sealed"],
    ["POST", "/v1/events", goal()],
    ["POST", "/v1/events/batch", { events: [goal(2, { idempotency_key: "k" }), goal(3)] }],
    ["POST", sitePath("/explain"), goal()],
    ["POST", sitePath("/readings"), { current_visitors: 1 }],
    ["POST", `${own}/test`],
    ["POST", sitePath(`/deliveries/${delivery}/redeliver`)],
    ["POST", `${own}/recover`, { since: "2026-01-01T00:00:00Z" }],
    ["POST", `${own}/rotate-secret`],
    ["PATCH", own, { name: "new" }],
    ["PATCH", sitePath(`/webhooks/${waiting}`), { enabled: false }],
    ["POST", sitePath("/webhooks"), { url: "http://127.0.0.1:1/", events: ["visitor_drop"] }],
    ["POST", "/v1/import", {
      version: 1,
      sites: [{
        site_id: SITE,
        webhooks: [{ id: webhook, url: "http://127.0.0.1:1/", events: ["visitor_drop"] }],
      }],
    }],
    ["POST", "/v1/keys", { name: "b", scope: "read", sites: [SITE] }],
    ["DELETE", `/v1/keys/${key}`],
    ["DELETE", own],
    ["DELETE", sitePath("")],
  ];
}

/** Breaks all records of a kind; those that were there before the service starts. */
async function spoil(kv: string, kind: string, shape: (before: unknown) => unknown): Promise<void> {
  const { db } = await openDatabase({ kind: "file", path: kv });
  for await (const { key, value } of db.list({ prefix: [kind] })) {
    await db.atomic().set(key, shape(value)).commit();
  }
  db.close();
}

async function kindsIn(kv: string): Promise<string[]> {
  const { db } = await openDatabase({ kind: "file", path: kv });
  const kinds = new Set<string>();
  for await (const { key } of db.list({ prefix: [] })) kinds.add(String(key[0]));
  db.close();
  return [...kinds].filter((kind) => !NOT_HERE.includes(kind));
}

/** Calls everything, and returns what of it was 503. */
async function callAll(service: TestService, ids: Ids, what: string): Promise<string[]> {
  const unavailable: string[] = [];
  for (const [method, path, body] of callsOf(ids)) {
    const headers = path === "/v1/events" ? { "Idempotency-Key": "k" } : {};
    const answer = await service.call(method, path, body, { headers });
    assert(answer.status !== 500, `${what}: ${method} ${path}`);
    if (answer.status < 500) continue;
    assertEquals([answer.status, answer.json.code], [503, "unavailable"], `${what}: ${method} ${path}`);
    unavailable.push(`${method} ${path}`);
  }
  return unavailable;
}

Deno.test("whatever record is broken, in whatever way, no route is a 500, and the operator is told once", async () => {
  await using receiver = startReceiver();
  await using whole = await temporaryFile();
  const ids = await fill(whole.path, receiver.url);
  const kinds = await kindsIn(whole.path);
  const shapes = Object.entries(SHAPES).slice(0, LONG ? undefined : 2);
  assert(kinds.length >= 15, kinds.join());
  for (const kind of kinds) {
    for (const [name, shape] of shapes) {
      const what = `${kind} ${name}`;
      await using file = await temporaryFile();
      for (const end of ["", "-wal"]) {
        await Deno.copyFile(whole.path + end, file.path + end).catch(() => {});
      }
      await spoil(file.path, kind, shape);
      await using service = await startTestService({
        kv: file.path,
        env: { TIDINGS_RETRY_BASE_MS: "600000" },
      });
      const unavailable = await callAll(service, ids, what);
      const told = service.logs.map((line) => JSON.parse(line)).filter(({ level }) => level === "error");
      const others = told.filter(({ message }) => !["record.broken", "lane.broken"].includes(message));
      assertEquals(others, [], what);
      // The keys of some kinds hold what nobody may read: those can't be told apart.
      const named = told.map(({ record }) => record).filter((record) =>
        record !== undefined && !record.includes("…")
      );
      assertEquals(named.length, new Set(named).size, `${what}: ${named.join()}`);
      if (unavailable.length > 0) {
        assert(told.length > 0, `${what}: nobody was told why ${unavailable} is 503`);
      }
    }
  }
});
