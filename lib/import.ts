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
import type { Secret } from "./secret.ts";
import type { Webhook } from "./webhook.ts";
import { settingsOf } from "./webhook_settings.ts";
import { patchWebhook } from "./webhooks.ts";

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
  if (isGone(before)) return await create(wanted, ports);
  const changed = [await changeSecrets(wanted, ports), await changeSettings(wanted, before, ports)];
  return { outcome: changed.includes(true) ? "updated" : "unchanged", made: null };
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

/** Before the settings: should they enable it, it signs with the right secret from the first request on. */
async function changeSecrets({ site_id, id, secrets }: Wanted, ports: ImportPorts): Promise<boolean> {
  if (secrets === null) return false;
  let changed = false;
  const after = await ports.store.changeWebhook(
    site_id,
    id,
    (webhook) => {
      if (webhook.deleted_at !== null) return null;
      const now = ports.clock.now();
      changed = !sameSecrets(validSecrets(webhook.secrets, now), secrets);
      return changed ? { ...webhook, secrets, updated_at: nextUpdate(webhook, now) } : webhook;
    },
    (webhook) => webhookNote(webhook, "webhook.secret_rotated", { actor: ports.actor, changes: ["secret"] }),
  );
  if (after === null) throw changedMeanwhile(id);
  return changed;
}

async function changeSettings(
  { site_id, id, settings }: Wanted,
  before: Webhook,
  ports: ImportPorts,
): Promise<boolean> {
  if (changedFields({ ...settingsOf(before) }, { ...settingsOf(settings) }).length === 0) return false;
  const { url, ...rest } = settingsOf(settings);
  // A patch: what is to go has to be named. The URL is judged anew if it is in it, and one that stays was judged before.
  const gone = Object.keys(before.headers).map((name): [string, string | null] => [name, null]);
  const patch = {
    ...rest,
    ...(url === before.url ? {} : { url }),
    headers: Object.fromEntries([...gone, ...Object.entries(settings.headers)]),
  };
  await patchWebhook({ site_id, webhook_id: id }, patch, ports);
  return true;
}
