/**
 * `deno task bench`: what the service can take on this machine, against the raw loop of the same run.
 *
 * Owns the command line and what is printed. Exit code 0: all was measured, whatever came out; 1: something could not be; 2: wrong use.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { runTool } from "../tests/helpers/command_line.ts";
import { type Figure, figureOf, type Measured } from "./figures.ts";
import { tableOf } from "./report.ts";
import { singleAmongBatch } from "./scenarios/crowd.ts";
import { expiring } from "./scenarios/expiry.ts";
import { growth } from "./scenarios/growth.ts";
import { rawReference } from "./scenarios/raw_reference.ts";
import { reading } from "./scenarios/reading.ts";
import { oneHangs, steadyRate } from "./scenarios/steady_rate.ts";
import { batches, fanOut, singleEvents } from "./scenarios/throughput.ts";
import { twoProcesses } from "./scenarios/two_processes.ts";
import { retriesWaiting, whatItTakes } from "./scenarios/waiting.ts";
import { killServices } from "./service.ts";
import { type Sizes, Stage } from "./stage.ts";
import { targetOf } from "./targets.ts";

const SCENARIOS: Readonly<Record<string, { what: string; run: (stage: Stage) => Promise<Measured[]> }>> = {
  S1: { what: "one event a post, one webhook", run: singleEvents },
  S2: { what: "batches of 100 events", run: batches },
  S3: { what: "one event to 50 webhooks", run: fanOut },
  S4: { what: "latency at a steady 200 and 1,000 events a second", run: steadyRate },
  S5: { what: "S2 with 100,000 retries waiting", run: retriesWaiting },
  S6: { what: "S4 with one of 100 receivers hanging", run: oneHangs },
  S7: { what: "CPU, memory, the time to start", run: whatItTakes },
  S8: { what: "reading where 1,000,000 deliveries are stored", run: reading },
  S9: { what: "S2 with 1 to 10,000 webhooks, with 10,000 to 1,000,000 stored deliveries", run: growth },
  S10: { what: "a single event while a batch of 1,000 to 50 webhooks is taken in", run: singleAmongBatch },
  S11: { what: "500,000 records expiring", run: expiring },
  S12: { what: "two processes on one file", run: twoProcesses },
};

const FULL: Sizes = { rounds: 5, seconds: 4, divided_by: 1 };
const QUICK: Sizes = { rounds: 1, seconds: 0.5, divided_by: 100 };

const HELP =
  `Measures the service, started by deno task start, with callers and receiver in processes of their own, all on
loopback. Each figure is the median of several rounds, beside what the raw loop of the same run takes: the same signed
requests by the same client at the same concurrency, nothing stored.

  deno task bench [--only S1,S2] [--quick] [--rounds N] [--seconds N] [--json]

  --only LIST   some of the scenarios
  --quick       small amounts, one round: whether it works, not how fast it is
  --rounds N    of each scenario (${FULL.rounds})
  --seconds N   of each round, about; also 0.5 (${FULL.seconds})
  --json        figures as JSON
  --help        this

${Object.entries(SCENARIOS).map(([id, { what }]) => `  ${id.padEnd(4)} ${what}`).join("\n")}

Exit code 0: all was measured, whatever came out; 1: something could not be; 2: wrong use.`;

interface Options {
  readonly only: readonly string[];
  readonly sizes: Sizes;
  readonly json: boolean;
}

// deno-lint-ignore no-console -- printing is what this command is for
const print = console.log;

function say(text: string): void {
  // deno-lint-ignore no-console -- progress, which is not part of the report
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = /^[0-9]{1,4}(\.[0-9]+)?$/.test(text) ? Number(text) : 0;
  if (value <= 0) throw new TypeError(`--${name} must be a number above 0`);
  return value;
}

function optionsOf(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const only = values.only?.split(",") ?? Object.keys(SCENARIOS);
  const unknown = only.find((id) => !(id in SCENARIOS));
  if (unknown !== undefined) {
    throw new TypeError(`--only must be some of ${Object.keys(SCENARIOS).join(",")}; there is no ${unknown}`);
  }
  const sizes = values.quick ? QUICK : FULL;
  return {
    only,
    sizes: {
      ...sizes,
      rounds: Math.ceil(positive("rounds", values.rounds, sizes.rounds)),
      seconds: positive("seconds", values.seconds, sizes.seconds),
    },
    json: values.json,
  };
}

async function run({ only, sizes, json }: Options): Promise<number> {
  const started = performance.now();
  await using stage = await Stage.open(sizes, say);
  onInterrupt(() => stage.abandon());
  const failed: string[] = [];
  const { reference, measured: raw } = await rawReference(stage);
  const figures: Figure[] = raw.map((measured) => figureOf(measured, reference, undefined));
  for (const id of only) {
    const found = await SCENARIOS[id]?.run(stage).catch((error) => {
      failed.push(id);
      say(`${id} could not be measured: ${error instanceof Error ? error.stack : error}`);
    });
    for (const measured of found ?? []) {
      // Small amounts say nothing about speed.
      figures.push(figureOf(measured, reference, sizes.divided_by === 1 ? targetOf(measured) : undefined));
    }
  }
  const took_s = Math.round((performance.now() - started) / 1000);
  const report = { deno: Deno.version.deno, took_s, sizes, ...stage.delivered, failed, figures };
  print(json ? JSON.stringify(report) : tableOf(figures));
  return failed.length === 0 ? 0 : 1;
}

/** Leaves nothing behind when it is interrupted: workers end with the pipe that they listen to, services would go on. */
function onInterrupt(clear: () => void): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killServices();
      clear();
      Deno.exit(1);
    });
  }
}

if (import.meta.main) Deno.exit(await runTool({ help: HELP, optionsOf, run, print }, Deno.args));
