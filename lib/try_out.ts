/**
 * Tries a webhook out: one event sent at once, so that its owner sees what the receiver says.
 *
 * Owns the test event. It changes no health and no schedule: what it sends is recorded as over.
 *
 * @module
 */
import { z } from "zod";
import { deliver, type DeliverPorts } from "./deliver.ts";
import { type Delivery, newDelivery } from "./delivery.ts";
import { withAttempt } from "./delivery_moves.ts";
import { encodeBody } from "./event.ts";
import { EVENT_EXAMPLES, EVENT_NAMES } from "./event_types.ts";
import type { Clock, Ids } from "./ports.ts";
import type { Store, StoredEvent } from "./store.ts";
import { validate } from "./validate.ts";
import type { Webhook } from "./webhook.ts";
import { findWebhook } from "./webhooks.ts";

/** What trying out needs. */
export interface TryOutPorts {
  readonly store: Pick<Store, "webhook" | "accept">;
  readonly clock: Pick<Clock, "now">;
  readonly ids: Pick<Ids, "ulid">;
  readonly deliver: DeliverPorts;
}

/** The body of a test. */
export const testRequest = z.strictObject({ event: z.enum(EVENT_NAMES).optional() });

/**
 * Sends a test event at once, whatever the webhook's filters and state, and records it.
 *
 * @param target Whose and which.
 * @param input The body: maybe `event`, whose published example is sent then.
 * @param ports What it needs, sending included.
 * @returns The delivery with its one attempt, the JSON of the event, and the webhook it was sent to.
 * @throws {AppError} `validation_failed`, `not_found`.
 */
export async function testWebhook(
  { site_id, webhook_id }: { site_id: string; webhook_id: string },
  input: unknown,
  ports: TryOutPorts,
): Promise<{ delivery: Delivery; body: Uint8Array; webhook: Webhook }> {
  const { event } = validate(testRequest, input);
  const webhook = await findWebhook(site_id, webhook_id, ports.store);
  const now = ports.clock.now();
  const timestamp = new Date(now).toISOString();
  const data = event === undefined
    ? {
      message: "This is a test from Tidings. If you can read this and its signature is right, all is well.",
    }
    : EVENT_EXAMPLES[event];
  const today = ports.deliver.directory.names.nameOf(site_id);
  const body = encodeBody({ event: event ?? "test", site_id: today, timestamp, data });
  const stored: StoredEvent = {
    id: `evt_${ports.ids.ulid(now)}`,
    site_id,
    event: event ?? "test",
    accepted_at: now,
    timestamp,
    body,
    decisions: [{ webhook_id, reason: null }],
  };
  const before = newDelivery({
    event_id: stored.id,
    webhook_id,
    site_id,
    event: stored.event,
    trigger: "test",
    created_at: now,
    queued_at: now,
  });
  const { attempt, verdict } = await deliver({ delivery: before, body, webhook }, ports.deliver);
  const delivery = withAttempt(before, attempt, verdict, { owner: null, now_ms: now });
  await ports.store.accept({
    event: stored,
    deliveries: [{ delivery, marker_at: null }],
    idempotency: null,
    listed: false,
  });
  return { delivery, body, webhook };
}
