/**
 * The budget of requests, as tables and as a property.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import {
  afterAnswers,
  afterRefusal,
  limitsOf,
  takeRequests,
  waitAfterFailure,
} from "../../lib/plausible/budget.ts";
import { isHosted } from "../../lib/plausible_target.ts";
import { BUDGET_AT_FIRST, type WatchBudget } from "../../lib/watch.ts";

const START = Date.UTC(2026, 0, 10);
const HOUR_MS = 3_600_000;
const limits = limitsOf("https://plausible.io");

Deno.test("isHosted() knows plausible.io and what is below it, and nothing else", () => {
  for (const url of ["https://plausible.io", "https://eu.plausible.io/x"]) assert(isHosted(url), url);
  for (const url of ["https://plausible.example", "https://notplausible.io", "http://plausible.io.example"]) {
    assert(!isHosted(url), url);
  }
});

Deno.test("however requests are asked for, no hour and no ten seconds have more than allowed", () => {
  const asks = fc.array(fc.tuple(fc.integer({ min: 0, max: 120_000 }), fc.integer({ min: 1, max: 9 })), {
    minLength: 200,
    maxLength: 1500,
  });
  fc.assert(
    fc.property(asks, (asked) => {
      let [now, budget]: [number, WatchBudget] = [START, BUDGET_AT_FIRST];
      const made: number[] = [];
      for (const [pause_ms, requests] of asked) {
        now += pause_ms % 7 === 0 ? pause_ms : pause_ms % 500;
        const taken = takeRequests(budget, requests, { now, limits });
        if (taken === null) continue;
        // As it is read again.
        budget = JSON.parse(JSON.stringify(taken));
        for (let n = 0; n < requests; n++) made.push(now);
      }
      for (const [within_ms, most] of [[HOUR_MS, 540], [10_000, 40]] as const) {
        let first = 0;
        for (const [index, at] of made.entries()) {
          while ((made[first] ?? at) <= at - within_ms) first++;
          assertLessOrEqual(index - first + 1, most);
        }
      }
      assertLessOrEqual(budget.minutes.length, 61);
    }),
    { numRuns: 50 },
  );
});

Deno.test("an hour later there is room again, and a clock set back makes none", () => {
  let [now, budget]: [number, WatchBudget] = [START, BUDGET_AT_FIRST];
  let taken: WatchBudget | null = budget;
  while (now < START + HOUR_MS) {
    taken = takeRequests(budget, 20, { now, limits });
    if (taken !== null) budget = taken;
    now += 60_000;
  }
  assertEquals(takeRequests(budget, 40, { now: START, limits }), null);
  assert(takeRequests(budget, 40, { now: now + 2 * HOUR_MS, limits }) !== null);
});

Deno.test("429 means a minute of silence, doubling to an hour; an answer ends it", () => {
  let budget: WatchBudget = BUDGET_AT_FIRST;
  const waits: number[] = [];
  let now = START;
  for (let refusal = 0; refusal < 9; refusal++) {
    budget = afterRefusal(budget, now);
    // Those under way at the same time change nothing.
    assertEquals(afterRefusal(budget, now + 1000), budget);
    assertEquals(takeRequests(budget, 1, { now: (budget.held_until ?? 0) - 1, limits }), null);
    waits.push(((budget.held_until ?? 0) - now) / 60_000);
    now = budget.held_until ?? now;
    assert(takeRequests(budget, 1, { now, limits }) !== null);
  }
  assertEquals(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  const again = afterAnswers(budget);
  assertEquals([again.refusals, again.held_until, afterAnswers(again)], [0, null, again]);
});

Deno.test("a site that fails waits its interval until that is told, and longer and longer then", () => {
  const minutes = (interval: number) =>
    [1, 2, 3, 4, 5, 6, 99].map((failures) => waitAfterFailure(interval * 60_000, failures) / 60_000);
  assertEquals(minutes(1), [1, 1, 1, 2, 4, 5, 5]);
  assertEquals(minutes(10), [10, 10, 10, 10, 10, 10, 10]);
});
