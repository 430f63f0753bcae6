/**
 * What is told of this moment: bounded reads, and no failure of one part that hides the others.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type GaugePorts, gaugesNow, overdueMs } from "../../lib/gauges.ts";
import { METRICS } from "../../lib/limits.ts";
import { PendingCount } from "../../lib/pending_count.ts";
import type { DueCount, DueEntry, Marker } from "../../lib/store.ts";
import { createManualClock } from "../helpers/manual_clock.ts";

const NOW = 1_000_000;
const CENSUS = {
  lanes: { idle: 1, busy: 0, held: 0, open: 0, probing: 0 },
  waiting: 0,
  waiting_bytes: 0,
  in_flight: 0,
  unrecorded: 0,
};

/** Markers of webhooks in this order, behind which something is due at these times, or (null) nothing any more. */
function agenda(due_at: readonly (number | null)[]): GaugePorts["store"] & { looks: number } {
  const store = {
    looks: 0,
    markers: (_until: number, most: number): Promise<Marker[]> =>
      Promise.resolve(
        due_at.map((_, n) => ({ slot: n, webhook_id: String(n), versionstamp: "" })).slice(0, most),
      ),
    look: (webhook_id: string, until: number) => {
      store.looks++;
      const at = due_at[Number(webhook_id)];
      const entry: DueEntry[] = at === null || at === undefined || at > until
        ? []
        : [{ webhook_id, at, event_id: "", site_id: "", owner: null, unwritten: null }];
      return Promise.resolve({ due: entry, next: null });
    },
  };
  return store;
}

function ports(given: Partial<GaugePorts> = {}): GaugePorts {
  return {
    store: agenda([NOW - 5000]),
    engine: { census: () => CENSUS },
    pending: { read: () => Promise.resolve({ due: 1, later: 2 }) },
    problems: () => Promise.resolve([]),
    clock: createManualClock(NOW),
    ...given,
  };
}

Deno.test("overdueMs() is the age of what is due the longest, wherever its marker is among those looked behind", async () => {
  assertEquals(await overdueMs(agenda([]), NOW), 0);
  assertEquals(await overdueMs(agenda([null, NOW + 1]), NOW), 0);
  assertEquals(await overdueMs(agenda([null, NOW - 10, NOW - 70, NOW - 20]), NOW), 70);
});

Deno.test("overdueMs() looks behind no more markers than it may, however many there are", async () => {
  const store = agenda(Array.from({ length: 5000 }, () => NOW - 1));
  assertEquals(await overdueMs(store, NOW), 1);
  assertEquals(store.looks, METRICS.markers_looked_behind);
});

Deno.test("gaugesNow() tells readiness, census, what waits and what is overdue", async () => {
  const gauges = await gaugesNow(ports());
  assertEquals(gauges, { ...CENSUS, ready: true, pending: { due: 1, later: 2 }, overdue_ms: 5000 });
  const problems = (): Promise<string[]> => Promise.resolve(["Storage can't be read"]);
  assertEquals((await gaugesNow(ports({ problems }))).ready, false);
});

Deno.test("gaugesNow() does not know what can't be read or does not answer, and tells the rest in time", async () => {
  const clock = createManualClock(NOW);
  const store = { ...agenda([]), markers: () => Promise.reject(new Error("broken")) };
  const reading = gaugesNow(ports({ clock, store, problems: () => new Promise(() => {}) }));
  await clock.advance(METRICS.read_ms_max);
  const { ready, pending, overdue_ms, lanes } = await reading;
  assertEquals([ready, pending, overdue_ms, lanes], [false, { due: 1, later: 2 }, null, CENSUS.lanes]);
  assertEquals(clock.pending, 0);
});

/** Storage whose counts take as long as a test lets them. */
function counting() {
  const begun: { resolve: (count: DueCount) => void; reject: (error: Error) => void }[] = [];
  const countDue = (): Promise<DueCount> => {
    const { promise, resolve, reject } = Promise.withResolvers<DueCount>();
    begun.push({ resolve, reject });
    return promise;
  };
  return { store: { countDue }, begun };
}

Deno.test("PendingCount tells a short count at once, and of a long one the one before", async () => {
  const clock = createManualClock(NOW);
  const { store, begun } = counting();
  const pending = new PendingCount({ store, clock });
  const first = pending.read();
  begun[0]?.resolve({ due: 1, later: 0 });
  assertEquals(await first, { due: 1, later: 0 });
  await clock.advance(METRICS.count_ms_min);
  const second = pending.read();
  await clock.advance(METRICS.count_waited_ms_max);
  assertEquals(await second, { due: 1, later: 0 });
  const third = pending.read();
  assertEquals(begun.length, 2, "the count under way is not begun again");
  begun[1]?.resolve({ due: 2, later: 0 });
  assertEquals(await third, { due: 2, later: 0 });
  assertEquals(clock.pending, 0);
});

Deno.test("PendingCount counts for no more than a hundredth of the time", async () => {
  const clock = createManualClock(NOW);
  const { store, begun } = counting();
  const pending = new PendingCount({ store, clock });
  const first = pending.read();
  await clock.advance(METRICS.count_waited_ms_max);
  await first;
  await clock.advance(4000 - METRICS.count_waited_ms_max);
  begun[0]?.resolve({ due: 100_000, later: 0 });
  await clock.advance(0);
  await clock.advance(4000 * METRICS.count_rest - 1);
  await pending.read();
  assertEquals(begun.length, 1);
  await clock.advance(1);
  void pending.read();
  assertEquals(begun.length, 2);
});

Deno.test("PendingCount forgets what it knew when storage can't be read, and counts again later", async () => {
  const clock = createManualClock(NOW);
  const { store, begun } = counting();
  const pending = new PendingCount({ store, clock });
  const first = pending.read();
  begun[0]?.resolve({ due: 1, later: 0 });
  assert(await first !== null);
  await clock.advance(METRICS.count_ms_min);
  const second = pending.read();
  begun[1]?.reject(new Error("broken"));
  assertEquals(await second, null);
  await clock.advance(METRICS.count_ms_min);
  const third = pending.read();
  begun[2]?.resolve({ due: 3, later: 0 });
  assertEquals(await third, { due: 3, later: 0 });
});
