/**
 * Events in the OpenAPI document: what may be posted, the answers, the operations.
 *
 * @module
 */
import { z } from "zod";
import type { AcceptResult } from "../lib/accept.ts";
import { type BatchAnswer, batchSchema } from "../lib/accept_batch.ts";
import { SKIP_REASONS } from "../lib/decide.ts";
import { eventSchema, type ShownPayload } from "../lib/event.ts";
import {
  type ExplainedDecision,
  querySchema,
  type ShownDecision,
  type ShownEvent,
} from "../lib/event_history.ts";
import {
  describeEventTypes,
  EVENT_DATA,
  EVENT_NAMES,
  type EventName,
  type EventTypeDescription,
} from "../lib/event_types.ts";
import { idempotencyKeySchema } from "../lib/idempotency_key.ts";
import { PERSONAL_KEYS } from "../lib/privacy/personal_data.ts";
import { payload } from "./openapi_deliveries.ts";
import {
  EXAMPLE_EVENT,
  EXAMPLE_EXPLAINED,
  EXAMPLE_IDS,
  EXAMPLE_PAYLOAD,
  EXAMPLE_SKIPPED,
  exampleEvent,
} from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { fieldError, problem } from "./openapi_refusals.ts";
import { answerOf, count, deliveredEvent, nextCursor, request, time } from "./openapi_schema.ts";

/** `GoalCompletion` for `goal_completion`. */
function pascalCase(name: EventName): string {
  return name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

for (const name of EVENT_NAMES) request(`${pascalCase(name)}Data`, EVENT_DATA[name]);

const each = EVENT_NAMES.map((name) => eventSchema(name));
const newEvent = request("NewEvent", z.union(each));
const batchItem = request(
  "BatchItem",
  z.union(each.map((schema) => schema.extend({ idempotency_key: idempotencyKeySchema.optional() }))),
);
const anything = z.unknown().meta({
  description: "What is no valid event gets an error of its own, and the others are accepted",
});
const explainable = request(
  "ExplainableEvent",
  z.union(each.map((schema) => schema.partial({ site_id: true }))),
);
const newBatch = request("NewBatch", batchSchema(z.union([batchItem, anything])));

const skipped = z.array(z.strictObject({ webhook_id: z.string(), reason: z.enum(SKIP_REASONS) }));

/** An accepted event. */
const accepted = answerOf<Omit<AcceptResult, "duplicate">>()(
  "Accepted",
  z.strictObject({ id: z.string(), queued: count, skipped }),
);

/** An event that had been accepted before. */
const duplicate = answerOf<Omit<AcceptResult, "duplicate"> & { duplicate: true }>()(
  "AcceptedBefore",
  accepted.extend({ duplicate: z.literal(true) }),
);

/** What came of a batch. */
const batch = answerOf<BatchAnswer>()(
  "BatchAnswer",
  z.strictObject({
    accepted: count,
    duplicates: count,
    rejected: count,
    results: z.array(z.union([
      z.strictObject({ id: z.string(), queued: count, duplicate: z.literal(true).exactOptional() }),
      z.strictObject({
        error: z.strictObject({
          code: problem.shape.code,
          detail: z.string(),
          errors: z.array(fieldError),
        }),
      }),
    ])).meta({ description: "In the order of the items" }),
  }),
);

const event = answerOf<ShownEvent>()(
  "Event",
  z.strictObject({
    id: z.string(),
    event: deliveredEvent,
    timestamp: z.string().meta({ description: "As it was posted" }),
    accepted_at: time,
    queued: count.meta({ description: "How many webhooks were told" }),
    skipped: count.meta({ description: "How many were not" }),
  }),
);

/** A page of events. */
const events = answerOf<{ data: ShownEvent[]; next_cursor: string | null }>()(
  "EventPage",
  z.strictObject({ data: z.array(event), next_cursor: nextCursor }),
);

const decision = answerOf<ShownDecision>()(
  "Decision",
  z.union([
    z.strictObject({ webhook_id: z.string(), delivery_id: z.string() }),
    z.strictObject({ webhook_id: z.string(), reason: z.enum(SKIP_REASONS) }),
  ]),
);

/** An event with what was decided about it. */
const eventWithDecisions = answerOf<ShownEvent & { payload: ShownPayload; decisions: ShownDecision[] }>()(
  "EventWithDecisions",
  event.extend({ payload, decisions: z.array(decision) }),
);

/** What would be decided. */
const explained = answerOf<{ decisions: ExplainedDecision[] }>()(
  "Explained",
  z.strictObject({
    decisions: z.array(z.strictObject({
      webhook_id: z.string(),
      name: z.string(),
      told: z.boolean(),
      reason: z.enum(SKIP_REASONS).nullable(),
    })),
  }),
);

/** The kinds of event. */
const eventTypes = answerOf<{ data: EventTypeDescription[]; personal_keys: string[] }>()(
  "EventTypes",
  z.strictObject({
    data: z.array(z.strictObject({
      name: z.enum(EVENT_NAMES),
      description: z.string(),
      schema: z.unknown().meta({ description: "JSON Schema (2020-12) of data" }),
      example: z.unknown().meta({ description: "An example of data" }),
    })),
    personal_keys: z.array(z.string()).meta({ description: "Keys that count as personal data" }),
  }),
);

const ACCEPTED: Omit<AcceptResult, "duplicate"> = {
  id: EXAMPLE_IDS.event_id,
  queued: 1,
  skipped: [EXAMPLE_SKIPPED],
};

const BATCH: BatchAnswer = {
  accepted: 1,
  duplicates: 0,
  rejected: 1,
  results: [
    { id: EXAMPLE_IDS.event_id, queued: 1 },
    {
      error: {
        code: "personal_data",
        detail: "Cannot accept /data/path: it must not contain personal data (found: email address)",
        errors: [{
          path: "/events/1/data/path",
          message: "must not contain personal data (found: email address)",
        }],
      },
    },
  ],
};

const EXAMPLE: ShownEvent & { payload: ShownPayload; decisions: ShownDecision[] } = {
  ...EXAMPLE_EVENT,
  payload: EXAMPLE_PAYLOAD,
  decisions: [
    { webhook_id: EXAMPLE_IDS.webhook_id, delivery_id: EXAMPLE_IDS.delivery_id },
    EXAMPLE_SKIPPED,
  ],
};

const path = "/v1/sites/{site_id}/events";

/** What there is about events. */
export const EVENT_OPERATIONS: Operations = {
  "GET /v1/event-types": {
    id: "listEventTypes",
    tag: "Events",
    summary: "What may be posted, and what counts as personal data",
    access: "none",
    errors: ["unknown_parameter"],
    answers: {
      200: {
        description: "The kinds of event",
        body: {
          schema: eventTypes,
          example: { data: describeEventTypes().slice(0, 1), personal_keys: PERSONAL_KEYS.slice(0, 8) },
        },
      },
    },
  },
  "POST /v1/events": {
    id: "postEvent",
    tag: "Events",
    summary: "Post an event",
    description:
      "The answer leaves once the event is on disk and scheduled. The query string and fragment of `path` " +
      "and `page` are cut off first. Personal data is refused.",
    access: "ingest",
    headers: {
      "Idempotency-Key": {
        description:
          "Any text that is the event's own: posted twice under it, it is accepted once within 24 hours",
        schema: idempotencyKeySchema.optional(),
        example: "signup-1",
      },
    },
    body: {
      schema: newEvent,
      refused: "missing_count",
      examples: Object.fromEntries(EVENT_NAMES.map((name) => [name, exampleEvent(name)])),
    },
    answers: {
      202: {
        description: "Accepted: who is told, and who is not and why",
        body: { schema: accepted, example: ACCEPTED },
      },
      200: {
        description: "It had been accepted before under this key",
        body: { schema: duplicate, example: { ...ACCEPTED, duplicate: true } },
      },
    },
    errors: ["foreign_site_event", "personal_data", "idempotency_key_reused", "rate_limited"],
  },
  "POST /v1/events/batch": {
    id: "postEvents",
    tag: "Events",
    summary: "Post up to 1,000 events",
    description: "Each is accepted or refused by itself. 422 only if none is valid.",
    access: "ingest",
    body: {
      schema: newBatch,
      too_large: "document_too_large",
      refused: "no_events",
      examples: { two: { events: [exampleEvent("goal_completion"), exampleEvent("custom_event")] } },
    },
    answers: { 202: { description: "What came of each", body: { schema: batch, example: BATCH } } },
    errors: ["batch_rate_limited"],
  },
  [`GET ${path}`]: {
    id: "listEvents",
    tag: "Events",
    summary: "List the events of a site, newest first",
    access: "read",
    query: querySchema,
    answers: {
      200: {
        description: "A page",
        body: { schema: events, example: { data: [EXAMPLE_EVENT], next_cursor: null } },
      },
    },
  },
  [`GET ${path}/{event_id}`]: {
    id: "getEvent",
    tag: "Events",
    summary: "Show an event with what was decided about it",
    access: "read",
    errors: ["no_such_event"],
    answers: { 200: { description: "The event", body: { schema: eventWithDecisions, example: EXAMPLE } } },
  },
  "POST /v1/sites/{site_id}/explain": {
    id: "explainEvent",
    tag: "Events",
    summary: "Say who would be told about an event, and why the others would not",
    description: "Nothing is stored or sent.",
    access: "manage",
    body: {
      schema: explainable,
      refused: "missing_count",
      examples: { goal: exampleEvent("goal_completion") },
    },
    answers: {
      200: {
        description: "A decision for every webhook of the site",
        body: { schema: explained, example: { decisions: EXAMPLE_EXPLAINED } },
      },
    },
    errors: ["personal_data"],
  },
};
