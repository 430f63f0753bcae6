/**
 * Keys, the signature debugger and the service itself in the OpenAPI document: their answers and operations.
 *
 * @module
 */
import { z } from "zod";
import { newKeySchema, SCOPES } from "../lib/api_key.ts";
import type { ShownKey } from "../lib/keys.ts";
import { HINTS, type VerifiedSignature } from "../lib/verify.ts";
import { EXAMPLE_INSTANCE, EXAMPLE_KEY } from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { answer, answerOf, request, time, timeOrNull } from "./openapi_schema.ts";
import { aboutService } from "./service.ts";
import { request as verification } from "./verify.ts";

/** A key as it is shown. */
export const shownKey = answerOf<ShownKey>()(
  "Key",
  z.strictObject({
    id: z.string(),
    name: z.string(),
    scope: z.enum(SCOPES),
    sites: z.array(z.string()),
    expires_at: timeOrNull,
    created_at: time,
    last_used_at: timeOrNull,
  }),
);
/** All keys. */
const keys = answer("Keys", z.strictObject({ data: z.array(shownKey) }));
/** A new key with its text. */
const createdKey = answerOf<ShownKey & { key: string }>()("CreatedKey", shownKey.extend({ key: z.string() }));

/** What was found out about signatures. */
const verified = answerOf<{ signatures: VerifiedSignature[] }>()(
  "Verified",
  z.strictObject({
    signatures: z.array(z.strictObject({
      header: z.enum(["X-Webhook-Signature", "X-Webhook-Signature-Previous", "webhook-signature"]),
      valid: z.boolean(),
      reason: z.enum(["wrong_secret_or_body", "timestamp_out_of_tolerance", "malformed", "missing"])
        .exactOptional(),
      hint: z.string().exactOptional(),
    })),
  }),
);

/** `/`. */
const about = answer(
  "About",
  z.strictObject({
    name: z.string(),
    description: z.string(),
    version: z.string(),
    instance: z.string(),
    links: z.record(z.string(), z.string()),
  }),
);
/** `/healthz`. */
const alive = answer("Alive", z.strictObject({ status: z.literal("ok") }));
/** `/readyz` when it can work. */
const ready = answer("Ready", z.strictObject({ status: z.literal("ready") }));
/** `/readyz` when it can't. */
const notReady = answer(
  "NotReady",
  z.strictObject({ status: z.literal("not_ready"), problems: z.array(z.string()) }),
);
const METRICS_EXAMPLE = `# HELP tidings_events_accepted_total Events accepted, by kind
# TYPE tidings_events_accepted_total counter
tidings_events_accepted_total{event="goal_completion"} 42
`;
/** `/metrics`. */
const metrics = answer("Metrics", z.string());
/** `/openapi.json`. */
const document = answer(
  "OpenApiDocument",
  z.looseObject({ openapi: z.literal("3.1.0"), info: z.looseObject({ version: z.string() }) }),
);

const VERIFIED: { signatures: VerifiedSignature[] } = {
  signatures: [{ header: "X-Webhook-Signature", valid: true }, {
    header: "webhook-signature",
    valid: false,
    reason: "missing",
    hint: HINTS.missing,
  }],
};

/** `/docs`. */
const page = answer("Page", z.string());

/** What there is under `/v1/keys`. */
export const KEY_OPERATIONS: Operations = {
  "GET /v1/keys": {
    id: "listKeys",
    tag: "Keys",
    summary: "List the keys, oldest first",
    access: "admin",
    answers: {
      200: {
        description: "All of them, without their texts",
        body: { schema: keys, example: { data: [EXAMPLE_KEY] } },
      },
    },
  },
  "POST /v1/keys": {
    id: "createKey",
    tag: "Keys",
    summary: "Make a key",
    access: "admin",
    body: {
      schema: request("NewKey", newKeySchema),
      refused: "missing_name",
      examples: {
        posting: { name: "Plausible", scope: "ingest", sites: ["*"] },
        one_site: {
          name: "Agency",
          scope: "manage",
          sites: ["example.com"],
          expires_at: "2027-01-01T00:00:00Z",
        },
      },
    },
    answers: {
      201: {
        description: "The key with its text, which is shown only here",
        body: {
          schema: createdKey,
          example: { ...EXAMPLE_KEY, last_used_at: null, key: `tdk_${EXAMPLE_KEY.id}_${"s3cr3t".repeat(8)}` },
        },
      },
    },
    errors: ["key_id_taken"],
  },
  "DELETE /v1/keys/{key_id}": {
    id: "revokeKey",
    tag: "Keys",
    summary: "Revoke a key",
    description: "It ends everywhere within two seconds.",
    access: "admin",
    answers: { 204: { description: "It is revoked" } },
    errors: ["no_such_key"],
  },
};

/** What there is about the service, and for developers of receivers. */
export const SERVICE_OPERATIONS: Operations = {
  "POST /v1/verify-signature": {
    id: "verifySignature",
    tag: "Service",
    summary: "Say what is wrong with a delivery's signatures",
    description: "For the developer of a receiver. Nothing of it is stored or logged.",
    access: "key",
    body: {
      schema: request("Verification", verification),
      too_large: "verification_too_large",
      refused: "missing_secret",
      examples: {
        wrong: {
          secret: "a-secret-of-the-receiver",
          body: '{"event":"test"}',
          headers: { "X-Webhook-Signature": "sha256=0" },
        },
      },
    },
    answers: {
      200: { description: "One entry a signature header", body: { schema: verified, example: VERIFIED } },
    },
  },
  "GET /": {
    id: "about",
    tag: "Service",
    summary: "What this is",
    access: "none",
    answers: {
      200: {
        description: "Name, version, where to go on",
        body: { schema: about, example: aboutService("0.1.0", EXAMPLE_INSTANCE) },
      },
    },
  },
  "GET /openapi.json": {
    id: "openapi",
    tag: "Service",
    summary: "This document",
    access: "none",
    errors: ["unknown_parameter"],
    answers: {
      200: {
        description: "OpenAPI 3.1",
        body: {
          schema: document,
          example: { openapi: "3.1.0", info: { title: "Tidings", version: "0.1.0" } },
        },
      },
    },
  },
  "GET /docs": {
    id: "docs",
    tag: "Service",
    summary: "This document for people",
    access: "none",
    errors: ["unknown_parameter"],
    answers: {
      200: {
        description: "One page of HTML that needs nothing from anywhere else",
        body: { schema: page, media_type: "text/html", example: "<!doctype html>…" },
      },
    },
  },
  "GET /metrics": {
    id: "metrics",
    tag: "Service",
    summary: "What is measured, for Prometheus",
    description: "Text format 0.0.4. No series names a site, unless the operator asked for it.",
    access: "metrics",
    answers: {
      200: {
        description: "Every series",
        body: { schema: metrics, media_type: "text/plain", example: METRICS_EXAMPLE },
      },
    },
  },
  "GET /healthz": {
    id: "health",
    tag: "Service",
    summary: "Whether the process lives",
    access: "none",
    answers: { 200: { description: "It does", body: { schema: alive, example: { status: "ok" } } } },
  },
  "GET /readyz": {
    id: "readiness",
    tag: "Service",
    summary: "Whether the service can work",
    access: "none",
    answers: {
      200: { description: "It can", body: { schema: ready, example: { status: "ready" } } },
      503: {
        description: "It can't; in words why",
        body: {
          schema: notReady,
          example: { status: "not_ready", problems: ["Storage can't be read: it does not answer in time"] },
        },
      },
    },
  },
};
