/**
 * Rendering, whatever the event: within the services' limits, and nothing in it is more than it says.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertNotEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { parseEvent } from "../../../lib/event.ts";
import { EVENT_NAMES, type EventName } from "../../../lib/event_types.ts";
import { clip, clipLines } from "../../../lib/formats/clip.ts";
import { dashboardUrl, renderBody } from "../../../lib/formats/render.ts";
import { INPUT } from "../../../lib/limits.ts";
import { CASES, CHAT_FORMATS, messageOf } from "./cases.ts";
import { assertDiscordMessage, assertSlackMessage } from "./message_rules.ts";

const ASSERT = { slack: assertSlackMessage, discord: assertDiscordMessage } as const;

/** Texts that are markup, mentions, links, controls, halves of characters, or anything. */
const bits = fc.constantFrom(
  ..."<>&@#*_~`|\\[]()!:-+.\n\t\u0000\u2028 ",
  "<!channel>",
  "@everyone",
  "<@1>",
  "https://",
  "👍",
  "\ud800",
  "\udc00",
  "1.",
  "- ",
);
function text(chars: number): fc.Arbitrary<string> {
  const hostile = fc.array(bits, { minLength: 1, maxLength: chars, size: "max" }).map((all) => all.join(""));
  const any = fc.string({ unit: "binary", minLength: 1, maxLength: chars, size: "max" });
  return fc.oneof(hostile, any).map((made) => made.slice(0, chars));
}
const named = text(INPUT.string_chars_max);
const count = fc.maxSafeNat();
const amount = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const time = fc.date({ min: new Date(0), max: new Date("2026-02-25T12:00:00Z"), noInvalidDate: true })
  .map((at) => at.toISOString());
const pairs = fc.dictionary(
  named.filter((key) => key !== "__proto__"),
  fc.oneof(named, amount, fc.boolean()),
  { maxKeys: INPUT.pairs_max },
);
const timespan = { window_start: time, window_end: time };

/** Not counted, but as the schema has it. */
const DATA: Readonly<Record<EventName, fc.Arbitrary<object>>> = {
  goal_completion: fc.record(
    { goal_name: named, visitor_count: count, path: named, event_count: count, ...timespan },
    { requiredKeys: ["goal_name", "visitor_count"] },
  ),
  visitor_spike: fc.record({
    current_visitors: count,
    threshold: amount,
    baseline: amount,
    top_sources: fc.array(fc.record({ source: named, visitors: count }), { maxLength: 10 }),
    top_pages: fc.array(fc.record({ page: named, visitors: count }), { maxLength: 10 }),
  }, { requiredKeys: ["current_visitors"] }),
  visitor_drop: fc.record(
    { current_visitors: count, threshold: amount, window_hours: amount.map((hours) => hours + 1) },
    { requiredKeys: ["current_visitors"] },
  ),
  custom_event: fc.record(
    { event_name: named, visitor_count: count, event_count: count, path: named, props: pairs, ...timespan },
    { requiredKeys: ["event_name", "visitor_count"] },
  ),
  error_condition: fc.record(
    { error_type: named, message: text(INPUT.message_chars_max), details: pairs },
    { requiredKeys: ["error_type", "message"] },
  ),
};

/** Bodies that the door let in: what it refuses is not this test's. */
const accepted = fc.constantFrom(...EVENT_NAMES).chain((event) =>
  fc.record({
    event: fc.constant(event),
    site_id: fc.constant("example.com"),
    timestamp: time,
    data: DATA[event],
  })
).map((input) => {
  try {
    return parseEvent(input, Date.parse("2026-02-25T12:00:00Z")).body;
  } catch {
    return null;
  }
});

Deno.test("renderBody() makes of any acceptable event a message that its service takes and that mentions nobody", () => {
  let rendered = 0;
  fc.assert(
    fc.property(
      accepted,
      fc.boolean(),
      fc.constantFrom(null, "https://plausible.example/a%2Fb"),
      (stored, is_test, dashboard_url) => {
        if (stored === null) return;
        rendered++;
        for (const format of CHAT_FORMATS) {
          const { body, content_type } = renderBody(format, stored, { dashboard_url, is_test });
          assertEquals(content_type, "application/json");
          ASSERT[format](new TextDecoder("utf-8", { fatal: true }).decode(body));
        }
      },
    ),
    { numRuns: 300 },
  );
  assert(rendered > 100, `only ${rendered} of the events were acceptable`);
});

Deno.test("renderBody() leaves json as it is stored, without reading it", () => {
  const body = new TextEncoder().encode("not even JSON");
  assertStrictEquals(renderBody("json", body, { dashboard_url: null, is_test: false }).body, body);
});

Deno.test("renderBody() makes the same bytes of the same event, so that a retry is signed alike", () => {
  const [given] = Object.values(CASES);
  assert(given !== undefined);
  for (const format of CHAT_FORMATS) assertEquals(messageOf(format, given), messageOf(format, given));
});

Deno.test("renderBody() says of a made-up event that it is a test, and of a real one does not", () => {
  const { goal_completion: real, test_of_a_kind: made_up } = CASES;
  assert(real !== undefined && made_up !== undefined);
  for (const format of CHAT_FORMATS) {
    assert(messageOf(format, made_up).includes("Test: Goal completed"));
    assertFalse(messageOf(format, real).includes("Test"));
  }
});

Deno.test("renderBody() links to the dashboard when it is known, and never to one that is too long", () => {
  const given = CASES["visitor_drop"];
  assert(given !== undefined);
  const with_url = (dashboard_url: string | null) =>
    CHAT_FORMATS.map((format) => {
      const message = messageOf(format, { ...given, options: { dashboard_url } });
      ASSERT[format](message);
      return message;
    });
  const without = with_url(null);
  assertEquals(with_url(`https://plausible.example/${"x".repeat(4000)}`), without);
  for (const [index, message] of with_url("https://plausible.example/a%2Fb?a=1&b=|").entries()) {
    assertNotEquals(message, without[index]);
    assert(message.includes("https://plausible.example/a%2Fb"));
  }
});

Deno.test("dashboardUrl() puts the encoded site behind the base, with one slash, and knows none without a base", () => {
  assertEquals(dashboardUrl(null, "example.com"), null);
  assertEquals(
    dashboardUrl("https://p.example/stats//", "bücher.example/a"),
    "https://p.example/stats/b%C3%BCcher.example%2Fa",
  );
});

Deno.test("clip() keeps what fits to the last character and cuts between pieces", () => {
  const pieces = ["ab", "👍", "c"];
  const cut = [1, 2, 3, 4, 5].map((chars) => clip(pieces, chars));
  assertEquals(cut, ["…", "…", "ab…", "ab…", "ab👍c"]);
  assertEquals(clip([], 1), "");
});

Deno.test("clipLines() cuts every line to its share rather than leaving the last ones out", () => {
  const lines = ["aaaaaaaa", "b", "cccccccc"];
  const escape = (line: string): string[] => [...line];
  assertEquals(clipLines(lines, 19, escape), "aaaaaaaa\nb\ncccccccc");
  assertEquals(clipLines(lines, 18, escape), "aaaa…\nb\ncccc…");
});
