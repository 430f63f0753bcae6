/**
 * The administration command as its users meet it: help, output, exit codes.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Failure, WrongUse } from "../../admin/failure.ts";
import { NOUNS, VERBS } from "../../admin/run.ts";
import { AppError } from "../../lib/errors.ts";
import type { ShownKey } from "../../lib/keys.ts";
import { CONDITION_AT_FIRST, showWebhook } from "../../lib/shown_webhook.ts";
import { sampleWebhook } from "../helpers/sample.ts";
import { type Answers, type Given, NOW, type Outcome, run as runCommand, words } from "./fake_world.ts";

const SITE = "example.com";
const KEY: ShownKey = {
  id: "01ABC",
  name: "Reader",
  scope: "read",
  sites: [SITE],
  expires_at: new Date(NOW - 1).toISOString(),
  created_at: new Date(NOW - 1000).toISOString(),
  last_used_at: null,
};
const KEY_TEXT = "tdk_01ABC_0123456789";
const WEBHOOK = showWebhook(sampleWebhook(), { ...CONDITION_AT_FIRST, pending: 3, now_ms: 0 }, true);
const SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";

const HOOKS = `/v1/sites/${SITE}/webhooks`;
const CREATED = { ...WEBHOOK, secret: "an-owner's-own-secret-text", standard_secret: SECRET };

/** What a service with one key and one webhook answers. */
const ANSWERS: Answers = {
  "GET /v1/keys": { data: [KEY] },
  "POST /v1/keys": { ...KEY, key: KEY_TEXT },
  "DELETE /v1/keys/01ABC": undefined,
  [`POST ${HOOKS}`]: CREATED,
  [`GET ${HOOKS}`]: { data: [WEBHOOK] },
  [`GET ${HOOKS}/wh_1`]: WEBHOOK,
  "GET /v1/sites/other.example/webhooks": { data: [] },
};

function run(args: readonly string[], given: Given = {}): Promise<Outcome> {
  return runCommand(args, { answers: ANSWERS, ...given });
}

/** What was asked, without headers. */
function bodies({ asked }: Outcome): unknown[] {
  return asked.map(({ line, body }) => body === undefined ? [line] : [line, body]);
}

/** Every command that there is. */
const COMMANDS = [
  ...NOUNS.flatMap(({ name, verbs }) => verbs.map((verb) => `${name} ${verb.name}`)),
  ...VERBS.map(({ name }) => name),
];

Deno.test("every command has --help, which asks nobody and exits with 0", async () => {
  for (const line of ["", ...NOUNS.map(({ name }) => name), ...COMMANDS]) {
    const { code, stdout, stderr, opened } = await run([...words(line), "--help"]);
    assertEquals([code, stderr, opened], [0, "", 0], line);
    assertMatch(stdout, new RegExp(`^Usage: deno task admin ${line}`));
    assert(stdout.includes("--help"));
    for (const row of stdout.split("\n")) {
      // Examples are there to be copied, so they are not wrapped.
      assert(row.length <= 80 || row.startsWith("  deno task admin "), row);
    }
  }
  const { code, stdout } = await run(["help", "keys"]);
  assert(code === 0 && stdout.startsWith("Usage: deno task admin keys"));
});

Deno.test("wrong use exits with 2, says what is wrong on stderr, and opens no database", async () => {
  const table: [line: string, complaint: RegExp][] = [
    ["", /^Usage:/],
    ["keys", /^Usage:/],
    ["nonsense", /unknown command 'nonsense'/],
    ["keys lst", /unknown command 'lst'.*\n\(Did you mean list\?\)/],
    ["keys list more", /too many arguments for 'list'. Expected 0 arguments but got 1\.$/m],
    ["keys list --nonsense=tdk_a_b", /unknown option '--nonsense'\./],
    ["keys revoke", /missing required argument 'id'/],
    ["keys revoke ../webhooks", /^Cannot understand the id/],
    ["keys create --name a", /--scope must be given/],
    ["keys create --name a --scope root", /--scope must be one of read, ingest/],
    ["keys create --name a --scope read --expires soon", /--expires must be a date/],
    ["keys create --name", /'--name <name>' argument missing/],
    ["webhooks list", /required option '--site <domain>' not specified/],
    ["webhooks list --site 10.0.0.1", /--site must not be or contain an IP address/],
    ["webhooks show wh_1", /required option '--site <domain>'/],
    ["webhooks create --site example.com", /--url must be given.*\n.*--events must be given/],
    ["webhooks create --site example.com --url u --url v --events a", /--url must be given only once/],
    ["webhooks create --site example.com --body -", /^Cannot read a file\.$/m],
    [
      "webhooks create --site example.com --body f --events a --goal b",
      /leave out --events, --goal, or --body/,
    ],
    ["webhooks create --site example.com --body f --url https://a.example", /--url needs --key/],
    ["keys list --url http://127.0.0.1", /--url needs --key/],
    ["keys list --key abc", /--key needs --url/],
    ["--key abc keys list", /--key needs --url/],
    ["keys list --url nonsense --key abc", /--url must be an http\(s\) URL/],
  ];
  for (const [line, complaint] of table) {
    const { code, stdout, stderr, opened } = await run(words(line));
    assertEquals([code, stdout, opened], [2, "", 0], line);
    assertMatch(stderr, complaint, line);
    assert(!stderr.includes("tdk_"), stderr);
  }
});

Deno.test("keys create sends every flag and shows the key once, with a hint", async () => {
  const line = "keys create --name Reader --scope read --site example.com --site * --expires 12h";
  const outcome = await run(words(line));
  const { code, stdout } = outcome;
  assertEquals(code, 0);
  const expires_at = new Date(NOW + 12 * 3_600_000).toISOString();
  assertEquals(bodies(outcome), [
    ["POST /v1/keys", { name: "Reader", scope: "read", sites: ["example.com", "*"], expires_at }],
  ]);
  assertEquals(stdout.split(KEY_TEXT).length, 2);
  assertMatch(stdout, /It is shown only now/);
  assertEquals(outcome.closed, 1);
});

Deno.test("--json prints the answer as it is, one line, after the verb or in front of the noun", async () => {
  for (
    const line of [
      "keys create --name a --scope metrics --json",
      "--json keys create --name a --scope metrics",
    ]
  ) {
    const { stdout } = await run(words(line));
    assertEquals(stdout, `${JSON.stringify({ ...KEY, key: KEY_TEXT })}\n`);
  }
  assertEquals((await run(words("keys list --json"))).stdout, `${JSON.stringify({ data: [KEY] })}\n`);
  assertEquals(
    (await run(words("webhooks show wh_1 --site example.com --json"))).stdout,
    `${JSON.stringify(WEBHOOK)}\n`,
  );
  // 204 has no body, but a script that parses what it gets must not fail.
  assertEquals((await run(words("keys revoke 01ABC --json"))).stdout, "null\n");
});

Deno.test("keys list shows a table that fits the terminal, and which keys are over", async () => {
  const long = { ...KEY, name: "n".repeat(100), sites: ["a.example", "b.example"], expires_at: null };
  const { stdout } = await run(["keys", "list"], {
    answers: { "GET /v1/keys": { data: [KEY, long] } },
    columns: 100,
  });
  const [titles = "", first = "", second = ""] = stdout.trimEnd().split("\n");
  assertMatch(titles, /^ID +NAME +SCOPE +SITES +EXPIRES +LAST USED$/);
  assertMatch(first, /^01ABC +Reader +read .*over: /);
  assertMatch(second, /^01ABC +n+… +read /);
  assert([titles, first, second].every((line) => line.length <= 100));
});

Deno.test("lists that are empty say where they looked", async () => {
  assertEquals(
    (await run(["keys", "list"], { answers: { "GET /v1/keys": { data: [] } } })).stdout,
    "There is no key in ./data/tidings.db.\n",
  );
  const { stdout } = await run(words("webhooks list --site other.example"));
  assertEquals(stdout, "other.example has no webhook in ./data/tidings.db.\n");
});

Deno.test("keys revoke names the key", async () => {
  const outcome = await run(words("keys revoke 01ABC"));
  assertEquals([outcome.code, bodies(outcome)], [0, [["DELETE /v1/keys/01ABC"]]]);
  assertMatch(outcome.stdout, /^Key 01ABC is revoked/);
});

Deno.test("webhooks create makes the body of flags, whatever follows --secret, and shows the secrets once", async () => {
  const args = [
    ...words(
      "webhooks create --site Example.COM --url https://a.example/x --events goal_completion,visitor_drop",
    ),
    ...[
      "--name",
      "Sales channel",
      "--goal",
      "Sign up, twice",
      "--spike-threshold",
      "100",
      "--header",
      "X-A: b",
    ],
    ...["--enabled", "false", "--rate-limit-per-minute", "none", "--secret", "--dashes-are-fine-in-a-secret"],
  ];
  const outcome = await run(args);
  const { code, stdout } = outcome;
  assertEquals(code, 0);
  assertEquals(bodies(outcome), [[`POST ${HOOKS}`, {
    url: "https://a.example/x",
    events: ["goal_completion", "visitor_drop"],
    name: "Sales channel",
    filters: { goals: ["Sign up, twice"], visitor_spike: { threshold: 100 } },
    headers: { "X-A": "b" },
    enabled: false,
    rate_limit_per_minute: null,
    secret: "--dashes-are-fine-in-a-secret",
  }]]);
  for (const secret of ["an-owner's-own-secret-text", SECRET]) assertEquals(stdout.split(secret).length, 2);
  assertMatch(stdout, /It is shown only now/);
});

Deno.test("webhooks create --body reads all fields as JSON", async () => {
  const body = { url: "https://a.example", events: ["visitor_drop"], filters: { goals: ["A"] } };
  const files: string[] = [];
  const outcome = await run(words("webhooks create --site example.com --body hook.json"), {
    readText(file) {
      files.push(file);
      return Promise.resolve(JSON.stringify(body));
    },
  });
  assertEquals([outcome.code, files, bodies(outcome)], [0, ["hook.json"], [[`POST ${HOOKS}`, body]]]);
});

Deno.test("webhooks list and show show what there is", async () => {
  const { stdout } = await run(words("webhooks list --site example.com"));
  assertMatch(
    stdout,
    /^ID +NAME +STATUS +EVENTS +PENDING +URL\nwh_\S+ +Webhook 1 +active +goal_completion, custom_event +3 +https:/,
  );
  const shown = await run(words("webhooks show wh_1 --site example.com"));
  assertEquals(bodies(shown), [[`GET ${HOOKS}/wh_1`]]);
  assertMatch(shown.stdout, /^filters\.visitor_spike\.threshold +10$/m);
  assertMatch(shown.stdout, /^headers\.Authorization +\*{8}$/m);
});

Deno.test("a refusal exits with 1, names the flags, and closes the database", async () => {
  const failure = new AppError("validation_failed", "Cannot accept the input", {
    errors: [{ path: "/sites/1", message: "must be a site" }, {
      path: "/expires_at",
      message: "must be in the future",
    }],
  });
  const line = words("keys create --name a --scope read --site x --json");
  const { code, stdout, stderr, closed } = await run(line, { answers: { "POST /v1/keys": failure } });
  assertEquals([code, stdout, closed], [1, "", 1]);
  assertEquals(
    stderr,
    "Cannot create the key: a value is not valid.\n  --site: must be a site\n  --expires: must be in the future\n",
  );
});

Deno.test("what was not found is told with the command that lists what there is", async () => {
  const failure = new AppError("not_found", "Not found: the site has no such webhook");
  const { stderr } = await run(words("webhooks show wh_9 --site example.com"), {
    answers: { [`GET ${HOOKS}/wh_9`]: failure },
  });
  assertEquals(
    stderr,
    "Cannot show the webhook: the site has no such webhook.\n" +
      "`deno task admin webhooks list --site example.com` shows what there is.\n",
  );
});

Deno.test("a database that does not open is told in words: exit 1, or 2 if the configuration is wrong", async () => {
  const failed = await run(["keys", "list"], {
    openLocal: () => Promise.reject(new Failure("it is gone", "Look.")),
  });
  assertEquals([failed.code, failed.stderr], [1, "Cannot list the keys: it is gone.\nLook.\n"]);
  const wrong = await run(["keys", "list"], {
    openLocal: () =>
      Promise.reject(new WrongUse("use the configuration", ["PORT must be", "TIDINGS_KV must be"])),
  });
  assertEquals(
    [wrong.code, wrong.stderr],
    [2, "Cannot use the configuration:\n  PORT must be\n  TIDINGS_KV must be\n"],
  );
});

/** Runs over REST against a service that answers with an empty list; returns what it was asked. */
async function overRest(
  line: string,
  stdin = "",
): Promise<Outcome & { urls: string[]; keys: (string | null)[] }> {
  const urls: string[] = [];
  const keys: (string | null)[] = [];
  const outcome = await run(words(line), {
    fetch(url, init) {
      urls.push(`${init.method} ${url} ${init.body ?? ""}`);
      keys.push(new Headers(init.headers).get("Authorization"));
      return Promise.resolve(Response.json({ data: [] }));
    },
    readText: () => Promise.resolve(stdin),
  });
  return { ...outcome, urls, keys };
}

Deno.test("--url and --key work over the API, after the verb or in front of the noun", async () => {
  for (const line of ["keys list --url http://b:1 --key abc", "--url http://b:1 --key abc keys list"]) {
    const { code, urls, keys, stdout, opened } = await overRest(line);
    assertEquals([code, urls, keys, opened], [0, ["GET http://b:1/v1/keys "], ["Bearer abc"], 0]);
    assertEquals(stdout, "There is no key in http://b:1.\n");
  }
  const { keys } = await overRest("keys list --url http://b:1 --key -", "from-stdin\n");
  assertEquals(keys, ["Bearer from-stdin"]);
});

Deno.test("where a webhook is made, --url after the verb is the webhook's; with --body it is the service's", async () => {
  const flags = "webhooks create --site example.com --url https://hook.example --events visitor_drop --json";
  const path = "POST http://b:1/v1/sites/example.com/webhooks";
  const first = await overRest(`--url http://b:1 --key abc ${flags}`);
  assertEquals(first.urls, [`${path} {"url":"https://hook.example","events":["visitor_drop"]}`]);
  const key_last = await overRest(`--url http://b:1 ${flags} --key abc`);
  assertEquals(key_last.urls, first.urls);
  const body = await overRest(
    "webhooks create --site example.com --body - --url http://b:1 --key abc --json",
    "{}",
  );
  assertEquals(body.urls, [`${path} {}`]);

  const unclear = await overRest(`${flags} --key abc`);
  assertEquals([unclear.code, unclear.urls, unclear.opened], [2, [], 0]);
  assertMatch(unclear.stderr, /deno task admin --url http:\/\/… --key … webhooks …/);
  const twice = await overRest(
    "webhooks create --site example.com --body - --url http://b:1 --key - --json",
    "{}",
  );
  assertEquals([twice.code, twice.urls], [2, []]);
});
