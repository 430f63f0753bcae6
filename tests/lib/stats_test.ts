/**
 * Counting: what is written when, with what bound on memory, and nothing twice or too little.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { STATS, TIME } from "../../lib/limits.ts";
import { Stats } from "../../lib/stats.ts";
import type { CountedRow } from "../../lib/store.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";

const START = Date.UTC(2026, 0, 1, 12);

interface Rig {
  readonly stats: Stats;
  readonly clock: ManualClock;
  /** What storage would hold, by counter, site, hour and webhook. */
  readonly stored: Map<string, CountedRow>;
  readonly warnings: string[];
  /** How many rows were written in each commit. */
  readonly commits: number[];
  failing: boolean;
}

function makeRig(): Rig {
  const clock = createManualClock(START);
  const warnings: string[] = [];
  const stored = new Map<string, CountedRow>();
  const rig: Rig = {
    clock,
    stored,
    warnings,
    commits: [],
    failing: false,
    stats: new Stats({
      clock,
      instance: "one",
      log: { warn: (message) => void warnings.push(message) },
      store: {
        writeStats(rows) {
          if (rig.failing) return Promise.reject(new AppError("unavailable", "no"));
          rig.commits.push(rows.length);
          for (const row of rows) {
            stored.set(`${row.counter} ${row.site_id} ${row.hour} ${row.webhook_id}`, row);
          }
          return Promise.resolve();
        },
      },
    }),
  };
  return rig;
}

function attempted(stats: Stats, site_id = "a.example", webhook_id = "wh_1"): void {
  stats.countAttempt({ site_id, webhook_id, outcome: "delivered", duration_ms: 1 });
}

function attemptsIn({ stored }: Rig): number {
  return [...stored.values()].reduce((sum, { counts }) => sum + counts.attempts, 0);
}

Deno.test("Stats writes what was counted every ten seconds, and only what changed", async () => {
  const rig = makeRig();
  rig.stats.start();
  attempted(rig.stats);
  attempted(rig.stats, "b.example");
  assertEquals(rig.commits, []);
  await rig.clock.advance(STATS.flush_ms);
  assertEquals(rig.commits, [2]);
  await rig.clock.advance(3 * STATS.flush_ms);
  assertEquals(rig.commits, [2]);
  attempted(rig.stats);
  await rig.clock.advance(STATS.flush_ms);
  assertEquals(rig.commits, [2, 1]);
  assertEquals(attemptsIn(rig), 3);
  await rig.stats.stop();
});

Deno.test("Stats.stop() writes what was counted last, and nothing is written after it", async () => {
  const rig = makeRig();
  rig.stats.start();
  attempted(rig.stats);
  await rig.stats.stop();
  assertEquals(attemptsIn(rig), 1);
  attempted(rig.stats);
  await rig.clock.advance(10 * STATS.flush_ms);
  assertEquals(rig.commits, [1]);
});

Deno.test("Stats keeps what could not be written, and writes it the next time", async () => {
  const rig = makeRig();
  rig.stats.start();
  attempted(rig.stats);
  rig.failing = true;
  await rig.clock.advance(STATS.flush_ms);
  assertEquals(rig.warnings, ["stats.not_written"]);
  await assertRejects(() => rig.stats.flush(), AppError);
  attempted(rig.stats);
  rig.failing = false;
  await rig.clock.advance(STATS.flush_ms);
  assertEquals(attemptsIn(rig), 2);
  await rig.stats.stop();
});

Deno.test("Stats counts each hour by itself", async () => {
  const rig = makeRig();
  attempted(rig.stats);
  await rig.clock.advance(TIME.HOUR_MS - 1);
  attempted(rig.stats);
  await rig.clock.advance(1);
  attempted(rig.stats);
  await rig.stats.flush();
  const hour = START / TIME.HOUR_MS;
  assertEquals([...rig.stored.values()].map((row) => [row.hour, row.counts.attempts]), [[hour, 2], [
    hour + 1,
    1,
  ]]);
});

Deno.test("Stats bounds its memory without losing or halving a count, as long as storage takes it", async () => {
  const rig = makeRig();
  const webhooks = STATS.counters_max / 2 + 10;
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < webhooks; n++) attempted(rig.stats, "a.example", `wh_${n}`);
    await rig.stats.flush();
  }
  assertEquals(attemptsIn(rig), 3 * webhooks);
  assertEquals(Math.max(...rig.commits), STATS.written_at_once);
  assertEquals(rig.warnings, []);
});

Deno.test("Stats counts nothing new beyond its bound while storage fails, and says so", async () => {
  const rig = makeRig();
  rig.failing = true;
  for (let n = 0; n < STATS.counters_max + 5; n++) attempted(rig.stats, "a.example", `wh_${n}`);
  attempted(rig.stats, "a.example", "wh_1");
  rig.failing = false;
  await rig.stats.stop();
  assertEquals(rig.warnings, ["stats.lost"]);
  assertEquals(attemptsIn(rig), STATS.counters_max + 1);
});

Deno.test("Stats.forget() drops a site, also what is being written", async () => {
  const rig = makeRig();
  attempted(rig.stats);
  attempted(rig.stats, "b.example");
  await rig.stats.forget("a.example");
  await rig.stats.flush();
  assertEquals([...rig.stored.values()].map(({ site_id }) => site_id), ["b.example"]);
  attempted(rig.stats);
  const flushing = rig.stats.flush();
  await rig.stats.forget("a.example");
  await flushing;
  rig.stored.clear();
  await rig.stats.flush();
  assertEquals(rig.stored.size, 0, "what was forgotten while it was written is not written again");
});

Deno.test("Stats counts an outcome under its own name, and an event for its site and who is told", async () => {
  const rig = makeRig();
  const outcomes = ["delivered", "retry", "failed", "blocked", "gone"] as const;
  for (const outcome of outcomes) {
    rig.stats.countAttempt({ site_id: "a.example", webhook_id: "wh_1", outcome, duration_ms: 0.1 });
  }
  rig.stats.countAccepted("a.example", ["wh_1", "wh_2"]);
  await rig.stats.flush();
  const rows = new Map([...rig.stored.values()].map(({ webhook_id, counts }) => [webhook_id, counts]));
  assertEquals(rows.get("wh_1"), {
    accepted: 1,
    attempts: 5,
    delivered: 1,
    retried: 1,
    failed: 1,
    blocked: 1,
    gone: 1,
    duration_ms_total: 0.5,
  });
  assertEquals([rows.get("wh_2")?.accepted, rows.get(null)?.accepted], [1, 1]);
  assert(rows.get(null)?.attempts === 0);
});
