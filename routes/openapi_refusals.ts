/**
 * The refusals that the OpenAPI document shows: each expected one in the words of the service.
 *
 * Owns their names and words; code, status and title come from the one table of errors. A test makes the service refuse
 * each of them, on every operation that names it, and compares.
 *
 * @module
 */
import { z } from "zod";
import { AppError, ERROR_STATUS, type ErrorCode, type FieldError } from "../lib/errors.ts";
import { EVENT_NAMES } from "../lib/event_types.ts";
import { ACCEPT, INPUT } from "../lib/limits.ts";
import { NO_PLAUSIBLE } from "../lib/watches.ts";
import { EXAMPLE_IDS } from "./openapi_examples.ts";
import { answerOf } from "./openapi_schema.ts";
import { type Problem, problemOf } from "./problem.ts";
import { BYTES_MAX as VERIFICATION_BYTES_MAX } from "./verify.ts";

/** One field at fault. */
export const fieldError = answerOf<FieldError>()(
  "FieldError",
  z.strictObject({
    path: z.string().meta({ description: "A JSON pointer, or the name of a parameter after a slash" }),
    message: z.string(),
  }),
);

/** Every error. */
export const problem = answerOf<Problem>()(
  "Problem",
  z.strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().exactOptional(),
    code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]]),
    request_id: z.uuid(),
    errors: z.array(fieldError).exactOptional(),
  }),
);

function notFound(what: string): AppError {
  return new AppError("not_found", `Not found: ${what}`);
}

/** One field at fault, as a use case words it that looks at all fields. */
function invalid(path: string, message: string): AppError {
  const place = path === "" ? "the body" : path;
  return new AppError("validation_failed", `Cannot accept the input: ${place}: ${message}`, {
    errors: [{ path, message }],
  });
}

function unsupported(types: string): AppError {
  return new AppError("unsupported_media_type", `Cannot read the body: its Content-Type must be ${types}`);
}

function tooLarge(bytes_max: number): AppError {
  return new AppError("payload_too_large", `Cannot read the body: it must be at most ${bytes_max} bytes`);
}

function personal(path: string, kind: string): AppError {
  const message = `must not contain personal data (found: ${kind})`;
  return new AppError("personal_data", `Cannot accept ${path}: it ${message}`, {
    errors: [{ path, message }],
  });
}

const GIVEN = "must be given";

/** Every refusal that is shown, by name. */
export const REFUSALS = {
  invalid_json: new AppError("invalid_json", "Cannot read the body: it must be JSON in UTF-8"),
  unauthorized: new AppError("unauthorized", "Send a valid API key as `Authorization: Bearer <key>`"),
  scope_read: new AppError("forbidden", "This key may not do that: its scope is read"),
  scope_ingest: new AppError("forbidden", "This key may not do that: its scope is ingest"),
  foreign_site_event: new AppError("forbidden", "This key is not for that site"),
  foreign_site: new AppError("not_found", "Not found"),
  no_such_webhook: notFound("the site has no such webhook"),
  no_such_event: notFound("the site has no such event"),
  no_such_delivery: notFound("the site has no such delivery"),
  no_such_key: new AppError("not_found", "Cannot revoke the key: there is none with this id"),
  not_watched: notFound("this site is not watched"),
  nothing_stored: notFound("nothing is stored for this site"),
  webhook_keeps_changing: new AppError(
    "conflict",
    `Cannot change webhook ${EXAMPLE_IDS.webhook_id}: it keeps changing`,
  ),
  webhooks_keep_changing: new AppError(
    "conflict",
    "Cannot create the webhook: the site's webhooks keep changing",
  ),
  watch_keeps_changing: new AppError("conflict", "Cannot set the watch: it keeps changing"),
  watch_not_removed: new AppError("conflict", "Cannot remove the watch: it keeps changing"),
  name_taken: new AppError(
    "conflict",
    "Cannot rename the site: new.example has webhooks, events, counters or a watch of its own, or other names; " +
      "delete that site first if it is not needed",
  ),
  names_keep_changing: new AppError("conflict", "Cannot rename the site: its names keep changing"),
  old_name: new AppError(
    "conflict",
    `Cannot delete ${EXAMPLE_IDS.site_id}: it was renamed to new.example; delete it by that name`,
  ),
  key_id_taken: new AppError("conflict", "Cannot add the key: its id is taken"),
  limit_reached: new AppError(
    "limit_reached",
    `Cannot create the webhook: a site must have at most ${INPUT.webhooks_per_site_max}`,
  ),
  webhook_not_active: new AppError(
    "webhook_not_active",
    `Cannot deliver to webhook ${EXAMPLE_IDS.webhook_id}: it must be active, current value is disabled`,
  ),
  precondition_failed: new AppError(
    "precondition_failed",
    "Cannot change it: it is not what If-Match says any more; read it again and decide anew",
  ),
  payload_too_large: tooLarge(INPUT.body_bytes_max),
  document_too_large: tooLarge(INPUT.batch_bytes_max),
  verification_too_large: tooLarge(VERIFICATION_BYTES_MAX),
  unsupported_media_type: unsupported("application/json"),
  unsupported_media_type_of_patch: unsupported("application/json or application/merge-patch+json"),
  unknown_parameter: invalid("/verbose", "Unknown query parameter"),
  unknown_query_key: invalid("/verbose", "Unknown key"),
  missing_count: invalid("/data/visitor_count", GIVEN),
  no_events: invalid("/events", GIVEN),
  missing_visitors: invalid("/current_visitors", GIVEN),
  bad_url: invalid("/url", "must be an absolute http(s) URL without spaces or control characters"),
  bad_timeout: invalid("/timeout_ms", "must be at least 1000"),
  bad_overlap: invalid("/overlap_hours", "must be at most 168"),
  bad_kind: invalid("/event", `must be one of ${EVENT_NAMES.join(", ")}`),
  missing_to: invalid("/to", GIVEN),
  missing_since: invalid(
    "/since",
    "must be an RFC 3339 date and time with an offset, such as 2026-02-25T12:00:00Z",
  ),
  missing_name: invalid("/name", GIVEN),
  missing_secret: invalid("/secret", GIVEN),
  missing_sites: invalid("/sites", GIVEN),
  no_plausible: new AppError("validation_failed", "Cannot watch the site: there is no Plausible to watch", {
    errors: [{ path: "", message: NO_PLAUSIBLE }],
  }),
  personal_data: personal("/data/path", "email address"),
  personal_page: personal("/top_pages/0/page", "email address"),
  idempotency_key_reused: new AppError(
    "idempotency_key_reused",
    "Cannot accept the event: its idempotency key was used within 24 hours for another event or other data",
  ),
  rate_limited: new AppError(
    "rate_limited",
    `Cannot accept more events for this site just now: ${ACCEPT.per_site_waiting_max} of them are waiting`,
  ),
  batch_rate_limited: new AppError(
    "rate_limited",
    "Cannot accept the batch: nothing of it could be stored just now",
  ),
  internal: new AppError("internal", ""),
  unavailable: new AppError("unavailable", "Cannot answer just now: too many requests are under way"),
} as const satisfies Record<string, AppError>;

/** The name of a refusal. */
export type RefusalName = keyof typeof REFUSALS;

/**
 * A refusal as its caller gets it.
 *
 * @param name Which.
 * @returns The problem, under the request id of the examples.
 */
export function refusalExample(name: RefusalName): Problem {
  return problemOf(REFUSALS[name], EXAMPLE_IDS.request_id);
}
