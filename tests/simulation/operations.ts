/**
 * What may happen in a step: to persons, receivers, processes, storage, alarms and clocks.
 *
 * Owns how likely each is. In a calm world nothing hurts a process, so the strictest of the invariants hold there.
 *
 * @module
 */
import { TIME } from "../../lib/limits.ts";
import type { Persons } from "./persons.ts";
import { CRASH_POINTS, type SimProcess, STORAGE_FAULTS } from "./sim_process.ts";
import type { World } from "./world.ts";

/** How much goes wrong in a world. */
export type Weather = "calm" | "rough" | "lasting";

/** Something that may happen. */
type Operation = (world: World, persons: Persons, process: SimProcess) => Promise<void> | void;

/** How far apart the clocks of two processes may come to be. */
const SKEW_MS_MAX = 4000;
/** No more processes than this at a time. */
const PROCESSES_MAX = 3;
/** How long after a failure of storage its consequences last: what gives up, and what is tried again. */
const AFTER_FAULT_MS = 40 * TIME.SECOND_MS;
/** How long after a sleep or a jump: the longest lease. */
const AFTER_SLEEP_MS = 70 * TIME.SECOND_MS;

const accept: Operation = ({ chance }, persons, process) => {
  for (let count = chance.whole(1, 4); count > 0; count--) persons.accept(process);
};

const start: Operation = async (world) => {
  if (world.processes.length < PROCESSES_MAX) await world.start();
};

const stop: Operation = async (world, _persons, process) => {
  if (world.awake.length > 1) await world.stop(process);
};

const crash: Operation = (world, _persons, process) => world.crash(process, null);

const crashLater: Operation = (world, _persons, process) => {
  const point = world.chance.pick(CRASH_POINTS);
  const countdown = world.chance.whole(1, 8);
  world.note(`${process.name} is to die ${point}, the ${countdown}. time`);
  process.dieAt(point, countdown);
};

const failStorage: Operation = (world, _persons, process) => {
  const possible = STORAGE_FAULTS.filter((kind) => {
    // A file locks, and does not lose answers; on a KV server it is the other way round.
    return world.has_queue ? kind !== "lost" : kind !== "locked";
  });
  const kind = world.chance.pick(possible);
  const for_ms = world.chance.whole(100, 20 * TIME.SECOND_MS);
  world.note(`${process.name}: storage is ${kind} for ${for_ms} ms`);
  process.failStorage(kind, world.clock.now() + for_ms);
  world.trouble(process, for_ms + AFTER_FAULT_MS);
};

const sleep: Operation = (world, _persons, process) => {
  if (world.awake.length > 1) world.sleep(process);
};

const wake: Operation = async (world) => {
  const asleep = world.processes.filter(({ state }) => state === "asleep");
  if (asleep.length > 0) await world.wake(world.chance.pick(asleep), AFTER_SLEEP_MS);
};

const jumpAll: Operation = (world) => {
  world.jump(Math.round(world.chance.next() ** 3 * 36 * TIME.HOUR_MS));
};

/** The clocks are set to when something is due next. */
const nextDue: Operation = (world) => {
  const later = world.mirror.dueTimes().filter((at) => at > world.wall);
  if (later.length > 0) world.jump(Math.min(...later) - world.wall);
};

const hoursPass: Operation = (world) => world.jump(world.chance.whole(1, 13) * TIME.HOUR_MS);

const jumpOne: Operation = (world, _persons, process) => {
  // Clocks that are kept together are seconds apart, and that must hurt nobody.
  const ms = world.chance.whole(0, SKEW_MS_MAX - process.clock.ahead_ms);
  world.note(`${process.name}: its clock jumps ${ms} ms`);
  process.clock.jump(ms);
};

const alarms: Operation = (world) => {
  const { queue } = world.kv;
  const what = world.chance.pick(["lost", "late", "doubled"]);
  world.note(`alarms are ${what}`);
  if (what === "lost") queue.length = 0;
  else if (what === "late") {
    for (const message of queue) {
      message.deliver_at += world.chance.whole(1, 20_000);
    }
  } else for (const message of [...queue]) queue.push({ ...message });
};

const sweep: Operation = (_world, _persons, process) => void process.engine.sweep().catch(() => {});

const moodChange: Operation = (_world, persons) => persons.changeMood();

const ALWAYS: readonly (readonly [weight: number, operation: Operation])[] = [
  [12, accept],
  [3, (_world, persons, process) => persons.repeat(process)],
  [5, moodChange],
  [3, (_world, persons, process) => persons.change(process)],
  [1, (_world, persons, process) => persons.rotate(process)],
  [0.4, (_world, persons, process) => persons.remove(process)],
  [0.5, (_world, persons, process) => persons.create(process)],
  [3, (_world, persons, process) => persons.redeliver(process)],
  [1.5, (_world, persons, process) => persons.recover(process)],
  [0.7, start],
  [0.7, stop],
  [1, alarms],
  [1, sweep],
];

const HURTING: readonly (readonly [weight: number, operation: Operation])[] = [
  [1, crash],
  [2.5, crashLater],
  [2.5, failStorage],
  [1.5, sleep],
  [2, wake],
  [0.4, jumpAll],
  [0.6, jumpOne],
];

/** Days in which receivers stay as they are, with one process for most of the time. */
const LASTING: readonly (readonly [weight: number, operation: Operation])[] = [
  [12, accept],
  [1, moodChange],
  [0.5, (_world, persons, process) => persons.change(process)],
  [1, (_world, persons, process) => persons.redeliver(process)],
  [0.1, start],
  [0.1, crash],
  [8, nextDue],
  [1, hoursPass],
];

const OPERATIONS = {
  calm: ALWAYS,
  rough: [...ALWAYS, ...HURTING],
  lasting: LASTING,
} as const satisfies Record<
  Weather,
  unknown
>;

/** How long a step lasts: mostly a moment, sometimes as long as a lease. */
function duration(world: World): number {
  const { chance } = world;
  if (chance.happens(0.6)) return chance.whole(0, 300);
  return chance.happens(0.95) ? chance.whole(300, 3000) : chance.whole(4000, 40_000);
}

/**
 * One step: something happens, and time goes on.
 *
 * @param world Where.
 * @param persons Who live there.
 * @param weather How much goes wrong.
 */
export async function step(world: World, persons: Persons, weather: Weather): Promise<void> {
  const { chance } = world;
  // Where nobody is left someone starts it again.
  if (world.awake.length === 0) await world.start();
  const process = world.awake[chance.whole(0, world.awake.length - 1)];
  if (process !== undefined) await chance.weighted(OPERATIONS[weather])(world, persons, process);
  await world.advance(duration(world));
}
