/**
 * The doctor: what it finds in the database, on the disk, and where the service listens.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { type Backend, restBackend } from "../../admin/backend.ts";
import type { Check } from "../../admin/checks.ts";
import { examineContents } from "../../admin/examine_contents.ts";
import { type Disk, placeChecks } from "../../admin/examine_files.ts";
import { examineRunning } from "../../admin/examine_running.ts";
import { AppError } from "../../lib/errors.ts";
import { admin } from "../helpers/admin_command.ts";
import { startTestService } from "../helpers/service.ts";
import { type Answers, fakeService, NOW } from "./fake_world.ts";

const DAY_MS = 24 * 3_600_000;

function warnings(checks: readonly Check[]): string[] {
  return checks.filter(({ status }) => status !== "ok")
    .map(({ status, subject, detail, next_step }) => `${status} ${subject}: ${detail} > ${next_step}`);
}

function backend(answers: Answers): Backend {
  const { fetch } = fakeService(answers);
  return restBackend({ url: "http://b:1", key: "k" }, fetch);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

const HEALTH = { consecutive_failures: 0, last_success_at: null, breaker: "closed", pending: 0 };

function webhook(id: string, given: Record<string, unknown>): Record<string, unknown> {
  return {
    id,
    site_id: "a.example",
    name: id,
    status: "active",
    status_reason: null,
    health: HEALTH,
    ...given,
  };
}

const SITES = { data: [{ site_id: "a.example" }], next_cursor: null };
const NOTHING: Answers = {
  "GET /v1/keys": { data: [] },
  "GET /v1/sites": SITES,
  "GET /v1/sites/a.example/webhooks": { data: [] },
  "GET /v1/sites/a.example/watch": new AppError("not_found", "none"),
};

Deno.test("the doctor tells of keys that are over or soon will be, and of no other", async () => {
  const key = (name: string, expires_at: string | null) => ({ id: name.toUpperCase(), name, expires_at });
  const keys = [
    key("never", null),
    key("later", iso(NOW + 14 * DAY_MS + 1)),
    key("soon", iso(NOW + 14 * DAY_MS)),
    key("over", iso(NOW)),
  ];
  const { checks } = await examineContents(backend({ ...NOTHING, "GET /v1/keys": { data: keys } }), NOW);
  const [soon = "", over = "", ...more] = warnings(checks);
  assertMatch(soon, /^warn keys: SOON \(soon\) ends at .* > .*keys create/);
  assertMatch(over, /^warn keys: OVER \(over\) is over since .* > .*keys revoke OVER$/);
  assertEquals(more, []);
});

Deno.test("the doctor tells of webhooks that are paused, fail or do not fit, and of none that is disabled", async () => {
  const data = [
    webhook("well", { health: { ...HEALTH, consecutive_failures: 1, pending: 2 } }),
    webhook("off", { status: "disabled", health: { ...HEALTH, consecutive_failures: 9 } }),
    webhook("gone", { status: "paused", status_reason: "the receiver answered 410" }),
    webhook("down", { health: { ...HEALTH, consecutive_failures: 5, breaker: "open", pending: 40 } }),
    webhook("odd", { hint: "a URL of Slack without its format" }),
  ];
  const { checks, webhooks } = await examineContents(
    backend({ ...NOTHING, "GET /v1/sites/a.example/webhooks": { data } }),
    NOW,
  );
  const [gone = "", down = "", odd = "", ...more] = warnings(checks);
  assertMatch(
    gone,
    /paused: the receiver answered 410\. .* > .*webhooks enable gone --site a\.example, then/,
  );
  assertMatch(
    down,
    /failed 5 times in a row.*breaker open\); 40 deliveries wait, .*never > .*webhooks test down/,
  );
  assertMatch(odd, /odd \(odd\) of a\.example: a URL of Slack/);
  assertEquals([more, webhooks.map(({ id }) => id)], [[], data.map(({ id }) => id)]);
});

Deno.test("the doctor tells of a site whose last look at Plausible failed", async () => {
  const watch = { site_id: "a.example", last_error: "Plausible answered 401" };
  const { checks } = await examineContents(
    backend({ ...NOTHING, "GET /v1/sites/a.example/watch": watch }),
    NOW,
  );
  const [failed = "", ...more] = warnings(checks);
  assertMatch(
    failed,
    /^warn watches: .*a\.example in Plausible failed: Plausible answered 401 > .*TIDINGS_PLAUSIBLE/,
  );
  assertEquals(more, []);
});

Deno.test("the doctor tells ten troubles of a kind, and how many more there are", async () => {
  const data = Array.from({ length: 13 }, (_, index) => webhook(`w${index}`, { status: "paused" }));
  const { checks } = await examineContents(
    backend({ ...NOTHING, "GET /v1/sites/a.example/webhooks": { data } }),
    NOW,
  );
  const told = warnings(checks);
  assertEquals([told.length, told.at(-1)?.split(" > ")[0]], [11, "warn webhooks: and 3 more"]);
});

Deno.test("the doctor reads every page of sites", async () => {
  const { checks } = await examineContents(
    backend({
      ...NOTHING,
      "GET /v1/sites": [{ ...SITES, next_cursor: "x" }, {
        data: [{ site_id: "b.example" }],
        next_cursor: null,
      }],
      "GET /v1/sites/b.example/webhooks": { data: [webhook("last", { status: "paused" })] },
      "GET /v1/sites/b.example/watch": new AppError("not_found", "none"),
    }),
    NOW,
  );
  assertMatch(warnings(checks).join(), /^warn webhooks: last/);
});

/** A disk of one file system, with the owners of files. */
function disk(type: number | Error, owners: Readonly<Record<string, number>> = {}): Disk {
  return {
    info(path) {
      const uid = owners[path];
      return Promise.resolve(
        uid === undefined ? null : { mode: 0o600, uid, bytes: 1, is_folder: false, written_at: NOW },
      );
    },
    freeBytes: () => Promise.resolve(1),
    fileSystem: () => type instanceof Error ? Promise.reject(type) : Promise.resolve(type),
  };
}

Deno.test("the doctor tells of a database in memory, in a container's layer, and on a network", async () => {
  const table: [type: number, told: RegExp][] = [
    [0x01021994, /^warn files: \/data is on tmpfs: it is memory/],
    [0x794c7630, /^warn files: \/data is on overlay: .*container/],
    [0x6969, /^warn files: \/data is on NFS: .*locks/],
    [0xff534d42, /^warn files: \/data is on CIFS: .*locks/],
  ];
  for (const [type, told] of table) {
    assertMatch(warnings(await placeChecks("/data/tidings.db", disk(type))).join(), told);
  }
  assertEquals(await placeChecks("/data/tidings.db", disk(0xef53)), []);
  assertEquals(await placeChecks("/data/tidings.db", disk(new Error("no statfs"))), []);
});

Deno.test("the doctor tells of files that belong to another user than their folder", async () => {
  const owners = {
    "/data": 1000,
    "/data/tidings.db": 1000,
    "/data/tidings.db-wal": 0,
    "/data/tidings.db.key": 0,
  };
  const [told = "", ...more] = warnings(await placeChecks("/data/tidings.db", disk(0xef53, owners)));
  assertMatch(
    told,
    /tidings\.db-wal and \/data\/tidings\.db\.key belong to another user .* > .*chown --reference=\/data/,
  );
  assertEquals(more, []);
  const same = Object.fromEntries(Object.keys(owners).map((path) => [path, 1000]));
  assertEquals(await placeChecks("/data/tidings.db", disk(0xef53, same)), []);
});

Deno.test("the doctor tells the service from what else listens on its port, and other versions from its own", async () => {
  await using service = await startTestService();
  const at = (url: string) => ({ host: "127.0.0.1", port: Number(new URL(url).port) });
  const { version } = await (await fetch(service.url)).json() as { version: string };
  const own = await examineRunning(at(service.url), { fetch, version });
  assertEquals([own?.check.status, own?.is_running], ["ok", true]);
  const old = await examineRunning(at(service.url), { fetch, version: "9.9.9" });
  assertMatch(
    warnings(old === null ? [] : [old.check]).join(),
    /version .* this command is of 9\.9\.9 > Restart/,
  );

  const other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("hello"));
  const taken = await examineRunning({ host: "0.0.0.0", port: other.addr.port }, { fetch, version });
  await other.shutdown();
  assertMatch(
    warnings(taken === null ? [] : [taken.check]).join(),
    /^fail service: something that is not Tidings.*PORT/,
  );
  assertEquals(taken?.is_running, false);

  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const quiet = await examineRunning({ host: "127.0.0.1", port: silent.addr.port }, { fetch, version });
  silent.close();
  assertMatch(
    warnings(quiet === null ? [] : [quiet.check]).join(),
    /^fail service: what listens at http:\S+ does not answer within 3 s > If it is the service, .*restart it/,
  );

  const free = await examineRunning({ host: "127.0.0.1", port: other.addr.port }, { fetch, version });
  assertEquals([free?.check.status, free?.is_running], ["ok", false]);
  assertEquals(await examineRunning({ host: "127.0.0.1", port: 0 }, { fetch, version }), null);
});

Deno.test("doctor finds on the machine itself that there is no key, and that the pace is that of a test", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const kv = `${folder}/tidings.db`;
    const options = { kv, env: { PORT: "0", TIDINGS_RETRY_BASE_MS: "10" } };
    await admin(["sites", "list"], options);
    const { code, stdout, stderr } = await admin(["doctor"], options);
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /^warn {2}configuration: TIDINGS_RETRY_BASE_MS is 10: /m);
    assertMatch(stdout, /^ok {4}keys: none; .*deno task admin keys create/m);
    await admin(["keys", "create", "--name", "a", "--scope", "ingest", "--site", "*"], options);
    assertMatch((await admin(["doctor"], options)).stdout, /^ok {4}keys: 1, none over$/m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
