/**
 * The soak: the service as a process under a mixed load for minutes or hours, and what became of its memory and of every
 * event.
 *
 * Owns the run and the bounds that its verdict is held against.
 *
 * @module
 */
import { type Api, until, within } from "../helpers/api.ts";
import { startProcess, temporaryFile } from "../helpers/service.ts";
import { isRare, Load } from "./load.ts";
import { type Receivers, startReceivers, TEMPERS } from "./receivers.ts";
import { answerTime, look, pendingOf, type Sample, slopeOf } from "./samples.ts";

/** What a run may take beyond what it took after the warm-up. */
export const BOUNDS = {
  /** Of the line through the samples, over the measured time: the heap breathes by some tens of MiB. */
  rss_growth_mib: 64,
  /** At the end, when connections to receivers are idle or closed, beyond the beginning. */
  fds_growth: 50,
} as const;

const SAMPLE_MS = 2000;
const PING_MS = 250;
/** Longer than any connection is kept for nobody. */
const IDLE_MS_MAX = 15_000;
/** The first part of a run, at most five minutes: caches fill, code is compiled, the heap finds its size. */
const WARM_UP_SHARE = 1 / 3;
const WARM_UP_S_MAX = 300;

/** What came of it. */
export interface SoakReport {
  readonly minutes: number;
  readonly calls: number;
  readonly accepted: number;
  /** To trustworthy receivers, redeliveries aside. */
  readonly expected: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly requests: number;
  readonly rss_mib: {
    readonly start: number | null;
    readonly warm: number | null;
    readonly end: number | null;
  };
  readonly rss_mib_per_minute: number;
  readonly fds: { readonly start: number | null; readonly warm: number | null; readonly end: number | null };
  readonly fds_per_minute: number;
  /** What the slopes are of: from the end of the warm-up. */
  readonly measured_minutes: number;
  readonly healthz_ms_max: number;
  readonly pending_max: number;
  readonly samples: readonly Sample[];
  /** Why the verdict is bad, in words; empty: it is good. */
  readonly faults: readonly string[];
}

/**
 * Plays a run.
 *
 * @param minutes How long the load lasts.
 * @param onSample Told of every look.
 * @returns What came of it.
 */
export async function runSoak(
  minutes: number,
  onSample: (sample: Sample) => void = () => {},
): Promise<SoakReport> {
  await using file = await temporaryFile();
  await using receivers = startReceivers();
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "error" } });
  const load = new Load(service, receivers);
  const samples: Sample[] = [];
  const watch = watching(service, service.pid, (sample) => {
    samples.push(sample);
    onSample(sample);
  });

  await load.prepare();
  await watch.look();
  const end = performance.now() + minutes * 60_000;
  await Promise.all([load.run(() => performance.now() > end), watch.until(end)]);
  await load.giveUpHope();
  await until(async () => await pendingOf(service) === 0, "nothing is pending any more");
  const { status } = await service.call("GET", "/readyz");
  await watch.look();
  // Idle connections to receivers are closed after a while.
  const idle_at = performance.now() + IDLE_MS_MAX;
  while (performance.now() < idle_at && hasMoreDescriptors(samples)) {
    await new Promise((resolve) => void setTimeout(resolve, PING_MS));
    await watch.look();
  }
  service.kill("SIGTERM");
  const { code, stderr } = await within(service.ended, "the service to end");

  const counts = countDeliveries(load, receivers);
  const report = { minutes, calls: load.calls, accepted: load.accepted.size, requests: receivers.requests };
  const measured = measure(samples);
  const faults = [
    ...load.faults,
    ...(status === 200 ? [] : [`/readyz answered ${status} at the end`]),
    ...(code === 0 && stderr === "" ? [] : [`the service ended with ${code}: ${stderr}`]),
    ...faultsOf({ ...counts, ...measured }),
    ...service.lines.filter((line) => !line.includes('"message":"listening"')).map((line) =>
      `logged: ${line}`
    ),
  ];
  return { ...report, ...counts, ...measured, samples, faults };
}

/** Whether the last look found more descriptors than may be left over. */
function hasMoreDescriptors(samples: readonly Sample[]): boolean {
  const [first, last] = [samples[0]?.fds ?? null, samples.at(-1)?.fds ?? null];
  return first !== null && last !== null && last - first > BOUNDS.fds_growth;
}

/** Looks every few seconds and asks for an answer meanwhile. */
function watching(
  api: Api,
  pid: number,
  onSample: (sample: Sample) => void,
): { look(): Promise<void>; until(end: number): Promise<void> } {
  const started = performance.now();
  let healthz_ms = 0;
  async function lookOnce(): Promise<void> {
    healthz_ms = Math.max(healthz_ms, await answerTime(api));
    const known = { at_s: Math.round((performance.now() - started) / 100) / 10, healthz_ms };
    healthz_ms = 0;
    onSample(await look(api, pid, known));
  }
  return {
    look: lookOnce,
    async until(end) {
      let next = performance.now() + SAMPLE_MS;
      while (performance.now() < end) {
        await new Promise((resolve) => void setTimeout(resolve, PING_MS));
        healthz_ms = Math.max(healthz_ms, await answerTime(api));
        if (performance.now() < next) continue;
        await lookOnce();
        next = performance.now() + SAMPLE_MS;
      }
    },
  };
}

type Counts = Pick<SoakReport, "expected" | "delivered" | "lost" | "duplicates">;

/** What the trustworthy receivers got of what they had to get. */
function countDeliveries(load: Load, { taken }: Pick<Receivers, "taken">): Counts {
  let [expected, delivered, times] = [0, 0, 0];
  for (const { name, rare, trustworthy } of TEMPERS) {
    if (!trustworthy) continue;
    const numbers = taken.get(name);
    for (const number of load.accepted) {
      if (rare && !isRare(number)) continue;
      expected++;
      const count = numbers?.get(number) ?? 0;
      if (count > 0) delivered++;
      times += count;
    }
  }
  return {
    expected,
    delivered,
    lost: expected - delivered,
    duplicates: times - delivered - load.redelivered,
  };
}

type Measured = Pick<
  SoakReport,
  | "rss_mib"
  | "rss_mib_per_minute"
  | "fds"
  | "fds_per_minute"
  | "measured_minutes"
  | "healthz_ms_max"
  | "pending_max"
>;

/** Where the warm-up ends, in seconds. */
function warmAt(samples: readonly Sample[]): number {
  return Math.min((samples.at(-1)?.at_s ?? 0) * WARM_UP_SHARE, WARM_UP_S_MAX);
}

/**
 * What the samples say.
 *
 * @param samples Every look, in order.
 * @returns Memory and descriptors at the start, after the warm-up and at the end, and their slopes after the warm-up.
 */
export function measure(samples: readonly Sample[]): Measured {
  const warm = samples.filter(({ at_s }) => at_s >= warmAt(samples));
  const slope = (of: "rss_mib" | "fds"): number =>
    slopeOf(warm.flatMap((sample) => {
      const value = sample[of];
      return value === null ? [] : [[sample.at_s / 60, value] as const];
    }));
  const three = (
    of: "rss_mib" | "fds",
  ): { start: number | null; warm: number | null; end: number | null } => ({
    start: samples[0]?.[of] ?? null,
    warm: warm[0]?.[of] ?? null,
    end: samples.at(-1)?.[of] ?? null,
  });
  return {
    rss_mib: three("rss_mib"),
    rss_mib_per_minute: slope("rss_mib"),
    fds: three("fds"),
    fds_per_minute: slope("fds"),
    measured_minutes: ((samples.at(-1)?.at_s ?? 0) - (warm[0]?.at_s ?? 0)) / 60,
    healthz_ms_max: Math.max(...samples.map(({ healthz_ms }) => healthz_ms)),
    pending_max: Math.max(...samples.map(({ pending }) => pending)),
  };
}

/**
 * Holds a run against the bounds.
 *
 * @param run Its counts and measures.
 * @returns What is wrong, in words.
 */
export function faultsOf(run: Counts & Measured): string[] {
  const { lost, duplicates, fds } = run;
  const grown = run.rss_mib_per_minute * run.measured_minutes;
  return [
    ...(lost === 0 ? [] : [`${lost} deliveries were lost`]),
    ...(duplicates === 0 ? [] : [`${duplicates} deliveries were made again, and nobody had asked for it`]),
    ...(grown <= BOUNDS.rss_growth_mib
      ? []
      : [`memory grew by ${Math.round(grown)} MiB; ${BOUNDS.rss_growth_mib} are allowed`]),
    ...((fds.end ?? 0) - (fds.start ?? fds.end ?? 0) <= BOUNDS.fds_growth
      ? []
      : [`descriptors grew from ${fds.start} to ${fds.end}`]),
  ];
}
