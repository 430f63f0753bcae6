/**
 * What can be typed after `deno task admin`, as shells complete it.
 *
 * Owns reading it off the commands themselves, so that it can't differ from what they understand.
 *
 * @module
 */
import type { Argument, Command, Option } from "commander";

/** Something that can be typed. */
export interface Candidate {
  readonly text: string;
  readonly summary: string;
}

/** A flag that takes a value. */
export interface ValueFlag {
  /** `--scope` */
  readonly flag: string;
  /** What it may be; empty where it may be anything. */
  readonly values: readonly string[];
  /** Whether it names a file. */
  readonly is_file: boolean;
}

/** One command, or the beginning of several. */
export interface CommandNode {
  /** `keys create`; empty for the beginning of all. */
  readonly path: string;
  /** Verbs, flags and the values of its argument. */
  readonly candidates: readonly Candidate[];
  readonly value_flags: readonly ValueFlag[];
  /** Whether its argument is a file. */
  readonly takes_file: boolean;
}

/**
 * Reads the commands.
 *
 * @param program The whole command.
 * @returns It and all below it, in the order of the help.
 */
export function commandTree(program: Command): CommandNode[] {
  return nodesOf(program, []);
}

function nodesOf(command: Command, names: readonly string[]): CommandNode[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((inner) => inner.name() !== "help");
  const options = help.visibleOptions(command);
  const node: CommandNode = {
    path: names.join(" "),
    candidates: [
      ...below.map((inner) => ({ text: inner.name(), summary: inner.summary() })),
      ...command.registeredArguments.flatMap(valuesOf).map((text) => ({ text, summary: "" })),
      ...options.map((option) => ({ text: longOf(option), summary: option.description })),
    ],
    value_flags: options.filter(({ required }) => required).map((option) => ({
      flag: longOf(option),
      values: valuesOf(option),
      is_file: option.flags.endsWith("<file>"),
    })),
    takes_file: command.registeredArguments.some((argument) => argument.name() === "file"),
  };
  return [node, ...below.flatMap((inner) => nodesOf(inner, [...names, inner.name()]))];
}

function longOf({ long, flags }: Option): string {
  return long ?? flags;
}

function valuesOf({ argChoices }: Argument | Option): readonly string[] {
  return argChoices ?? [];
}
