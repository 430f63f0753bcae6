/**
 * Rounds of one site over the fake Plausible: what they tell, once and only once, and what they never tell.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertGreater, assertRejects } from "@std/assert";
import fc from "fast-check";
import { parseEvent } from "../../lib/event.ts";
import { windowEvent } from "../../lib/plausible/window.ts";
import { counted, Crash, setRoundStage, SETTINGS, SITE, START } from "./round_stage.ts";

Deno.test("the first round sets the baseline only; what happened before it is never told", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  plausible.visit({ site_id: SITE, at: START - 3_600_000, visitor: "a", name: "Signup" });
  plausible.visit({ site_id: SITE, at: START - 1000, visitor: "b", name: "Signup" });
  await stage.round();
  assertEquals([stage.payloads, stage.readings.length], [[], 1]);
  plausible.visit({ site_id: SITE, at: START, visitor: "c", name: "Signup" });
  await clock.advance(60_000);
  await stage.round();
  assertEquals(stage.payloads, [
    {
      event: "goal_completion",
      site_id: SITE,
      timestamp: "2026-01-10T00:00:30Z",
      data: {
        goal_name: "Signup",
        visitor_count: 1,
        event_count: 1,
        window_start: "2026-01-10T00:00:00Z",
        window_end: "2026-01-10T00:00:30Z",
      },
    },
    {
      event: "custom_event",
      site_id: SITE,
      timestamp: "2026-01-10T00:00:30Z",
      data: {
        event_name: "Signup",
        visitor_count: 1,
        event_count: 1,
        window_start: "2026-01-10T00:00:00Z",
        window_end: "2026-01-10T00:00:30Z",
      },
    },
  ]);
});

Deno.test("a completion in the second at which two windows meet is told once", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  stage.settings = { ...SETTINGS, custom_events: false };
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  await stage.round();
  for (const after of [30_000, 30_500, 30_999, 31_000]) {
    plausible.visit({ site_id: SITE, at: START + after, visitor: `v${after}`, name: "Signup" });
  }
  for (let round = 0; round < 3; round++) {
    await clock.advance(60_000);
    await stage.round();
  }
  assertEquals(
    stage.payloads.map(({ data }) => "event_count" in data ? [data.event_count, data.window_start] : []),
    [[3, "2026-01-10T00:00:00Z"], [1, "2026-01-10T00:00:31Z"]],
  );
});

Deno.test("page views and engagement are no custom events, a scroll goal has no event count, what is zero is not told", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  plausible.goals.set(SITE, [
    { name: "Read to the end", page: "/blog/*", scroll: 90 },
    { name: "Visit /blog/*", page: "/blog/*" },
    { name: "Visit /**", page: "/**" },
    { name: "Never", event: "Never" },
  ]);
  await stage.round();
  plausible.visit({ site_id: SITE, at: START, visitor: "a", path: "/blog/one" });
  plausible.visit({
    site_id: SITE,
    at: START,
    visitor: "a",
    path: "/blog/one",
    name: "engagement",
    scrolled: 95,
  });
  await clock.advance(60_000);
  await stage.round();
  const told = stage.payloads.map(({ data }) => {
    assert("goal_name" in data);
    return [data.goal_name, data.visitor_count, data.event_count];
  });
  // One page view completes two overlapping goals: each is told.
  assertEquals(told.toSorted(), [
    ["Read to the end", 1, undefined],
    ["Visit /**", 1, 1],
    ["Visit /blog/*", 1, 1],
  ]);
});

Deno.test("a goal that is renamed within a window is told under the name it has, and not again", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  stage.settings = { ...SETTINGS, custom_events: false };
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  await stage.round();
  plausible.visit({ site_id: SITE, at: START, visitor: "a", name: "Signup" });
  await clock.advance(60_000);
  await stage.round();
  plausible.goals.set(SITE, [{ name: "Registration", event: "Signup" }]);
  plausible.visit({ site_id: SITE, at: START + 50_000, visitor: "b", name: "Signup" });
  await clock.advance(60_000);
  await stage.round();
  assertEquals(
    counted(stage.payloads),
    new Map([["goal_completion Signup", 1], ["goal_completion Registration", 1]]),
  );
});

Deno.test("what is set again after it was off begins anew", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  await stage.round();
  stage.settings = { ...SETTINGS, custom_events: false };
  plausible.visit({ site_id: SITE, at: START, visitor: "a", name: "Download" });
  await clock.advance(60_000);
  await stage.round();
  stage.settings = SETTINGS;
  await clock.advance(60_000);
  await stage.round();
  await clock.advance(60_000);
  await stage.round();
  assertEquals(stage.payloads, []);
});

Deno.test("after an outage windows of a day at most catch up, and what is older than a week is left out", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  stage.settings = { ...SETTINGS, custom_events: false };
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  await stage.round();
  const hour_ms = 3_600_000;
  for (let hour = 0; hour < 24 * 9; hour++) {
    plausible.visit({ site_id: SITE, at: START + hour * hour_ms, visitor: `v${hour}`, name: "Signup" });
  }
  await clock.advance(9 * 24 * hour_ms);
  const ends = [];
  for (let round = 0; round < 8; round++) {
    ends.push(await stage.round());
    await clock.advance(60_000);
  }
  const counts = stage.payloads.map(({ data }) => "event_count" in data ? data.event_count : 0);
  assertEquals(counts, [24, 24, 24, 24, 24, 24, 24]);
  assertEquals(ends[0], { kind: "done", error: null, left_out_ms: 2 * 24 * hour_ms });
  assertEquals(ends[1], { kind: "done", error: null, left_out_ms: 0 });
});

Deno.test("three failures in a row are told once, and once that it is over", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  plausible.fail("html_502", { when: ({ path }) => path !== "/api/system/health/ready" });
  for (let round = 0; round < 5; round++) {
    await stage.round();
    await clock.advance(60_000);
    assertEquals(stage.payloads.length, round < 2 ? 0 : 1);
  }
  assertEquals(stage.state.last_error, "The Stats API answered 502");
  plausible.heal();
  for (let round = 0; round < 3; round++) {
    await stage.round();
    await clock.advance(60_000);
  }
  assertEquals(stage.payloads.map(({ data }) => data), [
    {
      error_type: "stats_api",
      message: "The Stats API of Plausible failed 3 times in a row. It answered 502.",
      details: { status: "failing", reason: "unavailable", failures: 3 },
    },
    {
      error_type: "stats_api",
      message: "The Stats API of Plausible is well again.",
      details: { status: "recovered" },
    },
  ]);
  assertEquals(stage.state.last_error, null);
});

Deno.test("two failures, a success and two failures are not told", async () => {
  await using stage = setRoundStage();
  for (const fails of [true, true, false, true, true, false]) {
    if (fails) stage.plausible.fail("garbage");
    else stage.plausible.heal();
    await stage.round();
    await stage.clock.advance(60_000);
  }
  assertEquals(stage.payloads, []);
});

Deno.test("a health check that fails is told by itself, also where the booting of Plausible takes long", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  const well = plausible.health;
  plausible.health = { ...well, sessions: "waiting", sites_cache: null };
  for (let round = 0; round < 2; round++) await stage.round();
  plausible.health = well;
  await stage.round();
  assertEquals(stage.payloads, []);
  plausible.health = { ...well, clickhouse: "error: connection refused by 10.0.0.7" };
  for (let round = 0; round < 4; round++) {
    await stage.round();
    await clock.advance(60_000);
  }
  assertEquals(stage.payloads.map(({ data }) => data), [{
    error_type: "plausible_health",
    message: "The health check of Plausible failed 3 times in a row. Not well: clickhouse.",
    details: { status: "failing", reason: "not_ready", failures: 3 },
  }]);
});

Deno.test("a Plausible that can't be reached at all is one trouble", async () => {
  await using stage = setRoundStage();
  stage.plausible.fail("html_502");
  for (let round = 0; round < 6; round++) await stage.round();
  assertEquals(stage.payloads.map(({ data }) => "error_type" in data && data.error_type), ["stats_api"]);
});

Deno.test("failures are not told where that is off, and from then on once it is set", async () => {
  await using stage = setRoundStage();
  stage.settings = { ...SETTINGS, errors: false };
  stage.plausible.fail("locked");
  for (let round = 0; round < 4; round++) await stage.round();
  assertEquals(stage.payloads, []);
  assertFalse(stage.plausible.requests.some(({ path }) => path.includes("health")));
  stage.settings = SETTINGS;
  await stage.round();
  assertEquals(stage.payloads.length, 1);
});

Deno.test("an answer of the wrong kind to one question leaves the others; a step that always fails does not starve the rest", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  await stage.round();
  plausible.fail("garbage", { when: ({ path }) => path.includes("realtime") });
  plausible.visit({ site_id: SITE, at: START, visitor: "a", name: "Signup" });
  await clock.advance(60_000);
  await stage.round();
  assertEquals(stage.payloads.length, 2);
  plausible.heal();
  plausible.fail("html_502", { when: ({ path }) => path.includes("realtime") });
  plausible.visit({ site_id: SITE, at: START + 60_000, visitor: "a", name: "Signup" });
  for (let round = 0; round < 3; round++) {
    await clock.advance(60_000);
    await stage.round();
  }
  assertEquals(counted(stage.payloads).get("goal_completion Signup"), 2);
});

Deno.test("sources and pages are asked for at a spike only, and told without personal data", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  stage.spike_from = 2;
  const at = START;
  plausible.visit({
    site_id: SITE,
    at,
    visitor: "a",
    path: "/u/jane@example.com?q=1",
    source: "joe@example.com",
  });
  await clock.advance(10_000);
  await stage.round();
  assertEquals(stage.readings[0], { at: START + 10_000, current_visitors: 1, visitors_12h: 1 });
  assertFalse(plausible.requests.some(({ query }) => query?.["pagination"] !== undefined));
  plausible.visit({ site_id: SITE, at, visitor: "b", path: "/pricing" });
  plausible.visit({ site_id: SITE, at, visitor: "c", path: "/pricing" });
  await stage.round();
  assertEquals(stage.readings[1], {
    at: START + 10_000,
    current_visitors: 3,
    visitors_12h: 3,
    top_sources: [{ source: "[removed]", visitors: 1 }],
    top_pages: [{ page: "/pricing", visitors: 2 }, { page: "/u/[removed]", visitors: 1 }],
  });
});

Deno.test("a spike is told without its sources where there is no budget for them", async () => {
  await using stage = setRoundStage();
  stage.spike_from = 0;
  await stage.round({ ports: { reserve: () => Promise.resolve(false) } });
  assertEquals(stage.readings.map((reading) => "top_sources" in reading), [false]);
});

Deno.test("names with personal data are told with it removed, each goal by itself", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  plausible.goals.set(SITE, [
    { name: "Visit /u/jane@example.com?email=joe@example.com", page: "/u/jane@example.com" },
    { name: "Visit /from/192.168.1.7", page: "/from/*" },
  ]);
  await stage.round();
  plausible.visit({ site_id: SITE, at: START, visitor: "a", path: "/u/jane@example.com" });
  plausible.visit({ site_id: SITE, at: START, visitor: "a", path: "/from/192.168.1.7" });
  plausible.visit({ site_id: SITE, at: START, visitor: "a", name: "paid with 4111 1111 1111 1111" });
  await clock.advance(60_000);
  await stage.round();
  assertEquals(
    counted(stage.payloads),
    new Map(
      [
        ["goal_completion Visit /u/[removed]", 1],
        ["goal_completion Visit /from/[removed]", 1],
        ["custom_event paid with [removed]", 1],
      ].toSorted().map(([name, count]) => [String(name), Number(count)]),
    ),
  );
  const stored = JSON.stringify(stage.state);
  for (const secret of ["jane", "192.168", "4111"]) assertFalse(stored.includes(secret));
});

Deno.test("whatever Plausible calls a goal or an event, the door takes it", () => {
  const nasty = fc.oneof(
    fc.string({ unit: "binary", maxLength: 600 }),
    fc.array(
      fc.constantFrom(
        "jane@example.com",
        "10.0.0.1",
        "::1",
        "4111111111111111",
        "%40",
        "/",
        "Visit /",
        "＠",
        "?",
        "x",
      ),
      { maxLength: 300 },
    ).map((parts) => parts.join("")),
  );
  const window = { start: START, end: START + 1000, told_to: "" };
  fc.assert(
    fc.property(nasty, fc.constantFrom("goals", "custom_events"), (name, kind) => {
      const event = windowEvent(kind, { name, visitors: 1, events: null }, { site_id: SITE, window });
      parseEvent(event, START + 60_000);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a round that somebody else's change overtakes ends, and writes nothing more", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  await stage.round();
  plausible.visit({ site_id: SITE, at: START, visitor: "a", name: "Signup" });
  await clock.advance(60_000);
  const end = await stage.round({
    ports: {
      takeReading: () => Promise.resolve(stage.disturb((state) => ({ ...state, last_error: "mine" }))),
    },
  });
  assertEquals([end.kind, stage.payloads, stage.state.last_error], ["lost", [], "mine"]);
});

Deno.test("a round that is cut short by the end of the process is handed back, and nobody's failure", async () => {
  await using stage = setRoundStage();
  const stopping = AbortSignal.abort();
  const end = await stage.round({ over: stopping, stopping });
  assertEquals(end, { kind: "done", error: null, left_out_ms: 0 });
  assertEquals([stage.state.troubles.stats_api.failures, stage.state.next_round_at], [0, START]);
});

Deno.test("a window that takes too long to tell is gone on with by the next round", async () => {
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  stage.settings = { ...SETTINGS, goals: false };
  await stage.round();
  for (let n = 0; n < 20; n++) {
    plausible.visit({ site_id: SITE, at: START, visitor: "a", name: `Event ${n}` });
  }
  await clock.advance(60_000);
  const over = new AbortController();
  stage.crash = () => {
    if (stage.accepted.length === 4) over.abort();
    return null;
  };
  await stage.round({ over: over.signal });
  assertEquals(stage.accepted.length, 5);
  await clock.advance(60_000);
  await stage.round();
  assertEquals([...counted(stage.payloads).values()], Array(20).fill(1));
});

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("over a thousand rounds with crashes, errors and two processes, every completion is told once", async () => {
  const seed = 20_260_110;
  const random = seeded(seed);
  await using stage = setRoundStage();
  const { clock, plausible } = stage;
  stage.settings = { ...SETTINGS, errors: false };
  const goals = ["Signup", "Purchase", "Download"];
  plausible.goals.set(SITE, [
    ...goals.map((name) => ({ name, event: name })),
    { name: "Visit /**", page: "/**" },
    { name: "Visit /blog/*", page: "/blog/*" },
  ]);
  const expected = new Map<string, number>();
  const expect = (key: string) => void expected.set(key, (expected.get(key) ?? 0) + 1);
  await stage.round();
  stage.crash = () => random() < 0.05 ? "before" : random() < 0.05 ? "after" : null;
  let crashes = 0;
  for (let round = 0; round < 1000; round++) {
    const last = round >= 990;
    if (last) stage.crash = () => null;
    if (!last) {
      for (let n = Math.floor(random() * 4); n > 0; n--) {
        const at = clock.now() + Math.floor(random() * 20_000);
        const name = goals[Math.floor(random() * goals.length)] ?? "Signup";
        plausible.visit({ site_id: SITE, at, visitor: `v${Math.floor(random() * 5)}`, name });
        expect(`goal_completion ${name}`);
        expect(`custom_event ${name}`);
      }
      if (random() < 0.3) {
        plausible.visit({ site_id: SITE, at: clock.now(), visitor: "p", path: "/blog/one" });
        expect("goal_completion Visit /**");
        expect("goal_completion Visit /blog/*");
      }
      if (random() < 0.1) plausible.fail(random() < 0.5 ? "html_502" : "garbage", { times: 1 });
    }
    await clock.advance(1000 + Math.floor(random() * 90_000));
    // Two processes at once, where a lease was not honoured: the state decides.
    const rounds = random() < 0.2 ? [stage.round(), stage.round()] : [stage.round()];
    for (const result of await Promise.allSettled(rounds)) {
      if (result.status === "fulfilled") continue;
      assert(result.reason instanceof Crash, String(result.reason));
      crashes++;
    }
  }
  assertGreater(crashes, 50);
  const sorted = (sums: Map<string, number>) => [...sums].toSorted(([one], [other]) => one < other ? -1 : 1);
  assertEquals(sorted(counted(stage.payloads)), sorted(expected), `seed ${seed}`);
  // And one event a goal and window.
  const windows = stage.payloads.map(({ event, data }) => {
    assert("window_start" in data);
    const name = "goal_name" in data ? data.goal_name : "event_name" in data ? data.event_name : "";
    return `${event} ${name} ${data.window_start}`;
  });
  assertEquals(new Set(windows).size, windows.length);
});

Deno.test("a crash in a round goes out as it is: nothing is told of it as Plausible's", async () => {
  await using stage = setRoundStage();
  stage.crash = () => "before";
  await assertRejects(() => stage.round(), Crash);
  assertEquals(stage.state.troubles.stats_api.failures, 0);
});
