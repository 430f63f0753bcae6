/**
 * The clock of the machine: time that never runs backward, whatever the wall clock does, and timers of any length.
 *
 * Owns the tests of `lib/outbound/clock.ts`. It must never wait for real time to pass.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import { systemClock, TIMER_MS_MAX } from "../../../lib/outbound/clock.ts";
import { createLog } from "../../../lib/outbound/log.ts";
import type { Clock } from "../../../lib/ports.ts";

/** The sources of a clock under a test's control, and what it said. */
class Machine {
  wall_ms = 1_000_000;
  monotonic_ms = 500;
  readonly said: [level: string, message: string, by_ms: unknown][] = [];
  readonly clock: Clock = systemClock({
    wall: () => this.wall_ms,
    monotonic: () => this.monotonic_ms,
    log: {
      info: (message, fields) => this.said.push(["info", message, fields?.by_ms]),
      warn: (message, fields) => this.said.push(["warn", message, fields?.by_ms]),
    },
  });

  /** Lets real time pass: both clocks go on. */
  pass(ms: number): void {
    this.monotonic_ms += ms;
    this.wall_ms += ms;
  }
}

Deno.test("systemClock() starts at wall time and goes on with monotonic time", () => {
  const machine = new Machine();
  assertEquals(machine.clock.now(), 1_000_000);
  machine.pass(1234);
  assertEquals(machine.clock.now(), 1_001_234);
});

Deno.test("systemClock() gives whole milliseconds, and durations in fractions", () => {
  const machine = new Machine();
  machine.pass(0.75);
  assertEquals([machine.clock.now(), machine.clock.elapsed()], [1_000_000, 500.75]);
});

Deno.test("systemClock() follows the wall clock forward at once and says so once", () => {
  const machine = new Machine();
  machine.wall_ms += 3_600_000;
  for (let call = 0; call < 3; call++) assertEquals(machine.clock.now(), 4_600_000);
  machine.pass(10);
  assertEquals(machine.clock.now(), 4_600_010);
  machine.wall_ms += 5000;
  assertEquals(machine.clock.now(), 4_605_010);
  assertEquals(machine.said, [["info", "clock.jumped_forward", 3_600_000], [
    "info",
    "clock.jumped_forward",
    5000,
  ]]);
});

Deno.test("systemClock() does not follow the wall clock backward, goes on, and warns once", () => {
  const machine = new Machine();
  machine.wall_ms -= 60_000;
  for (let call = 0; call < 3; call++) assertEquals(machine.clock.now(), 1_000_000);
  machine.pass(2000);
  assertEquals(machine.clock.now(), 1_002_000);
  assertEquals(machine.said, [["warn", "clock.wall_is_behind", 60_000]]);
});

Deno.test("systemClock() warns again of a second jump backward", () => {
  const machine = new Machine();
  machine.wall_ms -= 60_000;
  machine.clock.now();
  machine.wall_ms -= 30_000;
  machine.clock.now();
  assertEquals(machine.said.map(([, , by_ms]) => by_ms), [60_000, 90_000]);
});

Deno.test("systemClock() warns again when the wall clock had caught up in between", () => {
  const machine = new Machine();
  machine.wall_ms -= 60_000;
  machine.clock.now();
  machine.wall_ms += 60_000;
  assertEquals(machine.clock.now(), 1_000_000);
  machine.wall_ms -= 5000;
  machine.clock.now();
  assertEquals(machine.said.map(([, message, by_ms]) => [message, by_ms]), [
    ["clock.wall_is_behind", 60_000],
    ["clock.wall_is_behind", 5000],
  ]);
});

Deno.test("systemClock() says nothing of drift up to a second, in either direction", () => {
  for (const drift_ms of [-1000, -1, 1, 1000]) {
    const machine = new Machine();
    machine.wall_ms += drift_ms;
    assertEquals(machine.clock.now(), 1_000_000 + Math.max(0, drift_ms));
    assertEquals(machine.said, []);
  }
});

Deno.test("systemClock() warns of drift that adds up, once per second of it", () => {
  const machine = new Machine();
  for (let call = 0; call < 3500; call++) {
    machine.wall_ms -= 1;
    machine.clock.now();
  }
  assertEquals(machine.said.map(([, , by_ms]) => by_ms), [1001, 2002, 3003]);
});

Deno.test("systemClock() and a log that is stamped by it can use each other", () => {
  const lines: string[] = [];
  let wall_ms = 0;
  const log = createLog({
    level: "info",
    format: "json",
    now: () => clock.now(),
    write: (line) => lines.push(line),
  });
  const clock = systemClock({ log, wall: () => wall_ms, monotonic: () => 0 });
  wall_ms = 2000;
  log.info("first");
  wall_ms = 500;
  log.info("second");
  assertEquals(lines, [
    '{"level":"info","at":"1970-01-01T00:00:02.000Z","message":"clock.jumped_forward","by_ms":2000}\n',
    '{"level":"info","at":"1970-01-01T00:00:02.000Z","message":"first"}\n',
    '{"level":"warn","at":"1970-01-01T00:00:02.000Z","message":"clock.wall_is_behind","by_ms":1500,"followed":false}\n',
    '{"level":"info","at":"1970-01-01T00:00:02.000Z","message":"second"}\n',
  ]);
});

Deno.test("systemClock() never runs backward and is never behind the wall clock", () => {
  const step = fc.record({
    passed_ms: fc.double({ min: 0, max: 1e6, noNaN: true }),
    jump_ms: fc.integer({ min: -1e7, max: 1e7 }),
  });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const machine = new Machine();
    let before_ms = machine.clock.now();
    for (const { passed_ms, jump_ms } of steps) {
      machine.monotonic_ms += passed_ms;
      machine.wall_ms += Math.floor(passed_ms) + jump_ms;
      const now_ms = machine.clock.now();
      assert(Number.isInteger(now_ms));
      assertGreaterOrEqual(now_ms, before_ms + Math.floor(passed_ms) - 1);
      assertGreaterOrEqual(now_ms, before_ms);
      // One less, because a sum of fractions may lie a little below the whole number that it stands for.
      assertGreaterOrEqual(now_ms, machine.wall_ms - 1);
      before_ms = now_ms;
    }
  }));
});

Deno.test("systemClock() reads the machine's clocks where nothing else is said", () => {
  const clock = systemClock();
  const before_ms = Date.now();
  const now_ms = clock.now();
  assertGreaterOrEqual(now_ms, before_ms - 1);
  const elapsed_ms = clock.elapsed();
  assertGreaterOrEqual(performance.now(), elapsed_ms);
});

/** Timers that run when a test says so. */
class Timers {
  readonly started: { delay_ms: number; run: () => void }[] = [];
  readonly clock = systemClock({
    startTimer: (delay_ms, run) => {
      const timer = { delay_ms, run };
      this.started.push(timer);
      return () => {
        if (this.started.includes(timer)) this.started.splice(this.started.indexOf(timer), 1);
      };
    },
  });

  /** Runs the earliest timer, and says how long it waited. */
  next(): number | undefined {
    const timer = this.started.shift();
    timer?.run();
    return timer?.delay_ms;
  }
}

Deno.test("after() waits longer than a timer can", () => {
  const timers = new Timers();
  let runs = 0;
  timers.clock.after(2 * TIMER_MS_MAX + 5, () => runs++);
  assertEquals([timers.next(), runs], [TIMER_MS_MAX, 0]);
  assertEquals([timers.next(), runs], [TIMER_MS_MAX, 0]);
  assertEquals([timers.next(), runs], [5, 1]);
  assertEquals(timers.started, []);
});

Deno.test("after() hands a short delay through and makes a negative one none", () => {
  for (
    const [delay_ms, waited_ms] of [[0, 0], [1.5, 1.5], [TIMER_MS_MAX, TIMER_MS_MAX], [-1, 0], [-Infinity, 0]]
  ) {
    const timers = new Timers();
    let runs = 0;
    timers.clock.after(delay_ms ?? NaN, () => runs++);
    assertEquals([timers.next(), runs, timers.started.length], [waited_ms, 1, 0]);
  }
});

Deno.test("after() never runs what is infinitely far, and can still cancel it", () => {
  const timers = new Timers();
  const cancel = timers.clock.after(Infinity, () => assert(false, "it ran"));
  for (let round = 0; round < 100; round++) assertEquals(timers.next(), TIMER_MS_MAX);
  cancel();
  assertEquals(timers.started, []);
});

Deno.test("after() cancels a long timer in each of its parts", () => {
  for (const parts_passed of [0, 1, 2]) {
    const timers = new Timers();
    const cancel = timers.clock.after(2 * TIMER_MS_MAX + 5, () => assert(false, "it ran"));
    for (let part = 0; part < parts_passed; part++) timers.next();
    cancel();
    assertEquals(timers.started, []);
  }
});

Deno.test("after() refuses a delay that is no number", () => {
  assertThrows(() => new Timers().clock.after(NaN, () => {}), Error, "the delay of a timer is a number");
});

Deno.test("after() runs once on the machine's timers, and not when it is cancelled", async () => {
  const clock = systemClock();
  const ran: string[] = [];
  const cancel = clock.after(0, () => ran.push("cancelled"));
  cancel();
  cancel();
  await new Promise<void>((resolve) => clock.after(0, resolve));
  assertEquals(ran, []);
});
