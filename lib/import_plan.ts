/**
 * What an import would do: every webhook of the document read, judged, and held against what there is.
 *
 * Owns every check, so that a document that is refused changes nothing. It must never write.
 *
 * @module
 */
import { AppError, type FieldError } from "./errors.ts";
import { everySite, type SealedParts, sealedParts, type Sealing } from "./export.ts";
import { documentSchema, settingsIn } from "./import_document.ts";
import { headersGiven, openSealed } from "./import_sealed.ts";
import { INPUT } from "./limits.ts";
import { generateSecret, type Secret, type ShownSecret, standardSecret } from "./secret.ts";
import type { Store } from "./store.ts";
import { jsonPointer, validate, validationError } from "./validate.ts";
import type { Webhook } from "./webhook.ts";
import { parseSettings, type WebhookSettings } from "./webhook_settings.ts";
import type { WebhookPorts } from "./webhooks.ts";

/** What importing needs. */
export interface ImportPorts extends Omit<WebhookPorts, "store"> {
  readonly store: WebhookPorts["store"] & Pick<Store, "sitePage" | "webhooksOf" | "webhookIdsOf">;
  readonly box: Sealing;
}

/** A secret that was made, where the document brought none. */
export interface SecretMade extends ShownSecret {
  readonly site_id: string;
  readonly webhook_id: string;
}

/** What the document says of one webhook, and what there is of it. */
export interface Wanted {
  readonly site_id: string;
  readonly id: string;
  /** JSON pointer of the webhook in the document. */
  readonly pointer: string;
  /** As it is now, deleted ones too; null: there is none. */
  readonly before: Webhook | null;
  readonly settings: WebhookSettings;
  /** Null: the document brings none. */
  readonly secrets: readonly Secret[] | null;
}

/** URLs looked up at once. */
const LOOKUPS_AT_ONCE = 16;

/**
 * Reads a document and checks all of it.
 *
 * @param input The document, as `GET /v1/export` answers it.
 * @param ports What it needs.
 * @returns What the document wants, webhook by webhook.
 * @throws {AppError} `validation_failed` with a JSON pointer for every fault.
 */
export async function planOf(input: unknown, ports: ImportPorts): Promise<Wanted[]> {
  const { sites } = validate(documentSchema, input);
  const homes = await homesOf(ports.store);
  const plan: Wanted[] = [];
  const errors: FieldError[] = [];
  for (const [index, { site_id: name, webhooks }] of sites.entries()) {
    const site_id = ports.directory.names.siteOf(name);
    const now = new Map((await ports.store.webhooksOf(site_id)).map((webhook) => [webhook.id, webhook]));
    for (const [place, given] of webhooks.entries()) {
      const pointer = jsonPointer(["sites", index, "webhooks", place]);
      const home = homes.get(given.id);
      // Work that waits is found by the webhook's id alone, so an id belongs to one site.
      if (home !== undefined && home !== site_id) {
        errors.push({ path: `${pointer}/id`, message: "must not be the id of another site's webhook" });
        continue;
      }
      const target = { site_id, id: given.id, pointer, before: now.get(given.id) ?? null };
      const read = await readWebhook(target, { ...given, sealed_for: name }, ports);
      if ("errors" in read) errors.push(...read.errors);
      else plan.push(read.wanted);
    }
    const kept = [...now.values()].filter(({ deleted_at }) => deleted_at === null).map(({ id }) => id);
    const count = new Set([...kept, ...webhooks.map(({ id }) => id)]).size;
    if (count > INPUT.webhooks_per_site_max) {
      const message = `must leave the site with at most ${INPUT.webhooks_per_site_max} webhooks, ` +
        `it would have ${count}`;
      errors.push({ path: jsonPointer(["sites", index, "webhooks"]), message });
    }
  }
  errors.push(...await refusedUrls(plan, ports), ...await tooLarge(plan, ports));
  if (errors.length > 0) throw validationError(errors);
  return plan;
}

/** Which site each webhook is of. */
async function homesOf(store: ImportPorts["store"]): Promise<Map<string, string>> {
  const homes = new Map<string, string>();
  for await (const site_id of everySite(store)) {
    for (const id of await store.webhookIdsOf(site_id)) homes.set(id, site_id);
  }
  return homes;
}

async function readWebhook(
  target: Omit<Wanted, "settings" | "secrets">,
  { sealed_for, ...given }: {
    readonly sealed?: SealedParts | null | undefined;
    /** What the document calls the site. */
    readonly sealed_for: string;
  },
  { box, clock, defaults }: ImportPorts,
): Promise<{ wanted: Wanted } | { errors: FieldError[] }> {
  const { id, pointer, before } = target;
  const opened = await openSealed(given.sealed ?? null, {
    site_id: sealed_for,
    webhook_id: id,
    now_ms: clock.now(),
    box,
  });
  if ("errors" in opened) return { errors: below(`${pointer}/sealed`, opened.errors) };
  try {
    const input = headersGiven(settingsIn(given), before?.headers ?? {}, opened.headers);
    const settings = parseSettings(input, defaults);
    return { wanted: { ...target, settings, secrets: opened.secrets } };
  } catch (error) {
    if (!(error instanceof AppError && error.code === "validation_failed")) throw error;
    return { errors: below(pointer, error.errors) };
  }
}

function below(pointer: string, errors: readonly FieldError[]): FieldError[] {
  return errors.map(({ path, message }) => ({ path: pointer + path, message }));
}

/** Judges the URLs that are new; one that stays was judged when it was written, and is again when it is dialled. */
async function refusedUrls(plan: readonly Wanted[], { guard }: ImportPorts): Promise<FieldError[]> {
  const changed = plan.filter(({ before, settings }) => isGone(before) || before.url !== settings.url);
  const by_url = [...Map.groupBy(changed, ({ settings }) => settings.url)];
  const errors: FieldError[] = [];
  for (let start = 0; start < by_url.length; start += LOOKUPS_AT_ONCE) {
    const judged = by_url.slice(start, start + LOOKUPS_AT_ONCE).map(async ([url, wanted]) => {
      const message = await guard.refusal(new URL(url));
      return message === null ? [] : wanted.map(({ pointer }) => ({ path: `${pointer}/url`, message }));
    });
    errors.push(...(await Promise.all(judged)).flat());
  }
  return errors;
}

/** Finds what storage would refuse: half an import must not be done when it does. */
async function tooLarge(plan: readonly Wanted[], ports: ImportPorts): Promise<FieldError[]> {
  const encoder = new TextEncoder();
  const errors: FieldError[] = [];
  for (const wanted of plan) {
    const webhook = isGone(wanted.before)
      ? newWebhook(wanted, ports).webhook
      : { ...wanted.before, ...wanted.settings, secrets: wanted.secrets ?? wanted.before.secrets };
    const { secrets, headers } = await sealedParts(webhook, ports.box);
    const bytes = encoder.encode(JSON.stringify({ v: 1, ...webhook, secrets, headers })).byteLength;
    if (bytes <= INPUT.webhook_record_bytes_max) continue;
    const message = `must take at most ${INPUT.webhook_record_bytes_max} bytes as stored`;
    errors.push({ path: wanted.pointer, message });
  }
  return errors;
}

/** Whether there is nothing to update: there never was, or only what a deletion left. */
export function isGone(
  webhook: Webhook | null,
): webhook is null | (Webhook & { readonly deleted_at: number }) {
  return webhook === null || webhook.deleted_at !== null;
}

/**
 * A webhook as it is created, with a new secret if the document brings none.
 *
 * @param wanted What the document says.
 * @param ports The time and secrets.
 * @returns The webhook, and the secret if one was made.
 */
export function newWebhook(
  { site_id, id, settings, secrets }: Wanted,
  { ids, clock }: Pick<ImportPorts, "ids" | "clock">,
): { webhook: Webhook; made: SecretMade | null } {
  const now = clock.now();
  const value = secrets === null ? generateSecret((length) => ids.secretBytes(length)) : null;
  const webhook = {
    ...settings,
    id,
    site_id,
    secrets: value === null ? secrets ?? [] : [{ value, expires_at: null }],
    pause_reason: null,
    cancelled_until: null,
    resumed_at: null,
    deleted_at: null,
    created_at: now,
    updated_at: now,
  };
  if (value === null) return { webhook, made: null };
  return {
    webhook,
    made: { site_id, webhook_id: id, secret: value, standard_secret: standardSecret(value) },
  };
}
