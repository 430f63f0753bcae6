/**
 * S5 and S7: what a hundred thousand waiting deliveries cost the others, and what the service takes of the machine.
 *
 * Half of what waits was refused once by its receiver (404, which no breaker minds) and is to be tried again in an hour;
 * the other half is for receivers that nobody listens at, held back by their breakers.
 *
 * @module
 */
import { LANE } from "../../lib/limits.ts";
import { type Measured, medianOf } from "../figures.ts";
import type { LoadResult } from "../load.ts";
import { cpuSeconds, forgetPeak, memoryOf } from "../process_cost.ts";
import { cpuOf, ratesOf, rawLoop, serviceRound, sharesOf, takeTurns } from "../rounds.ts";
import { type MeasuredService, startMeasured } from "../service.ts";
import type { Arrived, Stage } from "../stage.ts";
import { batchPlan, contestant } from "./throughput.ts";

const WAITING = 100_000;
/** So many of them are of one event. */
const WEBHOOKS_EACH = 50;
const WAITING_SITES = 20;
const WAITING_SITES_QUICK = 2;
/** Their sites, behind those that are posted to. */
const FIRST_SITE = 1000;
/** An hour: what waits stays waiting while it is measured. */
const ENV = { TIDINGS_RETRY_BASE_MS: "3600000" };
/** Nothing listens there. */
const DEAD = "http://127.0.0.1:1";
const SITES = 10;
/** Until what a start or a load has left is cleared up. */
const SETTLE_MS = 3000;
const IDLE_MS = 10_000;

function settle({ sizes }: Stage, ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms / Math.sqrt(sizes.divided_by)));
}

function waitingOf({ sizes }: Stage): number {
  return WAITING / sizes.divided_by;
}

/** A file in which so many deliveries wait, and ten sites with a webhook each. */
async function waitingFile(stage: Stage): Promise<string> {
  const kv = stage.newFile();
  const service = await startMeasured({ kv, env: ENV });
  await stage.addWebhooks(service, { sites: SITES });
  const events = waitingOf(stage) / WEBHOOKS_EACH;
  const waiting_sites = stage.sizes.divided_by === 1 ? WAITING_SITES : WAITING_SITES_QUICK;
  const half = waiting_sites / 2;
  const refusing = { sites: half, first_site: FIRST_SITE, webhooks_each: WEBHOOKS_EACH };
  await stage.addWebhooks(service, { ...refusing, to: `${stage.receiver_url}/no` });
  await stage.addWebhooks(service, { ...refusing, first_site: FIRST_SITE + half, to: DEAD });
  await stage.receiver.call("begin", { events: 0 });
  stage.say(`${events * WEBHOOKS_EACH} deliveries that will wait`);
  await stage.load.call("prepare", {
    urls: [service.url],
    events,
    sites: waiting_sites,
    first_site: FIRST_SITE,
    batch: 1,
  });
  const { accepted, others } = await stage.load.call<LoadResult>("closed", { connections: 4 });
  if (accepted < events) throw new Error(`Not all was accepted: ${JSON.stringify(others)}`);
  // Each of the first half is tried once.
  const tried = Math.ceil(events / 2) * WEBHOOKS_EACH - WEBHOOKS_EACH;
  while ((await stage.receiver.call<Arrived>("counts")).refused < tried) await settle(stage, 100);
  await settle(stage, SETTLE_MS);
  await service.stop();
  return kv;
}

async function serviceWithWaiting(stage: Stage): Promise<MeasuredService> {
  return await startMeasured({ kv: await stage.fileOf("waiting", () => waitingFile(stage)), env: ENV });
}

/** S5: as S2, with so much waiting, against nothing waiting. */
export async function retriesWaiting(stage: Stage): Promise<Measured[]> {
  await using waiting = await serviceWithWaiting(stage);
  await using empty = await stage.serviceWith({ sites: SITES, env: ENV });
  const [raw, without, with_waiting] = await takeTurns(stage, "S5, retries waiting", [
    rawLoop(stage, { webhooks: SITES, at_once: SITES * LANE.cap_max }),
    contestant(stage, "nothing waits", batchPlan(empty)),
    contestant(stage, "retries wait", batchPlan(waiting)),
  ]);
  return [
    {
      scenario: "S5",
      name: "accepted and delivered",
      unit: "/s",
      rounds: ratesOf(with_waiting),
      raw: medianOf(ratesOf(raw)),
    },
    { scenario: "S5", name: "as a share of S2", unit: "share", rounds: sharesOf(with_waiting, without) },
  ];
}

/** Start-ups of a file, in milliseconds; the last service goes on. */
async function starts(
  stage: Stage,
  what: string,
  start: () => Promise<MeasuredService>,
): Promise<{ ready_s: number[]; service: MeasuredService }> {
  const ready_s: number[] = [];
  for (let n = 1;; n++) {
    stage.say(`S7, ${what}: start ${n} of ${stage.sizes.rounds}`);
    const service = await start();
    ready_s.push(service.ready_ms / 1000);
    if (n >= stage.sizes.rounds) return { ready_s, service };
    await service.stop();
  }
}

function ofMemory(name: string, mib: number | undefined, raw: number | undefined): Measured[] {
  return mib === undefined ? [] : [{ scenario: "S7", name, unit: "MiB", rounds: [mib], raw }];
}

/** S7: CPU, memory and the time to start, with nothing and with much waiting. */
export async function whatItTakes(stage: Stage): Promise<Measured[]> {
  const raw_starts: number[] = [];
  for (let n = 0; n < stage.sizes.rounds; n++) raw_starts.push(await rawStart(stage));
  const raw_s = medianOf(raw_starts);
  const raw_idle = (await memoryOf(stage.raw.pid))?.now_mib;

  const kv = stage.newFile();
  const empty = await starts(stage, "nothing waits", () => startMeasured({ kv }));
  await using service = empty.service;
  await settle(stage, SETTLE_MS);
  const idle = await memoryOf(service.pid);
  const cpu_before = await cpuSeconds(service.pid);
  const idle_at = performance.now();
  await settle(stage, IDLE_MS);
  const idle_min = (performance.now() - idle_at) / 60_000;
  const cpu_after = await cpuSeconds(service.pid);
  await stage.addWebhooks(service, { sites: SITES });
  const [raw, rounds] = await takeTurns(stage, "S7, under load", [
    rawLoop(stage, { webhooks: SITES, at_once: SITES * LANE.cap_max }),
    contestant(stage, "the service", batchPlan(service)),
  ]);
  const loaded = await memoryOf(service.pid);
  const raw_loaded = (await memoryOf(stage.raw.pid))?.peak_mib;

  const waiting = await starts(stage, "much waits", () => serviceWithWaiting(stage));
  await using busy = waiting.service;
  await settle(stage, SETTLE_MS);
  const holding = await memoryOf(busy.pid);
  await forgetPeak(busy.pid);
  await serviceRound(stage, batchPlan(busy), Math.ceil(medianOf(ratesOf(rounds)) * stage.sizes.seconds));
  const holding_loaded = await memoryOf(busy.pid);

  const pending = `with ${waitingOf(stage).toLocaleString("en")} pending`;
  const seconds = { scenario: "S7", unit: "s" } as const;
  const cpu = cpuOf(rounds);
  return [
    ...(cpu.length === 0 || cpu_before === null || cpu_after === null ? [] : [
      { ...seconds, name: "CPU per 1,000 deliveries in S2", rounds: cpu, raw: medianOf(cpuOf(raw)) },
      { ...seconds, name: "CPU a minute, idle", rounds: [(cpu_after - cpu_before) / idle_min] },
    ]),
    ...ofMemory("memory, idle", idle?.now_mib, raw_idle),
    ...ofMemory("memory under load, at the most", loaded?.peak_mib, raw_loaded),
    ...ofMemory(`memory ${pending}`, holding?.now_mib, raw_idle),
    ...ofMemory(`memory ${pending}, under load, at the most`, holding_loaded?.peak_mib, raw_loaded),
    { ...seconds, name: "ready, empty", rounds: empty.ready_s, raw: raw_s },
    { ...seconds, name: `ready, ${pending}`, rounds: waiting.ready_s, raw: raw_s },
  ];
}

/** How long the raw loop's process takes to start, in seconds; the last one becomes the stage's. */
async function rawStart(stage: Stage): Promise<number> {
  const started = performance.now();
  await stage.restartRaw();
  return (performance.now() - started) / 1000;
}
