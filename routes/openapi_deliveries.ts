/**
 * Deliveries in the OpenAPI document: their answers and operations.
 *
 * @module
 */
import { z } from "zod";
import { type Attempt, ATTEMPT_ERRORS, DELIVERY_STATUSES, OUTCOMES, TRIGGERS } from "../lib/delivery.ts";
import { type ShownPayload, stored } from "../lib/event.ts";
import { querySchema, type ShownDelivery } from "../lib/history.ts";
import { EXAMPLE_DELIVERY, EXAMPLE_PAYLOAD, EXAMPLE_REDELIVERY } from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { answerOf, count, deliveredEvent, nextCursor, time, timeOrNull } from "./openapi_schema.ts";

/** What was posted, as it is shown. */
export const payload = answerOf<ShownPayload>()("Payload", stored);

const attempt = answerOf<Omit<Attempt, "at"> & { readonly at: string }>()(
  "Attempt",
  z.strictObject({
    number: z.int().min(1),
    trigger: z.enum(TRIGGERS),
    at: time,
    duration_ms: z.number().nullable(),
    status_code: z.int().nullable(),
    outcome: z.enum(OUTCOMES),
    error: z.enum(ATTEMPT_ERRORS).nullable(),
    response_body: z.string().nullable(),
  }),
);

/** A delivery as it is listed. */
const delivery = answerOf<ShownDelivery>()(
  "Delivery",
  z.strictObject({
    id: z.string(),
    site_id: z.string(),
    webhook_id: z.string(),
    event_id: z.string(),
    event: deliveredEvent,
    status: z.enum(DELIVERY_STATUSES),
    created_at: time,
    next_attempt_at: timeOrNull,
    attempts_total: count,
    attempts: z.array(attempt),
  }),
);

/** A delivery with what was sent. */
const deliveryWithPayload = answerOf<ShownDelivery & { payload: ShownPayload | null }>()(
  "DeliveryWithPayload",
  delivery.extend({ payload: payload.nullable() }),
);

/** The delivery of a test. */
export const testedDelivery = answerOf<ShownDelivery & { payload: ShownPayload; remedy: string | null }>()(
  "TestedDelivery",
  delivery.extend({
    payload,
    remedy: z.string().nullable().meta({ description: "What to do about it; null if it was delivered" }),
  }),
);

/** A page of deliveries. */
const deliveries = answerOf<{ data: ShownDelivery[]; next_cursor: string | null }>()(
  "DeliveryPage",
  z.strictObject({ data: z.array(delivery), next_cursor: nextCursor }),
);

const path = "/v1/sites/{site_id}/deliveries";

/** What there is under `/v1/sites/{site_id}/deliveries`. */
export const DELIVERY_OPERATIONS: Operations = {
  [`GET ${path}`]: {
    id: "listDeliveries",
    tag: "Deliveries",
    summary: "List the deliveries of a site, newest first",
    access: "read",
    query: querySchema,
    answers: {
      200: {
        description: "A page",
        body: { schema: deliveries, example: { data: [EXAMPLE_DELIVERY], next_cursor: null } },
      },
    },
  },
  [`GET ${path}/{delivery_id}`]: {
    id: "getDelivery",
    tag: "Deliveries",
    summary: "Show a delivery with what was sent",
    access: "read",
    errors: ["no_such_delivery"],
    answers: {
      200: {
        description: "The delivery",
        body: { schema: deliveryWithPayload, example: { ...EXAMPLE_DELIVERY, payload: EXAMPLE_PAYLOAD } },
      },
    },
  },
  [`POST ${path}/{delivery_id}/redeliver`]: {
    id: "redeliver",
    tag: "Deliveries",
    summary: "Make one more attempt, at once",
    description: "Each call makes one, whatever the delivery's state; a pending one keeps its schedule.",
    access: "manage",
    answers: {
      202: {
        description: "The delivery as it is now",
        body: { schema: delivery, example: EXAMPLE_REDELIVERY },
      },
    },
    errors: ["no_such_delivery", "webhook_not_active"],
  },
};
