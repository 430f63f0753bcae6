/**
 * Samples of what is stored: webhooks, events, deliveries, acceptances, API keys, with ids that sort as real ones do.
 *
 * Owns builders, all deterministic: the same arguments give the same sample. A test names what it is about and gets
 * valid values for the rest.
 *
 * @module
 */
import type { ApiKey } from "../../lib/api_key.ts";
import { type Delivery, newDelivery, type ObservedAttempt } from "../../lib/delivery.ts";
import { leased } from "../../lib/delivery_moves.ts";
import type { Acceptance, StoredEvent } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";

/** When the samples happen: the first time of a manual clock. */
export const SAMPLE_AT = Date.UTC(2026, 0, 1);
/** The site of the samples. */
export const SAMPLE_SITE = "example.com";
/** A secret as an owner may bring one. */
export const SAMPLE_SECRET = "sample-secret-0123456789-abcdef";

/** Crockford's base 32, the alphabet of a ULID. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

function base32(value: number, chars: number): string {
  let text = "";
  for (let rest = value; text.length < chars; rest = Math.floor(rest / ALPHABET.length)) {
    text = (ALPHABET[rest % ALPHABET.length] ?? "") + text;
  }
  return text;
}

/** The time of a ULID: its first ten characters. */
export function sampleUlidPrefix(at_ms: number): string {
  return base32(Math.floor(at_ms), 10);
}

/**
 * A ULID.
 *
 * @param n Tells those of one time apart, and orders them.
 * @param at_ms Its time.
 */
export function sampleUlid(n: number, at_ms: number = SAMPLE_AT): string {
  return sampleUlidPrefix(at_ms) + base32(n, 16);
}

/** The id of an event. */
export function sampleEventId(n: number, at_ms: number = SAMPLE_AT): string {
  return `evt_${sampleUlid(n, at_ms)}`;
}

/** The id of a webhook. */
export function sampleWebhookId(n: number): string {
  return `wh_${sampleUlid(n)}`;
}

/** An active webhook with a secret and a header. */
export function sampleWebhook(n = 1, given: Partial<Webhook> = {}): Webhook {
  return {
    id: sampleWebhookId(n),
    site_id: SAMPLE_SITE,
    name: `Webhook ${n}`,
    url: `https://hooks.example.com/in/${n}`,
    format: "json",
    events: ["goal_completion", "custom_event"],
    filters: {
      goals: [],
      custom_events: ["Download"],
      error_types: [],
      visitor_spike: { threshold: 10, percent_over_baseline: null, readings: 1, cooldown_hours: 12 },
      visitor_drop: { threshold: 1, readings: 1, cooldown_hours: 12 },
    },
    headers: { Authorization: "Bearer sample-header-value" },
    enabled: true,
    max_retries: 3,
    timeout_ms: 10_000,
    rate_limit_per_minute: null,
    secrets: [{ value: SAMPLE_SECRET, expires_at: null }],
    pause_reason: null,
    cancelled_until: null,
    resumed_at: null,
    deleted_at: null,
    created_at: SAMPLE_AT,
    updated_at: SAMPLE_AT,
    ...given,
  };
}

/** A webhook as it is left when its owner deletes it: a tombstone. */
export function sampleTombstone(webhook: Webhook, deleted_at: number): Webhook {
  return {
    ...webhook,
    enabled: false,
    secrets: [],
    headers: {},
    cancelled_until: deleted_at,
    deleted_at,
    updated_at: deleted_at,
  };
}

/** An event; its id is of its time. */
export function sampleEvent(n = 1, given: Partial<StoredEvent> = {}): StoredEvent {
  const accepted_at = given.accepted_at ?? SAMPLE_AT;
  return {
    id: sampleEventId(n, accepted_at),
    site_id: SAMPLE_SITE,
    event: "goal_completion",
    accepted_at,
    timestamp: "2026-01-01T01:00:00+01:00",
    body: new TextEncoder().encode(`{"event":"goal_completion","n":${n}}`),
    decisions: [],
    ...given,
  };
}

/** The delivery of an event to a webhook, due when the event was accepted and held by nobody. */
export function sampleDelivery(
  event: StoredEvent,
  webhook_id: string,
  given: Partial<Delivery> = {},
): Delivery {
  const fresh = newDelivery({
    event_id: event.id,
    webhook_id,
    site_id: event.site_id,
    event: event.event,
    trigger: "automatic",
    created_at: event.accepted_at,
    queued_at: event.accepted_at,
  });
  return { ...fresh, ...given };
}

/**
 * An event with a delivery for each of some webhooks, as an acceptance without an idempotency key.
 *
 * @param event The event; its decisions are made here.
 * @param webhook_ids Whom it goes to.
 * @param lease Who holds all the deliveries and until when; without it they are due at once.
 */
export function sampleAcceptance(
  event: StoredEvent,
  webhook_ids: readonly string[],
  lease?: { readonly owner: string; readonly until_ms: number },
): Acceptance {
  return {
    event: { ...event, decisions: webhook_ids.map((webhook_id) => ({ webhook_id, reason: null })) },
    deliveries: webhook_ids.map((webhook_id) => {
      const delivery = sampleDelivery(event, webhook_id);
      return { delivery: lease === undefined ? delivery : leased(delivery, lease), marker_at: null };
    }),
    idempotency: null,
    listed: true,
  };
}

/** What a receiver that answered 500 leaves behind; `given` says what was different. */
export function sampleAttempt(at: number, given: Partial<ObservedAttempt> = {}): ObservedAttempt {
  return {
    trigger: "automatic",
    at,
    duration_ms: 12.5,
    status_code: 500,
    error: null,
    response_body: "no",
    ...given,
  };
}

/** An API key; its hash has the form of a SHA-256. */
export function sampleApiKey(n = 1, given: Partial<ApiKey> = {}): ApiKey {
  return {
    id: sampleUlid(n),
    hash: n.toString(16).padStart(64, "0"),
    name: `Key ${n}`,
    scope: "manage",
    sites: [SAMPLE_SITE],
    expires_at: null,
    created_at: SAMPLE_AT,
    last_used_at: null,
    ...given,
  };
}
