/**
 * Events: posting them, and what may be posted.
 *
 * @module
 */
import { Hono } from "hono";
import { accept } from "../lib/accept.ts";
import { coversSite } from "../lib/api_key.ts";
import { AppError } from "../lib/errors.ts";
import { parseEvent } from "../lib/event.ts";
import { describeEventTypes } from "../lib/event_types.ts";
import { INPUT } from "../lib/limits.ts";
import { isJsonObject } from "../lib/merge_patch.ts";
import { PERSONAL_KEYS } from "../lib/privacy/personal_data.ts";
import { parseSiteId } from "../lib/site_id.ts";
import { validationError } from "../lib/validate.ts";
import { readJson } from "./body.ts";
import { type Env, identified, permitted, type RouteContext, type RoutePorts } from "./context.ts";

/** The header's value; `"k"` in quotes equals `k` (the form of a structured field). */
function idempotencyKey(context: RouteContext): string | null {
  const header = context.req.header("Idempotency-Key");
  if (header === undefined) return null;
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= INPUT.idempotency_key_chars_max) return key;
  throw validationError([{
    path: "/Idempotency-Key",
    message: `must have 1 to ${INPUT.idempotency_key_chars_max} visible ASCII characters`,
  }]);
}

/** @throws {AppError} `forbidden` for a site the key is not for: before anything else about the event is told. */
function refuseForeignSite(context: RouteContext, input: unknown): void {
  const caller = context.get("caller");
  const named = isJsonObject(input) ? input["site_id"] : undefined;
  const parsed = typeof named === "string" ? parseSiteId(named) : null;
  if (parsed?.ok && !coversSite(caller, parsed.site_id)) {
    throw new AppError("forbidden", "This key is not for that site");
  }
}

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `POST /v1/events`, `GET /v1/event-types`.
 */
export function eventRoutes(ports: RoutePorts): Hono<Env> {
  const { clock } = ports;
  return new Hono<Env>()
    .get("/v1/event-types", (context) => {
      return context.json({ data: describeEventTypes(), personal_keys: PERSONAL_KEYS });
    })
    .post("/v1/events", identified(ports), permitted("ingest"), async (context) => {
      const key = idempotencyKey(context);
      const input = await readJson(context);
      refuseForeignSite(context, input);
      const event = parseEvent(input, clock.now());
      const { duplicate, ...answer } = await accept(event, key, ports.accept);
      return duplicate ? context.json({ ...answer, duplicate }, 200) : context.json(answer, 202);
    });
}
