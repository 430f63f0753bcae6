/**
 * The administration command as a process of its own: on a file, beside a running service, over its API, and with no
 * permission beyond what `deno task admin` gives.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  ADMIN_KEY,
  apiAt,
  countOf,
  type CreatedWebhook,
  goal,
  type PageJson,
  SITE,
  sitePath,
  until,
  type WebhookJson,
} from "../helpers/api.ts";
import { admin, adminJson } from "../helpers/admin_command.ts";
import type { Ended } from "../helpers/ended.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { SECRET_KEY, startProcess, startTestService, temporaryFile } from "../helpers/service.ts";

const URL_OF_HOOK = "http://127.0.0.1:9/in";
const HOOK = ["--site", SITE, "--url", URL_OF_HOOK, "--events", "goal_completion"];

/** What is in the folder of a file. */
async function namesBeside(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path.replace(/\/[^/]*$/, "")));
  return entries.map(({ name }) => name);
}

Deno.test("admin works without a service, on a database that was not there before", async () => {
  await using file = await temporaryFile();
  const kv = `${file.path}.d/tidings.db`;
  const created = await admin(["keys", "create", "--name", "first", "--scope", "admin"], { kv });
  assertEquals([created.code, created.stderr], [0, ""]);
  const [key = ""] = /tdk_\S+/.exec(created.stdout) ?? [];
  const list = await admin(["keys", "list"], { kv });
  assertMatch(list.stdout, /^ID .*\n\S{26} +first +admin /);
  assert(!list.stdout.includes("tdk_"));

  // What was made is what a service that is started later works with: the key beside the file is the same.
  const secret_key = (await Deno.readTextFile(`${kv}.key`)).trim();
  await using service = await startTestService({ kv, env: { TIDINGS_SECRET_KEY: secret_key } });
  assertEquals((await service.call("GET", "/v1/keys", undefined, { key })).status, 200);
});

Deno.test("admin works beside a running service, which notices at once or within its next look", async () => {
  await using file = await temporaryFile();
  const kv = file.path;
  const env = { TIDINGS_SECRET_KEY: SECRET_KEY };
  await using service = await startTestService({ kv });
  const webhooks = (): Promise<readonly WebhookJson[]> =>
    service.call<PageJson<WebhookJson>>("GET", sitePath("/webhooks")).then(({ json }) => json.data);
  // The service keeps what it has read.
  assertEquals(await webhooks(), []);

  const webhook = await adminJson<CreatedWebhook>(["webhooks", "create", ...HOOK], { kv, env });
  const [noticed] = await until(async () => {
    const found = await webhooks();
    return found.length > 0 ? found : null;
  }, "the service has noticed the webhook");
  const { secret: _secret, standard_secret: _standard, ...shown } = webhook;
  assertEquals(noticed, shown);
  const { json: over_rest } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${webhook.id}`));
  assertEquals(await adminJson(["webhooks", "show", webhook.id, "--site", SITE], { kv, env }), over_rest);
  assertEquals(await adminJson(["webhooks", "list", "--site", SITE], { kv, env }), { data: [over_rest] });

  const scope = ["--scope", "read", "--site", SITE];
  const made = await adminJson<{ id: string; key: string }>(["keys", "create", "--name", "a", ...scope], {
    kv,
    env,
  });
  const status = async () =>
    (await service.call("GET", sitePath("/webhooks"), undefined, { key: made.key })).status;
  assertEquals(await status(), 200);
  assertEquals((await admin(["keys", "revoke", made.id], { kv, env })).code, 0);
  assertEquals(await status(), 401);
});

Deno.test("what admin posts and redelivers on the file is sent by the service beside it", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  const options = { kv: file.path, env: { TIDINGS_SECRET_KEY: SECRET_KEY } };
  await using service = await startTestService({ kv: file.path });
  const { id } = await service.webhook(receiver.url);
  const data = JSON.stringify({ goal_name: "Signup", visitor_count: 7 });
  const event = ["--event", "goal_completion", "--data", data];
  await adminJson(["events", "send", "--site", SITE, ...event], options);
  assertEquals(countOf(await receiver.received(1)), 7);
  const [delivery] = await service.settled("delivered", 1);

  await adminJson(["deliveries", "redeliver", delivery?.id ?? "", "--site", SITE], options);
  await receiver.received(2);
  const triggers = await until(async () => {
    const [found] = await service.deliveries();
    return found?.attempts_total === 2 ? found.attempts.map(({ trigger }) => trigger) : null;
  }, "the second attempt is recorded");
  assertEquals(triggers, ["automatic", "manual"]);

  // A webhook that is disabled from outside is told nothing more, as soon as the service has noticed.
  assertEquals((await admin(["webhooks", "disable", id, "--site", SITE], options)).code, 0);
  await until(async () => (await service.post(goal())).queued === 0, "the service has noticed");
});

Deno.test("a service started on a backup made beside the running one has all of it, with the same key", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  const kv = `${file.path}.d/tidings.db`;
  await Deno.mkdir(`${file.path}.d`);
  await using service = await startProcess({ kv });
  const webhook = await service.webhook(receiver.url, { headers: { "X-Team": "sales" } });
  await service.post(goal(1));
  await service.settled("delivered", 1);

  const copy = `${file.path}.d/copy.db`;
  const made = await admin(["backup", copy], { kv, env: { TIDINGS_SECRET_KEY: SECRET_KEY } });
  assertEquals([made.code, made.stderr], [0, ""]);
  assert(made.stdout.includes("TIDINGS_SECRET_KEY"));
  await service.post(goal(2));

  await using restored = await startTestService({ kv: copy });
  const { json } = await restored.call<WebhookJson>("GET", sitePath(`/webhooks/${webhook.id}`));
  assertEquals([json.url, json.headers], [receiver.url, { "X-Team": "********" }]);
  assertEquals((await restored.deliveries()).map(({ status }) => status), ["delivered"]);
  await restored.post(goal(3));
  const [last] = await until(() => {
    const found = receiver.requests.filter((request) => countOf(request) === 3);
    return found.length > 0 ? found : null;
  }, "the restored service sends");
  assertEquals(last?.headers.get("x-team"), "sales");

  // Below the folder of the database only: that is what the command may write.
  const outside = await admin(["backup", "/elsewhere/copy.db"], { kv });
  assertEquals([outside.code, outside.stdout], [2, ""]);
  assertMatch(outside.stderr, /^Cannot write \/elsewhere\/copy\.db: this command may only write in/);
});

Deno.test("reencrypt beside a running service ends a change of the secret key", async () => {
  await using file = await temporaryFile();
  const kv = file.path;
  const new_key = btoa("a-new-key-a-new-key-a-new-key-32");
  const env = { TIDINGS_SECRET_KEY: new_key, TIDINGS_SECRET_KEY_PREVIOUS: SECRET_KEY };
  {
    await using before = await startTestService({ kv });
    await before.webhook("http://127.0.0.1:9/in");
  }
  {
    await using _service = await startTestService({ kv, env });
    const early = await admin(["keys", "list"], { kv, env: { TIDINGS_SECRET_KEY: new_key } });
    assertEquals(early.code, 2);
    const answer = await adminJson(["reencrypt"], { kv, env });
    assertEquals(answer, { webhooks: 1, watches: 0, resealed: 1 });
  }
  const alone = { kv, env: { TIDINGS_SECRET_KEY: new_key } };
  assertEquals((await admin(["keys", "list"], alone)).code, 0);
  assertEquals((await admin(["webhooks", "list", "--site", SITE], alone)).code, 0);
  const old = await admin(["keys", "list"], { kv, env: { TIDINGS_SECRET_KEY: SECRET_KEY } });
  assertMatch(old.stderr, /^Cannot read the secrets in this database/);
});

Deno.test("doctor looks at the machine, makes nothing, and exits with 1 for a configuration that is wrong", async () => {
  await using file = await temporaryFile();
  const kv = `${file.path}.d/tidings.db`;
  const first = await admin(["doctor"], { kv });
  assertEquals([first.code, first.stderr], [0, ""]);
  assertMatch(first.stdout, /^ok {4}database: \S+ is not there yet/m);
  assertEquals(await namesBeside(file.path), []);

  await adminJson(["keys", "create", "--name", "a", "--scope", "admin"], { kv });
  const { ok, checks } = await adminJson<{ ok: boolean; checks: { subject: string; status: string }[] }>(
    ["doctor"],
    { kv },
  );
  const statusOf = (subject: string) => checks.find((check) => check.subject === subject)?.status;
  assertEquals(
    [ok, ...["configuration", "secret key", "database", "queue", "files", "clock"].map(statusOf)],
    [true, "ok", "ok", "ok", "ok", "ok", "ok"],
  );

  const env = { PORT: "http", TIDINGS_SECRET_KEY: "my-secret", TIDINGS_LOGG: "info" };
  const wrong = await admin(["doctor"], { kv, env });
  assertEquals([wrong.code, wrong.stderr], [1, ""]);
  assertEquals(wrong.stdout.match(/^fail {2}configuration: /gm)?.length, 3);
  assert(!wrong.stdout.includes("my-secret"));

  await using service = await startTestService();
  const over_rest = await admin(["doctor", "--url", service.url, "--key", "-"], { kv, stdin: ADMIN_KEY });
  assertEquals([over_rest.code, over_rest.stderr], [0, ""]);
  assertMatch(over_rest.stdout, /All is well\.\n$/);
});

Deno.test("admin over REST prints exactly the service's answers", async () => {
  await using file = await temporaryFile();
  await using service = await startTestService();
  const rest = ["--url", service.url, "--key", "-"];
  const options = { kv: file.path, stdin: ADMIN_KEY };
  const created = await admin([...rest, "webhooks", "create", ...HOOK, "--json"], options);
  assertEquals([created.code, created.stderr], [0, ""]);
  const { id } = JSON.parse(created.stdout);

  const lines: [args: string[], path: string][] = [
    [["webhooks", "show", id, "--site", SITE], sitePath(`/webhooks/${id}`)],
    [["webhooks", "list", "--site", SITE], sitePath("/webhooks")],
    [["keys", "list"], "/v1/keys"],
  ];
  for (const [args, path] of lines) {
    const { stdout } = await admin([...args, ...rest, "--json"], options);
    assertEquals(stdout, `${(await service.call("GET", path)).text}\n`);
  }
  // The database of the environment was not touched.
  assertEquals(await namesBeside(file.path), []);
});

Deno.test("admin over REST says what to do about a bad key, a missing right, and a service that is not there", async () => {
  await using file = await temporaryFile();
  const service = await startTestService();
  const { url } = service;
  const reader = await apiAt(url).key("read");
  const keysList = (key: string): Promise<Ended> =>
    admin(["keys", "list", "--url", url, "--key", key], { kv: file.path });

  const unknown = await keysList("tdk_unknown_key");
  assertEquals([unknown.code, unknown.stdout], [1, ""]);
  assertMatch(unknown.stderr, /^Cannot list the keys: the service does not accept the key\.\nCheck --key/);
  const forbidden = await keysList(reader);
  assertEquals(forbidden.code, 1);
  assertMatch(
    forbidden.stderr,
    /^Cannot list the keys: this key may not do that.*\nUse a key of another scope/,
  );
  await service.stop();
  const gone = await keysList(reader);
  assertEquals(gone.code, 1);
  assertMatch(
    gone.stderr,
    /^Cannot list the keys: the service at \S+ can't be reached: nothing listens there\.\n/,
  );
  for (const { stderr } of [unknown, forbidden, gone]) assert(!stderr.includes("tdk_"), stderr);
});

Deno.test("admin refuses a database that it can't work on, in words, with exit code 2", async () => {
  await using file = await temporaryFile();
  const kv = file.path;
  const env = { TIDINGS_SECRET_KEY: SECRET_KEY };
  await adminJson(["webhooks", "create", ...HOOK], { kv, env });
  const other_key = btoa("another-key-another-key-another!");
  const table: [env: Record<string, string>, complaint: RegExp][] = [
    [{ TIDINGS_SECRET_KEY: other_key }, /^Cannot read the secrets in this database: TIDINGS_SECRET_KEY/],
    [{}, /^Cannot use the secret key file \S+: it is missing although \S+ is there: put it back/],
    [
      { TIDINGS_KV: ":memory:" },
      /^Cannot reach a database in the memory of another process: use --url and --key/,
    ],
    [
      { PORT: "http", TIDINGS_SECRET_KEY: "my-secret", TIDINGS_KVV: "x" },
      /^Cannot use the configuration:\n {2}PORT must be .*\n {2}TIDINGS_SECRET_KEY must be .*\n {2}TIDINGS_KVV is not known/,
    ],
  ];
  for (const [env, complaint] of table) {
    const { code, stdout, stderr } = await admin(["webhooks", "list", "--site", SITE], { kv, env });
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr, complaint);
    assert(!stderr.includes("my-secret") && !stderr.includes(other_key), stderr);
  }
  // Without the key of the environment none is made: it would not fit, and lie there as if it did.
  assertEquals((await namesBeside(kv)).filter((name) => name.endsWith(".key")), []);
});

Deno.test("admin refuses a file that is no database, or that it may not write, with exit code 1", async () => {
  await using file = await temporaryFile();
  const env = { TIDINGS_SECRET_KEY: SECRET_KEY };
  await Deno.writeTextFile(file.path, "This is a text.");
  const text = await admin(["keys", "list"], { kv: file.path, env });
  assertEquals([text.code, text.stdout], [1, ""]);
  assertMatch(text.stderr, /^Cannot list the keys: \S+ is not a database of Tidings\.\nCheck TIDINGS_KV/);

  await using elsewhere = await temporaryFile();
  const outside = await admin(["keys", "list"], {
    kv: file.path,
    env: { ...env, TIDINGS_KV: elsewhere.path },
  });
  assertEquals([outside.code, outside.stdout], [1, ""]);
  assertMatch(
    outside.stderr,
    /^Cannot list the keys: the database \S+ can.t be opened for writing\.\nCheck TIDINGS_KV/,
  );
  assert(!/\n\s+at /.test(outside.stderr), outside.stderr);
});

Deno.test("admin reads --body from below the folder it was called from, and from stdin", async () => {
  await using file = await temporaryFile();
  const kv = file.path;
  const env = { TIDINGS_SECRET_KEY: SECRET_KEY };
  const called_from = await Deno.makeTempDir({ prefix: "tidings-test-" });
  try {
    const body = JSON.stringify({ url: URL_OF_HOOK, events: ["visitor_drop"], name: "From a file" });
    await Deno.writeTextFile(`${called_from}/hook.json`, body);
    const create = ["webhooks", "create", "--site", SITE, "--body"];
    const options = { kv, env, called_from };
    const by_name = await adminJson<WebhookJson>([...create, "hook.json"], options);
    const by_stdin = await adminJson<WebhookJson>([...create, "-"], { ...options, stdin: body });
    assertEquals([by_name.name, by_stdin.name], ["From a file", "From a file"]);

    const outside = await admin([...create, "/etc/hostname"], options);
    assertEquals([outside.code, outside.stdout], [2, ""]);
    assertMatch(outside.stderr, /only files below the current folder.*--body - < \/etc\/hostname/);
    const missing = await admin([...create, "none.json"], options);
    assertEquals([missing.code, missing.stderr], [2, "Cannot read none.json: there is no such file.\n"]);
  } finally {
    await Deno.remove(called_from, { recursive: true });
  }
});
