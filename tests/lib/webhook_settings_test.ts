/**
 * A webhook's settings as they are created: every default, every limit at it and one beyond, and every header.
 *
 * @module
 */
import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { EVENT_NAMES } from "../../lib/event_types.ts";
import type { JsonObject } from "../../lib/merge_patch.ts";
import { MASKED, parseSettings, type WebhookSettings } from "../../lib/webhook_settings.ts";
import { DEFAULTS, FULL, LEAST, LIMITS, parsed, patched, refusedAt } from "../helpers/webhook_settings.ts";

Deno.test("parseSettings() needs only url and events and fills in every default of the contract", () => {
  assertEquals(parseSettings(LEAST, { timeout_ms: 12_345 }), {
    name: "hooks.example.com",
    url: "https://hooks.example.com/in",
    format: "json",
    events: ["goal_completion"],
    filters: {
      goals: [],
      custom_events: [],
      error_types: [],
      visitor_spike: { threshold: 10, percent_over_baseline: null, readings: 1, cooldown_hours: 12 },
      visitor_drop: { threshold: 1, readings: 1, cooldown_hours: 12 },
    },
    headers: {},
    enabled: true,
    max_retries: 3,
    timeout_ms: 12_345,
    rate_limit_per_minute: null,
  });
});

Deno.test("parseSettings() fills in what a half-given filter leaves open", () => {
  const { filters } = parsed({ filters: { visitor_spike: { threshold: 50 }, goals: ["Signup"] } });
  assertEquals(filters.visitor_spike, {
    threshold: 50,
    percent_over_baseline: null,
    readings: 1,
    cooldown_hours: 12,
  });
  assertEquals([filters.goals, filters.custom_events], [["Signup"], []]);
  assertEquals(filters.visitor_drop.threshold, 1);
});

Deno.test("parseSettings() names a webhook after its URL's host, port included, as far as a name goes", () => {
  assertEquals(parsed({ url: "https://exämple.com:8443/x?y" }).name, "xn--exmple-cua.com:8443");
  const host = `${"a".repeat(60)}.${"b".repeat(60)}.example`;
  const settings = parsed({ url: `https://${host}/` });
  assertEquals(settings.name, host.slice(0, 100));
  assertEquals(patched(settings, { max_retries: 1 }).name, settings.name);
});

Deno.test("parseSettings() takes null for the default", () => {
  const optional = ["name", "format", "filters", "headers", "enabled", "max_retries", "timeout_ms"];
  const nulls = Object.fromEntries([...optional, "rate_limit_per_minute"].map((name) => [name, null]));
  assertEquals(parsed(nulls), parseSettings(LEAST, DEFAULTS));
});

Deno.test("parseSettings() keeps what it is given", () => {
  const given = {
    name: "Sales channel",
    url: "https://hooks.example.com/in?a=b",
    format: "json",
    events: [...EVENT_NAMES],
    filters: {
      goals: ["Signup", "signup"],
      custom_events: ["Download"],
      error_types: ["stats_api"],
      visitor_spike: { threshold: 100, percent_over_baseline: 50, readings: 3, cooldown_hours: 0.5 },
      visitor_drop: { threshold: 5, readings: 2, cooldown_hours: 0 },
    },
    headers: { "X-Team": "blue", "Authorization": "Bearer abc" },
    enabled: false,
    max_retries: 0,
    timeout_ms: 1000,
    rate_limit_per_minute: 60,
  };
  assertEquals(parseSettings(given, DEFAULTS), given as WebhookSettings);
});

for (const [path, allowed, refused] of LIMITS) {
  const shown = path.length > 40 ? "a header's name" : path;
  Deno.test(`parseSettings() takes ${shown} at its limits and refuses one beyond`, () => {
    for (const fields of allowed) parsed(fields);
    for (const fields of refused) {
      assertEquals(refusedAt(() => parsed(fields)), [path], JSON.stringify(fields));
    }
  });
}

Deno.test("parseSettings() refuses a value of another type, at its place", () => {
  const table: [fields: JsonObject, path: string][] = [
    [{ url: 7 }, "/url"],
    [{ url: null }, "/url"],
    [{ events: "goal_completion" }, "/events"],
    [{ events: null }, "/events"],
    [{ events: ["test"] }, "/events/0"],
    [{ events: ["Goal_Completion"] }, "/events/0"],
    [{ name: 7 }, "/name"],
    [{ format: "xml" }, "/format"],
    [{ filters: [] }, "/filters"],
    [{ filters: { goals: "Signup" } }, "/filters/goals"],
    [{ filters: { goals: [1] } }, "/filters/goals/0"],
    [{ filters: { visitor_drop: 5 } }, "/filters/visitor_drop"],
    [{ headers: [] }, "/headers"],
    [{ headers: { "X-Team": 1 } }, "/headers/X-Team"],
    [{ enabled: "yes" }, "/enabled"],
    [{ enabled: 1 }, "/enabled"],
    [{ max_retries: "3" }, "/max_retries"],
    [{ timeout_ms: "10s" }, "/timeout_ms"],
    [{ rate_limit_per_minute: "60" }, "/rate_limit_per_minute"],
  ];
  for (const [fields, path] of table) {
    assertEquals(refusedAt(() => parsed(fields)), [path], JSON.stringify(fields));
  }
});

Deno.test("parseSettings() refuses unknown keys, each by its pointer, at every level", () => {
  const unknown = [
    [{ color: "red" }, "/color"],
    [{ id: "wh_x" }, "/id"],
    [{ status: "active" }, "/status"],
    [{ filters: { goal: ["x"] } }, "/filters/goal"],
    [{ filters: { visitor_spike: { thresholds: 1 } } }, "/filters/visitor_spike/thresholds"],
    [
      { filters: { visitor_drop: { percent_over_baseline: 1 } } },
      "/filters/visitor_drop/percent_over_baseline",
    ],
    [JSON.parse('{"__proto__":{"enabled":false}}'), "/__proto__"],
  ] as const;
  for (const [fields, path] of unknown) assertEquals(refusedAt(() => parsed(fields)), [path]);
});

Deno.test("parseSettings() names everything that is wrong at once", () => {
  const wrong = { events: [], max_retries: 99, timeout_ms: 1, color: "red" };
  assertEquals(refusedAt(() => parseSettings(wrong, DEFAULTS)).sort(), [
    "/color",
    "/events",
    "/max_retries",
    "/timeout_ms",
    "/url",
  ]);
});

Deno.test("parseSettings() and patchSettings() refuse what is no object", () => {
  const settings = parsed({});
  for (const input of [null, undefined, [], "x", 1, true]) {
    assertEquals(refusedAt(() => parseSettings(input, DEFAULTS)), [""]);
    assertEquals(refusedAt(() => patched(settings, input)), [""]);
  }
});

Deno.test("parseSettings() refuses a URL that is not absolute or holds what URL parsing would drop", () => {
  const refused = [
    "example.com/in",
    "/in",
    "https://",
    "https://exa mple.com/",
    " https://example.com/",
    "https://example.com/\n",
    "https://example.com/a\tb",
    "https://example.com/\0",
    "https://example.com/\x7f",
    "https://[::1/",
    "https://example.com:99999/",
  ];
  for (const url of refused) assertEquals(refusedAt(() => parsed({ url })), ["/url"], JSON.stringify(url));
  assertEquals(parsed({ url: "https://Example.com/In?A=%20" }).url, "https://Example.com/In?A=%20");
});

const RESERVED = [
  "host",
  "content-type",
  "content-length",
  "content-encoding",
  "content-anything",
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
  "webhook-anything",
  "x-webhook-signature",
  "x-webhook-signature-previous",
  "x-webhook-event",
  "x-webhook-site-id",
  "x-webhook-attempt",
  "x-webhook-test",
  "user-agent",
  "accept-encoding",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "proxy-authorization",
  "proxy-connection",
];

Deno.test("parseSettings() refuses headers that Tidings or HTTP itself sets, in any case of letters", () => {
  for (const name of RESERVED) {
    for (const written of [name, name.toUpperCase(), name.replace(/^./, (first) => first.toUpperCase())]) {
      assertEquals(refusedAt(() => parsed({ headers: { [written]: "v" } })), [`/headers/${written}`]);
    }
  }
});

Deno.test("parseSettings() allows authorization, and names that only look like reserved ones", () => {
  const names = [
    "Authorization",
    "Accept",
    "Hosts",
    "X-Host",
    "X-Content-Type",
    "My-Webhook-Id",
    "X-Webhooks",
    "Webhook",
    "Ted",
    "Proxy",
    "Cookie",
  ];
  for (const name of names) assertEquals(parsed({ headers: { [name]: "v" } }).headers, { [name]: "v" });
});

Deno.test("parseSettings() takes a header's name that is a token of RFC 9110 and no other", () => {
  const token = "!#$%&'*+-.^_`|~09AZaz";
  assertEquals(parsed({ headers: { [token]: "v" } }).headers, { [token]: "v" });
  for (const char of [...' \t\n\r\0"(),/:;<=>?@[\\]{}é\x7f']) {
    const name = `X${char}Y`;
    const [path, ...rest] = refusedAt(() => parsed({ headers: { [name]: "v" } }));
    assertEquals([path, rest], [`/headers/X${char.replace("/", "~1")}Y`, []]);
  }
  assertEquals(refusedAt(() => parsed({ headers: { "": "v" } })), ["/headers/"]);
});

Deno.test("parseSettings() takes a header's value of visible ASCII with spaces inside and no other", () => {
  for (const value of ["v", "Bearer a b", "!~", '{"a": 1}', "a".repeat(1024)]) {
    assertEquals(parsed({ headers: { Authorization: value } }).headers["Authorization"], value);
  }
  // A line break would let an owner write headers of their own; the rest fetch refuses or mangles.
  for (const value of ["", " ", " v", "v ", "a\nb", "a\r\nHost: x", "v\n", "a\tb", "a\0b", "é", "\x7f"]) {
    assertEquals(refusedAt(() => parsed({ headers: { "X-Team": value } })), ["/headers/X-Team"]);
  }
});

Deno.test("parseSettings() refuses a masked header value: there is none to keep", () => {
  assertEquals(refusedAt(() => parsed({ headers: { "X-Team": MASKED } })), ["/headers/X-Team"]);
});

Deno.test("parseSettings() and patchSettings() never put a value into what they say", () => {
  const value = "Zq7vault5ecretZq7";
  const places: JsonObject[] = [
    { url: value },
    { url: `https://example.com/${value} ` },
    { events: [value] },
    { events: value },
    { format: value },
    { name: value.repeat(10) },
    { headers: { "X-Team": `${value}\n` } },
    { headers: { "Host": value } },
    { headers: value },
    { enabled: value },
    { max_retries: value },
    { timeout_ms: value },
    { filters: value },
    { filters: { goals: value } },
    { filters: { goals: [value.repeat(40)] } },
    { filters: { visitor_spike: { threshold: value } } },
    { unknown: value },
  ];
  for (const fields of places) {
    for (const run of [() => parsed(fields), () => patched(FULL, fields)]) {
      const error = assertThrows(run, AppError);
      assertFalse((error.message + JSON.stringify(error.errors)).includes(value), JSON.stringify(fields));
    }
  }
});
