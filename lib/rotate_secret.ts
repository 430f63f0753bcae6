/**
 * Rotation: gives a webhook a new secret while the one before stays valid for a while.
 *
 * Owns this use case. It must never end a secret sooner than its owner asked for.
 *
 * @module
 */
import { z } from "zod";
import { webhookNote } from "./audit.ts";
import { assertMatch, nextUpdate } from "./etag.ts";
import { INPUT, TIME } from "./limits.ts";
import { newSecret, ownSecret, type ShownSecret, standardSecret } from "./secret.ts";
import type { ShownWebhook } from "./shown_webhook.ts";
import { validate, validationError } from "./validate.ts";
import { presentWebhook, webhookNotFound, type WebhookPorts, type WebhookTarget } from "./webhooks.ts";

/** The body of a rotation. */
export const rotation = z.strictObject({
  secret: ownSecret.optional(),
  overlap_hours: z.number().min(0).max(INPUT.overlap_hours_max).default(INPUT.overlap_hours_default),
});

/**
 * Gives a webhook a new secret; the one before stays valid for a while, and both sign meanwhile.
 *
 * @param target Whose and which, and what its caller has seen of it.
 * @param input The body: maybe `secret`, maybe `overlap_hours`.
 * @param ports What it needs.
 * @returns The webhook, and its new secret, which is shown here only.
 * @throws {AppError} `validation_failed`, `not_found`, `precondition_failed`.
 */
export async function rotateSecret(
  { site_id, webhook_id, if_match = null }: WebhookTarget,
  input: unknown,
  ports: WebhookPorts,
): Promise<ShownWebhook & ShownSecret> {
  const { secret, overlap_hours } = validate(rotation, input);
  const value = newSecret(secret, ports.ids);
  const changed = await ports.store.changeWebhook(site_id, webhook_id, (webhook) => {
    if (webhook.deleted_at !== null) return null;
    assertMatch(if_match, webhook);
    const now = ports.clock.now();
    const until = now + overlap_hours * TIME.HOUR_MS;
    const [newest] = webhook.secrets;
    if (newest?.value === value) {
      throw validationError([{ path: "/secret", message: "must not be the secret that is in use" }]);
    }
    const previous = webhook.secrets
      .map((before) => ({ value: before.value, expires_at: Math.min(before.expires_at ?? until, until) }))
      .filter(({ expires_at }) => expires_at > now);
    const secrets = [{ value, expires_at: null }, ...previous].slice(0, INPUT.secrets_max);
    return { ...webhook, secrets, updated_at: nextUpdate(webhook, now) };
  }, (before) => webhookNote(before, "webhook.secret_rotated", { actor: ports.actor, changes: ["secret"] }));
  if (changed === null) throw webhookNotFound();
  ports.directory.invalidate();
  const shown = await presentWebhook(changed, true, ports);
  return { ...shown, secret: value, standard_secret: standardSecret(value) };
}
