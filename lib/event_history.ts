/**
 * What was posted, and what was decided about it: events as they are listed, shown and explained.
 *
 * Owns the answer to "why did I (not) get this?". It only reads.
 *
 * @module
 */
import { z } from "zod";
import { ALERTS_AT_FIRST, isAlert } from "./alert.ts";
import { decide, type SkipReason } from "./decide.ts";
import { deliveryId } from "./delivery.ts";
import type { Directory } from "./directory.ts";
import { AppError } from "./errors.ts";
import { decodeBody, parseEvent, type ShownPayload } from "./event.ts";
import { type DeliveredEventName, EVENT_NAMES } from "./event_types.ts";
import { isJsonObject } from "./merge_patch.ts";
import { pageFields } from "./page.ts";
import type { Clock } from "./ports.ts";
import { parseSiteId } from "./site_id.ts";
import type { Store, StoredEvent } from "./store.ts";
import { validate, validationError } from "./validate.ts";

const EVENT_ID = /^evt_[0-9A-Z]{26}$/;
/** The query parameters of the list of events. */
export const querySchema = z.strictObject({
  ...pageFields,
  event: z.enum(EVENT_NAMES).optional(),
  cursor: z.string().regex(EVENT_ID, "must be the next_cursor of a page before").optional(),
});

/** An event as the API lists it. */
export interface ShownEvent {
  readonly id: string;
  readonly event: DeliveredEventName;
  readonly timestamp: string;
  readonly accepted_at: string;
  /** How many webhooks were told. */
  readonly queued: number;
  /** How many were not. */
  readonly skipped: number;
}

/** What was decided for one webhook: told, with this delivery, or why not. */
export type ShownDecision =
  | { readonly webhook_id: string; readonly delivery_id: string }
  | { readonly webhook_id: string; readonly reason: SkipReason };

/** What would be decided for one webhook. */
export interface ExplainedDecision {
  readonly webhook_id: string;
  readonly name: string;
  readonly told: boolean;
  readonly reason: SkipReason | null;
}

function showEvent(event: StoredEvent): ShownEvent {
  const queued = event.decisions.filter(({ reason }) => reason === null).length;
  return {
    id: event.id,
    event: event.event,
    timestamp: event.timestamp,
    accepted_at: new Date(event.accepted_at).toISOString(),
    queued,
    skipped: event.decisions.length - queued,
  };
}

/**
 * Lists events of a site, newest first.
 *
 * @param site_id Whose.
 * @param query The query parameters as received.
 * @param store Where.
 * @returns A page; `next_cursor` is null at the end.
 * @throws {AppError} `validation_failed` for an unknown parameter or a bad value.
 */
export async function listEvents(
  site_id: string,
  query: Readonly<Record<string, string>>,
  store: Pick<Store, "eventPage">,
): Promise<{ data: ShownEvent[]; next_cursor: string | null }> {
  const { event, since, until, limit, cursor } = validate(querySchema, query);
  const page = await store.eventPage(site_id, {
    event: event ?? null,
    since: since ?? null,
    until: until ?? null,
    limit,
    before: cursor ?? null,
  });
  return { data: page.events.map(showEvent), next_cursor: page.next };
}

/**
 * Finds one event with what was decided about it.
 *
 * @param site_id Whose.
 * @param id The event's id.
 * @param store Where.
 * @returns The event, its payload, and a decision for every webhook the site had.
 * @throws {AppError} `not_found`.
 */
export async function findEvent(
  site_id: string,
  id: string,
  store: Pick<Store, "event">,
): Promise<ShownEvent & { payload: ShownPayload; decisions: ShownDecision[] }> {
  const event = EVENT_ID.test(id) ? await store.event(id) : null;
  // The record says whose it is: an id of another site's event finds nothing here.
  if (event === null || event.site_id !== site_id) {
    throw new AppError("not_found", "Not found: the site has no such event");
  }
  const decisions = event.decisions.map(({ webhook_id, reason }): ShownDecision =>
    reason === null ? { webhook_id, delivery_id: deliveryId(id, webhook_id) } : { webhook_id, reason }
  );
  return { ...showEvent(event), payload: decodeBody(event.body), decisions };
}

/**
 * Says who would be told about an event and why the others would not, without storing or sending anything.
 *
 * @param site_id Whose webhooks.
 * @param input The event; its `site_id` may be left out.
 * @param ports Where the webhooks are, and the time.
 * @returns A decision for every webhook of the site.
 * @throws {AppError} What posting it would throw; `validation_failed` if it names another site.
 */
export async function explainEvent(
  site_id: string,
  input: unknown,
  ports: {
    store: Pick<Store, "alerts">;
    directory: Pick<Directory, "webhooksOf" | "names">;
    clock: Pick<Clock, "now">;
  },
): Promise<ExplainedDecision[]> {
  const named = isJsonObject(input) && typeof input["site_id"] === "string"
    ? parseSiteId(input["site_id"])
    : null;
  const { names } = ports.directory;
  if (named?.ok && names.siteOf(named.site_id) !== site_id) {
    throw validationError([{ path: "/site_id", message: "must be the site of the path" }]);
  }
  const completed = isJsonObject(input) && !("site_id" in input)
    ? { ...input, site_id: names.nameOf(site_id) }
    : input;
  const { payload } = parseEvent(completed, ports.clock.now());
  const webhooks = await ports.directory.webhooksOf(site_id);
  const alerts = isAlert(payload) ? (await ports.store.alerts(site_id)).value : ALERTS_AT_FIRST;
  return decide(payload, webhooks, alerts).map(({ webhook_id, reason }, index) => ({
    webhook_id,
    name: webhooks[index]?.name ?? "",
    told: reason === null,
    reason,
  }));
}
