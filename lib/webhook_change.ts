/**
 * A change of a webhook's settings, by a patch or by an import.
 *
 * Owns what follows from it: what waits is cancelled when it is disabled, its health begins anew when it is active again,
 * and what the audit says of it.
 *
 * @module
 */
import { type AuditNote, changedFields, webhookNote } from "./audit.ts";
import { nextUpdate } from "./etag.ts";
import { type Webhook, webhookStatus } from "./webhook.ts";
import { settingsOf, type WebhookSettings } from "./webhook_settings.ts";

/** The names of the settings that differ. */
export function settingChanges(before: WebhookSettings, after: WebhookSettings): string[] {
  return changedFields({ ...settingsOf(before) }, { ...settingsOf(after) });
}

/** What is told of a change of settings. */
export function settingsNote(before: Webhook, after: Webhook, actor: string): AuditNote {
  const resumed = after.enabled && webhookStatus(before) === "paused";
  const changes = settingChanges(before, after);
  return webhookNote(after, resumed ? "webhook.resumed" : "webhook.changed", { actor, changes });
}

/** A webhook whose owner gives it other settings. */
export function withSettings(webhook: Webhook, settings: WebhookSettings, now: number): Webhook {
  const resumed = settings.enabled && !webhook.enabled;
  const stopped = !settings.enabled && webhook.enabled;
  return {
    ...webhook,
    ...settings,
    pause_reason: settings.enabled ? null : webhook.pause_reason,
    resumed_at: resumed ? now : webhook.resumed_at,
    cancelled_until: stopped ? now : webhook.cancelled_until,
    updated_at: nextUpdate(webhook, now),
  };
}
