/**
 * The doctor beside services: who works on the database, by which clock, whether it is the one that answers, and what is
 * overdue although somebody works.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { type Check, ok } from "../../admin/checks.ts";
import { examineOverdue } from "../../admin/examine_overdue.ts";
import { type Process, type ProcessBeat, processChecks, watchBeats } from "../../admin/examine_processes.ts";
import { beatRecord, dueRecord } from "../../kv/records.ts";
import { keys } from "../../kv/keys.ts";
import { LANE_AT_FIRST, type LaneState } from "../../lib/lane_state.ts";
import type { ShownWebhook } from "../../lib/shown_webhook.ts";
import type { DueEntry } from "../../lib/store.ts";
import { EXAMPLE_WEBHOOK } from "../../routes/openapi_examples.ts";
import { admin } from "../helpers/admin_command.ts";
import { goal, SITE } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { SECRET_KEY, startTestService, temporaryFile } from "../helpers/service.ts";
import { NOW } from "./fake_world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const PLACE = "/data/tidings.db";

function line({ status, subject, detail, next_step }: Check): string {
  return `${status} ${subject}: ${detail} > ${next_step}`;
}

/** Watches processes in a time of its own. Each says at each moment how often it has beaten, and what it takes the time for. */
async function watched(
  processes: Readonly<Record<string, (now: number) => { count: number; at: number }>>,
): Promise<{ living: Record<string, number>; ids: string[]; took_ms: number }> {
  let now = NOW;
  const found = await watchBeats({
    beats: () =>
      Promise.resolve(
        Object.entries(processes).map(([id, beat]): ProcessBeat => {
          const { count, at } = beat(now);
          return { id, versionstamp: String(count), at, started_at: NOW - MINUTE };
        }),
      ),
    now: () => now,
    wait: (ms) => Promise.resolve(void (now += ms)),
  });
  const living = Object.fromEntries(found.living.map(({ id, ahead_ms }) => [id, ahead_ms]));
  return { living, ids: [...found.ids].toSorted(), took_ms: now - NOW };
}

/** Beats every two seconds, by a clock that is ahead of ours. */
function beating(ahead_ms: number, phase_ms = 0): (now: number) => { count: number; at: number } {
  return (now) => {
    const count = Math.floor((now + phase_ms) / (2 * SECOND));
    return { count, at: count * 2 * SECOND - phase_ms + ahead_ms };
  };
}

Deno.test("watchBeats() tells who lives, and how far clocks are apart, from beats that change", async () => {
  const alone = await watched({ well: beating(0, 700) });
  assertEquals([alone.living, alone.ids], [{ well: 0 }, ["well"]]);
  assertEquals(alone.took_ms <= 2 * SECOND + 250, true, `${alone.took_ms}`);
  assertEquals((await watched({})).took_ms, 0);

  const { living, ids, took_ms } = await watched({
    ahead: beating(MINUTE),
    behind: beating(-MINUTE, 300),
    dead: () => ({ count: 1, at: NOW - 3 * 24 * 60 * MINUTE }),
    stopped: () => ({ count: 1, at: NOW + 60 * MINUTE }),
  });
  assertEquals([Object.keys(living).toSorted(), ids], [["ahead", "behind"], [
    "ahead",
    "behind",
    "dead",
    "stopped",
  ]]);
  const rounded = Object.fromEntries(Object.entries(living).map(([id, ms]) => [id, Math.round(ms / SECOND)]));
  assertEquals(rounded, { ahead: 60, behind: -60 });
  assertEquals(took_ms, 6 * SECOND);
});

function process(id: string, ahead_ms = 0, started_at = NOW - 60 * MINUTE): Process {
  return { id, started_at, ahead_ms };
}

function told(living: readonly Process[], instance: string | null, dead: readonly string[] = []): string[] {
  const ids = new Set([...living.map(({ id }) => id), ...dead]);
  const running = { check: ok("service", "it runs"), is_running: instance !== null, instance };
  return processChecks({ living, ids }, { place: PLACE, running }).map(line);
}

Deno.test("processChecks() fails where leases would end early, and warns where clocks merely differ", () => {
  const table: [ahead_ms: number, expected: RegExp][] = [
    [10 * SECOND, /^ok processes: 1 on this database, by the same clock/],
    [
      11 * SECOND,
      /^warn clock: .*process A on this database is 11 s ahead of this machine's > .*NTP.*restart it/,
    ],
    [-30 * SECOND, /^warn clock: .* is 30 s behind this machine's/],
    [-31 * SECOND, /^fail clock: .* is 31 s behind/],
    [3600 * SECOND, /^fail clock: .* is 3600 s ahead/],
  ];
  for (const [ahead_ms, expected] of table) {
    const [first = "", ...more] = told([process("A", ahead_ms)], "A");
    assertMatch(first, expected);
    assertEquals(more, []);
  }
});

Deno.test("processChecks() tells a service on another database from one that is silent, and from none", () => {
  assertEquals(told([], null, ["X"]), []);
  assertMatch(
    told([], "A").join(),
    /^fail service: .* another database than \/data\/tidings\.db.* > .*TIDINGS_KV/,
  );
  // Another works on it: still the one that answers does not.
  assertMatch(told([process("B")], "A").join(), /^fail service: /);
  assertMatch(told([], "A", ["A"]).join(), /^warn processes: .* has not said for 6 s that it lives.*readyz/);
  assertMatch(told([process("B")], null).join(), /^ok processes: 1 on/);
});

const AT = NOW - 60 * MINUTE;

/** What is said of a webhook of which deliveries are due since an hour ago. */
async function overdue(
  given: {
    readonly webhook?: Partial<ShownWebhook>;
    readonly state?: Partial<LaneState>;
    readonly at?: number;
    readonly living?: readonly Process[];
  },
): Promise<string[]> {
  const { at = AT, living = [process("A")] } = given;
  const webhook: ShownWebhook = {
    ...EXAMPLE_WEBHOOK,
    id: "wh_1",
    site_id: "shown.example",
    health: { ...EXAMPLE_WEBHOOK.health, pending: 7 },
    updated_at: new Date(AT).toISOString(),
    status: "active",
    rate_limit_per_minute: null,
    ...given.webhook,
  };
  const entry: DueEntry = {
    webhook_id: "wh_1",
    event_id: "evt_1",
    site_id: "stored.example",
    at,
    owner: null,
    unwritten: null,
  };
  const checks = await examineOverdue([webhook], {
    living,
    now_ms: NOW,
    store: {
      look: (webhook_id, until) =>
        Promise.resolve({ due: webhook_id === "wh_1" && at <= until ? [entry] : [], next: null }),
      laneState: (site_id) =>
        Promise.resolve(site_id === "stored.example" ? { ...LANE_AT_FIRST, ...given.state } : null),
    },
  });
  return checks.map(line);
}

Deno.test("examineOverdue() fails for what nothing holds back and nobody tried for minutes", async () => {
  const [first = "", ...more] = await overdue({});
  assertMatch(
    first,
    /^fail deliveries: 7 of wh_1 \(.*\) of shown\.example wait, the first since .*Z: none was tried/,
  );
  assertMatch(first, / > Restart the service.*pump\.turn_failed/);
  assertEquals(more, []);
  const long_ago = NOW - 5 * MINUTE;
  const half_open = { failures: 5, openings: 1, open_until: long_ago };
  for (const state of [{ last_failure_at: long_ago, hold_until: long_ago }, { breaker: half_open }]) {
    assertMatch((await overdue({ state })).join(), /^fail deliveries: /);
  }
});

Deno.test("examineOverdue() says what holds deliveries back, and that is no fault", async () => {
  const lately = NOW - MINUTE;
  const table: [given: Parameters<typeof overdue>[0], expected: RegExp][] = [
    [
      { state: { consecutive_failures: 5, breaker: { failures: 5, openings: 1, open_until: NOW + MINUTE } } },
      /^warn deliveries: 7 of wh_1 .*failed 5 times in a row, so the breaker is open until 20.* > .*webhooks test wh_1 --site/,
    ],
    [{ state: { hold_until: NOW + MINUTE } }, /^warn deliveries: .*asked for quiet .* until 20/],
    [
      { state: { last_success_at: lately }, webhook: { rate_limit_per_minute: 2 } },
      /^warn deliveries: .*no more than 2 a minute > .*webhooks update wh_1 .*--rate-limit-per-minute/,
    ],
    [{ state: { last_failure_at: lately } }, /^warn deliveries: .*slower than they come/],
    [{ webhook: { status: "paused" } }, /^warn deliveries: .*it is paused, and they are being cancelled/],
  ];
  for (const [given, expected] of table) {
    const [first = "", ...more] = await overdue(given);
    assertMatch(first, expected);
    assertEquals(more, []);
  }
});

Deno.test("examineOverdue() finds nothing where it is too early to tell, or nobody runs", async () => {
  const fine = ["ok deliveries: none is overdue > null"];
  const lately = NOW - 5 * MINUTE + 1;
  assertEquals(await overdue({ at: lately }), fine);
  assertEquals(await overdue({ living: [process("A", 0, lately)] }), fine);
  assertEquals(await overdue({ webhook: { updated_at: new Date(lately).toISOString() } }), fine);
  assertEquals(await overdue({ state: { hold_until: lately } }), fine);
  assertEquals(await overdue({ webhook: { health: { ...EXAMPLE_WEBHOOK.health, pending: 0 } } }), fine);
  assertEquals(await overdue({ living: [] }), []);
});

const ENV = { TIDINGS_SECRET_KEY: SECRET_KEY, TIDINGS_ALLOW_NETWORKS: "" };

function portOf(url: string): string {
  return new URL(url).port;
}

Deno.test("doctor tells that the service which answers works on another database", async () => {
  await using file = await temporaryFile();
  await using other = await temporaryFile();
  await using service = await startTestService({ kv: file.path });
  const env = { ...ENV, PORT: portOf(service.url) };
  const own = await admin(["doctor"], { kv: file.path, env });
  assertEquals([own.code, own.stderr], [0, ""], own.stdout);
  assertMatch(own.stdout, /^ok {4}processes: 1 on this database, by the same clock$/m);
  assertMatch(own.stdout, /^ok {4}deliveries: none is overdue$/m);

  const elsewhere =
    /^fail {2}service: the one that answers works on another database than \S+, .*\n {6}Both must have/m;
  const absent = await admin(["doctor"], { kv: other.path, env });
  assertEquals(absent.code, 1);
  assertMatch(absent.stdout, elsewhere);
  // There is a database, and maybe somebody else works on it.
  await using _second = await startTestService({ kv: other.path });
  const present = await admin(["doctor"], { kv: other.path, env });
  assertEquals(present.code, 1);
  assertMatch(present.stdout, elsewhere);
});

const FAKE_PROCESS = "01M853HDJ1ZJGCAN2JBNTPXPVY";

/** Beats in a database as a process would whose clock is ahead of ours; returns what ends it. */
async function beatIn(db: Deno.Kv, ahead_ms: number): Promise<() => void> {
  const beat = () => db.set(keys.instance(FAKE_PROCESS), beatRecord.encode({ at: Date.now() + ahead_ms }));
  await beat();
  const timer = setInterval(() => void beat().catch(() => {}), 500);
  return () => clearInterval(timer);
}

Deno.test("doctor tells that a process on the database has another time, and of one that has ended nothing", async () => {
  await using file = await temporaryFile();
  const options = { kv: file.path, env: ENV };
  assertEquals((await admin(["keys", "list"], options)).code, 0);
  using db = await Deno.openKv(file.path);
  await db.set(keys.instance(FAKE_PROCESS), beatRecord.encode({ at: Date.now() + 3600 * SECOND }));
  const ended = await admin(["doctor"], options);
  assertEquals(ended.code, 0, ended.stdout);
  assertEquals(/^\w+ +processes/m.test(ended.stdout), false, ended.stdout);
  const stop = await beatIn(db, 3600 * SECOND);
  const skewed = await admin(["doctor"], options);
  stop();
  assertEquals(skewed.code, 1);
  assertMatch(
    skewed.stdout,
    /^fail {2}clock: that of the process 01M853HDJ1ZJGCAN2JBNTPXPVY .* is 3600 s ahead of/m,
  );
});

Deno.test("doctor tells of deliveries that wait while nobody works on the database, and what holds overdue ones back", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: [503] });
  const env = { TIDINGS_RETRY_BASE_MS: "600000" };
  let [port, webhook_id, event_id] = ["", "", ""];
  {
    await using service = await startTestService({ kv: file.path, env });
    port = portOf(service.url);
    webhook_id = (await service.webhook(receiver.url, { max_retries: 10 })).id;
    event_id = (await service.post(goal(1))).id;
    await receiver.received(1);
    const beside = await admin(["doctor"], { kv: file.path, env: { ...ENV, PORT: port } });
    assertMatch(beside.stdout, /^ok {4}deliveries: none is overdue$/m);
  }
  const options = { kv: file.path, env: { ...ENV, PORT: port } };
  const alone = await admin(["doctor"], options);
  assertMatch(alone.stdout, /^warn {2}deliveries: 1 wait, and no service runs to send them\n {6}Start it/m);

  using db = await Deno.openKv(file.path);
  const due = keys.due(webhook_id, Date.now() - 10 * MINUTE, event_id);
  await db.set(due, dueRecord.encode({ site_id: SITE, owner: null, unwritten: null }));
  const stop = await beatIn(db, 0);
  const overdue = await admin(["doctor"], options);
  stop();
  assertMatch(
    overdue.stdout,
    /^warn {2}deliveries: 2 of wh_\S+ .* of \S+ wait, the first since .*: its receiver asked for quiet/m,
  );
});
