/**
 * How long a tick of the cron stays where nothing else keeps the process.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { stayWhileDue } from "../../lib/engine/stay.ts";
import { LEASE } from "../../lib/limits.ts";
import type { DueEntry, Marker } from "../../lib/store.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";

const MOST_MS = 50_000;

interface Stage {
  readonly clock: ManualClock;
  /** What the engine and storage look like. */
  readonly world: { ready: boolean; busy: boolean; due_at: number | null; marker_at: number | null };
  /** How long it stayed, in milliseconds, once it has left. */
  stay(): Promise<{ left_after(): number | null }>;
  sweeps(): number;
}

function makeStage(): Stage {
  const clock = createManualClock();
  const world: Stage["world"] = { ready: true, busy: false, due_at: null, marker_at: null };
  let sweeps = 0;
  const marker = (at: number): Marker => ({
    slot: Math.floor(at / LEASE.slot_ms),
    webhook_id: "wh_1",
    versionstamp: "0".repeat(20),
  });
  const entry = (at: number): DueEntry => ({
    at,
    event_id: "evt_1",
    webhook_id: "wh_1",
    site_id: "example.com",
    owner: null,
    unwritten: null,
  });
  return {
    clock,
    world,
    sweeps: () => sweeps,
    async stay() {
      const started = clock.elapsed();
      let left_after: number | null = null;
      void stayWhileDue({
        clock,
        engine: {
          sweep: () => Promise.resolve(void sweeps++),
          get ready() {
            return world.ready;
          },
          get busy() {
            return world.busy;
          },
        },
        store: {
          markers: (until) =>
            Promise.resolve(
              world.marker_at !== null && world.marker_at <= until ? [marker(world.marker_at)] : [],
            ),
          look: (_webhook, until) => {
            const { due_at } = world;
            const due = due_at !== null && due_at <= until ? [entry(due_at)] : [];
            return Promise.resolve({ due, next: null });
          },
          groupLeases: () => Promise.resolve([]),
        },
      }, MOST_MS).then(() => left_after = clock.elapsed() - started);
      await clock.advance(0);
      return { left_after: () => left_after };
    },
  };
}

Deno.test("stayWhileDue() leaves at once when nothing is due, also past a marker whose work is done", async () => {
  const stage = makeStage();
  assertEquals((await stage.stay()).left_after(), 0);
  stage.world.marker_at = stage.clock.now();
  assertEquals((await stage.stay()).left_after(), 0);
  assertEquals(stage.sweeps(), 2);
});

Deno.test("stayWhileDue() stays until what comes due in its time is done, and sweeps meanwhile", async () => {
  const stage = makeStage();
  stage.world.marker_at = stage.world.due_at = stage.clock.now() + 20_000;
  const { left_after } = await stage.stay();
  await stage.clock.advance(21_000);
  assertEquals(left_after(), null);
  stage.world.due_at = null;
  await stage.clock.advance(500);
  assertEquals(left_after(), 21_500);
  assertEquals(stage.sweeps(), 44);
});

Deno.test("stayWhileDue() does not wait for what comes due after its time, or for a lane on hold until then", async () => {
  const stage = makeStage();
  stage.world.marker_at = stage.world.due_at = stage.clock.now() + MOST_MS + 1;
  assertEquals((await stage.stay()).left_after(), 0);
  stage.world.due_at = stage.clock.now();
  assertEquals((await stage.stay()).left_after(), 0);
});

Deno.test("stayWhileDue() stays while something is under way, but not beyond its time", async () => {
  const stage = makeStage();
  stage.world.busy = true;
  const { left_after } = await stage.stay();
  await stage.clock.advance(MOST_MS - 1);
  assertEquals(left_after(), null);
  await stage.clock.advance(1);
  assertEquals(left_after(), MOST_MS);
});

Deno.test("stayWhileDue() leaves when the engine does not work: it stops, or storage is away", async () => {
  const stage = makeStage();
  stage.world.busy = true;
  const { left_after } = await stage.stay();
  stage.world.ready = false;
  await stage.clock.advance(500);
  assertEquals(left_after(), 500);
});
