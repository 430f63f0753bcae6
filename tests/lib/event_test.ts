/**
 * The door through which events enter: what passes, what is refused and in which words, and the bytes that receivers
 * get.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import { decodeBody, encodeBody, parseEvent } from "../../lib/event.ts";
import { EVENT_EXAMPLES, EVENT_NAMES } from "../../lib/event_types.ts";
import { TIME } from "../../lib/limits.ts";
import type { JsonObject } from "../../lib/merge_patch.ts";
import { PERSONAL_KEYS } from "../../lib/privacy/personal_data.ts";

const NOW_MS = Date.parse("2026-02-25T12:00:01Z");

const GOAL = {
  event: "goal_completion",
  site_id: "example.com",
  timestamp: "2026-02-25T12:00:00Z",
  data: { goal_name: "Signup", visitor_count: 1 },
};

/** The goal completion with some fields changed. */
function goal(fields: JsonObject, data: JsonObject = {}): JsonObject {
  return { ...GOAL, data: { ...GOAL.data, ...data }, ...fields };
}

/** A custom event with these props. */
function custom(props: unknown): JsonObject {
  return { ...GOAL, event: "custom_event", data: { event_name: "Download", visitor_count: 1, props } };
}

function without(fields: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
}

function bodyText(input: unknown): string {
  return new TextDecoder().decode(parseEvent(input, NOW_MS).body);
}

function refusal(input: unknown, code: ErrorCode): AppError {
  const error = assertThrows(() => parseEvent(input, NOW_MS), AppError);
  assertEquals(error.code, code);
  return error;
}

/** Where the fields at fault are, each once. */
function refusedAt(input: unknown): string[] {
  return [...new Set(refusal(input, "validation_failed").errors.map(({ path }) => path))];
}

/** Everything that a caller, and so a log, could read of a refusal. */
function told(error: AppError): string {
  return JSON.stringify([error.message, error.errors, String(error.cause)]);
}

for (const event of EVENT_NAMES) {
  Deno.test(`parseEvent() takes ${event} and hands on the published example unchanged`, () => {
    const input = { ...GOAL, event, data: EVENT_EXAMPLES[event] };
    assertEquals<JsonObject>(parseEvent(input, NOW_MS).payload, input);
    assertEquals(JSON.parse(bodyText(input)), input);
  });
}

Deno.test("parseEvent() writes exactly event, site_id, timestamp and data, in this order, whatever order came", () => {
  const text = '{"event":"goal_completion","site_id":"example.com","timestamp":"2026-02-25T12:00:00Z",' +
    '"data":{"goal_name":"Signup","visitor_count":1}}';
  const { data, timestamp, site_id, event } = GOAL;
  assertEquals(bodyText(GOAL), text);
  assertEquals(bodyText({ data, timestamp, site_id, event }), text);
});

Deno.test("parseEvent() writes the body in UTF-8", () => {
  const { body } = parseEvent(goal({}, { goal_name: "Größe ✓" }), NOW_MS);
  assertEquals(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)).data.goal_name, "Größe ✓");
});

Deno.test("parseEvent() brings the site's id into its one spelling, in the payload and the body", () => {
  const input = goal({ site_id: "EXAMPLE.com/Blog" });
  assertEquals(parseEvent(input, NOW_MS).payload.site_id, "example.com/blog");
  assertEquals(JSON.parse(bodyText(input)).site_id, "example.com/blog");
});

Deno.test("parseEvent() misses each of the four keys", () => {
  for (const key of Object.keys(GOAL)) assertEquals(refusedAt(without(GOAL, key)), [`/${key}`]);
});

Deno.test("parseEvent() refuses any other key, by its pointer", () => {
  assertEquals(refusedAt(goal({ extra: 1 })), ["/extra"]);
  assertEquals(refusedAt(goal({ idempotency_key: "k" })), ["/idempotency_key"]);
  assertEquals(refusedAt(goal({}, { extra: 1 })), ["/data/extra"]);
  assertEquals(refusedAt({ ...GOAL, ...JSON.parse('{"__proto__":{"x":1}}') }), ["/__proto__"]);
  assertEquals(refusedAt(goal({}, JSON.parse('{"__proto__":{"x":1}}'))), ["/data/__proto__"]);
});

Deno.test("parseEvent() refuses what is no object", () => {
  for (const input of [null, undefined, [], [GOAL], "x", 1, true]) assertEquals(refusedAt(input), [""]);
});

Deno.test("parseEvent() refuses an unknown kind: test is no kind that can be posted", () => {
  for (const event of ["test", "Goal_Completion", "", "goal", 1, null, ["goal_completion"]]) {
    assertEquals(refusedAt(goal({ event })), ["/event"]);
  }
});

Deno.test("parseEvent() refuses a site's id that is none", () => {
  for (const site_id of ["", "exa mple.com", "a/../b", "10.0.0.1", "x".repeat(254), 1, null, { ip: 1 }]) {
    assertEquals(refusedAt(goal({ site_id })), ["/site_id"], JSON.stringify(site_id));
  }
});

Deno.test("parseEvent() judges data by the schema of its kind", () => {
  assertEquals(refusedAt(goal({}, { visitor_count: -1 })), ["/data/visitor_count"]);
  assertEquals(refusedAt({ ...GOAL, event: "visitor_drop" }).sort(), [
    "/data/current_visitors",
    "/data/goal_name",
    "/data/visitor_count",
  ]);
  for (const data of [null, [], "x", 1]) assertEquals(refusedAt(goal({ data })), ["/data"]);
});

Deno.test("parseEvent() names everything that is wrong at once, in the envelope and in the data", () => {
  const input = { ...goal({ site_id: "", timestamp: "now" }, { visitor_count: 0.5 }), extra: 1 };
  assertEquals(refusedAt(input).sort(), ["/data/visitor_count", "/extra", "/site_id", "/timestamp"]);
});

Deno.test("parseEvent() hands a timestamp on verbatim", () => {
  const timestamps = [
    "2026-02-25T12:00:00Z",
    "2026-02-25T12:00:00.5Z",
    "2026-02-25T12:00:00.123456789Z",
    "2026-02-25T14:00:00+02:00",
    "2026-02-25T04:00:00-08:00",
    "2026-02-25T17:45:00.000+05:45",
    "2024-02-29T23:59:59Z",
    "1970-01-01T00:00:00Z",
  ];
  for (const timestamp of timestamps) {
    assertEquals(parseEvent(goal({ timestamp }), NOW_MS).payload.timestamp, timestamp);
    assertEquals(JSON.parse(bodyText(goal({ timestamp }))).timestamp, timestamp);
  }
});

Deno.test("parseEvent() takes no timestamp for personal data, however precise", () => {
  const fraction = fc.integer({ min: 0, max: 999_999_999 }).map((nanos) => String(nanos).padStart(9, "0"));
  const date = fc.date({ min: new Date(0), max: new Date(NOW_MS), noInvalidDate: true });
  const offset = fc.constantFrom("Z", "+00:00", "-11:30", "+14:00");
  fc.assert(fc.property(date, fraction, offset, (at, nanos, zone) => {
    const timestamp = `${at.toISOString().slice(0, 19)}.${nanos}${zone}`;
    assertEquals(parseEvent(goal({ timestamp }), NOW_MS + TIME.DAY_MS).payload.timestamp, timestamp);
  }));
});

Deno.test("parseEvent() refuses a timestamp that is not RFC 3339 with an offset", () => {
  const timestamps = [
    "2026-02-25T12:00:00",
    "2026-02-25T12:00Z",
    "2026-02-25",
    "2026-02-25 12:00:00Z",
    "2026-02-30T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2025-02-29T12:00:00Z",
    "2026-02-25T24:00:00Z",
    "2026-02-25T12:60:00Z",
    "2026-02-25T12:00:00+0200",
    "2026-02-25T12:00:00+25:00",
    "2026-02-25T12:00:00.Z",
    "2026-02-25T12:00:00Z ",
    "2026-02-25T12:00:00Z\n",
    "Wed, 25 Feb 2026 12:00:00 GMT",
    "now",
    "",
    1_772_020_800,
    null,
  ];
  for (const timestamp of timestamps) {
    assertEquals(refusedAt(goal({ timestamp })), ["/timestamp"], String(timestamp));
  }
});

Deno.test("parseEvent() takes a timestamp 24 hours ahead and refuses one a millisecond further", () => {
  const at = (ms: number): JsonObject => goal({ timestamp: new Date(ms).toISOString() });
  parseEvent(at(NOW_MS + TIME.DAY_MS), NOW_MS);
  assertEquals(refusedAt(at(NOW_MS + TIME.DAY_MS + 1)), ["/timestamp"]);
});

Deno.test("parseEvent() reads the offset when it looks how far ahead a timestamp is", () => {
  // 24 hours and a second ahead by the digits, 14 hours less by the offset; and the other way round.
  parseEvent(goal({ timestamp: "2026-02-26T12:00:02+14:00" }), NOW_MS);
  assertEquals(refusedAt(goal({ timestamp: "2026-02-26T11:00:00-08:00" })), ["/timestamp"]);
});

Deno.test("parseEvent() takes timestamps of any age", () => {
  parseEvent(goal({ timestamp: "1999-12-31T23:59:59Z" }), NOW_MS);
});

Deno.test("parseEvent() cuts query string and fragment off path and page", () => {
  const table = [
    ["/search?q=x", "/search"],
    ["/search#top", "/search"],
    ["/a?b#c", "/a"],
    ["/a#c?b", "/a"],
    ["https://example.com/a?b", "https://example.com/a"],
    ["/plain", "/plain"],
  ] as const;
  for (const [given, kept] of table) {
    assertEquals(JSON.parse(bodyText(goal({}, { path: given }))).data.path, kept);
    const custom_event = {
      ...GOAL,
      event: "custom_event",
      data: { event_name: "x", visitor_count: 1, path: given },
    };
    assertEquals(JSON.parse(bodyText(custom_event)).data.path, kept);
    const top_pages = [{ page: "/first", visitors: 2 }, { page: given, visitors: 1 }];
    const spike = { ...GOAL, event: "visitor_spike", data: { current_visitors: 9, top_pages } };
    assertEquals(JSON.parse(bodyText(spike)).data.top_pages, [{ page: "/first", visitors: 2 }, {
      page: kept,
      visitors: 1,
    }]);
  }
});

Deno.test("parseEvent() cuts the query before it looks for personal data and before it counts characters", () => {
  assertEquals(JSON.parse(bodyText(goal({}, { path: "/in?email=jane@example.com" }))).data.path, "/in");
  assertEquals(JSON.parse(bodyText(goal({}, { path: "/in#203.0.113.7" }))).data.path, "/in");
  const path = "/" + "x".repeat(499);
  assertEquals(JSON.parse(bodyText(goal({}, { path: `${path}?${"y".repeat(1000)}` }))).data.path, path);
  const spike = (page: string): JsonObject => ({
    ...GOAL,
    event: "visitor_spike",
    data: { current_visitors: 9, top_pages: [{ page, visitors: 1 }] },
  });
  assertEquals(JSON.parse(bodyText(spike("/u?ip=203.0.113.7"))).data.top_pages[0].page, "/u");
  assertEquals(refusal(spike("/u/203.0.113.7?x"), "personal_data").errors[0]?.path, "/data/top_pages/0/page");
});

Deno.test("parseEvent() refuses pages and paths that are no strings, at their place", () => {
  const spike = (top_pages: unknown): JsonObject => ({
    ...GOAL,
    event: "visitor_spike",
    data: { current_visitors: 9, top_pages },
  });
  for (const entry of [null, 7, "/x?y", []]) assertEquals(refusedAt(spike([entry])), ["/data/top_pages/0"]);
  for (const page of [null, 7, {}]) {
    assertEquals(refusedAt(spike([{ page, visitors: 1 }])), ["/data/top_pages/0/page"]);
    assertEquals(refusedAt(goal({}, { path: page })), ["/data/path"]);
  }
  for (const top_pages of [null, 7, "/x?y", {}]) {
    assertEquals(refusedAt(spike(top_pages)), ["/data/top_pages"]);
  }
});

Deno.test("parseEvent() cuts nothing off other strings", () => {
  assertEquals(JSON.parse(bodyText(goal({}, { goal_name: "Visit /x?y#z" }))).data.goal_name, "Visit /x?y#z");
  assertEquals(JSON.parse(bodyText(custom({ path: "/x?y" }))).data.props, { path: "/x?y" });
});

/** Something of each kind, plain and in disguise. */
const PERSONAL = [
  ["203.0.113.7", "ip address"],
  ["2001:db8:85a3::8a2e:370:7334", "ip address"],
  ["203%2E0%2E113%2E7", "ip address"],
  ["jane.doe@example.com", "email address"],
  ["jane%2540example.com", "email address"],
  ["4111 1111 1111 1111", "card number"],
] as const;

/** Every place of an event that a string can be in: a pointer, and an event with that string there. */
const PLACES: [path: string, place: (text: string) => unknown][] = [
  ["/data/goal_name", (text) => goal({}, { goal_name: text })],
  ["/data/goal_id", (text) => goal({}, { goal_id: text })],
  ["/data/path", (text) => goal({}, { path: `/u/${text}/x` })],
  ["/data/unknown", (text) => goal({}, { unknown: text })],
  ["/data/props/name", (text) => custom({ name: `by ${text} today` })],
  ["/data/props/a/b/0", (text) => custom({ a: { b: [text] } })],
  ["/data", (text) => goal({ data: text })],
  ["/event", (text) => goal({ event: text })],
  ["/timestamp", (text) => goal({ timestamp: text })],
  ["/unknown", (text) => goal({ unknown: text })],
  ["/data/props", (text) => custom({ [text]: 1 })],
  ["/data", (text) => goal({}, { [text]: 1 })],
  ["the body", (text) => goal({ [text]: 1 })],
];

Deno.test("parseEvent() refuses personal data in every string and key, by its place and kind", () => {
  for (const [text, kind] of PERSONAL) {
    for (const [path, place] of PLACES) {
      const error = refusal(place(text), "personal_data");
      const message = `must not contain personal data (found: ${kind})`;
      assertEquals(error.errors, [{ path: path === "the body" ? "" : path, message }], text);
      assertEquals(error.message, `Cannot accept ${path}: it ${message}`);
    }
  }
});

Deno.test("parseEvent() never echoes personal data, wherever it was and whatever else is wrong", () => {
  const octet = fc.integer({ min: 100, max: 255 });
  const address = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
  const email = fc.stringMatching(/^[a-z]{6,12}@[a-z]{4,10}\.(?:com|org|example)$/);
  const spoilt = fc.constantFrom<JsonObject>({}, { event: "nonsense" }, { timestamp: 7 }, { site_id: "" }, {
    extra: 1,
  });
  fc.assert(
    fc.property(fc.oneof(address, email), fc.constantFrom(...PLACES), spoilt, (text, [, place], fields) => {
      const input = { ...fields, ...(place(text) as JsonObject) };
      assertFalse(told(refusal(input, "personal_data")).includes(text));
    }),
  );
});

Deno.test("parseEvent() refuses every key of the published list, in any spelling", () => {
  for (const key of PERSONAL_KEYS) {
    for (
      const written of [
        key,
        key.toUpperCase(),
        key.split("").join("_"),
        key.replace(/^./, (first) => `${first}-`),
      ]
    ) {
      const error = refusal(custom({ [written]: "x" }), "personal_data");
      assertEquals(error.errors[0]?.path, `/data/props/${written}`);
    }
  }
});

Deno.test("parseEvent() finds personal data before anything else is judged", () => {
  const wrong = { event: "nonsense", timestamp: 7, more: { deep: [{ deeper: "jane@example.com" }] } };
  assertEquals(refusal(wrong, "personal_data").errors[0]?.path, "/more/deep/0/deeper");
});

Deno.test("parseEvent() takes what only looks like personal data", () => {
  for (
    const text of ["DB::Exception", "12:30:45", "1.2.3", "@2x", "v10.4.2", "user count", "€ 4.99", "50% off"]
  ) {
    assertEquals(JSON.parse(bodyText(custom({ name: text }))).data.props.name, text);
  }
  const error = { error_type: "DB::Exception", message: "At 12:30:45 the import of 1.2.3 failed" };
  parseEvent({ ...GOAL, event: "error_condition", data: error }, NOW_MS);
});

Deno.test("parseEvent() never puts a value into what it says, whatever is wrong with it", () => {
  const places: ((text: string) => unknown)[] = [
    (text) => text,
    (text) => [text],
    (text) => goal({ event: text }),
    (text) => goal({ site_id: `${text} x` }),
    (text) => goal({ site_id: [text] }),
    (text) => goal({ timestamp: text }),
    (text) => goal({ data: text }),
    (text) => goal({ extra: text }),
    (text) => goal({}, { extra: text }),
    (text) => goal({}, { visitor_count: text }),
    (text) => goal({}, { goal_name: text.repeat(50) }),
    (text) => goal({}, { goal_type: text }),
    (text) => goal({}, { window_start: text }),
    (text) => custom(text),
    (text) => custom([text]),
    (text) => custom({ name: [text] }),
    (text) => custom({ name: { inner: text } }),
    (text) => custom({ ["x".repeat(501)]: text }),
  ];
  const value = fc.stringMatching(/^[A-Za-z]{12,40}$/);
  fc.assert(fc.property(value, fc.constantFrom(...places), (text, place) => {
    assertFalse(told(refusal(place(text), "validation_failed")).includes(text));
  }));
});

/** An error condition whose body is of exactly this size, in bytes. */
function ofSize(bytes: number): JsonObject {
  const details = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`${index}`.padEnd(80, "-"), "✓".repeat(500)]),
  );
  const sized = (message: string): JsonObject => ({
    ...GOAL,
    event: "error_condition",
    data: { error_type: "size", message, details },
  });
  const empty = new TextEncoder().encode(JSON.stringify(sized(""))).byteLength;
  return sized("m".repeat(bytes - empty));
}

Deno.test("parseEvent() takes an event of 32 KiB as stored and refuses one of a byte more", () => {
  assertEquals(parseEvent(ofSize(32 * 1024), NOW_MS).body.byteLength, 32 * 1024);
  assert(refusal(ofSize(32 * 1024 + 1), "payload_too_large").message.includes("32769"));
});

function nested(open: string, close: string, levels: number): unknown {
  return JSON.parse(open.repeat(levels) + "1" + close.repeat(levels));
}

Deno.test("parseEvent() refuses data as deep as a batch can be, instead of running out of stack", () => {
  for (const deep of [nested("[", "]", 100_000), nested('{"a":', "}", 100_000)]) {
    assert(refusedAt(goal({ data: deep })).every((path) => path.startsWith("/data")));
    assertEquals(refusedAt(custom({ name: deep })), ["/data/props/name"]);
    assertEquals(refusedAt(goal({ extra: deep })), ["/extra"]);
  }
});

Deno.test("parseEvent() leaves its input as it was", () => {
  const input = goal({ site_id: "EXAMPLE.com" }, { path: "/x?y" });
  const before = structuredClone(input);
  parseEvent(input, NOW_MS);
  assertEquals(input, before);
});

Deno.test("parseEvent() refuses a pair named __proto__ instead of dropping it, and takes others as they are named", () => {
  for (const value of ['"x"', '{"a":1}']) {
    assertEquals(refusedAt(custom(JSON.parse(`{"a":1,"__proto__":${value}}`))), ["/data/props/__proto__"]);
  }
  const text = bodyText(custom(JSON.parse('{"constructor":"y","a":1}')));
  assertEquals(JSON.parse(text).data.props, { constructor: "y", a: 1 });
});

Deno.test("encodeBody() writes the four keys in their order and leaves others out", () => {
  const payload = { data: { message: "hello" }, extra: 1, timestamp: "t", site_id: "s", event: "test" };
  const text = new TextDecoder().decode(encodeBody(payload));
  assertEquals(text, '{"event":"test","site_id":"s","timestamp":"t","data":{"message":"hello"}}');
});

Deno.test("decodeBody() reads back what encodeBody() wrote", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), fc.jsonValue(), (event, site_id, timestamp, data) => {
      const payload = { event, site_id, timestamp, data };
      assertEquals(decodeBody(encodeBody(payload)), JSON.parse(JSON.stringify(payload)));
    }),
  );
});
