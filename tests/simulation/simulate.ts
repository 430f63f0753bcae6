/**
 * One run of the simulation: a world from a seed, steps, healing, and what was found.
 *
 * Owns the course of a run. The same seed and number of steps give the same run.
 *
 * @module
 */
import { LEASE, TIME } from "../../lib/limits.ts";
import { createChance } from "./chance.ts";
import type { Violation } from "./invariant.ts";
import { createInvariants } from "./invariants.ts";
import { step, type Weather } from "./operations.ts";
import { Persons } from "./persons.ts";
import type { Breakage } from "./sim_process.ts";
import { World } from "./world.ts";

/** What came of a run. */
export interface Run {
  /** What was wrong first; null if everything held. */
  readonly violation: Violation | null;
  /** What happened, a line each. */
  readonly trace: readonly string[];
  readonly sends: number;
  readonly accepted: number;
}

/** What may be different in a run. */
export interface RunOptions {
  /** A planted bug. */
  readonly breakage?: Breakage;
  readonly weather?: Weather;
  /** The name of the only invariant that counts: others may see a planted bug before it. */
  readonly only?: string;
}

/** Webhooks at the beginning. */
const WEBHOOKS = 3;
/** Longer than any send and any pause before its outcome is recorded again. */
const SENDS_MS = 12 * TIME.SECOND_MS;
/** Time for two beats. */
const ROUND_MS = 2 * LEASE.beat_ms + 100;
/** How often the clocks are set to what is due next, until everything must be over. */
const ROUNDS_MAX = 60;

/** Everything works again, and time goes on until nothing is left to do. */
async function heal(world: World, persons: Persons): Promise<void> {
  world.note("everything works again");
  world.moods.clear();
  for (const process of [...world.processes]) {
    process.heal();
    if (process.state === "asleep") await world.wake(process, 0);
  }
  if (world.awake.length === 0) await world.start();
  // Sends end, outcomes are recorded.
  await world.advance(SENDS_MS);
  // Whoever died just now is silent for long enough.
  world.jump(LEASE.silent_dead_ms);
  await world.advance(ROUND_MS);
  for (let round = 0; round < ROUNDS_MAX && world.violation === null; round++) {
    const next = world.mirror.last_at;
    if (next === null) return;
    if (next > world.wall) world.jump(next - world.wall + TIME.SECOND_MS);
    for (const process of world.awake.slice(0, 1)) persons.liftRates(process);
    // As the cron does, every minute.
    for (const { engine } of world.awake) void engine.sweep().catch(() => {});
    await world.advance(ROUND_MS);
  }
}

/**
 * Runs the simulation once.
 *
 * @param seed Decides everything that chance decides.
 * @param steps How many things happen.
 * @param options A planted bug, and how much goes wrong (otherwise the seed decides it).
 * @returns What came of it.
 */
export async function simulate(seed: number, steps: number, options: RunOptions = {}): Promise<Run> {
  const chance = createChance(seed);
  const has_queue = chance.happens(0.5);
  const drawn = chance.weighted<Weather>([[3, "calm"], [5, "rough"], [2, "lasting"]]);
  const weather = options.weather ?? drawn;
  const invariants = createInvariants();
  const world = new World({
    chance,
    has_queue,
    breakage: options.breakage ?? {},
    invariants,
    only: options.only ?? null,
  });
  const persons = new Persons(world);
  world.note(`${weather}, ${has_queue ? "a file with a queue" : "a KV server"}`);
  const first = await world.start();
  for (let count = 0; count < WEBHOOKS; count++) persons.create(first);
  if (weather === "lasting") { for (let count = 0; count < WEBHOOKS; count++) persons.changeMood(); }
  if (weather !== "lasting" && chance.happens(0.5)) await world.start();
  await world.advance(0);
  for (let count = 0; count < steps && world.violation === null; count++) {
    await step(world, persons, weather);
  }
  if (world.violation === null) await heal(world, persons);
  for (const { name, atEnd } of invariants) {
    if (world.violation !== null) break;
    const wrong = await atEnd?.(world) ?? null;
    if (wrong !== null) world.violated(name, wrong);
  }
  const sends = [...world.sends.values()].reduce((sum, some) => sum + some.length, 0);
  return { violation: world.violation, trace: world.trace, sends, accepted: world.promises.length };
}
