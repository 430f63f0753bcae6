/**
 * Brings back what a webhook missed: deliveries that ended without success, and events skipped while it was not active.
 *
 * Owns recovery. It goes through the site's events in the order they were accepted and can be repeated from anywhere:
 * what is pending or delivered is left alone.
 *
 * @module
 */
import { z } from "zod";
import { type AuditNote, webhookNote } from "./audit.ts";
import { effectiveStatus, newDelivery } from "./delivery.ts";
import { cancelled, revived } from "./delivery_moves.ts";
import { isoOrNull } from "./iso.ts";
import { INPUT } from "./limits.ts";
import { dateTime } from "./page.ts";
import type { Clock } from "./ports.ts";
import type { KnownDelivery, Store, StoredEvent } from "./store.ts";
import { validate, validationError } from "./validate.ts";
import { assertActive, type Webhook } from "./webhook.ts";
import { findWebhook } from "./webhooks.ts";

/** What recovering needs. */
export interface RecoverPorts {
  readonly store: Pick<
    Store,
    "webhook" | "eventsFrom" | "deliveries" | "addDelivery" | "move" | "ring" | "writeAudit"
  >;
  readonly clock: Pick<Clock, "now">;
  /** Who asks: the id of an API key, or one of `ACTOR`. */
  readonly actor: string;
}

/** What came of one call. */
export interface Recovered {
  readonly recovered: number;
  /** Where to go on with another call; null when everything was looked at. */
  readonly next_since: string | null;
}

/** The body of a recovery. */
export const request = z.strictObject({ since: dateTime, until: dateTime.nullish() });

/** Events looked at together. */
const EVENTS_AT_ONCE = 100;

/**
 * Recovers what a webhook missed between two times.
 *
 * @param target Whose and which.
 * @param input The body: `since`, maybe `until` (exclusive).
 * @param ports What it needs.
 * @returns How many deliveries were revived or made, at most 10,000 a call.
 * @throws {AppError} `validation_failed`, `not_found`, `webhook_not_active`, `unavailable`: repeat it, it goes on.
 */
export async function recover(
  { site_id, webhook_id }: { site_id: string; webhook_id: string },
  input: unknown,
  ports: RecoverPorts,
): Promise<Recovered> {
  const { store, actor } = ports;
  const { since, until = null } = validate(request, input);
  if (until !== null && until < since) {
    throw validationError([{ path: "/until", message: "must not be before since" }]);
  }
  const webhook = await findWebhook(site_id, webhook_id, store);
  assertActive(webhook);
  const asked = [`since=${isoOrNull(since)}`, ...(until === null ? [] : [`until=${isoOrNull(until)}`])];
  const noteOf = (changes: string[]): AuditNote =>
    webhookNote(webhook, "webhook.recovered", { actor, changes });
  // Many commits: on record before the first of them, and with what came of it after the last.
  const entry = await store.writeAudit(noteOf(asked));
  const done = await recoverBetween(webhook, { since, until }, ports);
  await store.writeAudit(noteOf([...asked, `recovered=${done.recovered}`]), entry);
  return done;
}

async function recoverBetween(
  webhook: Webhook,
  { since, until }: { readonly since: number; readonly until: number | null },
  ports: RecoverPorts,
): Promise<Recovered> {
  const { store, clock } = ports;
  let [recovered, examined] = [0, 0];
  // What is accepted from now on reaches the webhook by itself.
  const end = Math.min(until ?? Infinity, clock.now() + 1);
  let after: string | null = null;
  for (;;) {
    const most = Math.min(EVENTS_AT_ONCE, INPUT.recovered_max - recovered);
    const stretch = await store.eventsFrom(webhook.site_id, { since, until: end, after }, most);
    recovered += await recoverSome(stretch.events, webhook, ports);
    examined += stretch.examined;
    const { next } = stretch;
    if (next === null || isFull({ recovered, examined }, { since, next_at: next.at })) {
      if (recovered > 0) await store.ring();
      return { recovered, next_since: isoOrNull(next?.at ?? null) };
    }
    after = next.after;
  }
}

/**
 * Whether the rest is for another call. That one begins with the whole millisecond of the next event, and leaves alone
 * what of it was recovered already. So a millisecond is never left because much of it was looked at: a call that
 * recovered nothing would be repeated for ever.
 */
function isFull(
  done: { readonly recovered: number; readonly examined: number },
  { since, next_at }: { readonly since: number; readonly next_at: number },
): boolean {
  return done.recovered >= INPUT.recovered_max ||
    (done.examined >= INPUT.recover_examined_max && next_at > since);
}

async function recoverSome(
  events: readonly StoredEvent[],
  webhook: Webhook,
  ports: RecoverPorts,
): Promise<number> {
  const concerned = events.filter(({ decisions }) =>
    decisions.some(({ webhook_id, reason }) =>
      webhook_id === webhook.id && (reason === null || reason === "disabled" || reason === "paused")
    )
  );
  const found = await ports.store.deliveries(
    concerned.map(({ id }) => ({ event_id: id, webhook_id: webhook.id })),
  );
  const results = await Promise.all(
    concerned.map((event, index) => recoverOne(event, found[index] ?? null, { webhook, ports })),
  );
  return results.filter(Boolean).length;
}

async function recoverOne(
  event: StoredEvent,
  known: KnownDelivery | null,
  { webhook, ports: { store, clock } }: { webhook: Webhook; ports: RecoverPorts },
): Promise<boolean> {
  if (known === null) {
    const told = event.decisions.some(({ webhook_id, reason }) =>
      webhook_id === webhook.id && reason === null
    );
    // Told and yet without a record: retention took it.
    if (told) return false;
    return await store.addDelivery(newDelivery({
      event_id: event.id,
      webhook_id: webhook.id,
      site_id: event.site_id,
      event: event.event,
      trigger: "recover",
      created_at: event.accepted_at,
      queued_at: clock.now(),
    }));
  }
  const moved = await store.move(known, (delivery) => {
    const status = effectiveStatus(delivery, webhook);
    if (status === "pending" || status === "delivered") return null;
    // Cancelled, but its record still says that it waits: both in one step.
    return revived(delivery.status === "pending" ? cancelled(delivery) : delivery, clock.now());
  });
  return moved !== null;
}
