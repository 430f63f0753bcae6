/**
 * What each field means, in a sentence, for readers of the OpenAPI document.
 *
 * Owns the words. A name means the same everywhere; where it does not, what it is a field of stands before it. A test
 * fails when a field has no meaning, or a meaning no field.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../lib/merge_patch.ts";

/** By name, or by what it is a field of and name. */
export const MEANINGS: Readonly<Record<string, string>> = {
  // Ids and times.
  id: "Its id",
  site_id: "The site's domain as Plausible has it",
  webhook_id: "The webhook's id",
  event_id: "The event's id",
  delivery_id: "The delivery's id",
  request_id: "Names the request in the log of the service",
  created_at: "When it was made",
  updated_at: "When it was changed last",
  at: "When it happened",
  "NewReading.at": "When they were counted; now, if left out. At most 24 hours ahead",
  data: "The entries of this page",
  "EventTypes.data": "One entry a kind",
  "Keys.data": "All keys",
  "Webhooks.data": "All webhooks of the site",
  "Payload.data": "What happened, in the form of its kind",
  "NewEvent.data": "What happened, in the form of its kind",
  "BatchItem.data": "What happened, in the form of its kind",
  "ExplainableEvent.data": "What happened, in the form of its kind",
  event: "The kind of event",
  "TestRequest.event": "Send that kind's published example; a test event, if left out",
  timestamp: "When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is",
  "Payload.timestamp": "When it happened, as it was posted",
  accepted_at: "When Tidings had it on disk",
  idempotency_key:
    "Any text that is the event's own: posted twice under it, it is accepted once within 24 hours",

  // What happened.
  goal_name: "The goal's name: filters compare it",
  goal_id: "The goal's id in Plausible",
  goal_type: "What kind of goal it is",
  event_name: "The event's name: filters compare it",
  visitor_count: "How many visitors did it",
  event_count: "How often it was done, if more often than by each visitor once",
  path: "The page; its query string and fragment are cut off",
  props: "Properties of the event, at most 20",
  window_start: "Since when these are counted",
  window_end: "Up to when these are counted",
  current_visitors: "Visitors of the last five minutes",
  "VisitorDropData.current_visitors": "Visitors in the window",
  visitors_12h: "Visitors of the last twelve hours: what a drop is judged by",
  baseline: "How many are usual at this hour",
  "VisitorSpikeData.threshold": "What was reached",
  "VisitorDropData.threshold": "What was fallen below",
  window_hours: "How many hours were counted",
  top_sources: "Where the visitors came from, at most 10",
  top_pages: "What the visitors looked at, at most 10",
  source: "The source's name",
  page: "The page; its query string and fragment are cut off",
  visitors: "How many visitors",
  error_type: "A word for what is wrong: filters compare it",
  details: "More about it, at most 20 pairs",
  message: "What is wrong, in words",

  // Webhooks.
  name: "A name for people",
  "NewWebhook.name": "A name for people; the URL's host, if left out",
  url:
    "Where deliveries go: http(s), without credentials or fragment; plain http and private addresses only where " +
    "the operator allows them",
  format: "`json`, or a message of that service",
  events: "The kinds of event that it is told about, each once",
  "NewBatch.events": "The events, each accepted or refused by itself",
  filters: "Which events of these kinds it is told about",
  goals: "Exact names of goals; empty: all",
  custom_events: "Exact names of custom events; empty: all",
  error_types: "Exact words of `error_type`; empty: all",
  visitor_spike: "When it is told of a spike",
  visitor_drop: "When it is told of a drop",
  "visitor_spike.threshold": "Told when `current_visitors` is this or more",
  "visitor_drop.threshold": "Told when visitors are fewer than this",
  percent_over_baseline: "Told only when visitors are this many percent above what is usual at this hour",
  readings: "How many readings in a row must say so",
  cooldown_hours: "Hours of silence after it was told",
  headers: "Headers of your own, at most 10; values are encrypted at rest and shown as `********`",
  "SealedParts.headers": "Header values, sealed",
  "sealed.headers": "Header values, sealed",
  "Verification.headers": "The headers of the delivery, as the receiver got them",
  enabled: "Whether it is told anything; true also ends a pause",
  max_retries: "How often a delivery is tried again",
  timeout_ms: "Milliseconds that an attempt may take, from look-up to the end of the answer",
  rate_limit_per_minute: "How many sends within any minute; what is more waits. Null: no limit",
  secret: "What deliveries are signed with",
  "Verification.secret": "The secret that the receiver verifies with",
  standard_secret: "The same in the form that libraries of Standard Webhooks take",
  overlap_hours: "For how many hours the secret before signs along",
  status_reason: "Why it was paused; null if it was not",
  previous_secret_expires_at: "Until when the secret before signs along; null if none does",
  health: "How its receiver is doing",
  consecutive_failures: "Failed attempts in a row",
  last_success_at: "When an attempt succeeded last",
  last_failure_at: "When an attempt failed last",
  breaker:
    "`open`: nothing is sent for a while, since the receiver is down; `half_open`: one delivery is tried",
  pending: "How many deliveries wait",
  spike: "What is remembered about spikes",
  drop: "What is remembered about drops",
  last_triggered_at: "When it was told last",
  silent_until: "Until when it is silent about it",
  since: "From when on",
  until: "Up to when, that time excluded; now, if left out",
  recovered: "How many deliveries were revived or made",

  // Deliveries.
  "Delivery.status":
    "`pending` until it is `delivered`; or `exhausted` (no retry is left), `cancelled` (the webhook is " +
    "not active), `blocked` (its address is not allowed)",
  "Webhook.status": "`disabled` by you, `paused` by Tidings",
  "Problem.status": "The HTTP status",
  "Alive.status": "Always the same: whoever reads it was answered",
  "Ready.status": "It can work",
  "NotReady.status": "It can't work",
  next_attempt_at: "When it is tried again; null if it is not, or is just now",
  attempts_total: "How many attempts there were",
  attempts: "The first attempt and the last 19",
  "Stats.attempts": "Attempts that were recorded",
  payload: "What was posted",
  "DeliveryWithPayload.payload": "What was sent; null if it is kept no longer",
  number: "1 is the first",
  trigger: "Why it was made: by itself, by hand, by a recovery, as a test",
  duration_ms: "Milliseconds it took",
  status_code: "The HTTP status of the receiver's answer; null if there was none",
  outcome: "What it came to: `retry` when another follows, `failed` when none does, `gone` after 410",
  error: "Why there was no answer; null if there was one",
  "results.error": "Why this item was refused",
  response_body: "The first 1,024 bytes of the answer, personal data removed",

  // Decisions.
  queued: "How many webhooks are told",
  skipped: "Who is not told, and why",
  reason: "Why it is not told",
  "signatures.reason": "What is wrong with it",
  decisions: "One for every webhook of the site",
  told: "Whether it would be told",
  triggered: "Who is told",
  duplicate: "It had been accepted before under this key",
  accepted: "Events that were accepted",
  duplicates: "Events that had been accepted before",
  rejected: "Events that were refused",

  // Signatures.
  body: "The raw body of the delivery, as the receiver got it",
  signatures: "One entry a signature header",
  header: "Which header",
  valid: "Whether it is valid",
  hint: "What to do about it",

  // Watches.
  "NewWatch.visitors": "Whether readings are taken",
  "Watch.visitors": "Whether readings are taken",
  "NewWatch.goals": "Whether completed goals are told",
  "Watch.goals": "Whether completed goals are told",
  "NewWatch.custom_events": "Whether custom events are told",
  "Watch.custom_events": "Whether custom events are told",
  "NewWatch.errors": "Whether failures of the Stats API are told",
  "Watch.errors": "Whether failures of the Stats API are told",
  errors: "The fields at fault, at most a hundred",
  api_key: "A key of the Stats API for this site; that of the operator, if left out",
  interval_s: "Seconds between two looks",
  last_round_at: "When it was looked at last",
  last_error: "What went wrong then; null if nothing did",
  next_round_at: "When it is looked at next",

  // Keys and administration.
  scope: "What it may do",
  sites: "The sites it is for; `*`: all",
  "Export.sites": "Every site with its webhooks",
  "Import.sites": "Sites with their webhooks",
  expires_at: "When it ends; null: never",
  last_used_at: "When it was used last",
  key: "The key's text, shown only here",
  keys: "All keys, without their texts",
  webhooks: "The site's webhooks",
  "Site.webhooks": "How many webhooks it has",
  accept_old_for_days: "For how many days the old name is accepted",
  accepted_until: "Until when it is accepted",
  last_event_at: "When it had its last event",
  action: "What was done, such as `webhook.created`",
  subject: "The id of what it was done to; `*`: everything",
  hour: "When the hour begins",
  delivered: "Attempts that succeeded",
  retried: "Attempts that failed and were tried again",
  failed: "Attempts that failed for good",
  blocked: "Attempts that the guard refused",
  gone: "Attempts that were answered 410",
  duration_ms_total: "Milliseconds that attempts took together",
  exported_at: "When it was exported",
  version: "The version of this release",
  instance: "The id of this process, another after every start",
  "Export.version": "The version of this form",
  "Import.version": "The version of this form",
  sealed: "Secrets and header values, encrypted with `TIDINGS_SECRET_KEY`",
  secrets: "Secrets, newest first, sealed",
  value: "The secret, sealed",
  created: "How many webhooks were made",
  updated: "How many webhooks were changed",
  unchanged: "How many webhooks were as the document says",

  // The service.
  description: "What it is, in a sentence",
  links: "Where to go on",
  problems: "What keeps it from working",
  openapi: "The version of OpenAPI",
  info: "What this is a description of",
  type: "`urn:tidings:error:` and the code",
  title: "What the code means",
  detail: "What happened, for people; it never holds personal data",
  code: "What went wrong: decide by this",
};

const PARAMETERS: Readonly<Record<string, string>> = {
  since: "From when on",
  until: "Up to when, that time excluded",
  limit: "How many entries a page has at most",
  cursor: "The `next_cursor` of the page before",
  event: "Only this kind of event",
  status: "Only deliveries in this state",
  webhook_id: "Only deliveries to this webhook",
  site_id: "Only this site",
  secrets: "`sealed`: with secrets and header values, encrypted as they are at rest",
};

/** Answers that are another with more fields: the words are the other's. */
const LIKE: Readonly<Record<string, string>> = {
  DeliveryWithPayload: "Delivery",
  TestedDelivery: "Delivery",
  WebhookWithSecret: "Webhook",
  ExportedWebhook: "Webhook",
};

/**
 * Under which name the meaning of a field is kept.
 *
 * @param within The schema or the field that it is a field of.
 * @param name Its own name.
 * @returns The name of its meaning, or null if none is known.
 */
function keyOf(within: string, name: string): string | null {
  const keys = [`${within}.${name}`, `${LIKE[within]}.${name}`, name];
  return keys.find((key) => Object.hasOwn(MEANINGS, key)) ?? null;
}

/** What a field means: what its own schema says, or what its name does. */
function described(schema: JsonObject, within: string, name: string): JsonObject {
  const inner = withMeanings(schema, name);
  if (typeof inner["description"] === "string") return inner;
  const key = keyOf(within, name);
  if (key === null) return inner;
  return { ...inner, description: MEANINGS[key] };
}

/**
 * Says of every field of a schema what it means.
 *
 * @param schema JSON Schema.
 * @param within Its name, or that of the field that it is the schema of.
 * @returns The same with descriptions.
 */
export function withMeanings(schema: JsonObject, within: string): JsonObject {
  return Object.fromEntries(
    Object.entries(schema).map(([word, value]) => {
      if (word === "properties" && isJsonObject(value)) {
        const fields = Object.entries(value).map(([name, field]) => [
          name,
          isJsonObject(field) ? described(field, within, name) : field,
        ]);
        return [word, Object.fromEntries(fields)];
      }
      if (word === "anyOf" && Array.isArray(value)) {
        return [word, value.map((one) => isJsonObject(one) ? withMeanings(one, within) : one)];
      }
      const inside = word === "items" || word === "additionalProperties";
      return [word, inside && isJsonObject(value) ? withMeanings(value, within) : value];
    }),
  );
}

/**
 * What a query parameter means.
 *
 * @param name Its name.
 * @returns A description, or nothing.
 */
export function parameterMeaning(name: string): { readonly description?: string } {
  const description = PARAMETERS[name];
  return description === undefined ? {} : { description };
}
