/**
 * The configuration as one document: every webhook of every site, and which keys there are.
 *
 * Owns the form of the document. It must never hold a secret or a header value in the clear: they are left out, or sealed
 * as they are at rest, so that only a service with the same secret key can read them.
 *
 * @module
 */
import { z } from "zod";
import { isoOrNull } from "./iso.ts";
import { showKey, type ShownKey } from "./keys.ts";
import { INPUT } from "./limits.ts";
import type { Clock } from "./ports.ts";
import { PAUSE_REASONS, type Webhook, type WebhookStatus, webhookStatus } from "./webhook.ts";
import { headerPlace, type Secret, secretPlace } from "./secret.ts";
import type { SiteNames } from "./site_names.ts";
import type { Store } from "./store.ts";
import { validate } from "./validate.ts";
import { MASKED, settingsOf, type WebhookSettings } from "./webhook_settings.ts";

/** The version of the document's form. */
export const DOCUMENT_VERSION = 1;

/** Seals texts for their place, and opens them there and nowhere else. */
export interface Sealing {
  seal(text: string, place: readonly string[]): Promise<string>;
  /** @throws {Error} If it was sealed with another key or for another place, or altered. */
  open(sealed: string, place: readonly string[]): Promise<string>;
}

/** What of a webhook is secret, sealed. */
export interface SealedParts {
  /** The valid secrets, newest first. */
  readonly secrets: readonly { readonly value: string; readonly expires_at: string | null }[];
  /** Header values by name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A webhook in the document. */
export interface ExportedWebhook extends Omit<WebhookSettings, "headers"> {
  readonly id: string;
  /** Values are masked. */
  readonly headers: Readonly<Record<string, string>>;
  readonly status: WebhookStatus;
  readonly status_reason: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  /** Only if it was asked for. */
  readonly sealed?: SealedParts;
}

/** The document. */
export interface ExportDocument {
  readonly version: typeof DOCUMENT_VERSION;
  readonly exported_at: string;
  readonly sites: readonly { readonly site_id: string; readonly webhooks: readonly ExportedWebhook[] }[];
  /** For people: keys can't be imported, since nobody knows their text. */
  readonly keys: readonly ShownKey[];
}

/** What exporting needs. */
export interface ExportPorts {
  readonly store: Pick<Store, "sitePage" | "webhooksOf" | "keys" | "writeAudit">;
  readonly box: Sealing;
  readonly names: Pick<SiteNames, "nameOf">;
  readonly clock: Pick<Clock, "now">;
  /** Who asks: the id of an API key, or one of `ACTOR`. */
  readonly actor: string;
}

/** The query parameters of an export. */
export const exportQuery = z.strictObject({ secrets: z.enum(["sealed"]).optional() });

/**
 * Every site, by name.
 *
 * @param store Where.
 * @yields The ids of sites that something is stored for.
 */
export async function* everySite(store: Pick<Store, "sitePage">): AsyncGenerator<string> {
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Store["sitePage"]>> = await store.sitePage(INPUT.page_max, after);
    for (const { site_id } of page.sites) yield site_id;
    after = page.next;
  } while (after !== null);
}

/**
 * The secrets that are still valid.
 *
 * @param secrets Some secrets of a webhook.
 * @param now_ms The time.
 * @returns Those that have not ended, in the same order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { validSecrets } from "./export.ts";
 * const newest = { value: "a", expires_at: null };
 * assertEquals(validSecrets([newest, { value: "b", expires_at: 5 }], 5), [newest]);
 * ```
 */
export function validSecrets(secrets: readonly Secret[], now_ms: number): Secret[] {
  return secrets.filter(({ expires_at }) => expires_at === null || expires_at > now_ms);
}

/**
 * Seals what of a webhook is secret.
 *
 * @param webhook The webhook, in the clear.
 * @param box What seals.
 * @returns Its secrets and header values, each of them sealed for its place.
 */
export async function sealedParts(webhook: Webhook, box: Pick<Sealing, "seal">): Promise<SealedParts> {
  const { site_id, id } = webhook;
  const secrets = webhook.secrets.map(async ({ value, expires_at }) => ({
    value: await box.seal(value, secretPlace(site_id, id)),
    expires_at: isoOrNull(expires_at),
  }));
  const headers = Object.entries(webhook.headers).map(async ([name, value]) =>
    [name, await box.seal(value, headerPlace(site_id, id, name))] as const
  );
  return { secrets: await Promise.all(secrets), headers: Object.fromEntries(await Promise.all(headers)) };
}

async function exported(webhook: Webhook, sealed: boolean, ports: ExportPorts): Promise<ExportedWebhook> {
  const valid = { ...webhook, secrets: validSecrets(webhook.secrets, ports.clock.now()) };
  return {
    id: webhook.id,
    ...settingsOf(webhook),
    headers: Object.fromEntries(Object.keys(webhook.headers).map((name) => [name, MASKED])),
    status: webhookStatus(webhook),
    status_reason: webhook.pause_reason === null ? null : PAUSE_REASONS[webhook.pause_reason],
    created_at: new Date(webhook.created_at).toISOString(),
    updated_at: new Date(webhook.updated_at).toISOString(),
    // For its place in the document: whoever imports it knows the site by its name alone.
    ...(sealed
      ? { sealed: await sealedParts({ ...valid, site_id: ports.names.nameOf(webhook.site_id) }, ports.box) }
      : {}),
  };
}

/**
 * Writes the configuration down; that secrets were asked for is told in the audit. Each site is as it is at one moment; the whole is not, should it change meanwhile.
 *
 * @param query The query parameters as received: `secrets` may be `sealed`.
 * @param ports What it needs.
 * @returns The document, sites by name. Sites without a webhook are left out.
 * @throws {AppError} `validation_failed` for an unknown parameter or a bad value, `unavailable`.
 */
export async function exportConfiguration(
  query: Readonly<Record<string, string>>,
  ports: ExportPorts,
): Promise<ExportDocument> {
  const sealed = validate(exportQuery, query).secrets === "sealed";
  if (sealed) {
    // Before the first of them is read: no secret leaves, sealed or not, without being on record.
    const note = { action: "secrets.exported", site_id: null, subject: "*", changes: [] } as const;
    await ports.store.writeAudit({ ...note, actor: ports.actor });
  }
  const sites: { site_id: string; webhooks: ExportedWebhook[] }[] = [];
  for await (const site_id of everySite(ports.store)) {
    const kept = (await ports.store.webhooksOf(site_id)).filter(({ deleted_at }) => deleted_at === null);
    const webhooks = await Promise.all(kept.map((webhook) => exported(webhook, sealed, ports)));
    if (webhooks.length > 0) sites.push({ site_id, webhooks });
  }
  return {
    version: DOCUMENT_VERSION,
    exported_at: new Date(ports.clock.now()).toISOString(),
    sites,
    keys: (await ports.store.keys()).map(showKey),
  };
}
