/**
 * A webhook as the API shows it.
 *
 * Owns what of a webhook leaves the process: no secret, no header value, and for those who may not manage it no more of
 * its URL than scheme and host.
 *
 * @module
 */
import { type AlertKind, ALERTS_AT_FIRST, type AlertState, memoryOf, silentUntil } from "./alert.ts";
import { type BreakerState, breakerState } from "./breaker.ts";
import { formatHint } from "./formats/service_url.ts";
import { isoOrNull } from "./iso.ts";
import { LANE_AT_FIRST, type LaneState } from "./lane_state.ts";
import { PAUSE_REASONS, urlOrigin, type Webhook, type WebhookStatus, webhookStatus } from "./webhook.ts";
import { MASKED, type WebhookSettings } from "./webhook_settings.ts";

/** How a webhook is doing, as stored. */
export interface WebhookCondition {
  readonly state: LaneState;
  readonly pending: number;
  /** What is remembered of its site for alerts. */
  readonly alerts: AlertState;
  readonly now_ms: number;
}

/** That of a webhook that was never told anything. */
export const CONDITION_AT_FIRST: Omit<WebhookCondition, "now_ms"> = {
  state: LANE_AT_FIRST,
  pending: 0,
  alerts: ALERTS_AT_FIRST,
};

/** When a kind of alert was last told, and until when the webhook is silent about it. */
interface ShownAlert {
  readonly last_triggered_at: string | null;
  readonly silent_until: string | null;
}

/** A webhook as an answer of the API. */
export interface ShownWebhook extends Omit<WebhookSettings, "headers"> {
  readonly id: string;
  readonly site_id: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is wrong between URL and format; left out while nothing is. */
  readonly hint?: string;
  readonly status: WebhookStatus;
  readonly status_reason: string | null;
  readonly previous_secret_expires_at: string | null;
  readonly health: {
    readonly consecutive_failures: number;
    readonly last_success_at: string | null;
    readonly last_failure_at: string | null;
    readonly breaker: BreakerState;
    readonly pending: number;
  };
  readonly spike: ShownAlert;
  readonly drop: ShownAlert;
  readonly created_at: string;
  readonly updated_at: string;
}

/**
 * A webhook as it is shown.
 *
 * @param webhook The webhook.
 * @param condition How it is doing, and the time.
 * @param full Whether the whole URL is shown, or scheme and host only.
 * @returns The JSON of the contract: no secret, no header value.
 */
export function showWebhook(
  webhook: Webhook,
  condition: WebhookCondition,
  full: boolean,
): ShownWebhook {
  const { state, pending, now_ms } = condition;
  const hint = formatHint(webhook);
  const status = webhookStatus(webhook);
  const expiring = webhook.secrets.flatMap(({ expires_at }) =>
    expires_at !== null && expires_at > now_ms ? [expires_at] : []
  );
  return {
    id: webhook.id,
    site_id: webhook.site_id,
    name: webhook.name,
    url: full ? webhook.url : urlOrigin(webhook.url),
    format: webhook.format,
    ...(hint === null ? {} : { hint }),
    events: webhook.events,
    filters: webhook.filters,
    headers: Object.fromEntries(Object.keys(webhook.headers).map((name) => [name, MASKED])),
    enabled: webhook.enabled,
    status,
    status_reason: webhook.pause_reason === null ? null : PAUSE_REASONS[webhook.pause_reason],
    max_retries: webhook.max_retries,
    timeout_ms: webhook.timeout_ms,
    rate_limit_per_minute: webhook.rate_limit_per_minute,
    previous_secret_expires_at: isoOrNull(expiring.length === 0 ? null : Math.max(...expiring)),
    health: {
      consecutive_failures: state.consecutive_failures,
      last_success_at: isoOrNull(state.last_success_at),
      last_failure_at: isoOrNull(state.last_failure_at),
      breaker: breakerState(state.breaker, now_ms),
      pending,
    },
    spike: showAlert("visitor_spike", webhook, condition),
    drop: showAlert("visitor_drop", webhook, condition),
    created_at: new Date(webhook.created_at).toISOString(),
    updated_at: new Date(webhook.updated_at).toISOString(),
  };
}

function showAlert(
  kind: AlertKind,
  { id, filters }: Webhook,
  { alerts, now_ms }: WebhookCondition,
): ShownAlert {
  const memory = memoryOf(alerts, id, kind);
  const until = silentUntil(memory, filters[kind].cooldown_hours);
  return {
    last_triggered_at: isoOrNull(memory.last_triggered_at),
    silent_until: isoOrNull(until !== null && until > now_ms ? until : null),
  };
}
