/**
 * S1 to S3: what is accepted and delivered in a second: single events, batches, one event to many webhooks.
 *
 * @module
 */
import { LANE } from "../../lib/limits.ts";
import { type Measured, medianOf } from "../figures.ts";
import { steady } from "../latency.ts";
import {
  type Contestant,
  ratesOf,
  rawLoop,
  type Round,
  type ServicePlan,
  serviceRound,
  takeTurns,
  throughputFigures,
} from "../rounds.ts";
import type { MeasuredService } from "../service.ts";
import type { Stage } from "../stage.ts";

/** Single posts need many connections at a time to share commits; batches are as good as many. */
const SINGLE_CONNECTIONS = 64;
const BATCH_CONNECTIONS = 4;
const BATCH_SITES = 10;
const FAN_OUT = 50;

/** A service as one that takes turns. */
export function contestant(stage: Stage, name: string, plan: ServicePlan & { guess: number }): Contestant {
  const { guess, ...rest } = plan;
  const { fan_out = 1 } = plan;
  async function run(events: number): Promise<Round> {
    const round = await serviceRound(stage, rest, events);
    if (round.refused > 0) throw new Error(`${name}: ${round.refused} of ${events} events were not accepted`);
    return round;
  }
  return { name, guess, fan_out, run };
}

/** How S2 posts, to so many sites with a webhook each. */
export function batchPlan(service: MeasuredService, sites = BATCH_SITES): ServicePlan & { guess: number } {
  return { services: [service], sites, batch: 100, connections: BATCH_CONNECTIONS, guess: 2500 };
}

/** S1: one event a post, one webhook; then, at half of that rate, how long a caller waits. */
export async function singleEvents(stage: Stage): Promise<Measured[]> {
  await using service = await stage.serviceWith({ sites: 1 });
  const plan = {
    services: [service],
    sites: 1,
    batch: 1,
    connections: SINGLE_CONNECTIONS,
    guess: 1500,
  } as const;
  const [raw, rounds] = await takeTurns(stage, "S1, single events", [
    rawLoop(stage, { webhooks: 1, at_once: LANE.cap_max }),
    contestant(stage, "the service", plan),
  ]);
  stage.say("S1, single events: acceptance at half of the rate");
  const per_second = Math.ceil(medianOf(ratesOf(rounds)) / 2);
  const events = Math.ceil(per_second * stage.sizes.seconds);
  const { acceptance } = await steady(stage, { urls: [service.url], events, sites: 1, per_second });
  const accepted = { scenario: "S1", unit: "ms" } as const;
  return [
    ...throughputFigures("S1", { rounds, raw }),
    { ...accepted, name: "acceptance at half of that rate, median", rounds: [acceptance.median_ms] },
    { ...accepted, name: "acceptance at half of that rate, 99th", rounds: [acceptance.p99_ms] },
  ];
}

/** S2: batches of 100, ten sites with a webhook each. */
export async function batches(stage: Stage): Promise<Measured[]> {
  await using service = await stage.serviceWith({ sites: BATCH_SITES });
  const [raw, rounds] = await takeTurns(stage, "S2, batches", [
    rawLoop(stage, { webhooks: BATCH_SITES, at_once: BATCH_SITES * LANE.cap_max }),
    contestant(stage, "the service", batchPlan(service)),
  ]);
  return throughputFigures("S2", { rounds, raw });
}

/** S3: one event to 50 webhooks. */
export async function fanOut(stage: Stage): Promise<Measured[]> {
  await using service = await stage.serviceWith({ sites: 1, webhooks_each: FAN_OUT });
  const plan = {
    services: [service],
    sites: 1,
    batch: 1,
    connections: 4,
    fan_out: FAN_OUT,
    guess: 60,
  } as const;
  const [raw, rounds] = await takeTurns(stage, "S3, fan-out", [
    rawLoop(stage, { webhooks: FAN_OUT, at_once: LANE.sends_per_site_max }),
    contestant(stage, "the service", plan),
  ]);
  return throughputFigures("S3", { rounds, raw });
}
