/**
 * When the breaker of a webhook opens, for how long, and what closes it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Breaker, BREAKER_CLOSED, breakerAfter, breakerState } from "../../lib/breaker.ts";

const BASE_MS = 10_000;
const NOW_MS = 1_000_000;

/** The breaker after failures at the given times. */
function failing(times: readonly number[], from: Breaker = BREAKER_CLOSED): Breaker {
  return times.reduce((breaker, now_ms) => breakerAfter(breaker, true, { now_ms, base_ms: BASE_MS }), from);
}

Deno.test("the breaker opens at the fifth failure in a row, for three times the base", () => {
  const four = failing([0, 1, 2, 3]);
  assertEquals(breakerState(four, 3), "closed");
  const five = failing([4], four);
  assertEquals(breakerState(five, 4), "open");
  assertEquals(five.open_until, 4 + 30_000);
  assertEquals(breakerState(five, 4 + 29_999), "open");
  assertEquals(breakerState(five, 4 + 30_000), "half_open");
});

Deno.test("a receiver that answers closes the breaker, and the count begins anew", () => {
  const at = { now_ms: 5, base_ms: BASE_MS };
  assertEquals(breakerAfter(failing([0, 1, 2, 3]), false, at), BREAKER_CLOSED);
  assertEquals(breakerAfter(failing([0, 1, 2, 3, 4]), false, at), BREAKER_CLOSED);
  assertEquals(breakerState(failing([5, 6, 7, 8], BREAKER_CLOSED), 8), "closed");
});

Deno.test("each probe that fails keeps it open twice as long, at most sixty times the base", () => {
  let breaker = failing([0, 0, 0, 0, 0]);
  const lengths: number[] = [];
  for (let n = 0; n < 7; n++) {
    const opened_at: number = (breaker.open_until ?? 0) + 1;
    breaker = failing([opened_at], breaker);
    lengths.push(((breaker.open_until ?? 0) - opened_at) / 1000);
  }
  assertEquals(lengths, [60, 120, 240, 480, 600, 600, 600]);
});

Deno.test("sends that were under way when it opened say nothing new", () => {
  const open = failing([0, 0, 0, 0, 0]);
  assertEquals(failing([1, 10, 29_999], open), open);
});

Deno.test("whatever is answered, the breaker is open for no longer than sixty times the base, and closed after a success", () => {
  const step = fc.record({ down: fc.boolean(), after_ms: fc.integer({ min: 0, max: 700_000 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
    let breaker = BREAKER_CLOSED;
    let now_ms = NOW_MS;
    for (const { down, after_ms } of steps) {
      now_ms += after_ms;
      breaker = breakerAfter(breaker, down, { now_ms, base_ms: BASE_MS });
      assert((breaker.open_until ?? 0) <= now_ms + 60 * BASE_MS);
      if (!down) assertEquals(breakerState(breaker, now_ms), "closed");
      assertEquals(breakerState(breaker, Infinity) === "closed", breaker.openings === 0);
    }
  }));
});
