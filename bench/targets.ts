/**
 * What figures are held against.
 *
 * Owns the numbers. A target is of the machine that `docs/performance.md` names; shares hold on any.
 *
 * @module
 */
import type { Measured, Target } from "./figures.ts";

const PAGE = { must: 5, goal: 2.5 };
const FILTERED = { must: 50, goal: 25 };
const AMONG = { must: 50, goal: 20 };

/** By scenario and name. */
const TARGETS: Readonly<Record<string, Target>> = {
  "S1 accepted and delivered": { must: 3500, goal: 5000 },
  "S2 accepted and delivered": { must: 7000, goal: 10_000 },
  "S2 the same as a share of the raw loop": { must: 0.5, goal: 0.7 },
  "S3 accepted and delivered": { must: 7500, goal: 10_000 },
  "S4 at 200/s, median": { must: 4, goal: 2 },
  "S4 at 200/s, 99th": { must: 15, goal: 8 },
  "S4 at 1,000/s, 99th": { must: 30, goal: 15 },
  "S5 as a share of S2": { must: 0.8, goal: 0.95 },
  "S6 the others at 200/s, 99th, against none that hangs": { must: 2, goal: 1.2 },
  "S6 the others at 1,000/s, 99th, against none that hangs": { must: 2, goal: 1.2 },
  "S7 CPU per 1,000 deliveries in S2": { must: 0.2, goal: 0.12 },
  "S7 memory, idle": { must: 80, goal: 60 },
  "S7 memory under load, at the most": { must: 250, goal: 180 },
  "S7 memory with 100,000 pending": { must: 250, goal: 180 },
  "S7 memory with 100,000 pending, under load, at the most": { must: 250, goal: 180 },
  "S7 ready, empty": { must: 0.5, goal: 0.3 },
  "S7 ready, with 100,000 pending": { must: 2, goal: 1 },
  "S8 a page of 50, the newest": PAGE,
  "S8 a page of 50, page 200": PAGE,
  "S8 a page of 50, of one webhook": PAGE,
  "S8 a page of 50, of an hour in the middle": PAGE,
  "S8 a filtered page, one in ten matches": FILTERED,
  "S8 a filtered page, one in fifty matches": FILTERED,
  "S8 a filtered page, nothing matches": FILTERED,
  "S8 one delivery": PAGE,
  "S8 commits during reads, 99th, against none": { must: 2, goal: 1 },
  "S9 10,000 webhooks, as a share of 10": { must: 0.5, goal: 0.8 },
  "S9 1,000,000 stored, as a share of 10,000": { must: 0.65, goal: 0.9 },
  "S10 acceptance, 99th": AMONG,
  "S10 arrival, 99th": AMONG,
  "S11 commits while 500,000 records expire, 99th": AMONG,
  "S12 as a share of one": { must: 0.7, goal: 1 },
  "S12 events that were refused": { must: 0, goal: 0 },
};

/**
 * What a figure is held against.
 *
 * @param measured The figure.
 * @returns Its target; undefined: it has none.
 */
export function targetOf({ scenario, name }: Pick<Measured, "scenario" | "name">): Target | undefined {
  return TARGETS[`${scenario} ${name}`];
}
