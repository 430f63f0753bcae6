/**
 * The API described by the schemas that validate it (docs/decisions/0005-openapi.md).
 *
 * Owns the document as a whole. Each operation is described beside its resource, in `openapi_*.ts`; a test fails when a
 * route is not described, or a description has no route.
 *
 * @module
 */
import type { JsonObject } from "../lib/merge_patch.ts";
import { ADMINISTRATION_OPERATIONS } from "./openapi_administration.ts";
import { DELIVERY_OPERATIONS } from "./openapi_deliveries.ts";
import { EVENT_OPERATIONS } from "./openapi_events.ts";
import { EXPORT_OPERATIONS } from "./openapi_export.ts";
import { ANSWER_HEADERS, operationJson, type Operations } from "./openapi_operation.ts";
import { schemaComponents } from "./openapi_schema.ts";
import { READING_OPERATIONS } from "./openapi_readings.ts";
import { KEY_OPERATIONS, SERVICE_OPERATIONS } from "./openapi_service.ts";
import { WATCH_OPERATIONS } from "./openapi_watches.ts";
import { WEBHOOK_OPERATIONS } from "./openapi_webhooks.ts";

const OPERATIONS: Operations = {
  ...EVENT_OPERATIONS,
  ...READING_OPERATIONS,
  ...WATCH_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...DELIVERY_OPERATIONS,
  ...KEY_OPERATIONS,
  ...ADMINISTRATION_OPERATIONS,
  ...EXPORT_OPERATIONS,
  ...SERVICE_OPERATIONS,
};

const TAGS = [
  { name: "Events", description: "Post what happened; look up what was decided about it" },
  { name: "Webhooks", description: "Who is told about what" },
  { name: "Deliveries", description: "What became of it" },
  { name: "Keys", description: "Who may call" },
  { name: "Administration", description: "Sites as a whole, who changed what, how much was done" },
  { name: "Service", description: "The service itself" },
];

function pathsAndResponses(): { paths: Record<string, JsonObject>; responses: Record<string, JsonObject> } {
  const paths: Record<string, JsonObject> = {};
  const responses: Record<string, JsonObject> = {};
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = route.split(" ");
    const made = operationJson(path, operation);
    paths[path] = { ...paths[path], [method.toLowerCase()]: made.json };
    Object.assign(responses, made.responses);
  }
  return { paths, responses };
}

/**
 * The whole document.
 *
 * @param version Of this release.
 * @returns OpenAPI 3.1.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openapiDocument } from "./openapi.ts";
 * assertEquals(openapiDocument("1.2.3")["openapi"], "3.1.0");
 * ```
 */
export function openapiDocument(version: string): JsonObject {
  const { paths, responses } = pathsAndResponses();
  return {
    openapi: "3.1.0",
    info: {
      title: "Tidings",
      version,
      summary: "Webhook notifications for Plausible Analytics",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: TAGS,
    paths,
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "`Authorization: Bearer tdk_<id>_<secret>`" },
      },
      headers: Object.fromEntries(
        Object.entries(ANSWER_HEADERS).map(([name, description]) => [
          name,
          { description, required: true, schema: { type: "string" } },
        ]),
      ),
      responses,
      schemas: schemaComponents(),
    },
  };
}
