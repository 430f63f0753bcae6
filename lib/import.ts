/**
 * Making the configuration what a document says: webhooks by their ids, all of them checked before any is written.
 *
 * Owns carrying out the plan. Every webhook is a commit of its own, so an import that storage cuts short is repeated and
 * goes on. Keys are never imported: nobody knows their text, and a document must not hand out access. It must never take
 * away what the document does not name.
 *
 * @module
 */
import { changedFields, webhookNote } from "./audit.ts";
import { AppError } from "./errors.ts";
import { nextUpdate } from "./etag.ts";
import { validSecrets } from "./export.ts";
import { type ImportPorts, isGone, newWebhook, planOf, type SecretMade, type Wanted } from "./import_plan.ts";
import type { JsonObject } from "./merge_patch.ts";
import type { Secret } from "./secret.ts";
import type { Webhook } from "./webhook.ts";
import { patchSettings, settingsOf } from "./webhook_settings.ts";
import { settingChanges, settingsNote, withSettings } from "./webhook_change.ts";

/** What came of an import. */
export interface Imported {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  /** Shown only here. */
  readonly secrets_made: readonly SecretMade[];
}

/**
 * Makes the configuration what a document says. A webhook with the id of one that is there is changed to what the
 * document says, one that was deleted or never was is created under its id; others are left alone. The document is
 * checked as a whole first: if anything in it is refused, nothing is imported.
 *
 * @param input The document, as `GET /v1/export` answers it.
 * @param ports What it needs.
 * @returns How many webhooks were created, updated, left as they were; and the secrets that were made.
 * @throws {AppError} `validation_failed` with a JSON pointer for every fault; `unavailable`, `conflict`,
 * `limit_reached`: what is done is done, and repeating it goes on.
 */
export async function importConfiguration(input: unknown, ports: ImportPorts): Promise<Imported> {
  const plan = await planOf(input, ports);
  const tally = { created: 0, updated: 0, unchanged: 0 };
  const secrets_made: SecretMade[] = [];
  try {
    for (const wanted of plan) {
      const { outcome, made } = await carryOut(wanted, ports);
      tally[outcome]++;
      if (made !== null) secrets_made.push(made);
    }
  } finally {
    ports.directory.invalidate();
  }
  return { ...tally, secrets_made };
}

interface Outcome {
  readonly outcome: keyof Omit<Imported, "secrets_made">;
  readonly made: SecretMade | null;
}

async function carryOut(wanted: Wanted, ports: ImportPorts): Promise<Outcome> {
  const { before } = wanted;
  return isGone(before) ? await create(wanted, ports) : await update(wanted, before, ports);
}

/** Creates a webhook under its id, in place of what a deletion left of it. */
async function create(wanted: Wanted, ports: ImportPorts): Promise<Outcome> {
  const { store, actor } = ports;
  const { webhook, made } = newWebhook(wanted, ports);
  const note = webhookNote(webhook, "webhook.created", { actor });
  if (wanted.before === null) {
    await store.addWebhook(webhook, note);
    return { outcome: "created", made };
  }
  const revived = await store.changeWebhook(
    webhook.site_id,
    webhook.id,
    (now) =>
      now.deleted_at === null ? null : {
        ...webhook,
        // What its deletion cancelled stays cancelled.
        cancelled_until: now.cancelled_until,
        resumed_at: webhook.enabled ? webhook.created_at : null,
        updated_at: nextUpdate(now, webhook.updated_at),
      },
    () => note,
  );
  if (revived === null) throw changedMeanwhile(webhook.id);
  return { outcome: "created", made };
}

/** The tombstone was removed, or someone else imported the same. */
function changedMeanwhile(id: string): AppError {
  return new AppError("conflict", `Cannot import webhook ${id}: it changed meanwhile; repeat the import`);
}

function sameSecrets(one: readonly Secret[], other: readonly Secret[]): boolean {
  const told = (secrets: readonly Secret[]): string =>
    JSON.stringify(secrets.map(({ value, expires_at }) => [value, expires_at]));
  return told(one) === told(other);
}

/** Settings and secrets in one commit: what it sends is never signed with a secret that the document does not name. */
async function update(wanted: Wanted, before: Webhook, ports: ImportPorts): Promise<Outcome> {
  const { site_id, id, secrets } = wanted;
  const { clock, defaults, actor } = ports;
  const patch = patchFor(wanted, before);
  let outcome: Outcome["outcome"] = "unchanged";
  const after = await ports.store.changeWebhook(site_id, id, (webhook) => {
    if (webhook.deleted_at !== null) return null;
    const now = clock.now();
    const settings = patchSettings(webhook, patch, defaults);
    const rotated = secrets !== null && !sameSecrets(validSecrets(webhook.secrets, now), secrets);
    const changed = rotated || settingChanges(webhook, settings).length > 0;
    outcome = changed ? "updated" : "unchanged";
    if (!changed) return webhook;
    return { ...withSettings(webhook, settings, now), secrets: rotated ? secrets : webhook.secrets };
  }, (webhook, changed) => {
    const note = settingsNote(webhook, changed, actor);
    if (webhook.secrets === changed.secrets) return note;
    const changes = ["secret", ...note.changes];
    return { ...note, action: changes.length === 1 ? "webhook.secret_rotated" : note.action, changes };
  });
  if (after === null) throw changedMeanwhile(id);
  return { outcome, made: null };
}

/** What of the settings the document changes: what someone else changes meanwhile, and it does not, stays. */
function patchFor({ settings }: Wanted, before: Webhook): JsonObject {
  const headers = {
    // What is to go has to be named in a patch.
    ...Object.fromEntries(Object.keys(before.headers).map((name) => [name, null])),
    ...settings.headers,
  };
  return {
    ...changedOf(settingsOf(before), settingsOf(settings)),
    headers: changedOf(before.headers, headers),
  };
}

function changedOf(before: JsonObject, after: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(after).filter(([name, value]) =>
      changedFields({ [name]: before[name] }, { [name]: value }).length > 0
    ),
  );
}
