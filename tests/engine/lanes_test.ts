/**
 * All lanes together: turns, caps, memory, holds. Sends are in the test's hand.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import type { Held, Lane } from "../../lib/engine/lane.ts";
import { Lanes } from "../../lib/engine/lanes.ts";
import { LANE_AT_FIRST } from "../../lib/lane_state.ts";
import { LANE } from "../../lib/limits.ts";
import { createManualClock, type ManualClock, settle } from "../helpers/manual_clock.ts";
import { SAMPLE_AT, sampleDelivery, sampleEvent, sampleWebhook } from "../helpers/sample.ts";

/** A send that was started and has not ended. */
interface Sending {
  readonly name: string;
  readonly lane: Lane;
  /** Ends it with a success, or a request to be quiet. */
  end(throttle_until?: number | null): Promise<void>;
  /** Ends it without a request having been made. */
  abandon(): Promise<void>;
}

interface Stage {
  readonly lanes: Lanes;
  readonly clock: ManualClock;
  /** Under way, in the order in which they were started. */
  readonly sending: Sending[];
  /** Every send that was ever started, `lane:number`. */
  readonly started: string[];
  /** Lanes that said they had room again. */
  readonly room_again: Lane[];
  may_send: boolean;
  /** How often the owner was told that a send is over. */
  finished: number;
  open(n: number, site_id?: string): Lane;
  /** Reserves room and hands a delivery in. @returns Whether there was room. */
  give(lane: Lane, n: number, bytes?: number): boolean;
  endAll(): Promise<void>;
}

function makeStage(): Stage {
  const clock = createManualClock(SAMPLE_AT);
  const sending: Sending[] = [];
  const started: string[] = [];
  const room_again: Lane[] = [];
  const names = new Map<Lane, string>();
  const events = new Map<string, number>();
  const stage = { may_send: true, finished: 0 };

  function send(lane: Lane, held: Held): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const name = `${names.get(lane)}:${events.get(held.known.value.event_id)}`;
    async function over(tell: () => void): Promise<void> {
      sending.splice(sending.indexOf(entry), 1);
      tell();
      resolve();
      await settle();
    }
    const entry: Sending = {
      name,
      lane,
      end: (throttle_until = null) =>
        over(() => {
          const verdict = throttle_until === null
            ? { outcome: "delivered" } as const
            : { outcome: "retry", due_at: throttle_until } as const;
          const news = { verdict, timed_out: false, throttle_until, down: false };
          lane.finished(10, news, { now_ms: clock.now(), base_ms: 10_000 });
          if (throttle_until !== null) lanes.holdChanged(lane);
        }),
      abandon: () => over(() => lane.abandoned()),
    };
    sending.push(entry);
    started.push(name);
    return promise;
  }

  const lanes = new Lanes({
    maySend: () => stage.may_send,
    send,
    roomAgain: (lane) => void room_again.push(lane),
    rateReached: (lane) => lanes.holdChanged(lane),
    processes: () => 1,
    finished: () => void stage.finished++,
    now: () => clock.now(),
    after: (delay_ms, run) => clock.after(delay_ms, run),
  });

  return Object.assign(stage, {
    lanes,
    clock,
    sending,
    started,
    room_again,
    open(n: number, site_id = "example.com") {
      const lane = lanes.open(sampleWebhook(n, { site_id }), LANE_AT_FIRST);
      names.set(lane, String(n));
      return lane;
    },
    give(lane: Lane, n: number, bytes = 1000) {
      if (!lanes.reserve(lane, bytes)) return false;
      const event = sampleEvent(n);
      events.set(event.id, n);
      const known = { value: sampleDelivery(event, lane.webhook_id), versionstamp: "0", written: true };
      lanes.hand(lane, { known, body: event.body, bytes });
      return true;
    },
    async endAll() {
      while (sending.length > 0) await sending[0]?.end();
    },
  });
}

Deno.test("lanes take turns, one send each", async () => {
  const stage = makeStage();
  stage.may_send = false;
  const [a, b, c] = [stage.open(1), stage.open(2), stage.open(3)];
  for (let n = 1; n <= 6; n++) stage.give(a, n);
  stage.give(b, 1);
  stage.give(b, 2);
  stage.give(c, 1);
  assertEquals(stage.started, []);
  stage.may_send = true;
  stage.lanes.run();
  assertEquals(stage.started, ["1:1", "2:1", "3:1", "1:2", "2:2"]);
  await stage.endAll();
  assertEquals(stage.started.toSorted(), ["1:1", "1:2", "1:3", "1:4", "1:5", "1:6", "2:1", "2:2", "3:1"]);
  assertEquals([stage.lanes.in_flight, stage.lanes.bytes, stage.finished], [0, 0, 9]);
});

Deno.test("a send that ends lets its lane go on, one that was abandoned too", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  for (let n = 1; n <= 4; n++) stage.give(lane, n);
  assertEquals(stage.started, ["1:1", "1:2"]);
  await stage.sending[0]?.end();
  assertEquals(stage.started.at(-2), "1:3");
  await stage.sending[0]?.abandon();
  assertEquals(stage.started.at(-1), "1:4");
});

Deno.test("no site has more than its part under way, and the lanes that waited for it go on when it has room", async () => {
  const stage = makeStage();
  const lanes = Array.from({ length: 70 }, (_, n) => stage.open(n + 1));
  for (const lane of lanes) for (let n = 1; n <= 2; n++) stage.give(lane, n);
  assertEquals(stage.lanes.in_flight, LANE.sends_per_site_max);
  const other = stage.open(100, "other.example");
  stage.give(other, 1);
  assertEquals(stage.started.at(-1), "100:1", "another site is not held up");
  await stage.sending[0]?.end();
  assertEquals(stage.lanes.in_flight, LANE.sends_per_site_max + 1);
  await stage.endAll();
  assertEquals(new Set(stage.started).size, 141);
});

Deno.test("the process has no more under way than it may, over all sites", async () => {
  const stage = makeStage();
  for (let site = 0; site < 6; site++) {
    for (let n = 0; n < 60; n++) {
      const lane = stage.open(site * 100 + n, `site-${site}.example`);
      stage.give(lane, 1);
      stage.give(lane, 2);
    }
  }
  assertEquals(stage.lanes.in_flight, LANE.sends_max);
  await stage.sending[0]?.end();
  assertEquals(stage.lanes.in_flight, LANE.sends_max);
  await stage.endAll();
  assertEquals(stage.started.length, 720);
});

Deno.test("what a person asked for is sent at once, past caps, holds and a pause of the engine", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  for (let n = 1; n <= 3; n++) stage.give(lane, n);
  await stage.sending[0]?.end(stage.clock.now() + 60_000);
  stage.may_send = false;
  const event = sampleEvent(9);
  const known = { value: sampleDelivery(event, lane.webhook_id), versionstamp: "0", written: true };
  stage.lanes.sendNow(lane, { known, body: event.body, bytes: 0 });
  assertEquals([stage.started.length, stage.lanes.in_flight], [3, 2]);
  assert(stage.lanes.holds(event.id, lane.webhook_id));
  await stage.endAll();
  assertFalse(stage.lanes.holds(event.id, lane.webhook_id));
  assertEquals(stage.lanes.in_flight, 0);
});

Deno.test("a delivery is held while it waits and while it is sent, and not any more after that", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  for (let n = 1; n <= 3; n++) stage.give(lane, n);
  const held = (): boolean[] => [1, 2, 3].map((n) => stage.lanes.holds(sampleEvent(n).id, lane.webhook_id));
  assertEquals(held(), [true, true, true]);
  assertFalse(stage.lanes.holds(sampleEvent(1).id, stage.open(2).webhook_id));
  await stage.sending[0]?.end();
  assertEquals(held(), [false, true, true]);
  await stage.endAll();
  assertEquals(held(), [false, false, false]);
});

Deno.test("without memory for it nothing is kept: the lane knows that storage has more", () => {
  const stage = makeStage();
  stage.may_send = false;
  const lane = stage.open(1);
  assert(stage.give(lane, 1, LANE.memory_bytes_max));
  assertFalse(lane.spilled);
  const other = stage.open(2);
  assertFalse(stage.give(other, 2, 1));
  assert(other.spilled);
  stage.lanes.forget(lane);
  assertEquals(stage.lanes.bytes, 0);
  assert(stage.give(other, 2, 1));
});

Deno.test("room that nothing came for is given back", () => {
  const stage = makeStage();
  const lane = stage.open(1);
  const room = lane.room(stage.clock.now());
  assert(stage.lanes.reserve(lane, 500));
  assertEquals([stage.lanes.bytes, lane.room(stage.clock.now())], [500, room - 1]);
  stage.lanes.unreserve(lane, 500);
  assertEquals([stage.lanes.bytes, lane.room(stage.clock.now())], [0, room]);
});

Deno.test("a lane on hold takes nothing, starts nothing, and goes on by itself when the hold is over", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  for (let n = 1; n <= 4; n++) stage.give(lane, n);
  await stage.sending[0]?.end(stage.clock.now() + 5000);
  await stage.sending[0]?.end(stage.clock.now() + 3000);
  assertEquals(stage.started.length, 2);
  assertFalse(stage.give(lane, 5));
  assert(lane.spilled);
  await stage.clock.advance(4999);
  assertEquals(stage.started.length, 2);
  await stage.clock.advance(1);
  assertEquals(stage.started.slice(2), ["1:3", "1:4"]);
});

Deno.test("a lane that left work in storage says that it has room when half of what it held is sent", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  const room = lane.room(stage.clock.now());
  for (let n = 0; n < room; n++) assert(stage.give(lane, n, 1));
  assertFalse(stage.give(lane, room, 1));
  assert(lane.spilled);
  while (stage.room_again.length === 0) await stage.sending[0]?.end();
  assertEquals(stage.room_again, [lane]);
  assert(lane.waiting * 2 <= lane.room(stage.clock.now()));
  lane.spilled = false;
  await stage.endAll();
  assertEquals(stage.room_again.length, 1, "with nothing left in storage it says nothing");
});

Deno.test("forgetting takes what waits out of memory and leaves what is under way alone", async () => {
  const stage = makeStage();
  const [a, b] = [stage.open(1), stage.open(2)];
  for (let n = 1; n <= 5; n++) stage.give(a, n);
  for (let n = 1; n <= 5; n++) stage.give(b, n);
  const forgotten = stage.lanes.forgetAll();
  assertEquals(forgotten.length, 6);
  assertEquals([stage.lanes.in_flight, stage.lanes.bytes], [4, 4000]);
  assertFalse(stage.lanes.holds(sampleEvent(5).id, a.webhook_id));
  assert(stage.lanes.holds(sampleEvent(1).id, a.webhook_id));
  await stage.endAll();
  assertEquals([stage.started.length, stage.lanes.bytes], [4, 0]);
});

Deno.test("only lanes in which nothing has happened for a while, and which nothing waits for, are evicted", async () => {
  const stage = makeStage();
  const [idle, busy, held, recent] = [1, 2, 3, 4].map((n) => stage.open(n));
  assert(idle !== undefined && busy !== undefined && held !== undefined && recent !== undefined);
  stage.give(busy, 1);
  stage.give(held, 1);
  await stage.sending[1]?.end(stage.clock.now() + 3_600_000);
  for (const lane of [idle, busy, held]) lane.dirty = false;
  await stage.clock.advance(600_000);
  stage.open(4);
  stage.lanes.evict(stage.clock.now() - 300_000);
  assertEquals([idle, busy, held, recent].map((lane) => stage.lanes.get(lane.webhook_id) === lane), [
    false,
    true,
    true,
    true,
  ]);
});

Deno.test("a lane that is about to be used is not evicted before it is", async () => {
  const stage = makeStage();
  const [used, idle] = [stage.open(1), stage.open(2)];
  for (const lane of [used, idle]) lane.dirty = false;
  await stage.clock.advance(600_000);
  assertEquals(stage.lanes.use(sampleWebhook(1)), used);
  assertEquals(stage.lanes.use(sampleWebhook(3)), undefined);
  stage.lanes.evict(stage.clock.now() - 300_000);
  assertEquals([used, idle].map((lane) => stage.lanes.get(lane.webhook_id) === lane), [true, false]);
});

Deno.test("a lane whose webhook is gone is evicted, also if it left work in storage that was cancelled there", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  assertFalse(stage.give(lane, 1, LANE.memory_bytes_max + 1));
  assert(lane.spilled);
  await stage.clock.advance(600_000);
  stage.lanes.evict(stage.clock.now() - 300_000);
  assertEquals([...stage.lanes.all()], []);
});

Deno.test("opening a lane again gives the same one, and the webhook's resumption reaches it", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  stage.give(lane, 1);
  await stage.sending[0]?.end(stage.clock.now() + 60_000);
  assertEquals(lane.holdUntil(stage.clock.now()), stage.clock.now() + 60_000);
  const resumed = sampleWebhook(1, { resumed_at: stage.clock.now() + 1 });
  assertEquals(stage.lanes.open(resumed, LANE_AT_FIRST), lane);
  assertEquals(lane.holdUntil(stage.clock.now()), null);
});

Deno.test("after stop() no timer is left", async () => {
  const stage = makeStage();
  const lane = stage.open(1);
  stage.give(lane, 1);
  await stage.sending[0]?.end(stage.clock.now() + 60_000);
  assertEquals(stage.clock.pending, 1);
  stage.lanes.stop();
  assertEquals(stage.clock.pending, 0);
});

Deno.test("whatever happens, memory and sends are counted to the last byte, and every delivery is sent once or forgotten", async () => {
  const step = fc.oneof(
    fc.record({ give: fc.integer({ min: 1, max: 4 }), bytes: fc.integer({ min: 0, max: 5000 }) }),
    fc.record({ end: fc.nat(30), hold_ms: fc.option(fc.integer({ min: 1, max: 3000 })) }),
    fc.record({ abandon: fc.nat(30) }),
    fc.record({ advance_ms: fc.integer({ min: 0, max: 2000 }) }),
    fc.record({ pause: fc.boolean() }),
    fc.record({ forget: fc.integer({ min: 1, max: 4 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const stage = makeStage();
      const { lanes, sending, clock } = stage;
      const opened = [1, 2, 3, 4].map((n) => stage.open(n, n % 2 === 0 ? "even.example" : "odd.example"));
      let given = 0;
      let forgotten = 0;
      for (const action of steps) {
        if ("give" in action) {
          const lane = opened[action.give - 1];
          if (lane !== undefined && stage.give(lane, given, action.bytes)) given++;
        } else if ("end" in action) {
          const { hold_ms } = action;
          await sending[action.end % Math.max(sending.length, 1)]?.end(
            hold_ms === null ? null : clock.now() + hold_ms,
          );
        } else if ("abandon" in action) {
          await sending[action.abandon % Math.max(sending.length, 1)]?.abandon();
        } else if ("advance_ms" in action) {
          await clock.advance(action.advance_ms);
        } else if ("pause" in action) {
          stage.may_send = !action.pause;
          lanes.run();
        } else {
          const lane = opened[action.forget - 1];
          if (lane !== undefined) forgotten += lanes.forget(lane).length;
        }
        assertEquals(lanes.in_flight, sending.length);
        for (const lane of opened) assert(lane.in_flight <= LANE.cap_max);
      }
      stage.may_send = true;
      await clock.advance(10_000);
      lanes.runAll();
      await stage.endAll();
      assertEquals([lanes.in_flight, lanes.bytes], [0, 0]);
      assertEquals(stage.started.length, given - forgotten);
      assertEquals(new Set(stage.started).size, stage.started.length);
    }),
    { numRuns: 60 },
  );
});
