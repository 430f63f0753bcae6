/**
 * With `--json` every command prints one value of JSON and nothing else, for scripts.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { flagName } from "../../admin/field_flags.ts";
import { NOUNS, VERBS } from "../../admin/run.ts";
import type { Verb, World } from "../../admin/verb.ts";
import { FINE, type Outcome, run } from "./fake_world.ts";

/** What the flags that must be given are given here. */
const REQUIRED: Readonly<Record<string, string>> = {
  "--name": "n",
  "--scope": "read",
  "--url": "https://hooks.example.com/in",
  "--events": "goal_completion",
  "--event": "goal_completion",
  "--data": '{"goal_name": "Signup", "visitor_count": 1}',
  "--current-visitors": "5",
  "--since": "24h",
  "--to": "new.example",
};

/** The shortest command line of a verb. It is made of what the verb declares, so that a new one can't be forgotten. */
function lineOf(noun: string | null, verb: Verb): string[] {
  const { name, id_of, file_for, word_of, fields = [], parameters = [], switches = [] } = verb;
  const required = [...fields, ...parameters].filter(({ required }) => required).flatMap((field) => {
    const value = REQUIRED[flagName(field)];
    assert(value !== undefined, `REQUIRED has nothing for ${flagName(field)} of ${name}`);
    return [flagName(field), value];
  });
  return [
    ...(noun === null ? [] : [noun]),
    name,
    ...(id_of === undefined ? [] : ["wh_1"]),
    ...(file_for === undefined ? [] : ["file.json"]),
    ...(word_of === undefined ? [] : word_of.words.slice(0, 1)),
    ...(verb.of_site ? ["--site", "example.com"] : []),
    ...required,
    ...(verb.takes_body && required.length === 0 ? ["--body", "-"] : []),
    // What a person would be asked, a script says.
    ...switches.filter(({ flag }) => flag === "--yes").map(({ flag }) => flag),
  ];
}

const COMMANDS = [
  ...NOUNS.flatMap(({ name: noun, verbs }) => verbs.map((verb) => ({ noun, verb }))),
  ...VERBS.map((verb) => ({ noun: null, verb })),
].map(({ noun, verb }) => ({ name: noun === null ? verb.name : `${noun} ${verb.name}`, noun, verb }));

/** An answer that every verb can do something with. */
const ANSWER = {
  id: "wh_1",
  data: [{}, {}],
  next_cursor: null,
  attempts: [],
  decisions: [],
  triggered: [],
  skipped: [],
  next_since: null,
  old_names: [],
  secrets_made: [],
};

/** Runs it at a terminal, where everything is told that is told to people. */
function runJson(args: readonly string[], answer: (method: string) => Response): Promise<Outcome> {
  const fetch: World["fetch"] = (_url, { method = "GET" }) => Promise.resolve(answer(method));
  let told = false;
  return run([...args, "--json"], {
    columns: 80,
    watched: true,
    // Whoever waits is told so at once, and once.
    after(_delay_ms, tell) {
      if (!told) queueMicrotask(tell);
      told = true;
      return () => {};
    },
    readText: () => Promise.resolve('{"name": "n"}'),
    openLocal: () => Promise.resolve({ place: "here", fetch, close: () => Promise.resolve() }),
    machine: {
      examine: () => Promise.resolve([FINE]),
      backup(file, onProgress) {
        onProgress({ done: 1, total: 2 });
        return Promise.resolve({ file, bytes: 1, key_file: null });
      },
      reencrypt(onProgress) {
        onProgress({ done: 1, total: 2 });
        return Promise.resolve({ resealed: 1, webhooks: 1, watches: 0 });
      },
    },
  });
}

for (const { name, noun, verb } of COMMANDS) {
  Deno.test(`${name} --json prints one value of JSON and nothing else`, async () => {
    const { stdout, stderr } = await runJson(
      lineOf(noun, verb),
      (method) => method === "DELETE" ? new Response(null, { status: 204 }) : Response.json(ANSWER),
    );
    assertEquals(stderr, "", "what it says to people");
    const value: unknown = JSON.parse(stdout);
    assertEquals(stdout, `${JSON.stringify(value)}\n`);
  });
}

for (const { name, noun, verb } of COMMANDS.filter(({ verb }) => "run" in verb)) {
  Deno.test(`${name} --json prints nothing on stdout when it is refused, and says why on stderr`, async () => {
    const refused = (): Response =>
      Response.json({ code: "unavailable", detail: "Storage is full" }, { status: 503 });
    const { code, stdout, stderr } = await runJson(lineOf(noun, verb), refused);
    assertEquals([code, stdout], [1, ""]);
    assert(/^Cannot .+: storage is full\.\nTry again/.test(stderr), stderr);
  });
}
