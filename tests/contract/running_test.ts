/**
 * "Running" of the contract: what each environment variable does, and how the process begins and ends.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ADMIN_KEY, countOf, type CreatedWebhook, goal, sitePath, within } from "../helpers/api.ts";
import { inheritedEnvironment } from "../helpers/inherited.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { gather } from "../helpers/lines.ts";
import { runProcess, startProcess, temporaryFile } from "../helpers/service.ts";
import { NOBODY } from "./section.ts";

const PROJECT = new URL("../../", import.meta.url);
const HOOK = { url: NOBODY, events: ["goal_completion"] };

/** The numbers that an operator may set: the least and the greatest. */
const NUMBERS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  TIDINGS_RETENTION_DAYS: [7, 365],
  TIDINGS_TIMEOUT_MS: [1000, 30_000],
};

/** These variables, each at what its range makes of it. */
function numbers(of: (range: readonly [min: number, max: number]) => number): Record<string, string> {
  return Object.fromEntries(Object.entries(NUMBERS).map(([name, range]) => [name, String(of(range))]));
}

/** The names that stderr complains of, in its order. */
function namesIn(stderr: string): string[] {
  return stderr.trim().split("\n").map((line) => /^tidings: (\w+) /.exec(line)?.[1] ?? line);
}

Deno.test("the contract: running, numbers are taken at their limits, and the listening line comes at every level", async () => {
  const [least, most] = [numbers(([min]) => min), numbers(([, max]) => max)];
  const starts = [{ TIDINGS_LOG: "debug", ...least }, { TIDINGS_LOG: "info", ...most }, {
    TIDINGS_LOG: "warn",
  }, { TIDINGS_LOG: "error" }];
  for (const env of starts) {
    await using file = await temporaryFile();
    await using service = await startProcess({ kv: file.path, env });
    const lines = service.lines.map((line) => JSON.parse(line));
    const [line, ...others] = lines.filter(({ message }) => message === "listening");
    assertEquals([line.level, line.url, others], ["info", service.url, []], env.TIDINGS_LOG);
    assertMatch(line.url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    for (const { level } of lines.filter(({ message }) => message !== "listening")) {
      assert(env.TIDINGS_LOG === "debug" || level !== "debug", `${level} at ${env.TIDINGS_LOG}`);
    }
    const { json } = await service.call<CreatedWebhook>("POST", sitePath("/webhooks"), HOOK);
    assertEquals(json.timeout_ms, Number("TIDINGS_TIMEOUT_MS" in env ? env.TIDINGS_TIMEOUT_MS : 10_000));
  }
});

Deno.test("the contract: running, every mistake is reported at once, by name, and the exit code is 2", async () => {
  await using file = await temporaryFile();
  const others = {
    PORT: "65536",
    TIDINGS_ADMIN_KEY: "k".repeat(31),
    TIDINGS_SECRET_KEY: btoa("31 bytes are one too few for it"),
    TIDINGS_SECRET_KEY_PREVIOUS: btoa("x".repeat(33)),
    TIDINGS_ALLOW_NETWORKS: "127.0.0.0/8,10.0.0.0/33",
    TIDINGS_ALLOW_HTTP: "yes",
    TIDINGS_SENDER: "curl",
    TIDINGS_LOG: "trace",
    TIDINGS_LOG_FORMAT: "text",
    TIDINGS_RETRY_BASE_MS: "0",
  };
  for (const env of [{ ...others, ...numbers(([min]) => min - 1) }, numbers(([, max]) => max + 1)]) {
    const { code, stdout, stderr } = await runProcess({ kv: file.path, env });
    assertEquals([code, stdout, namesIn(stderr).toSorted()], [2, "", Object.keys(env).toSorted()]);
  }
  const server = await runProcess({ kv: "https://kv.example/", env: { TIDINGS_SECRET_KEY: "" } });
  assertEquals([server.code, namesIn(server.stderr).toSorted()], [2, [
    "DENO_KV_ACCESS_TOKEN",
    "TIDINGS_SECRET_KEY",
  ]]);
});

Deno.test("the contract: running, an empty variable counts as unset", async () => {
  await using file = await temporaryFile();
  const names = [
    "HOST",
    "SECRET_KEY",
    "SECRET_KEY_PREVIOUS",
    "ALLOW_NETWORKS",
    "ALLOW_HTTP",
    "RETENTION_DAYS",
  ];
  const more = ["RETRY_BASE_MS", "SENDER", "TIMEOUT_MS", "LOG", "LOG_FORMAT"];
  const env = Object.fromEntries([...names, ...more].map((name) => [`TIDINGS_${name}`, ""]));
  await using service = await startProcess({ kv: file.path, env });
  assertMatch(service.url, /^http:\/\/127\.0\.0\.1:/);
  const post = (url: string) => service.call<CreatedWebhook>("POST", sitePath("/webhooks"), { ...HOOK, url });
  assertEquals((await post("https://name.invalid/")).json.timeout_ms, 10_000);
  // No network is allowed, and no plain http to public addresses.
  for (const url of ["https://127.0.0.1/", "https://localhost/", NOBODY, "http://9.9.9.9/"]) {
    assertEquals((await post(url)).status, 422, url);
  }
  assertEquals(service.lines.some((line) => line.includes('"level":"debug"')), false);
});

Deno.test("the contract: running, a delivery is tried again after 10 s unless TIDINGS_RETRY_BASE_MS says otherwise", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: 500 });
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_RETRY_BASE_MS: "" } });
  await service.webhook(receiver.url);
  await service.post(goal());
  const [delivery] = await service.settledAs(({ next_attempt_at }) => next_attempt_at !== null, 1);
  const [attempt] = delivery?.attempts ?? [];
  const answered_at = Date.parse(attempt?.at ?? "") + (attempt?.duration_ms ?? 0);
  const wait_ms = Date.parse(delivery?.next_attempt_at ?? "") - answered_at;
  // A fifth more or less; the answer is judged a moment after it came.
  assert(wait_ms >= 7_900 && wait_ms <= 13_000, `${wait_ms} ms`);
});

Deno.test("the contract: running, no secret, header value or key is in the file as it is", async () => {
  await using file = await temporaryFile();
  await using service = await startProcess({ kv: file.path });
  const secret = "an-own-secret-0123456789";
  await service.webhook(NOBODY, {
    secret,
    headers: { "X-A": "value-of-a-header" },
    name: "name-of-a-webhook",
  });
  const key = await service.key("read");
  service.kill("SIGTERM");
  await within(service.ended, "the end");
  const folder = file.path.replace(/\/[^/]*$/, "");
  let stored = "";
  for await (const { name } of Deno.readDir(folder)) {
    stored += new TextDecoder("latin1").decode(await Deno.readFile(`${folder}/${name}`));
  }
  const found = [secret, "value-of-a-header", key, key.split("_")[2] ?? key].filter((text) =>
    stored.includes(text)
  );
  assertEquals([found, stored.includes("name-of-a-webhook")], [[], true]);
});

Deno.test("the contract: running, TIDINGS_ADMIN_KEY of 32 characters is admin, and without it nobody is", async () => {
  const own = "k".repeat(32);
  for (const [value, expected] of [[own, [200, 401]], ["", [401, 401]]] as const) {
    await using file = await temporaryFile();
    await using service = await startProcess({ kv: file.path, env: { TIDINGS_ADMIN_KEY: value } });
    const statuses = [];
    for (const key of [own, ADMIN_KEY]) {
      statuses.push((await service.call("GET", "/v1/keys", undefined, { key })).status);
    }
    assertEquals(statuses, [...expected]);
  }
});

Deno.test("the contract: running, PORT and TIDINGS_HOST say where it listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using service = await startProcess({
    kv: ":memory:",
    env: { PORT: String(port), TIDINGS_HOST: "localhost" },
  });
  assertMatch(service.url, new RegExp(`^http://[^/]+:${port}$`));
  assertEquals((await service.call("GET", "/healthz", undefined, { key: null })).status, 200);
});

Deno.test("the contract: running, on a file in a folder that is made, the key beside it is kept; a wrong one is noticed", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  const kv = `${file.path}.d/deep/tidings.db`;
  const env = { TIDINGS_SECRET_KEY: "" };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using service = await startProcess({ kv, env });
    if (signal === "SIGTERM") await service.webhook(receiver.url);
    service.kill(signal);
    assertEquals(await within(service.ended, "the end"), { code: 0, stderr: "" });
  }
  assertEquals(((await Deno.stat(`${kv}.key`)).mode ?? 0) & 0o777, 0o600);
  const { code, stderr } = await runProcess({ kv, env: { TIDINGS_SECRET_KEY: btoa("k".repeat(32)) } });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "TIDINGS_SECRET_KEY");

  const TIDINGS_SECRET_KEY_PREVIOUS = (await Deno.readTextFile(`${kv}.key`)).trim();
  const changed = { TIDINGS_SECRET_KEY: btoa("k".repeat(32)), TIDINGS_SECRET_KEY_PREVIOUS };
  await using service = await startProcess({ kv, env: changed });
  await service.post(goal(7));
  assertEquals(countOf(await within(receiver.received(1), "the event")), 7);
});

Deno.test("the contract: running, TIDINGS_ALLOW_NETWORKS and _ALLOW_HTTP say which receivers are dialled, TIDINGS_SENDER by what", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  {
    await using service = await startProcess({ kv: file.path, env: { TIDINGS_SENDER: "fetch" } });
    await service.webhook(receiver.url);
    await service.post(goal());
    await service.settled("delivered", 1);
  }
  const env = { TIDINGS_ALLOW_NETWORKS: "10.0.0.0/8", TIDINGS_ALLOW_HTTP: "true" };
  await using service = await startProcess({ kv: file.path, env });
  await service.post(goal());
  const [blocked] = await service.settled("blocked", 1, "?limit=1");
  assertEquals(blocked?.attempts.map(({ outcome, error }) => [outcome, error]), [[
    "blocked",
    "blocked_address",
  ]]);
  assertEquals(receiver.requests.length, 1);
  for (
    const [url, status] of [["http://9.9.9.9/", 201], ["http://10.0.0.1/", 201], [
      "https://127.0.0.1/",
      422,
    ]] as const
  ) {
    assertEquals((await service.call("POST", sitePath("/webhooks"), { ...HOOK, url })).status, status, url);
  }
});

Deno.test("the contract: running, deno task start reads a .env file", async () => {
  await using file = await temporaryFile();
  const folder = file.path.replace(/\/[^/]*$/, "");
  for (const name of ["admin", "kv", "lib", "routes", "main.ts", "service.ts", "deno.json", "deno.lock"]) {
    await Deno.symlink(new URL(name, PROJECT), `${folder}/${name}`);
  }
  const settings = {
    PORT: "0",
    TIDINGS_KV: `${folder}/data/own.db`,
    TIDINGS_LOG: "warn",
    TIDINGS_ADMIN_KEY: ADMIN_KEY,
  };
  const text = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join("");
  await Deno.writeTextFile(`${folder}/.env`, text);
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["task", "start"],
    cwd: folder,
    clearEnv: true,
    env: inheritedEnvironment(),
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const read = gather(child.stdout, resolve).then(() =>
    reject(new Error("The task ended before it listened"))
  );
  const { message, url, pid } = JSON.parse(await within(promise, "the first line"));
  assertEquals(message, "listening");
  const response = await fetch(`${url}/v1/keys`, { headers: { Authorization: `Bearer ${ADMIN_KEY}` } });
  assertEquals([response.status, await response.json()], [200, { data: [] }]);
  Deno.kill(pid, "SIGTERM");
  assertEquals((await within(child.status, "the end of the task")).code, 0);
  await read;
  assert((await Deno.stat(settings.TIDINGS_KV)).isFile);
});
