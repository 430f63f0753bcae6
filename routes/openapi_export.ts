/**
 * Export and import in the OpenAPI document: their answers and operations.
 *
 * @module
 */
import { z } from "zod";
import {
  DOCUMENT_VERSION,
  type ExportDocument,
  type ExportedWebhook,
  exportQuery,
  type SealedParts,
} from "../lib/export.ts";
import type { Imported } from "../lib/import.ts";
import { documentFields, frameFields } from "../lib/import_document.ts";
import type { SecretMade } from "../lib/import_plan.ts";
import { siteIdSchema } from "../lib/site_id.ts";
import { settingsFields } from "../lib/webhook_settings.ts";
import {
  EXAMPLE_EXPORTED,
  EXAMPLE_IDS,
  EXAMPLE_KEY,
  EXAMPLE_SECRET,
  EXAMPLE_WEBHOOK,
} from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { answerOf, count, request, time, timeOrNull } from "./openapi_schema.ts";
import { shownKey } from "./openapi_service.ts";

const sealed = answerOf<SealedParts>()(
  "SealedParts",
  z.strictObject({
    secrets: z.array(z.strictObject({ value: z.string(), expires_at: timeOrNull })),
    headers: z.record(z.string(), z.string()),
  }),
);

const webhook = answerOf<ExportedWebhook>()(
  "ExportedWebhook",
  settingsFields.extend({
    id: z.string(),
    name: z.string(),
    headers: z.record(z.string(), z.string()).meta({ description: "Values are shown as `********`" }),
    timeout_ms: z.int(),
    status: z.enum(["active", "disabled", "paused"]),
    status_reason: z.string().nullable(),
    created_at: time,
    updated_at: time,
    sealed: sealed.exactOptional(),
  }),
);

/** The document that is exported. */
const exported = answerOf<ExportDocument>()(
  "Export",
  z.strictObject({
    version: z.literal(DOCUMENT_VERSION),
    exported_at: time,
    sites: z.array(z.strictObject({ site_id: z.string(), webhooks: z.array(webhook) })),
    keys: z.array(shownKey),
  }),
);

const made = answerOf<SecretMade>()(
  "SecretMade",
  z.strictObject({
    site_id: z.string(),
    webhook_id: z.string(),
    secret: z.string(),
    standard_secret: z.string(),
  }),
);

/** What came of an import. */
const imported = answerOf<Imported>()(
  "Imported",
  z.strictObject({
    created: count,
    updated: count,
    unchanged: count,
    secrets_made: z.array(made).meta({ description: "Of webhooks created without a sealed secret" }),
  }),
);

const document = request(
  "Import",
  z.strictObject({
    ...frameFields,
    sites: z.array(
      z.strictObject({ site_id: siteIdSchema, webhooks: z.array(settingsFields.extend(documentFields)) }),
    ),
  }),
);

const EXPORTED: ExportDocument = {
  version: DOCUMENT_VERSION,
  exported_at: EXAMPLE_WEBHOOK.updated_at,
  sites: [{ site_id: EXAMPLE_IDS.site_id, webhooks: [EXAMPLE_EXPORTED] }],
  keys: [EXAMPLE_KEY],
};

const IMPORTED: Imported = {
  created: 1,
  updated: 0,
  unchanged: 0,
  secrets_made: [{
    site_id: EXAMPLE_IDS.site_id,
    webhook_id: EXAMPLE_IDS.webhook_id,
    ...EXAMPLE_SECRET,
  }],
};

const EXAMPLE = {
  version: DOCUMENT_VERSION,
  sites: [{
    site_id: "example.org",
    webhooks: [{
      id: "wh_01JMZ0000000000000000000AA",
      url: "https://hooks.example.com/in",
      events: ["goal_completion"],
      enabled: false,
    }],
  }],
};

/** What there is for moving the configuration. */
export const EXPORT_OPERATIONS: Operations = {
  "GET /v1/export": {
    id: "exportConfiguration",
    tag: "Administration",
    summary: "Export the configuration of every site",
    description:
      "Without secrets and header values; with secrets=sealed they are in it as they are at rest, and open " +
      "only where TIDINGS_SECRET_KEY is the same, and the audit tells of it.",
    access: "admin",
    query: exportQuery,
    answers: { 200: { description: "The document", body: { schema: exported, example: EXPORTED } } },
  },
  "POST /v1/import": {
    id: "importConfiguration",
    tag: "Administration",
    summary: "Make webhooks what a document says",
    description:
      "By their ids: what is there is updated, what is missing is created, what the document does not name " +
      "is left alone. Nothing is imported if any part is refused. At most 4 MiB.",
    access: "admin",
    body: {
      schema: document,
      too_large: "document_too_large",
      refused: "missing_sites",
      examples: { one: EXAMPLE, nothing: { version: DOCUMENT_VERSION, sites: [] } },
    },
    answers: {
      200: {
        description: "What was done, and the secrets that were made",
        body: { schema: imported, example: IMPORTED },
      },
    },
    errors: ["webhook_keeps_changing", "limit_reached"],
  },
};
