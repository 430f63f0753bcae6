/**
 * Accepts an event: decides whom to tell, commits all of it at once, and hands it to the lanes.
 *
 * Owns the promise of the 202: it leaves after the commit, and with the commit the deliveries are scheduled.
 *
 * @module
 */
import { decide, type Decision, type SkipReason } from "./decide.ts";
import { type Delivery, newDelivery } from "./delivery.ts";
import { leased } from "./delivery_moves.ts";
import type { Directory } from "./directory.ts";
import type { Engine } from "./engine/engine.ts";
import type { Reservation } from "./engine/engine_ports.ts";
import { AppError } from "./errors.ts";
import type { AcceptableEvent } from "./event.ts";
import { INPUT, LANE } from "./limits.ts";
import type { Clock, Ids } from "./ports.ts";
import type { SiteTurns } from "./site_turns.ts";
import type { IdempotencyEntry, Store, StoredEvent, Versioned } from "./store.ts";
import type { Webhook } from "./webhook.ts";

/** What accepting needs. */
export interface AcceptPorts {
  readonly store: Pick<Store, "accept" | "idempotency" | "event">;
  readonly directory: Pick<Directory, "webhooksOf">;
  readonly engine: Pick<Engine, "reserve" | "unreserve" | "hand">;
  readonly clock: Pick<Clock, "now">;
  readonly ids: Pick<Ids, "ulid">;
  /** Among sites that post at the same time. */
  readonly turns: Pick<SiteTurns, "take">;
  readonly instance: string;
}

/** What the caller is told. */
export interface AcceptResult {
  readonly id: string;
  readonly queued: number;
  readonly skipped: readonly { readonly webhook_id: string; readonly reason: SkipReason }[];
  /** Whether this event had been accepted before under the same idempotency key. */
  readonly duplicate: boolean;
}

/** A turn is lost only to another request with the same key, which then is the first. */
const TURNS_MAX = 10;

/**
 * Accepts one event.
 *
 * @param event The event, parsed.
 * @param idempotency_key The caller's key, or null.
 * @param ports What it needs.
 * @returns What was decided, or what had been decided the first time.
 * @throws {AppError} `idempotency_key_reused`, `rate_limited`, `unavailable`.
 */
export async function accept(
  event: AcceptableEvent,
  idempotency_key: string | null,
  ports: AcceptPorts,
): Promise<AcceptResult> {
  return await ports.turns.take(event.payload.site_id, () => acceptInTurn(event, idempotency_key, ports));
}

async function acceptInTurn(
  event: AcceptableEvent,
  idempotency_key: string | null,
  ports: AcceptPorts,
): Promise<AcceptResult> {
  const digest = idempotency_key === null ? null : await digestOf(event);
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    let idempotency = null;
    if (idempotency_key !== null && digest !== null) {
      const seen = await ports.store.idempotency(event.payload.site_id, idempotency_key);
      const first = await firstAnswer(seen, digest, ports);
      if (first !== null) return first;
      idempotency = { key: idempotency_key, digest, seen: seen?.versionstamp ?? null };
    }
    const accepted = await commit(event, idempotency, ports);
    if (accepted !== null) return accepted;
  }
  throw new AppError("unavailable", "Cannot accept the event: its idempotency key is in use", {
    retry_after_s: 1,
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

/** Commits the event; null if someone else used its idempotency key meanwhile. */
async function commit(
  { payload, body }: AcceptableEvent,
  idempotency: { key: string; digest: string; seen: string | null } | null,
  ports: AcceptPorts,
): Promise<AcceptResult | null> {
  const { store, directory, engine, clock, ids } = ports;
  const webhooks = await directory.webhooksOf(payload.site_id);
  const decisions = decide(payload, webhooks);
  const told = webhooks.filter((_, index) => decisions[index]?.reason === null);
  // The lanes share one body; each counts its part of it.
  const bytes = LANE.delivery_overhead_bytes + Math.ceil(body.byteLength / Math.max(told.length, 1));
  const reservations = await engine.reserve(told, bytes);
  let versionstamp: string | null = null;
  try {
    const now = clock.now();
    const id = `evt_${ids.ulid(now)}`;
    const event: StoredEvent = {
      id,
      site_id: payload.site_id,
      event: payload.event,
      accepted_at: now,
      timestamp: payload.timestamp,
      body,
      decisions,
    };
    const deliveries = told.map((webhook, index) =>
      firstDelivery(event, webhook, { reservation: reservations[index], instance: ports.instance })
    );
    const entry = idempotency === null
      ? null
      : { event_id: id, digest: idempotency.digest, expires_at: now + INPUT.idempotency_key_ms };
    versionstamp = await store.accept({
      event,
      deliveries,
      idempotency: idempotency === null || entry === null ? null : { ...idempotency, entry },
      listed: true,
    });
    if (versionstamp === null) return null;
    const stamp = versionstamp;
    engine.hand(
      deliveries.flatMap(({ delivery }, index) => {
        const reservation = reservations[index];
        return reservation === undefined
          ? []
          : [{ known: { value: delivery, versionstamp: stamp }, reservation }];
      }),
      body,
    );
    return { ...answer(id, decisions), duplicate: false };
  } finally {
    if (versionstamp === null) engine.unreserve(reservations);
  }
}

/** A delivery as it is committed with its event: leased to this process, or due now. */
function firstDelivery(
  event: StoredEvent,
  webhook: Webhook,
  { reservation, instance }: { reservation: Reservation | undefined; instance: string },
): { delivery: Delivery; marker_at: number | null } {
  const delivery = newDelivery({
    event_id: event.id,
    webhook_id: webhook.id,
    site_id: event.site_id,
    event: event.event,
    trigger: "automatic",
    created_at: event.accepted_at,
    queued_at: event.accepted_at,
  });
  if (reservation?.kept) {
    return {
      delivery: leased(delivery, { owner: instance, until_ms: reservation.lease_until }),
      marker_at: null,
    };
  }
  return { delivery, marker_at: reservation?.marker_at ?? null };
}

function answer(id: string, decisions: readonly Decision[]): Omit<AcceptResult, "duplicate"> {
  const skipped = decisions.flatMap(({ webhook_id, reason }) =>
    reason === null ? [] : [{ webhook_id, reason }]
  );
  return { id, queued: decisions.length - skipped.length, skipped };
}

/** SHA-256 of what must be the same when a key is used again. The timestamp may differ: a retrying job makes it anew. */
async function digestOf({ payload }: AcceptableEvent): Promise<string> {
  const text = JSON.stringify(sorted({ event: payload.event, data: payload.data }));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toHex();
}

/** The same JSON value with the keys of every object in order: many languages keep none. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
