/**
 * The manual clock, on which every other test of time rests.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { createManualClock } from "./manual_clock.ts";

Deno.test("advance() runs timers in order of time, then of registration, each at its own time", async () => {
  const clock = createManualClock(1000);
  const seen: [string, number, number][] = [];
  const note = (name: string) => (): unknown => seen.push([name, clock.now(), clock.elapsed()]);
  for (
    const [name, delay_ms] of [["c", 30], ["a", 10], ["b", 10], ["late", 31], ["now", 0], [
      "past",
      -5,
    ]] as const
  ) {
    clock.after(delay_ms, note(name));
  }
  await clock.advance(30);
  assertEquals(seen, [["now", 1000, 0], ["past", 1000, 0], ["a", 1010, 10], ["b", 1010, 10], [
    "c",
    1030,
    30,
  ]]);
  assertEquals([clock.now(), clock.pending, clock.next_at], [1030, 1, 1031]);
});

Deno.test("advance() runs what timers and promises set on the way, however long the chain", async () => {
  const clock = createManualClock(0);
  const ticks: number[] = [];
  async function tick(): Promise<void> {
    for (let n = 0; n < 1000; n++) await null;
    ticks.push(clock.now());
    clock.after(10, () => void tick());
  }
  void tick();
  await clock.advance(35);
  assertEquals([ticks, clock.now(), clock.next_at], [[0, 10, 20, 30], 35, 40]);
});

Deno.test("after() returns a function that cancels, once, before and after", async () => {
  const clock = createManualClock();
  let runs = 0;
  const [cancel, cancelLate] = [clock.after(5, () => runs++), clock.after(5, () => runs++)];
  cancel();
  cancel();
  assertEquals(clock.pending, 1);
  await clock.advance(5);
  cancelLate();
  assertEquals([runs, clock.pending, clock.next_at], [1, 0, null]);
});

Deno.test("advance() throws what a timer throws, and can go on from there", async () => {
  const clock = createManualClock(0);
  clock.after(5, () => {
    throw new Error("this failure is part of a test");
  });
  await assertRejects(() => clock.advance(10), Error, "part of a test");
  assertEquals(clock.now(), 5);
  const first = clock.advance(1);
  await assertRejects(() => clock.advance(1), Error, "one advance() at a time");
  await first;
  assertEquals(clock.now(), 6);
});
