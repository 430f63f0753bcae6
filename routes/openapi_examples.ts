/**
 * What the answers of the OpenAPI document look like: one site, its webhook, one event and what became of it.
 *
 * Owns the examples that several answers share. Each has the type that its use case returns, and a test holds each
 * against its schema.
 *
 * @module
 */
import type { ShownAuditEntry } from "../lib/audit.ts";
import type { ExplainedDecision, ShownEvent } from "../lib/event_history.ts";
import { EVENT_EXAMPLES, type EventName } from "../lib/event_types.ts";
import type { ExportedWebhook } from "../lib/export.ts";
import type { ShownDelivery } from "../lib/history.ts";
import type { ShownKey } from "../lib/keys.ts";
import type { ShownSecret } from "../lib/secret.ts";
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import type { ShownStats } from "../lib/stat_page.ts";
import type { ShownWatch } from "../lib/watch.ts";

const ULID = "01JMZ0000000000000000000AA";
const SITE = "example.com";

/** A process. */
export const EXAMPLE_INSTANCE = ULID;
/** The ids of the examples. */
export const EXAMPLE_IDS = {
  site_id: SITE,
  webhook_id: `wh_${ULID}`,
  event_id: `evt_${ULID}`,
  delivery_id: `dlv_${ULID}${ULID}`,
  key_id: ULID,
  request_id: "0b5c1a9e-7d42-4c3a-9a57-2f1f6a0c8e11",
} as const;
const { webhook_id, event_id, delivery_id } = EXAMPLE_IDS;

/** When the examples happen: an event, and a little later. */
const POSTED_AT = "2026-02-25T12:00:00Z";
const ACCEPTED_AT = "2026-02-25T12:00:00.412Z";
const SENT_AT = "2026-02-25T12:00:00.431Z";
const MADE_AT = "2026-02-20T09:30:00.000Z";

/**
 * An event as it is posted.
 *
 * @param name Its kind.
 * @returns The published example of that kind.
 */
export function exampleEvent(name: EventName): Record<string, unknown> {
  return { event: name, site_id: SITE, timestamp: POSTED_AT, data: EVENT_EXAMPLES[name] };
}

/** What was posted. */
export const EXAMPLE_PAYLOAD = {
  event: "goal_completion",
  site_id: SITE,
  timestamp: POSTED_AT,
  data: EVENT_EXAMPLES.goal_completion,
};

const SETTINGS = {
  name: "Sales channel",
  url: "https://hooks.example.com/in",
  format: "json",
  events: ["goal_completion", "visitor_spike"],
  filters: {
    goals: ["Signup"],
    custom_events: [],
    error_types: [],
    visitor_spike: { threshold: 100, percent_over_baseline: null, readings: 1, cooldown_hours: 12 },
    visitor_drop: { threshold: 1, readings: 1, cooldown_hours: 12 },
  },
  headers: { "X-Team": "********" },
  enabled: true,
  max_retries: 3,
  timeout_ms: 10_000,
  rate_limit_per_minute: null,
} as const;

/** A webhook that was told something a moment ago. */
export const EXAMPLE_WEBHOOK: ShownWebhook = {
  id: webhook_id,
  site_id: SITE,
  ...SETTINGS,
  events: [...SETTINGS.events],
  filters: { ...SETTINGS.filters, goals: [...SETTINGS.filters.goals], custom_events: [], error_types: [] },
  status: "active",
  status_reason: null,
  previous_secret_expires_at: null,
  health: {
    consecutive_failures: 0,
    last_success_at: SENT_AT,
    last_failure_at: null,
    breaker: "closed",
    pending: 0,
  },
  spike: { last_triggered_at: null, silent_until: null },
  drop: { last_triggered_at: null, silent_until: null },
  created_at: MADE_AT,
  updated_at: MADE_AT,
};

/** A secret in its two forms. */
export const EXAMPLE_SECRET: ShownSecret = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=",
  standard_secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=",
};

/** The webhook as it is exported, with what is sealed. */
export const EXAMPLE_EXPORTED: ExportedWebhook = {
  id: webhook_id,
  ...SETTINGS,
  events: [...SETTINGS.events],
  filters: { ...SETTINGS.filters, goals: [...SETTINGS.filters.goals], custom_events: [], error_types: [] },
  status: "active",
  status_reason: null,
  created_at: MADE_AT,
  updated_at: MADE_AT,
};

/** A delivery whose first attempt succeeded. */
export const EXAMPLE_DELIVERY: ShownDelivery = {
  id: delivery_id,
  site_id: SITE,
  webhook_id,
  event_id,
  event: "goal_completion",
  status: "delivered",
  created_at: ACCEPTED_AT,
  next_attempt_at: null,
  attempts_total: 1,
  attempts: [{
    number: 1,
    trigger: "automatic",
    at: SENT_AT,
    duration_ms: 12.4,
    status_code: 200,
    outcome: "delivered",
    error: null,
    response_body: "ok",
  }],
};

/** The same with a second attempt under way, made by hand. */
export const EXAMPLE_REDELIVERY: ShownDelivery = {
  ...EXAMPLE_DELIVERY,
  status: "pending",
  attempts: [{
    number: 1,
    trigger: "automatic",
    at: SENT_AT,
    duration_ms: 3.1,
    status_code: 503,
    outcome: "failed",
    error: null,
    response_body: "busy",
  }],
};

/** A test that the receiver refused. */
export const EXAMPLE_TESTED: ShownDelivery = {
  ...EXAMPLE_DELIVERY,
  event: "test",
  status: "exhausted",
  attempts: [{
    number: 1,
    trigger: "test",
    at: SENT_AT,
    duration_ms: 8.9,
    status_code: 404,
    outcome: "failed",
    error: null,
    response_body: "Not Found",
  }],
};

/** An event as it is listed. */
export const EXAMPLE_EVENT: ShownEvent = {
  id: event_id,
  event: "goal_completion",
  timestamp: POSTED_AT,
  accepted_at: ACCEPTED_AT,
  queued: 1,
  skipped: 1,
};

/** A webhook that is told nothing. */
export const EXAMPLE_SKIPPED = { webhook_id: "wh_01JMZ0000000000000000000BB", reason: "filtered" } as const;

/** What would be decided for both. */
export const EXAMPLE_EXPLAINED: ExplainedDecision[] = [
  { webhook_id, name: SETTINGS.name, told: true, reason: null },
  { webhook_id: EXAMPLE_SKIPPED.webhook_id, name: "Downloads", told: false, reason: EXAMPLE_SKIPPED.reason },
];

/** A key. */
export const EXAMPLE_KEY: ShownKey = {
  id: EXAMPLE_IDS.key_id,
  name: "Plausible",
  scope: "ingest",
  sites: ["*"],
  expires_at: null,
  created_at: MADE_AT,
  last_used_at: ACCEPTED_AT,
};

/** What the webhook's creation left in the audit. */
export const EXAMPLE_AUDIT: ShownAuditEntry = {
  at: MADE_AT,
  actor: "environment",
  action: "webhook.created",
  site_id: SITE,
  subject: webhook_id,
  changes: ["url", "events", "filters", "headers", "name"],
};

/** The webhook's counters of an hour. */
export const EXAMPLE_STATS: ShownStats = {
  hour: "2026-02-25T12:00:00.000Z",
  site_id: SITE,
  webhook_id,
  accepted: 1,
  attempts: 1,
  delivered: 1,
  retried: 0,
  failed: 0,
  blocked: 0,
  gone: 0,
  duration_ms_total: 12.4,
};

/** A watch that has looked once. */
export const EXAMPLE_WATCH: ShownWatch = {
  site_id: SITE,
  visitors: true,
  goals: true,
  custom_events: false,
  errors: true,
  has_api_key: false,
  interval_s: 60,
  last_round_at: ACCEPTED_AT,
  last_error: null,
  next_round_at: "2026-02-25T12:01:00.412Z",
};
