/**
 * S11: what posts wait for their commit while half a million records expire within a minute.
 *
 * @module
 */
import type { Measured } from "../figures.ts";
import { steady } from "../latency.ts";
import { startMeasured } from "../service.ts";
import type { Stage } from "../stage.ts";
import { makeStored } from "../stored.ts";

const RECORDS = 500_000;
/** Two events have five deliveries; each event and each delivery is two records. */
const RECORDS_PER_DELIVERY = 14 / 5;
/** They expire evenly over so long: far faster than the service spreads them, which is over days. */
const EXPIRING_MS = 60_000;
/** Until the file is written and a service has started on it. */
const LATER_MS = 45_000;
const PER_SECOND = 200;
const SITES = 10;

/** S11. */
export async function expiring(stage: Stage): Promise<Measured[]> {
  const deliveries = Math.round(RECORDS / RECORDS_PER_DELIVERY / stage.sizes.divided_by);
  const scale = 1 / Math.sqrt(stage.sizes.divided_by);
  const events = Math.ceil(deliveries / 5) * 2;
  const first_at = Date.now() + LATER_MS * scale;
  const kv = await makeStored(
    stage,
    deliveries,
    (n) => Math.max(Math.ceil(first_at + EXPIRING_MS * scale * n / events - Date.now()), 1),
  );
  await using service = await startMeasured({ kv });
  const post = async (seconds: number) => {
    const count = Math.ceil(PER_SECOND * seconds);
    const plan = { urls: [service.url], events: count, sites: SITES, per_second: PER_SECOND };
    return (await steady(stage, plan)).acceptance;
  };
  const left_s = (): number => Math.max((first_at - Date.now()) / 1000 - 1, 1);
  stage.say("S11, warm-up");
  await post(Math.min(left_s() / 2, stage.sizes.seconds * 2));
  stage.say("S11, before records expire");
  const before = await post(Math.min(left_s(), stage.sizes.seconds * 2));
  await new Promise((resolve) => void setTimeout(resolve, Math.max(first_at - Date.now(), 0)));
  stage.say("S11, while they expire");
  const during = await post(EXPIRING_MS * scale / 1000);
  const records = (RECORDS / stage.sizes.divided_by).toLocaleString("en");
  const ms = { scenario: "S11", unit: "ms" } as const;
  return [
    { ...ms, name: "commits before, 99th", rounds: [before.p99_ms] },
    { ...ms, name: `commits while ${records} records expire, 99th`, rounds: [during.p99_ms] },
    { ...ms, name: `commits while ${records} records expire, longest`, rounds: [during.longest_ms] },
  ];
}
