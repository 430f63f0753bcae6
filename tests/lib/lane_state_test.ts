/**
 * What a send says of its receiver, and when a receiver is given up.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  isGivenUp,
  LANE_AT_FIRST,
  type LaneState,
  laneStateAfter,
  quietUntil,
} from "../../lib/lane_state.ts";
import { TIME } from "../../lib/limits.ts";

const { DAY_MS, HOUR_MS } = TIME;
const BASE_MS = 10_000;
const FAILED = { verdict: { outcome: "failed" }, down: true, throttle_until: null } as const;
const DELIVERED = { verdict: { outcome: "delivered" }, down: false, throttle_until: null } as const;

/** The state after failures at the given times. */
function failing(times: readonly number[], from: LaneState = LANE_AT_FIRST): LaneState {
  return times.reduce(
    (state, now_ms) => laneStateAfter(state, FAILED, { now_ms, base_ms: BASE_MS }),
    from,
  );
}

Deno.test("a receiver is given up 24 hours after its first failure, with at least ten of them, and not before", () => {
  const first = 1_000_000;
  const nine = failing(Array.from({ length: 9 }, (_, n) => first + n));
  assertEquals(isGivenUp(nine, first + 10 * DAY_MS), false, "nine are too few");
  const ten = failing([first + HOUR_MS], nine);
  assertEquals(isGivenUp(ten, first + DAY_MS - 1), false);
  assertEquals(isGivenUp(ten, first + DAY_MS), true);
});

Deno.test("one success, and the 24 hours begin anew", () => {
  const failed = failing(Array.from({ length: 20 }, (_, n) => n * HOUR_MS));
  const well = laneStateAfter(failed, DELIVERED, { now_ms: 20 * HOUR_MS, base_ms: BASE_MS });
  assertEquals([well.failing_since, well.consecutive_failures], [null, 0]);
  const again = failing(Array.from({ length: 20 }, (_, n) => 21 * HOUR_MS + n), well);
  assertEquals(again.failing_since, 21 * HOUR_MS);
  assertEquals(isGivenUp(again, 30 * HOUR_MS), false);
  assertEquals(isGivenUp(again, 45 * HOUR_MS), true);
});

Deno.test("a webhook that is seldom used is not given up within minutes because its last success was long ago", () => {
  const well = laneStateAfter(LANE_AT_FIRST, DELIVERED, { now_ms: 0, base_ms: BASE_MS });
  const failed = failing(Array.from({ length: 12 }, (_, n) => 30 * DAY_MS + n * 60_000), well);
  assertEquals(isGivenUp(failed, 30 * DAY_MS + 12 * 60_000), false);
});

Deno.test("a lane is quiet as long as its receiver asked for and its breaker is open", () => {
  assertEquals(quietUntil(LANE_AT_FIRST, 0), null);
  const breaker = { failures: 5, openings: 1, open_until: 2000 };
  assertEquals(quietUntil({ ...LANE_AT_FIRST, hold_until: 1000 }, 500), 1000);
  assertEquals(quietUntil({ ...LANE_AT_FIRST, hold_until: 1000, breaker }, 500), 2000);
  assertEquals(quietUntil({ ...LANE_AT_FIRST, hold_until: 3000, breaker }, 500), 3000);
  assertEquals(quietUntil({ ...LANE_AT_FIRST, hold_until: 1000, breaker }, 2000), null);
});
