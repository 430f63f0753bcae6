/**
 * The administration command as a function of its arguments: nouns, help, exit codes.
 *
 * Owns the list of nouns and the conversation with commander. It must never end the process: that is `main.ts`'.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { AUDIT } from "./audit.ts";
import { BACKUP } from "./backup.ts";
import { addConnectionOptions, addNoun, addVerb, CommandFailed } from "./command.ts";
import { COMPLETION } from "./completion.ts";
import { DELIVERIES } from "./deliveries.ts";
import { DOCTOR } from "./doctor.ts";
import { EVENTS } from "./events.ts";
import { EXPORT, IMPORT } from "./export.ts";
import { EXIT_WRONG_USE } from "./failure.ts";
import { KEYS } from "./keys.ts";
import { REENCRYPT } from "./reencrypt.ts";
import { READINGS } from "./readings.ts";
import { SITES } from "./sites.ts";
import { WATCH } from "./watch.ts";
import { STATS } from "./stats.ts";
import { oneLine } from "./terminal_text.ts";
import type { Noun, Verb, World } from "./verb.ts";
import { WEBHOOKS } from "./webhooks.ts";

/** All nouns, in the order in which the help names them. */
export const NOUNS: readonly Noun[] = [KEYS, SITES, WEBHOOKS, EVENTS, READINGS, DELIVERIES, WATCH];

/** The verbs that stand alone. */
export const VERBS: readonly Verb[] = [STATS, AUDIT, EXPORT, IMPORT, DOCTOR, BACKUP, REENCRYPT, COMPLETION];

const HELP_COLUMNS = 80;

const DESCRIPTION =
  "Administration of Tidings. It works on the database that TIDINGS_KV names, beside a running " +
  "service or without one; with --url and --key it works over the API of a service.";

const AFTER_HELP = `
Every command but backup, reencrypt and completion takes --url and --key after
its verb, too; but where a webhook is made or updated, --url after the verb is
the webhook's (with --body, no field is a flag, so it is the service's).

Exit codes: 0 done, 1 failed or refused, 2 the command or the configuration
can't be understood, and nothing was done.`;

/**
 * Runs one command.
 *
 * @param args What follows `deno task admin`.
 * @param world The process around it.
 * @returns The exit code. Everything else has been printed.
 */
export async function runAdmin(args: readonly string[], world: World): Promise<number> {
  try {
    await createProgram(world).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    // Commander has said what it did not understand; help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_WRONG_USE;
    if (!(error instanceof CommandFailed)) throw error;
    if (error.message !== "") world.complain(`${error.message}\n`);
    return error.exit_code;
  }
}

function createProgram(world: World): Command {
  const program = new Command("deno task admin")
    .description(DESCRIPTION)
    .exitOverride()
    // What stands before the noun is the service's, so that `webhooks create` can have a --url of its own.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: world.print,
      writeErr: world.complain,
      outputError: (text, write) => write(misunderstanding(text)),
      // Commander's own ways to find these read the environment.
      getOutHelpWidth: () => world.columns ?? HELP_COLUMNS,
      getErrHelpWidth: () => world.columns ?? HELP_COLUMNS,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    // Summaries say already which words there are.
    .configureHelp({ optionDescription: ({ description }) => description })
    .showHelpAfterError("--help says what there is.")
    .addHelpText("after", AFTER_HELP);
  addConnectionOptions(program, { url: true });
  for (const noun of NOUNS) addNoun(program, noun, world);
  for (const verb of VERBS) addVerb(program, verb, { noun: null, world });
  return program;
}

/** Commander's message without what the user typed beyond the name of a flag: it may be a key in the wrong place. */
function misunderstanding(text: string): string {
  const [message = "", ...suggestions] = text.trimEnd().split("\n");
  const bare = message
    .replace(/^error: /, "")
    .replace(/(but got \d+): .*$/, "$1")
    .replace(/^(unknown option '[^'=]*)=.*$/, "$1'");
  return [`Cannot understand the command: ${oneLine(bare)}.`, ...suggestions, ""].join("\n");
}
