/**
 * The watcher: sites are due in turn, processes share them, nobody waits for one that hangs, and the budget holds.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { counted } from "./round_stage.ts";
import { setWatcherStage } from "./watcher_stage.ts";

const SITE = "example.com";

Deno.test("a watched site is asked at once and then once an interval, with its own key if it has one", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible } = stage;
  await stage.watch(SITE, { errors: false, goals: false, custom_events: false });
  await stage.watch("own.example", { api_key: "own-key", interval_s: 30 });
  const watcher = await stage.watcher();
  for (let second = 0; second < 121; second++) {
    await watcher.sweep();
    await clock.advance(1000);
  }
  assertEquals(stage.readings.filter((site) => site === SITE).length, 3);
  assertEquals(stage.readings.filter((site) => site === "own.example").length, 5);
  const keys = new Map(plausible.requests.map(({ site_id, authorization }) => [site_id, authorization]));
  assertEquals([keys.get(SITE), keys.get("own.example")], ["Bearer the-key", "Bearer own-key"]);
});

Deno.test("the timer of a started watcher makes the rounds, and a stopped one makes none", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible } = stage;
  await stage.watch(SITE, { interval_s: 1, errors: false, goals: false, custom_events: false });
  const watcher = await stage.watcher();
  watcher.start();
  // Two requests a round.
  for (const requests of [2, 4, 6]) {
    while (plausible.requests.length < requests) await clock.advance(250);
  }
  await watcher.stop();
  const asked = plausible.requests.length;
  assertEquals(clock.pending, 0);
  await watcher.sweep();
  assertEquals(plausible.requests.length, asked);
});

Deno.test("a site that hangs holds up no other, and is told as failing", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible } = stage;
  const others = ["a.example", "b.example", "c.example"];
  for (const site of ["hangs.example", ...others]) {
    await stage.watch(site, { errors: false, goals: false, custom_events: false });
  }
  plausible.fail("hang", { when: ({ site_id }) => site_id === "hangs.example" });
  const watcher = await stage.watcher();
  const sweeping = watcher.sweep();
  await plausible.asked(7);
  // The clock stands still: none of the others waited for the deadline of the one.
  while (stage.readings.length < 3) await clock.advance(0);
  assertEquals(stage.readings.toSorted(), others);
  await clock.advance(10_000);
  await sweeping;
  assertEquals(
    (await stage.store.watch("hangs.example"))?.state.value.last_error,
    "The Stats API did not answer within 10 seconds",
  );
  assertEquals((await stage.store.watch("a.example"))?.state.value.last_error, null);
});

Deno.test("a site that is never well is asked less often, and after its recovery as before", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible, store } = stage;
  await stage.watch(SITE, { errors: false });
  const watcher = await stage.watcher();
  plausible.fail("invalid_key");
  const waits: number[] = [];
  for (let round = 0; round < 8; round++) {
    await watcher.sweep();
    const state = (await store.watch(SITE))?.state.value;
    assert(state !== undefined);
    if (round === 7) plausible.heal();
    waits.push((state.next_round_at - clock.now()) / 1000);
    await clock.advance(state.next_round_at - clock.now());
  }
  assertEquals(waits, [60, 60, 60, 120, 240, 300, 300, 300]);
  await watcher.sweep();
  const { next_round_at, last_error } = (await store.watch(SITE))?.state.value ?? {};
  assertEquals([next_round_at, last_error], [clock.now() + 60_000, null]);
});

Deno.test("after a 429 nothing is asked for a minute, then two, then four, whoever asks", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible } = stage;
  await stage.watch(SITE, { errors: false });
  await stage.watch("other.example", { errors: false });
  plausible.fail("rate_per_hour");
  const [one, other] = [await stage.watcher(), await stage.watcher()];
  for (let second = 0; second < 8 * 60; second += 5) {
    await one.sweep();
    await other.sweep();
    await clock.advance(5000);
  }
  const minutes = new Set(
    plausible.requests.map(({ at }) => Math.round((at - (plausible.requests[0]?.at ?? 0)) / 60_000)),
  );
  assertEquals([...minutes], [0, 1, 3, 7]);
  plausible.heal();
  await Promise.all([one.stop(), other.stop()]);
  await clock.advance(10 * 60_000);
  await (await stage.watcher()).sweep();
  assertEquals((await stage.store.watchBudget()).value.held_until, null);
});

Deno.test("several processes share the sites: each round is made once", async () => {
  await using stage = await setWatcherStage();
  const { clock } = stage;
  const sites = Array.from({ length: 12 }, (_, n) => `site-${n}.example`);
  for (const site of sites) await stage.watch(site, { errors: false, goals: false, custom_events: false });
  const watchers = [await stage.watcher(), await stage.watcher(), await stage.watcher()];
  for (let minute = 0; minute < 5; minute++) {
    await Promise.all(watchers.map((watcher) => watcher.sweep()));
    await Promise.all(watchers.map((watcher) => watcher.sweep()));
    await clock.advance(60_000);
  }
  const rounds = Map.groupBy(stage.readings, (site) => site);
  assertEquals([...rounds].map(([, { length }]) => length), sites.map(() => 5));
});

Deno.test("what a process that died had claimed is taken up by another when its lease is over", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible } = stage;
  await stage.watch(SITE, { errors: false, custom_events: false });
  const dead = await stage.watcher({ ports: { takeReading: () => Promise.reject(new Error("killed")) } });
  const alive = await stage.watcher();
  await dead.sweep();
  await dead.stop();
  plausible.visit({ site_id: SITE, at: clock.now() + 1000, visitor: "a", name: "Signup" });
  await alive.sweep();
  assertEquals(stage.readings, []);
  await clock.advance(60_000);
  await alive.sweep();
  assertEquals(stage.readings, [SITE]);
});

Deno.test("at plausible.io the budget holds for any hour and any ten seconds, with many sites, restarts and spikes", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible } = stage;
  // All are new at once, and each would ask five times in five minutes: nine times the budget.
  const sites = Array.from({ length: 60 }, (_, n) => `site-${n}.example`);
  for (const site of sites) await stage.watch(site);
  let watcher = await stage.watcher({ hosted: true, ports: { wouldSpike: () => Promise.resolve(true) } });
  const started = clock.now();
  while (clock.now() < started + 2 * 3_600_000) {
    await watcher.sweep();
    await clock.advance(15_000);
    if (clock.now() % 600_000 < 15_000) {
      await watcher.stop();
      watcher = await stage.watcher({ hosted: true, ports: { wouldSpike: () => Promise.resolve(true) } });
    }
  }
  assertLessOrEqual(plausible.mostWithin(3_600_000), 540);
  assertLessOrEqual(plausible.mostWithin(10_000), 60);
  // And it is used: every site has its turn, in time for the stretched interval.
  assertGreater(plausible.requests.length, 400);
  const turns = Map.groupBy(stage.readings, (site) => site);
  assertEquals(turns.size, sites.length);
  const counts = [...turns.values()].map(({ length }) => length);
  assertLessOrEqual(Math.max(...counts) - Math.min(...counts), 1);
});

Deno.test("goals are told once by watchers that are restarted and share a store, over a day", async () => {
  await using stage = await setWatcherStage();
  const { clock, plausible } = stage;
  await stage.watch(SITE, { custom_events: false, errors: false });
  let watchers = [await stage.watcher(), await stage.watcher()];
  let signups = 0;
  for (let round = 0; round < 120; round++) {
    await Promise.all(watchers.map((watcher) => watcher.sweep()));
    if (round < 118) {
      plausible.visit({ site_id: SITE, at: clock.now() + 7000, visitor: `v${round}`, name: "Signup" });
      signups++;
    }
    await clock.advance(60_000);
    if (round % 50 === 49) {
      await Promise.all(watchers.map((watcher) => watcher.stop()));
      watchers = [await stage.watcher(), await stage.watcher()];
    }
  }
  assertEquals(counted(stage.payloads), new Map([["goal_completion Signup", signups]]));
});

Deno.test("a removed watch ends, whatever its round was doing", async () => {
  await using stage = await setWatcherStage();
  const { clock, store, plausible } = stage;
  await stage.watch(SITE, { errors: false });
  plausible.fail("hang", { times: 1 });
  const watcher = await stage.watcher();
  const sweeping = watcher.sweep();
  await plausible.asked(1);
  await store.removeWatch(SITE, {
    actor: "cli",
    action: "watch.removed",
    site_id: SITE,
    subject: SITE,
    changes: [],
  });
  await clock.advance(10_000);
  await sweeping;
  assertEquals([await store.watch(SITE), await store.watches()], [null, []]);
  const asked = plausible.requests.length;
  await clock.advance(120_000);
  await watcher.sweep();
  assertEquals(plausible.requests.length, asked);
});

Deno.test("a stopped watcher hands back what it had begun", async () => {
  await using stage = await setWatcherStage();
  const { plausible, store } = stage;
  await stage.watch(SITE, { errors: false });
  plausible.fail("hang", { times: 1 });
  const watcher = await stage.watcher();
  const sweeping = watcher.sweep();
  await plausible.asked(1);
  await watcher.stop();
  await sweeping;
  const state = (await store.watch(SITE))?.state.value;
  assertEquals([state?.lease, state?.last_error, state?.troubles.stats_api.failures], [null, null, 0]);
  await (await stage.watcher()).sweep();
  assertEquals(stage.readings, [SITE]);
});
