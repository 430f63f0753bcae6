/**
 * Admits events that are decided about: room in the lanes, one commit, and into the lanes.
 *
 * Owns the way of events into storage, alone or several at once with a change of what is remembered of their site. It must
 * never decide who is told.
 *
 * @module
 */
import type { Decision } from "./decide.ts";
import { type Delivery, newDelivery } from "./delivery.ts";
import { leased } from "./delivery_moves.ts";
import type { Engine } from "./engine/engine.ts";
import type { Reservation } from "./engine/engine_ports.ts";
import { AppError } from "./errors.ts";
import type { EventPayload } from "./event_types.ts";
import { INPUT, LANE } from "./limits.ts";
import type { Clock, Ids } from "./ports.ts";
import type { Acceptance, SiteStateChange, Store, StoredEvent, WatchChange } from "./store.ts";
import type { Origin } from "./tracing.ts";
import type { Webhook } from "./webhook.ts";

/** What admitting needs. */
export interface AdmitPorts {
  readonly store: Pick<Store, "acceptWith">;
  readonly engine: Pick<Engine, "reserve" | "unreserve" | "hand">;
  readonly clock: Pick<Clock, "now">;
  readonly ids: Pick<Ids, "ulid">;
  readonly instance: string;
}

/** An event that is decided about. */
export interface Admission {
  readonly payload: Pick<EventPayload, "site_id" | "event" | "timestamp">;
  /** What receivers get. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** All webhooks of the site, and what was decided for each, in the same order. */
  readonly webhooks: readonly Webhook[];
  readonly decisions: readonly Decision[];
  /** The request that brought it, if one did. */
  readonly origin?: Origin | undefined;
  /** The idempotency key it is accepted under, as read; its entry is made with the event's id. */
  readonly idempotency?: {
    readonly key: string;
    readonly seen: string | null;
    readonly digest: string;
  };
}

/** What was committed. */
export interface Admitted {
  /** Of the events, in their order. */
  readonly ids: readonly string[];
  /** Of everything written. */
  readonly versionstamp: string;
}

/** An event on its way. */
interface Prepared extends Pick<Admission, "origin"> {
  readonly acceptance: Acceptance;
  readonly reservations: readonly Reservation[];
}

/**
 * Admits events of one site, all of them or none.
 *
 * @param admissions The events.
 * @param change What is remembered of the site from now on, or null.
 * @param ports What it needs.
 * @returns Their ids and the versionstamp; null if what a decision rests on (an idempotency key, the state) was changed meanwhile: decide again.
 * @throws {AppError} `unavailable`.
 */
export async function admit(
  admissions: readonly Admission[],
  change: SiteStateChange | WatchChange | null,
  ports: AdmitPorts,
): Promise<Admitted | null> {
  const { store, engine } = ports;
  const prepared: Prepared[] = [];
  let versionstamp: string | null = null;
  try {
    for (const admission of admissions) prepared.push(await prepare(admission, ports));
    const acceptances = prepared.map(({ acceptance }) => acceptance);
    versionstamp = await store.acceptWith(change, acceptances);
    if (versionstamp === null) return null;
    for (const each of prepared) handOver(each, versionstamp, engine);
    return { ids: acceptances.map(({ event }) => event.id), versionstamp };
  } finally {
    if (versionstamp === null) { for (const { reservations } of prepared) engine.unreserve(reservations); }
  }
}

/** A turn is lost only to whoever changed at the same moment what it was decided by. */
const TURNS_MAX = 20;

/**
 * Decides and admits again until nobody else changed meanwhile what was decided by.
 *
 * @param doing What is done, for the refusal: "accept the event".
 * @param turn Decides and admits; null if it has to be done again.
 * @returns What came of the last turn.
 * @throws {AppError} `unavailable` if it keeps changing.
 */
export async function admitInTurns<Result>(
  doing: string,
  turn: () => Promise<Result | null>,
): Promise<Result> {
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    const done = await turn();
    if (done !== null) return done;
  }
  throw new AppError("unavailable", `Cannot ${doing}: what it is decided by keeps changing`, {
    retry_after_s: 1,
  });
}

async function prepare(admission: Admission, ports: AdmitPorts): Promise<Prepared> {
  const { engine, clock, ids, instance } = ports;
  const { payload, body, webhooks, decisions, idempotency, origin } = admission;
  const told = webhooks.filter((_, index) => decisions[index]?.reason === null);
  // The lanes share one body; each counts its part of it.
  const bytes = LANE.delivery_overhead_bytes + Math.ceil(body.byteLength / Math.max(told.length, 1));
  const reservations = await engine.reserve(told, bytes);
  const now = clock.now();
  const event: StoredEvent = {
    id: `evt_${ids.ulid(now)}`,
    site_id: payload.site_id,
    event: payload.event,
    accepted_at: now,
    timestamp: payload.timestamp,
    body,
    decisions,
  };
  const deliveries = told.map((webhook, index) =>
    firstDelivery(event, webhook, { reservation: reservations[index], instance })
  );
  const acceptance: Acceptance = {
    event,
    deliveries,
    idempotency: idempotency === undefined ? null : {
      key: idempotency.key,
      seen: idempotency.seen,
      entry: {
        event_id: event.id,
        digest: idempotency.digest,
        expires_at: now + INPUT.idempotency_key_ms,
      },
    },
    listed: true,
  };
  return { acceptance, reservations, origin };
}

function handOver(
  { acceptance: { deliveries, event }, reservations, origin }: Prepared,
  versionstamp: string,
  engine: Pick<Engine, "hand">,
): void {
  engine.hand(
    deliveries.flatMap(({ delivery }, index) => {
      const reservation = reservations[index];
      return reservation === undefined
        ? []
        : [{ known: { value: delivery, versionstamp, written: false }, reservation }];
    }),
    event.body,
    origin,
  );
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
