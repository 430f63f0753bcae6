/**
 * The names of sites in Deno KV: one record for each name that a rename ever touched.
 *
 * Owns that a rename is one commit, and that nothing is added to a site whose name goes to another in that moment.
 *
 * @module
 */
import { z } from "zod";
import type { AuditNote } from "../lib/audit.ts";
import { AppError } from "../lib/errors.ts";
import { freed, renaming, type SiteName, type SiteNameRecords } from "../lib/site_names.ts";
import type { SiteStore } from "../lib/store.ts";
import { createAuditRecords } from "./audit_store.ts";
import type { Database } from "./database.ts";
import { type Key, keys } from "./keys.ts";
import type { Check, Mutation } from "./member.ts";
import type { RecordReader } from "./record_reader.ts";
import { codec, guardRecord } from "./records.ts";
import type { StoreParts } from "./webhook_store.ts";

/** Where a name leads; the name is in its key. */
export const siteNameRecord = codec<Omit<SiteName, "name">>(
  "site name",
  z.object({ site: z.string(), until: z.number().nullable(), next: z.string().nullable() }),
);

/** What became of a site that had nothing. */
export const siteJoinedRecord = codec("joined site", z.object({ into: z.string() }));

/** Conflicts in a row after which something is wrong: each of them means that someone else got through. */
const CONFLICTS_MAX = 100;

/** The names as read, and what is checked when they change. */
interface ReadNames extends SiteNameRecords {
  readonly versionstamps: ReadonlyMap<string, string>;
}

async function readNames(
  { db, reader }: { readonly db: Pick<Database, "list">; readonly reader: RecordReader },
): Promise<ReadNames> {
  const names: SiteName[] = [];
  const versionstamps = new Map<string, string>();
  for await (const entry of db.list<Uint8Array>({ prefix: keys.siteNames() })) {
    const name = String(entry.key[1]);
    const record = reader.read(siteNameRecord, entry);
    // One that can't be read is never written over: a rename that concerns it is refused.
    if (record === null) continue;
    names.push({ name, ...record });
    versionstamps.set(name, entry.versionstamp);
  }
  const joined: SiteNameRecords["joined"][number][] = [];
  for await (const entry of db.list<Uint8Array>({ prefix: keys.sitesJoined() })) {
    const record = reader.read(siteJoinedRecord, entry);
    if (record !== null) joined.push({ site: String(entry.key[1]), into: record.into });
  }
  return { names, joined, versionstamps };
}

function nameWriting({ name, ...record }: SiteName): Mutation {
  return { kind: "set", key: keys.siteName(name), value: siteNameRecord.encode(record) };
}

/**
 * What makes sure that a site is still one of its own when something is added to it.
 *
 * @param db The database.
 * @param site_id The site that gets its first of something.
 * @returns What the commit checks.
 * @throws {AppError} `conflict` if its name was given to another site since the request came in.
 */
export async function stillItself(db: Pick<Database, "get">, site_id: string): Promise<Check> {
  const key = keys.siteJoined(site_id);
  const { versionstamp } = await db.get(key);
  if (versionstamp === null) return { key, versionstamp };
  throw new AppError("conflict", "Another site was given this name just now: repeat the request");
}

/**
 * The part of a commit that ends a site: where its names lead then.
 *
 * @param parts What the parts of the room share.
 * @param site_id The site.
 * @returns The writes.
 */
export async function freeingNames(
  parts: Pick<StoreParts, "db" | "reader" | "clock" | "newId">,
  site_id: string,
): Promise<Mutation[]> {
  const read = await readNames(parts);
  const now = parts.clock.now();
  return [
    ...freed(read, site_id, { now, id: parts.newId(now) }).map(nameWriting),
    ...read.joined.filter(({ into }) => into === site_id)
      .map(({ site }) => ({ kind: "delete", key: keys.siteJoined(site) }) as const),
  ];
}

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share.
 * @returns The names, and renaming.
 */
export function createNameStore(parts: StoreParts): Pick<SiteStore, "siteNames" | "renameSite"> {
  const { db, clock, newId } = parts;
  const audit = createAuditRecords(parts);

  /** Whether nothing is stored for a site, nor can be added to it beside this commit. */
  async function emptying(site_id: string): Promise<Check[] | null> {
    const guarded: Key[] = [keys.site(site_id), keys.watch(site_id), keys.siteDeletion(site_id)];
    const [guard, watch, deletion] = await db.getMany(guarded);
    if (guard === undefined || watch?.versionstamp !== null || deletion?.versionstamp !== null) return null;
    for (const prefix of [keys.webhooksOf, keys.siteEventsOf, keys.statsOf]) {
      const some = await Array.fromAsync(db.list({ prefix: prefix(site_id) }, { limit: 1, batchSize: 1 }));
      if (some.length > 0) return null;
    }
    return [guard, watch].map(({ key, versionstamp }) => ({ key, versionstamp }));
  }

  function taken(to: string): AppError {
    return new AppError(
      "conflict",
      `Cannot rename the site: ${to} has webhooks, events, counters or a watch of its own, or other names; ` +
        "delete that site first if it is not needed",
    );
  }

  return {
    siteNames: () => readNames(parts),

    async renameSite(wanted, note: AuditNote) {
      const entry = audit.begin();
      const id = newId(clock.now());
      for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
        const read = await readNames(parts);
        const { site, to } = wanted;
        const plan = renaming(read, { ...wanted, id });
        if (plan === null) throw taken(to);
        if (plan.names.length === 0) return;
        const deletion = await db.get(keys.siteDeletion(site));
        if (deletion.versionstamp !== null) {
          throw new AppError("conflict", "Cannot rename the site: it is being deleted");
        }
        const free = plan.emptied === null ? [] : await emptying(plan.emptied);
        if (free === null) throw taken(to);
        const names = plan.names.map(({ name }) => ({
          key: keys.siteName(name),
          versionstamp: read.versionstamps.get(name) ?? null,
        }));
        const guard = plan.emptied === null ? [] : [
          {
            kind: "set",
            key: keys.site(plan.emptied),
            value: guardRecord.encode({ changed_at: wanted.now }),
          } as const,
        ];
        const joined = plan.joined.map(({ site, into }) => ({
          kind: "set",
          key: keys.siteJoined(site),
          value: siteJoinedRecord.encode({ into }),
        } as const));
        const renamed = await audit.commit({
          checks: [...names, { key: deletion.key, versionstamp: null }, ...free],
          mutations: [
            ...plan.names.map(nameWriting),
            ...guard,
            ...joined,
            { kind: "sum", key: keys.version(), amount: 1n },
          ],
        }, { entry, note });
        if (renamed) return;
      }
      throw new AppError("conflict", "Cannot rename the site: its names keep changing");
    },
  };
}
