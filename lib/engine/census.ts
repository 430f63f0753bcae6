/**
 * How many lanes are in which state, and what is in memory: for metrics.
 *
 * Owns the counting. It looks at what is in memory and changes nothing.
 *
 * @module
 */
import { breakerState } from "../breaker.ts";
import type { Lane } from "./lane.ts";

/**
 * What a lane is doing. `idle`: nothing to send. `busy`: sending, or about to. `held`: throttled by its receiver, or at the
 * rate its owner set. `open`: its breaker is open. `probing`: one delivery is tried after that.
 */
export const LANE_STATES = ["idle", "busy", "held", "open", "probing"] as const;
/** What a lane is doing. */
export type LaneActivity = typeof LANE_STATES[number];

/** What a process holds just now. */
export interface Census {
  /** Lanes in memory. */
  readonly lanes: Readonly<Record<LaneActivity, number>>;
  /** Deliveries in memory that wait. */
  readonly waiting: number;
  /** Bytes that these count. */
  readonly waiting_bytes: number;
  /** Sends under way. */
  readonly in_flight: number;
  /** Attempts that were made and are not on record yet. */
  readonly unrecorded: number;
}

/** What of a lane is looked at. */
export type CountedLane = Pick<Lane, "state" | "waiting" | "in_flight" | "holdUntil">;

function activityOf(lane: CountedLane, now: number): LaneActivity {
  const breaker = breakerState(lane.state.breaker, now);
  if (breaker === "open") return "open";
  if (breaker === "half_open") return "probing";
  if (lane.holdUntil(now) !== null) return "held";
  return lane.waiting + lane.in_flight > 0 ? "busy" : "idle";
}

/**
 * Counts lanes.
 *
 * @param lanes All in memory.
 * @param now The time.
 * @returns How many are in which state, and how much waits in them.
 */
export function censusOf(lanes: Iterable<CountedLane>, now: number): Pick<Census, "lanes" | "waiting"> {
  const counts = Object.fromEntries(LANE_STATES.map((state) => [state, 0])) as Record<LaneActivity, number>;
  let waiting = 0;
  for (const lane of lanes) {
    counts[activityOf(lane, now)]++;
    waiting += lane.waiting;
  }
  return { lanes: counts, waiting };
}
