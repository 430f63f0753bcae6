/**
 * What a merge patch does to a webhook's settings: null resets, arrays replace, a masked header stays.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { JsonObject } from "../../lib/merge_patch.ts";
import { CONDITION_AT_FIRST, showWebhook } from "../../lib/shown_webhook.ts";
import { MASKED, type WebhookSettings } from "../../lib/webhook_settings.ts";
import {
  FULL,
  LIMITS,
  manyHeaders,
  parsed,
  patched,
  refusedAt,
  webhookOf,
} from "../helpers/webhook_settings.ts";

Deno.test("patchSettings() by nothing changes nothing", () => assertEquals(patched(FULL, {}), FULL));

Deno.test("patchSettings() changes the fields that are named and leaves the others", () => {
  const changes: JsonObject[] = [
    { name: "Other" },
    { url: "https://other.example/in" },
    { events: ["error_condition"] },
    { enabled: true },
    { max_retries: 0 },
    { timeout_ms: 30_000 },
    { rate_limit_per_minute: 1 },
  ];
  for (const change of changes) {
    assertEquals(patched(FULL, change), { ...FULL, ...change } as WebhookSettings);
  }
});

Deno.test("patchSettings() resets an optional field by null, to the default", () => {
  const table: [field: string, value: unknown][] = [
    ["name", "hooks.example.com"],
    ["format", "json"],
    ["filters", parsed({}).filters],
    ["headers", {}],
    ["enabled", true],
    ["max_retries", 3],
    ["timeout_ms", 10_000],
    ["rate_limit_per_minute", null],
  ];
  for (const [field, value] of table) {
    assertEquals(patched(FULL, { [field]: null }), { ...FULL, [field]: value } as WebhookSettings, field);
  }
});

Deno.test("patchSettings() resets inside filters as well", () => {
  const { filters } = patched(FULL, { filters: { goals: null, visitor_spike: { readings: null } } });
  assertEquals(filters, {
    ...FULL.filters,
    goals: [],
    visitor_spike: { ...FULL.filters.visitor_spike, readings: 1 },
  });
  assertEquals(
    patched(FULL, { filters: { visitor_spike: null } }).filters.visitor_spike,
    parsed({}).filters.visitor_spike,
  );
});

Deno.test("patchSettings() refuses null for url and events: they have no default", () => {
  assertEquals(refusedAt(() => patched(FULL, { url: null })), ["/url"]);
  assertEquals(refusedAt(() => patched(FULL, { events: null })), ["/events"]);
});

Deno.test("patchSettings() replaces arrays whole", () => {
  assertEquals(patched(FULL, { filters: { goals: ["Trial"] } }).filters.goals, ["Trial"]);
  assertEquals(patched(FULL, { filters: { goals: [] } }).filters.goals, []);
});

Deno.test("patchSettings() keeps a header's value where the mask is written back", () => {
  assertEquals(patched(FULL, { headers: { "X-Team": MASKED } }).headers, FULL.headers);
  assertEquals(
    patched(FULL, { headers: { "X-Team": MASKED, "Authorization": MASKED } }).headers,
    FULL.headers,
  );
});

Deno.test("patchSettings() takes back what showWebhook() answered: nothing changes", () => {
  const shown = showWebhook(webhookOf(FULL), { ...CONDITION_AT_FIRST, now_ms: 0 }, true);
  const settable = Object.fromEntries(Object.entries(shown).filter(([name]) => name in FULL));
  assertEquals(patched(FULL, settable), FULL);
});

Deno.test("patchSettings() knows a header in any case of letters and keeps the stored name", () => {
  assertEquals(patched(FULL, { headers: { "x-team": MASKED } }).headers, FULL.headers);
  assertEquals(patched(FULL, { headers: { "x-TEAM": "red" } }).headers, { ...FULL.headers, "X-Team": "red" });
  assertEquals(patched(FULL, { headers: { "authorization": null } }).headers, { "X-Team": "blue" });
});

Deno.test("patchSettings() adds a header beside the stored ones", () => {
  assertEquals(patched(FULL, { headers: { "X-New": "v" } }).headers, { ...FULL.headers, "X-New": "v" });
});

Deno.test("patchSettings() refuses a mask where no value is stored, at the escaped pointer", () => {
  assertEquals(refusedAt(() => patched(FULL, { headers: { "X-New": MASKED } })), ["/headers/X-New"]);
  assertEquals(refusedAt(() => patched(FULL, { headers: { "X~New": MASKED } })), ["/headers/X~0New"]);
});

Deno.test("patchSettings() refuses one header named twice, stored or new", () => {
  assertEquals(refusedAt(() => patched(FULL, { headers: { "X-Team": "a", "x-team": "b" } })), ["/headers"]);
  assertEquals(refusedAt(() => patched(FULL, { headers: { "X-New": "a", "x-new": "b" } })), ["/headers"]);
});

Deno.test("patchSettings() counts stored headers towards the ten", () => {
  const full = parsed({ headers: manyHeaders(10) });
  assertEquals(refusedAt(() => patched(full, { headers: { "X-New": "v" } })), ["/headers"]);
  const swapped = patched(full, { headers: { "X-Own-0": null, "X-New": "v" } });
  assertEquals(Object.keys(swapped.headers).length, 10);
});

Deno.test("patchSettings() holds the limits of a creation", () => {
  for (const [path, allowed, refused] of LIMITS) {
    for (const fields of allowed) patched(parsed({}), fields);
    for (const fields of refused) assertEquals(refusedAt(() => patched(parsed({}), fields)), [path]);
  }
});

Deno.test("patchSettings() refuses unknown and read-only keys", () => {
  for (const key of ["color", "id", "site_id", "secret", "status", "health", "created_at", "pause_reason"]) {
    assertEquals(refusedAt(() => patched(FULL, { [key]: "x" })), [`/${key}`]);
  }
});

Deno.test("a null under an unknown key is refused like any value: it would be taken without a word", () => {
  const unknown = [
    [`{"colour":null}`, "/colour"],
    [`{"__proto__":null}`, "/__proto__"],
    [`{"filters":{"goal":null}}`, "/filters/goal"],
    [`{"filters":{"visitor_spike":{"treshold":null}}}`, "/filters/visitor_spike/treshold"],
  ] as const;
  for (const [text, path] of unknown) {
    assertEquals(refusedAt(() => patched(FULL, JSON.parse(text))), [path]);
    assertEquals(refusedAt(() => parsed(JSON.parse(text))), [path]);
  }
  patched(FULL, {
    name: null,
    filters: { goals: null, visitor_drop: { readings: null } },
    headers: { "X-No": null },
  });
});

Deno.test("patchSettings() leaves what it is given as it was", () => {
  const before = structuredClone(FULL);
  patched(FULL, { headers: { "x-team": "red" }, filters: { goals: [] }, name: null });
  assertEquals(FULL, before);
});
