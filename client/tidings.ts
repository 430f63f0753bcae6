/**
 * A client for Tidings: a method for each call, typed by what the service takes and answers.
 *
 * Written by `deno task client` from the OpenAPI document: change that, not this. With `call.ts` beside it, it depends
 * on nothing; copy the folder.
 *
 * @module
 */
import { type CallOptions, TidingsCaller } from "./call.ts";
export { type CallOptions, TidingsError, type TidingsOptions } from "./call.ts";

/** Calls one service. */
export class Tidings extends TidingsCaller {
  /**
   * What may be posted, and what counts as personal data.
   *
   * Needs no key.
   */
  listEventTypes(options: CallOptions = {}): Promise<EventTypes> {
    return this.call({ method: "GET", path: "/v1/event-types" }, options);
  }

  /**
   * Post an event.
   *
   * The answer leaves once the event is on disk and scheduled. The query string and fragment of `path` and `page` are cut off first. Personal data is refused. Needs a key with scope `ingest` or `admin`.
   */
  postEvent(body: NewEvent, options: CallOptions & {
    /** Any text that is the event's own: posted twice under it, it is accepted once within 24 hours */
    readonly idempotency_key?: string;
  } = {}): Promise<AcceptedBefore | Accepted> {
    return this.call({
      method: "POST",
      path: "/v1/events",
      headers: { "Idempotency-Key": options.idempotency_key ?? crypto.randomUUID() },
      body,
    }, options);
  }

  /**
   * Post up to 1,000 events.
   *
   * Each is accepted or refused by itself. 422 only if none is valid. Needs a key with scope `ingest` or `admin`.
   */
  postEvents(body: NewBatch, options: CallOptions = {}): Promise<BatchAnswer> {
    return this.call({ method: "POST", path: "/v1/events/batch", body }, options);
  }

  /**
   * List the events of a site, newest first.
   *
   * Needs a key with scope `read` or `manage` or `admin`.
   */
  listEvents(site_id: string, query: {
    /** From when on */
    readonly since?: string;
    /** Up to when, that time excluded */
    readonly until?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** Only this kind of event */
    readonly event?:
      | "goal_completion"
      | "visitor_spike"
      | "visitor_drop"
      | "custom_event"
      | "error_condition";
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): Promise<EventPage> {
    return this.call(
      { method: "GET", path: `/v1/sites/${encodeURIComponent(site_id)}/events`, query },
      options,
    );
  }

  /** Goes through all pages of {@linkcode listEvents}. */
  iterateEvents(site_id: string, query: {
    /** From when on */
    readonly since?: string;
    /** Up to when, that time excluded */
    readonly until?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** Only this kind of event */
    readonly event?:
      | "goal_completion"
      | "visitor_spike"
      | "visitor_drop"
      | "custom_event"
      | "error_condition";
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): AsyncGenerator<EventPage["data"][number], void, undefined> {
    return this.pages((from) => this.listEvents(site_id, { ...query, ...from }, options));
  }

  /**
   * Show an event with what was decided about it.
   *
   * Needs a key with scope `read` or `manage` or `admin`.
   */
  getEvent(site_id: string, event_id: string, options: CallOptions = {}): Promise<EventWithDecisions> {
    return this.call({
      method: "GET",
      path: `/v1/sites/${encodeURIComponent(site_id)}/events/${encodeURIComponent(event_id)}`,
    }, options);
  }

  /**
   * Say who would be told about an event, and why the others would not.
   *
   * Nothing is stored or sent. Needs a key with scope `manage` or `admin`.
   */
  explainEvent(site_id: string, body: ExplainableEvent, options: CallOptions = {}): Promise<Explained> {
    return this.call(
      { method: "POST", path: `/v1/sites/${encodeURIComponent(site_id)}/explain`, body },
      options,
    );
  }

  /**
   * Post a reading of the site's visitors.
   *
   * Each webhook's own threshold, baseline, readings in a row and cooldown decide. A spike or a drop becomes one event for all webhooks that are told. A reading older than the last decides nothing. Needs a key with scope `ingest` or `admin`.
   */
  postReading(site_id: string, body: NewReading, options: CallOptions = {}): Promise<TakenReading> {
    return this.call(
      { method: "POST", path: `/v1/sites/${encodeURIComponent(site_id)}/readings`, body },
      options,
    );
  }

  /**
   * How the site is watched in Plausible.
   *
   * Needs a key with scope `read` or `manage` or `admin`.
   */
  getWatch(site_id: string, options: CallOptions = {}): Promise<Watch> {
    return this.call({ method: "GET", path: `/v1/sites/${encodeURIComponent(site_id)}/watch` }, options);
  }

  /**
   * Watch the site in Plausible.
   *
   * Replaces the watch; an `api_key` that is left out stays, null removes it. What happened before the first round is never told. Refused while the service has no TIDINGS_PLAUSIBLE_URL. Needs a key with scope `manage` or `admin`.
   */
  setWatch(site_id: string, body: NewWatch, options: CallOptions = {}): Promise<Watch> {
    return this.call(
      { method: "PUT", path: `/v1/sites/${encodeURIComponent(site_id)}/watch`, body },
      options,
    );
  }

  /**
   * Watch the site no longer.
   *
   * Needs a key with scope `manage` or `admin`.
   */
  removeWatch(site_id: string, options: CallOptions = {}): Promise<void> {
    return this.call({ method: "DELETE", path: `/v1/sites/${encodeURIComponent(site_id)}/watch` }, options);
  }

  /**
   * List the webhooks of a site.
   *
   * Needs a key with scope `read` or `manage` or `admin`.
   */
  listWebhooks(site_id: string, options: CallOptions = {}): Promise<Webhooks> {
    return this.call({ method: "GET", path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks` }, options);
  }

  /**
   * Create a webhook.
   *
   * A site has at most 50. Needs a key with scope `manage` or `admin`.
   */
  createWebhook(site_id: string, body: NewWebhook, options: CallOptions = {}): Promise<WebhookWithSecret> {
    return this.call(
      { method: "POST", path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks`, body },
      options,
    );
  }

  /**
   * Show a webhook.
   *
   * Needs a key with scope `read` or `manage` or `admin`.
   */
  getWebhook(site_id: string, webhook_id: string, options: CallOptions = {}): Promise<Webhook> {
    return this.call({
      method: "GET",
      path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks/${encodeURIComponent(webhook_id)}`,
    }, options);
  }

  /**
   * Change a webhook.
   *
   * A merge patch (RFC 7396): null resets a field to its default, arrays replace. A header written as `********` keeps its value. Needs a key with scope `manage` or `admin`.
   */
  changeWebhook(site_id: string, webhook_id: string, body: WebhookPatch, options: CallOptions & {
    /** The ETag of what was seen, several with commas, or *: the change is made of nothing else */
    readonly if_match?: string;
  } = {}): Promise<Webhook> {
    return this.call({
      method: "PATCH",
      path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks/${encodeURIComponent(webhook_id)}`,
      headers: { "If-Match": options.if_match },
      body,
    }, options);
  }

  /**
   * Delete a webhook.
   *
   * What is pending is cancelled; its history stays readable. Needs a key with scope `manage` or `admin`.
   */
  deleteWebhook(site_id: string, webhook_id: string, options: CallOptions & {
    /** The ETag of what was seen, several with commas, or *: the change is made of nothing else */
    readonly if_match?: string;
  } = {}): Promise<void> {
    return this.call({
      method: "DELETE",
      path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks/${encodeURIComponent(webhook_id)}`,
      headers: { "If-Match": options.if_match },
    }, options);
  }

  /**
   * Give a webhook a new secret.
   *
   * The one before signs along for overlap_hours. Needs a key with scope `manage` or `admin`.
   */
  rotateSecret(site_id: string, webhook_id: string, body: Rotation = {}, options: CallOptions & {
    /** The ETag of what was seen, several with commas, or *: the change is made of nothing else */
    readonly if_match?: string;
  } = {}): Promise<WebhookWithSecret> {
    return this.call({
      method: "POST",
      path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks/${
        encodeURIComponent(webhook_id)
      }/rotate-secret`,
      headers: { "If-Match": options.if_match },
      body,
    }, options);
  }

  /**
   * Send a test event at once.
   *
   * Whatever the webhook's filters and state. It is never retried. Needs a key with scope `manage` or `admin`.
   */
  testWebhook(
    site_id: string,
    webhook_id: string,
    body: TestRequest = {},
    options: CallOptions = {},
  ): Promise<TestedDelivery> {
    return this.call({
      method: "POST",
      path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks/${encodeURIComponent(webhook_id)}/test`,
      body,
    }, options);
  }

  /**
   * Bring back what a webhook missed.
   *
   * Deliveries that ended without success, and events skipped while it was not active. Needs a key with scope `manage` or `admin`.
   */
  recoverWebhook(
    site_id: string,
    webhook_id: string,
    body: Recovery,
    options: CallOptions = {},
  ): Promise<Recovered> {
    return this.call({
      method: "POST",
      path: `/v1/sites/${encodeURIComponent(site_id)}/webhooks/${encodeURIComponent(webhook_id)}/recover`,
      body,
    }, options);
  }

  /**
   * List the deliveries of a site, newest first.
   *
   * Needs a key with scope `read` or `manage` or `admin`.
   */
  listDeliveries(site_id: string, query: {
    /** From when on */
    readonly since?: string;
    /** Up to when, that time excluded */
    readonly until?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** Only deliveries to this webhook */
    readonly webhook_id?: string;
    /** Only this kind of event */
    readonly event?:
      | "goal_completion"
      | "visitor_spike"
      | "visitor_drop"
      | "custom_event"
      | "error_condition"
      | "test";
    /** Only deliveries in this state */
    readonly status?: "pending" | "delivered" | "exhausted" | "cancelled" | "blocked";
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): Promise<DeliveryPage> {
    return this.call(
      { method: "GET", path: `/v1/sites/${encodeURIComponent(site_id)}/deliveries`, query },
      options,
    );
  }

  /** Goes through all pages of {@linkcode listDeliveries}. */
  iterateDeliveries(site_id: string, query: {
    /** From when on */
    readonly since?: string;
    /** Up to when, that time excluded */
    readonly until?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** Only deliveries to this webhook */
    readonly webhook_id?: string;
    /** Only this kind of event */
    readonly event?:
      | "goal_completion"
      | "visitor_spike"
      | "visitor_drop"
      | "custom_event"
      | "error_condition"
      | "test";
    /** Only deliveries in this state */
    readonly status?: "pending" | "delivered" | "exhausted" | "cancelled" | "blocked";
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): AsyncGenerator<DeliveryPage["data"][number], void, undefined> {
    return this.pages((from) => this.listDeliveries(site_id, { ...query, ...from }, options));
  }

  /**
   * Show a delivery with what was sent.
   *
   * Needs a key with scope `read` or `manage` or `admin`.
   */
  getDelivery(site_id: string, delivery_id: string, options: CallOptions = {}): Promise<DeliveryWithPayload> {
    return this.call({
      method: "GET",
      path: `/v1/sites/${encodeURIComponent(site_id)}/deliveries/${encodeURIComponent(delivery_id)}`,
    }, options);
  }

  /**
   * Make one more attempt, at once.
   *
   * Each call makes one, whatever the delivery's state; a pending one keeps its schedule. Needs a key with scope `manage` or `admin`.
   */
  redeliver(site_id: string, delivery_id: string, options: CallOptions = {}): Promise<Delivery> {
    return this.call({
      method: "POST",
      path: `/v1/sites/${encodeURIComponent(site_id)}/deliveries/${
        encodeURIComponent(delivery_id)
      }/redeliver`,
    }, options);
  }

  /**
   * List the keys, oldest first.
   *
   * Needs a key with scope `admin`.
   */
  listKeys(options: CallOptions = {}): Promise<Keys> {
    return this.call({ method: "GET", path: "/v1/keys" }, options);
  }

  /**
   * Make a key.
   *
   * Needs a key with scope `admin`.
   */
  createKey(body: NewKey, options: CallOptions = {}): Promise<CreatedKey> {
    return this.call({ method: "POST", path: "/v1/keys", body }, options);
  }

  /**
   * Revoke a key.
   *
   * It ends everywhere within two seconds. Needs a key with scope `admin`.
   */
  revokeKey(key_id: string, options: CallOptions = {}): Promise<void> {
    return this.call({ method: "DELETE", path: `/v1/keys/${encodeURIComponent(key_id)}` }, options);
  }

  /**
   * List the sites that something is stored for.
   *
   * Needs a key with scope `admin`.
   */
  listSites(query: {
    /** How many entries a page has at most */
    readonly limit?: number;
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): Promise<SitePage> {
    return this.call({ method: "GET", path: "/v1/sites", query }, options);
  }

  /** Goes through all pages of {@linkcode listSites}. */
  iterateSites(query: {
    /** How many entries a page has at most */
    readonly limit?: number;
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): AsyncGenerator<SitePage["data"][number], void, undefined> {
    return this.pages((from) => this.listSites({ ...query, ...from }, options));
  }

  /**
   * Remove all of a site for good.
   *
   * Webhooks, events, deliveries, counters, and the access that keys have to it. Should it be cut short, repeat it: it goes on. Needs a key with scope `admin`.
   */
  deleteSite(site_id: string, options: CallOptions = {}): Promise<void> {
    return this.call({ method: "DELETE", path: `/v1/sites/${encodeURIComponent(site_id)}` }, options);
  }

  /**
   * Rename a site whose domain changes.
   *
   * Webhooks with their secrets, history, counters, watch and keys stay as they are, under the new name. The old one is accepted in every call but deletion for as long as is said. Repeated under the old name, it sets that time anew. Needs a key with scope `admin`.
   */
  renameSite(site_id: string, body: Rename, options: CallOptions = {}): Promise<RenamedSite> {
    return this.call(
      { method: "POST", path: `/v1/sites/${encodeURIComponent(site_id)}/rename`, body },
      options,
    );
  }

  /**
   * List who changed what, newest first.
   *
   * Needs a key with scope `admin`.
   */
  listAudit(query: {
    /** From when on */
    readonly since?: string;
    /** Up to when, that time excluded */
    readonly until?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): Promise<AuditPage> {
    return this.call({ method: "GET", path: "/v1/audit", query }, options);
  }

  /** Goes through all pages of {@linkcode listAudit}. */
  iterateAudit(query: {
    /** From when on */
    readonly since?: string;
    /** Up to when, that time excluded */
    readonly until?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): AsyncGenerator<AuditPage["data"][number], void, undefined> {
    return this.pages((from) => this.listAudit({ ...query, ...from }, options));
  }

  /**
   * Count events and attempts by the hour.
   *
   * Of the last 24 hours, unless since says otherwise. Without site_id: of all sites, for admin only. Needs a key with scope `read` or `manage` or `admin`.
   */
  listStats(query: {
    /** Only this site */
    readonly site_id?: string;
    /** From when on */
    readonly since?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): Promise<StatPage> {
    return this.call({ method: "GET", path: "/v1/stats", query }, options);
  }

  /** Goes through all pages of {@linkcode listStats}. */
  iterateStats(query: {
    /** Only this site */
    readonly site_id?: string;
    /** From when on */
    readonly since?: string;
    /** How many entries a page has at most */
    readonly limit?: number;
    /** The `next_cursor` of the page before */
    readonly cursor?: string;
  } = {}, options: CallOptions = {}): AsyncGenerator<StatPage["data"][number], void, undefined> {
    return this.pages((from) => this.listStats({ ...query, ...from }, options));
  }

  /**
   * Export the configuration of every site.
   *
   * Without secrets and header values; with secrets=sealed they are in it as they are at rest, and open only where TIDINGS_SECRET_KEY is the same, and the audit tells of it. Needs a key with scope `admin`.
   */
  exportConfiguration(query: {
    /** `sealed`: with secrets and header values, encrypted as they are at rest */
    readonly secrets?: "sealed";
  } = {}, options: CallOptions = {}): Promise<Export> {
    return this.call({ method: "GET", path: "/v1/export", query }, options);
  }

  /**
   * Make webhooks what a document says.
   *
   * By their ids: what is there is updated, what is missing is created, what the document does not name is left alone. Nothing is imported if any part is refused. At most 4 MiB. Needs a key with scope `admin`.
   */
  importConfiguration(body: Import, options: CallOptions = {}): Promise<Imported> {
    return this.call({ method: "POST", path: "/v1/import", body }, options);
  }

  /**
   * Say what is wrong with a delivery's signatures.
   *
   * For the developer of a receiver. Nothing of it is stored or logged. Any key will do.
   */
  verifySignature(body: Verification, options: CallOptions = {}): Promise<Verified> {
    return this.call({ method: "POST", path: "/v1/verify-signature", body }, options);
  }

  /**
   * What this is.
   *
   * Needs no key.
   */
  about(options: CallOptions = {}): Promise<About> {
    return this.call({ method: "GET", path: "/" }, options);
  }

  /**
   * This document.
   *
   * Needs no key.
   */
  openapi(options: CallOptions = {}): Promise<OpenApiDocument> {
    return this.call({ method: "GET", path: "/openapi.json" }, options);
  }

  /**
   * Whether the process lives.
   *
   * Needs no key.
   */
  health(options: CallOptions = {}): Promise<Alive> {
    return this.call({ method: "GET", path: "/healthz" }, options);
  }

  /**
   * Whether the service can work.
   *
   * Needs no key.
   */
  readiness(options: CallOptions = {}): Promise<Ready> {
    return this.call({ method: "GET", path: "/readyz" }, options);
  }
}

/** Rename, as the OpenAPI document has it. */
export interface Rename {
  /** The domain as Plausible has it */
  readonly to: string;
  /** For how many days the old name is accepted */
  readonly accept_old_for_days?: number;
}

/** GoalCompletionData, as the OpenAPI document has it. */
export interface GoalCompletionData {
  /** The goal's name: filters compare it */
  readonly goal_name: string;
  /** How many visitors did it */
  readonly visitor_count: number;
  /** The goal's id in Plausible */
  readonly goal_id?: string | number;
  /** What kind of goal it is */
  readonly goal_type?: "event" | "page" | "scroll" | "revenue";
  /** The page; its query string and fragment are cut off */
  readonly path?: string;
  /** How often it was done, if more often than by each visitor once */
  readonly event_count?: number;
  /** Since when these are counted */
  readonly window_start?: string;
  /** Up to when these are counted */
  readonly window_end?: string;
}

/** VisitorSpikeData, as the OpenAPI document has it. */
export interface VisitorSpikeData {
  /** Visitors of the last five minutes */
  readonly current_visitors: number;
  /** What was reached */
  readonly threshold?: number;
  /** How many are usual at this hour */
  readonly baseline?: number;
  /** Where the visitors came from, at most 10 */
  readonly top_sources?: ReadonlyArray<{
    /** The source's name */
    readonly source: string;
    /** How many visitors */
    readonly visitors: number;
  }>;
  /** What the visitors looked at, at most 10 */
  readonly top_pages?: ReadonlyArray<{
    /** The page; its query string and fragment are cut off */
    readonly page: string;
    /** How many visitors */
    readonly visitors: number;
  }>;
}

/** VisitorDropData, as the OpenAPI document has it. */
export interface VisitorDropData {
  /** Visitors in the window */
  readonly current_visitors: number;
  /** What was fallen below */
  readonly threshold?: number;
  /** How many hours were counted */
  readonly window_hours?: number;
}

/** CustomEventData, as the OpenAPI document has it. */
export interface CustomEventData {
  /** The event's name: filters compare it */
  readonly event_name: string;
  /** How many visitors did it */
  readonly visitor_count: number;
  /** How often it was done, if more often than by each visitor once */
  readonly event_count?: number;
  /** The page; its query string and fragment are cut off */
  readonly path?: string;
  /** Properties of the event, at most 20 */
  readonly props?: Readonly<Record<string, string | number | boolean>>;
  /** Since when these are counted */
  readonly window_start?: string;
  /** Up to when these are counted */
  readonly window_end?: string;
}

/** ErrorConditionData, as the OpenAPI document has it. */
export interface ErrorConditionData {
  /** A word for what is wrong: filters compare it */
  readonly error_type: string;
  /** What is wrong, in words */
  readonly message: string;
  /** More about it, at most 20 pairs */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** NewEvent, as the OpenAPI document has it. */
export type NewEvent = {
  /** The kind of event */
  readonly event: "goal_completion";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: GoalCompletionData;
} | {
  /** The kind of event */
  readonly event: "visitor_spike";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: VisitorSpikeData;
} | {
  /** The kind of event */
  readonly event: "visitor_drop";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: VisitorDropData;
} | {
  /** The kind of event */
  readonly event: "custom_event";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: CustomEventData;
} | {
  /** The kind of event */
  readonly event: "error_condition";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: ErrorConditionData;
};

/** BatchItem, as the OpenAPI document has it. */
export type BatchItem = {
  /** The kind of event */
  readonly event: "goal_completion";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: GoalCompletionData;
  /** Any text that is the event's own: posted twice under it, it is accepted once within 24 hours */
  readonly idempotency_key?: string;
} | {
  /** The kind of event */
  readonly event: "visitor_spike";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: VisitorSpikeData;
  /** Any text that is the event's own: posted twice under it, it is accepted once within 24 hours */
  readonly idempotency_key?: string;
} | {
  /** The kind of event */
  readonly event: "visitor_drop";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: VisitorDropData;
  /** Any text that is the event's own: posted twice under it, it is accepted once within 24 hours */
  readonly idempotency_key?: string;
} | {
  /** The kind of event */
  readonly event: "custom_event";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: CustomEventData;
  /** Any text that is the event's own: posted twice under it, it is accepted once within 24 hours */
  readonly idempotency_key?: string;
} | {
  /** The kind of event */
  readonly event: "error_condition";
  /** The domain as Plausible has it */
  readonly site_id: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: ErrorConditionData;
  /** Any text that is the event's own: posted twice under it, it is accepted once within 24 hours */
  readonly idempotency_key?: string;
};

/** ExplainableEvent, as the OpenAPI document has it. */
export type ExplainableEvent = {
  /** The kind of event */
  readonly event: "goal_completion";
  /** The domain as Plausible has it */
  readonly site_id?: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: GoalCompletionData;
} | {
  /** The kind of event */
  readonly event: "visitor_spike";
  /** The domain as Plausible has it */
  readonly site_id?: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: VisitorSpikeData;
} | {
  /** The kind of event */
  readonly event: "visitor_drop";
  /** The domain as Plausible has it */
  readonly site_id?: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: VisitorDropData;
} | {
  /** The kind of event */
  readonly event: "custom_event";
  /** The domain as Plausible has it */
  readonly site_id?: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: CustomEventData;
} | {
  /** The kind of event */
  readonly event: "error_condition";
  /** The domain as Plausible has it */
  readonly site_id?: string;
  /** When it happened: RFC 3339 with an offset, at most 24 hours ahead, passed on as it is */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: ErrorConditionData;
};

/** NewBatch, as the OpenAPI document has it. */
export interface NewBatch {
  /** The events, each accepted or refused by itself */
  readonly events: ReadonlyArray<BatchItem>;
}

/** NewKey, as the OpenAPI document has it. */
export interface NewKey {
  /** A name for people */
  readonly name: string;
  /** What it may do */
  readonly scope: "read" | "ingest" | "manage" | "metrics" | "admin";
  /** The sites it is for; `*`: all */
  readonly sites?: ReadonlyArray<"*" | string>;
  /** When it ends; null: never */
  readonly expires_at?: string | null;
}

/** Verification, as the OpenAPI document has it. */
export interface Verification {
  /** The secret that the receiver verifies with */
  readonly secret: string;
  /** The raw body of the delivery, as the receiver got it */
  readonly body: string;
  /** The headers of the delivery, as the receiver got them */
  readonly headers: Readonly<Record<string, string>>;
}

/** Import, as the OpenAPI document has it. */
export interface Import {
  /** The version of this form */
  readonly version: 1;
  /** Not read */
  readonly exported_at?: string | null;
  /** Not read: keys are not imported */
  readonly keys?: ReadonlyArray<unknown> | null;
  /** Sites with their webhooks */
  readonly sites: ReadonlyArray<{
    /** The domain as Plausible has it */
    readonly site_id: string;
    /** The site's webhooks */
    readonly webhooks: ReadonlyArray<{
      /** A name for people */
      readonly name?: string;
      /** Where deliveries go: http(s), without credentials or fragment; plain http and private addresses only where the operator allows them */
      readonly url: string;
      /** `json`, or a message of that service */
      readonly format?: "json" | "slack" | "discord";
      /** The kinds of event that it is told about, each once */
      readonly events: ReadonlyArray<
        "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition"
      >;
      /** Which events of these kinds it is told about */
      readonly filters?: {
        /** Exact names of goals; empty: all */
        readonly goals?: ReadonlyArray<string>;
        /** Exact names of custom events; empty: all */
        readonly custom_events?: ReadonlyArray<string>;
        /** Exact words of `error_type`; empty: all */
        readonly error_types?: ReadonlyArray<string>;
        /** When it is told of a spike */
        readonly visitor_spike?: {
          /** Told when `current_visitors` is this or more */
          readonly threshold?: number;
          /** Told only when visitors are this many percent above what is usual at this hour */
          readonly percent_over_baseline?: number | null;
          /** How many readings in a row must say so */
          readonly readings?: number;
          /** Hours of silence after it was told */
          readonly cooldown_hours?: number;
        };
        /** When it is told of a drop */
        readonly visitor_drop?: {
          /** Told when visitors are fewer than this */
          readonly threshold?: number;
          /** How many readings in a row must say so */
          readonly readings?: number;
          /** Hours of silence after it was told */
          readonly cooldown_hours?: number;
        };
      };
      /** Headers of your own, at most 10; values are encrypted at rest and shown as `********` */
      readonly headers?: Readonly<Record<string, string>>;
      /** Whether it is told anything; true also ends a pause */
      readonly enabled?: boolean;
      /** How often a delivery is tried again */
      readonly max_retries?: number;
      /** Milliseconds that an attempt may take, from look-up to the end of the answer */
      readonly timeout_ms?: number;
      /** How many sends within any minute; what is more waits. Null: no limit */
      readonly rate_limit_per_minute?: number | null;
      /** Its id */
      readonly id: string;
      /** Secrets and header values, encrypted with `TIDINGS_SECRET_KEY` */
      readonly sealed?: {
        /** Secrets, newest first, sealed */
        readonly secrets: ReadonlyArray<{
          /** The secret, sealed */
          readonly value: string;
          /** When it ends; null: never */
          readonly expires_at: string | null;
        }>;
        /** Header values, sealed */
        readonly headers: Readonly<Record<string, string>>;
      } | null;
      /** Not read */
      readonly status?: string | null;
      /** Not read */
      readonly status_reason?: string | null;
      /** Not read */
      readonly created_at?: string | null;
      /** Not read */
      readonly updated_at?: string | null;
    }>;
  }>;
}

/** NewReading, as the OpenAPI document has it. */
export interface NewReading {
  /** Visitors of the last five minutes */
  readonly current_visitors: number;
  /** Visitors of the last twelve hours: what a drop is judged by */
  readonly visitors_12h?: number;
  /** When they were counted; now, if left out. At most 24 hours ahead */
  readonly at?: string;
  /** Where the visitors came from, at most 10 */
  readonly top_sources?: ReadonlyArray<{
    /** The source's name */
    readonly source: string;
    /** How many visitors */
    readonly visitors: number;
  }>;
  /** What the visitors looked at, at most 10 */
  readonly top_pages?: ReadonlyArray<{
    /** The page; its query string and fragment are cut off */
    readonly page: string;
    /** How many visitors */
    readonly visitors: number;
  }>;
}

/** NewWatch, as the OpenAPI document has it. */
export interface NewWatch {
  /** Whether readings are taken */
  readonly visitors?: boolean;
  /** Whether completed goals are told */
  readonly goals?: boolean;
  /** Whether custom events are told */
  readonly custom_events?: boolean;
  /** Whether failures of the Stats API are told */
  readonly errors?: boolean;
  /** A key of the Stats API for this site; that of the operator, if left out */
  readonly api_key?: string | null;
  /** Seconds between two looks */
  readonly interval_s?: number | null;
}

/** NewWebhook, as the OpenAPI document has it. */
export interface NewWebhook {
  /** A name for people; the URL's host, if left out */
  readonly name?: string | null;
  /** Where deliveries go: http(s), without credentials or fragment; plain http and private addresses only where the operator allows them */
  readonly url: string;
  /** `json`, or a message of that service */
  readonly format?: "json" | "slack" | "discord" | null;
  /** The kinds of event that it is told about, each once */
  readonly events: ReadonlyArray<
    "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition"
  >;
  /** Which events of these kinds it is told about */
  readonly filters?: {
    /** Exact names of goals; empty: all */
    readonly goals?: ReadonlyArray<string> | null;
    /** Exact names of custom events; empty: all */
    readonly custom_events?: ReadonlyArray<string> | null;
    /** Exact words of `error_type`; empty: all */
    readonly error_types?: ReadonlyArray<string> | null;
    /** When it is told of a spike */
    readonly visitor_spike?: {
      /** Told when `current_visitors` is this or more */
      readonly threshold?: number | null;
      /** Told only when visitors are this many percent above what is usual at this hour */
      readonly percent_over_baseline?: number | null;
      /** How many readings in a row must say so */
      readonly readings?: number | null;
      /** Hours of silence after it was told */
      readonly cooldown_hours?: number | null;
    } | null;
    /** When it is told of a drop */
    readonly visitor_drop?: {
      /** Told when visitors are fewer than this */
      readonly threshold?: number | null;
      /** How many readings in a row must say so */
      readonly readings?: number | null;
      /** Hours of silence after it was told */
      readonly cooldown_hours?: number | null;
    } | null;
  } | null;
  /** Headers of your own, at most 10; values are encrypted at rest and shown as `********` */
  readonly headers?: Readonly<Record<string, string | null>> | null;
  /** Whether it is told anything; true also ends a pause */
  readonly enabled?: boolean | null;
  /** How often a delivery is tried again */
  readonly max_retries?: number | null;
  /** Milliseconds that an attempt may take, from look-up to the end of the answer */
  readonly timeout_ms?: number | null;
  /** How many sends within any minute; what is more waits. Null: no limit */
  readonly rate_limit_per_minute?: number | null;
  /** 24 to 64 visible ASCII characters, or whsec_ and the base64 of 24 to 64 bytes; generated if left out */
  readonly secret?: string | null;
}

/** WebhookPatch, as the OpenAPI document has it. */
export interface WebhookPatch {
  /** A name for people */
  readonly name?: string | null;
  /** Where deliveries go: http(s), without credentials or fragment; plain http and private addresses only where the operator allows them */
  readonly url?: string;
  /** `json`, or a message of that service */
  readonly format?: "json" | "slack" | "discord" | null;
  /** The kinds of event that it is told about, each once */
  readonly events?: ReadonlyArray<
    "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition"
  >;
  /** Which events of these kinds it is told about */
  readonly filters?: {
    /** Exact names of goals; empty: all */
    readonly goals?: ReadonlyArray<string> | null;
    /** Exact names of custom events; empty: all */
    readonly custom_events?: ReadonlyArray<string> | null;
    /** Exact words of `error_type`; empty: all */
    readonly error_types?: ReadonlyArray<string> | null;
    /** When it is told of a spike */
    readonly visitor_spike?: {
      /** Told when `current_visitors` is this or more */
      readonly threshold?: number | null;
      /** Told only when visitors are this many percent above what is usual at this hour */
      readonly percent_over_baseline?: number | null;
      /** How many readings in a row must say so */
      readonly readings?: number | null;
      /** Hours of silence after it was told */
      readonly cooldown_hours?: number | null;
    } | null;
    /** When it is told of a drop */
    readonly visitor_drop?: {
      /** Told when visitors are fewer than this */
      readonly threshold?: number | null;
      /** How many readings in a row must say so */
      readonly readings?: number | null;
      /** Hours of silence after it was told */
      readonly cooldown_hours?: number | null;
    } | null;
  } | null;
  /** Headers of your own, at most 10; values are encrypted at rest and shown as `********` */
  readonly headers?: Readonly<Record<string, string | null>> | null;
  /** Whether it is told anything; true also ends a pause */
  readonly enabled?: boolean | null;
  /** How often a delivery is tried again */
  readonly max_retries?: number | null;
  /** Milliseconds that an attempt may take, from look-up to the end of the answer */
  readonly timeout_ms?: number | null;
  /** How many sends within any minute; what is more waits. Null: no limit */
  readonly rate_limit_per_minute?: number | null;
}

/** Rotation, as the OpenAPI document has it. */
export interface Rotation {
  /** 24 to 64 visible ASCII characters, or whsec_ and the base64 of 24 to 64 bytes; generated if left out */
  readonly secret?: string;
  /** For how many hours the secret before signs along */
  readonly overlap_hours?: number;
}

/** TestRequest, as the OpenAPI document has it. */
export interface TestRequest {
  /** Send that kind's published example; a test event, if left out */
  readonly event?: "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition";
}

/** Recovery, as the OpenAPI document has it. */
export interface Recovery {
  /** From when on */
  readonly since: string;
  /** Up to when, that time excluded; now, if left out */
  readonly until?: string | null;
}

/** Site, as the OpenAPI document has it. */
export interface Site {
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** How many webhooks it has */
  readonly webhooks: number;
  /** When it had its last event */
  readonly last_event_at: string | null;
}

/** SitePage, as the OpenAPI document has it. */
export interface SitePage {
  /** The entries of this page */
  readonly data: ReadonlyArray<Site>;
  /** Give it as cursor to get the next page; null at the end. A page may be short before the end. */
  readonly next_cursor: string | null;
}

/** RenamedSite, as the OpenAPI document has it. */
export interface RenamedSite {
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** Those that are still accepted */
  readonly old_names: ReadonlyArray<{
    /** The site's domain as Plausible has it */
    readonly site_id: string;
    /** Until when it is accepted */
    readonly accepted_until: string;
  }>;
}

/** AuditEntry, as the OpenAPI document has it. */
export interface AuditEntry {
  /** When it happened */
  readonly at: string;
  /** The id of a key, or environment, cli, tidings */
  readonly actor: string;
  /** What was done, such as `webhook.created` */
  readonly action: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string | null;
  /** The id of what it was done to; `*`: everything */
  readonly subject: string;
  /** The names of the fields that changed; of a recovery since=…, until=…, recovered=… */
  readonly changes: ReadonlyArray<string>;
}

/** AuditPage, as the OpenAPI document has it. */
export interface AuditPage {
  /** The entries of this page */
  readonly data: ReadonlyArray<AuditEntry>;
  /** Give it as cursor to get the next page; null at the end. A page may be short before the end. */
  readonly next_cursor: string | null;
}

/** Stats, as the OpenAPI document has it. */
export interface Stats {
  /** When the hour begins */
  readonly hour: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** Null: events of the site, whoever was told */
  readonly webhook_id: string | null;
  /** Events that were accepted */
  readonly accepted: number;
  /** Attempts that were recorded */
  readonly attempts: number;
  /** Attempts that succeeded */
  readonly delivered: number;
  /** Attempts that failed and were tried again */
  readonly retried: number;
  /** Attempts that failed for good */
  readonly failed: number;
  /** Attempts that the guard refused */
  readonly blocked: number;
  /** Attempts that were answered 410 */
  readonly gone: number;
  /** Milliseconds that attempts took together */
  readonly duration_ms_total: number;
}

/** StatPage, as the OpenAPI document has it. */
export interface StatPage {
  /** The entries of this page */
  readonly data: ReadonlyArray<Stats>;
  /** Give it as cursor to get the next page; null at the end. A page may be short before the end. */
  readonly next_cursor: string | null;
}

/** Payload, as the OpenAPI document has it. */
export interface Payload {
  /** The kind of event */
  readonly event: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** When it happened, as it was posted */
  readonly timestamp: string;
  /** What happened, in the form of its kind */
  readonly data: unknown;
}

/** Attempt, as the OpenAPI document has it. */
export interface Attempt {
  /** 1 is the first */
  readonly number: number;
  /** Why it was made: by itself, by hand, by a recovery, as a test */
  readonly trigger: "automatic" | "manual" | "recover" | "test";
  /** When it happened */
  readonly at: string;
  /** Milliseconds it took */
  readonly duration_ms: number | null;
  /** The HTTP status of the receiver's answer; null if there was none */
  readonly status_code: number | null;
  /** What it came to: `retry` when another follows, `failed` when none does, `gone` after 410 */
  readonly outcome: "delivered" | "retry" | "gone" | "blocked" | "failed";
  /** Why there was no answer; null if there was one */
  readonly error:
    | "timeout"
    | "dns"
    | "connect"
    | "tls"
    | "reset"
    | "redirect"
    | "blocked_address"
    | "protocol"
    | "interrupted"
    | null;
  /** The first 1,024 bytes of the answer, personal data removed */
  readonly response_body: string | null;
}

/** Delivery, as the OpenAPI document has it. */
export interface Delivery {
  /** Its id */
  readonly id: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** The webhook's id */
  readonly webhook_id: string;
  /** The event's id */
  readonly event_id: string;
  /** The kind of event */
  readonly event:
    | "goal_completion"
    | "visitor_spike"
    | "visitor_drop"
    | "custom_event"
    | "error_condition"
    | "test";
  /** `pending` until it is `delivered`; or `exhausted` (no retry is left), `cancelled` (the webhook is not active), `blocked` (its address is not allowed) */
  readonly status: "pending" | "delivered" | "exhausted" | "cancelled" | "blocked";
  /** When it was made */
  readonly created_at: string;
  /** When it is tried again; null if it is not, or is just now */
  readonly next_attempt_at: string | null;
  /** How many attempts there were */
  readonly attempts_total: number;
  /** The first attempt and the last 19 */
  readonly attempts: ReadonlyArray<Attempt>;
}

/** DeliveryWithPayload, as the OpenAPI document has it. */
export interface DeliveryWithPayload {
  /** Its id */
  readonly id: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** The webhook's id */
  readonly webhook_id: string;
  /** The event's id */
  readonly event_id: string;
  /** The kind of event */
  readonly event:
    | "goal_completion"
    | "visitor_spike"
    | "visitor_drop"
    | "custom_event"
    | "error_condition"
    | "test";
  /** `pending` until it is `delivered`; or `exhausted` (no retry is left), `cancelled` (the webhook is not active), `blocked` (its address is not allowed) */
  readonly status: "pending" | "delivered" | "exhausted" | "cancelled" | "blocked";
  /** When it was made */
  readonly created_at: string;
  /** When it is tried again; null if it is not, or is just now */
  readonly next_attempt_at: string | null;
  /** How many attempts there were */
  readonly attempts_total: number;
  /** The first attempt and the last 19 */
  readonly attempts: ReadonlyArray<Attempt>;
  /** What was sent; null if it is kept no longer */
  readonly payload: Payload | null;
}

/** TestedDelivery, as the OpenAPI document has it. */
export interface TestedDelivery {
  /** Its id */
  readonly id: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** The webhook's id */
  readonly webhook_id: string;
  /** The event's id */
  readonly event_id: string;
  /** The kind of event */
  readonly event:
    | "goal_completion"
    | "visitor_spike"
    | "visitor_drop"
    | "custom_event"
    | "error_condition"
    | "test";
  /** `pending` until it is `delivered`; or `exhausted` (no retry is left), `cancelled` (the webhook is not active), `blocked` (its address is not allowed) */
  readonly status: "pending" | "delivered" | "exhausted" | "cancelled" | "blocked";
  /** When it was made */
  readonly created_at: string;
  /** When it is tried again; null if it is not, or is just now */
  readonly next_attempt_at: string | null;
  /** How many attempts there were */
  readonly attempts_total: number;
  /** The first attempt and the last 19 */
  readonly attempts: ReadonlyArray<Attempt>;
  /** What was posted */
  readonly payload: Payload;
  /** What to do about it; null if it was delivered */
  readonly remedy: string | null;
}

/** DeliveryPage, as the OpenAPI document has it. */
export interface DeliveryPage {
  /** The entries of this page */
  readonly data: ReadonlyArray<Delivery>;
  /** Give it as cursor to get the next page; null at the end. A page may be short before the end. */
  readonly next_cursor: string | null;
}

/** FieldError, as the OpenAPI document has it. */
export interface FieldError {
  /** A JSON pointer, or the name of a parameter after a slash */
  readonly path: string;
  /** What is wrong, in words */
  readonly message: string;
}

/** Problem, as the OpenAPI document has it. */
export interface Problem {
  /** `urn:tidings:error:` and the code */
  readonly type: string;
  /** What the code means */
  readonly title: string;
  /** The HTTP status */
  readonly status: number;
  /** What happened, for people; it never holds personal data */
  readonly detail?: string;
  /** What went wrong: decide by this */
  readonly code:
    | "invalid_json"
    | "unauthorized"
    | "forbidden"
    | "not_found"
    | "method_not_allowed"
    | "conflict"
    | "limit_reached"
    | "webhook_not_active"
    | "precondition_failed"
    | "payload_too_large"
    | "unsupported_media_type"
    | "validation_failed"
    | "personal_data"
    | "idempotency_key_reused"
    | "rate_limited"
    | "internal"
    | "unavailable";
  /** Names the request in the log of the service */
  readonly request_id: string;
  /** The fields at fault, at most a hundred */
  readonly errors?: ReadonlyArray<FieldError>;
}

/** Accepted, as the OpenAPI document has it. */
export interface Accepted {
  /** Its id */
  readonly id: string;
  /** How many webhooks are told */
  readonly queued: number;
  /** Who is not told, and why */
  readonly skipped: ReadonlyArray<{
    /** The webhook's id */
    readonly webhook_id: string;
    /** Why it is not told */
    readonly reason:
      | "disabled"
      | "paused"
      | "not_subscribed"
      | "filtered"
      | "below_threshold"
      | "cooldown"
      | "readings"
      | "no_baseline";
  }>;
}

/** AcceptedBefore, as the OpenAPI document has it. */
export interface AcceptedBefore {
  /** Its id */
  readonly id: string;
  /** How many webhooks are told */
  readonly queued: number;
  /** Who is not told, and why */
  readonly skipped: ReadonlyArray<{
    /** The webhook's id */
    readonly webhook_id: string;
    /** Why it is not told */
    readonly reason:
      | "disabled"
      | "paused"
      | "not_subscribed"
      | "filtered"
      | "below_threshold"
      | "cooldown"
      | "readings"
      | "no_baseline";
  }>;
  /** It had been accepted before under this key */
  readonly duplicate: true;
}

/** BatchAnswer, as the OpenAPI document has it. */
export interface BatchAnswer {
  /** Events that were accepted */
  readonly accepted: number;
  /** Events that had been accepted before */
  readonly duplicates: number;
  /** Events that were refused */
  readonly rejected: number;
  /** In the order of the items */
  readonly results: ReadonlyArray<
    {
      /** Its id */
      readonly id: string;
      /** How many webhooks are told */
      readonly queued: number;
      /** It had been accepted before under this key */
      readonly duplicate?: true;
    } | {
      /** Why this item was refused */
      readonly error: {
        /** What went wrong: decide by this */
        readonly code:
          | "invalid_json"
          | "unauthorized"
          | "forbidden"
          | "not_found"
          | "method_not_allowed"
          | "conflict"
          | "limit_reached"
          | "webhook_not_active"
          | "precondition_failed"
          | "payload_too_large"
          | "unsupported_media_type"
          | "validation_failed"
          | "personal_data"
          | "idempotency_key_reused"
          | "rate_limited"
          | "internal"
          | "unavailable";
        /** What happened, for people; it never holds personal data */
        readonly detail: string;
        /** The fields at fault, at most a hundred */
        readonly errors: ReadonlyArray<FieldError>;
      };
    }
  >;
}

/** Event, as the OpenAPI document has it. */
export interface Event {
  /** Its id */
  readonly id: string;
  /** The kind of event */
  readonly event:
    | "goal_completion"
    | "visitor_spike"
    | "visitor_drop"
    | "custom_event"
    | "error_condition"
    | "test";
  /** As it was posted */
  readonly timestamp: string;
  /** When Tidings had it on disk */
  readonly accepted_at: string;
  /** How many webhooks were told */
  readonly queued: number;
  /** How many were not */
  readonly skipped: number;
}

/** EventPage, as the OpenAPI document has it. */
export interface EventPage {
  /** The entries of this page */
  readonly data: ReadonlyArray<Event>;
  /** Give it as cursor to get the next page; null at the end. A page may be short before the end. */
  readonly next_cursor: string | null;
}

/** Decision, as the OpenAPI document has it. */
export type Decision = {
  /** The webhook's id */
  readonly webhook_id: string;
  /** The delivery's id */
  readonly delivery_id: string;
} | {
  /** The webhook's id */
  readonly webhook_id: string;
  /** Why it is not told */
  readonly reason:
    | "disabled"
    | "paused"
    | "not_subscribed"
    | "filtered"
    | "below_threshold"
    | "cooldown"
    | "readings"
    | "no_baseline";
};

/** EventWithDecisions, as the OpenAPI document has it. */
export interface EventWithDecisions {
  /** Its id */
  readonly id: string;
  /** The kind of event */
  readonly event:
    | "goal_completion"
    | "visitor_spike"
    | "visitor_drop"
    | "custom_event"
    | "error_condition"
    | "test";
  /** As it was posted */
  readonly timestamp: string;
  /** When Tidings had it on disk */
  readonly accepted_at: string;
  /** How many webhooks were told */
  readonly queued: number;
  /** How many were not */
  readonly skipped: number;
  /** What was posted */
  readonly payload: Payload;
  /** One for every webhook of the site */
  readonly decisions: ReadonlyArray<Decision>;
}

/** Explained, as the OpenAPI document has it. */
export interface Explained {
  /** One for every webhook of the site */
  readonly decisions: ReadonlyArray<{
    /** The webhook's id */
    readonly webhook_id: string;
    /** A name for people */
    readonly name: string;
    /** Whether it would be told */
    readonly told: boolean;
    /** Why it is not told */
    readonly reason:
      | "disabled"
      | "paused"
      | "not_subscribed"
      | "filtered"
      | "below_threshold"
      | "cooldown"
      | "readings"
      | "no_baseline"
      | null;
  }>;
}

/** EventTypes, as the OpenAPI document has it. */
export interface EventTypes {
  /** One entry a kind */
  readonly data: ReadonlyArray<{
    /** A name for people */
    readonly name: "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition";
    /** What it is, in a sentence */
    readonly description: string;
    /** JSON Schema (2020-12) of data */
    readonly schema: unknown;
    /** An example of data */
    readonly example: unknown;
  }>;
  /** Keys that count as personal data */
  readonly personal_keys: ReadonlyArray<string>;
}

/** Key, as the OpenAPI document has it. */
export interface Key {
  /** Its id */
  readonly id: string;
  /** A name for people */
  readonly name: string;
  /** What it may do */
  readonly scope: "read" | "ingest" | "manage" | "metrics" | "admin";
  /** The sites it is for; `*`: all */
  readonly sites: ReadonlyArray<string>;
  /** When it ends; null: never */
  readonly expires_at: string | null;
  /** When it was made */
  readonly created_at: string;
  /** When it was used last */
  readonly last_used_at: string | null;
}

/** Keys, as the OpenAPI document has it. */
export interface Keys {
  /** All keys */
  readonly data: ReadonlyArray<Key>;
}

/** CreatedKey, as the OpenAPI document has it. */
export interface CreatedKey {
  /** Its id */
  readonly id: string;
  /** A name for people */
  readonly name: string;
  /** What it may do */
  readonly scope: "read" | "ingest" | "manage" | "metrics" | "admin";
  /** The sites it is for; `*`: all */
  readonly sites: ReadonlyArray<string>;
  /** When it ends; null: never */
  readonly expires_at: string | null;
  /** When it was made */
  readonly created_at: string;
  /** When it was used last */
  readonly last_used_at: string | null;
  /** The key's text, shown only here */
  readonly key: string;
}

/** Verified, as the OpenAPI document has it. */
export interface Verified {
  /** One entry a signature header */
  readonly signatures: ReadonlyArray<{
    /** Which header */
    readonly header: "X-Webhook-Signature" | "X-Webhook-Signature-Previous" | "webhook-signature";
    /** Whether it is valid */
    readonly valid: boolean;
    /** What is wrong with it */
    readonly reason?: "wrong_secret_or_body" | "timestamp_out_of_tolerance" | "malformed" | "missing";
    /** What to do about it */
    readonly hint?: string;
  }>;
}

/** About, as the OpenAPI document has it. */
export interface About {
  /** A name for people */
  readonly name: string;
  /** What it is, in a sentence */
  readonly description: string;
  /** The version of this release */
  readonly version: string;
  /** The id of this process, another after every start */
  readonly instance: string;
  /** Where to go on */
  readonly links: Readonly<Record<string, string>>;
}

/** Alive, as the OpenAPI document has it. */
export interface Alive {
  /** Always the same: whoever reads it was answered */
  readonly status: "ok";
}

/** Ready, as the OpenAPI document has it. */
export interface Ready {
  /** It can work */
  readonly status: "ready";
}

/** NotReady, as the OpenAPI document has it. */
export interface NotReady {
  /** It can't work */
  readonly status: "not_ready";
  /** What keeps it from working */
  readonly problems: ReadonlyArray<string>;
}

/** Metrics, as the OpenAPI document has it. */
export type Metrics = string;

/** OpenApiDocument, as the OpenAPI document has it. */
export interface OpenApiDocument {
  /** The version of OpenAPI */
  readonly openapi: "3.1.0";
  /** What this is a description of */
  readonly info: {
    /** The version of this release */
    readonly version: string;
    readonly [name: string]: unknown;
  };
  readonly [name: string]: unknown;
}

/** Page, as the OpenAPI document has it. */
export type Page = string;

/** SealedParts, as the OpenAPI document has it. */
export interface SealedParts {
  /** Secrets, newest first, sealed */
  readonly secrets: ReadonlyArray<{
    /** The secret, sealed */
    readonly value: string;
    /** When it ends; null: never */
    readonly expires_at: string | null;
  }>;
  /** Header values, sealed */
  readonly headers: Readonly<Record<string, string>>;
}

/** ExportedWebhook, as the OpenAPI document has it. */
export interface ExportedWebhook {
  /** A name for people */
  readonly name: string;
  /** Where deliveries go: http(s), without credentials or fragment; plain http and private addresses only where the operator allows them */
  readonly url: string;
  /** `json`, or a message of that service */
  readonly format: "json" | "slack" | "discord";
  /** The kinds of event that it is told about, each once */
  readonly events: ReadonlyArray<
    "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition"
  >;
  /** Which events of these kinds it is told about */
  readonly filters: {
    /** Exact names of goals; empty: all */
    readonly goals: ReadonlyArray<string>;
    /** Exact names of custom events; empty: all */
    readonly custom_events: ReadonlyArray<string>;
    /** Exact words of `error_type`; empty: all */
    readonly error_types: ReadonlyArray<string>;
    /** When it is told of a spike */
    readonly visitor_spike: {
      /** Told when `current_visitors` is this or more */
      readonly threshold: number;
      /** Told only when visitors are this many percent above what is usual at this hour */
      readonly percent_over_baseline: number | null;
      /** How many readings in a row must say so */
      readonly readings: number;
      /** Hours of silence after it was told */
      readonly cooldown_hours: number;
    };
    /** When it is told of a drop */
    readonly visitor_drop: {
      /** Told when visitors are fewer than this */
      readonly threshold: number;
      /** How many readings in a row must say so */
      readonly readings: number;
      /** Hours of silence after it was told */
      readonly cooldown_hours: number;
    };
  };
  /** Values are shown as `********` */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it is told anything; true also ends a pause */
  readonly enabled: boolean;
  /** How often a delivery is tried again */
  readonly max_retries: number;
  /** Milliseconds that an attempt may take, from look-up to the end of the answer */
  readonly timeout_ms: number;
  /** How many sends within any minute; what is more waits. Null: no limit */
  readonly rate_limit_per_minute: number | null;
  /** Its id */
  readonly id: string;
  /** `disabled` by you, `paused` by Tidings */
  readonly status: "active" | "disabled" | "paused";
  /** Why it was paused; null if it was not */
  readonly status_reason: string | null;
  /** When it was made */
  readonly created_at: string;
  /** When it was changed last */
  readonly updated_at: string;
  /** Secrets and header values, encrypted with `TIDINGS_SECRET_KEY` */
  readonly sealed?: SealedParts;
}

/** Export, as the OpenAPI document has it. */
export interface Export {
  /** The version of this form */
  readonly version: 1;
  /** When it was exported */
  readonly exported_at: string;
  /** Every site with its webhooks */
  readonly sites: ReadonlyArray<{
    /** The site's domain as Plausible has it */
    readonly site_id: string;
    /** The site's webhooks */
    readonly webhooks: ReadonlyArray<ExportedWebhook>;
  }>;
  /** All keys, without their texts */
  readonly keys: ReadonlyArray<Key>;
}

/** SecretMade, as the OpenAPI document has it. */
export interface SecretMade {
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** The webhook's id */
  readonly webhook_id: string;
  /** What deliveries are signed with */
  readonly secret: string;
  /** The same in the form that libraries of Standard Webhooks take */
  readonly standard_secret: string;
}

/** Imported, as the OpenAPI document has it. */
export interface Imported {
  /** How many webhooks were made */
  readonly created: number;
  /** How many webhooks were changed */
  readonly updated: number;
  /** How many webhooks were as the document says */
  readonly unchanged: number;
  /** Of webhooks created without a sealed secret */
  readonly secrets_made: ReadonlyArray<SecretMade>;
}

/** TakenReading, as the OpenAPI document has it. */
export interface TakenReading {
  /** Who is told */
  readonly triggered: ReadonlyArray<{
    /** The webhook's id */
    readonly webhook_id: string;
    /** The kind of event */
    readonly event: "visitor_spike" | "visitor_drop";
    /** The event's id */
    readonly event_id: string;
  }>;
  /** Who is not told, and why */
  readonly skipped: ReadonlyArray<{
    /** The webhook's id */
    readonly webhook_id: string;
    /** The kind of event */
    readonly event: "visitor_spike" | "visitor_drop";
    /** Why it is not told */
    readonly reason:
      | "disabled"
      | "paused"
      | "not_subscribed"
      | "filtered"
      | "below_threshold"
      | "cooldown"
      | "readings"
      | "no_baseline";
  }>;
}

/** Watch, as the OpenAPI document has it. */
export interface Watch {
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** Whether readings are taken */
  readonly visitors: boolean;
  /** Whether completed goals are told */
  readonly goals: boolean;
  /** Whether custom events are told */
  readonly custom_events: boolean;
  /** Whether failures of the Stats API are told */
  readonly errors: boolean;
  /** Whether the site has a key of its own; it is never shown */
  readonly has_api_key: boolean;
  /** Null if there is no Plausible to watch any more */
  readonly interval_s: number | null;
  /** When it was looked at last */
  readonly last_round_at: string | null;
  /** What went wrong then; null if nothing did */
  readonly last_error: string | null;
  /** When it is looked at next */
  readonly next_round_at: string;
}

/** WebhookHealth, as the OpenAPI document has it. */
export interface WebhookHealth {
  /** Failed attempts in a row */
  readonly consecutive_failures: number;
  /** When an attempt succeeded last */
  readonly last_success_at: string | null;
  /** When an attempt failed last */
  readonly last_failure_at: string | null;
  /** `open`: nothing is sent for a while, since the receiver is down; `half_open`: one delivery is tried */
  readonly breaker: "closed" | "open" | "half_open";
  /** How many deliveries wait */
  readonly pending: number;
}

/** WebhookAlert, as the OpenAPI document has it. */
export interface WebhookAlert {
  /** When it was told last */
  readonly last_triggered_at: string | null;
  /** Until when it is silent about it */
  readonly silent_until: string | null;
}

/** Webhook, as the OpenAPI document has it. */
export interface Webhook {
  /** A name for people */
  readonly name: string;
  /** Scheme and host only, unless the key may manage the webhook */
  readonly url: string;
  /** `json`, or a message of that service */
  readonly format: "json" | "slack" | "discord";
  /** The kinds of event that it is told about, each once */
  readonly events: ReadonlyArray<
    "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition"
  >;
  /** Which events of these kinds it is told about */
  readonly filters: {
    /** Exact names of goals; empty: all */
    readonly goals: ReadonlyArray<string>;
    /** Exact names of custom events; empty: all */
    readonly custom_events: ReadonlyArray<string>;
    /** Exact words of `error_type`; empty: all */
    readonly error_types: ReadonlyArray<string>;
    /** When it is told of a spike */
    readonly visitor_spike: {
      /** Told when `current_visitors` is this or more */
      readonly threshold: number;
      /** Told only when visitors are this many percent above what is usual at this hour */
      readonly percent_over_baseline: number | null;
      /** How many readings in a row must say so */
      readonly readings: number;
      /** Hours of silence after it was told */
      readonly cooldown_hours: number;
    };
    /** When it is told of a drop */
    readonly visitor_drop: {
      /** Told when visitors are fewer than this */
      readonly threshold: number;
      /** How many readings in a row must say so */
      readonly readings: number;
      /** Hours of silence after it was told */
      readonly cooldown_hours: number;
    };
  };
  /** Values are shown as `********` */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it is told anything; true also ends a pause */
  readonly enabled: boolean;
  /** How often a delivery is tried again */
  readonly max_retries: number;
  /** Milliseconds that an attempt may take, from look-up to the end of the answer */
  readonly timeout_ms: number;
  /** How many sends within any minute; what is more waits. Null: no limit */
  readonly rate_limit_per_minute: number | null;
  /** Its id */
  readonly id: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** What is wrong between URL and format, such as a Slack URL with json; left out while nothing is */
  readonly hint?: string;
  /** `disabled` by you, `paused` by Tidings */
  readonly status: "active" | "disabled" | "paused";
  /** Why it was paused; null if it was not */
  readonly status_reason: string | null;
  /** Until when the secret before signs along; null if none does */
  readonly previous_secret_expires_at: string | null;
  /** How its receiver is doing */
  readonly health: WebhookHealth;
  /** What is remembered about spikes */
  readonly spike: WebhookAlert;
  /** What is remembered about drops */
  readonly drop: WebhookAlert;
  /** When it was made */
  readonly created_at: string;
  /** When it was changed last */
  readonly updated_at: string;
}

/** WebhookWithSecret, as the OpenAPI document has it. */
export interface WebhookWithSecret {
  /** A name for people */
  readonly name: string;
  /** Scheme and host only, unless the key may manage the webhook */
  readonly url: string;
  /** `json`, or a message of that service */
  readonly format: "json" | "slack" | "discord";
  /** The kinds of event that it is told about, each once */
  readonly events: ReadonlyArray<
    "goal_completion" | "visitor_spike" | "visitor_drop" | "custom_event" | "error_condition"
  >;
  /** Which events of these kinds it is told about */
  readonly filters: {
    /** Exact names of goals; empty: all */
    readonly goals: ReadonlyArray<string>;
    /** Exact names of custom events; empty: all */
    readonly custom_events: ReadonlyArray<string>;
    /** Exact words of `error_type`; empty: all */
    readonly error_types: ReadonlyArray<string>;
    /** When it is told of a spike */
    readonly visitor_spike: {
      /** Told when `current_visitors` is this or more */
      readonly threshold: number;
      /** Told only when visitors are this many percent above what is usual at this hour */
      readonly percent_over_baseline: number | null;
      /** How many readings in a row must say so */
      readonly readings: number;
      /** Hours of silence after it was told */
      readonly cooldown_hours: number;
    };
    /** When it is told of a drop */
    readonly visitor_drop: {
      /** Told when visitors are fewer than this */
      readonly threshold: number;
      /** How many readings in a row must say so */
      readonly readings: number;
      /** Hours of silence after it was told */
      readonly cooldown_hours: number;
    };
  };
  /** Values are shown as `********` */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it is told anything; true also ends a pause */
  readonly enabled: boolean;
  /** How often a delivery is tried again */
  readonly max_retries: number;
  /** Milliseconds that an attempt may take, from look-up to the end of the answer */
  readonly timeout_ms: number;
  /** How many sends within any minute; what is more waits. Null: no limit */
  readonly rate_limit_per_minute: number | null;
  /** Its id */
  readonly id: string;
  /** The site's domain as Plausible has it */
  readonly site_id: string;
  /** What is wrong between URL and format, such as a Slack URL with json; left out while nothing is */
  readonly hint?: string;
  /** `disabled` by you, `paused` by Tidings */
  readonly status: "active" | "disabled" | "paused";
  /** Why it was paused; null if it was not */
  readonly status_reason: string | null;
  /** Until when the secret before signs along; null if none does */
  readonly previous_secret_expires_at: string | null;
  /** How its receiver is doing */
  readonly health: WebhookHealth;
  /** What is remembered about spikes */
  readonly spike: WebhookAlert;
  /** What is remembered about drops */
  readonly drop: WebhookAlert;
  /** When it was made */
  readonly created_at: string;
  /** When it was changed last */
  readonly updated_at: string;
  /** What deliveries are signed with */
  readonly secret: string;
  /** The same in the form that libraries of Standard Webhooks take */
  readonly standard_secret: string;
}

/** Webhooks, as the OpenAPI document has it. */
export interface Webhooks {
  /** All webhooks of the site */
  readonly data: ReadonlyArray<Webhook>;
}

/** Recovered, as the OpenAPI document has it. */
export interface Recovered {
  /** How many deliveries were revived or made */
  readonly recovered: number;
  /** Go on with this as since; null if all was looked at */
  readonly next_since: string | null;
}
