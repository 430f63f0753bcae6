/**
 * Events: posting them, and what may be posted.
 *
 * @module
 */
import { Hono } from "hono";
import { accept } from "../lib/accept.ts";
import { acceptBatch } from "../lib/accept_batch.ts";
import { coversSite } from "../lib/api_key.ts";
import { AppError } from "../lib/errors.ts";
import { parseEvent } from "../lib/event.ts";
import { explainEvent, findEvent, listEvents } from "../lib/event_history.ts";
import { describeEventTypes } from "../lib/event_types.ts";
import { parseIdempotencyKey } from "../lib/idempotency_key.ts";
import { INPUT } from "../lib/limits.ts";
import { isJsonObject } from "../lib/merge_patch.ts";
import { PERSONAL_KEYS } from "../lib/privacy/personal_data.ts";
import { parseSiteId } from "../lib/site_id.ts";
import { validationError } from "../lib/validate.ts";
import { readJson, readQuery, refuseQuery } from "./body.ts";
import {
  type Env,
  identified,
  originOf,
  permitted,
  permittedForSite,
  refuseOldName,
  type RouteContext,
  type RoutePorts,
} from "./context.ts";

function idempotencyKey(context: RouteContext): string | null {
  const header = context.req.header("Idempotency-Key");
  return header === undefined ? null : parseIdempotencyKey(header, "/Idempotency-Key");
}

/** @throws {AppError} `forbidden` for a site the key is not for: before anything else about the event is told. */
function refuseForeignSite(context: RouteContext, input: unknown): void {
  const caller = context.get("caller");
  const named = isJsonObject(input) ? input["site_id"] : undefined;
  const parsed = typeof named === "string" ? parseSiteId(named) : null;
  const names = context.get("names");
  if (parsed?.ok && !coversSite(caller, names.siteOf(parsed.site_id))) {
    refuseOldName(caller, parsed.site_id, "forbidden", names);
    throw new AppError("forbidden", "This key is not for that site");
  }
}

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns Posting events, their kinds, and what was and would be decided about them.
 */
export function eventRoutes(ports: RoutePorts): Hono<Env> {
  const { clock } = ports;
  const path = "/v1/sites/:site_id/events";
  return new Hono<Env>()
    .get("/v1/event-types", (context) => {
      refuseQuery(context);
      return context.json({ data: describeEventTypes(), personal_keys: PERSONAL_KEYS });
    })
    .post("/v1/events", identified(ports), permitted("ingest"), async (context) => {
      const key = idempotencyKey(context);
      const input = await readJson(context);
      refuseForeignSite(context, input);
      const event = { ...parseEvent(input, clock.now()), origin: originOf(context, ports) };
      const { duplicate, ...answer } = await accept(event, key, ports.accept);
      context.set("event_id", answer.id);
      return duplicate ? context.json({ ...answer, duplicate }, 200) : context.json(answer, 202);
    })
    .post("/v1/events/batch", identified(ports), permitted("ingest"), async (context) => {
      if (context.req.header("Idempotency-Key") !== undefined) {
        const message = "must be given with each item as idempotency_key, not for the whole batch";
        throw validationError([{ path: "/Idempotency-Key", message }]);
      }
      const input = await readJson(context, { bytes_max: INPUT.batch_bytes_max });
      const caller = context.get("caller");
      const names = context.get("names");
      const mayPostFor = (name: string): boolean => coversSite(caller, names.siteOf(name));
      const accepting = { ...ports.accept, origin: originOf(context, ports) };
      const answer = await acceptBatch(input, mayPostFor, accepting);
      return context.json(answer, 202);
    })
    .get(path, identified(ports), permittedForSite("read", "reads_query"), async (context) => {
      return context.json(await listEvents(context.get("site_id"), readQuery(context), ports.history.store));
    })
    .get(`${path}/:event_id`, identified(ports), permittedForSite("read"), async (context) => {
      const id = context.req.param("event_id");
      return context.json(await findEvent(context.get("site_id"), id, ports.history.store));
    })
    .post("/v1/sites/:site_id/explain", identified(ports), permittedForSite("manage"), async (context) => {
      const input = await readJson(context);
      const decisions = await explainEvent(context.get("site_id"), input, { ...ports.history, clock });
      return context.json({ decisions });
    });
}
