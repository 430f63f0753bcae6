/**
 * What became of events: deliveries as they are listed and shown.
 *
 * Owns the form in which a delivery leaves the service, and the cursor. It only reads.
 *
 * @module
 */
import { z } from "zod";
import {
  type Attempt,
  type Delivery,
  DELIVERY_STATUSES,
  deliveryId,
  type DeliveryStatus,
  effectiveStatus,
  parseDeliveryId,
} from "./delivery.ts";
import type { Directory } from "./directory.ts";
import { AppError } from "./errors.ts";
import { decodeBody, type ShownPayload } from "./event.ts";
import { type DeliveredEventName, EVENT_NAMES } from "./event_types.ts";
import { pageFields } from "./page.ts";
import type { Store } from "./store.ts";
import { validate } from "./validate.ts";
import { isoOrNull } from "./iso.ts";
import type { Webhook } from "./webhook.ts";

const cursor = z.string().transform((text, context) => {
  const position = parseDeliveryId(text);
  if (position !== null) return position;
  context.addIssue({ code: "custom", message: "must be the next_cursor of a page before" });
  return z.NEVER;
});

/** The query parameters of the list of deliveries. */
export const querySchema = z.strictObject({
  ...pageFields,
  webhook_id: z.string().max(100).optional(),
  event: z.enum([...EVENT_NAMES, "test"]).optional(),
  status: z.enum(DELIVERY_STATUSES).optional(),
  cursor: cursor.optional(),
});

/** A delivery as the API shows it. */
export interface ShownDelivery {
  readonly id: string;
  readonly site_id: string;
  readonly webhook_id: string;
  readonly event_id: string;
  readonly event: DeliveredEventName;
  readonly status: DeliveryStatus;
  readonly created_at: string;
  /** Null unless it waits: also while an attempt is under way. */
  readonly next_attempt_at: string | null;
  readonly attempts_total: number;
  readonly attempts: readonly (Omit<Attempt, "at"> & { readonly at: string })[];
}

/**
 * A delivery as it is shown.
 *
 * @param delivery The delivery.
 * @param webhook Its webhook as it is now, or null.
 * @returns The JSON of the contract.
 */
export function showDelivery(
  delivery: Delivery,
  webhook: Pick<Webhook, "cancelled_until"> | null,
): ShownDelivery {
  const status = effectiveStatus(delivery, webhook);
  // Under way, or about to be: the next attempt is now, so there is no time to name.
  const waits = status === "pending" && delivery.lease === null;
  return {
    id: deliveryId(delivery.event_id, delivery.webhook_id),
    site_id: delivery.site_id,
    webhook_id: delivery.webhook_id,
    event_id: delivery.event_id,
    event: delivery.event,
    status,
    created_at: new Date(delivery.created_at).toISOString(),
    next_attempt_at: waits ? isoOrNull(delivery.due_at) : null,
    attempts_total: delivery.attempts_total,
    attempts: delivery.attempts.map((attempt) => ({ ...attempt, at: new Date(attempt.at).toISOString() })),
  };
}

/**
 * Lists deliveries of a site, newest first.
 *
 * @param site_id Whose.
 * @param query The query parameters as received.
 * @param store Where.
 * @returns A page; `next_cursor` is null at the end.
 * @throws {AppError} `validation_failed` for an unknown parameter or a bad value.
 */
export async function listDeliveries(
  site_id: string,
  query: Readonly<Record<string, string>>,
  store: Pick<Store, "deliveryPage">,
): Promise<{ data: ShownDelivery[]; next_cursor: string | null }> {
  const parsed = validate(querySchema, query);
  const page = await store.deliveryPage(site_id, {
    webhook_id: parsed.webhook_id ?? null,
    event: parsed.event ?? null,
    status: parsed.status ?? null,
    since: parsed.since ?? null,
    until: parsed.until ?? null,
    limit: parsed.limit,
    after: parsed.cursor ?? null,
  });
  return {
    data: page.deliveries.map(({ delivery, webhook }) => showDelivery(delivery, webhook)),
    next_cursor: page.next === null ? null : deliveryId(page.next.event_id, page.next.webhook_id),
  };
}

/**
 * Finds one delivery with what was sent.
 *
 * @param site_id Whose.
 * @param id The delivery's id.
 * @param ports Where.
 * @returns The delivery and its payload (null if it is kept no longer).
 * @throws {AppError} `not_found`.
 */
export async function findDelivery(
  site_id: string,
  id: string,
  ports: { store: Pick<Store, "delivery" | "event">; directory: Pick<Directory, "webhook"> },
): Promise<ShownDelivery & { payload: ShownPayload | null }> {
  const ids = parseDeliveryId(id);
  const found = ids === null ? null : await ports.store.delivery(ids.event_id, ids.webhook_id);
  // The record says whose it is: an id of another site's delivery finds nothing here.
  if (found === null || found.value.site_id !== site_id) {
    throw new AppError("not_found", "Not found: the site has no such delivery");
  }
  const { event_id, webhook_id } = found.value;
  const [event, webhook] = await Promise.all([
    ports.store.event(event_id),
    ports.directory.webhook(site_id, webhook_id),
  ]);
  return { ...showDelivery(found.value, webhook), payload: event === null ? null : decodeBody(event.body) };
}
