/**
 * `deno task simulate`: runs the simulation, one seed or many, and says how to repeat what it found.
 *
 * Owns its exit codes: 0 when everything held, 1 when something was violated, 2 for wrong arguments.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { type Played, playSeeds, SEED_MAX } from "./seeds.ts";
import { simulate } from "./simulate.ts";

// deno-lint-ignore no-console -- printing is what this command is for
const print = console.log;

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
  };
}

const command = new Command("deno task simulate")
  .description(
    "Runs the engine in a world of failing processes, storage, clocks and receivers, and checks after every step that " +
      "nothing accepted is lost and every send is explained.",
  )
  .option("--seed <n>", "the first seed; any if left out", wholeNumber(0, SEED_MAX))
  .option("--steps <m>", "how many things happen in a run", wholeNumber(1, 1_000_000), 60)
  .option("--seeds <k>", "how many runs, each with the next seed", wholeNumber(1, 1_000_000), 1)
  .option("--trace", "print everything that happened to one seed, also when everything held", false)
  .exitOverride((error) => Deno.exit(error.exitCode === 0 ? 0 : 2));

const options = command.parse(["deno", "simulate", ...Deno.args]).opts();
const steps: number = options["steps"];
const seeds: number = options["seeds"];
const first: number = options["seed"] ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

async function playHere(): Promise<Played> {
  const run = await simulate(first, steps);
  if (options["trace"] && run.violation === null) { for (const line of run.trace) print(line); }
  return { ...run, failed: run.violation === null ? null : { seed: first, run } };
}

const { sends, accepted, failed } = seeds === 1 ? await playHere() : await playSeeds({ first, seeds, steps });
if (failed !== null) {
  const { seed, run: { trace, violation } } = failed;
  for (const line of trace) print(line);
  print(`\nSeed ${seed} violates ${violation?.invariant}: ${violation?.what}`);
  print(`Repeat it: deno task simulate --seed ${seed} --steps ${steps}`);
  Deno.exit(1);
}
const which = seeds === 1 ? `seed ${first}` : `${seeds} seeds from ${first}`;
print(`Everything held: ${which}, ${steps} steps each, ${accepted} accepted, ${sends} sends`);
