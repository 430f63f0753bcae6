/**
 * The alarm clocks: rings in time, few messages, and nothing but an alarm rings.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { createQueueAlarm, createTimerAlarm, parseAlarm } from "../../kv/alarm.ts";
import { LEASE } from "../../lib/limits.ts";
import type { Alarm, Clock, Log } from "../../lib/ports.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";
import { SAMPLE_AT } from "../helpers/sample.ts";

/** A log that keeps the names of what was told. */
function listeningLog(): { log: Log; told: string[] } {
  const told: string[] = [];
  const note = (message: string): void => void told.push(message);
  return { log: { debug: () => {}, info: note, warn: note, error: note }, told };
}

interface Opened {
  readonly alarm: Alarm;
  readonly clock: ManualClock;
  /** When it rang. */
  readonly rings: number[];
  /** What was logged, but for the rings themselves. */
  readonly told: string[];
}

interface OpenedQueue extends Opened {
  readonly db: FakeKv;
  /** Messages enqueued so far. */
  readonly enqueued: () => number;
}

function openQueue(start_ms = SAMPLE_AT): OpenedQueue {
  const clock = createManualClock(start_ms);
  const db = new FakeKv({ clock });
  let enqueued = 0;
  db.onCommit = (_, { enqueues }) => {
    enqueued += enqueues.length;
    return undefined;
  };
  const { log, told } = listeningLog();
  const alarm = createQueueAlarm(db, { clock, log });
  const rings: number[] = [];
  alarm.start(() => rings.push(clock.now()));
  return { alarm, clock, rings, told, db, enqueued: () => enqueued };
}

function openTimers(start_ms = SAMPLE_AT): Opened {
  const clock = createManualClock(start_ms);
  const { log, told } = listeningLog();
  const alarm = createTimerAlarm({ clock, log });
  const rings: number[] = [];
  alarm.start(() => rings.push(clock.now()));
  return { alarm, clock, rings, told };
}

/** What both alarms promise. */
function testAlarm(name: string, open: (start_ms?: number) => Opened): void {
  Deno.test(`${name} rings at or shortly after each time it was armed for, never before`, async () => {
    const ahead_ms = fc.oneof(
      fc.double({ min: 0, max: LEASE.alarm_ahead_ms_max, noNaN: true }),
      fc.integer({ min: 0, max: 5000 }),
    );
    await fc.assert(fc.asyncProperty(fc.array(ahead_ms, { minLength: 1 }), async (all) => {
      const start_ms = SAMPLE_AT + 0.6;
      const { alarm, clock, rings } = open(start_ms);
      for (const each of all) alarm.arm(start_ms + each);
      await clock.advance(LEASE.alarm_ahead_ms_max + 1001);
      for (const each of all) {
        const ring = rings.find((at) => at >= start_ms + each);
        assert(ring !== undefined, `nothing rang after ${each}`);
        // To a second where it is far off, to a twentieth of one where it is near; timers take whole milliseconds.
        assertLessOrEqual(ring - start_ms - each, (each <= 2000 ? 50 : 1000) + 1);
      }
    }));
  });

  Deno.test(`${name} never rings early for a time that it rings at exactly`, async () => {
    const { alarm, clock, rings } = open(SAMPLE_AT + 0.6);
    alarm.arm(SAMPLE_AT + 30_000);
    await clock.advance(31_000);
    assertEquals(rings.length, 1);
    assertGreaterOrEqual(rings[0] ?? 0, SAMPLE_AT + 30_000);
  });

  Deno.test(`${name} rings at once for what is overdue`, async () => {
    const { alarm, clock, rings } = open();
    alarm.arm(SAMPLE_AT - 60_000);
    await clock.advance(50);
    assertEquals(rings.length, 1);
  });

  Deno.test(`${name} rings once for all that is due in one second, and again when it is armed again`, async () => {
    const { alarm, clock, rings } = open();
    for (let n = 1; n <= 100; n++) alarm.arm(SAMPLE_AT + 30_000 + n);
    await clock.advance(31_000);
    assertEquals(rings, [SAMPLE_AT + 31_000]);
    alarm.arm(SAMPLE_AT + 31_000);
    await clock.advance(50);
    assertEquals(rings.length, 2);
  });

  Deno.test(`${name} does not ring before it is started or after it is stopped`, async () => {
    const { alarm, clock, rings, told } = open();
    alarm.arm(SAMPLE_AT + 1000);
    alarm.stop();
    alarm.arm(SAMPLE_AT + 2000);
    await clock.advance(60_000);
    assertEquals([rings, told], [[], []]);
  });
}

testAlarm("QueueAlarm", openQueue);
testAlarm("TimerAlarm", openTimers);

Deno.test("QueueAlarm sends one message a second, however many deliveries come due in it", async () => {
  const { alarm, clock, rings, enqueued } = openQueue();
  for (let n = 1; n <= 10_000; n++) alarm.arm(SAMPLE_AT + 30_000 + n / 10);
  await clock.advance(0);
  assertEquals(enqueued(), 1);
  for (let n = 1; n <= 10_000; n++) alarm.arm(SAMPLE_AT + 40_500 + n / 10);
  await clock.advance(0);
  assertEquals(enqueued(), 3, "this second begins in one and ends in the next");
  await clock.advance(60_000);
  assertEquals(rings, [31_000, 41_000, 42_000].map((ms) => SAMPLE_AT + ms));
});

Deno.test("QueueAlarm sends at most twenty messages for what comes due in the second ahead", async () => {
  const { alarm, clock, enqueued } = openQueue();
  for (let n = 1; n <= 10_000; n++) alarm.arm(SAMPLE_AT + n / 10);
  await clock.advance(0);
  assertEquals(enqueued(), 20);
  await clock.advance(2000);
  assertEquals(enqueued(), 20);
});

Deno.test("QueueAlarm keeps the queue short: two minutes ahead hold 120 messages and the near ones", async () => {
  const { alarm, clock, enqueued } = openQueue();
  for (let ms = 0; ms <= LEASE.alarm_ahead_ms_max; ms += 7) alarm.arm(SAMPLE_AT + ms);
  await clock.advance(0);
  assertGreaterOrEqual(enqueued(), 120);
  assertLessOrEqual(enqueued(), 118 + 41);
});

Deno.test("QueueAlarm that is stopped leaves no messages to the next process", async () => {
  const { alarm, clock, enqueued } = openQueue();
  alarm.stop();
  alarm.arm(SAMPLE_AT + 1000);
  await clock.advance(0);
  assertEquals(enqueued(), 0);
});

Deno.test("QueueAlarm does not ring for what is no alarm, and rings for what is late", async () => {
  const { clock, rings, db, told } = openQueue();
  const broken = ["alarm", 7, null, [], {}, { kind: "alarm" }, { kind: "alarm", at: "7" }, {
    kind: "work",
    at: 7,
  }];
  for (const message of [...broken, { kind: "alarm", at: NaN }]) await db.enqueue(message);
  await clock.advance(1000);
  assertEquals([rings, told], [[], []]);
  await db.enqueue({ kind: "alarm", at: SAMPLE_AT - 1e9, more: "of a later release" });
  await clock.advance(1000);
  assertEquals(rings.length, 1);
});

Deno.test("QueueAlarm leaves a message that can't be enqueued to the sweep, and tries again when asked again", async () => {
  const { alarm, clock, rings, db, told } = openQueue();
  const count = db.onCommit;
  db.onCommit = () => ({ kind: "throw", error: new TypeError("database is locked") });
  alarm.arm(SAMPLE_AT + 5000);
  await clock.advance(1000);
  assertEquals(told, ["alarm.not_armed"]);
  db.onCommit = count;
  alarm.arm(SAMPLE_AT + 5000);
  await clock.advance(5000);
  assertEquals(rings, [SAMPLE_AT + 5000]);
});

Deno.test("QueueAlarm arms again a time whose message got lost, a minute after it", async () => {
  const { alarm, clock, rings, db, enqueued } = openQueue();
  const count = db.onCommit;
  db.onCommit = (n, write) => {
    count?.(n, write);
    return { kind: "lost" };
  };
  alarm.arm(SAMPLE_AT + 5000);
  await clock.advance(0);
  db.onCommit = count;
  for (let n = 0; n < 5000; n++) {
    await clock.advance(50);
    alarm.arm(clock.now() + 60_000);
  }
  assertLessOrEqual(enqueued(), 5000 / 20 + 62 + 40);
  assertGreaterOrEqual(rings.length, 180);
});

Deno.test("QueueAlarm says so in the log if it can't listen", async () => {
  const clock = createManualClock(SAMPLE_AT);
  const db = new FakeKv({ clock });
  db.close();
  const { log, told } = listeningLog();
  createQueueAlarm(db, { clock, log }).start(() => {});
  await clock.advance(0);
  assertEquals(told, ["alarm.queue_failed"]);
});

Deno.test("QueueAlarm rings on a real queue in memory", async () => {
  const db = await Deno.openKv(":memory:");
  const clock: Clock = { now: Date.now, elapsed: () => performance.now(), after: () => () => {} };
  const { log, told } = listeningLog();
  const alarm = createQueueAlarm(db, { clock, log });
  const rang = Promise.withResolvers<void>();
  let rings = 0;
  alarm.start(() => {
    rings += 1;
    if (rings === 2) rang.resolve();
  });
  await db.enqueue({ kind: "no alarm" });
  const now = clock.now();
  alarm.arm(now + 60);
  alarm.arm(now + 60);
  alarm.arm(now + 160);
  await rang.promise;
  assertEquals([rings, told], [2, []]);
  alarm.stop();
  db.close();
});

Deno.test("TimerAlarm holds one timer for each ring, and none when it is stopped", async () => {
  const { alarm, clock } = openTimers();
  for (let n = 1; n <= 10_000; n++) alarm.arm(SAMPLE_AT + 30_000 + n / 10);
  for (let n = 1; n <= 10_000; n++) alarm.arm(SAMPLE_AT + 40_000 + n / 10);
  assertEquals(clock.pending, 2);
  await clock.advance(31_000);
  assertEquals(clock.pending, 1);
  alarm.stop();
  assertEquals(clock.pending, 0);
});

Deno.test("the alarms say how often to look although nothing rang", () => {
  assertEquals([openQueue().alarm.sweep_ms, openTimers().alarm.sweep_ms], [
    LEASE.sweep_ms,
    LEASE.sweep_without_queue_ms,
  ]);
});

Deno.test("parseAlarm() reads the time of an alarm, and nothing else", () => {
  assertEquals(parseAlarm({ kind: "alarm", at: 7.5 }), 7.5);
  assertEquals(parseAlarm({ kind: "alarm", at: 7, more: 1 }), 7);
  for (
    const raw of [undefined, null, 7, "7", {}, { at: 7 }, { kind: "alarm", at: null }, {
      kind: "Alarm",
      at: 7,
    }]
  ) {
    assertEquals(parseAlarm(raw), null);
  }
});
