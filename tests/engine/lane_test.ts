/**
 * One webhook's pace: how many sends at a time, how many deliveries in memory, when it has to be quiet.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertGreaterOrEqual } from "@std/assert";
import fc from "fast-check";
import type { Verdict } from "../../lib/delivery.ts";
import { type Held, Lane } from "../../lib/engine/lane.ts";
import { LANE_AT_FIRST, type LaneState } from "../../lib/lane_state.ts";
import { LANE, LEASE } from "../../lib/limits.ts";
import { collectGarbage } from "../helpers/garbage.ts";
import { SAMPLE_AT, SAMPLE_SITE, sampleDelivery, sampleEvent, sampleWebhookId } from "../helpers/sample.ts";

const WEBHOOK = { site_id: SAMPLE_SITE, id: sampleWebhookId(1) };
const NOW = SAMPLE_AT;
const BASE_MS = 10_000;
const DELIVERED: Verdict = { outcome: "delivered" };
const FAILED: Verdict = { outcome: "failed" };
const RETRY: Verdict = { outcome: "retry", due_at: NOW + 1000 };

function makeLane(state: Partial<LaneState> = {}): Lane {
  return new Lane(WEBHOOK, { ...LANE_AT_FIRST, ...state });
}

function held(n: number): Held {
  const event = sampleEvent(n);
  return {
    known: { value: sampleDelivery(event, WEBHOOK.id), versionstamp: "0", written: true },
    body: event.body,
    bytes: 10,
  };
}

interface Ending {
  readonly duration_ms?: number;
  readonly verdict?: Verdict;
  readonly timed_out?: boolean;
  readonly throttle_until?: number | null;
  readonly down?: boolean;
  readonly now?: number;
}

function finish(lane: Lane, ending: Ending = {}): void {
  const { duration_ms = 10, verdict = DELIVERED, timed_out = false, throttle_until = null, now = NOW } =
    ending;
  const { down = false } = ending;
  lane.finished(duration_ms, { verdict, timed_out, throttle_until, down }, { now_ms: now, base_ms: BASE_MS });
}

/** Fills the lane's cap and ends every send the same way. */
function wave(lane: Lane, ending: Ending = {}): void {
  const cap = lane.cap;
  for (let n = 0; n < cap; n++) lane.push(held(n));
  for (let n = 0; n < cap; n++) lane.start(NOW);
  for (let n = 0; n < cap; n++) finish(lane, ending);
}

Deno.test("a lane begins with two sends at a time and sends no more than its cap", () => {
  const lane = makeLane();
  for (let n = 0; n < 3; n++) lane.push(held(n));
  assertEquals(lane.cap, LANE.cap_start);
  assert(lane.startable(NOW));
  lane.start(NOW);
  lane.start(NOW);
  assertEquals([lane.in_flight, lane.waiting], [2, 1]);
  assertFalse(lane.startable(NOW));
  finish(lane);
  assert(lane.startable(NOW));
});

Deno.test("the cap grows by one for each fast answer that came while it was used up, to sixteen", () => {
  const lane = makeLane();
  // Of a wave only the first answer comes while all of the cap is in use.
  wave(lane);
  assertEquals(lane.cap, 3);
  wave(lane);
  assertEquals(lane.cap, 4);
  for (let n = 0; n < 20; n++) wave(lane);
  assertEquals(lane.cap, LANE.cap_max);
});

Deno.test("the cap does not grow for slow answers, nor while there is less to send than it allows", () => {
  const slow = makeLane();
  wave(slow, { duration_ms: 1000 });
  assertEquals(slow.cap, LANE.cap_start);
  const seldom = makeLane();
  for (let n = 0; n < 10; n++) {
    seldom.push(held(n));
    seldom.start(NOW);
    finish(seldom);
  }
  assertEquals(seldom.cap, LANE.cap_start);
});

Deno.test("the cap grows for fast failures too: they are answers", () => {
  const lane = makeLane();
  wave(lane, { verdict: RETRY });
  assertEquals(lane.cap, 3);
});

Deno.test("the cap is halved by every timeout and never below one", () => {
  const lane = makeLane();
  for (let n = 0; n < 20; n++) wave(lane);
  const caps = Array.from({ length: 6 }, () => {
    lane.push(held(1));
    lane.start(NOW);
    finish(lane, { timed_out: true, duration_ms: 10_000, verdict: RETRY });
    return lane.cap;
  });
  assertEquals(caps, [8, 4, 2, 1, 1, 1]);
});

Deno.test("what waits is sent in the order it came, also after thousands", () => {
  const lane = makeLane();
  const sent: string[] = [];
  let pushed = 0;
  for (let round = 0; round < 50; round++) {
    for (let n = 0; n < 100; n++) lane.push(held(pushed++));
    for (let n = 0; n < 90; n++) {
      sent.push(lane.start(NOW)?.known.value.event_id ?? "");
      lane.abandoned();
    }
  }
  assertEquals(sent, sent.toSorted());
  assertEquals([sent.length, lane.waiting], [4500, 500]);
  const drained = lane.drain().map(({ known }) => known.value.event_id);
  assertEquals(drained.length, 500);
  assert((sent.at(-1) ?? "") < (drained[0] ?? ""));
  assertEquals([lane.waiting, lane.start(NOW)], [0, null]);
});

Deno.test("nothing is kept of a delivery that was sent, however many wait behind it", async () => {
  const lane = makeLane();
  const refs = Array.from({ length: 100 }, (_, n) => {
    const one = held(n);
    lane.push(one);
    return new WeakRef(one);
  });
  for (let n = 0; n < 40; n++) {
    lane.start(NOW);
    lane.abandoned();
  }
  await collectGarbage();
  assertEquals(refs.map((ref) => ref.deref() !== undefined), refs.map((_, n) => n >= 40));
  assertEquals(lane.waiting, 60);
});

Deno.test("a lane has room for what it can send within a lease at its present pace, at least for its cap", () => {
  const sendable_ms = LEASE.margin_ms - LEASE.send_margin_ms;
  const lane = makeLane();
  assertEquals(lane.room(NOW), 2 * sendable_ms / 50);
  lane.reserve();
  lane.push(held(1));
  lane.push(held(2));
  lane.start(NOW);
  assertEquals(lane.room(NOW), 2 * sendable_ms / 50 - 3);
  lane.unreserve();

  // A receiver that always times out gets one at a time, and nothing that would have to wait for it.
  for (let n = 0; n < 50; n++) {
    if (lane.in_flight === 0) lane.start(NOW);
    finish(lane, { duration_ms: 30_000, timed_out: true, verdict: RETRY });
    lane.push(held(n));
  }
  lane.drain();
  assertEquals([lane.cap, lane.room(NOW)], [1, 1]);
  lane.push(held(1));
  lane.start(NOW);
  assertEquals(lane.room(NOW), 0);
});

Deno.test("a hold lasts until the latest time that was asked for, whatever else is answered meanwhile", () => {
  const lane = makeLane();
  for (let n = 0; n < 5; n++) lane.push(held(n));
  for (let n = 0; n < 4; n++) lane.start(NOW);
  finish(lane, { verdict: RETRY, throttle_until: NOW + 5000 });
  assertEquals(lane.holdUntil(NOW), NOW + 5000);
  assertFalse(lane.startable(NOW));
  finish(lane, { verdict: RETRY, throttle_until: NOW + 2000 });
  assertEquals(lane.holdUntil(NOW), NOW + 5000);
  finish(lane);
  assertEquals(lane.holdUntil(NOW), NOW + 5000);
  finish(lane, { verdict: RETRY, throttle_until: NOW + 9000 });
  assertEquals(lane.holdUntil(NOW + 8999), NOW + 9000);
  assertEquals(lane.holdUntil(NOW + 9000), null);
  assert(lane.startable(NOW + 9000));
});

Deno.test("health counts failures in a row and remembers when the last of each kind was", () => {
  const lane = makeLane();
  assertFalse(lane.dirty);
  for (let n = 0; n < 6; n++) lane.push(held(n));
  for (let n = 0; n < 6; n++) lane.start(NOW);
  finish(lane, { verdict: RETRY, now: NOW + 1 });
  finish(lane, { verdict: FAILED, now: NOW + 2 });
  finish(lane, { verdict: { outcome: "gone" }, now: NOW + 3 });
  assert(lane.dirty);
  assertEquals(lane.state, {
    ...LANE_AT_FIRST,
    consecutive_failures: 3,
    last_failure_at: NOW + 3,
    failing_since: NOW + 1,
    updated_at: NOW + 3,
  });
  finish(lane, { now: NOW + 4 });
  assertEquals(
    [lane.state.consecutive_failures, lane.state.last_success_at, lane.state.last_failure_at],
    [0, NOW + 4, NOW + 3],
  );
});

Deno.test("making a webhook active again clears what was before it, and nothing that came after", () => {
  const before: Partial<LaneState> = { consecutive_failures: 4, hold_until: NOW + 60_000, updated_at: NOW };
  const lane = makeLane(before);
  lane.sync({ resumed_at: null, rate_limit_per_minute: null }, 1);
  lane.sync({ resumed_at: NOW - 1, rate_limit_per_minute: null }, 1);
  lane.sync({ resumed_at: NOW, rate_limit_per_minute: null }, 1);
  assertEquals(lane.holdUntil(NOW), NOW + 60_000);
  assertFalse(lane.dirty);
  lane.sync({ resumed_at: NOW + 1, rate_limit_per_minute: null }, 1);
  assertEquals(lane.state, { ...LANE_AT_FIRST, updated_at: NOW + 1 });
  assertEquals(lane.holdUntil(NOW), null);
  assert(lane.dirty, "the cleared state is written");
});

Deno.test("a lane is idle only when nothing would be lost with it", () => {
  const lane = makeLane();
  assert(lane.idle);
  lane.reserve();
  assertFalse(lane.idle);
  lane.unreserve();
  lane.push(held(1));
  assertFalse(lane.idle);
  lane.start(NOW);
  assertFalse(lane.idle);
  lane.abandoned();
  assert(lane.idle);
  lane.spilled = true;
  assert(lane.idle, "what it left in storage is found there");
  lane.begin(NOW);
  assertFalse(lane.idle);
  finish(lane);
  assertFalse(lane.idle, "its state is not written yet");
  lane.dirty = false;
  assert(lane.idle);
});

Deno.test("whatever happens, a lane counts right, keeps its order and its cap within bounds", () => {
  const step = fc.oneof(
    fc.constant("push" as const),
    fc.constant("start" as const),
    fc.constant("abandon" as const),
    fc.constant("drain" as const),
    fc.record({ duration_ms: fc.integer({ min: 0, max: 30_000 }), timed_out: fc.boolean() }),
  );
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
    const lane = makeLane();
    let next = 0;
    let queue: number[] = [];
    let in_flight = 0;
    for (const action of steps) {
      if (action === "push") {
        lane.push(held(next));
        queue.push(next++);
      } else if (action === "start") {
        const expected = queue.shift();
        const started = lane.start(NOW);
        assertEquals(
          started?.known.value.event_id,
          expected === undefined ? undefined : sampleEvent(expected).id,
        );
        if (started !== null) in_flight++;
      } else if (action === "drain") {
        assertEquals(lane.drain().length, queue.length);
        queue = [];
      } else if (in_flight > 0) {
        if (action === "abandon") lane.abandoned();
        else finish(lane, action);
        in_flight--;
      }
      assertEquals([lane.waiting, lane.in_flight], [queue.length, in_flight]);
      assert(lane.cap >= 1 && lane.cap <= LANE.cap_max);
      assertGreaterOrEqual(lane.room(NOW) + lane.waiting + lane.in_flight, lane.cap);
    }
  }));
});

Deno.test("a lane keeps the quiet it was asked for by a webhook that a process with a clock ahead resumed", () => {
  const lane = makeLane();
  const settings = { resumed_at: NOW + 400, rate_limit_per_minute: null };
  lane.sync(settings, 1);
  lane.push(held(1));
  lane.start(NOW);
  finish(lane, { verdict: RETRY, throttle_until: NOW + 60_000 });
  lane.sync(settings, 1);
  assertEquals(lane.holdUntil(NOW), NOW + 60_000);
});
