/**
 * Shells complete the administration command: what there is where something is typed, asked of the shells themselves.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SCOPES } from "../../lib/api_key.ts";
import { EVENT_NAMES } from "../../lib/event_types.ts";
import { FORMATS } from "../../lib/webhook_settings.ts";
import { SHELLS } from "../../admin/completion_scripts.ts";
import { NOUNS, VERBS } from "../../admin/run.ts";
import { run } from "./fake_world.ts";

const VERB_NAMES = [...NOUNS, ...VERBS].map(({ name }) => name);
const COMMON = ["--url", "--key", "--json", "--help"];

/** What is typed, the last word being completed, and what must be offered: all of it, or at least this. */
const TYPED: readonly { typed: string[]; offered: readonly string[]; among?: boolean }[] = [
  { typed: [""], offered: VERB_NAMES, among: true },
  { typed: ["we"], offered: ["webhooks"] },
  { typed: ["keys", ""], offered: ["create", "list", "revoke"], among: true },
  { typed: ["keys", "create", "--"], offered: ["--name", "--scope", "--site", ...COMMON], among: true },
  { typed: ["keys", "create", "--scope", ""], offered: SCOPES },
  { typed: ["keys", "create", "--scope", "re"], offered: ["read"] },
  { typed: ["keys", "create", "--name", "list", "--scope", "i"], offered: ["ingest"] },
  { typed: ["webhooks", "create", "--format", ""], offered: FORMATS },
  { typed: ["webhooks", "create", "--events", ""], offered: EVENT_NAMES },
  { typed: ["webhooks", "create", "--events", "custom_event,go"], offered: ["custom_event,goal_completion"] },
  { typed: ["events", "list", "--event", "visitor_"], offered: ["visitor_drop", "visitor_spike"] },
  { typed: ["--key", "keys", "webhooks", "li"], offered: ["list"] },
  { typed: ["completion", ""], offered: SHELLS, among: true },
  { typed: ["import", "con"], offered: ["configuration.json"] },
  { typed: ["webhooks", "create", "--body", "con"], offered: ["configuration.json"] },
  { typed: ["keys", "create", "--name", ""], offered: [] },
];

async function scriptFor(shell: string): Promise<string> {
  const { code, stdout, stderr } = await run(["completion", shell], {
    machine: { folder: "/srv/it's here" },
  });
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

function isThere(shell: string): boolean {
  try {
    return new Deno.Command(shell, { args: ["-c", "exit 0"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** Runs a script of a shell in a folder with one file. */
async function output(shell: string, args: readonly string[]): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/configuration.json`, "{}");
    const { stdout, stderr } = await new Deno.Command(shell, {
      args: [...args],
      cwd: folder,
      env: { HOME: folder },
      stdin: "null",
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout).split("\n").map((line) => line.trimEnd()).filter((line) =>
      line !== ""
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function assertOffered(
  offered: readonly string[],
  { typed, offered: wanted, among }: typeof TYPED[number],
): void {
  const line = typed.join(" ");
  if (among) {
    for (const word of wanted) assert(offered.includes(word), `${line}: ${word} is not in ${offered}`);
  } else assertEquals(offered.toSorted(), wanted.toSorted(), line);
}

/** Bash completes files by itself where the function says so; `compgen` does then what it would. */
const BASH_ASK = `
compopt() { COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); }
COMP_WORDS=(tidings-admin "$@"); COMP_CWORD=$#
_tidings_admin
printf '%s\\n' "\${COMPREPLY[@]}"`;

Deno.test({
  name: "bash completes verbs, flags, their values, lists of them, and files",
  ignore: !isThere("bash"),
  async fn() {
    const script = await scriptFor("bash");
    for (const asked of TYPED) {
      const offered = await output("bash", ["--norc", "-uc", script + BASH_ASK, "bash", ...asked.typed]);
      assertOffered(offered, asked);
    }
  },
});

/** What zsh would be given: its own functions need a terminal. */
const ZSH_ASK = (script: string): string => `
compdef() { :; }
compset() { PREFIX=\${words[CURRENT]%,*}; [[ \${words[CURRENT]} == *,* ]] && PREFIX+=, || PREFIX=; }
offer() { local word; for word; do [[ $PREFIX$word == \${words[CURRENT]}* ]] && print -r -- $PREFIX$word; done }
compadd() { shift; offer "$@"; }
_files() { offer *; }
_describe() { offer "\${(@)found%%:*}"; }
${script}
PREFIX=; words=(tidings-admin "$@"); CURRENT=$#words
_tidings_admin`;

Deno.test({
  name: "zsh completes verbs, flags, their values, lists of them, and files",
  ignore: !isThere("zsh"),
  async fn() {
    const script = await scriptFor("zsh");
    for (const asked of TYPED) {
      assertOffered(await output("zsh", ["-fc", ZSH_ASK(script), "zsh", ...asked.typed]), asked);
    }
  },
});

Deno.test({
  name: "fish completes verbs, flags, their values and files",
  ignore: !isThere("fish"),
  async fn() {
    const script = await scriptFor("fish");
    for (const asked of TYPED) {
      const line = `complete -C ${`'tidings-admin ${asked.typed.join(" ")}'`}`;
      const offered = await output("fish", ["--no-config", "-c", `${script}\n${line}`]);
      assertOffered(offered.map((line) => line.split("\t")[0] ?? ""), asked);
    }
  },
});

Deno.test("every shell's tidings-admin runs the task in the project's folder, whatever that is called", async () => {
  for (const shell of SHELLS.filter(isThere)) {
    const fake = shell === "fish"
      ? "function deno; printf '%s\\n' $argv; end"
      : "deno() { printf '%s\\n' \"$@\"; }";
    const script = shell === "zsh" ? `compdef() { :; }\n${await scriptFor(shell)}` : await scriptFor(shell);
    const args = shell === "bash" ? ["--norc"] : shell === "zsh" ? ["-f"] : ["--no-config"];
    assertEquals(
      await output(shell, [...args, "-c", `${script}\n${fake}\ntidings-admin keys revoke 'a b'`]),
      ["task", "--quiet", "--cwd", "/srv/it's here", "admin", "keys", "revoke", "a b"],
    );
  }
});

Deno.test("completion refuses a shell that it does not know, and names those it does", async () => {
  const { code, stdout, stderr } = await run(["completion", "tcsh"]);
  assertEquals([code, stdout], [2, ""]);
  assert(/bash, zsh, fish/.test(stderr), stderr);
});
