/**
 * What a command is, as its author declares it: a noun with verbs, what each takes and what it tells.
 *
 * Owns these forms and nothing else; `command.ts` makes a command line of them.
 *
 * @module
 */
import type { CommandNode } from "./command_tree.ts";
import type { Backend, Fetch, LocalService } from "./backend.ts";
import type { FieldFlag } from "./field_flags.ts";
import type { Machine } from "./machine.ts";

/** The process around a command, handed in by `main.ts`. */
export interface World {
  /**
   * Puts a service together on the database of the environment.
   * @throws {WrongUse | Failure}
   */
  openLocal(): Promise<LocalService>;
  /** What only works on this machine: its files, its configuration. */
  readonly machine: Machine;
  /** What services are reached through. */
  readonly fetch: Fetch;
  /**
   * Reads a text file; `-` is stdin.
   * @throws {WrongUse} If it can't be read.
   */
  readText(file: string): Promise<string>;
  /** Asks the person at the terminal; null if there is none. */
  ask(question: string): string | null;
  /** Writes to stdout. */
  print(text: string): void;
  /** Writes to stderr. */
  complain(text: string): void;
  /** Whether a person sees what is written to stderr: else nothing is said of how far something is. */
  readonly watched: boolean;
  /** Calls something later; see `Clock`. */
  after(delay_ms: number, run: () => void): () => void;
  /** Columns of the terminal on stdout; null if there is none. */
  readonly columns: number | null;
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** What the command line says, understood. */
export interface Understood {
  /** The id it is about; empty if it takes none. */
  readonly id: string;
  /** The file it is about; empty if it takes none. */
  readonly file: string;
  /** The word it is about; empty if it takes none. */
  readonly word: string;
  /** The site in its one spelling; empty if it takes none. */
  readonly site_id: string;
  /** The body: made of the flags, or read as it is from `--body`. */
  readonly input: unknown;
  /** What was given besides the body, by name. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The switches that were given, such as `--all`. */
  readonly switches: ReadonlySet<string>;
  readonly columns: number | null;
  readonly now_ms: number;
  /** See {@linkcode World.ask}. */
  readonly ask: World["ask"];
  /** Says how far it is, on stderr, to a person at a terminal; with `--json` or in a pipe to nobody. */
  readonly say: (line: string) => void;
}

/** What a verb works with. */
export interface Call extends Understood {
  readonly backend: Backend;
}

/** What a verb works with that needs the machine itself. */
export interface MachineCall extends Understood {
  readonly machine: Machine;
  /** All that can be typed, for shells to complete. */
  readonly tree: () => CommandNode[];
  /** The service that `--url` names, for a verb that takes one; null for this machine's database. */
  readonly service: Backend | null;
}

/** What a verb tells. */
export interface Result {
  /** The answer of the API; undefined where it has no body, which `--json` prints as `null`. */
  readonly answer: unknown;
  /** The same for people; empty: nothing. Not asked for with `--json`. */
  readonly text: () => string;
  /** Whether what it tells is a failure, so that it exits with 1. */
  readonly failed?: boolean;
}

/** A flag without a value. */
export interface Switch {
  /** `--all` */
  readonly flag: string;
  readonly summary: string;
}

/** What all verbs have. */
export interface VerbForm {
  readonly name: string;
  readonly summary: string;
  /** The rest of a sentence that begins with `Cannot`. */
  readonly doing: string;
  /** What its one argument, an id, is of; without it, it takes none. */
  readonly id_of?: string;
  /** What its one argument, a file, is for; without it, it takes none. */
  readonly file_for?: string;
  /** What its one argument, one of some words, is; without it, it takes none. */
  readonly word_of?: { readonly name: string; readonly summary: string; readonly words: readonly string[] };
  /** For a verb whose file is the body of its request, or stdin with `-`: how long it may be. */
  readonly file_bytes_max?: number;
  /** Whether it needs `--site`. */
  readonly of_site?: boolean;
  /** Flags for the fields of the body. */
  readonly fields?: readonly FieldFlag[];
  /** Flags for what is no field of the body: the query, a header. */
  readonly parameters?: readonly FieldFlag[];
  readonly switches?: readonly Switch[];
  /** Whether the body can also be read from a file. */
  readonly takes_body?: boolean;
  /** Lines under its `--help`, each what follows `deno task admin`. */
  readonly examples?: readonly string[];
}

/** A verb that calls the API. */
export interface ApiVerb extends VerbForm {
  readonly run: (call: Call) => Promise<Result>;
}

/** A verb that needs the machine itself. */
export interface MachineVerb extends VerbForm {
  /** Whether it also has something to do for a service that `--url` names. */
  readonly takes_service: boolean;
  readonly runHere: (call: MachineCall) => Promise<Result>;
}

/** A verb of a noun, or one that stands alone. */
export type Verb = ApiVerb | MachineVerb;

/** What some verbs are about. */
export interface Noun {
  readonly name: string;
  readonly summary: string;
  readonly verbs: readonly Verb[];
}
