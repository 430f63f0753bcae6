/**
 * What a reading of visitors tells which webhook: thresholds, readings in a row, baseline, cooldown, to the second.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type AlertKind, ALERTS_AT_FIRST, type AlertState } from "../../lib/alert.ts";
import { baselineAt, withReading } from "../../lib/baseline.ts";
import type { Matchable } from "../../lib/decide.ts";
import { AppError } from "../../lib/errors.ts";
import { TIME } from "../../lib/limits.ts";
import type { JsonObject } from "../../lib/merge_patch.ts";
import { decideReading, parseReading, type Reading } from "../../lib/reading.ts";
import { parseSettings } from "../../lib/webhook_settings.ts";

const { SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS } = TIME;
const SITE = "example.com";
const NOON = Date.UTC(2026, 1, 25, 12);

function webhookOf(id: string, filters: JsonObject = {}, fields: Partial<Matchable> = {}): Matchable {
  const settings = parseSettings(
    { url: "https://example.com/in", events: ["visitor_spike", "visitor_drop"], filters },
    { timeout_ms: 10_000 },
  );
  return { ...settings, id, pause_reason: null, ...fields };
}

function readingAt(at: number, current_visitors: number, visitors_12h: number | null = null): Reading {
  return { current_visitors, visitors_12h, at, timestamp: new Date(at).toISOString(), tops: {} };
}

/** Takes readings one after the other; gives for each what was decided for the first webhook about a kind. */
function play(
  webhooks: readonly Matchable[],
  readings: readonly Reading[],
  kind: AlertKind = "visitor_spike",
  from: AlertState = ALERTS_AT_FIRST,
): (string | null)[] {
  let state = from;
  return readings.map((reading) => {
    const decided = decideReading(SITE, reading, webhooks, state);
    if (decided === null) return "older";
    state = decided.after;
    const alert = decided.alerts.find(({ payload }) => payload.event === kind);
    const [decision] = alert?.decisions ?? [];
    return decision === undefined ? "undecided" : decision.reason;
  });
}

Deno.test("a spike is told at the threshold and above, a drop below it", () => {
  const webhook = webhookOf("wh_1", {
    visitor_spike: { threshold: 100, cooldown_hours: 0 },
    visitor_drop: { threshold: 10, cooldown_hours: 0 },
  });
  const visitors = [99, 100, 101];
  const spikes = play([webhook], visitors.map((count, n) => readingAt(NOON + n, count)));
  assertEquals(spikes, ["below_threshold", null, null]);
  const drops = [9, 10, 11].map((count, n) => readingAt(NOON + n, 0, count));
  assertEquals(play([webhook], drops, "visitor_drop"), [null, "below_threshold", "below_threshold"]);
  assertEquals(play([webhook], [readingAt(NOON, 0)], "visitor_drop"), ["undecided"]);
});

Deno.test("after it was told a webhook is silent for twelve hours, to the second, by the time of the readings", () => {
  const webhook = webhookOf("wh_1");
  const times = [0, 1, 12 * HOUR_MS - SECOND_MS, 12 * HOUR_MS, 12 * HOUR_MS + 1, 24 * HOUR_MS];
  const told = play([webhook], times.map((after) => readingAt(NOON + after, 50)));
  assertEquals(told, [null, "cooldown", "cooldown", null, "cooldown", null]);
});

Deno.test("a cooldown may be a fraction of an hour, or none", () => {
  const half = webhookOf("wh_1", { visitor_spike: { cooldown_hours: 0.5 } });
  const times = [0, 30 * MINUTE_MS - 1, 30 * MINUTE_MS];
  assertEquals(play([half], times.map((after) => readingAt(NOON + after, 50))), [null, "cooldown", null]);
  const none = webhookOf("wh_1", { visitor_spike: { cooldown_hours: 0 } });
  assertEquals(play([none], [0, 1].map((after) => readingAt(NOON + after, 50))), [null, null]);
});

Deno.test("so many readings in a row must be beyond the threshold; one that is not begins anew", () => {
  const webhook = webhookOf("wh_1", { visitor_spike: { readings: 3, cooldown_hours: 0 } });
  const counts = [50, 50, 5, 50, 50, 50, 50];
  const told = play([webhook], counts.map((count, n) => readingAt(NOON + n * MINUTE_MS, count)));
  assertEquals(told, ["readings", "readings", "below_threshold", "readings", "readings", null, null]);
});

Deno.test("readings in a row are counted while a webhook is silent or off, and a repeated one counts once", () => {
  const webhook = webhookOf("wh_1", { visitor_spike: { readings: 2, cooldown_hours: 1 } });
  const twice = [readingAt(NOON, 50), readingAt(NOON, 50), readingAt(NOON + 1, 50), readingAt(NOON + 2, 50)];
  assertEquals(play([webhook], twice), ["readings", "readings", null, "cooldown"]);
  const off = webhookOf("wh_1", { visitor_spike: { readings: 2 } }, { enabled: false });
  const before = decideReading(SITE, readingAt(NOON, 50), [off], ALERTS_AT_FIRST);
  assert(before !== null);
  const on = { ...off, enabled: true };
  assertEquals(play([on], [readingAt(NOON + 1, 50)], "visitor_spike", before.after), [null]);
});

Deno.test("a reading older than the last decides nothing and changes nothing", () => {
  const webhook = webhookOf("wh_1", { visitor_spike: { cooldown_hours: 0 } });
  const told = play([webhook], [NOON, NOON - 1, NOON].map((at) => readingAt(at, 50)));
  assertEquals(told, [null, "older", null]);
});

Deno.test("a webhook that is off is not told, and its silence does not begin", () => {
  for (const fields of [{ enabled: false }, { enabled: false, pause_reason: "gone" as const }]) {
    const off = webhookOf("wh_1", {}, fields);
    const decided = decideReading(SITE, readingAt(NOON, 50), [off], ALERTS_AT_FIRST);
    assertEquals(decided?.alerts[0]?.decisions[0]?.reason, "pause_reason" in fields ? "paused" : "disabled");
    const on = { ...off, enabled: true, pause_reason: null };
    assertEquals(play([on], [readingAt(NOON + 1, 50)], "visitor_spike", decided?.after), [null]);
  }
});

Deno.test("the baseline is the mean of the same hour of the seven days before, of three of them at least", () => {
  const percent = webhookOf("wh_1", {
    visitor_spike: { threshold: 1, percent_over_baseline: 50, cooldown_hours: 0 },
  });
  const days = (count: number): Reading[] =>
    Array.from({ length: count }, (_, n) => readingAt(NOON - (count - n) * DAY_MS, 100));
  assertEquals(play([percent], [...days(2), readingAt(NOON, 1000)]).at(-1), "no_baseline");
  assertEquals(play([percent], [...days(3), readingAt(NOON, 149)]).at(-1), "below_threshold");
  assertEquals(play([percent], [...days(3), readingAt(NOON, 150)]).at(-1), null);
  // Eleven o'clock of the same days is no history of noon.
  const eleven = days(7).map((reading) => ({ ...reading, at: reading.at - HOUR_MS }));
  assertEquals(play([percent], [...eleven, readingAt(NOON, 1000)]).at(-1), "no_baseline");
  // Neither is what is older than seven days.
  const old = days(3).map((reading) => ({ ...reading, at: reading.at - 7 * DAY_MS }));
  assertEquals(play([percent], [...old, readingAt(NOON, 1000)]).at(-1), "no_baseline");
});

Deno.test("many readings of an hour count as one hour", () => {
  let hours = withReading([], NOON - 3 * DAY_MS, 10);
  hours = withReading(hours, NOON - 2 * DAY_MS, 20);
  for (let n = 0; n < 60; n++) hours = withReading(hours, NOON - DAY_MS + n * MINUTE_MS, n < 30 ? 20 : 40);
  assertEquals(baselineAt(hours, NOON), 20);
});

Deno.test("however long readings come, little is remembered", () => {
  let hours = withReading([], NOON, 1);
  for (let n = 0; n < 24 * 30; n++) hours = withReading(hours, NOON + n * HOUR_MS, n);
  assertLessOrEqual(hours.length, 7 * 24 + 1);
  const webhooks = [webhookOf("wh_1"), webhookOf("wh_2")];
  const both = decideReading(SITE, readingAt(NOON, 50), webhooks, ALERTS_AT_FIRST);
  const one = decideReading(SITE, readingAt(NOON + 1, 50), webhooks.slice(1), both?.after ?? ALERTS_AT_FIRST);
  assertEquals(Object.keys(one?.after.webhooks ?? {}), ["wh_2"], "a deleted webhook is forgotten");
});

Deno.test("the event states the threshold if all who are told have the same, and the baseline if there is one", () => {
  const same = [webhookOf("wh_1"), webhookOf("wh_2")];
  const data = (webhooks: Matchable[], state = ALERTS_AT_FIRST): unknown =>
    decideReading(SITE, readingAt(NOON, 50, 0), webhooks, state)?.alerts.map(({ payload }) => payload.data);
  assertEquals(data(same), [
    { current_visitors: 50, threshold: 10 },
    { current_visitors: 0, threshold: 1, window_hours: 12 },
  ]);
  const other = webhookOf("wh_3", { visitor_spike: { threshold: 20 } });
  assertEquals(data([...same, other]), [
    { current_visitors: 50 },
    { current_visitors: 0, threshold: 1, window_hours: 12 },
  ]);
  const hours = [1, 2, 3].map((day) => ({ hour: (NOON - day * DAY_MS) / HOUR_MS, sum: 10 * day, count: 3 }));
  assertEquals(data(same, { ...ALERTS_AT_FIRST, hours }), [
    { current_visitors: 50, threshold: 10, baseline: 6.7 },
    { current_visitors: 0, threshold: 1, window_hours: 12 },
  ]);
});

Deno.test("whatever is read, a webhook is never told twice within its cooldown, and is told when nothing stands against it", () => {
  const step = fc.record({
    after_ms: fc.integer({ min: -HOUR_MS, max: 20 * HOUR_MS }),
    visitors: fc.integer({ min: 0, max: 30 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), (readings, steps) => {
      const webhook = webhookOf("wh_1", { visitor_spike: { readings } });
      let state: AlertState = ALERTS_AT_FIRST;
      let [at, last, run, told_at] = [NOON, -Infinity, 0, -Infinity];
      for (const { after_ms, visitors } of steps) {
        at += after_ms;
        const decided = decideReading(SITE, readingAt(at, visitors), [webhook], state);
        assertEquals(decided === null, at < last);
        if (decided === null) continue;
        state = decided.after;
        if (visitors < 10) run = 0;
        else if (at > last || run === 0) run++;
        last = at;
        const told = decided.alerts[0]?.decisions[0]?.reason === null;
        assertEquals(told, visitors >= 10 && run >= readings && at - told_at >= 12 * HOUR_MS);
        if (told) told_at = at;
      }
    }),
  );
});

Deno.test("parseReading() takes the contract's fields, cuts queries off pages, and refuses what is personal", () => {
  const reading = parseReading({
    current_visitors: 12,
    at: "2026-02-25T13:00:00+01:00",
    top_pages: [{ page: "/a?token=1#b", visitors: 3 }],
  }, NOON);
  assertEquals([reading.at, reading.timestamp], [NOON, "2026-02-25T13:00:00+01:00"]);
  assertEquals(reading.tops, { top_pages: [{ page: "/a", visitors: 3 }] });
  assertEquals(parseReading({ current_visitors: 0 }, NOON).at, NOON);
  const refused: [input: unknown, code: string, path: string][] = [
    [{}, "validation_failed", "/current_visitors"],
    [{ current_visitors: -1 }, "validation_failed", "/current_visitors"],
    [{ current_visitors: 1.5 }, "validation_failed", "/current_visitors"],
    [{ current_visitors: 1, visitors: 2 }, "validation_failed", "/visitors"],
    [{ current_visitors: 1, at: "2026-02-25" }, "validation_failed", "/at"],
    [{ current_visitors: 1, at: "2026-02-26T12:00:01Z" }, "validation_failed", "/at"],
    [
      { current_visitors: 1, top_sources: [{ source: "a@b.example", visitors: 1 }] },
      "personal_data",
      "/top_sources/0/source",
    ],
    [[], "validation_failed", ""],
  ];
  for (const [input, code, path] of refused) {
    const error = assertThrows(() => parseReading(input, NOON), AppError);
    assertEquals([error.code, error.errors[0]?.path], [code, path], JSON.stringify(input));
  }
});
