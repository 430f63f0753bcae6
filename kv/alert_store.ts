/**
 * What is remembered of a site for its alerts, in Deno KV.
 *
 * Owns the record's form and its check: it changes only of what was read, in the commit of the events that it brings.
 *
 * @module
 */
import { z } from "zod";
import { ALERTS_AT_FIRST, type AlertState } from "../lib/alert.ts";
import type { EventStore, SiteStateChange } from "../lib/store.ts";
import { keys } from "./keys.ts";
import type { Member } from "./member.ts";
import { codec } from "./records.ts";
import type { StoreParts } from "./webhook_store.ts";

const memory = z.object({ run: z.int(), last_triggered_at: z.number().nullable() });

/** What is remembered of a site. */
export const alertRecord = codec<AlertState>(
  "alert",
  z.object({
    last_reading_at: z.number().nullable(),
    hours: z.array(z.object({ hour: z.int(), sum: z.number(), count: z.int() })),
    webhooks: z.record(z.string(), z.object({ visitor_spike: memory, visitor_drop: memory })),
  }),
);

/** Reading and preparing, for the transactions that accept events. */
export interface AlertRecords {
  readonly read: EventStore["alerts"];
  /** The part of a commit that changes what is remembered. */
  writing(change: SiteStateChange): Member;
}

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share.
 */
export function createAlertRecords(
  { db, reader, retention }: Pick<StoreParts, "db" | "reader" | "retention">,
): AlertRecords {
  return {
    async read(site_id) {
      const entry = await db.get<Uint8Array>(keys.alerts(site_id));
      return { value: reader.read(alertRecord, entry) ?? ALERTS_AT_FIRST, versionstamp: entry.versionstamp };
    },
    writing({ site_id, seen, next }) {
      const key = keys.alerts(site_id);
      const value = alertRecord.encode(next);
      return {
        checks: [{ key, versionstamp: seen }],
        mutations: [{ kind: "set", key, value, expire_in_ms: retention.alerts() }],
      };
    },
  };
}
