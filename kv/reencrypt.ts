/**
 * The end of a change of the secret key: what the key before sealed is sealed with the new one.
 *
 * Owns that one pass over all secrets. It works beside running services that have both keys: every record is written
 * only as it was read. It must never write a record that it could not open in full.
 *
 * @module
 */
import { headerPlace, secretPlace, watchKeyPlace } from "../lib/secret.ts";
import type { Webhook } from "../lib/webhook.ts";
import type { Committer } from "./committer.ts";
import type { Database } from "./database.ts";
import { type Key, keys } from "./keys.ts";
import { CHECK_PLACE } from "./open.ts";
import { sealRecord, webhookRecord } from "./records.ts";
import { SealError, type SecretBox } from "./secret_box.ts";
import { watchRecord } from "./watch_store.ts";

/** What it works with. */
export interface ReencryptParts {
  readonly db: Pick<Database, "get" | "list">;
  readonly committer: Pick<Committer, "commit">;
  /** Seals with the new key and opens with both. */
  readonly box: SecretBox;
  /** Has the new key alone: what it opens is done. */
  readonly new_box: SecretBox;
}

/** What came of it. */
export interface Reencrypted {
  /** All there are, deleted ones too. */
  readonly webhooks: number;
  /** Watched sites. */
  readonly watches: number;
  /** Sealed anew by this pass. */
  readonly resealed: number;
  /** The ids of those that neither key opens; of a watch, its site. */
  readonly unopened: readonly string[];
}

/** Conflicts in a row after which something is wrong: each of them means that someone else got through. */
const CONFLICTS_MAX = 100;

interface Entry {
  readonly key: readonly Deno.KvKeyPart[];
  readonly value: Uint8Array;
  readonly versionstamp: string;
}

type Outcome = "resealed" | "left" | "unopened";

/**
 * Seals with the new key whatever is sealed with another. Can be cut short and repeated.
 *
 * @param parts See {@linkcode ReencryptParts}.
 * @param onProgress Is told after each record how many are done, of how many.
 * @returns What was done.
 * @throws {CommitError} `unavailable`: what is done is done.
 */
export async function reencrypt(
  parts: ReencryptParts,
  onProgress: (progress: { readonly done: number; readonly total: number }) => void = () => {},
): Promise<Reencrypted> {
  const total = await countRecords(parts);
  const unopened: string[] = [];
  let [done, resealed] = [0, 0];
  const all = async (prefix: Key, reseal: Reseal): Promise<number> => {
    const before = done;
    for await (const entry of parts.db.list<Uint8Array>({ prefix })) {
      const outcome = await resealEntry(entry, parts, reseal);
      done++;
      if (outcome === "resealed") resealed++;
      if (outcome === "unopened") unopened.push(String(entry.key.at(-1)));
      onProgress({ done, total: Math.max(total, done) });
    }
    return done - before;
  };
  const webhooks = await all(keys.webhookSites(), resealWebhook);
  const watches = await all(keys.watchSites(), resealWatch);
  // Last, so that a start with the new key alone is refused until all is done.
  if (unopened.length === 0) await resealCheck(parts);
  return { webhooks, watches, resealed, unopened };
}

async function countRecords({ db }: Pick<ReencryptParts, "db">): Promise<number> {
  let total = 0;
  for (const prefix of [keys.webhookSites(), keys.watchSites()]) {
    for await (const _ of db.list({ prefix })) total++;
  }
  return total;
}

async function resealCheck(parts: ReencryptParts): Promise<void> {
  const entry = await parts.db.get<Uint8Array>(keys.secretCheck());
  if (entry.versionstamp !== null) await resealEntry(entry, parts, resealChecked);
}

/** What a record is sealed anew as; null if nothing of it is sealed with another key. */
type Reseal = (
  value: Uint8Array,
  boxes: Pick<ReencryptParts, "box" | "new_box">,
  key: Key,
) => Promise<Uint8Array<ArrayBuffer> | null>;

/** Seals one record anew, again whenever someone else wrote it meanwhile. */
async function resealEntry(entry: Entry, parts: ReencryptParts, reseal: Reseal): Promise<Outcome> {
  let { value, versionstamp }: Pick<Entry, "value" | "versionstamp"> = entry;
  for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
    try {
      const resealed = await reseal(value, parts, entry.key);
      if (resealed === null) return "left";
      const result = await parts.committer.commit({
        checks: [{ key: entry.key, versionstamp }],
        mutations: [{ kind: "set", key: entry.key, value: resealed }],
      });
      if (result.ok) return "resealed";
    } catch (error) {
      if (error instanceof SealError) return "unopened";
      throw error;
    }
    const now = await parts.db.get<Uint8Array>(entry.key);
    if (now.versionstamp === null) return "left";
    ({ value, versionstamp } = now);
  }
  throw new Error(`Cannot seal ${String(entry.key.at(-1))} anew: it keeps changing`);
}

/** The site of a watch is in its key only. */
const resealWatch: Reseal = async (value, { box, new_box }, key) => {
  const record = watchRecord.decode(value);
  const place = watchKeyPlace(String(key.at(-1)));
  if (record.api_key === null || await opens(new_box, record.api_key, place)) return null;
  return watchRecord.encode({
    ...record,
    api_key: await box.seal(await box.open(record.api_key, place), place),
  });
};

const resealWebhook: Reseal = async (value, { box, new_box }) => {
  const record: Webhook = webhookRecord.decode(value);
  const { site_id, id } = record;
  let changed = false;
  const renewed = async (sealed: string, at: readonly string[]): Promise<string> => {
    if (await opens(new_box, sealed, at)) return sealed;
    changed = true;
    return await box.seal(await box.open(sealed, at), at);
  };
  const secrets = await Promise.all(
    record.secrets.map(async (secret) => ({
      ...secret,
      value: await renewed(secret.value, secretPlace(site_id, id)),
    })),
  );
  const headers = await Promise.all(
    Object.entries(record.headers).map(async ([name, sealed]): Promise<[string, string]> => [
      name,
      await renewed(sealed, headerPlace(site_id, id, name)),
    ]),
  );
  // A deleted webhook has no secrets, so its record, which ends by itself, is never written here.
  return changed ? webhookRecord.encode({ ...record, secrets, headers: Object.fromEntries(headers) }) : null;
};

const resealChecked: Reseal = async (value, { box, new_box }) => {
  const { sealed } = sealRecord.decode(value);
  if (await opens(new_box, sealed, CHECK_PLACE)) return null;
  return sealRecord.encode({ sealed: await box.seal(await box.open(sealed, CHECK_PLACE), CHECK_PLACE) });
};

async function opens(box: SecretBox, sealed: string, place: readonly string[]): Promise<boolean> {
  try {
    await box.open(sealed, place);
    return true;
  } catch (error) {
    if (error instanceof SealError) return false;
    throw error;
  }
}
