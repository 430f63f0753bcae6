/**
 * The audit in Deno KV: entries that are written with the change they tell of, and the list of them.
 *
 * Owns the commit of an audited change. The entry in it is also its proof: a KV server may say that a check failed when
 * only the answer of the commit was lost, and the entry is there if and only if the change is.
 *
 * @module
 */
import type { AuditId, AuditNote } from "../lib/audit.ts";
import type { AuditStore } from "../lib/store.ts";
import { FIRST_ID, keys, LAST_ID } from "./keys.ts";
import type { Member, Mutation } from "./member.ts";
import { auditRecord } from "./records.ts";
import type { StoreParts } from "./webhook_store.ts";

/** Writing entries, for the transactions of the room. */
export interface AuditRecords {
  /** The same for every try of one change. */
  begin(): AuditId;
  writing(entry: AuditId, note: AuditNote): Mutation;
  /** Whether an entry is there, and so the change that it tells of. */
  written(entry: AuditId): Promise<boolean>;
  /**
   * Commits a change with its entry.
   * @returns Whether it is written; not if one of its checks failed.
   */
  commit(
    member: Member,
    audited: { readonly entry: AuditId; readonly note: AuditNote | undefined },
  ): Promise<boolean>;
}

type Parts = Pick<StoreParts, "db" | "committer" | "clock" | "retention" | "newId">;

export function createAuditRecords({ db, committer, clock, retention, newId }: Parts): AuditRecords {
  const records: AuditRecords = {
    begin() {
      const at = clock.now();
      return { id: newId(at), at };
    },

    writing(entry, note) {
      const value = auditRecord.encode({ ...note, ...entry });
      return { kind: "set", key: keys.audit(entry.id), value, expire_in_ms: retention.record() };
    },

    async commit({ checks, mutations }, { entry, note }) {
      if (note === undefined) return (await committer.commit({ checks, mutations })).ok;
      const result = await committer.commit({
        checks,
        mutations: [...mutations, records.writing(entry, note)],
      });
      return result.ok || await records.written(entry);
    },

    async written({ id }) {
      return (await db.get(keys.audit(id))).versionstamp !== null;
    },
  };
  return records;
}

export function createAuditStore(
  parts: StoreParts & { readonly idPrefixAt: (at_ms: number) => string },
): AuditStore {
  const { db, committer, reader, idPrefixAt } = parts;
  const audit = createAuditRecords(parts);
  /** How the ids of a moment begin: those of events have a word before it. */
  const prefixAt = (at_ms: number): string => idPrefixAt(at_ms).slice("evt_".length);

  return {
    async writeAudit(note, known) {
      const entry = known ?? audit.begin();
      await committer.commit({ checks: [], mutations: [audit.writing(entry, note)] });
      return entry;
    },

    async auditPage({ since, until, limit, before }) {
      const start = since === null ? FIRST_ID : prefixAt(since);
      const ends = [
        LAST_ID,
        ...(until === null ? [] : [prefixAt(until)]),
        ...(before === null ? [] : [before]),
      ];
      const end = ends.reduce((least, each) => each < least ? each : least);
      // KV refuses a range that ends before it starts.
      if (end <= start) return { entries: [], next: null };
      const range = { start: keys.audit(start), end: keys.audit(end) };
      const options = { reverse: true, limit: limit + 1, batchSize: limit + 1 };
      const found = await Array.fromAsync(db.list<Uint8Array>(range, options));
      const shown = found.slice(0, limit);
      const entries = shown.map((entry) => reader.read(auditRecord, entry)).filter((entry) => entry !== null);
      return { entries, next: found.length > limit ? String(shown.at(-1)?.key[1]) : null };
    },
  };
}
