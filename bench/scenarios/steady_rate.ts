/**
 * S4 and S6: how long from the post to the receiver at a steady rate, and the same with a receiver that hangs.
 *
 * @module
 */
import { type Measured, medianOf } from "../figures.ts";
import type { LatencySummary } from "../histogram.ts";
import { type Steady, steady, steadyRaw } from "../latency.ts";
import type { MeasuredService } from "../service.ts";
import type { Stage } from "../stage.ts";

const RATES = [200, 1000];
const SITES = 100;
/** Of a round, against those of throughput: the 99th percentile wants many events. */
const LONGER = 2;

function eventsOf(stage: Stage, per_second: number): number {
  return Math.ceil(per_second * stage.sizes.seconds * LONGER);
}

function round(stage: Stage, service: MeasuredService, per_second: number, lost = 0): Promise<Steady> {
  const events = eventsOf(stage, per_second);
  return steady(stage, { urls: [service.url], events, sites: SITES, per_second, lost });
}

function medianMs(rounds: readonly LatencySummary[]): number {
  return medianOf(rounds.map(({ median_ms }) => median_ms));
}

function p99Ms(rounds: readonly LatencySummary[]): number {
  return medianOf(rounds.map(({ p99_ms }) => p99_ms));
}

/** S4: 200 and 1,000 events a second to a hundred webhooks of a hundred sites. */
export async function steadyRate(stage: Stage): Promise<Measured[]> {
  await using service = await stage.serviceWith({ sites: SITES });
  const figures: Measured[] = [];
  for (const per_second of RATES) {
    const what = `S4, ${per_second} a second`;
    const raw_plan = { events: eventsOf(stage, per_second), webhooks: SITES, per_second };
    stage.say(`${what}: warm-up`);
    await steadyRaw(stage, raw_plan);
    await round(stage, service, per_second);
    const seen: Steady[] = [];
    const raw: LatencySummary[] = [];
    for (let n = 1; n <= stage.sizes.rounds; n++) {
      stage.say(`${what}: round ${n} of ${stage.sizes.rounds}`);
      raw.push(await steadyRaw(stage, raw_plan));
      seen.push(await round(stage, service, per_second));
    }
    const arrival = seen.map((steady) => steady.arrival);
    const lateness = seen.map((steady) => steady.lateness);
    const ms = { scenario: "S4", unit: "ms" } as const;
    const name = `at ${per_second.toLocaleString("en")}/s`;
    figures.push(
      {
        ...ms,
        name: `${name}, median`,
        rounds: arrival.map(({ median_ms }) => median_ms),
        raw: medianMs(raw),
      },
      { ...ms, name: `${name}, 99th`, rounds: arrival.map(({ p99_ms }) => p99_ms), raw: p99Ms(raw) },
      { ...ms, name: `${name}, before which the callers were late by, median`, rounds: [medianMs(lateness)] },
      { ...ms, name: `${name}, before which the callers were late by, 99th`, rounds: [p99Ms(lateness)] },
    );
  }
  return figures;
}

/** S6: the same for the other 99 while one of a hundred receivers hangs, against none that does. */
export async function oneHangs(stage: Stage): Promise<Measured[]> {
  await using sound = await stage.serviceWith({ sites: SITES });
  await using hanging = await stage.serviceWith({ sites: SITES - 1 });
  const to = `${stage.receiver_url}/hang`;
  await stage.addWebhooks(hanging, { sites: 1, first_site: SITES - 1, to });
  const figures: Measured[] = [];
  for (const per_second of RATES) {
    const what = `S6, ${per_second} a second`;
    const lost = Math.floor(eventsOf(stage, per_second) / SITES);
    stage.say(`${what}: warm-up`);
    await round(stage, sound, per_second);
    await round(stage, hanging, per_second, lost);
    const p99: number[] = [];
    const times: number[] = [];
    for (let n = 1; n <= stage.sizes.rounds; n++) {
      stage.say(`${what}: round ${n} of ${stage.sizes.rounds}`);
      const without = await round(stage, sound, per_second);
      const others = await round(stage, hanging, per_second, lost);
      p99.push(others.arrival.p99_ms);
      times.push(others.arrival.p99_ms / without.arrival.p99_ms);
    }
    const name = `the others at ${per_second.toLocaleString("en")}/s, 99th`;
    figures.push(
      { scenario: "S6", name, unit: "ms", rounds: p99 },
      { scenario: "S6", name: `${name}, against none that hangs`, unit: "times", rounds: times },
    );
  }
  return figures;
}
