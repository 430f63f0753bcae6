/**
 * S9: how the cost grows with the number of webhooks and with what is stored.
 *
 * @module
 */
import { LANE } from "../../lib/limits.ts";
import { type Measured, medianOf } from "../figures.ts";
import { type Contestant, ratesOf, rawLoop, sharesOf, takeTurns } from "../rounds.ts";
import { type MeasuredService, startMeasured } from "../service.ts";
import type { Stage } from "../stage.ts";
import { storedFile } from "../stored.ts";
import { batchPlan, contestant } from "./throughput.ts";

const WEBHOOKS = [1, 10, 100, 1000, 10_000];
const STORED = [10_000, 100_000, 1_000_000];
/** What others are a share of. */
const BASE_WEBHOOKS = 10;
const SITES = 10;

function number(count: number): string {
  return count.toLocaleString("en");
}

function rawOf(stage: Stage): Contestant {
  return rawLoop(stage, { webhooks: SITES, at_once: SITES * LANE.cap_max });
}

async function withWebhooks(stage: Stage): Promise<Measured[]> {
  await using services = new AsyncDisposableStack();
  const started: MeasuredService[] = [];
  // Ten thousand take half a minute to create.
  const counts = WEBHOOKS.filter((count) => count <= 10_000 / stage.sizes.divided_by);
  for (const sites of counts) {
    stage.say(`S9, growth: a service with ${number(sites)} webhooks`);
    started.push(services.use(await stage.serviceWith({ sites })));
  }
  const contestants = started.map((service, index) => {
    const sites = counts[index] ?? 1;
    return contestant(stage, `${number(sites)} of them`, batchPlan(service, sites));
  });
  const [raw_rounds, ...all] = await takeTurns(stage, "S9, webhooks", [rawOf(stage), ...contestants]);
  const raw = medianOf(ratesOf(raw_rounds));
  const base = all[counts.indexOf(BASE_WEBHOOKS)];
  return counts.flatMap((count, index): Measured[] => [
    { scenario: "S9", name: `${number(count)} webhooks`, unit: "/s", rounds: ratesOf(all[index]), raw },
    {
      scenario: "S9",
      name: `${number(count)} webhooks, as a share of 10`,
      unit: "share",
      rounds: sharesOf(all[index], base),
    },
  ]);
}

async function withStored(stage: Stage): Promise<Measured[]> {
  await using services = new AsyncDisposableStack();
  const started: MeasuredService[] = [];
  const counts = STORED.map((count) => Math.ceil(count / stage.sizes.divided_by));
  for (const deliveries of counts) {
    const kv = await storedFile(stage, deliveries);
    const service = services.use(await startMeasured({ kv }));
    started.push(service);
  }
  const contestants = started.map((service, index) =>
    contestant(stage, `${number(counts[index] ?? 0)} of them`, batchPlan(service, SITES))
  );
  const [raw_rounds, ...all] = await takeTurns(stage, "S9, stored deliveries", [
    rawOf(stage),
    ...contestants,
  ]);
  const raw = medianOf(ratesOf(raw_rounds));
  return counts.flatMap((count, index): Measured[] => [
    { scenario: "S9", name: `${number(count)} stored`, unit: "/s", rounds: ratesOf(all[index]), raw },
    {
      scenario: "S9",
      name: `${number(count)} stored, as a share of ${number(counts[0] ?? 0)}`,
      unit: "share",
      rounds: sharesOf(all[index], all[0]),
    },
  ]);
}

/** S9: S2 with 1 to 10,000 webhooks, and with 10,000 to 1,000,000 stored deliveries. */
export async function growth(stage: Stage): Promise<Measured[]> {
  return [...await withWebhooks(stage), ...await withStored(stage)];
}
