/**
 * How a command is declared and run: from a verb's description to flags, a backend, an answer and an exit code.
 *
 * Owns what all commands share, so that a noun is one small file. It must never do anything before the whole command
 * line is understood.
 *
 * @module
 */
import { Command, Option } from "commander";
import type { Backend } from "./backend.ts";
import { type ConnectionFlags, connectionOf, readKey } from "./connection.ts";
import { type Attempted, exitCodeOf, explain, WrongUse } from "./failure.ts";
import { bodyOf, type FieldFlag, flagFor, flagName } from "./field_flags.ts";
import { parseBody } from "./json_body.ts";
import { type Fetch, restBackend } from "./rest_backend.ts";
import { parseSiteId } from "../lib/site_id.ts";

/** The process around a command, handed in by `main.ts`. */
export interface World {
  /**
   * Opens the database of the environment.
   * @throws {WrongUse | Failure}
   */
  openLocal(): Promise<Backend>;
  /** What services are reached through. */
  readonly fetch: Fetch;
  /**
   * Reads a text file; `-` is stdin.
   * @throws {WrongUse} If it can't be read.
   */
  readText(file: string): Promise<string>;
  /** Writes to stdout. */
  print(text: string): void;
  /** Writes to stderr. */
  complain(text: string): void;
  /** Columns of the terminal on stdout; null if there is none. */
  readonly columns: number | null;
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** What a verb works with. */
export interface Call {
  readonly backend: Backend;
  /** The id it is about; empty if it takes none. */
  readonly id: string;
  /** The site in its one spelling; empty if it takes none. */
  readonly site_id: string;
  /** The body: made of the flags, or read as it is from `--body`. */
  readonly input: unknown;
  readonly columns: number | null;
  readonly now_ms: number;
}

/** What a verb tells. */
export interface Result {
  /** The answer of the API; undefined where it has no body. */
  readonly answer: unknown;
  /** The same for people. Not asked for with `--json`. */
  readonly text: () => string;
}

/** A verb of a noun. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  /** The rest of a sentence that begins with `Cannot`. */
  readonly doing: string;
  /** What its one argument, an id, is of; without it, it takes none. */
  readonly id_of?: string;
  /** Whether it needs `--site`. */
  readonly of_site?: boolean;
  /** Flags for the fields of the body. */
  readonly fields?: readonly FieldFlag[];
  /** Whether the body can also be read from a file. */
  readonly takes_body?: boolean;
  /** Lines under its `--help`, each what follows `deno task admin`. */
  readonly examples?: readonly string[];
  readonly run: (call: Call) => Promise<Result>;
}

/** What a verb is about. */
export interface Noun {
  readonly name: string;
  readonly summary: string;
  readonly verbs: readonly Verb[];
}

/** A command that ended without success; its message is for stderr. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly exit_code: number;

  /**
   * @param lines What to tell.
   * @param exit_code 1 or 2.
   */
  constructor(lines: readonly string[], exit_code: number) {
    super(lines.join("\n"));
    this.exit_code = exit_code;
  }
}

type Options = Readonly<Record<string, unknown>>;

const ID = /^[A-Za-z0-9_]{1,200}$/;
const BODY_FLAG = "--body <file>";

/**
 * Adds a noun with its verbs.
 *
 * @param program The whole command.
 * @param noun What to add.
 * @param world The process around it.
 */
export function addNoun(program: Command, noun: Noun, world: World): void {
  const parent = program.command(noun.name).summary(noun.summary).description(noun.summary);
  for (const verb of noun.verbs) addVerb(parent, noun, verb, world);
}

function addVerb(parent: Command, noun: Noun, verb: Verb, world: World): void {
  const { name, summary, id_of, of_site, fields = [], takes_body, examples = [] } = verb;
  const command = parent.command(name).summary(summary).description(summary);
  if (id_of !== undefined) command.argument("<id>", `the id of ${id_of}`);
  if (of_site) command.requiredOption("--site <domain>", "the site, as Plausible has it");
  for (const field of fields) command.addOption(fieldOption(field));
  if (takes_body) {
    command.option(BODY_FLAG, "all fields as JSON from a file, or from stdin with -, instead of flags");
  }
  addConnectionOptions(command, { url: !hasOwnUrl(verb) });
  if (examples.length > 0) {
    const lines = examples.map((example) => `  deno task admin ${example}`);
    command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  }
  command.action(async (...received: unknown[]) => {
    const used = received.at(-1);
    if (used instanceof Command) await perform(used, noun, verb, world);
  });
}

/** A flag of a verb whose text is kept as it is: commander would put what it can't read into a message. */
function fieldOption({ flag, summary, required }: FieldFlag): Option {
  return new Option(flag, required ? `${summary} (required)` : summary)
    .argParser((value: string, before: readonly string[] = []) => [...before, value]);
}

/** Whether `--url` is a field of what the verb writes, and so not the service's. */
function hasOwnUrl({ fields = [] }: Verb): boolean {
  return fields.some((field) => flagName(field) === "--url");
}

/**
 * Adds the options that say where to work and how to answer.
 *
 * @param command The whole command, or a verb.
 * @param options Whether `--url` is among them.
 */
export function addConnectionOptions(command: Command, { url }: { readonly url: boolean }): void {
  if (url) command.option("--url <url>", "work over the API of the service at this address");
  command.option("--key <key>", "the API key for --url; - reads it from stdin");
  command.option("--json", "print the answer of the API");
}

/** Runs a verb; whatever happens is told in words. */
async function perform(command: Command, noun: Noun, verb: Verb, world: World): Promise<void> {
  const options: Options = command.opts();
  const common: Options = command.parent?.parent?.opts() ?? {};
  const attempted = attemptedBy(noun, verb, options);
  try {
    const call = await understand(command, verb, world, { options, common });
    await using backend = await call.open();
    const { answer, text } = await verb.run({ ...call, backend });
    const json = options["json"] === true || common["json"] === true;
    if (!json) world.print(`${text()}\n`);
    else if (answer !== undefined) world.print(`${JSON.stringify(answer)}\n`);
  } catch (error) {
    throw new CommandFailed(explain(error, attempted), exitCodeOf(error));
  }
}

function attemptedBy(noun: Noun, verb: Verb, options: Options): Attempted {
  const listed = noun.verbs.some(({ name }) => name === "list");
  const site = verb.of_site ? ` --site ${String(options["site"])}` : "";
  return {
    doing: verb.doing,
    flagOf: (pointer) => flagFor(verb.fields ?? [], pointer),
    list_command: listed ? `${noun.name} list${site}` : null,
  };
}

/** Everything that the command line says, checked, and the way to the backend. */
async function understand(
  command: Command,
  verb: Verb,
  world: World,
  { options, common }: { readonly options: Options; readonly common: Options },
): Promise<Omit<Call, "backend"> & { open(): Promise<Backend> }> {
  const own_url = hasOwnUrl(verb);
  // With --body no field is a flag, so --url can only be the service's.
  const url_is_field = own_url && options["body"] === undefined;
  const connection = connectionOf(
    flagsOf(common),
    flagsOf(url_is_field ? { ...options, url: undefined } : options),
    { url_is_field },
  );
  if (connection?.key === "-" && options["body"] === "-") {
    throw new WrongUse("read the key and the body both from stdin");
  }
  const now_ms = world.now();
  const call = {
    id: verb.id_of === undefined ? "" : idOf(command.args[0]),
    site_id: verb.of_site ? siteOf(options["site"]) : "",
    input: await inputOf(verb, world, { options, now_ms }),
    columns: world.columns,
    now_ms,
  };
  if (connection === null) return { ...call, open: () => world.openLocal() };
  const ready = { ...connection, key: await readKey(connection.key, () => world.readText("-")) };
  return { ...call, open: () => Promise.resolve(restBackend(ready, world.fetch)) };
}

/** `--url` is gathered like a field where it is one, so it may be a list. */
function flagsOf(options: Options): ConnectionFlags {
  const { url, key } = options;
  const address = Array.isArray(url) ? url.at(-1) : url;
  return {
    url: typeof address === "string" ? address : undefined,
    key: typeof key === "string" ? key : undefined,
  };
}

function idOf(text: string | undefined): string {
  if (text !== undefined && ID.test(text)) return text;
  throw new WrongUse("understand the id: it must have letters, digits and _ only");
}

function siteOf(value: unknown): string {
  const parsed = parseSiteId(String(value));
  if (parsed.ok) return parsed.site_id;
  throw new WrongUse("understand the command", [`--site ${parsed.message}`]);
}

/** The body of the request: of flags, or of a file, but not of both. */
async function inputOf(
  verb: Verb,
  world: World,
  { options, now_ms }: { readonly options: Options; readonly now_ms: number },
): Promise<unknown> {
  const { fields = [] } = verb;
  const given = (field: FieldFlag): readonly string[] | undefined => {
    const texts = options[new Option(field.flag).attributeName()];
    return Array.isArray(texts) ? texts.map(String) : undefined;
  };
  const file = options["body"];
  if (typeof file !== "string") return bodyOf(fields, given, now_ms);
  const both = fields.filter((field) => flagName(field) !== "--url" && given(field) !== undefined);
  if (both.length > 0) {
    const names = both.map(flagName).join(", ");
    throw new WrongUse(`take fields from --body and from flags: leave out ${names}, or --body`);
  }
  return parseBody(await world.readText(file), file === "-" ? "stdin" : file);
}
