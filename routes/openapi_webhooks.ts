/**
 * Webhooks in the OpenAPI document: their answers and operations.
 *
 * @module
 */
import { z } from "zod";
import { EVENT_NAMES } from "../lib/event_types.ts";
import { type Recovered, request as recovery } from "../lib/recover.ts";
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import { testRequest } from "../lib/try_out.ts";
import { settingsFields } from "../lib/webhook_settings.ts";
import { rotation } from "../lib/rotate_secret.ts";
import type { ShownSecret } from "../lib/secret.ts";
import { secretField } from "../lib/webhooks.ts";
import { testedDelivery } from "./openapi_deliveries.ts";
import { EXAMPLE_PAYLOAD, EXAMPLE_SECRET, EXAMPLE_TESTED, EXAMPLE_WEBHOOK } from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { answer, answerOf, count, request, time, timeOrNull } from "./openapi_schema.ts";

/** A webhook. */
const webhook = answerOf<ShownWebhook>()(
  "Webhook",
  settingsFields.extend({
    id: z.string(),
    site_id: z.string(),
    name: z.string(),
    url: z.string().meta({ description: "Scheme and host only, unless the key may manage the webhook" }),
    headers: z.record(z.string(), z.string()).meta({ description: "Values are shown as `********`" }),
    hint: z.string().exactOptional().meta({
      description:
        "What is wrong between URL and format, such as a Slack URL with json; left out while nothing is",
    }),
    timeout_ms: z.int(),
    status: z.enum(["active", "disabled", "paused"]),
    status_reason: z.string().nullable(),
    previous_secret_expires_at: timeOrNull,
    health: answer(
      "WebhookHealth",
      z.strictObject({
        consecutive_failures: count,
        last_success_at: timeOrNull,
        last_failure_at: timeOrNull,
        breaker: z.enum(["closed", "open", "half_open"]),
        pending: count,
      }),
    ),
    ...alerts(),
    created_at: time,
    updated_at: time,
  }),
);

function alerts() {
  const alert = answer(
    "WebhookAlert",
    z.strictObject({ last_triggered_at: timeOrNull, silent_until: timeOrNull }),
  );
  return { spike: alert, drop: alert };
}

/** A webhook with its secret: at creation and rotation. */
const webhookWithSecret = answerOf<ShownWebhook & ShownSecret>()(
  "WebhookWithSecret",
  webhook.extend({
    secret: z.string(),
    standard_secret: z.string().meta({
      description: "The same in the form that libraries of Standard Webhooks take",
    }),
  }),
);

/** The webhooks of a site. */
const webhooks = answer("Webhooks", z.strictObject({ data: z.array(webhook) }));

/** What came of a recovery. */
const recovered = answerOf<Recovered>()(
  "Recovered",
  z.strictObject({
    recovered: count,
    next_since: timeOrNull.meta({ description: "Go on with this as since; null if all was looked at" }),
  }),
);

const newWebhook = request("NewWebhook", settingsFields.extend(secretField.shape), "defaults");
const webhookPatch = request("WebhookPatch", settingsFields, "patch");

const ifMatch = {
  "If-Match": {
    description: "The ETag of what was seen, several with commas, or *: the change is made of nothing else",
    schema: z.string(),
  },
};

const path = "/v1/sites/{site_id}/webhooks";
const one = `${path}/{webhook_id}`;

const WITH_SECRET: ShownWebhook & ShownSecret = { ...EXAMPLE_WEBHOOK, ...EXAMPLE_SECRET };

const TESTED = {
  ...EXAMPLE_TESTED,
  payload: {
    ...EXAMPLE_PAYLOAD,
    event: "test",
    data: {
      message: "This is a test from Tidings. If you can read this and its signature is right, all is well.",
    },
  },
  remedy: "The receiver has no such path for POST: check the URL.",
};

/** What there is under `/v1/sites/{site_id}/webhooks`. */
export const WEBHOOK_OPERATIONS: Operations = {
  [`GET ${path}`]: {
    id: "listWebhooks",
    tag: "Webhooks",
    summary: "List the webhooks of a site",
    access: "read",
    answers: {
      200: {
        description: "All of them, with how their receivers are doing",
        body: { schema: webhooks, example: { data: [EXAMPLE_WEBHOOK] } },
      },
    },
  },
  [`POST ${path}`]: {
    id: "createWebhook",
    tag: "Webhooks",
    summary: "Create a webhook",
    description: "A site has at most 50.",
    access: "manage",
    body: {
      schema: newWebhook,
      refused: "bad_url",
      examples: {
        smallest: { url: "https://hooks.example.com/in", events: ["goal_completion"] },
        filtered: {
          name: "Sales channel",
          url: "https://hooks.example.com/in",
          events: ["goal_completion", "visitor_spike"],
          filters: { goals: ["Signup"], visitor_spike: { threshold: 100 } },
          headers: { "X-Team": "sales" },
        },
      },
    },
    answers: {
      201: {
        description: "The webhook with its secret, which is shown only here and at rotation",
        body: { schema: webhookWithSecret, example: WITH_SECRET },
        headers: ["Location", "ETag"],
      },
    },
    errors: ["webhooks_keep_changing", "limit_reached"],
  },
  [`GET ${one}`]: {
    id: "getWebhook",
    tag: "Webhooks",
    summary: "Show a webhook",
    access: "read",
    errors: ["no_such_webhook"],
    answers: {
      200: {
        description: "The webhook",
        body: { schema: webhook, example: EXAMPLE_WEBHOOK },
        headers: ["ETag"],
      },
    },
  },
  [`PATCH ${one}`]: {
    id: "changeWebhook",
    tag: "Webhooks",
    summary: "Change a webhook",
    description:
      "A merge patch (RFC 7396): null resets a field to its default, arrays replace. A header written as " +
      "`********` keeps its value.",
    access: "manage",
    body: {
      schema: webhookPatch,
      refused: "bad_timeout",
      media_types: ["application/json", "application/merge-patch+json"],
      examples: {
        enable: { enabled: true },
        every_goal: { filters: { goals: null } },
      },
    },
    headers: ifMatch,
    answers: {
      200: {
        description: "The webhook after it",
        body: { schema: webhook, example: EXAMPLE_WEBHOOK },
        headers: ["ETag"],
      },
    },
    errors: ["no_such_webhook", "webhook_keeps_changing", "precondition_failed"],
  },
  [`DELETE ${one}`]: {
    id: "deleteWebhook",
    tag: "Webhooks",
    summary: "Delete a webhook",
    description: "What is pending is cancelled; its history stays readable.",
    access: "manage",
    headers: ifMatch,
    answers: { 204: { description: "It is deleted" } },
    errors: ["no_such_webhook", "webhook_keeps_changing", "precondition_failed"],
  },
  [`POST ${one}/rotate-secret`]: {
    id: "rotateSecret",
    tag: "Webhooks",
    summary: "Give a webhook a new secret",
    description: "The one before signs along for overlap_hours.",
    access: "manage",
    body: {
      schema: request("Rotation", rotation),
      refused: "bad_overlap",
      optional: true,
      examples: { generated: {}, at_once: { overlap_hours: 0 } },
    },
    headers: ifMatch,
    answers: {
      200: {
        description: "The webhook with its new secret",
        body: { schema: webhookWithSecret, example: WITH_SECRET },
        headers: ["ETag"],
      },
    },
    errors: ["no_such_webhook", "webhook_keeps_changing", "precondition_failed"],
  },
  [`POST ${one}/test`]: {
    id: "testWebhook",
    tag: "Webhooks",
    summary: "Send a test event at once",
    description: "Whatever the webhook's filters and state. It is never retried.",
    access: "manage",
    body: {
      schema: request("TestRequest", testRequest),
      refused: "bad_kind",
      optional: true,
      examples: { test: {}, of_a_kind: { event: EVENT_NAMES[0] } },
    },
    answers: {
      200: {
        description: "The delivery with its one attempt, whatever came of it",
        body: { schema: testedDelivery, example: TESTED },
      },
    },
  },
  [`POST ${one}/recover`]: {
    id: "recoverWebhook",
    tag: "Webhooks",
    summary: "Bring back what a webhook missed",
    description: "Deliveries that ended without success, and events skipped while it was not active.",
    access: "manage",
    body: {
      schema: request("Recovery", recovery),
      refused: "missing_since",
      examples: { a_day: { since: "2026-02-25T00:00:00Z", until: "2026-02-26T00:00:00Z" } },
    },
    answers: {
      202: {
        description: "How many deliveries were revived or made",
        body: { schema: recovered, example: { recovered: 12, next_since: null } },
      },
    },
    errors: ["no_such_webhook", "webhook_not_active"],
  },
};
