/**
 * The five kinds of event: the table of the contract, row by row, at every limit and one beyond.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  describeEventTypes,
  EVENT_DATA,
  EVENT_DESCRIPTIONS,
  EVENT_EXAMPLES,
  EVENT_NAMES,
  type EventName,
} from "../../lib/event_types.ts";
import { isJsonObject, type JsonObject } from "../../lib/merge_patch.ts";

/** A valid value of every field of a kind: what is required, and what is optional. */
interface Row {
  readonly required: JsonObject;
  readonly optional: JsonObject;
}

const WINDOW = { window_start: "2026-02-25T11:00:00Z", window_end: "2026-02-25T12:00:00+01:00" };

const ROWS: Record<EventName, Row> = {
  goal_completion: {
    required: { goal_name: "Signup", visitor_count: 1 },
    optional: { goal_id: 7, goal_type: "event", path: "/signup", event_count: 2, ...WINDOW },
  },
  visitor_spike: {
    required: { current_visitors: 250 },
    optional: {
      threshold: 100,
      baseline: 41.5,
      top_sources: [{ source: "Hacker News", visitors: 180 }],
      top_pages: [{ page: "/blog", visitors: 210 }],
    },
  },
  visitor_drop: { required: { current_visitors: 0 }, optional: { threshold: 1, window_hours: 12 } },
  custom_event: {
    required: { event_name: "Download", visitor_count: 3 },
    optional: { event_count: 4, path: "/files", props: { plan: "team", seats: 5, paid: true }, ...WINDOW },
  },
  error_condition: {
    required: { error_type: "stats_api", message: "The Stats API answered 502" },
    optional: { details: { status: 502, retried: true } },
  },
};

function accepts(event: EventName, data: unknown): boolean {
  return EVENT_DATA[event].safeParse(data).success;
}

/** The required fields and some more. */
function dataOf(event: EventName, fields: JsonObject): JsonObject {
  return { ...ROWS[event].required, ...fields };
}

function without(fields: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
}

function pairs(count: number): JsonObject {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`name ${index}`, index]));
}

for (const event of EVENT_NAMES) {
  const { required, optional } = ROWS[event];

  Deno.test(`${event} takes its required fields alone, and all of its optional ones`, () => {
    assert(accepts(event, required));
    const whole = EVENT_DATA[event].parse({ ...required, ...optional });
    assertEquals<JsonObject>(whole, { ...required, ...optional });
    for (const name of Object.keys(optional)) {
      assert(accepts(event, without({ ...required, ...optional }, name)), name);
    }
  });

  Deno.test(`${event} misses each of its required fields, and takes null for none`, () => {
    for (const name of Object.keys(required)) {
      assertFalse(accepts(event, without(required, name)), name);
      assertFalse(accepts(event, { ...required, [name]: null }), name);
    }
    for (const name of Object.keys(optional)) {
      assertFalse(accepts(event, { ...required, [name]: null }), name);
    }
  });

  Deno.test(`${event} is closed: no field of another kind and none unknown`, () => {
    const others = Object.assign({}, ...EVENT_NAMES.flatMap((name) => Object.values(ROWS[name])));
    for (const [name, value] of Object.entries({ ...others, unknown: 1 })) {
      const own = name in required || name in optional;
      assertEquals(accepts(event, { ...required, [name]: value }), own, name);
    }
  });

  Deno.test(`${event} takes an object and nothing else`, () => {
    for (const data of [undefined, null, [], [required], "x", 1, true]) assertFalse(accepts(event, data));
  });

  Deno.test(`${event}'s published example is valid`, () => assert(accepts(event, EVENT_EXAMPLES[event])));
}

const COUNTS: [event: EventName, field: string][] = [
  ["goal_completion", "visitor_count"],
  ["goal_completion", "event_count"],
  ["visitor_spike", "current_visitors"],
  ["visitor_drop", "current_visitors"],
  ["custom_event", "visitor_count"],
  ["custom_event", "event_count"],
];

Deno.test("counts are whole numbers from 0", () => {
  for (const [event, field] of COUNTS) {
    for (const count of [0, 1, Number.MAX_SAFE_INTEGER]) {
      assert(accepts(event, dataOf(event, { [field]: count })));
    }
    for (const other of [-1, 0.5, "1", NaN, Infinity, 2 ** 53, true, [1]]) {
      assertFalse(accepts(event, dataOf(event, { [field]: other })), `${field}: ${other}`);
    }
  }
});

Deno.test("counts inside top_sources and top_pages are whole numbers from 0, too", () => {
  for (const [list, name] of [["top_sources", "source"], ["top_pages", "page"]] as const) {
    const entry = (fields: JsonObject): JsonObject =>
      dataOf("visitor_spike", { [list]: [{ [name]: "x", ...fields }] });
    assert(accepts("visitor_spike", entry({ visitors: 0 })));
    for (
      const fields of [{ visitors: -1 }, { visitors: 0.5 }, {}, { visitors: 1, more: 1 }, {
        visitors: 1,
        [name]: 1,
      }]
    ) {
      assertFalse(accepts("visitor_spike", entry(fields)), JSON.stringify(fields));
    }
  }
});

/** Every string of a kind, as data with that string in it. */
const STRINGS: [what: string, event: EventName, chars_max: number, data: (text: string) => JsonObject][] = [
  ["goal_name", "goal_completion", 500, (text) => dataOf("goal_completion", { goal_name: text })],
  ["goal_id", "goal_completion", 500, (text) => dataOf("goal_completion", { goal_id: text })],
  ["path", "goal_completion", 500, (text) => dataOf("goal_completion", { path: text })],
  ["event_name", "custom_event", 500, (text) => dataOf("custom_event", { event_name: text })],
  ["path of a custom event", "custom_event", 500, (text) => dataOf("custom_event", { path: text })],
  ["a name in props", "custom_event", 500, (text) => dataOf("custom_event", { props: { [text]: 1 } })],
  [
    "source",
    "visitor_spike",
    500,
    (text) => dataOf("visitor_spike", { top_sources: [{ source: text, visitors: 1 }] }),
  ],
  [
    "page",
    "visitor_spike",
    500,
    (text) => dataOf("visitor_spike", { top_pages: [{ page: text, visitors: 1 }] }),
  ],
  ["error_type", "error_condition", 500, (text) => dataOf("error_condition", { error_type: text })],
  ["message", "error_condition", 2000, (text) => dataOf("error_condition", { message: text })],
  [
    "a name in details",
    "error_condition",
    500,
    (text) => dataOf("error_condition", { details: { [text]: 1 } }),
  ],
];

for (const [what, event, chars_max, data] of STRINGS) {
  Deno.test(`${what} has 1 to ${chars_max} characters`, () => {
    for (const length of [1, chars_max]) assert(accepts(event, data("x".repeat(length))), String(length));
    for (const length of [0, chars_max + 1]) {
      assertFalse(accepts(event, data("x".repeat(length))), String(length));
    }
  });
}

for (const [event, field] of [["custom_event", "props"], ["error_condition", "details"]] as const) {
  Deno.test(`${field} has at most 20 pairs of a name and a string, number or boolean`, () => {
    for (const count of [0, 20]) assert(accepts(event, dataOf(event, { [field]: pairs(count) })));
    assertFalse(accepts(event, dataOf(event, { [field]: pairs(21) })));
    for (const value of ["", "x".repeat(500), -1.5, 0, true, false]) {
      assert(accepts(event, dataOf(event, { [field]: { name: value } })), String(value));
    }
    for (const value of [null, [], ["x"], {}, { x: 1 }, "x".repeat(501), NaN, Infinity]) {
      assertFalse(accepts(event, dataOf(event, { [field]: { name: value } })), JSON.stringify(value));
    }
    for (const other of [[], "x", 1, [["name", 1]]]) {
      assertFalse(accepts(event, dataOf(event, { [field]: other })));
    }
  });
}

Deno.test("top_sources and top_pages have at most ten entries", () => {
  for (const [list, name] of [["top_sources", "source"], ["top_pages", "page"]] as const) {
    const entries = (count: number): JsonObject[] =>
      Array.from({ length: count }, () => ({ [name]: "x", visitors: 1 }));
    for (const count of [0, 10]) {
      assert(accepts("visitor_spike", dataOf("visitor_spike", { [list]: entries(count) })));
    }
    assertFalse(accepts("visitor_spike", dataOf("visitor_spike", { [list]: entries(11) })));
  }
});

Deno.test("goal_type is one of event, page, scroll, revenue", () => {
  for (const goal_type of ["event", "page", "scroll", "revenue"]) {
    assert(accepts("goal_completion", dataOf("goal_completion", { goal_type })));
  }
  for (const goal_type of ["Event", "", "click", 1]) {
    assertFalse(accepts("goal_completion", dataOf("goal_completion", { goal_type })));
  }
});

Deno.test("goal_id is a text or a whole number", () => {
  for (const goal_id of ["a1", 0, 42]) {
    assert(accepts("goal_completion", dataOf("goal_completion", { goal_id })));
  }
  for (const goal_id of ["", 0.5, true, [1]]) {
    assertFalse(accepts("goal_completion", dataOf("goal_completion", { goal_id })), String(goal_id));
  }
});

Deno.test("threshold and baseline are numbers from 0, window_hours a number above it", () => {
  for (
    const [event, field] of [["visitor_spike", "threshold"], ["visitor_spike", "baseline"], [
      "visitor_drop",
      "threshold",
    ]] as const
  ) {
    for (const value of [0, 0.5, 1e6]) assert(accepts(event, dataOf(event, { [field]: value })));
    for (const value of [-1, "1", Infinity]) assertFalse(accepts(event, dataOf(event, { [field]: value })));
  }
  for (const window_hours of [0.5, 12]) {
    assert(accepts("visitor_drop", dataOf("visitor_drop", { window_hours })));
  }
  for (const window_hours of [0, -1, "12"]) {
    assertFalse(accepts("visitor_drop", dataOf("visitor_drop", { window_hours })));
  }
});

Deno.test("window_start and window_end are RFC 3339 with an offset", () => {
  for (const event of ["goal_completion", "custom_event"] as const) {
    for (const field of ["window_start", "window_end"]) {
      for (const value of ["2026-02-25T12:00:00Z", "2026-02-25T12:00:00.5-08:00"]) {
        assert(accepts(event, dataOf(event, { [field]: value })));
      }
      for (const value of ["2026-02-25T12:00:00", "2026-02-25", "noon", "", 1_772_020_800]) {
        assertFalse(accepts(event, dataOf(event, { [field]: value })), String(value));
      }
    }
  }
});

Deno.test("describeEventTypes() describes each kind in the order of the documentation", () => {
  const described = describeEventTypes();
  assertEquals(described.map(({ name }) => name), [...EVENT_NAMES]);
  for (const { name, description, example, schema } of described) {
    assertEquals([description, example], [EVENT_DESCRIPTIONS[name], EVENT_EXAMPLES[name]]);
    assert(isJsonObject(schema));
    const { required, optional } = ROWS[name];
    assertEquals(schema["type"], "object");
    assertEquals(schema["additionalProperties"], false);
    assertEquals(schema["required"], Object.keys(required));
    assert(isJsonObject(schema["properties"]));
    assertEquals(Object.keys(schema["properties"]).sort(), Object.keys({ ...required, ...optional }).sort());
  }
});

Deno.test("describeEventTypes() is JSON throughout, so that it can be published", () => {
  const described = describeEventTypes();
  assertEquals(JSON.parse(JSON.stringify(described)), described);
});
