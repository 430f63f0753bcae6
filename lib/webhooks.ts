/**
 * What an owner does with webhooks: create, look, change, delete.
 *
 * Owns these use cases. It must never send, and never show a secret except where it was made.
 *
 * @module
 */
import { z } from "zod";
import type { AlertState } from "./alert.ts";
import { webhookNote } from "./audit.ts";
import type { Directory } from "./directory.ts";
import type { Engine } from "./engine/engine.ts";
import { AppError } from "./errors.ts";
import { assertMatch, nextUpdate } from "./etag.ts";
import { LANE_AT_FIRST } from "./lane_state.ts";
import { isJsonObject } from "./merge_patch.ts";
import type { Clock, Ids, UrlGuard } from "./ports.ts";
import { newSecret, ownSecret, type ShownSecret, standardSecret } from "./secret.ts";
import type { Store } from "./store.ts";
import { validate, validationError } from "./validate.ts";
import { CONDITION_AT_FIRST, type ShownWebhook, showWebhook } from "./shown_webhook.ts";
import { urlOrigin, type Webhook } from "./webhook.ts";
import { settingChanges, settingsNote, withSettings } from "./webhook_change.ts";
import { parseSettings, patchSettings, type SettingsDefaults } from "./webhook_settings.ts";

/** What these use cases need. */
export interface WebhookPorts {
  readonly store: Pick<
    Store,
    "addWebhook" | "changeWebhook" | "webhook" | "laneState" | "alerts" | "pendingCount" | "accept" | "event"
  >;
  readonly directory: Pick<Directory, "webhooksOf" | "names" | "invalidate">;
  readonly engine: Pick<Engine, "laneState">;
  readonly guard: UrlGuard;
  readonly clock: Pick<Clock, "now">;
  readonly ids: Ids;
  readonly defaults: SettingsDefaults;
  /** Who does it: the id of an API key, or one of `ACTOR`. */
  readonly actor: string;
}

/** What deleting needs. */
export interface DeletePorts extends Pick<WebhookPorts, "clock" | "actor"> {
  readonly store: Pick<Store, "changeWebhook">;
  readonly directory: Pick<Directory, "invalidate">;
}

/** The webhook that a change is for. */
export interface WebhookTarget {
  readonly site_id: string;
  readonly webhook_id: string;
  /** The `If-Match` header: the change is made only of what its caller has seen. Null or nothing: of whatever there is. */
  readonly if_match?: string | null;
}

/** Counting goes no further: the figure is for a person. */
const PENDING_COUNTED_MAX = 10_000;

/** What the body of a creation may have besides the settings. */
export const secretField = z.object({ secret: ownSecret.optional() });

async function refuseUrl(url: string, guard: UrlGuard): Promise<void> {
  const refusal = await guard.refusal(new URL(url));
  if (refusal !== null) throw validationError([{ path: "/url", message: refusal }]);
}

/** The refusal for a webhook that is not there, whoever's it may be. */
export function webhookNotFound(): AppError {
  return new AppError("not_found", "Not found: the site has no such webhook");
}

/** What showing a webhook needs. */
type PresentPorts = Pick<WebhookPorts, "engine" | "store" | "clock">;

/**
 * A webhook with how it is doing.
 *
 * @param webhook The webhook.
 * @param full Whether the caller may see the whole URL.
 * @param ports What it needs.
 * @returns The JSON of the contract.
 */
export async function presentWebhook(
  webhook: Webhook,
  full: boolean,
  ports: PresentPorts,
): Promise<ShownWebhook> {
  const { value } = await ports.store.alerts(webhook.site_id);
  return await present(webhook, { full, alerts: value }, ports);
}

/**
 * All webhooks of a site with how they are doing.
 *
 * @param site_id Whose.
 * @param full Whether the caller may see whole URLs.
 * @param ports What it needs.
 * @returns The JSON of the contract, oldest first.
 */
export async function presentWebhooks(
  site_id: string,
  full: boolean,
  ports: PresentPorts & Pick<WebhookPorts, "directory">,
): Promise<ShownWebhook[]> {
  const webhooks = await ports.directory.webhooksOf(site_id);
  const { value } = await ports.store.alerts(site_id);
  return await Promise.all(webhooks.map((webhook) => present(webhook, { full, alerts: value }, ports)));
}

async function present(
  webhook: Webhook,
  { full, alerts }: { readonly full: boolean; readonly alerts: AlertState },
  { engine, store, clock }: PresentPorts,
): Promise<ShownWebhook> {
  const { site_id, id, resumed_at, enabled } = webhook;
  // Another process may have sent since this one last did.
  const states = [engine.laneState(id), await store.laneState(site_id, id), LANE_AT_FIRST];
  const latest = states.reduce((a, b) => (b?.updated_at ?? -1) > (a?.updated_at ?? -1) ? b : a) ??
    LANE_AT_FIRST;
  const state = latest.updated_at < (resumed_at ?? 0) ? LANE_AT_FIRST : latest;
  const pending = enabled ? await store.pendingCount(id, PENDING_COUNTED_MAX) : 0;
  return showWebhook(webhook, { state, pending, alerts, now_ms: clock.now() }, full);
}

/**
 * Creates a webhook.
 *
 * @param site_id Whose.
 * @param input The body: settings and maybe `secret`.
 * @param ports What it needs.
 * @returns The webhook, and its secret, which is shown here only.
 * @throws {AppError} `validation_failed`, `limit_reached`.
 */
export async function createWebhook(
  site_id: string,
  input: unknown,
  ports: WebhookPorts,
): Promise<ShownWebhook & ShownSecret> {
  const { store, directory, guard, clock, ids, defaults } = ports;
  if (!isJsonObject(input)) throw validationError([{ path: "", message: "must be an object" }]);
  const { secret: _, ...rest } = input;
  const settings = parseSettings(rest, defaults);
  const given = validate(secretField, { secret: input["secret"] ?? undefined });
  const value = newSecret(given.secret, ids);
  await refuseUrl(settings.url, guard);
  const now = clock.now();
  const webhook: Webhook = {
    ...settings,
    id: `wh_${ids.ulid(now)}`,
    site_id,
    secrets: [{ value, expires_at: null }],
    pause_reason: null,
    cancelled_until: null,
    resumed_at: null,
    deleted_at: null,
    created_at: now,
    updated_at: now,
  };
  await store.addWebhook(webhook, webhookNote(webhook, "webhook.created", ports));
  directory.invalidate();
  const shown = showWebhook(webhook, { ...CONDITION_AT_FIRST, now_ms: now }, true);
  return { ...shown, secret: value, standard_secret: standardSecret(value) };
}

/**
 * Finds a webhook that is not deleted.
 *
 * @param site_id Whose.
 * @param webhook_id Which.
 * @param store Where.
 * @returns The webhook as it is now.
 * @throws {AppError} `not_found`.
 */
export async function findWebhook(
  site_id: string,
  webhook_id: string,
  store: Pick<Store, "webhook">,
): Promise<Webhook> {
  const webhook = await store.webhook(site_id, webhook_id);
  if (webhook === null || webhook.deleted_at !== null) throw webhookNotFound();
  return webhook;
}

/**
 * Changes a webhook by a merge patch.
 *
 * @param target Whose and which, and what its caller has seen of it.
 * @param patch The body.
 * @param ports What it needs.
 * @returns The webhook after it.
 * @throws {AppError} `validation_failed`, `not_found`, `precondition_failed`.
 */
export async function patchWebhook(
  { site_id, webhook_id, if_match = null }: WebhookTarget,
  patch: unknown,
  ports: WebhookPorts,
): Promise<Webhook> {
  const { store, directory, guard, clock, defaults, actor } = ports;
  // Looked up outside the transaction: a look-up may take long, and the change may have to be decided again.
  const seen = await findWebhook(site_id, webhook_id, store);
  assertMatch(if_match, seen);
  const preview = patchSettings(seen, patch, defaults);
  if (isJsonObject(patch) && "url" in patch) await refuseUrl(preview.url, guard);
  const changed = await store.changeWebhook(site_id, webhook_id, (webhook) => {
    if (webhook.deleted_at !== null) return null;
    assertMatch(if_match, webhook);
    const settings = patchSettings(webhook, patch, defaults);
    // With nothing to write, what was seen of it stays true.
    return settingChanges(webhook, settings).length === 0
      ? webhook
      : withSettings(webhook, settings, clock.now());
  }, (before, after) => settingsNote(before, after, actor));
  if (changed === null) throw webhookNotFound();
  directory.invalidate();
  return changed;
}

/**
 * Deletes a webhook: its pending deliveries are cancelled, its history stays readable until retention ends.
 *
 * @param target Whose and which, and what its caller has seen of it.
 * @param ports What it needs.
 * @throws {AppError} `not_found`, `precondition_failed`.
 */
export async function deleteWebhook(
  { site_id, webhook_id, if_match = null }: WebhookTarget,
  { store, clock, directory, actor }: DeletePorts,
): Promise<void> {
  const changed = await store.changeWebhook(site_id, webhook_id, (webhook) => {
    if (webhook.deleted_at !== null) return null;
    assertMatch(if_match, webhook);
    const now = clock.now();
    return {
      ...webhook,
      enabled: false,
      // A tombstone keeps no credentials, and a URL's path may be one.
      url: urlOrigin(webhook.url),
      secrets: [],
      headers: {},
      cancelled_until: now,
      deleted_at: now,
      updated_at: nextUpdate(webhook, now),
    };
  }, (before) => webhookNote(before, "webhook.deleted", { actor }));
  if (changed === null) throw webhookNotFound();
  directory.invalidate();
}
