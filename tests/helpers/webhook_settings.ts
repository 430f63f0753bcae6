/**
 * Webhooks for tests: settings made and changed the way callers do it, and the contract's limits as a table.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { EVENT_NAMES } from "../../lib/event_types.ts";
import type { JsonObject } from "../../lib/merge_patch.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { parseSettings, patchSettings, type WebhookSettings } from "../../lib/webhook_settings.ts";

/** What the environment decides. */
export const DEFAULTS = { timeout_ms: 10_000 };
/** The body of a creation with nothing but what it needs. */
export const LEAST = { url: "https://hooks.example.com/in", events: ["goal_completion"] };

/** The settings of a webhook created with these fields. */
export function parsed(fields: JsonObject): WebhookSettings {
  return parseSettings({ ...LEAST, ...fields }, DEFAULTS);
}

/** The settings after a patch. */
export function patched(before: WebhookSettings, patch: unknown): WebhookSettings {
  return patchSettings(before, patch, DEFAULTS);
}

/** Where the fields at fault are, each once: one value may break two rules. */
export function refusedAt(run: () => unknown): string[] {
  const error = assertThrows(run, AppError);
  assertEquals(error.code, "validation_failed");
  assert(error.errors.every(({ message }) => message.length > 0));
  return [...new Set(error.errors.map(({ path }) => path))];
}

/** The settings with one filter set. */
function withFilter(name: string, value: unknown): JsonObject {
  return { filters: { [name]: value } };
}

function words(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `word ${index}`);
}

/** So many headers, each of its own name. */
export function manyHeaders(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`X-Own-${index}`, "v"]));
}

function urlOfLength(length: number): string {
  return "https://e.com/".padEnd(length, "x");
}

/** Each limit of the contract: what is just allowed, and what is just not. */
export const LIMITS: [path: string, allowed: JsonObject[], refused: JsonObject[]][] = [
  ["/url", [{ url: urlOfLength(2048) }], [{ url: urlOfLength(2049) }, { url: "" }]],
  ["/name", [{ name: "x" }, { name: "x".repeat(100) }], [{ name: "" }, { name: "x".repeat(101) }]],
  ["/events", [{ events: [...EVENT_NAMES] }], [{ events: [] }, {
    events: ["goal_completion", "goal_completion"],
  }]],
  ["/max_retries", [{ max_retries: 0 }, { max_retries: 10 }], [
    { max_retries: -1 },
    { max_retries: 11 },
    { max_retries: 1.5 },
  ]],
  ["/timeout_ms", [{ timeout_ms: 1000 }, { timeout_ms: 30_000 }], [
    { timeout_ms: 999 },
    { timeout_ms: 30_001 },
    { timeout_ms: 1000.5 },
  ]],
  ["/rate_limit_per_minute", [{ rate_limit_per_minute: 1 }, { rate_limit_per_minute: 60_000 }], [
    { rate_limit_per_minute: 0 },
    { rate_limit_per_minute: 60_001 },
    { rate_limit_per_minute: 1.5 },
  ]],
  ["/filters/goals", [withFilter("goals", words(100))], [withFilter("goals", words(101))]],
  ["/filters/custom_events", [withFilter("custom_events", words(100))], [
    withFilter("custom_events", words(101)),
  ]],
  ["/filters/error_types", [withFilter("error_types", words(100))], [withFilter("error_types", words(101))]],
  ["/filters/goals/0", [withFilter("goals", ["x".repeat(500)])], [
    withFilter("goals", ["x".repeat(501)]),
    withFilter("goals", [""]),
  ]],
  ["/filters/visitor_spike/cooldown_hours", [
    withFilter("visitor_spike", { cooldown_hours: 0 }),
    withFilter("visitor_spike", { cooldown_hours: 0.25 }),
    withFilter("visitor_spike", { cooldown_hours: 168 }),
  ], [
    withFilter("visitor_spike", { cooldown_hours: -0.1 }),
    withFilter("visitor_spike", { cooldown_hours: 168.1 }),
  ]],
  ["/filters/visitor_drop/cooldown_hours", [
    withFilter("visitor_drop", { cooldown_hours: 0 }),
    withFilter("visitor_drop", { cooldown_hours: 168 }),
  ], [
    withFilter("visitor_drop", { cooldown_hours: -1 }),
    withFilter("visitor_drop", { cooldown_hours: 169 }),
  ]],
  ["/filters/visitor_spike/threshold", [withFilter("visitor_spike", { threshold: 1 })], [
    withFilter("visitor_spike", { threshold: 0 }),
    withFilter("visitor_spike", { threshold: -5 }),
  ]],
  ["/filters/visitor_spike/percent_over_baseline", [
    withFilter("visitor_spike", { percent_over_baseline: 0.5 }),
    withFilter("visitor_spike", { percent_over_baseline: 900 }),
  ], [
    withFilter("visitor_spike", { percent_over_baseline: 0 }),
    withFilter("visitor_spike", { percent_over_baseline: -1 }),
  ]],
  ["/filters/visitor_spike/readings", [withFilter("visitor_spike", { readings: 1 })], [
    withFilter("visitor_spike", { readings: 0 }),
    withFilter("visitor_spike", { readings: 1.5 }),
  ]],
  ["/filters/visitor_drop/readings", [withFilter("visitor_drop", { readings: 2 })], [
    withFilter("visitor_drop", { readings: 0 }),
  ]],
  ["/headers", [{ headers: manyHeaders(10) }], [
    { headers: manyHeaders(11) },
    { headers: { "X-Team": "a", "x-team": "b" } },
  ]],
  [`/headers/${"n".repeat(65)}`, [{ headers: { ["n".repeat(64)]: "v" } }], [{
    headers: { ["n".repeat(65)]: "v" },
  }]],
  ["/headers/X-Team", [{ headers: { "X-Team": "v".repeat(1024) } }], [
    { headers: { "X-Team": "v".repeat(1025) } },
    { headers: { "X-Team": "" } },
  ]],
];

/** Settings in which nothing is at its default. */
export const FULL = parsed({
  name: "Sales channel",
  events: ["visitor_spike", "custom_event"],
  filters: {
    goals: ["Signup", "Purchase"],
    visitor_spike: { threshold: 100, percent_over_baseline: 50, readings: 3, cooldown_hours: 1 },
  },
  headers: { "X-Team": "blue", "Authorization": "Bearer abc" },
  enabled: false,
  max_retries: 7,
  timeout_ms: 5000,
  rate_limit_per_minute: 60,
});

/** A webhook of these settings. */
export function webhookOf(settings: WebhookSettings, fields: Partial<Webhook> = {}): Webhook {
  return {
    ...settings,
    id: "wh_01JMZ0000000000000000000BB",
    site_id: "example.com",
    secrets: [{ value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=", expires_at: null }],
    pause_reason: null,
    cancelled_until: null,
    resumed_at: null,
    deleted_at: null,
    created_at: Date.parse("2026-02-25T12:00:00.000Z"),
    updated_at: Date.parse("2026-02-25T12:00:00.500Z"),
    ...fields,
  };
}
