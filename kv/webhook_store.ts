/**
 * Webhooks in Deno KV: the transactions that change configuration.
 *
 * Owns that secrets and header values are sealed before they are written, that a site has at most 50 webhooks even when
 * two are added at once, and that every change bumps the version that other processes poll.
 *
 * @module
 */
import { ACTOR } from "../lib/audit.ts";
import { AppError, BrokenRecord } from "../lib/errors.ts";
import { nextUpdate } from "../lib/etag.ts";
import { INPUT } from "../lib/limits.ts";
import type { Clock } from "../lib/ports.ts";
import { headerPlace, secretPlace } from "../lib/secret.ts";
import type { WebhookStore } from "../lib/store.ts";
import type { Pause } from "../lib/pause.ts";
import { type Webhook, webhookStatus } from "../lib/webhook.ts";
import { createAuditRecords } from "./audit_store.ts";
import type { Committer } from "./committer.ts";
import type { Database } from "./database.ts";
import { keys, slotOf } from "./keys.ts";
import { guardRecord, laneRecord, webhookRecord } from "./records.ts";
import type { Member, Mutation } from "./member.ts";
import { stillItself } from "./name_store.ts";
import type { GroupLeases } from "./group_leases.ts";
import { heldFirstCount } from "./unwritten.ts";
import type { RecordReader } from "./record_reader.ts";
import type { Retention } from "./retention.ts";
import { SealError, type SecretBox } from "./secret_box.ts";

/** What the KV room's parts share. */
export interface StoreParts {
  readonly db: Database;
  readonly committer: Committer;
  readonly box: SecretBox;
  readonly clock: Clock;
  readonly retention: Retention;
  /** For whatever is read along with others. */
  readonly reader: RecordReader;
  readonly leases: GroupLeases;
  /** A ULID of a time, for entries of the audit. */
  readonly newId: (at_ms: number) => string;
}

/** A webhook as read, still sealed. */
export interface SealedWebhook {
  /** Secrets and header values are sealed texts. */
  readonly record: Webhook;
  readonly versionstamp: string;
}

/** Reading and preparing webhooks, for the other transactions of the room. */
export interface WebhookRecords {
  read(site_id: string, webhook_id: string): Promise<SealedWebhook | null>;
  /** The mutations of writing a webhook: the record, the version, and the marker that has its work looked at. */
  writing(record: Webhook): Mutation[];
  /** The mutations of pausing a webhook, with its entry in the audit. */
  pausing(record: Webhook, pause: Pick<Pause, "reason" | "at">): Mutation[];
}

/**
 * Reads the webhooks of a site, deleted ones too; one that can't be read is left out.
 *
 * @param from The database, and how its records are read.
 * @param site_id Whose.
 * @returns They, still sealed.
 */
export async function sealedWebhooks(
  { db, reader }: Pick<StoreParts, "db" | "reader">,
  site_id: string,
): Promise<Webhook[]> {
  const entries = await Array.fromAsync(db.list<Uint8Array>({ prefix: keys.webhooksOf(site_id) }));
  return entries.map((entry) => reader.read(webhookRecord, entry)).filter((webhook) => webhook !== null);
}

/** A webhook that Tidings pauses, whether sealed or not. */
export function paused(webhook: Webhook, pause: Pick<Pause, "reason" | "at">): Webhook {
  return {
    ...webhook,
    enabled: false,
    pause_reason: pause.reason,
    cancelled_until: pause.at,
    updated_at: nextUpdate(webhook, pause.at),
  };
}

/**
 * Makes what the other transactions need of webhooks.
 *
 * @param parts What the parts of the room share.
 * @returns Reading and preparing, still sealed.
 */
export function createWebhookRecords(parts: StoreParts): WebhookRecords {
  const { db, clock, retention } = parts;
  const audit = createAuditRecords(parts);
  const records: WebhookRecords = {
    async read(site_id, webhook_id) {
      const entry = await db.get<Uint8Array>(keys.webhook(site_id, webhook_id));
      if (entry.versionstamp === null) return null;
      return { record: webhookRecord.decode(entry.value), versionstamp: entry.versionstamp };
    },
    writing(record) {
      const value = webhookRecord.encode(record);
      if (value.byteLength > INPUT.webhook_record_bytes_max) {
        const message = `must take at most ${INPUT.webhook_record_bytes_max} bytes as stored, ` +
          `current value is ${value.byteLength}`;
        throw new AppError("validation_failed", `Cannot store the webhook: it ${message}`, {
          errors: [{ path: "", message }],
        });
      }
      const key = keys.webhook(record.site_id, record.id);
      return [
        record.deleted_at === null
          ? { kind: "set", key, value }
          : { kind: "set", key, value, expire_in_ms: retention.tombstone() },
        { kind: "sum", key: keys.version(), amount: 1n },
        ...(webhookStatus(record) === "active" ? [] : [
          // Every pump looks, finds the marker, sees that the webhook is not active, and cancels what waits.
          { kind: "mark", key: keys.agenda(slotOf(clock.now()), record.id) } as const,
          { kind: "sum", key: keys.ring(), amount: 1n } as const,
        ]),
      ];
    },

    pausing(record, pause) {
      const note = {
        actor: ACTOR.tidings,
        action: "webhook.paused",
        site_id: record.site_id,
        subject: record.id,
        changes: ["enabled"],
      } as const;
      return [...records.writing(paused(record, pause)), audit.writing(audit.begin(), note)];
    },
  };
  return records;
}

/** Conflicts in a row after which something is wrong: each of them means that someone else got through. */
const CONFLICTS_MAX = 100;

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share.
 * @param records Reading and preparing.
 * @returns Webhooks in the clear, and the state of their lanes.
 */
export function createWebhookStore(parts: StoreParts, records: WebhookRecords): WebhookStore {
  const { db, committer, box, reader } = parts;
  const audit = createAuditRecords(parts);

  async function sealed(webhook: Webhook): Promise<Webhook> {
    return await turned(webhook, (text, place) => box.seal(text, place));
  }

  async function opened(record: Webhook): Promise<Webhook> {
    try {
      return await turned(record, (text, place) => box.open(text, place));
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      throw new BrokenRecord("Cannot read a webhook record: its secrets can't be opened");
    }
  }

  /**
   * What makes sure that a site has room for one more webhook. The guard is read before the webhooks are counted and
   * checked after: two can't both be the 50th.
   */
  async function oneMore({ site_id, updated_at }: Webhook): Promise<Member> {
    const key = keys.site(site_id);
    const { versionstamp } = await db.get(key);
    const kept = (await sealedWebhooks(parts, site_id)).filter(({ deleted_at }) => deleted_at === null);
    if (kept.length >= INPUT.webhooks_per_site_max) {
      throw new AppError(
        "limit_reached",
        `Cannot create the webhook: a site must have at most ${INPUT.webhooks_per_site_max}`,
      );
    }
    const value = guardRecord.encode({ changed_at: updated_at });
    const itself = await stillItself(db, site_id);
    return { checks: [{ key, versionstamp }, itself], mutations: [{ kind: "set", key, value }] };
  }

  return {
    async addWebhook(webhook, note) {
      const entry = audit.begin();
      const record = await sealed(webhook);
      const mutations = records.writing(record);
      const key = keys.webhook(webhook.site_id, webhook.id);
      for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
        const guard = await oneMore(webhook);
        const added = await audit.commit({
          checks: [...guard.checks, { key, versionstamp: null }],
          mutations: [...mutations, ...guard.mutations],
        }, { entry, note });
        if (added) return;
      }
      throw new AppError("conflict", "Cannot create the webhook: the site's webhooks keep changing");
    },

    async webhook(site_id, webhook_id) {
      const found = await records.read(site_id, webhook_id);
      return found === null ? null : await opened(found.record);
    },

    async webhooksOf(site_id) {
      const found = await Promise.all(
        (await sealedWebhooks(parts, site_id)).map((record) =>
          reader.attempt(keys.webhook(site_id, record.id), () => opened(record))
        ),
      );
      return found.filter((webhook) => webhook !== null);
    },

    async changeWebhook(site_id, webhook_id, change, note) {
      const entry = audit.begin();
      for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
        const found = await records.read(site_id, webhook_id);
        if (found === null) return null;
        const before = await opened(found.record);
        const changed = change(before);
        if (changed === null || changed === before) return changed;
        // Brought back, it counts again: not beside a creation that saw it deleted.
        const returns = before.deleted_at !== null && changed.deleted_at === null;
        const guard = returns ? await oneMore(changed) : { checks: [], mutations: [] };
        const key = keys.webhook(site_id, webhook_id);
        const written = await audit.commit({
          checks: [...guard.checks, { key, versionstamp: found.versionstamp }],
          mutations: [...records.writing(await sealed(changed)), ...guard.mutations],
        }, { entry, note: note?.(before, changed) });
        if (written) return changed;
      }
      throw new AppError("conflict", `Cannot change webhook ${webhook_id}: it keeps changing`);
    },

    async version() {
      const entry = await db.get<Deno.KvU64>(keys.version());
      return entry.value?.value ?? 0n;
    },

    async laneState(site_id, webhook_id) {
      return reader.read(laneRecord, await db.get<Uint8Array>(keys.lane(site_id, webhook_id)));
    },

    async writeLaneState(site_id, webhook_id, state) {
      const key = keys.lane(site_id, webhook_id);
      await committer.commit({
        checks: [],
        mutations: [{
          kind: "set",
          key,
          value: laneRecord.encode(state),
          expire_in_ms: parts.retention.lane(),
        }],
      });
    },

    async pendingCount(webhook_id, most) {
      let count = 0;
      const entries = db.list({ prefix: keys.dueOf(webhook_id) }, {
        limit: most,
        batchSize: Math.min(most, 500),
      });
      for await (const _ of entries) count++;
      return Math.min(count + await heldFirstCount(parts, most - count, webhook_id), most);
    },
  };
}

/** Seals or opens every secret and header value of a webhook, each for its own place. */
async function turned(
  webhook: Webhook,
  turn: (text: string, place: readonly string[]) => Promise<string>,
): Promise<Webhook> {
  const { site_id, id } = webhook;
  const secrets = await Promise.all(webhook.secrets.map(async ({ value, expires_at }) => ({
    value: await turn(value, secretPlace(site_id, id)),
    expires_at,
  })));
  const headers = await Promise.all(
    Object.entries(webhook.headers).map(async ([name, value]): Promise<[string, string]> => [
      name,
      await turn(value, headerPlace(site_id, id, name)),
    ]),
  );
  return { ...webhook, secrets, headers: Object.fromEntries(headers) };
}
