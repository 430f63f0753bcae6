/**
 * Claims what is due: takes its lease for this process and hands it to its lane.
 *
 * Owns the moment in which a delivery comes into memory. Room in the lane is kept before the lease is taken; what must
 * not be sent any more is ended instead.
 *
 * @module
 */
import { effectiveStatus, isTooOld } from "../delivery.ts";
import { ended, interrupted, leased, released } from "../delivery_moves.ts";
import type { Directory } from "../directory.ts";
import { BrokenRecord } from "../errors.ts";
import { LANE, LEASE } from "../limits.ts";
import type { Clock, Log } from "../ports.ts";
import type { DueEntry, KnownDelivery, Store, StoredEvent } from "../store.ts";
import type { Webhook } from "../webhook.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";

/** What claiming needs. */
export interface ClaimsPorts {
  readonly store: Pick<Store, "deliveries" | "event" | "move" | "dropEntry">;
  readonly clock: Clock;
  readonly log: Log;
  readonly directory: Directory;
  readonly instance: string;
  readonly lanes: Lanes;
  /** Whether a process lived to the end of its lease: else what it did under it was cut short. */
  readonly outlived: (owner: string, lease_until: number) => boolean;
}

/** See the module. */
export class Claims {
  readonly #ports: ClaimsPorts;

  /** @param ports What it needs. */
  constructor(ports: ClaimsPorts) {
    this.#ports = ports;
  }

  /**
   * Claims due entries of one lane.
   * @returns Whether all of them found room.
   */
  async claim(
    entries: readonly DueEntry[],
    { webhook, lane }: { webhook: Webhook; lane: Lane },
  ): Promise<boolean> {
    const { store, lanes } = this.#ports;
    lane.touched_at = this.#ports.clock.now();
    lane.spilled = false;
    const found = await store.deliveries(entries);
    const events = await this.#events(found);
    const claims: Promise<void>[] = [];
    let full = false;
    for (const [index, entry] of entries.entries()) {
      const known = found[index] ?? null;
      if (known === null || known.value.due_at !== entry.at) {
        claims.push(store.dropEntry(entry));
        continue;
      }
      const event = events.get(entry.event_id) ?? null;
      if (await this.#endedInstead(known, webhook, event)) continue;
      if (event === null || event === "broken") continue;
      const bytes = LANE.delivery_overhead_bytes + event.body.byteLength;
      if (!lanes.reserve(lane, bytes)) {
        full = true;
        break;
      }
      claims.push(this.#claimOne(entry, known, { webhook, lane, body: event.body, bytes }));
    }
    await Promise.all(claims);
    return !full;
  }

  /** Ends what must not be sent any more, and puts off what can't be. @returns Whether it was such. */
  async #endedInstead(
    known: KnownDelivery,
    webhook: Webhook,
    event: StoredEvent | "broken" | null,
  ): Promise<boolean> {
    const { store, clock, log } = this.#ports;
    const { status, wishes } = known.value;
    const now_ms = clock.now();
    if (status === "pending" && effectiveStatus(known.value, webhook) === "cancelled") {
      await store.move(known, (now) => now.due_at === null ? null : ended(now, "cancelled"));
      return true;
    }
    // Over, and without a wish: a process lost its lease while it made the last one, and recorded it all the same.
    const wanted = status === "pending" ? !isTooOld(known.value, now_ms) : wishes > 0;
    if (event === "broken" && wanted) {
      const later = now_ms + LEASE.broken_again_ms;
      await store.move(known, (now) => now.due_at === known.value.due_at ? released(now, later) : null);
      return true;
    }
    if (event !== null && wanted) return false;
    if (event === null) log.error("delivery.without_event", { event: known.value.event_id });
    await store.move(known, (now) => now.due_at === null ? null : ended(now, "exhausted"));
    return true;
  }

  async #claimOne(
    entry: DueEntry,
    known: KnownDelivery,
    into: { webhook: Webhook; lane: Lane; body: Uint8Array<ArrayBuffer>; bytes: number },
  ): Promise<void> {
    const { store, clock, lanes, instance, outlived } = this.#ports;
    const { webhook, lane, body, bytes } = into;
    let claimed: KnownDelivery | null = null;
    try {
      const now = clock.now();
      const until_ms = now + webhook.timeout_ms + LEASE.margin_ms;
      claimed = await store.move(known, (delivery) => {
        // Someone else was first.
        if (delivery.due_at !== entry.at) return null;
        const owner = delivery.lease?.owner ?? null;
        const from = owner === null || outlived(owner, entry.at) ? delivery : interrupted(delivery, now);
        return leased(from, { owner: instance, until_ms });
      });
    } finally {
      if (claimed === null) lanes.unreserve(lane, bytes);
    }
    if (claimed !== null) lanes.hand(lane, { known: claimed, body, bytes });
  }

  /** The events of several deliveries, each read once. */
  async #events(
    found: readonly (KnownDelivery | null)[],
  ): Promise<Map<string, StoredEvent | "broken">> {
    const ids = new Set(found.flatMap((known) => known === null ? [] : [known.value.event_id]));
    const events = new Map<string, StoredEvent | "broken">();
    await Promise.all([...ids].map(async (id) => {
      const event = await this.#event(id);
      if (event !== null) events.set(id, event);
    }));
    return events;
  }

  async #event(id: string): Promise<StoredEvent | "broken" | null> {
    const { store, log } = this.#ports;
    try {
      return await store.event(id);
    } catch (error) {
      if (!(error instanceof BrokenRecord)) throw error;
      log.error("record.broken", { record: `event ${id}`, error: error.message });
      return "broken";
    }
  }
}
