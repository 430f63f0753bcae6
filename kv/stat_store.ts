/**
 * Counters in Deno KV: each process sets its own, and reading adds them up.
 *
 * Owns the walk over the counters. It must never use KV's sums: a commit that may have been written is written again.
 *
 * @module
 */
import { z } from "zod";
import { STATS } from "../lib/limits.ts";
import { addCounts, NO_COUNTS, type StatCounts } from "../lib/stats.ts";
import type { StatPosition, StatRow, StatStore } from "../lib/store.ts";
import { type Key, keys, textAfter } from "./keys.ts";
import type { RecordReader } from "./record_reader.ts";
import { codec } from "./records.ts";
import type { StoreParts } from "./webhook_store.ts";

/** What one process counted in one hour. */
export const statRecord = codec<StatCounts>(
  "stat",
  z.object({
    accepted: z.int(),
    attempts: z.int(),
    delivered: z.int(),
    retried: z.int(),
    failed: z.int(),
    blocked: z.int(),
    gone: z.int(),
    duration_ms_total: z.number(),
  }),
);

function rowOf(entry: Deno.KvEntry<Uint8Array>, reader: RecordReader): StatRow {
  const { key } = entry;
  return {
    site_id: String(key[1]),
    hour: Number(key[2]),
    webhook_id: key[3] === "" ? null : String(key[3]),
    counts: reader.read(statRecord, entry) ?? NO_COUNTS,
  };
}

function isSamePlace(a: StatPosition, b: StatPosition): boolean {
  return a.site_id === b.site_id && a.hour === b.hour && a.webhook_id === b.webhook_id;
}

function keyAfter({ site_id, hour, webhook_id }: StatPosition): Key {
  return keys.statsFrom(site_id, hour, textAfter(webhook_id ?? ""));
}

/** Behind every webhook's id that a cursor may have. */
const LAST_WEBHOOK = `wh_${"Z".repeat(26)}`;

function positionOf({ site_id, hour, webhook_id }: StatPosition): StatPosition {
  return { site_id, hour, webhook_id };
}

export function createStatStore({ db, committer, retention, reader }: StoreParts): StatStore {
  /** The first counters of a range that begins at `start`, or all of them behind it. */
  function list(start: Key, site_id: string | null): AsyncIterable<Deno.KvEntry<Uint8Array>> {
    const prefix = site_id === null ? keys.statsAll() : keys.statsOf(site_id);
    return db.list<Uint8Array>({ prefix, start }, { batchSize: STATS.read_at_once });
  }

  return {
    async writeStats(rows) {
      const mutations = rows.map(({ site_id, hour, webhook_id, counter, counts }) => ({
        kind: "set",
        key: keys.stat(site_id, hour, webhook_id ?? "", counter),
        value: statRecord.encode(counts),
        expire_in_ms: retention.record(),
      } as const));
      await committer.commit({ checks: [], mutations });
    },

    async statPage({ site_id, since_hour, limit, after: position }) {
      const rows: StatRow[] = [];
      let start: Key | null = position !== null
        ? keyAfter(position)
        : keys.statsFrom(site_id ?? "", since_hour, "");
      let passed_over = 0;
      while (start !== null) {
        const from: Key = start;
        start = null;
        for await (const entry of list(from, site_id)) {
          const row = rowOf(entry, reader);
          if (row.hour < since_hour) {
            // Older ones of the next site: its hours before are skipped, not walked through.
            const skipped = { site_id: row.site_id, hour: since_hour - 1, webhook_id: LAST_WEBHOOK };
            if (++passed_over > STATS.sites_passed_over_max) return { rows, next: skipped };
            start = keys.statsFrom(row.site_id, since_hour, "");
            break;
          }
          const last = rows.at(-1);
          if (last !== undefined && isSamePlace(last, row)) {
            rows[rows.length - 1] = { ...last, counts: addCounts(last.counts, row.counts) };
          } else if (rows.length === limit) {
            return { rows, next: last === undefined ? null : positionOf(last) };
          } else {
            rows.push(row);
          }
        }
      }
      return { rows, next: null };
    },
  };
}
