/**
 * `deno task admin completion`: a script by which a shell completes this command.
 *
 * @module
 */
import { completionScript, SHELLS } from "./completion_scripts.ts";
import type { Verb } from "./verb.ts";

/** The command that prints the script. */
export const COMPLETION: Verb = {
  name: "completion",
  summary: "print a script that defines tidings-admin, which is this command completed by your shell",
  doing: "complete the command",
  takes_service: false,
  word_of: { name: "shell", summary: "which one", words: SHELLS },
  examples: ["completion bash"],
  runHere({ word, tree, machine: { folder } }) {
    const shell = SHELLS.find((known) => known === word) ?? "bash";
    const script = completionScript(shell, { tree: tree(), folder });
    return Promise.resolve({ answer: { shell, script }, text: () => script.trimEnd() });
  },
};
