/**
 * The client of the Stats API, over HTTP against a fake with Plausible's answers, errors and traps.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { createStatsClient, type SiteStats, type StatsErrorKind } from "../../lib/plausible/client.ts";
import { SiteNames } from "../../lib/site_names.ts";
import { type FakePlausible, type Fault, startFakePlausible } from "../helpers/fake_plausible.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";

const SITE = "example.com";
const KEY = "stats-key-of-the-test";
const START = Date.UTC(2026, 0, 10);

interface Stage extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly plausible: FakePlausible;
  readonly api: SiteStats;
  readonly client: ReturnType<typeof createStatsClient>;
  readonly end: AbortController;
}

function stage(): Stage {
  const clock = createManualClock(START);
  const plausible = startFakePlausible({ clock });
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  const client = createStatsClient({ base_url: plausible.origin, clock, names: new SiteNames() });
  const end = new AbortController();
  return {
    clock,
    plausible,
    client,
    end,
    api: client.site(SITE, KEY, end.signal),
    [Symbol.asyncDispose]: () => plausible[Symbol.asyncDispose](),
  };
}

Deno.test("the client asks for what it is meant to, with the key, and understands the answers", async () => {
  await using given = stage();
  const { clock, plausible, api } = given;
  plausible.goals.set(SITE, [
    { name: "Signup", event: "Signup" },
    { name: "Visit /blog/*", page: "/blog/*" },
    { name: "Visit /**", page: "/**" },
    { name: "Read to the end", page: "/blog/*", scroll: 90 },
    { name: "Never", event: "Never" },
  ]);
  const at = START;
  plausible.visit({ site_id: SITE, at, visitor: "a", path: "/blog/one", source: "Hacker News" });
  plausible.visit({ site_id: SITE, at, visitor: "a", path: "/blog/one", name: "engagement", scrolled: 95 });
  plausible.visit({ site_id: SITE, at, visitor: "b", name: "Signup" });
  plausible.visit({ site_id: SITE, at, visitor: "b", name: "Signup" });
  await clock.advance(10_000);
  const range = { start: at, end: at };

  assertEquals(await api.currentVisitors(), { ok: true, value: 2 });
  assertEquals(await api.visitors(range), { ok: true, value: 2 });
  assertEquals(await api.visitors({ start: at + 1000, end: at + 2000 }), { ok: true, value: 0 });
  const goals = await api.goals(range);
  assert(goals.ok);
  assertEquals(goals.value.toSorted((one, other) => one.name < other.name ? -1 : 1), [
    { name: "Read to the end", visitors: 1, events: null },
    { name: "Signup", visitors: 1, events: 2 },
    { name: "Visit /**", visitors: 1, events: 1 },
    { name: "Visit /blog/*", visitors: 1, events: 1 },
  ]);
  assertEquals(await api.customEvents(range), {
    ok: true,
    value: [{ name: "Signup", visitors: 1, events: 2 }],
  });
  assertEquals(await api.topSources(range), {
    ok: true,
    value: [{ name: "Hacker News", visitors: 1, events: null }],
  });
  assertEquals(await api.topPages(range), {
    ok: true,
    value: [{ name: "/blog/one", visitors: 1, events: null }],
  });

  assertEquals(
    new Set(plausible.requests.map(({ authorization }) => authorization)),
    new Set([`Bearer ${KEY}`]),
  );
  assertEquals(plausible.requests[1]?.query, {
    site_id: SITE,
    metrics: ["visitors"],
    date_range: ["2026-01-10T00:00:00Z", "2026-01-10T00:00:00Z"],
  });
});

Deno.test("each way of going wrong is a value of its kind, and none shows the key or what was answered", async () => {
  const table: [Fault, StatsErrorKind][] = [
    ["missing_key", "unauthorized"],
    ["invalid_key", "unauthorized"],
    ["locked", "locked"],
    ["rate_per_hour", "rate_limited"],
    ["rate_per_10_s", "rate_limited"],
    ["bad_query", "bad_query"],
    ["html_502", "unavailable"],
    ["garbage", "malformed"],
    ["wrong_shape", "malformed"],
    ["huge", "malformed"],
    ["huge_stream", "malformed"],
    ["redirect", "malformed"],
  ];
  for (const [fault, kind] of table) {
    await using given = stage();
    const { plausible, api } = given;
    plausible.fail(fault);
    for (const ask of [api.currentVisitors, () => api.goals({ start: START, end: START })]) {
      const answer = await ask();
      assertFalse(answer.ok);
      assertEquals(answer.error.kind, kind, String(fault));
      for (const secret of [KEY, "limit is", "html", "Invalid", "127.0.0.1"]) {
        assertFalse(JSON.stringify(answer).includes(secret), `${fault}: ${secret}`);
      }
    }
    // A redirect is not followed.
    assertEquals(plausible.requests.length, 2);
  }
});

Deno.test("one deadline covers the answer and its body", async () => {
  for (const fault of ["hang", "hang_in_body"] as const) {
    await using given = stage();
    const { clock, plausible, api } = given;
    plausible.fail(fault);
    const asking = api.currentVisitors();
    await plausible.asked(1);
    await clock.advance(10_000);
    const answer = await asking;
    assertFalse(answer.ok);
    assertEquals(answer.error, { kind: "unavailable", detail: "did not answer within 10 seconds" });
  }
});

Deno.test("what is under way ends when its round is ended", async () => {
  await using given = stage();
  const { plausible, api, end, clock } = given;
  plausible.fail("hang");
  const asking = api.currentVisitors();
  await plausible.asked(1);
  end.abort();
  const answer = await asking;
  assertFalse(answer.ok);
  assertEquals([answer.error.kind, clock.pending], ["unavailable", 0]);
});

Deno.test("a Plausible that can't be reached is unavailable", async () => {
  const clock = createManualClock(START);
  const gone = startFakePlausible({ clock });
  await gone[Symbol.asyncDispose]();
  const client = createStatsClient({ base_url: gone.origin, clock, names: new SiteNames() });
  const answer = await client.site(SITE, KEY, new AbortController().signal).currentVisitors();
  assertEquals(answer, { ok: false, error: { kind: "unavailable", detail: "could not be reached" } });
});

Deno.test("health names the parts that are not well", async () => {
  await using given = stage();
  const { client, plausible, end } = given;
  assertEquals(await client.health(end.signal), { ok: true, value: { failing: [] } });
  plausible.health = {
    postgres: "ok",
    clickhouse: "error: nxdomain",
    sites_cache: null,
    sessions: "waiting",
  };
  assertEquals(await client.health(end.signal), {
    ok: true,
    value: { failing: ["clickhouse", "sites_cache", "sessions"] },
  });
  plausible.fail("html_502");
  const answer = await client.health(end.signal);
  assertFalse(answer.ok);
  assertEquals(answer.error.kind, "unavailable");
  // Nothing that stands for a secret goes along.
  assertEquals(new Set(plausible.requests.map(({ authorization }) => authorization)), new Set([null]));
});
