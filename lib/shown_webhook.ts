/**
 * A webhook as the API shows it.
 *
 * Owns what of a webhook leaves the process: no secret, no header value, and for those who may not manage it no more of
 * its URL than scheme and host.
 *
 * @module
 */
import { type BreakerState, breakerState } from "./breaker.ts";
import { isoOrNull } from "./iso.ts";
import type { LaneState } from "./lane_state.ts";
import { PAUSE_REASONS, urlOrigin, type Webhook, type WebhookStatus, webhookStatus } from "./webhook.ts";
import { MASKED, type WebhookSettings } from "./webhook_settings.ts";

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
 * @param health How its receiver is doing, how many deliveries wait, and the time.
 * @param full Whether the whole URL is shown, or scheme and host only.
 * @returns The JSON of the contract: no secret, no header value.
 */
export function showWebhook(
  webhook: Webhook,
  health: { readonly state: LaneState; readonly pending: number; readonly now_ms: number },
  full: boolean,
): ShownWebhook {
  const { state, pending, now_ms } = health;
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
    spike: { last_triggered_at: null, silent_until: null },
    drop: { last_triggered_at: null, silent_until: null },
    created_at: new Date(webhook.created_at).toISOString(),
    updated_at: new Date(webhook.updated_at).toISOString(),
  };
}
