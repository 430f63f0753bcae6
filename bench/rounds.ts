/**
 * Throughput in rounds: several contestants take turns, so that a machine that grows slower or faster does it to all.
 *
 * Owns one round of each kind (the service's, the raw loop's) and the turns. It must never count what did not arrive.
 *
 * @module
 */
import { type Measured, medianOf } from "./figures.ts";
import type { LoadPlan, LoadResult } from "./load.ts";
import { cpuSeconds } from "./process_cost.ts";
import type { MeasuredService } from "./service.ts";
import type { Stage } from "./stage.ts";

/** One round. */
export interface Round {
  /** Deliveries a second, from the first post to the last arrival. */
  readonly per_s: number;
  /** CPU time of what sends, for 1,000 deliveries; null where the system does not tell. */
  readonly cpu_s_per_1000: number | null;
  /** Events that were posted and not accepted. */
  readonly refused: number;
}

/** Who takes turns with others. */
export interface Contestant {
  readonly name: string;
  /** Deliveries of one event. */
  readonly fan_out?: number;
  /** Events a second, before anything is known. */
  readonly guess: number;
  /** Has so many events delivered. */
  readonly run: (events: number) => Promise<Round>;
}

/** What is posted in a round of the service. */
export interface ServicePlan extends Omit<LoadPlan, "urls" | "events"> {
  /** Callers' connections. */
  readonly connections: number;
  readonly fan_out?: number;
  /** All processes of the service; the first is looked at for CPU. */
  readonly services: readonly [MeasuredService, ...MeasuredService[]];
}

/**
 * A round of the service: posts as fast as answers come, and waits until all has arrived.
 *
 * @param stage Callers and receiver.
 * @param plan What is posted, and to whom.
 * @param events How many.
 */
export async function serviceRound(stage: Stage, plan: ServicePlan, events: number): Promise<Round> {
  const { connections, fan_out = 1, services, ...rest } = plan;
  await stage.load.call("prepare", { ...rest, events, urls: services.map(({ url }) => url) });
  return await timed(stage, { pid: services[0].pid, events }, async () => {
    const load = await stage.load.call<LoadResult>("closed", { connections });
    return { started_at: load.started_at, accepted: load.accepted, fan_out };
  });
}

/** The raw loop: as many webhooks and sends at a time as the service has. */
export function rawLoop(
  stage: Stage,
  { webhooks, at_once }: { readonly webhooks: number; readonly at_once: number },
): Contestant {
  async function run(events: number): Promise<Round> {
    await stage.raw.call("prepare", { url: stage.receiver_url, events, webhooks });
    return await timed(stage, { pid: stage.raw.pid, events }, async () => {
      const { started_at } = await stage.raw.call<{ started_at: number }>("closed", { at_once });
      return { started_at, accepted: events, fan_out: 1 };
    });
  }
  return { name: "raw loop", guess: 5000, run };
}

async function timed(
  stage: Stage,
  { pid, events }: { readonly pid: number; readonly events: number },
  run: () => Promise<{ started_at: number; accepted: number; fan_out: number }>,
): Promise<Round> {
  await stage.receiver.call("begin", { events });
  const cpu_before = await cpuSeconds(pid);
  const { started_at, accepted, fan_out } = await run();
  const deliveries = accepted * fan_out;
  const { last_at, taken, verified } = await stage.arrived(deliveries);
  const cpu_after = await cpuSeconds(pid);
  if (taken > deliveries) throw new Error(`${taken} deliveries arrived, ${deliveries} were expected`);
  stage.delivered.deliveries += taken;
  stage.delivered.verified += verified;
  return {
    per_s: deliveries / ((last_at - started_at) / 1000),
    cpu_s_per_1000: cpu_before === null || cpu_after === null
      ? null
      : (cpu_after - cpu_before) / (deliveries / 1000),
    refused: events - accepted,
  };
}

/** The compiler of V8 is still at work in the second round of a service, and slows it by a tenth. */
const WARM_UPS = 2;

/**
 * Has contestants take turns. The first rounds of each, which warm it up, tell how much is posted in its others.
 *
 * @param stage How many rounds, how long.
 * @param what In words.
 * @param contestants Who.
 * @returns The rounds of each, in the order given, without the first ones.
 */
export async function takeTurns(
  stage: Stage,
  what: string,
  contestants: readonly Contestant[],
): Promise<Round[][]> {
  const { rounds, seconds } = stage.sizes;
  const events: number[] = [];
  for (const { name, guess, run, fan_out = 1 } of contestants) {
    let per_s = guess * fan_out;
    for (let n = 1; n <= WARM_UPS; n++) {
      stage.say(`${what}: warm-up ${n} of ${WARM_UPS}, ${name}`);
      ({ per_s } = await run(Math.ceil(per_s / fan_out * seconds)));
    }
    events.push(Math.ceil(per_s / fan_out * seconds));
  }
  const done: Round[][] = contestants.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    stage.say(`${what}: round ${round} of ${rounds}`);
    // To and fro, so that none always comes after the same other.
    const order = round % 2 === 0 ? [...contestants.entries()].reverse() : contestants.entries();
    for (const [index, { run }] of order) done[index]?.push(await run(events[index] ?? 1));
  }
  return done;
}

/** The rates of rounds. */
export function ratesOf(rounds: readonly Round[] | undefined): number[] {
  return (rounds ?? []).map(({ per_s }) => per_s);
}

/** The CPU time of rounds, for 1,000 deliveries; none where the system does not tell. */
export function cpuOf(rounds: readonly Round[] | undefined): number[] {
  return (rounds ?? []).flatMap(({ cpu_s_per_1000 }) => cpu_s_per_1000 ?? []);
}

/**
 * Each round of one contestant as a share of the same round of another.
 *
 * @param of The one.
 * @param to The other.
 */
export function sharesOf(of: readonly Round[] | undefined, to: readonly Round[] | undefined): number[] {
  return ratesOf(of).map((rate, index) => rate / (to?.[index]?.per_s ?? NaN));
}

/** Rate, share of the raw loop and CPU of a service's rounds. */
export function throughputFigures(
  scenario: string,
  { rounds, raw }: {
    readonly rounds: readonly Round[] | undefined;
    readonly raw: readonly Round[] | undefined;
  },
): Measured[] {
  const raw_cpu = cpuOf(raw);
  const cpu = cpuOf(rounds);
  const rates = { scenario, unit: "/s", raw: medianOf(ratesOf(raw)) } as const;
  return [
    { ...rates, name: "accepted and delivered", rounds: ratesOf(rounds) },
    { scenario, name: "the same as a share of the raw loop", unit: "share", rounds: sharesOf(rounds, raw) },
    ...(cpu.length === 0 ? [] : [
      {
        scenario,
        name: "CPU of the service, per 1,000 deliveries",
        unit: "s",
        rounds: cpu,
        raw: medianOf(raw_cpu),
      } as const,
    ]),
  ];
}
