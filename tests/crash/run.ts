/**
 * The crash test: lives of the service on one file, each ended by a signal at a random moment, and what became of
 * everything in the end.
 *
 * Owns the lives. A seed decides when and how each ends; what is under way in that moment is the machine's business, so a
 * seed repeats the plan and not the outcome.
 *
 * @module
 */
import {
  type Api,
  type DeliveryJson,
  type PageJson,
  sitePath,
  until,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { seeded } from "../helpers/seeded.ts";
import { type SpawnedProcess, spawnProcess, temporaryFile } from "../helpers/service.ts";
import { Callers } from "./callers.ts";
import { Ledger, type Round } from "./ledger.ts";
import { startTargets, TARGET_SITES } from "./targets.ts";
import { judgeRun, type Recorded, type Verdict } from "./verdict.ts";

/** What is played. */
export interface CrashOptions {
  /** Lives that end by a signal; the last one after them is left to finish. */
  readonly rounds: number;
  readonly seed: number;
}

/** What came of it. */
export interface CrashReport extends Verdict {
  readonly seed: number;
  readonly kills: number;
  readonly stops: number;
  readonly posted: number;
  readonly accepted: number;
  readonly delivered: number;
  readonly requests: number;
  readonly duplicates: number;
  readonly interrupted: number;
  /** The last life, from its start: listening, first request, everything that was left delivered. */
  readonly recovery_ms: {
    readonly listening: number | null;
    readonly first_delivery: number | null;
    readonly settled: number;
  };
}

/** How a life ends. */
interface Ending {
  readonly signal: "SIGKILL" | "SIGTERM";
  readonly after: "start" | "listening";
  readonly ms: number;
}

/** While it starts, while it works, and, once in so many lives, while it takes over from the dead. */
const START_MS = 700;
const WORK_MS = 1400;
const TAKE_OVER_EVERY = 20;
const TAKE_OVER_MS = [14_500, 17_000] as const;

const ENV = { TIDINGS_RETRY_BASE_MS: "20", TIDINGS_LOG: "warn" };

function planned(round: number, random: () => number): Ending {
  const [kind, moment] = [random(), random()];
  if (round % TAKE_OVER_EVERY === TAKE_OVER_EVERY / 2) {
    const [min, max] = TAKE_OVER_MS;
    return { signal: "SIGKILL", after: "listening", ms: min + moment * (max - min) };
  }
  if (kind < 0.1) return { signal: "SIGKILL", after: "start", ms: moment * START_MS };
  return { signal: kind < 0.3 ? "SIGTERM" : "SIGKILL", after: "listening", ms: moment * WORK_MS };
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/**
 * Plays a run.
 *
 * @param options How many lives, and the seed.
 * @returns What came of it.
 */
export async function runCrashes({ rounds, seed }: CrashOptions): Promise<CrashReport> {
  const random = seeded(seed);
  const endings = Array.from({ length: rounds }, (_, round) => planned(round, random));
  const ledger = new Ledger();
  const callers = new Callers(ledger, random);
  await using file = await temporaryFile();
  await using targets = startTargets(ledger);
  const start = (): SpawnedProcess => spawnProcess({ kv: file.path, env: ENV });

  ledger.begin("SIGTERM");
  const names = await (async () => {
    await using first = start();
    const registered = await targets.register(await within(first.listening, "the first life to listen"));
    first.kill("SIGTERM");
    await first.ended;
    return registered;
  })();

  for (const ending of endings) {
    const life = ledger.begin(ending.signal);
    await using service = start();
    await live(service, { ending, life, callers, ledger });
  }

  const last = ledger.begin(null);
  await using service = start();
  const api = await within(service.listening, "the last life to listen");
  last.listening_ms = performance.now();
  if (!await callers.repeat(api)) throw new Error("The last life of the service broke off");
  for (const site_id of TARGET_SITES) await nothingPending(api, site_id);
  const settled = performance.now() - last.spawned_ms;
  const history = await historyOf(api, names);
  const verdict = judgeRun(ledger, history);
  const own = verdict.rounds.at(-1);
  const count = (signal: Round["signal"]): number =>
    ledger.rounds.slice(1).filter((round) => round.signal === signal).length;
  return {
    ...verdict,
    seed,
    kills: count("SIGKILL"),
    stops: count("SIGTERM"),
    posted: ledger.posted.size,
    accepted: [...ledger.posted.values()].filter(({ event_id }) => event_id !== null).length,
    delivered: history.filter(({ status }) => status === "delivered").length,
    requests: ledger.arrived_total,
    duplicates: verdict.rounds.reduce((sum, { duplicates }) => sum + duplicates, 0),
    interrupted:
      history.flatMap(({ attempts }) => attempts).filter(({ error }) => error === "interrupted").length,
    recovery_ms: {
      listening: own?.listening_ms ?? null,
      first_delivery: own?.first_delivery_ms ?? null,
      settled: Math.round(settled),
    },
  };
}

/** One life: asked about what came before, posted to, and ended in the middle of it. */
async function live(
  service: SpawnedProcess,
  { ending, life, callers, ledger }: { ending: Ending; life: Round; callers: Callers; ledger: Ledger },
): Promise<void> {
  let over = false;
  let working = Promise.resolve();
  if (ending.after === "listening") {
    const api = await within(service.listening, `life ${life.round} to listen`);
    life.listening_ms = performance.now();
    working = callers.repeat(api).then((there) => there ? callers.post(api, () => over) : undefined);
  }
  // Whoever fails by an answer that must not be fails the run at once.
  await Promise.race([passed(ending.ms), working.then(() => passed(ending.ms))]);
  life.signalled_ms = performance.now();
  service.kill(ending.signal);
  over = true;
  const { code, stderr } = await within(service.ended, `life ${life.round} to end`);
  await working;
  if (ending.signal === "SIGTERM" && (code !== 0 || stderr !== "")) {
    ledger.faults.push(`life ${life.round} ended with ${code} after SIGTERM: ${stderr}`);
  }
}

/** Resolves when no webhook of a site has anything to do. */
async function nothingPending(api: Api, site_id: string): Promise<void> {
  await until(async () => {
    const { json } = await api.call<{ data: WebhookJson[] }>("GET", sitePath("/webhooks", site_id));
    return json.data.every(({ health }) => health.pending === 0);
  }, "nothing is pending any more");
}

/** Every delivery on record. */
async function historyOf(api: Api, names: ReadonlyMap<string, string>): Promise<Recorded[]> {
  const found: Recorded[] = [];
  for (const site_id of TARGET_SITES) {
    let cursor = "";
    do {
      const query = `?limit=100${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
      const path = sitePath(`/deliveries${query}`, site_id);
      const { json } = await api.call<PageJson<DeliveryJson>>("GET", path);
      for (const delivery of json.data) {
        found.push({ ...delivery, target: names.get(delivery.webhook_id) ?? "nobody" });
      }
      cursor = json.next_cursor ?? "";
    } while (cursor !== "");
  }
  return found;
}
