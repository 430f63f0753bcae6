/**
 * The store over Deno KV: the domain's transactions, put together from the parts of this room.
 *
 * @module
 */
import type { Log } from "../lib/ports.ts";
import type { Store } from "../lib/store.ts";
import { createAgendaStore } from "./agenda_store.ts";
import { createAuditStore } from "./audit_store.ts";
import { createEventStore } from "./event_store.ts";
import { GroupLeases } from "./group_leases.ts";
import { createKeyStore } from "./key_store.ts";
import { createRecordReader } from "./record_reader.ts";
import { createSiteStore } from "./site_store.ts";
import { createStatStore } from "./stat_store.ts";
import { createWatchStore } from "./watch_store.ts";
import { createWebhookRecords, createWebhookStore, type StoreParts } from "./webhook_store.ts";

/**
 * Puts the store together.
 *
 * @param given The database, its committer, the box that seals secrets, the clock and the retention rules, and how the
 * ids of a moment begin; the log is for records that can't be read.
 * @returns The store.
 */
export function createStore(
  given: Omit<StoreParts, "reader" | "leases"> & {
    readonly idPrefixAt: (at_ms: number) => string;
    readonly log: Log;
  },
): Store {
  const reader = createRecordReader(given);
  const parts = { ...given, reader, leases: new GroupLeases({ ...given, reader }) };
  const records = createWebhookRecords(parts);
  const agenda = createAgendaStore(parts);
  return {
    ...createKeyStore(parts),
    ...createWebhookStore(parts, records),
    ...createEventStore(parts, records),
    ...createAuditStore(parts),
    ...createSiteStore(parts),
    ...createStatStore(parts),
    ...createWatchStore(parts),
    ...agenda,
    // Spreading would freeze the value of the moment.
    get failing_since() {
      return agenda.failing_since;
    },
    get failing_because() {
      return agenda.failing_because;
    },
  };
}
