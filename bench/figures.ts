/**
 * What a measurement found: figures, each with its rounds, its ratio to the raw loop, and what it is held against.
 *
 * Owns the arithmetic. It must never drop a round: the median is shown with the least and the most.
 *
 * @module
 */

/** What a figure counts. More is better for rates and shares, less for all others. */
export type Unit = "/s" | "ms" | "s" | "MiB" | "times" | "share" | "count";

/** What must be reached, and what is aimed for. */
export interface Target {
  readonly must: number;
  readonly goal: number;
}

/** A figure as it was measured. */
export interface Measured {
  /** `S1` to `S12`, or `raw`. */
  readonly scenario: string;
  readonly name: string;
  readonly unit: Unit;
  /** One value a round. */
  readonly rounds: readonly number[];
  /** What the raw loop takes or makes of the same, in the same unit; left out: see {@linkcode RawReference}. */
  readonly raw?: number | undefined;
}

/** What the raw loop made of it at the beginning of the run: for figures that bring no raw figure of their own. */
export interface RawReference {
  readonly per_s: number;
  /** At 200 a second, from sent to arrived. */
  readonly median_ms: number;
  readonly p99_ms: number;
}

/** A figure as it is reported. */
export interface Figure extends Omit<Measured, "raw"> {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** To the raw loop of the same run; null: it has no such figure. */
  readonly ratio_to_raw: number | null;
  readonly must: number | null;
  readonly goal: number | null;
  readonly met: "goal" | "must" | "missed" | null;
}

const MORE_IS_BETTER: ReadonlySet<Unit> = new Set<Unit>(["/s", "share"]);

/**
 * The value in the middle.
 *
 * @param values At least one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { medianOf } from "./figures.ts";
 * assertEquals(medianOf([3, 1, 2]), 2);
 * assertEquals(medianOf([1, 2]), 1.5);
 * ```
 */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [Math.floor((sorted.length - 1) / 2), Math.ceil((sorted.length - 1) / 2)];
  return ((sorted[low] ?? NaN) + (sorted[high] ?? NaN)) / 2;
}

/** What a figure is a ratio to; undefined: it is a ratio itself, or a count. */
function rawOf({ raw, unit, name }: Measured, reference: RawReference): number | undefined {
  if (raw !== undefined) return raw;
  if (unit === "/s") return reference.per_s;
  if (unit !== "ms") return undefined;
  return /99th|longest/.test(name) ? reference.p99_ms : reference.median_ms;
}

/**
 * Holds a figure against its target and the raw loop.
 *
 * @param measured As it was measured.
 * @param reference The raw loop of the same run.
 * @param target What it is held against; undefined: nothing.
 * @returns The figure as it is reported. Its median is what counts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { figureOf } from "./figures.ts";
 * const rate = { scenario: "S1", name: "delivered", unit: "/s", rounds: [90, 110, 100], raw: 200 } as const;
 * const reference = { per_s: 100, median_ms: 1, p99_ms: 2 };
 * const { median, ratio_to_raw, met } = figureOf(rate, reference, { must: 80, goal: 120 });
 * assertEquals([median, ratio_to_raw, met], [100, 0.5, "must"]);
 * ```
 */
export function figureOf(measured: Measured, reference: RawReference, target: Target | undefined): Figure {
  const { raw: _raw, ...rest } = measured;
  const raw = rawOf(measured, reference);
  const median = medianOf(measured.rounds);
  return {
    ...rest,
    median,
    least: Math.min(...measured.rounds),
    most: Math.max(...measured.rounds),
    ratio_to_raw: raw === undefined || raw === 0 ? null : median / raw,
    must: target?.must ?? null,
    goal: target?.goal ?? null,
    met: target === undefined ? null : metOf(median, measured.unit, target),
  };
}

function metOf(value: number, unit: Unit, { must, goal }: Target): "goal" | "must" | "missed" {
  const reaches = (bound: number): boolean => MORE_IS_BETTER.has(unit) ? value >= bound : value <= bound;
  if (reaches(goal)) return "goal";
  return reaches(must) ? "must" : "missed";
}
