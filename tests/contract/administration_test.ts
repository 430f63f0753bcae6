/**
 * "Administration" of the contract: `deno task admin` as a person and a script meet it, beside a running service.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { admin, adminJson } from "../helpers/admin_command.ts";
import { inheritedEnvironment } from "../helpers/inherited.ts";
import {
  ADMIN_KEY,
  countOf,
  type CreatedWebhook,
  goal,
  SITE,
  sitePath,
  until,
  within,
} from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { SECRET_KEY, startProcess, temporaryFile } from "../helpers/service.ts";
import { NOBODY } from "./section.ts";

/** Every noun with its verbs. */
const NOUNS: Readonly<Record<string, readonly string[]>> = {
  keys: ["create", "list", "revoke"],
  sites: ["list", "delete"],
  webhooks: [
    "create",
    "update",
    "list",
    "show",
    "enable",
    "disable",
    "delete",
    "test",
    "rotate-secret",
    "recover",
  ],
  events: ["send", "list", "show", "explain"],
  deliveries: ["list", "show", "redeliver"],
  readings: ["send"],
  watch: ["show", "set", "remove"],
};
const ALONE = ["stats", "audit", "doctor", "export", "import", "backup", "reencrypt", "completion"];

const OF_SITE = ["--site", SITE];
const env = { TIDINGS_SECRET_KEY: SECRET_KEY };

/** The commands that a page of help lists. */
function listed(help: string): string[] {
  const [, commands = ""] = help.split("\nCommands:\n");
  return commands.matchAll(/^ {2}([a-z][a-z-]*)/gm).map((match) => match[1] ?? "").filter((name) =>
    name !== "help"
  )
    .toArray().toSorted();
}

Deno.test("the contract: administration, every noun has its verbs, with --help and exit code 0", async () => {
  await using file = await temporaryFile();
  const table: [args: string[], commands: readonly string[]][] = [
    [[], [...Object.keys(NOUNS), ...ALONE]],
    ...Object.entries(NOUNS).map(([noun, verbs]): [string[], readonly string[]] => [[noun], verbs]),
  ];
  await Promise.all(table.map(async ([args, commands]) => {
    const { code, stdout, stderr } = await admin([...args, "--help"], { kv: file.path });
    assertEquals([code, stderr], [0, ""]);
    const missing = commands.filter((name) => !listed(stdout).includes(name));
    assertEquals(missing, [], args.join(" "));
  }));
  assertEquals(await Deno.stat(file.path).catch(() => null), null, "nothing was opened");
});

Deno.test("the contract: administration, the exit code is 0 done, 1 failed, 2 wrong use", async () => {
  await using file = await temporaryFile();
  const absent = "wh_01JMZ0000000000000000000AA";
  const table: [args: string[], code: number][] = [
    [["keys", "list"], 0],
    [["webhooks", "show", absent, ...OF_SITE], 1],
    [["webhooks", "show", absent], 2],
    [["keys", "lose"], 2],
    [["keys", "list", "--colour"], 2],
  ];
  await admin(["keys", "list"], { kv: file.path, env });
  const ends = await Promise.all(table.map(([args]) => admin(args, { kv: file.path, env })));
  for (const [index, [args, code]] of table.entries()) {
    assertEquals(ends[index]?.code, code, `${args.join(" ")}: ${ends[index]?.stderr}`);
    assertEquals(ends[index]?.stderr === "", code === 0, args.join(" "));
  }
});

Deno.test("the contract: administration, --json prints the REST answer, on the file and with --url and --key", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  await using service = await startProcess({ kv: file.path });
  const webhook = await service.webhook(receiver.url);
  const { id } = await service.post(goal());
  const [delivery] = await service.settled("delivered", 1);
  const table: [args: string[], path: string][] = [
    [["sites", "list"], "/v1/sites"],
    [["webhooks", "show", webhook.id, ...OF_SITE], sitePath(`/webhooks/${webhook.id}`)],
    [["events", "list", ...OF_SITE], sitePath("/events")],
    [["events", "show", id, ...OF_SITE], sitePath(`/events/${id}`)],
    [["deliveries", "list", ...OF_SITE], sitePath("/deliveries")],
    [["deliveries", "show", delivery?.id ?? "", ...OF_SITE], sitePath(`/deliveries/${delivery?.id}`)],
    [["audit"], "/v1/audit"],
  ];
  const remote = ["--url", service.url, "--key", "-"];
  await Promise.all(table.map(async ([args, path], index) => {
    const { json } = await service.call<unknown>("GET", path);
    assertEquals(await adminJson<unknown>(args, { kv: file.path, env }), json, args.join(" "));
    if (index % 4 !== 0) return;
    const over_rest = await adminJson<unknown>([...args, ...remote], { kv: file.path, stdin: ADMIN_KEY });
    assertEquals(over_rest, json, args.join(" "));
  }));
  const table_for_people = await admin(["webhooks", "list", ...OF_SITE], { kv: file.path, env });
  assertMatch(table_for_people.stdout, /^ID /);
  assertStringIncludes(table_for_people.stdout, webhook.id);
});

Deno.test("the contract: administration, a change takes effect in the service beside it, by itself", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  await using service = await startProcess({ kv: file.path });
  const options = { kv: file.path, env };
  const queued = async () => (await service.post(goal())).queued;
  // The service keeps what it has read.
  assertEquals(await queued(), 0);
  const hook = [...OF_SITE, "--url", receiver.url, "--events", "goal_completion"];
  const { id } = await adminJson<CreatedWebhook>(["webhooks", "create", ...hook], options);
  await until(async () => await queued() === 1, "the service knows of the webhook");
  await adminJson(["webhooks", "update", id, ...OF_SITE, "--goal", "Other"], options);
  await until(async () => await queued() === 0, "the service knows of the filter");

  const data = JSON.stringify({ goal_name: "Other", visitor_count: 77 });
  await adminJson(["events", "send", ...OF_SITE, "--event", "goal_completion", "--data", data], options);
  await until(
    () => receiver.requests.some((request) => countOf(request) === 77),
    "what was posted beside it is sent",
  );
  await adminJson(["webhooks", "disable", id, ...OF_SITE], options);
  const other = goal(1, { data: { goal_name: "Other", visitor_count: 1 } });
  await until(
    async () => (await service.post(other)).skipped[0]?.reason === "disabled",
    "the service knows of it",
  );

  const made = ["keys", "create", "--name", "n", "--scope", "read", ...OF_SITE];
  const key = await adminJson<{ id: string; key: string }>(made, options);
  const status = async () =>
    (await service.call("GET", sitePath("/webhooks"), undefined, { key: key.key })).status;
  await until(async () => await status() === 200, "the key is known");
  // An answer without a body is null, so that what is printed is always one value of JSON.
  const revoked = await admin(["keys", "revoke", key.id, "--json"], options);
  assertEquals(revoked, { code: 0, stdout: "null\n", stderr: "" });
  await until(async () => await status() === 401, "the key is revoked");
});

Deno.test("the contract: administration, fields are flags, or all of them --body", async () => {
  await using file = await temporaryFile();
  const options = { kv: file.path, env };
  const fields = { url: NOBODY, events: ["visitor_spike"], max_retries: 7, filters: { goals: ["A", "B"] } };
  const flags = [
    "--url",
    NOBODY,
    "--events",
    "visitor_spike",
    "--max-retries",
    "7",
    "--goal",
    "A",
    "--goal",
    "B",
  ];
  const by_flags = await adminJson<CreatedWebhook>(["webhooks", "create", ...OF_SITE, ...flags], options);
  const body = ["webhooks", "create", ...OF_SITE, "--body", "-"];
  const by_body = await adminJson<CreatedWebhook>(body, { ...options, stdin: JSON.stringify(fields) });
  const same = (
    { id: _, secret: _s, standard_secret: _t, created_at: _c, updated_at: _u, ...rest }: CreatedWebhook,
  ) => rest;
  assertEquals(same(by_flags), same(by_body));
});

Deno.test("the contract: administration, deno task admin itself works", async () => {
  await using file = await temporaryFile();
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await within(
      new Deno.Command(Deno.execPath(), {
        args: ["task", "--quiet", "admin", ...args],
        cwd: new URL("../../", import.meta.url),
        clearEnv: true,
        env: { ...inheritedEnvironment(), TIDINGS_KV: file.path },
      }).output(),
      "the command",
    );
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
  const created = await run("keys", "create", "--name", "first", "--scope", "admin", "--json");
  assertEquals([created.code, created.stderr], [0, ""]);
  assertMatch(JSON.parse(created.stdout).key, /^tdk_/);
  const wrong = await run("keys", "create", "--name", "first");
  assertEquals([wrong.code, wrong.stdout], [2, ""]);
  assert(wrong.stderr.includes("--scope"));
});
