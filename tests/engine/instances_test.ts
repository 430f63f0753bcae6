/**
 * Who lives: by beats, and by this process's own clock only.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { Instances } from "../../lib/engine/instances.ts";
import { AppError } from "../../lib/errors.ts";
import { LEASE } from "../../lib/limits.ts";
import type { InstanceBeat } from "../../lib/store.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";

const ME = "me";

interface Stage {
  readonly instances: Instances;
  readonly clock: ManualClock;
  /** What storage shows; a test writes others' beats into it. */
  readonly stored: Map<string, number>;
  readonly gaps: number[];
  readonly logged: string[];
  /** Thrown by the next beat. */
  failure: Error | null;
  /** What a look at the leases waits for. */
  onBeat: () => Promise<void>;
}

function makeStage(): Stage {
  const clock = createManualClock();
  const stored = new Map<string, number>();
  const gaps: number[] = [];
  const logged: string[] = [];
  const note = (message: string): void => void logged.push(message);
  const stage: Pick<Stage, "failure" | "onBeat"> = { failure: null, onBeat: () => Promise.resolve() };
  const instances = new Instances({
    clock,
    instance: ME,
    log: { debug: note, info: note, warn: note, error: note },
    store: {
      beat(instance) {
        const { failure } = stage;
        stage.failure = null;
        if (failure !== null) return Promise.reject(failure);
        stored.set(instance, (stored.get(instance) ?? 0) + 1);
        return Promise.resolve();
      },
      instances(): Promise<InstanceBeat[]> {
        return Promise.resolve(
          [...stored].map(([id, count]) => ({ id, versionstamp: String(count), at: count })),
        );
      },
    },
    onBeat: async (gap_ms) => {
      gaps.push(gap_ms);
      await stage.onBeat();
    },
  });
  return Object.assign(stage, { instances, clock, stored, gaps, logged });
}

Deno.test("a process is fresh from its first beat on, until it could not beat for eight seconds", async () => {
  const { instances, clock } = makeStage();
  assertFalse(instances.fresh);
  await instances.beat();
  assert(instances.fresh);
  await clock.advance(LEASE.silent_stop_ms - 1);
  assert(instances.fresh);
  await clock.advance(1);
  assertFalse(instances.fresh);
  await instances.beat();
  assert(instances.fresh);
});

Deno.test("a beat that fails keeps nothing fresh", async () => {
  const stage = makeStage();
  await stage.instances.beat();
  await stage.clock.advance(LEASE.silent_stop_ms - 1);
  stage.failure = new AppError("unavailable", "Cannot write");
  await assertRejects(() => stage.instances.beat(), AppError);
  await stage.clock.advance(1);
  assertFalse(stage.instances.fresh);
});

Deno.test("each beat says how long ago the one before was, failed ones not counted", async () => {
  const stage = makeStage();
  assertEquals(await stage.instances.beat(), 0);
  await stage.clock.advance(2000);
  assertEquals(await stage.instances.beat(), 2000);
  await stage.clock.advance(2000);
  stage.failure = new AppError("unavailable", "Cannot write");
  await assertRejects(() => stage.instances.beat());
  await stage.clock.advance(7000);
  assertEquals(await stage.instances.beat(), 9000);
  assertEquals(stage.gaps, [0, 2000, 9000]);
});

Deno.test("after a silence nothing may be sent before this process's leases were looked at again", async () => {
  const stage = makeStage();
  await stage.instances.beat();
  await stage.clock.advance(20_000);
  const { promise: looked, resolve } = Promise.withResolvers<void>();
  stage.onBeat = () => looked;
  const beaten = stage.instances.beat();
  await stage.clock.advance(0);
  assertEquals(stage.gaps.at(-1), 20_000);
  assertFalse(stage.instances.fresh, "it has beaten, and not looked yet");
  resolve();
  await beaten;
  assert(stage.instances.fresh);
});

Deno.test("if the look at the leases fails, the next beat looks again", async () => {
  const stage = makeStage();
  await stage.instances.beat();
  await stage.clock.advance(10_000);
  stage.onBeat = () => Promise.reject(new AppError("unavailable", "Cannot read"));
  await assertRejects(() => stage.instances.beat(), AppError);
  assertFalse(stage.instances.fresh);
  stage.onBeat = () => Promise.resolve();
  await stage.clock.advance(2000);
  assertEquals(await stage.instances.beat(), 12_000);
  assert(stage.instances.fresh);
});

Deno.test("another process is alive while its beat changes, whatever its clock says", async () => {
  const { instances, clock, stored } = makeStage();
  assertFalse(instances.isAlive("other"), "one that left no beat has ended, or never began");
  for (let count = 1; count < 20; count++) {
    stored.set("other", count);
    await instances.beat();
    assert(instances.isAlive("other"));
    await clock.advance(LEASE.silent_dead_ms - 1);
    assert(instances.isAlive("other"));
    assertEquals(instances.dead(), []);
  }
});

Deno.test("another process is dead when its beat has not changed for fifteen seconds since this one first saw it", async () => {
  const { instances, clock, stored } = makeStage();
  await instances.beat();
  await clock.advance(60_000);
  // It died long ago; how long, this process can't know.
  stored.set("other", 7);
  await instances.beat();
  for (let waited = 0; waited < LEASE.silent_dead_ms; waited += 1000) {
    assert(instances.isAlive("other"), `after ${waited} ms`);
    await clock.advance(1000);
    await instances.beat();
  }
  assertFalse(instances.isAlive("other"));
  assertEquals(instances.dead(), ["other"]);
  stored.set("other", 8);
  await instances.beat();
  assert(instances.isAlive("other"), "it was only asleep");
  assertEquals(instances.dead(), []);
});

Deno.test("a process did not outlive a lease that ended fifteen seconds after its last beat, though nobody saw it die", async () => {
  const { instances, stored } = makeStage();
  const beat_at = 1000;
  stored.set("other", beat_at);
  await instances.beat();
  assert(instances.isAlive("other"), "this process has only just seen its beat");
  assert(instances.outlived("other", beat_at + LEASE.silent_dead_ms - 1));
  assertFalse(instances.outlived("other", beat_at + LEASE.silent_dead_ms));
  assertFalse(instances.outlived("nobody", beat_at));
});

Deno.test("a process that said goodbye is neither alive nor dead", async () => {
  const { instances, clock, stored } = makeStage();
  stored.set("other", 1);
  await instances.beat();
  assert(instances.isAlive("other"));
  stored.delete("other");
  await instances.beat();
  assertFalse(instances.isAlive("other"));
  await clock.advance(60_000);
  assertEquals(instances.dead(), []);
});

Deno.test("this process is not among the others, and each other is announced once", async () => {
  const { instances, clock, stored, logged } = makeStage();
  stored.set("a", 1).set("b", 1);
  for (let time = 0; time < 3; time++) await instances.beat();
  await clock.advance(60_000);
  assertEquals(instances.dead().toSorted(), ["a", "b"]);
  assertEquals(logged, ["instance.seen", "instance.seen"]);
});
