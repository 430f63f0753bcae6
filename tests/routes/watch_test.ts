/**
 * Watching a site in Plausible, from the route to the receiver.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import type { Clock } from "../../lib/ports.ts";
import { type Api, type ProblemJson, SITE, sitePath, until } from "../helpers/api.ts";
import { type FakePlausible, startFakePlausible } from "../helpers/fake_plausible.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const PATH = sitePath("/watch");
const KEY = "stats-key-of-the-site";

interface WatchJson {
  readonly has_api_key: boolean;
  readonly interval_s: number;
  readonly last_round_at: string | null;
  readonly last_error: string | null;
  readonly next_round_at: string;
}

interface Stage extends AsyncDisposable {
  readonly service: TestService;
  readonly plausible: FakePlausible;
  /** Has time pass for both, at once. */
  pass(ms: number): void;
  now(): number;
}

/** A service that watches a fake Plausible, whose time and its own can be moved ahead together. */
async function setStage(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
  let ahead_ms = 0;
  const moved = (real: Clock): Clock => ({
    now: () => real.now() + ahead_ms,
    elapsed: () => real.elapsed(),
    after: (delay_ms, run) => real.after(delay_ms, run),
  });
  const now = (): number => Date.now() + ahead_ms;
  const after = (delay_ms: number, run: () => void) => {
    const timer = setTimeout(run, delay_ms);
    return () => clearTimeout(timer);
  };
  const plausible = startFakePlausible({ clock: { now, after } });
  plausible.goals.set(SITE, [{ name: "Signup", event: "Signup" }]);
  const service = await startTestService({
    env: {
      TIDINGS_PLAUSIBLE_URL: plausible.origin,
      TIDINGS_PLAUSIBLE_KEY: "stats-key-of-all",
      TIDINGS_PLAUSIBLE_INTERVAL_S: "1",
      ...env,
    },
    clock: moved,
  });
  return {
    service,
    plausible,
    now,
    pass: (ms) => void (ahead_ms += ms),
    async [Symbol.asyncDispose]() {
      await service.stop();
      await plausible[Symbol.asyncDispose]();
    },
  };
}

async function watchOf(service: Api): Promise<WatchJson> {
  return (await service.call<WatchJson>("GET", PATH)).json;
}

/** Resolves when a round is over that began after now: the second to end from now on. */
async function roundOver(service: Api): Promise<void> {
  for (let ended = 0; ended < 2; ended++) {
    const before = (await watchOf(service)).last_round_at;
    await until(async () => (await watchOf(service)).last_round_at !== before, "a round is over");
  }
}

Deno.test("a watch is set, shown without its key, changed and removed, and the audit tells", async () => {
  await using stage = await setStage();
  const { service } = stage;
  assertEquals((await service.call("GET", PATH)).status, 404);
  const set = await service.call<WatchJson>("PUT", PATH, {
    visitors: true,
    goals: true,
    custom_events: true,
    errors: false,
    api_key: KEY,
  });
  assertEquals(set.status, 200);
  assertEquals(Object.keys(set.json).toSorted(), [
    "custom_events",
    "errors",
    "goals",
    "has_api_key",
    "interval_s",
    "last_error",
    "last_round_at",
    "next_round_at",
    "site_id",
    "visitors",
  ]);
  assertEquals([set.json.has_api_key, set.json.interval_s, set.json.last_round_at], [true, 1, null]);
  await roundOver(service);
  assertEquals(stage.plausible.requests[0]?.authorization, `Bearer ${KEY}`);

  // What is left out has its default, but the key stays; null removes it.
  const changed = await service.call<WatchJson>("PUT", PATH, { interval_s: 30 });
  assertEquals([changed.json.has_api_key, changed.json.interval_s], [true, 30]);
  assertEquals((await service.call<WatchJson>("PUT", PATH, { api_key: null })).json.has_api_key, false);

  assertEquals((await service.call("DELETE", PATH)).status, 204);
  assertEquals((await service.call("DELETE", PATH)).status, 404);
  assertEquals((await service.call("GET", PATH)).status, 404);
  const audit = await service.call<{ data: { action: string; subject: string; changes: string[] }[] }>(
    "GET",
    "/v1/audit",
  );
  const told = audit.json.data.filter(({ action }) => action.startsWith("watch.")).reverse();
  assertEquals(told.map(({ action, subject }) => [action, subject]), [
    ["watch.set", SITE],
    ["watch.set", SITE],
    ["watch.set", SITE],
    ["watch.removed", SITE],
  ]);
  assertEquals(told[2]?.changes, ["interval_s", "api_key"]);
  for (const text of [set.text, changed.text, audit.text, ...service.logs]) {
    assertFalse(text.includes(KEY) || text.includes("stats-key-of-all"));
  }
});

Deno.test("a watch is refused with what is wrong, and where there is no Plausible to watch", async () => {
  await using stage = await setStage();
  const refused: [body: unknown, path: string][] = [
    [{ visitors: "yes" }, "/visitors"],
    [{ interval_s: 0 }, "/interval_s"],
    [{ interval_s: 86_401 }, "/interval_s"],
    [{ api_key: "" }, "/api_key"],
    [{ api_key: "two words" }, "/api_key"],
    [{ color: "red" }, "/color"],
  ];
  for (const [body, path] of refused) {
    const { status, json } = await stage.service.call<ProblemJson>("PUT", PATH, body);
    assertEquals([status, json.code, json.errors?.[0]?.path], [422, "validation_failed", path]);
  }
  await using other = await startTestService();
  const { status, json } = await other.call<ProblemJson>("PUT", PATH, {});
  assertEquals([status, json.code], [422, "validation_failed"]);
  assert(json.errors?.[0]?.message.includes("TIDINGS_PLAUSIBLE_URL"));
});

Deno.test("goals and spikes of a watched site reach its webhooks, with nothing personal", async () => {
  await using stage = await setStage();
  const { service, plausible } = stage;
  await using receiver = startReceiver();
  await service.webhook(receiver.url, {
    events: ["goal_completion", "visitor_spike", "error_condition"],
    filters: { visitor_spike: { threshold: 2 } },
  });
  await service.call("PUT", PATH, { visitors: true, goals: true });
  await roundOver(service);
  assertEquals(receiver.requests.length, 0);

  const at = stage.now();
  plausible.visit({ site_id: SITE, at, visitor: "a", name: "Signup" });
  plausible.visit({
    site_id: SITE,
    at,
    visitor: "a",
    path: "/u/jane@example.com?x=1",
    source: "Hacker News",
  });
  plausible.visit({ site_id: SITE, at, visitor: "b", path: "/pricing", source: "10.0.0.7" });
  stage.pass(60_000);
  await receiver.received(2);
  const bodies = receiver.requests.map(({ text }) => JSON.parse(text));
  const spike = bodies.find(({ event }) => event === "visitor_spike");
  assertEquals(spike.data, {
    current_visitors: 2,
    threshold: 2,
    top_sources: [{ source: "Hacker News", visitors: 1 }, { source: "[removed]", visitors: 1 }],
    top_pages: [{ page: "/u/[removed]", visitors: 1 }, { page: "/pricing", visitors: 1 }],
  });
  const { data } = bodies.find(({ event }) => event === "goal_completion");
  assertEquals([data.goal_name, data.visitor_count, data.event_count], ["Signup", 1, 1]);
  assertEquals(Object.keys(data), [
    "goal_name",
    "visitor_count",
    "event_count",
    "window_start",
    "window_end",
  ]);

  // Neither again, however many rounds there are.
  await roundOver(service);
  await roundOver(service);
  assertEquals(receiver.requests.length, 2);
  for (const secret of ["jane", "10.0.0.7"]) {
    for (const { text } of receiver.requests) assertFalse(text.includes(secret));
    for (const line of service.logs) assertFalse(line.includes(secret));
  }
});

Deno.test("a wrong key is shown in the watch and told after three rounds, and recovers", async () => {
  await using stage = await setStage();
  const { service, plausible } = stage;
  await using receiver = startReceiver();
  await service.webhook(receiver.url, { events: ["error_condition"] });
  plausible.keys.add("the-right-key");
  await service.call("PUT", PATH, { api_key: "a-wrong-key" });
  await receiver.received(1);
  const failing = JSON.parse(receiver.requests[0]?.text ?? "");
  assertEquals([failing.data.error_type, failing.data.details.reason], ["stats_api", "unauthorized"]);
  assert((await watchOf(service)).last_error?.includes("401"));
  await service.call("PUT", PATH, { api_key: "the-right-key" });
  await receiver.received(2);
  const recovered = JSON.parse(receiver.requests[1]?.text ?? "");
  assertEquals(recovered.data.details, { status: "recovered" });
  assertEquals((await watchOf(service)).last_error, null);
});

Deno.test("a site that is deleted is not watched any more", async () => {
  await using stage = await setStage();
  const { service, plausible } = stage;
  await service.call("PUT", PATH, {});
  await roundOver(service);
  assertEquals((await service.call("DELETE", sitePath(""))).status, 204);
  assertEquals((await service.call("GET", PATH)).status, 404);
  await service.call("PUT", sitePath("/watch", "other.example"), {});
  const other = () => plausible.requests.filter(({ site_id }) => site_id === "other.example").length > 2;
  const asked = plausible.requests.filter(({ site_id }) => site_id === SITE).length;
  await until(other, "another site is watched");
  assertEquals(plausible.requests.filter(({ site_id }) => site_id === SITE).length, asked);
});
