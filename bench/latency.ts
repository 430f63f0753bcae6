/**
 * Latency at a steady rate: how long from the post of an event to its arrival at the receiver.
 *
 * Owns the arithmetic of it. An event that the service keeps waiting does not hold up the next, so nothing is left out
 * (no coordinated omission). How late the callers' process itself was is told beside it: a timer is up to 1 ms late.
 *
 * @module
 */
import { Histogram, type LatencySummary } from "./histogram.ts";
import type { LoadPlan, LoadResult } from "./load.ts";
import type { Stage } from "./stage.ts";
import type { Worker } from "./worker.ts";

/** What was seen at a steady rate. */
export interface Steady {
  /** From posted to arrived. */
  readonly arrival: LatencySummary;
  /** From posted to answered. */
  readonly acceptance: LatencySummary;
  /** From due to posted: what the callers' process added by itself. */
  readonly lateness: LatencySummary;
}

/** What is posted. */
export interface SteadyPlan extends Omit<LoadPlan, "batch"> {
  readonly per_second: number;
  /** Events that never arrive, since their receiver does not take them. */
  readonly lost?: number;
}

/**
 * Posts at a steady rate, and waits until all has arrived.
 *
 * @param stage Callers and receiver.
 * @param plan What, to whom, how fast.
 */
export async function steady(stage: Stage, plan: SteadyPlan): Promise<Steady> {
  const { per_second, lost = 0, ...rest } = plan;
  await stage.load.call("prepare", { ...rest, batch: 1 });
  await stage.receiver.call("begin", { events: plan.events });
  const load = await stage.load.call<LoadResult>("open", { per_second });
  if (load.accepted < plan.events) throw new Error(`Not all was accepted: ${JSON.stringify(load.others)}`);
  await stage.arrived(load.accepted - lost);
  const { acceptance, lateness } = load;
  return { arrival: await arrivalOf(stage, stage.load, 0), acceptance, lateness };
}

/** The raw loop at a steady rate. */
export async function steadyRaw(
  stage: Stage,
  plan: { readonly events: number; readonly webhooks: number; readonly per_second: number },
): Promise<LatencySummary> {
  const { per_second, ...rest } = plan;
  await stage.raw.call("prepare", { ...rest, url: stage.receiver_url });
  await stage.receiver.call("begin", { events: plan.events });
  await stage.raw.call("open", { per_second });
  await stage.arrived(plan.events);
  return await arrivalOf(stage, stage.raw, 0);
}

/**
 * From posted to arrived.
 *
 * @param stage Its receiver knows when events arrived.
 * @param poster Knows when they were posted.
 * @param first The number of the poster's first event.
 */
export async function arrivalOf(stage: Stage, poster: Worker, first: number): Promise<LatencySummary> {
  const posted = floats(await poster.call<string>("posted"));
  const arrived = floats(await stage.receiver.call<string>("times"));
  const histogram = new Histogram();
  for (const [index, posted_at] of posted.entries()) {
    const arrived_at = arrived[first + index] ?? 0;
    if (arrived_at > 0) histogram.add(arrived_at - posted_at);
  }
  return histogram.summary();
}

function floats(base64: string): Float64Array {
  return new Float64Array(Uint8Array.fromBase64(base64).buffer);
}
