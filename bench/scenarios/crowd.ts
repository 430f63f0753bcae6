/**
 * S10: one event of another site while a batch of 1,000 events to 50 webhooks each is taken in.
 *
 * @module
 */
import type { Measured } from "../figures.ts";
import { arrivalOf } from "../latency.ts";
import type { LoadResult } from "../load.ts";
import type { Stage } from "../stage.ts";

const BATCH = 1000;
const FAN_OUT = 50;
/** Single events, so far apart that none meets another. */
const PER_SECOND = 50;
/** More than are posted until the batch is in. */
const SINGLES_MAX = 5000;
const WARM = 50;

/** S10. */
export async function singleAmongBatch(stage: Stage): Promise<Measured[]> {
  await using service = await stage.serviceWith({ sites: 1, webhooks_each: FAN_OUT });
  await stage.addWebhooks(service, { sites: 1, first_site: 1 });
  await using other = stage.worker("load");
  const urls = [service.url];

  async function round(batch: number): Promise<{ accepted: LoadResult["acceptance"]; arrived: number[] }> {
    await stage.load.call("prepare", { urls, events: batch, sites: 1, batch });
    await other.call("prepare", {
      urls,
      events: SINGLES_MAX,
      first: batch,
      sites: 1,
      first_site: 1,
      batch: 1,
    });
    await stage.receiver.call("begin", { events: batch + SINGLES_MAX });
    const singles = other.call<LoadResult>("open", { per_second: PER_SECOND });
    const { accepted } = await stage.load.call<LoadResult>("closed", { connections: 1 });
    await other.call("stop");
    const result = await singles;
    await stage.arrived(accepted * FAN_OUT + result.accepted);
    const arrival = await arrivalOf(stage, other, batch);
    return { accepted: result.acceptance, arrived: [arrival.median_ms, arrival.p99_ms] };
  }

  stage.say("S10, a single event beside a large batch: warm-up");
  await round(WARM);
  const acceptance: number[][] = [];
  const arrivals: number[][] = [];
  for (let n = 1; n <= stage.sizes.rounds; n++) {
    stage.say(`S10, a single event beside a large batch: round ${n} of ${stage.sizes.rounds}`);
    const { accepted, arrived } = await round(Math.ceil(BATCH / Math.sqrt(stage.sizes.divided_by)));
    acceptance.push([accepted.median_ms, accepted.p99_ms]);
    arrivals.push(arrived);
  }
  const of = (rounds: readonly number[][], index: number): number[] =>
    rounds.map((round) => round[index] ?? NaN);
  const ms = { scenario: "S10", unit: "ms" } as const;
  return [
    { ...ms, name: "acceptance, median", rounds: of(acceptance, 0) },
    { ...ms, name: "acceptance, 99th", rounds: of(acceptance, 1) },
    { ...ms, name: "arrival, median", rounds: of(arrivals, 0) },
    { ...ms, name: "arrival, 99th", rounds: of(arrivals, 1) },
  ];
}
