/**
 * `deno task soak`: a long mixed run, and what it cost.
 *
 * Owns the command line and the words of the report. Exit code 0: all is well; 1: something was lost, doubled or grew; 2:
 * wrong use.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { runTool } from "../helpers/command_line.ts";
import { BOUNDS, runSoak, type SoakReport } from "./run.ts";
import type { Sample } from "./samples.ts";

// deno-lint-ignore no-console -- printing is what this command is for
const print = console.log;

const MINUTES_DEFAULT = 10;

const HELP =
  `Runs the service under a mixed load, with healthy receivers and every kind that gives trouble, and watches it.

  deno task soak [--minutes N] [--json]

  --minutes N   how long, also 0.5 (${MINUTES_DEFAULT})
  --json        the report as JSON, samples included
  --help        this

Exit code 0: nothing was lost or made twice, no call was answered as it must not be, memory grew by at most
${BOUNDS.rss_growth_mib} MiB after the warm-up and descriptors by at most ${BOUNDS.fds_growth}; 1: not so; 2: wrong use.`;

function number(value: number | null, digits = 0): string {
  return value === null ? "-" : value.toFixed(digits);
}

function printSample({ at_s, rss_mib, fds, pending, healthz_ms }: Sample): void {
  const cells = [number(at_s, 1), number(rss_mib, 1), number(fds), number(pending), number(healthz_ms, 1)];
  print(cells.map((cell) => cell.padStart(10)).join(" "));
}

function printReport(report: SoakReport): void {
  const { rss_mib, fds } = report;
  print(`
calls        ${report.calls}, ${report.accepted} events accepted, ${report.requests} requests to receivers
trustworthy  ${report.delivered} of ${report.expected} deliveries, ${report.lost} lost, ${report.duplicates} made again unasked
memory       ${number(rss_mib.start)} MiB at the start, ${number(rss_mib.warm)} after the warm-up, ${
    number(rss_mib.end)
  } at the end; ${number(report.rss_mib_per_minute, 2)} MiB a minute
descriptors  ${number(fds.start)} at the start, ${number(fds.warm)} after the warm-up, ${
    number(fds.end)
  } at the end; ${number(report.fds_per_minute, 2)} a minute
/healthz     ${number(report.healthz_ms_max, 1)} ms at the longest
pending      ${report.pending_max} at the most
verdict      ${report.faults.length === 0 ? "good" : "bad"}`);
  for (const fault of report.faults) print(`  ${fault}`);
}

function optionsOf(args: readonly string[]): { minutes: number; json: boolean } | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: String(MINUTES_DEFAULT) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const minutes = /^[0-9]{1,5}(\.[0-9]+)?$/.test(values.minutes) ? Number(values.minutes) : 0;
  if (minutes <= 0) throw new TypeError("--minutes must be a number above 0");
  return { minutes, json: values.json };
}

async function run({ minutes, json }: { minutes: number; json: boolean }): Promise<number> {
  if (!json) {
    print(["s", "RSS MiB", "fds", "pending", "healthz ms"].map((cell) => cell.padStart(10)).join(" "));
  }
  const report = await runSoak(minutes, json ? () => {} : printSample);
  if (json) print(JSON.stringify(report));
  else printReport(report);
  return report.faults.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await runTool({ help: HELP, optionsOf, run, print }, Deno.args));
