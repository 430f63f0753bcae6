/**
 * A webhook: what it is, and the three states it can be in.
 *
 * Owns its state. What an owner may set is in `webhook_settings.ts`, how it is shown in `shown_webhook.ts`. It must never
 * send anything or know how it is stored.
 *
 * @module
 */
import { AppError } from "./errors.ts";
import type { Secret } from "./secret.ts";
import type { WebhookSettings } from "./webhook_settings.ts";

/** Why Tidings itself paused a webhook. */
export type PauseReason = "gone" | "failing";

/** A webhook, complete and in the clear. It leaves the process only through {@linkcode showWebhook}. */
export interface Webhook extends WebhookSettings {
  readonly id: string;
  readonly site_id: string;
  /** The valid secrets, newest first. */
  readonly secrets: readonly Secret[];
  /** Why Tidings paused it; null when active or disabled by its owner. */
  readonly pause_reason: PauseReason | null;
  /** What was accepted until then is cancelled: when it was last disabled, paused or deleted. */
  readonly cancelled_until: number | null;
  /** When it was last made active again: failures and holds from before count no more. */
  readonly resumed_at: number | null;
  readonly deleted_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

/** What a webhook does with events just now. */
export type WebhookStatus = "active" | "disabled" | "paused";

/**
 * The state a webhook is in.
 *
 * @param webhook Its two fields that decide it.
 * @returns `active`, `disabled` (by its owner) or `paused` (by Tidings).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { webhookStatus } from "./webhook.ts";
 * assertEquals(webhookStatus({ enabled: false, pause_reason: "gone" }), "paused");
 * ```
 */
export function webhookStatus(webhook: Pick<Webhook, "enabled" | "pause_reason">): WebhookStatus {
  if (webhook.enabled) return "active";
  return webhook.pause_reason === null ? "disabled" : "paused";
}

/** The words an owner reads for each reason. */
export const PAUSE_REASONS: Readonly<Record<PauseReason, string>> = {
  gone: "The receiver answered that it is gone (410; from Slack or Discord also 404)",
  failing: "Nothing was delivered for 24 hours and at least 10 attempts failed",
};

/**
 * Refuses work that an inactive webhook can't take.
 *
 * @param webhook The webhook.
 * @throws {AppError} `webhook_not_active`.
 */
export function assertActive(webhook: Webhook): void {
  const status = webhookStatus(webhook);
  if (status === "active") return;
  throw new AppError(
    "webhook_not_active",
    `Cannot deliver to webhook ${webhook.id}: it must be active, current value is ${status}`,
  );
}

/**
 * The part of a URL that may be shown to those who may not manage it: paths and queries hold credentials.
 *
 * @param url A valid URL.
 * @returns Scheme and host, e.g. `https://hooks.example.com`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { urlOrigin } from "./webhook.ts";
 * assertEquals(urlOrigin("https://hooks.slack.com/services/T0/B0/x"), "https://hooks.slack.com");
 * ```
 */
export function urlOrigin(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
