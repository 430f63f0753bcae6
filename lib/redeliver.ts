/**
 * One more attempt, because a person asks for it.
 *
 * Owns the redelivery: each call makes one attempt at once, past breaker and throttle, whatever the delivery's state; a
 * pending one keeps its schedule.
 *
 * @module
 */
import { type Delivery, effectiveStatus, parseDeliveryId } from "./delivery.ts";
import { cancelled, leased, wished } from "./delivery_moves.ts";
import type { Engine } from "./engine/engine.ts";
import { AppError } from "./errors.ts";
import { LEASE } from "./limits.ts";
import type { Clock } from "./ports.ts";
import type { Store } from "./store.ts";
import type { Origin } from "./tracing.ts";
import { assertActive } from "./webhook.ts";

/** What redelivering needs. */
export interface RedeliverPorts {
  readonly store: Pick<Store, "delivery" | "event" | "moveAudited" | "webhook" | "ring">;
  /** Null outside the service: then the wish is noted, and the service finds it within a second or two. */
  readonly engine: Pick<Engine, "sendNow"> | null;
  readonly clock: Pick<Clock, "now">;
  readonly instance: string;
  /** Who asks: the id of an API key, or one of `ACTOR`. */
  readonly actor: string;
  /** The request that asks. */
  readonly origin?: Origin;
}

/**
 * Asks for one more attempt.
 *
 * @param site_id Whose.
 * @param id The delivery's id.
 * @param ports What it needs.
 * @returns The delivery as it is now; the attempt is under way, or comes after the one that is.
 * @throws {AppError} `not_found`, `webhook_not_active`.
 */
export async function redeliver(site_id: string, id: string, ports: RedeliverPorts): Promise<Delivery> {
  const { store, clock, engine, instance, actor, origin } = ports;
  const ids = parseDeliveryId(id);
  const known = ids === null ? null : await store.delivery(ids.event_id, ids.webhook_id);
  if (known === null || known.value.site_id !== site_id) {
    throw new AppError("not_found", "Not found: the site has no such delivery");
  }
  const webhook = await store.webhook(site_id, known.value.webhook_id);
  if (webhook === null || webhook.deleted_at !== null) {
    throw new AppError("webhook_not_active", "Cannot redeliver: the webhook is deleted");
  }
  assertActive(webhook);
  const event = await store.event(known.value.event_id);
  if (event === null) throw new AppError("not_found", "Not found: the event's payload is kept no longer");
  let taken = false;
  const note = { actor, action: "delivery.redelivered", site_id, subject: id, changes: [] } as const;
  const moved = await store.moveAudited(known, (delivery) => {
    const now = clock.now();
    // Cancelled before its record says so: only recover revives it, so what is sent now is this one attempt.
    const is_over = delivery.status === "pending" && effectiveStatus(delivery, webhook) === "cancelled";
    const wanted = wished(is_over ? cancelled(delivery) : delivery, now);
    taken = engine !== null && wanted.lease === null;
    return taken ? leased(wanted, { owner: instance, until_ms: now + LEASE.longest_ms }) : wanted;
  }, note);
  if (moved === null) throw new AppError("not_found", "Not found: the delivery is kept no longer");
  // Nobody was at it: it is sent from here. Otherwise whoever is at it sends again after that.
  if (taken && engine !== null) await engine.sendNow(moved, webhook, { body: event.body, origin });
  else await store.ring();
  return moved.value;
}
