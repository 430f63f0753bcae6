/**
 * Every command that documents and help texts print is one.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NOUNS, VERBS } from "../../admin/run.ts";
import { Failure } from "../../admin/failure.ts";
import { run } from "./fake_world.ts";

const PAGE = new URL("../../docs/administration.md", import.meta.url);

/** The words as a shell makes them, of plain and single-quoted ones; what follows `<` is stdin. */
function shellWords(line: string): string[] {
  const words = line.matchAll(/'([^']*)'|[^\s']+/g).map(([word, quoted]) => quoted ?? word).toArray();
  const redirected = words.indexOf("<");
  return redirected === -1 ? words : words.slice(0, redirected);
}

/** Runs a command in a world without a database: what is understood gets as far as opening it, or needs none. */
async function understood(line: string): Promise<boolean> {
  let reached = false;
  const reach = (): Promise<never> => {
    reached = true;
    return Promise.reject(new Failure("reached"));
  };
  const { code, stderr } = await run(shellWords(line), {
    openLocal: reach,
    fetch: reach,
    readText: (file) => Promise.resolve(file === "-" ? "a-key" : "{}"),
    machine: {
      examine: reach,
      backup: reach,
      reencrypt: reach,
    },
    ask: () => "example.com",
  });
  const needs_none = line.startsWith("completion ");
  assertEquals([reached, code], needs_none ? [false, 0] : [true, 1], `${line}: ${stderr}`);
  return code !== 2;
}

Deno.test("docs/administration.md prints commands that are understood, and every one that there is", async () => {
  const page = await Deno.readTextFile(PAGE);
  const commands = page.matchAll(/^\s*deno task admin (.+)$/gm).map(([, line = ""]) => line).toArray();
  for (const line of commands) assert(await understood(line), line);
  const all = [
    ...NOUNS.flatMap(({ name, verbs }) => verbs.map((verb) => `${name} ${verb.name}`)),
    ...VERBS.map(({ name }) => name),
  ];
  for (const command of all) assertMatch(commands.join("\n"), new RegExp(`(?:^|- )${command}\\b`, "m"));
});

Deno.test("the examples under --help are understood", async () => {
  const examples = [...NOUNS.flatMap(({ verbs }) => verbs), ...VERBS].flatMap(({ examples = [] }) =>
    examples
  );
  assert(examples.length > 10);
  for (const example of examples) {
    assert(await understood(example.replaceAll("wh_…", "wh_1").replaceAll("…", "visitor_drop")), example);
  }
});
