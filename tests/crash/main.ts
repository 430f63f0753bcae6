/**
 * `deno task crash`: kills the service again and again and looks whether it kept its promises.
 *
 * Owns the command line and the words of the report. Exit code 0: every promise was kept; 1: not; 2: wrong use.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { runTool } from "../helpers/command_line.ts";
import { type CrashReport, runCrashes } from "./run.ts";
import type { RoundReport } from "./verdict.ts";

// deno-lint-ignore no-console -- printing is what this command is for
const print = console.log;

const ROUNDS_DEFAULT = 30;

const HELP =
  `Starts the service on one file, posts events to it, and ends it at random moments, again and again.

  deno task crash [--rounds N] [--seed S] [--json]

  --rounds N   lives that end by SIGKILL or SIGTERM (${ROUNDS_DEFAULT})
  --seed S     the plan of a run before (a random one)
  --json       the report as JSON
  --help       this

Exit code 0: nothing accepted was lost, nothing doubled but what a kill cut short; 1: not so; 2: wrong use.`;

const COLUMNS = [
  "round",
  "signal",
  "listening_ms",
  "first_delivery_ms",
  "lived_ms",
  "posted",
  "accepted",
  "deliveries",
  "in_flight",
  "duplicates",
] as const satisfies readonly (keyof RoundReport)[];

function row(cells: readonly unknown[]): string {
  return cells.map((cell, index) => String(cell ?? "-").padStart(COLUMNS[index]?.length ?? 0)).join("  ");
}

function printReport(report: CrashReport): void {
  const { listening, first_delivery, settled } = report.recovery_ms;
  print(row(COLUMNS));
  for (const round of report.rounds) print(row(COLUMNS.map((name) => round[name])));
  print(`
seed        ${report.seed}
ended       ${report.kills} times by SIGKILL, ${report.stops} times by SIGTERM
events      ${report.posted} posted, ${report.accepted} accepted for certain
deliveries  ${report.delivered} in ${report.requests} requests
duplicates  ${report.duplicates}; ${report.interrupted} interrupted attempts on record
last start  listening after ${listening} ms, first request after ${first_delivery} ms, nothing left after ${settled} ms
faults      ${report.faults.length}`);
  for (const fault of report.faults) print(`  ${fault}`);
}

/** A whole number of the command line; null: not one. */
function wholeNumber(text: string): number | null {
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : null;
}

function optionsOf(args: readonly string[]): { rounds: number; seed: number; json: boolean } | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: String(ROUNDS_DEFAULT) },
      seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const [rounds, seed] = [wholeNumber(values.rounds), wholeNumber(values.seed)];
  if (rounds === null || seed === null) throw new TypeError("--rounds and --seed must be whole numbers");
  return { rounds, seed, json: values.json };
}

async function run({ json, ...plan }: { rounds: number; seed: number; json: boolean }): Promise<number> {
  if (!json) print(`seed ${plan.seed}`);
  const report = await runCrashes(plan);
  if (json) print(JSON.stringify(report));
  else printReport(report);
  return report.faults.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await runTool({ help: HELP, optionsOf, run, print }, Deno.args));
