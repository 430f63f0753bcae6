/**
 * Accepts an event: decides whom to tell, and has it committed and handed to the lanes.
 *
 * Owns the promise of the 202: it leaves after the commit, and with the commit the deliveries are scheduled.
 *
 * @module
 */
import { type Admission, admit, admitInTurns, type AdmitPorts } from "./admit.ts";
import { afterTelling, isAlert } from "./alert.ts";
import { decide, type Decision, type SkipReason } from "./decide.ts";
import { digestOf } from "./digest.ts";
import type { Directory } from "./directory.ts";
import { AppError } from "./errors.ts";
import { type AcceptableEvent, encodeBody } from "./event.ts";
import type { EventPayload } from "./event_types.ts";
import type { SiteNames } from "./site_names.ts";
import type { SiteTurns } from "./site_turns.ts";
import type { IdempotencyEntry, SiteStateChange, Store, Versioned } from "./store.ts";
import type { Origin } from "./tracing.ts";
import type { Webhook } from "./webhook.ts";

/** What accepting needs. */
export interface AcceptPorts extends AdmitPorts {
  readonly store: AdmitPorts["store"] & Pick<Store, "idempotency" | "event" | "alerts">;
  readonly directory: Pick<Directory, "webhooksOf" | "names">;
  /** Among sites that post at the same time. */
  readonly turns: Pick<SiteTurns, "take">;
  /** Alerts of one site are decided one after the other: each changes what the next is decided by. */
  readonly alert_turns: Pick<SiteTurns, "take">;
}

/** An event, and the request that brought it. */
export interface PostedEvent extends AcceptableEvent {
  readonly origin?: Origin | undefined;
}

/** What the caller is told. */
export interface AcceptResult {
  readonly id: string;
  readonly queued: number;
  readonly skipped: readonly { readonly webhook_id: string; readonly reason: SkipReason }[];
  /** Whether this event had been accepted before under the same idempotency key. */
  readonly duplicate: boolean;
}

/**
 * Accepts one event.
 *
 * @param posted The event, parsed, and where it came from.
 * @param idempotency_key The caller's key, or null.
 * @param ports What it needs.
 * @returns What was decided, or what had been decided the first time.
 * @throws {AppError} `idempotency_key_reused`, `rate_limited`, `unavailable`.
 */
export async function accept(
  posted: PostedEvent,
  idempotency_key: string | null,
  ports: AcceptPorts,
): Promise<AcceptResult> {
  const event = ports.directory.names.any ? placed(posted, ports.directory.names) : posted;
  const { payload } = event;
  const turns = isAlert(payload) ? ports.alert_turns : ports.turns;
  return await turns.take(payload.site_id, () => acceptInTurn(event, idempotency_key, ports));
}

/** The event as one of the site that its name leads to; receivers are told that site's name of today. */
function placed(
  { payload, body, origin }: PostedEvent,
  names: Pick<SiteNames, "siteOf" | "nameOf">,
): PostedEvent {
  const site_id = names.siteOf(payload.site_id);
  const today = names.nameOf(site_id);
  return {
    payload: { ...payload, site_id },
    body: today === payload.site_id ? body : encodeBody({ ...payload, site_id: today }),
    origin,
  };
}

async function acceptInTurn(
  event: PostedEvent,
  idempotency_key: string | null,
  ports: AcceptPorts,
): Promise<AcceptResult> {
  const digest = idempotency_key === null ? null : contentDigest(event);
  return await admitInTurns("accept the event", async () => {
    if (idempotency_key === null || digest === null) return await commit(event, null, ports);
    const seen = await ports.store.idempotency(event.payload.site_id, idempotency_key);
    const first = await firstAnswer(seen, digest, ports);
    if (first !== null) return first;
    const idempotency = { key: idempotency_key, digest, seen: seen?.versionstamp ?? null };
    return await commit(event, idempotency, ports);
  });
}

/** What was answered the first time the key was used, or null if it is free. */
async function firstAnswer(
  seen: Versioned<IdempotencyEntry> | null,
  digest: string,
  { store, clock }: AcceptPorts,
): Promise<AcceptResult | null> {
  // Deno KV removes expired records up to a minute late, so what it still shows is judged here.
  if (seen === null || seen.value.expires_at <= clock.now()) return null;
  if (seen.value.digest !== digest) {
    throw new AppError(
      "idempotency_key_reused",
      "Cannot accept the event: its idempotency key was used within 24 hours for another event or other data",
    );
  }
  const event = await store.event(seen.value.event_id);
  if (event === null) return null;
  return { ...answer(event.id, event.decisions), duplicate: true };
}

/** Decides and commits; null if someone else changed meanwhile what was decided by. */
async function commit(
  { payload, body, origin }: PostedEvent,
  idempotency: { key: string; digest: string; seen: string | null } | null,
  ports: AcceptPorts,
): Promise<AcceptResult | null> {
  const webhooks = await ports.directory.webhooksOf(payload.site_id);
  const { decisions, change } = await decided(payload, webhooks, ports.store);
  const admission: Admission = {
    payload,
    body,
    webhooks,
    decisions,
    origin,
    ...(idempotency === null ? {} : { idempotency }),
  };
  const [id] = (await admit([admission], change, ports))?.ids ?? [];
  return id === undefined ? null : { ...answer(id, decisions), duplicate: false };
}

/** What is decided about an event; about an alert by what is remembered of its site, which changes with it. */
async function decided(
  payload: EventPayload,
  webhooks: readonly Webhook[],
  store: Pick<Store, "alerts">,
): Promise<{ decisions: Decision[]; change: SiteStateChange | null }> {
  if (!isAlert(payload)) return { decisions: decide(payload, webhooks), change: null };
  const { site_id, event: kind } = payload;
  const { value, versionstamp: seen } = await store.alerts(site_id);
  const decisions = decide(payload, webhooks, value);
  const told = decisions.filter(({ reason }) => reason === null).map(({ webhook_id }) => webhook_id);
  const next = afterTelling(value, kind, told, Date.parse(payload.timestamp));
  return { decisions, change: next === value ? null : { site_id, seen, next } };
}

function answer(id: string, decisions: readonly Decision[]): Omit<AcceptResult, "duplicate"> {
  const skipped = decisions.flatMap(({ webhook_id, reason }) =>
    reason === null ? [] : [{ webhook_id, reason }]
  );
  return { id, queued: decisions.length - skipped.length, skipped };
}

/** Of what must be the same when a key is used again. The timestamp may differ: a retrying job makes it anew. */
function contentDigest({ payload }: AcceptableEvent): string {
  return digestOf(JSON.stringify(sorted({ event: payload.event, data: payload.data })));
}

/** The same JSON value with the keys of every object in order: many languages keep none. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
