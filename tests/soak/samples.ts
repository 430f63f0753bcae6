/**
 * What a process takes, seen from outside every few seconds, and the line through the samples.
 *
 * Owns looking and fitting. It must never judge: bounds are `run.ts`'s.
 *
 * @module
 */
import { type Api, sitePath, type WebhookJson } from "../helpers/api.ts";

/** One look. */
export interface Sample {
  /** Since the beginning, in seconds. */
  readonly at_s: number;
  /** Resident memory in MiB; null where the system does not tell. */
  readonly rss_mib: number | null;
  /** Open descriptors; null where the system does not tell. */
  readonly fds: number | null;
  readonly pending: number;
  /** How long /healthz took to answer, in milliseconds: the longest since the look before. */
  readonly healthz_ms: number;
}

async function rssOf(pid: number): Promise<number | null> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? null : Number(kib) / 1024;
}

async function fdsOf(pid: number): Promise<number | null> {
  try {
    return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
  } catch {
    return null;
  }
}

/** Deliveries that are to be made. */
export async function pendingOf(api: Api): Promise<number> {
  const { json } = await api.call<{ data: WebhookJson[] }>("GET", sitePath("/webhooks"));
  return json.data.reduce((sum, { health }) => sum + health.pending, 0);
}

/** How long an answer takes, in milliseconds. */
export async function answerTime(api: Api): Promise<number> {
  const started = performance.now();
  await api.call("GET", "/healthz");
  return performance.now() - started;
}

/**
 * Looks once.
 *
 * @param api The service.
 * @param pid Its process.
 * @param known Since when, and how long answers took since the look before.
 * @returns The sample.
 */
export async function look(
  api: Api,
  pid: number,
  known: { readonly at_s: number; readonly healthz_ms: number },
): Promise<Sample> {
  const [rss_mib, fds, pending] = await Promise.all([rssOf(pid), fdsOf(pid), pendingOf(api)]);
  return { ...known, rss_mib, fds, pending };
}

/**
 * The slope of the line that fits points best (least squares).
 *
 * @param points Pairs of x and y.
 * @returns How much y grows for one x; 0 for fewer than two points.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { slopeOf } from "./samples.ts";
 * assertEquals(slopeOf([[0, 1], [1, 3], [2, 5]]), 2);
 * ```
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (index: 0 | 1): number => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [mean_x, mean_y] = [mean(0), mean(1)];
  let [over, under] = [0, 0];
  for (const [x, y] of points) {
    over += (x - mean_x) * (y - mean_y);
    under += (x - mean_x) ** 2;
  }
  return under === 0 ? 0 : over / under;
}
