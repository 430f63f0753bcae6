/**
 * Sites in Deno KV: which there are, found without reading all that is stored, and removing all of one.
 *
 * Owns the list of where a site's records are. Whatever is stored below a site's name by a new kind of key must be
 * removed here too.
 *
 * @module
 */
import type { AuditNote } from "../lib/audit.ts";
import { INPUT, LEASE, TIME } from "../lib/limits.ts";
import type { SiteStore, SiteSummary } from "../lib/store.ts";
import { createAuditRecords } from "./audit_store.ts";
import { eventIdsOf } from "./event_list.ts";
import { type Key, keys, textAfter } from "./keys.ts";
import type { Mutation } from "./member.ts";
import { createNameStore, freeingNames } from "./name_store.ts";
import { eventRecord } from "./event_record.ts";
import { guardRecord, webhookRecord } from "./records.ts";
import { deliveryKey, STRUCK } from "./unwritten.ts";
import type { StoreParts } from "./webhook_store.ts";

/** Records written or removed in one commit. */
const AT_ONCE = 100;
/** Records read at once that each stand for others too: a block of a list for many. */
const READ_AT_ONCE = 25;

/** How long after its site is gone a delivery that was held may still come to be recorded. */
const STRUCK_MS = LEASE.longest_ms + TIME.MINUTE_MS;

/** Orders texts as KV does, by code points: a letter of a rare script is two units in memory, and those sort elsewhere. */
function compareTexts(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let index = 0; index < left.length && index < right.length; index++) {
    const difference = (left[index]?.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The kinds of records that are read by their keys alone. */
type Found = Deno.KvEntry<unknown>;

export function createSiteStore(parts: StoreParts): SiteStore {
  const { db, committer, clock, reader, leases } = parts;
  const audit = createAuditRecords(parts);

  async function some(prefix: Key, limit: number): Promise<Found[]> {
    return await Array.fromAsync(db.list({ prefix }, { limit, batchSize: limit }));
  }

  /** The first site below a prefix behind another one, or null. */
  async function siteAfter(prefix: Key, site_id: string | null): Promise<string | null> {
    const selector = site_id === null ? { prefix } : { prefix, start: [...prefix, textAfter(site_id)] };
    const [first] = await Array.fromAsync(db.list(selector, { limit: 1, batchSize: 1 }));
    return first === undefined ? null : String(first.key[1]);
  }

  /** The first site behind another one that has a webhook, an event or a watch. */
  async function nextSite(site_id: string | null): Promise<string | null> {
    const prefixes = [keys.webhookSites(), keys.eventSites(), keys.watchSites()];
    const found = await Promise.all(prefixes.map((prefix) => siteAfter(prefix, site_id)));
    return found.filter((site) => site !== null).toSorted(compareTexts)[0] ?? null;
  }

  async function lastEventAt(site_id: string): Promise<number | null> {
    const options = { reverse: true, limit: 1, batchSize: 1 };
    const [last] = await Array.fromAsync(db.list({ prefix: keys.siteEventsOf(site_id) }, options));
    if (last === undefined) return null;
    // The newest of a block that nobody was told about is kept for less time than the others.
    for (const event_id of eventIdsOf(last, 2, reader).toReversed()) {
      const event = reader.read(eventRecord, await db.get<Uint8Array>(keys.event(event_id)));
      if (event !== null) return event.accepted_at;
    }
    return null;
  }

  /** Reads a site's webhooks: how many are not deleted, and how many were looked at. */
  async function countWebhooks(site_id: string): Promise<{ active: number; examined: number }> {
    let active = 0;
    let examined = 0;
    for await (const entry of db.list<Uint8Array>({ prefix: keys.webhooksOf(site_id) })) {
      examined++;
      if (reader.read(webhookRecord, entry)?.deleted_at === null) active++;
    }
    return { active, examined };
  }

  async function webhookIdsOf(site_id: string): Promise<string[]> {
    const found = await Array.fromAsync(db.list({ prefix: keys.webhooksOf(site_id) }));
    return found.map(({ key }) => String(key[2]));
  }

  /** Writes in order, so much in one commit that others have their turn. */
  async function writeAll(mutations: readonly Mutation[]): Promise<void> {
    for (let from = 0; from < mutations.length; from += AT_ONCE) {
      await committer.commit({ checks: [], mutations: mutations.slice(from, from + AT_ONCE) });
    }
  }

  /** Removes all records below a prefix, each after those that it stands for. */
  async function removeAll(
    prefix: Key,
    othersOf: ((found: Found) => Key[]) | null = null,
  ): Promise<number> {
    let removed = 0;
    for (;;) {
      const found = await some(prefix, othersOf === null ? AT_ONCE : READ_AT_ONCE);
      if (found.length === 0) return removed;
      const all = found.flatMap((entry) => [...othersOf?.(entry) ?? [], entry.key]);
      await writeAll(all.map((key) => ({ kind: "delete", key })));
      removed += found.length;
    }
  }

  return {
    ...createNameStore(parts),

    webhookIdsOf,

    async sitePage(limit, position) {
      const sites: SiteSummary[] = [];
      let examined = 0;
      let site_id = await nextSite(position);
      while (site_id !== null) {
        if (sites.length === limit || examined >= INPUT.page_examined_max) {
          return { sites, next: sites.at(-1)?.site_id ?? null };
        }
        const webhooks = await countWebhooks(site_id);
        examined += 1 + webhooks.examined;
        sites.push({ site_id, webhooks: webhooks.active, last_event_at: await lastEventAt(site_id) });
        site_id = await nextSite(site_id);
      }
      return { sites, next: null };
    },

    async siteExists(site_id) {
      if ((await db.get(keys.siteDeletion(site_id))).versionstamp !== null) return true;
      if ((await db.get(keys.watch(site_id))).versionstamp !== null) return true;
      const found = await Promise.all([
        some(keys.webhooksOf(site_id), 1),
        some(keys.siteEventsOf(site_id), 1),
        some(keys.statsOf(site_id), 1),
      ]);
      return found.some((entries) => entries.length > 0);
    },

    async beginSiteDeletion(site_id) {
      const value = guardRecord.encode({ changed_at: clock.now() });
      const key = keys.siteDeletion(site_id);
      await committer.commit({ checks: [], mutations: [{ kind: "set", key, value }] });
    },

    async wipeSite(site_id) {
      const webhook_ids = await webhookIdsOf(site_id);
      const struck = await leases.strike(new Set(webhook_ids));
      let removed = struck.length;
      for (const webhook_id of webhook_ids) {
        removed += await removeAll(keys.dueOf(webhook_id), ({ key }) => {
          const event_id = String(key[3]);
          return [
            keys.delivery(event_id, webhook_id),
            keys.log(site_id, webhook_id, event_id),
            keys.event(event_id),
          ];
        });
      }
      removed += await removeAll(keys.logsOf(site_id), (entry) => {
        const webhook_id = String(entry.key[2]);
        return eventIdsOf(entry, 3, reader)
          .flatMap((event_id) => [keys.delivery(event_id, webhook_id), keys.event(event_id)]);
      });
      removed += await removeAll(
        keys.siteEventsOf(site_id),
        (entry) => eventIdsOf(entry, 2, reader).map(keys.event),
      );
      for (const prefix of [keys.idempotencyOf, keys.statsOf, keys.lanesOf]) {
        removed += await removeAll(prefix(site_id));
      }
      await committer.commit({
        checks: [],
        mutations: [keys.alerts(site_id), keys.watch(site_id), keys.watchState(site_id)]
          .map((key) => ({ kind: "delete", key }) as const),
      });
      // At the end, since the records of deliveries were removed above.
      await writeAll(
        struck.map((name) => ({
          kind: "set",
          key: deliveryKey(name),
          value: STRUCK,
          expire_in_ms: STRUCK_MS,
        })),
      );
      return removed;
    },

    async endSiteDeletion(site_id: string, note: AuditNote) {
      await removeAll(keys.webhooksOf(site_id));
      await committer.commit({
        checks: [],
        mutations: [
          { kind: "delete", key: keys.site(site_id) },
          { kind: "delete", key: keys.siteDeletion(site_id) },
          { kind: "sum", key: keys.version(), amount: 1n },
          ...await freeingNames(parts, site_id),
          audit.writing(audit.begin(), note),
        ],
      });
    },
  };
}
