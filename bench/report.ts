/**
 * The figures for people: a table.
 *
 * @module
 */
import type { Figure, Unit } from "./figures.ts";

const HEAD = ["", "figure", "measured", "least to most", "of raw loop", "must", "goal", ""];
const MET = { goal: "goal met", must: "enough", missed: "MISSED" } as const;

/** A value with as many digits as say something, and its unit. */
export function shown(value: number, unit: Unit): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "share" || unit === "count" ? text : unit === "times" ? `${text} x` : `${text} ${unit}`;
}

function rowOf(
  { scenario, name, unit, median, least, most, rounds, ratio_to_raw, must, goal, met }: Figure,
): string[] {
  return [
    scenario,
    name,
    shown(median, unit),
    rounds.length > 1 ? `${shown(least, unit)} to ${shown(most, unit)}` : "",
    ratio_to_raw === null ? "" : ratio_to_raw.toFixed(2),
    must === null ? "" : shown(must, unit),
    goal === null ? "" : shown(goal, unit),
    met === null ? "" : MET[met],
  ];
}

/**
 * A table of figures.
 *
 * @param figures In the order in which they are shown.
 * @returns Lines of text.
 */
export function tableOf(figures: readonly Figure[]): string {
  const rows = [HEAD, ...figures.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  // Words to the left, numbers to the right.
  const cell = (text: string, column: number): string =>
    column < 2 || column === HEAD.length - 1
      ? text.padEnd(widths[column] ?? 0)
      : text.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}
