/**
 * What the domain asks of storage: its transactions, not rows.
 *
 * Owns the port; `kv/store.ts` is the driver. Every method that writes is one atomic commit, and every one may throw
 * `unavailable` when storage can't take it just now. A method that needs a tenant's scope takes the site.
 *
 * @module
 */
import type { AlertState } from "./alert.ts";
import type { ApiKey } from "./api_key.ts";
import type { AuditEntry, AuditId, AuditNote } from "./audit.ts";
import type { Decision } from "./decide.ts";
import type { Delivery, DeliveryStatus } from "./delivery.ts";
import type { DeliveredEventName } from "./event_types.ts";
import type { LaneState } from "./lane_state.ts";
import type { Pause } from "./pause.ts";
import type { SiteNameRecords, WantedName } from "./site_names.ts";
import type { StatCounts } from "./stats.ts";
import type { WatchBudget, WatchSettings, WatchState } from "./watch.ts";
import type { Webhook } from "./webhook.ts";

/** A record as read, with the versionstamp that a later commit checks. */
export interface Versioned<Value> {
  readonly value: Value;
  readonly versionstamp: string;
}

/** A delivery as last read or written. */
export interface KnownDelivery extends Versioned<Delivery> {
  /**
   * Whether it has a record of its own. Nothing has happened yet to one that has none: the versionstamp is that of its due
   * entry then; of one that a process holds since it was accepted, that of everything written with its event.
   */
  readonly written: boolean;
}

/** What names a delivery. */
export interface DeliveryName {
  readonly event_id: string;
  readonly webhook_id: string;
  /** Whether a group lease names it: then it is there, however old its event is. */
  readonly leased?: boolean;
}

/** An event as stored. */
export interface StoredEvent {
  readonly id: string;
  readonly site_id: string;
  readonly event: DeliveredEventName;
  readonly accepted_at: number;
  /** As the caller sent it. */
  readonly timestamp: string;
  /** What receivers get. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** For every webhook the site had. */
  readonly decisions: readonly Decision[];
}

/** What an idempotency key stands for. */
export interface IdempotencyEntry {
  readonly event_id: string;
  /** SHA-256 of the canonical `event` and `data`, in hex. */
  readonly digest: string;
  readonly expires_at: number;
}

/** What is committed when an event is accepted. */
export interface Acceptance {
  readonly event: StoredEvent;
  /** With where its marker belongs when its lane is on hold beyond its due time. */
  readonly deliveries: readonly { readonly delivery: Delivery; readonly marker_at: number | null }[];
  readonly idempotency: {
    readonly key: string;
    readonly entry: IdempotencyEntry;
    /** The versionstamp of what was read under the key; null for nothing. */
    readonly seen: string | null;
  } | null;
  /** Whether the site's history of events shows it (a test event is not part of it). */
  readonly listed: boolean;
}

/** A change of what is remembered of a site, of what it was read as. */
export interface SiteStateChange {
  readonly site_id: string;
  /** The versionstamp of what was read; null for nothing. */
  readonly seen: string | null;
  readonly next: AlertState;
}

/** A change of the state of a watch, of what it was read as. */
export interface WatchChange {
  readonly site_id: string;
  /** The versionstamp of what was read. */
  readonly seen: string;
  readonly watch: WatchState;
}

/** What is to be known of a delivery that nothing has happened to yet, besides when it is due and who is at it. */
export type UnwrittenDelivery = Pick<Delivery, "event" | "created_at">;

/** A due entry: someone has to look at this delivery at that time. */
export interface DueEntry {
  readonly webhook_id: string;
  readonly event_id: string;
  readonly site_id: string;
  readonly at: number;
  /** The process that holds the delivery until then, or null. */
  readonly owner: string | null;
  /** What else is to be known of a delivery that nothing has happened to yet; null if it has a record of its own. */
  readonly unwritten: (UnwrittenDelivery & { readonly versionstamp: string }) | null;
}

/** The leases of deliveries that a process holds since it accepted them: those without a record. */
export interface GroupLease {
  readonly owner: string;
  /** When the last of them ends. */
  readonly until: number;
  /** These two and `until` name it. */
  readonly first_event_id: string;
  readonly operation: number;
  readonly versionstamp: string;
  /** Which deliveries; some have a record by now. */
  readonly deliveries: readonly { readonly event_id: string; readonly webhook_ids: readonly string[] }[];
}

/** What a look at a lane's due entries found. */
export interface DueLook {
  /** The entries due, earliest first. */
  readonly due: readonly DueEntry[];
  /** The first entry beyond those; null if there is none. */
  readonly next: DueEntry | null;
}

/** An agenda marker: this webhook has something due in that slot of time. */
export interface Marker {
  /** `⌊at / 10 s⌋`. */
  readonly slot: number;
  readonly webhook_id: string;
  readonly versionstamp: string;
}

/** A process that serves, as it last said so. */
export interface InstanceBeat {
  readonly id: string;
  /** Changes with every beat. */
  readonly versionstamp: string;
  /** When it was, by that process's own clock. */
  readonly at: number;
}

/** Which deliveries a page shows. */
export interface DeliveryQuery {
  readonly webhook_id: string | null;
  readonly event: DeliveredEventName | null;
  readonly status: DeliveryStatus | null;
  /** Created at or after, in milliseconds. */
  readonly since: number | null;
  /** Created before, in milliseconds. */
  readonly until: number | null;
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: { readonly event_id: string; readonly webhook_id: string } | null;
}

/** A page of deliveries, newest first. */
export interface DeliveryPage {
  readonly deliveries: readonly { readonly delivery: Delivery; readonly webhook: Webhook | null }[];
  /** Where the next page starts; null at the end. */
  readonly next: { readonly event_id: string; readonly webhook_id: string } | null;
}

/** Which events a page shows. */
export interface EventQuery {
  readonly event: DeliveredEventName | null;
  /** Accepted at or after, in milliseconds. */
  readonly since: number | null;
  /** Accepted before, in milliseconds. */
  readonly until: number | null;
  readonly limit: number;
  /** The last event of the page before. */
  readonly before: string | null;
}

/** A page of events, newest first. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** The `before` of the next page; null at the end. */
  readonly next: string | null;
}

/** Events of a site as they follow each other. */
export interface EventStretch {
  /** Those that are still kept: fewer than were looked at, maybe none. */
  readonly events: readonly StoredEvent[];
  /** How many were looked at. */
  readonly examined: number;
  /** The last one looked at, and the time of the one behind it; null if there is none. */
  readonly next: { readonly after: string; readonly at: number } | null;
}

/** Storage of API keys. */
export interface KeyStore {
  /** @param note For the audit, in the same commit. */
  addKey(key: ApiKey, note?: AuditNote): Promise<void>;
  keyByHash(hash: string): Promise<ApiKey | null>;
  /** All keys, oldest first. */
  keys(): Promise<ApiKey[]>;
  /** @returns Whether there was one. */
  removeKey(id: string, note?: AuditNote): Promise<boolean>;
  /**
   * Changes a key, deciding again when someone else changed it meanwhile.
   * @param change Gets the key as it is now; returns it as it shall be, or null to leave it.
   * @param note For the audit, in the same commit.
   */
  changeKey(id: string, change: (key: ApiKey) => ApiKey | null, note?: AuditNote): Promise<void>;
  /** Notes when a key was last used; nothing if it was revoked meanwhile. */
  touchKey(hash: string, at: number): Promise<void>;
}

/** Storage of webhooks. */
export interface WebhookStore {
  /**
   * @param note For the audit, in the same commit.
   * @throws {AppError} `limit_reached` beyond 50 for the site, `validation_failed` if the record is too large.
   */
  addWebhook(webhook: Webhook, note?: AuditNote): Promise<void>;
  /**
   * A webhook, deleted ones too.
   * @throws {BrokenRecord} If it is there and can't be read.
   */
  webhook(site_id: string, webhook_id: string): Promise<Webhook | null>;
  /** A site's webhooks, oldest first, deleted ones too; without those that can't be read. */
  webhooksOf(site_id: string): Promise<Webhook[]>;
  /**
   * Changes a webhook, deciding again when someone else changed it meanwhile. Its pending work is looked at at once
   * if it is not active after it. One that `change` brings back from its deletion counts to the limit again.
   * @param change Gets the webhook as it is now; returns it as it shall be (the same object: nothing is written), or null
   * to leave it.
   * @param note What is told of it, for the audit, in the same commit.
   * @returns The webhook after it, or null if there is none (or `change` left it).
   * @throws {AppError} `limit_reached` if it would come back beyond 50, `validation_failed` if the record is too large.
   */
  changeWebhook(
    site_id: string,
    webhook_id: string,
    change: (webhook: Webhook) => Webhook | null,
    note?: (before: Webhook, after: Webhook) => AuditNote,
  ): Promise<Webhook | null>;
  /** Bumped by every change of configuration, whichever process made it. */
  version(): Promise<bigint>;
  laneState(site_id: string, webhook_id: string): Promise<LaneState | null>;
  writeLaneState(site_id: string, webhook_id: string, state: LaneState): Promise<void>;
  /** How many deliveries of a webhook are pending, counted up to `most`. */
  pendingCount(webhook_id: string, most: number): Promise<number>;
}

/** Storage of events and deliveries. */
export interface EventStore {
  idempotency(site_id: string, key: string): Promise<Versioned<IdempotencyEntry> | null>;
  /** @returns The versionstamp of everything written, or null if the idempotency key was used meanwhile. */
  accept(acceptance: Acceptance): Promise<string | null>;
  /**
   * Accepts events of one site together with a change of what is remembered of it, all or nothing.
   * @returns The versionstamp of everything written, or null if the state or an idempotency key was changed meanwhile.
   */
  acceptWith(
    change: SiteStateChange | WatchChange | null,
    acceptances: readonly Acceptance[],
  ): Promise<string | null>;
  /** What is remembered of a site for its alerts; that of a site without readings if there is nothing. */
  alerts(site_id: string): Promise<{ readonly value: AlertState; readonly versionstamp: string | null }>;
  /** @throws {BrokenRecord} If it is there and can't be read. */
  event(event_id: string): Promise<StoredEvent | null>;
  /** Reads one page of a site's events; looks at 1,000 records at most. */
  eventPage(site_id: string, query: EventQuery): Promise<EventPage>;
  /** A site's events in the order they were accepted, from a time (or behind an event) on, before `until`. */
  eventsFrom(
    site_id: string,
    from: { readonly since: number; readonly until: number; readonly after: string | null },
    most: number,
  ): Promise<EventStretch>;
  /** @throws {BrokenRecord} If it is there and can't be read. */
  delivery(event_id: string, webhook_id: string): Promise<KnownDelivery | null>;
  /** Several at once, in the order asked for, by name or by due entry; null also for what can't be read. */
  deliveries(names: readonly (DueEntry | DeliveryName)[]): Promise<(KnownDelivery | null)[]>;
  /**
   * Adds a delivery of an event that was accepted earlier, with everything that leads to it.
   * @returns Whether it was added; not if there is one already, or the event is kept no longer.
   */
  addDelivery(delivery: Delivery): Promise<boolean>;
  /**
   * Moves a delivery to its next state, deciding again when someone else moved it meanwhile. Its due entry and agenda
   * marker follow its `due_at` in the same commit.
   * @param known The delivery as last read or written.
   * @param next Gets the delivery as it is now; returns it as it shall be, or null to leave it.
   * @param pause Pauses the webhook in the same commit, unless it is off already; audited and told there too.
   * @returns The delivery after it, or null if `next` left it or it is gone.
   */
  move(
    known: KnownDelivery,
    next: (delivery: Delivery) => Delivery | null,
    pause?: Pause,
  ): Promise<KnownDelivery | null>;
  /**
   * As {@linkcode EventStore.move}, told in the audit in the same commit. It is decided again only while it is not done,
   * also where only the answer of its commit was lost.
   */
  moveAudited(
    known: KnownDelivery,
    next: (delivery: Delivery) => Delivery | null,
    note: AuditNote,
  ): Promise<KnownDelivery | null>;
  /** Reads one page of a site's deliveries; looks at 1,000 records at most. */
  deliveryPage(site_id: string, query: DeliveryQuery): Promise<DeliveryPage>;
}

/** How many due entries there are. */
export interface DueCount {
  /** At or before the moment that was asked for. */
  readonly due: number;
  /** After it: retries, and deliveries that a process holds until then or since it accepted them. */
  readonly later: number;
}

/** Storage of what is due. */
export interface AgendaStore {
  /** Markers whose slot begins at or before `until`, earliest first, those behind `after` only. */
  markers(until: number, most: number, after: Marker | null): Promise<Marker[]>;
  /** The slots after `since` and up to `until` that have markers, as times at which they begin. */
  upcomingSlots(since: number, until: number): Promise<number[]>;
  /** What a lane has due up to `until`. */
  look(webhook_id: string, until: number, most: number): Promise<DueLook>;
  /** Group leases that end at or before `until`, earliest first. */
  groupLeases(until: number): Promise<GroupLease[]>;
  /** Removes a group lease; what of it has no record yet, since it can't be read, is put off. */
  endGroupLease(lease: GroupLease): Promise<void>;
  /** Sets a marker for now: a lane's hold ended before its time. */
  mark(webhook_id: string): Promise<void>;
  /** Removes a marker, unless it was set again since it was read. */
  retireMarker(marker: Marker): Promise<void>;
  /** Moves a marker to a later time, unless it was set again since it was read. */
  moveMarker(marker: Marker, to: number): Promise<void>;
  /**
   * Removes a due entry that no delivery names; never one that a delivery names. One whose delivery can't be read is put
   * off instead.
   */
  dropEntry(entry: DueEntry): Promise<void>;
  /** Counts due entries, the first `most` of them: what is due by then and what is due later. */
  countDue(now: number, most: number): Promise<DueCount>;
  /** Makes missing markers again. @returns How many due entries were looked at. */
  repairAgenda(): Promise<number>;
  /** Has every process look at what is due, within a second: it was made due by one that does not send. */
  ring(): Promise<void>;
  /** Changes with every {@linkcode AgendaStore.ring}, whichever process rang. */
  rings(): Promise<bigint>;
  /** Says that a process lives. */
  beat(instance: string, at: number): Promise<void>;
  instances(): Promise<InstanceBeat[]>;
  forgetInstance(instance: string): Promise<void>;
  /** Since when commits fail, in milliseconds; null while they succeed. */
  readonly failing_since: number | null;
  /** Why they fail, in words for people; null while they succeed. */
  readonly failing_because: string | null;
}

/** Which entries of the audit a page shows. */
export interface AuditQuery {
  /** At or after, in milliseconds. */
  readonly since: number | null;
  /** Before, in milliseconds. */
  readonly until: number | null;
  readonly limit: number;
  /** The last entry of the page before. */
  readonly before: string | null;
}

/** Storage of the audit. Entries are written with the changes they tell of, where these are one commit. */
export interface AuditStore {
  /**
   * Writes an entry by itself: of what changes nothing, or is many commits.
   * @param known The entry as it was first written, which is written anew.
   */
  writeAudit(note: AuditNote, known?: AuditId): Promise<AuditId>;
  /** Reads one page, newest first; `next` is the `before` of the next one, null at the end. */
  auditPage(query: AuditQuery): Promise<{ entries: readonly AuditEntry[]; next: string | null }>;
}

/** A site, as the list of sites tells of it. */
export interface SiteSummary {
  readonly site_id: string;
  /** How many it has, without deleted ones. */
  readonly webhooks: number;
  /** When its newest event was accepted; null if none is kept. */
  readonly last_event_at: number | null;
}

/** Storage of sites as a whole. A site exists while there is a webhook, an event or a watch of it. */
export interface SiteStore {
  /** The sites behind `after`, in the order of their names; `next` is the next page's `after`, null at the end. */
  sitePage(limit: number, after: string | null): Promise<{ sites: SiteSummary[]; next: string | null }>;
  /** Whether there is anything of a site, or a deletion of it that was begun and not ended. */
  siteExists(site_id: string): Promise<boolean>;
  /** Notes that a site is being deleted: should this be cut short, the site still exists and can be deleted again. */
  beginSiteDeletion(site_id: string): Promise<void>;
  /** The ids of all webhooks of a site, deleted ones too. */
  webhookIdsOf(site_id: string): Promise<string[]>;
  /**
   * Removes everything that is stored for a site but for its webhooks, which must be deleted before. A hundred records a
   * commit: what was removed before it throws stays removed.
   * @returns How many records there were.
   */
  wipeSite(site_id: string): Promise<number>;
  /** Removes what is left of a site's webhooks, and that it is being deleted; its names lead to other sites then. */
  endSiteDeletion(site_id: string, note: AuditNote): Promise<void>;
  /** What the sites are called that were ever renamed. */
  siteNames(): Promise<SiteNameRecords>;
  /**
   * Gives a site another name, unless it has it already.
   * @param note For the audit, in the same commit.
   * @throws {AppError} `conflict` if the name is another site's, or the site is being deleted.
   */
  renameSite(wanted: Omit<WantedName, "id">, note: AuditNote): Promise<void>;
}

/** What was counted in one hour. */
export interface StatRow {
  readonly site_id: string;
  /** Null for what belongs to the site as a whole. */
  readonly webhook_id: string | null;
  /** Hours since the epoch. */
  readonly hour: number;
  readonly counts: StatCounts;
}

/** A place in the list of counters, which is ordered by site, hour, webhook. */
export type StatPosition = Omit<StatRow, "counts">;

/** What one process counted. */
export interface CountedRow extends StatRow {
  /** The process, and which of its counts. */
  readonly counter: string;
}

/** Which counters a page shows. */
export interface StatQuery {
  readonly site_id: string | null;
  /** The first hour. */
  readonly since_hour: number;
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: StatPosition | null;
}

/** Storage of counters. */
export interface StatStore {
  /** Sets what a process counted, in place of what it had set before. */
  writeStats(rows: readonly CountedRow[]): Promise<void>;
  /** Reads one page of the sums over all processes; `next` is the next one's `after`, null at the end. */
  statPage(query: StatQuery): Promise<{ rows: readonly StatRow[]; next: StatPosition | null }>;
}

/** A watch as stored. */
export interface StoredWatch {
  readonly site_id: string;
  readonly settings: WatchSettings;
  readonly state: Versioned<WatchState>;
}

/** Storage of watches. */
export interface WatchStore {
  /** @throws {BrokenRecord} If it is there and can't be read. */
  watch(site_id: string): Promise<StoredWatch | null>;
  /** Every watch that can be read, with its API key still sealed. */
  watches(): Promise<StoredWatch[]>;
  /**
   * Sets a watch, deciding again when someone else changed it meanwhile.
   * @param decide Gets the watch as it is now, or null; returns it as it shall be, and what is told of it.
   * @returns The watch after it.
   */
  setWatch(
    site_id: string,
    decide: (before: StoredWatch | null) => {
      readonly settings: WatchSettings;
      readonly state: WatchState;
      readonly note: AuditNote;
    },
  ): Promise<StoredWatch>;
  /** @returns Whether there was one. */
  removeWatch(site_id: string, note: AuditNote): Promise<boolean>;
  /**
   * Changes the state of a watch, and the budget with it.
   * @returns The versionstamp of what was written, or null if either was changed meanwhile.
   */
  moveWatch(change: WatchChange, budget?: Versioned<WatchBudget>): Promise<string | null>;
  /** The requests to Plausible, and what is checked when they change; an empty versionstamp if there are none. */
  watchBudget(): Promise<Versioned<WatchBudget>>;
  /** @returns Whether it was written; not if it was changed since it was read. */
  moveBudget(budget: Versioned<WatchBudget>): Promise<boolean>;
}

/** All of it. */
export interface Store
  extends KeyStore, WebhookStore, EventStore, AgendaStore, AuditStore, SiteStore, StatStore, WatchStore {}
