/**
 * A pause: Tidings stops telling a webhook whose receiver is gone or only fails, and tells the site's other webhooks.
 *
 * Owns the notice. It is an event like any other, committed with the pause itself, so that neither is ever without the
 * other.
 *
 * @module
 */
import { decide } from "./decide.ts";
import { newDelivery } from "./delivery.ts";
import { encodeBody } from "./event.ts";
import type { EventPayload } from "./event_types.ts";
import type { Acceptance } from "./store.ts";
import { PAUSE_REASONS, type PauseReason, type Webhook } from "./webhook.ts";

/** Why and when a webhook is paused, and what others are told. */
export interface Pause {
  readonly reason: PauseReason;
  readonly at: number;
  /** Null tells nobody. */
  readonly notice: Acceptance | null;
}

/** The `error_type` of the notice. */
export const PAUSED_ERROR_TYPE = "webhook_paused";

/**
 * A pause with its notice.
 *
 * @param paused Site and id of the webhook that is paused.
 * @param reason Why.
 * @param given What its site is called, all webhooks of it, the time, and a new event's id.
 * @returns What is to be committed. The notice names the webhook by its id alone: its name and its URL are its owner's,
 * and may hold what no receiver should see.
 */
export function pauseOf(
  paused: { readonly site_id: string; readonly id: string },
  reason: PauseReason,
  given: {
    readonly site_name: string;
    readonly webhooks: readonly Webhook[];
    readonly at: number;
    readonly event_id: string;
  },
): Pause {
  const { site_name, webhooks, at, event_id } = given;
  const timestamp = new Date(at).toISOString();
  const payload: EventPayload = {
    event: "error_condition",
    site_id: site_name,
    timestamp,
    data: {
      error_type: PAUSED_ERROR_TYPE,
      message: `A webhook was paused. ${PAUSE_REASONS[reason]}`,
      details: { webhook_id: paused.id, reason },
    },
  };
  const decisions = decide(
    payload,
    webhooks.map((webhook) =>
      webhook.id === paused.id ? { ...webhook, enabled: false, pause_reason: reason } : webhook
    ),
  );
  const told = decisions.filter((decision) => decision.reason === null);
  const event = {
    id: event_id,
    site_id: paused.site_id,
    event: payload.event,
    accepted_at: at,
    timestamp,
    body: encodeBody(payload),
    decisions,
  };
  const deliveries = told.map(({ webhook_id }) => ({
    delivery: newDelivery({
      event_id,
      webhook_id,
      site_id: paused.site_id,
      event: payload.event,
      trigger: "automatic",
      created_at: at,
      queued_at: at,
    }),
    marker_at: null,
  }));
  return { reason, at, notice: { event, deliveries, idempotency: null, listed: true } };
}
