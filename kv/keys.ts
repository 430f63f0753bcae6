/**
 * Every key of the database, built here and nowhere else.
 *
 * Owns the layout, whose order was decided by measurement (docs/decisions/0003-key-order.md). A key that belongs to a
 * tenant takes the site as a required argument, so that no query can reach across sites by accident.
 *
 * @module
 */
import { LEASE } from "../lib/limits.ts";

/** A key as Deno KV takes it. */
export type Key = readonly Deno.KvKeyPart[];

/** The slot of time a moment lies in. */
export function slotOf(at_ms: number): number {
  return Math.floor(at_ms / LEASE.slot_ms);
}

/** Before and behind every id. */
export const FIRST_ID = "";
export const LAST_ID = "\u{10ffff}";

/** The next text after this one. */
export function textAfter(text: string): string {
  return text + "\u0000";
}

/** Builders of all keys; those that end in `Of` or `All` give the prefix of a list. */
export const keys = {
  webhook: (site_id: string, webhook_id: string): Key => ["webhook", site_id, webhook_id],
  webhooksOf: (site_id: string): Key => ["webhook", site_id],
  /** Rewritten by whatever must not happen twice at once for a site, such as adding the fiftieth webhook. */
  site: (site_id: string): Key => ["site", site_id],
  /** There while a site is being deleted. */
  siteDeletion: (site_id: string): Key => ["site_deletion", site_id],
  /** Where the name of a site leads that was ever renamed. */
  siteName: (name: string): Key => ["site_name", name],
  siteNames: (): Key => ["site_name"],
  /** There for a site without anything whose name was given to another. */
  siteJoined: (site_id: string): Key => ["site_joined", site_id],
  sitesJoined: (): Key => ["site_joined"],
  webhookSites: (): Key => ["webhook"],
  eventSites: (): Key => ["site_event"],
  lane: (site_id: string, webhook_id: string): Key => ["health", site_id, webhook_id],
  lanesOf: (site_id: string): Key => ["health", site_id],
  /** What is remembered of a site for the alerts of all its webhooks: one check for each that is told. */
  alerts: (site_id: string): Key => ["alert", site_id],
  event: (event_id: string): Key => ["event", event_id],
  /** In this list and in a log, several entries that come together are one record (`event_list.ts`). */
  siteEvent: (site_id: string, event_id: string): Key => ["site_event", site_id, event_id],
  siteEventsOf: (site_id: string): Key => ["site_event", site_id],
  idempotency: (site_id: string, key: string): Key => ["event_key", site_id, key],
  idempotencyOf: (site_id: string): Key => ["event_key", site_id],
  /** Ordered by time and not by tenant: neighbours in time share pages of the file. */
  delivery: (event_id: string, webhook_id: string): Key => ["delivery", event_id, webhook_id],
  log: (site_id: string, webhook_id: string, event_id: string): Key => ["log", site_id, webhook_id, event_id],
  logOf: (site_id: string, webhook_id: string): Key => ["log", site_id, webhook_id],
  logsOf: (site_id: string): Key => ["log", site_id],
  due: (webhook_id: string, at: number, event_id: string): Key => ["due", webhook_id, at, event_id],
  dueOf: (webhook_id: string): Key => ["due", webhook_id],
  dueAll: (): Key => ["due"],
  /**
   * Ordered by when the last of its leases ends; told apart by the first of its events, and by the number of the operation
   * that wrote it: one whose answer was lost may be made again in parts.
   */
  groupLease: (until: number, event_id: string, operation: number): Key => [
    "group_lease",
    until,
    event_id,
    operation,
  ],
  groupLeases: (): Key => ["group_lease"],
  agenda: (slot: number, webhook_id: string): Key => ["agenda", slot, webhook_id],
  agendaSlot: (slot: number): Key => ["agenda", slot],
  agendaAll: (): Key => ["agenda"],
  /** What is set, and apart from it what changes with every round. */
  watch: (site_id: string): Key => ["watch", site_id],
  watchSites: (): Key => ["watch"],
  watchStates: (): Key => ["watch_state"],
  watchState: (site_id: string): Key => ["watch_state", site_id],
  watchBudget: (): Key => ["watch_budget"],
  version: (): Key => ["version"],
  ring: (): Key => ["ring"],
  apiKey: (hash: string): Key => ["api_key", hash],
  apiKeyId: (id: string): Key => ["api_key_id", id],
  apiKeyIds: (): Key => ["api_key_id"],
  instance: (id: string): Key => ["instance", id],
  instances: (): Key => ["instance"],
  audit: (id: string): Key => ["audit", id],
  /** `webhook_id` is empty for what belongs to the site as a whole, `counter` is whose count it is. */
  stat: (site_id: string, hour: number, webhook_id: string, counter: string): Key => [
    "stat",
    site_id,
    hour,
    webhook_id,
    counter,
  ],
  statsOf: (site_id: string): Key => ["stat", site_id],
  /** Where the counters begin that are not before this place. */
  statsFrom: (site_id: string, hour: number, webhook_id: string): Key => ["stat", site_id, hour, webhook_id],
  statsAll: (): Key => ["stat"],
  secretCheck: (): Key => ["secret_check"],
  /** Of the database as a whole: read before anything else is. */
  format: (): Key => ["format"],
} as const;
