/**
 * Deadlines of many sends on few timers: each passes in its own time, and no timer goes on for nothing.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { type Deadline, Deadlines } from "../../lib/deadlines.ts";
import { createManualClock } from "../helpers/manual_clock.ts";

Deno.test("a deadline passes when its time is up, tells whom it was asked to tell, and aborts its signal", async () => {
  const clock = createManualClock();
  const deadline = new Deadlines(clock).start(1000);
  const told: number[] = [];
  deadline.onPassed(() => told.push(clock.elapsed()));
  const { signal } = deadline;
  await clock.advance(999);
  assertEquals([told, deadline.passed, signal.aborted], [[], false, false]);
  await clock.advance(1);
  assertEquals([told, deadline.passed, signal.aborted], [[1000], true, true]);
  assertEquals(clock.pending, 0);
});

Deno.test("a signal that is asked for after the time is up is aborted", async () => {
  const clock = createManualClock();
  const deadline = new Deadlines(clock).start(1000);
  await clock.advance(1000);
  assert(deadline.signal.aborted);
});

Deno.test("a cancelled deadline never passes, and the timer of the last is left to the next, or ends by itself", async () => {
  const clock = createManualClock();
  const deadlines = new Deadlines(clock);
  const first = deadlines.start(1000);
  const second = deadlines.start(1000);
  first.onPassed(() => assert(false, "it was cancelled"));
  first.cancel();
  assertEquals(clock.pending, 1, "for the second");
  second.cancel();
  assertEquals(clock.pending, 1);
  await clock.advance(900);
  const third = deadlines.start(1000);
  assertEquals(clock.pending, 1, "the same serves the third");
  await clock.advance(999);
  assertEquals([clock.pending, third.passed], [1, false]);
  third.cancel();
  await clock.advance(1);
  assertEquals(clock.pending, 0, "nothing was left to wait for");
  assertFalse(first.passed || second.passed || third.passed);
  first.cancel();
  assertEquals([deadlines.start(1000).passed, clock.pending], [false, 1]);
});

Deno.test("close() leaves no timer for nothing; what runs, or starts after it, passes all the same", async () => {
  const clock = createManualClock();
  const deadlines = new Deadlines(clock);
  for (const timeout_ms of [1000, 2000]) deadlines.start(timeout_ms).cancel();
  const running = deadlines.start(3000);
  deadlines.close();
  assertEquals(clock.pending, 1);
  const later = deadlines.start(1000);
  await clock.advance(3000);
  assertEquals([running.passed, later.passed, clock.pending], [true, true, 0]);
});

Deno.test("many deadlines of a few lengths, started and cancelled at any time, each pass at their own", async () => {
  const plan = fc.array(
    fc.record({
      start: fc.nat(50),
      timeout_ms: fc.constantFrom(10, 25, 40),
      cancel_after: fc.option(fc.nat(45), { nil: null }),
    }),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(plan, async (sends) => {
      const clock = createManualClock();
      const deadlines = new Deadlines(clock);
      const passed_at: (number | null)[] = sends.map(() => null);
      const running: (Deadline | undefined)[] = [];
      for (let now = 0; now <= 100; now++) {
        for (const [index, { start, timeout_ms, cancel_after }] of sends.entries()) {
          if (start === now) {
            const deadline = deadlines.start(timeout_ms);
            deadline.onPassed(() => passed_at[index] = clock.elapsed());
            running[index] = deadline;
          }
          if (cancel_after !== null && start + cancel_after === now) running[index]?.cancel();
        }
        await clock.advance(1);
      }
      const expected = sends.map(({ start, timeout_ms, cancel_after }) =>
        cancel_after !== null && cancel_after < timeout_ms ? null : start + timeout_ms
      );
      assertEquals(passed_at, expected);
      await clock.advance(100);
      assertEquals(clock.pending, 0);
    }),
    { numRuns: 50 },
  );
});
