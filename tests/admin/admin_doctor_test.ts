/**
 * The doctor: what it finds on the machine and at a service, and what it advises.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Backend, localBackend } from "../../admin/backend.ts";
import { type Check, ok } from "../../admin/checks.ts";
import { examine, type ExaminedConfig, type ExaminePorts, type OpenedDatabase } from "../../admin/examine.ts";
import { clockChecks } from "../../admin/examine_clock.ts";
import { type Disk, diskChecks, type FileInfo, SYSTEM_DISK } from "../../admin/examine_files.ts";
import { guardChecks } from "../../admin/examine_guard.ts";
import { Failure, WrongUse } from "../../admin/failure.ts";
import { AppError } from "../../lib/errors.ts";
import { addressVerdict, parseNetworks } from "../../lib/outbound/address.ts";
import { type Answers, fakeService, FINE, NOW, run, words } from "./fake_world.ts";

const GIB = 1024 ** 3;
const CONFIG: ExaminedConfig = {
  kv: { kind: "file", path: "/data/tidings.db" },
  host: "127.0.0.1",
  port: 8080,
  retry_base_ms: 10_000,
  allow_networks: [],
  allow_http: false,
  sender: "pinned",
  secret_key: null,
  secret_key_previous: null,
};

function info(mode: number, written_at = NOW): FileInfo {
  return { mode, uid: 1000, bytes: 4096, is_folder: mode >> 12 === 4, written_at };
}

const FILES: Readonly<Record<string, FileInfo>> = {
  "/data": info(0o40700),
  "/data/tidings.db": info(0o100644),
  "/data/tidings.db.key": info(0o100600),
};

function disk(files = FILES, free: number | Error = 10 * GIB): Disk {
  return {
    fileSystem: () => Promise.resolve(0xef53),
    info: (path) => Promise.resolve(files[path] ?? null),
    freeBytes: () => free instanceof Error ? Promise.reject(free) : Promise.resolve(free),
  };
}

/** The API on a database in which is what a test says, and nothing else. */
function backendOf(answers: Answers = {}): Backend {
  const { fetch } = fakeService({
    "GET /v1/keys": { data: [] },
    "GET /v1/sites": { data: [], next_cursor: null },
    ...answers,
  });
  return localBackend({ place: "here", fetch, close: () => Promise.resolve() });
}

const NOTHING_DUE: OpenedDatabase["store"] = {
  look: () => Promise.resolve({ due: [], next: null }),
  laneState: () => Promise.resolve(null),
};

/** The checks that are not fine, as `fail subject: detail`, and how often the database was closed. */
async function found(
  given: Partial<ExaminePorts> & { config?: Partial<ExaminedConfig>; answers?: Answers } = {},
): Promise<{ troubles: string[]; checks: Check[]; closed: number }> {
  const { config = {}, answers, ...ports } = given;
  let closed = 0;
  const checks = await examine({
    readConfig: () => ({ config: { ...CONFIG, ...config } }),
    open: () =>
      Promise.resolve({
        has_queue: true,
        backend: backendOf(answers),
        tryOut: () => Promise.resolve(),
        beats: () => Promise.resolve([]),
        store: NOTHING_DUE,
        close: () => Promise.resolve(void closed++),
      }),
    running: () => Promise.resolve({ check: ok("service", "it runs"), is_running: false, instance: null }),
    envFiles: () => Promise.resolve([]),
    environment: () => ({}),
    wait: () => Promise.resolve(),
    guard: () => ({ own_addresses: ["192.0.2.1"], allows: () => false }),
    disk: disk(),
    now: () => NOW,
    ...ports,
  });
  const troubles = checks.filter(({ status }) => status !== "ok")
    .map(({ status, subject, detail }) => `${status} ${subject}: ${detail}`);
  return { troubles, checks, closed };
}

Deno.test("examine() finds nothing where all is well, and closes the database", async () => {
  const { troubles, checks, closed } = await found();
  assertEquals([troubles, closed], [[], 1]);
  assertEquals(checks.map(({ subject }) => subject), [
    "configuration",
    "address",
    "service",
    "secret key",
    "database",
    "queue",
    "keys",
    "webhooks",
    "files",
    "disk",
    "clock",
    "guard",
  ]);
  assert(checks.every(({ next_step }) => next_step === null));
});

Deno.test("examine() tells every mistake of the configuration at once, and looks no further", async () => {
  const mistakes = [
    { variable: "PORT", message: "PORT must be a number" },
    { variable: "TIDINGS_KV", message: "TIDINGS_KV must be a path" },
  ];
  const { troubles } = await found({
    readConfig: () => ({ mistakes }),
    open: () => Promise.reject(new Error("must not be opened")),
  });
  assertEquals(troubles, [
    "fail configuration: PORT must be a number",
    "fail configuration: TIDINGS_KV must be a path",
  ]);
});

Deno.test("examine() tells why a database does not open, or can't be written, and closes it", async () => {
  const refused = (error: Error): Promise<never> => Promise.reject(error);
  const wrong_key = await found({
    open: () => refused(new WrongUse("read the secrets in this database: the key must be the one")),
  });
  assertEquals(wrong_key.troubles, [
    "fail secret key: can't read the secrets in this database: the key must be the one",
  ]);
  const held = await found({ open: () => refused(new Failure("another process holds it", "Look for it.")) });
  assertEquals(held.troubles, ["fail database: another process holds it"]);
  assertEquals(held.checks.find(({ subject }) => subject === "database")?.next_step, "Look for it.");
  let closed = 0;
  const full = await found({
    open: () =>
      Promise.resolve({
        has_queue: false,
        backend: backendOf(),
        tryOut: () => refused(new Error("disk is full")),
        beats: () => Promise.resolve([]),
        store: NOTHING_DUE,
        close: () => Promise.resolve(void closed++),
      }),
  });
  assertEquals([full.troubles, closed], [["fail database: disk is full"], 1]);
});

Deno.test("examine() opens no database that is not there, so that it makes none", async () => {
  const open = (): Promise<never> => Promise.reject(new Error("must not be opened"));
  const { "/data": folder } = FILES;
  assert(folder !== undefined);
  for (const files of [{}, { "/data": folder }]) {
    const { troubles, checks } = await found({ open, disk: disk(files) });
    assertEquals(troubles, []);
    assertMatch(
      checks.find(({ subject }) => subject === "database")?.detail ?? "",
      /the first start makes it/,
    );
  }
  const memory = await found({ open, config: { kv: { kind: "memory" } } });
  assertMatch(memory.troubles.join(), /^warn database: .*lost when that ends$/);
});

Deno.test("examine() goes on where a file can't be looked at", async () => {
  const info = (): Promise<never> => Promise.reject(new Deno.errors.PermissionDenied("not yours\nmore"));
  const { troubles, checks } = await found({ disk: { ...disk(), info } });
  assertEquals(troubles, [
    "fail files: can't be looked at: not yours",
    "fail clock: can't be looked at: not yours",
  ]);
  assertEquals(checks.at(-1)?.subject, "guard");
});

Deno.test("examine() warns of files that others may read, and fails for the key", async () => {
  const files = { ...FILES, "/data": info(0o40755), "/data/tidings.db.key": info(0o100640) };
  const { troubles } = await found({ disk: disk(files) });
  assertEquals(troubles, [
    "warn files: other users of this machine may read /data/tidings.db (mode 0644)",
    "fail files: other users of this machine may read /data/tidings.db.key (mode 0640)",
  ]);
});

Deno.test("examine() warns of a key that is being replaced, one that is not used, and plain http beyond this machine", async () => {
  const key = new Uint8Array(32);
  const { troubles } = await found({
    config: { secret_key: key, secret_key_previous: key, host: "0.0.0.0" },
  });
  assertEquals(troubles, [
    "warn address: it listens on 0.0.0.0, and speaks plain http",
    "warn secret key: TIDINGS_SECRET_KEY_PREVIOUS is set: the key is being replaced",
    "warn secret key: /data/tidings.db.key is not used, because TIDINGS_SECRET_KEY is set",
  ]);
});

Deno.test("diskChecks() warns before the disk is full, and says when it can't tell", async () => {
  const table: [free: number | Error, status: string][] = [
    [GIB, "ok"],
    [GIB - 1, "warn"],
    [64 * 1024 * 1024 - 1, "fail"],
    [new Error("Requires sys access\nmore"), "warn"],
  ];
  for (const [free, status] of table) {
    const [check] = await diskChecks("/data/tidings.db", disk(FILES, free));
    assertEquals(check?.status, status);
    assert(!check?.detail.includes("\n"));
  }
  const large = { "/data/tidings.db": { ...info(0o100600), bytes: 20 * GIB } };
  assertEquals((await diskChecks("/data/tidings.db", disk(large)))[0]?.status, "warn");
});

Deno.test("SYSTEM_DISK tells of files, folders, and of what is not there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/a`, "12345", { mode: 0o640 });
    const file = await SYSTEM_DISK.info(`${folder}/a`);
    assertEquals([file?.bytes, (file?.mode ?? 0) & 0o777], [5, 0o640]);
    assertEquals(await SYSTEM_DISK.info(`${folder}/b`), null);
    assert(await SYSTEM_DISK.freeBytes(folder) > 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("clockChecks() fails for a clock that is before this release, or was set back", () => {
  const minute = 60_000;
  const table: [now: number, written: number | null, status: string][] = [
    [NOW, null, "ok"],
    [NOW, NOW + minute, "ok"],
    [NOW, NOW + minute + 1, "fail"],
    [Date.parse("2025-12-31T23:59:59Z"), null, "fail"],
    [0, null, "fail"],
  ];
  for (const [now, written, status] of table) {
    assertEquals(clockChecks(now, written)[0]?.status, status, `${now} ${written}`);
  }
});

function guardTroubles(networks: string, given: Partial<ExaminedConfig> = {}): string[] {
  const parsed = parseNetworks(networks);
  assert(parsed.ok);
  const policy = { allow_networks: parsed.networks, own_addresses: new Set(["192.0.2.1"]) };
  return guardChecks({ ...CONFIG, allow_networks: parsed.networks, ...given }, {
    own_addresses: ["192.0.2.1"],
    allows: (address) => addressVerdict(address, policy) === "allowed",
  }).filter(({ status }) => status !== "ok").map(({ detail }) => detail);
}

Deno.test("guardChecks() warns of networks with credentials or this machine in them, and of none else", () => {
  assertEquals(guardTroubles(""), []);
  assertEquals(guardTroubles("10.0.0.0/8,192.168.0.0/16,fd00:1::/32"), []);
  assertMatch(guardTroubles("169.254.0.0/16").join(), /^[^,]*169\.254\.169\.254, the cloud's metadata/);
  assertMatch(guardTroubles("127.0.0.0/8").join(), /^[^,]*this machine itself \(127\.0\.0\.1\)$/);
  assertMatch(guardTroubles("192.0.2.0/24").join(), /this machine itself \(192\.0\.2\.1\)$/);
  assertEquals(guardTroubles("0.0.0.0/0").length, 4);
  assertMatch(guardTroubles("::/0").join(), /fd00:ec2::254/);
  assertMatch(guardTroubles("", { allow_http: true }).join(), /without encryption/);
  assertMatch(guardTroubles("", { sender: "fetch" }).join(), /TIDINGS_SENDER=fetch/);
  const [broken] = guardChecks(CONFIG, { problem: "no interfaces" });
  assertEquals([broken?.status, broken?.detail], ["fail", "no interfaces"]);
});

Deno.test("doctor prints its checks with what to do, and exits with 1 if one fails", async () => {
  const warning: Check = { subject: "disk", status: "warn", detail: "small\x1b", next_step: "Make room." };
  const failing: Check = { subject: "key", status: "fail", detail: "wrong", next_step: null };
  const doctor = (...checks: Check[]) =>
    run(["doctor"], { machine: { examine: () => Promise.resolve(checks) } });
  const well = await doctor(FINE);
  assertEquals([well.code, well.stdout], [0, "ok    clock: it ticks\n\nAll is well.\n"]);
  const warned = await doctor(FINE, warning);
  assertEquals(warned.code, 0);
  assertMatch(
    warned.stdout,
    /^warn {2}disk: small\\u001b\n {6}Make room\.\n\nIt works; 1 of 2 checks warn\.$/m,
  );
  const failed = await doctor(FINE, warning, failing);
  assertEquals([failed.code, failed.stderr], [1, ""]);
  assertMatch(failed.stdout, /^fail {2}key: wrong\n\n1 of 3 checks failed\.$/m);
  const json = await run(words("doctor --json"), { machine: { examine: () => Promise.resolve([failing]) } });
  assertEquals([json.code, JSON.parse(json.stdout)], [1, { ok: false, checks: [failing] }]);
});

/** What the doctor finds at a service that answers this. */
async function atService(answers: Record<string, unknown>): Promise<{ code: number; lines: string[] }> {
  const { fetch } = fakeService({
    "GET /healthz": { status: "ok" },
    "GET /": { name: "Tidings", version: "1.2.3" },
    "GET /readyz": { status: "ready" },
    "GET /v1/keys": { data: [{ expires_at: null }, { expires_at: null }] },
    "GET /v1/sites": { data: [], next_cursor: null },
    ...answers,
  });
  const ready = Object.hasOwn(answers, "503");
  const { code, stdout } = await run(words("doctor --url http://b:1 --key abc"), {
    fetch: (url, init) =>
      ready && url.endsWith("/readyz")
        ? Promise.resolve(Response.json(answers["503"], { status: 503 }))
        : fetch(url, init),
  });
  return { code, lines: stdout.split("\n").filter((line) => /^(?:ok|warn|fail)/.test(line)) };
}

Deno.test("doctor over REST tells whether a service lives, works, and takes the key", async () => {
  assertEquals(await atService({}), {
    code: 0,
    lines: [
      "ok    service: it answers at http://b:1",
      "ok    version: Tidings 1.2.3",
      "ok    readiness: it can read, write and send",
      "ok    key: accepted, as admin; there are 2 keys",
      "ok    keys: 2, none over",
      "ok    webhooks: 0, none in trouble",
    ],
  });
  const unready = await atService({ "503": { status: "not_ready", problems: ["Storage is full", "B"] } });
  assertEquals([unready.code, unready.lines[2]], [1, "fail  readiness: Storage is full; B"]);
  const reader = await atService({ "GET /v1/keys": new AppError("forbidden", "no") });
  assertEquals([reader.code, reader.lines[3]], [0, "warn  key: accepted, but not as admin"]);
  const stranger = await atService({ "GET /v1/keys": new AppError("unauthorized", "no") });
  assertEquals([stranger.code, stranger.lines[3]], [1, "fail  key: the service does not accept it"]);
  const gone = await run(words("doctor --url http://b:1 --key abc"), {
    fetch: () => Promise.reject(new TypeError("x", { cause: new Error("Connection refused") })),
  });
  assertEquals(gone.code, 1);
  assertMatch(gone.stdout, /^fail {2}service: the service at http:\/\/b:1 can't be reached: nothing listens/);
});
