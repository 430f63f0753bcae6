/**
 * Figures against their targets, and the table of them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Figure, figureOf, type Measured } from "../../bench/figures.ts";
import { shown, tableOf } from "../../bench/report.ts";
import { targetOf } from "../../bench/targets.ts";

const REFERENCE = { per_s: 10_000, median_ms: 1, p99_ms: 4 };

function figure(given: Partial<Measured>): Figure {
  return figureOf({ scenario: "S1", name: "x", unit: "ms", rounds: [2], ...given }, REFERENCE, {
    must: 4,
    goal: 2,
  });
}

Deno.test("more is better for rates and shares, less for all others, and the bound itself is enough", () => {
  const table: [unit: Measured["unit"], value: number, met: Figure["met"]][] = [
    ["ms", 2, "goal"],
    ["ms", 2.1, "must"],
    ["MiB", 4, "must"],
    ["s", 4.1, "missed"],
    ["times", 5, "missed"],
    ["count", 0, "goal"],
  ];
  for (const [unit, value, met] of table) {
    assertEquals(figure({ unit, rounds: [value] }).met, met, `${value}`);
  }
  const rate = { must: 2, goal: 4 };
  const of = (unit: "/s" | "share", value: number): Figure["met"] =>
    figureOf({ scenario: "S1", name: "x", unit, rounds: [value] }, REFERENCE, rate).met;
  assertEquals([of("/s", 4), of("/s", 2), of("share", 1.9)], ["goal", "must", "missed"]);
});

Deno.test("a figure is the median of its rounds, and its ratio is to its own raw loop or to that of the run", () => {
  const { median, least, most } = figure({ rounds: [9, 1, 4] });
  assertEquals([median, least, most], [4, 1, 9]);
  assertEquals(figure({ raw: 4 }).ratio_to_raw, 0.5);
  assertEquals(figure({ unit: "/s", rounds: [5000] }).ratio_to_raw, 0.5);
  assertEquals(figure({ name: "at 200/s, median" }).ratio_to_raw, 2);
  assertEquals(figure({ name: "at 200/s, 99th" }).ratio_to_raw, 0.5);
  assertEquals(figure({ unit: "share" }).ratio_to_raw, null);
});

Deno.test("what has no target is neither met nor missed", () => {
  const measured = { scenario: "S2", name: "accepted and delivered", unit: "/s", rounds: [1] } as const;
  const { must, goal, met } = figureOf({ ...measured, scenario: "S99" }, REFERENCE, undefined);
  assertEquals([must, goal, met], [null, null, null]);
  assertEquals(figureOf(measured, REFERENCE, targetOf(measured)).met, "missed");
});

Deno.test("the table shows what was measured with its unit, and says in words what is missed", () => {
  assertEquals(
    [shown(12_345.6, "/s"), shown(1.234, "ms"), shown(0.5, "share"), shown(2, "times")],
    ["12,346 /s", "1.23 ms", "0.500", "2.00 x"],
  );
  const lines = tableOf([figure({ rounds: [5, 6, 7], name: "acceptance" })]).split("\n");
  assertEquals(lines[1]?.split(/ {2,}/), [
    "S1",
    "acceptance",
    "6.00 ms",
    "5.00 ms to 7.00 ms",
    "6.00",
    "4.00 ms",
    "2.00 ms",
    "MISSED",
  ]);
});
