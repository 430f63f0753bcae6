/**
 * How a command is run: from a verb's declaration to flags, a backend, an answer and an exit code.
 *
 * Owns what all commands share, so that a noun is one small file. It must never do anything before the whole command
 * line is understood.
 *
 * @module
 */
import { Argument, Command, Option } from "commander";
import { type Backend, type Connection, localBackend, restBackend } from "./backend.ts";
import { type CommandNode, commandTree } from "./command_tree.ts";
import { type ConnectionFlags, connectionOf, readKey } from "./connection.ts";
import { type Attempted, EXIT_FAILED, exitCodeOf, explain, WrongUse } from "./failure.ts";
import { bodyOf, type FieldFlag, flagFor, flagName, type GivenTexts } from "./field_flags.ts";
import { parseBody } from "./json_body.ts";
import { toldWhileWaiting } from "./waiting.ts";
import type { MachineCall, Noun, Result, Understood, Verb, World } from "./verb.ts";
import { parseSiteId } from "../lib/site_id.ts";

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
  for (const verb of noun.verbs) addVerb(parent, verb, { noun, world });
}

/**
 * Adds a verb.
 *
 * @param parent Its noun's command; the whole one for a verb that stands alone.
 * @param verb What to add.
 * @param around Its noun, if it has one, and the process.
 */
export function addVerb(
  parent: Command,
  verb: Verb,
  around: { readonly noun: Noun | null; readonly world: World },
): void {
  const {
    name,
    summary,
    id_of,
    file_for,
    word_of,
    fields = [],
    parameters = [],
    switches = [],
    examples = [],
  } = verb;
  const command = parent.command(name).summary(summary).description(summary);
  if (id_of !== undefined) command.argument("<id>", `the id of ${id_of}`);
  if (file_for !== undefined) command.argument("<file>", file_for);
  if (word_of !== undefined) {
    command.addArgument(new Argument(`<${word_of.name}>`, word_of.summary).choices(word_of.words));
  }
  if (verb.of_site) command.requiredOption("--site <domain>", "the site, as Plausible has it");
  for (const field of [...fields, ...parameters]) command.addOption(fieldOption(field));
  for (const { flag, summary } of switches) command.option(flag, summary);
  if (verb.takes_body) {
    command.option(BODY_FLAG, "all fields as JSON from a file, or from stdin with -, instead of flags");
  }
  if (takesService(verb)) addConnectionOptions(command, { url: !hasOwnUrl(verb) });
  else command.option("--json", "print the result as JSON");
  if (examples.length > 0) {
    const lines = examples.map((example) => `  deno task admin ${example}`);
    command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  }
  command.action(async (...received: unknown[]) => {
    const used = received.at(-1);
    if (used instanceof Command) await perform(used, verb, around);
  });
}

function takesService(verb: Verb): boolean {
  return "run" in verb || verb.takes_service;
}

/** A flag of a verb whose text is kept as it is: commander would put what it can't read into a message. */
function fieldOption({ flag, summary, required, read: { words = [] } }: FieldFlag): Option {
  return new Option(flag, required ? `${summary} (required)` : summary)
    // For shells to complete; it is not commander that refuses others.
    .choices(words)
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
async function perform(
  command: Command,
  verb: Verb,
  { noun, world }: { readonly noun: Noun | null; readonly world: World },
): Promise<void> {
  const options: Options = command.opts();
  const common: Options = (noun === null ? command.parent : command.parent?.parent)?.opts() ?? {};
  const attempted = attemptedBy(noun, verb, options);
  let failed: boolean | undefined;
  try {
    const connection = serviceOf(verb, { options, common, body_file: bodyFileOf(verb, command) });
    const json = options["json"] === true || common["json"] === true;
    const say = json || !world.watched ? () => {} : (line: string) => world.complain(`${line}\n`);
    const understood = { ...await understand(command, verb, world), say };
    const ready = connection === null
      ? null
      : { ...connection, key: await readKey(connection.key, () => world.readText("-")) };
    const tree = (): CommandNode[] => commandTree(rootOf(command));
    const result = await runVerb(verb, { ...understood, tree }, { connection: ready, world });
    failed = result.failed;
    const text = json ? jsonText(result.answer) : result.text();
    if (text !== "") world.print(`${text}\n`);
  } catch (error) {
    throw new CommandFailed(explain(error, attempted), exitCodeOf(error));
  }
  if (failed) throw new CommandFailed([], EXIT_FAILED);
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

/** One value of JSON, always: `null` where the answer has no body. */
function jsonText(answer: unknown): string {
  return JSON.stringify(answer ?? null);
}

async function runVerb(
  verb: Verb,
  understood: Omit<MachineCall, "machine" | "service">,
  { connection, world }: { readonly connection: Connection | null; readonly world: World },
): Promise<Result> {
  const service = connection === null ? null : restBackend(connection, world.fetch);
  if ("runHere" in verb) return await verb.runHere({ ...understood, machine: world.machine, service });
  await using backend: Backend = service ?? localBackend(await world.openLocal());
  return await verb.run({ ...understood, backend: toldWhileWaiting(backend, { ...understood, ...world }) });
}

function attemptedBy(noun: Noun | null, verb: Verb, options: Options): Attempted {
  const { fields = [], parameters = [] } = verb;
  const commandOf = (name: string): string | null => {
    const found = noun?.verbs.find((verb) => verb.name === name);
    if (noun === null || found === undefined) return null;
    return `${noun.name} ${name}${found.of_site ? ` --site ${String(options["site"])}` : ""}`;
  };
  return {
    doing: verb.doing,
    flagOf: (pointer) => flagFor([...fields, ...parameters], pointer),
    list_command: commandOf("list"),
    make_command: commandOf("set"),
  };
}

/** The file that the body is read from, if it is: the verb's own, or the one that `--body` names. */
function bodyFileOf({ file_bytes_max }: Verb, command: Command): unknown {
  return file_bytes_max === undefined ? command.opts()["body"] : command.args[0];
}

/** Which service is meant; null for the database of the environment. */
function serviceOf(
  verb: Verb,
  { options, common, body_file }: {
    readonly options: Options;
    readonly common: Options;
    readonly body_file: unknown;
  },
): Connection | null {
  // With --body no field is a flag, so --url can only be the service's.
  const url_is_field = hasOwnUrl(verb) && options["body"] === undefined;
  const own = flagsOf(url_is_field ? { ...options, url: undefined } : options);
  const connection = connectionOf(flagsOf(common), own, { url_is_field });
  if (connection !== null && !takesService(verb)) {
    throw new WrongUse(
      `${verb.doing} over the API: it works on this machine's database, without --url and --key`,
    );
  }
  if (connection?.key === "-" && body_file === "-") {
    throw new WrongUse("read the key and the body both from stdin");
  }
  return connection;
}

/** Everything that the command line says, checked. */
async function understand(command: Command, verb: Verb, world: World): Promise<Omit<Understood, "say">> {
  const options: Options = command.opts();
  const now_ms = world.now();
  const given: GivenTexts = (field) => {
    const texts = options[new Option(field.flag).attributeName()];
    return Array.isArray(texts) ? texts.map(String) : undefined;
  };
  const [argument] = command.args;
  const switches = (verb.switches ?? []).filter(({ flag }) =>
    options[new Option(flag).attributeName()] === true
  );
  return {
    id: verb.id_of === undefined ? "" : idOf(argument),
    file: verb.file_for === undefined ? "" : argument ?? "",
    word: verb.word_of === undefined ? "" : argument ?? "",
    site_id: verb.of_site ? siteOf(options["site"]) : "",
    parameters: bodyOf(verb.parameters ?? [], given, now_ms),
    input: await inputOf(verb, { file: bodyFileOf(verb, command), given, now_ms, world }),
    switches: new Set(switches.map(({ flag }) => flag)),
    columns: world.columns,
    now_ms,
    ask: (question) => world.ask(question),
  };
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

interface Input {
  /** What {@linkcode bodyFileOf} says. */
  readonly file: unknown;
  readonly given: GivenTexts;
  readonly now_ms: number;
  readonly world: Pick<World, "readText">;
}

/** The body of the request: of flags, or of a file, but not of both. */
async function inputOf(verb: Verb, { file, given, now_ms, world }: Input): Promise<unknown> {
  const { fields = [], file_bytes_max } = verb;
  if (typeof file !== "string") return bodyOf(fields, given, now_ms);
  const both = fields.filter((field) => flagName(field) !== "--url" && given(field) !== undefined);
  if (both.length > 0) {
    const names = both.map(flagName).join(", ");
    throw new WrongUse(`take fields from --body and from flags: leave out ${names}, or --body`);
  }
  return parseBody(await world.readText(file), file === "-" ? "stdin" : file, file_bytes_max);
}
