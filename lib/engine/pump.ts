/**
 * The pump: finds what is due in KV, claims it, and hands it to the lanes.
 *
 * Owns claiming. It works only when woken (by an alarm, a sweep, or a lane with room again), one turn at a time, and a
 * turn visits each webhook that the agenda names once. It reads the marker first and the lane second, so that what is
 * written between the two is found by the marker's next look.
 *
 * @module
 */
import type { Directory } from "../directory.ts";
import { type Delivery, effectiveStatus, ended, interrupted, isTooOld, leased } from "../delivery.ts";
import { LANE, LEASE } from "../limits.ts";
import type { Clock, Log } from "../ports.ts";
import type { DueEntry, Marker, StoredEvent, Versioned } from "../store.ts";
import { type Webhook, webhookStatus } from "../webhook.ts";
import type { EngineStore } from "./engine.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";

/** What the pump asks of the engine. */
export interface PumpPorts {
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly directory: Directory;
  readonly instance: string;
  readonly lanes: Lanes;
  readonly isAlive: (owner: string) => boolean;
  readonly openLane: (webhook: Webhook) => Promise<Lane>;
  readonly arm: (at: number) => void;
  readonly mayClaim: () => boolean;
}

/** Due entries looked at in one visit. */
const VISIT_ENTRIES = 100;
/** Webhooks visited side by side: reads of KV overlap, memory stays small. */
const VISITS_AT_ONCE = 16;
/** Due entries of one lane looked through for a dead process's: as many as a process may hold in memory. */
const TAKE_OVER_ENTRIES = LANE.memory_bytes_max / LANE.delivery_overhead_bytes;
/** Markers read at a time. */
const MARKERS = 500;
/** How long a lane without room is passed over, unless it says that it has room. */
const FULL_MS = 1000;

/** When a marker is worth another look: it was set again, or its time came. */
interface Remembered {
  readonly versionstamp: string;
  readonly until: number;
}

/** What a visit found: whether to come back at once, and else until when the marker needs no look. */
interface Visit {
  readonly more: boolean;
  readonly until: number | null;
}

/** See the module. */
export class Pump {
  readonly #ports: PumpPorts;
  #remembered = new Map<string, Remembered>();
  #woken = false;
  #running: Promise<void> | null = null;
  #stopped = false;

  /** @param ports What it asks of the engine. */
  constructor(ports: PumpPorts) {
    this.#ports = ports;
  }

  /** Has it look for what is due, now or as soon as the turn under way is over. */
  wake(): void {
    this.#woken = true;
    if (this.#running !== null || this.#stopped) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#woken) this.wake();
    });
  }

  /** Ends after the turn under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#woken && !this.#stopped && this.#ports.mayClaim()) {
      this.#woken = false;
      try {
        const more = await this.#turn();
        if (more) this.#woken = true;
      } catch (error) {
        // Storage can't answer just now; the next sweep tries again.
        this.#ports.log.warn("pump.turn_failed", { error: String(error) });
        return;
      }
    }
    this.#woken = false;
  }

  /** @returns Whether there is more to do at once. */
  async #turn(): Promise<boolean> {
    const { store, clock, lanes } = this.#ports;
    const now = clock.now();
    const remembered = new Map<string, Remembered>();
    const visited = new Set<string>();
    let more = false;
    let after: Marker | null = null;
    do {
      const markers: Marker[] = await store.markers(now, MARKERS, after);
      after = markers.length === MARKERS ? markers.at(-1) ?? null : null;
      const fresh: Marker[] = [];
      for (const marker of markers) {
        const known = this.#remembered.get(markerKey(marker));
        const lane = lanes.get(marker.webhook_id);
        const wants_more = lane !== undefined && lanes.wantsMore(lane);
        if (known?.versionstamp === marker.versionstamp && known.until > now && !wants_more) {
          remembered.set(markerKey(marker), known);
        } else {
          fresh.push(marker);
        }
      }
      for (let from = 0; from < fresh.length; from += VISITS_AT_ONCE) {
        const some = fresh.slice(from, from + VISITS_AT_ONCE);
        const visits = await Promise.all(some.map(async (marker): Promise<Visit> => {
          // A webhook with several markers is visited once a turn; the other markers wait for the next.
          if (visited.has(marker.webhook_id)) return { more: true, until: null };
          visited.add(marker.webhook_id);
          return await this.#visit(marker);
        }));
        for (const [index, visit] of visits.entries()) {
          const marker = some[index];
          more ||= visit.more;
          if (marker === undefined || visit.until === null) continue;
          remembered.set(markerKey(marker), { versionstamp: marker.versionstamp, until: visit.until });
        }
      }
    } while (after !== null);
    this.#remembered = remembered;
    return more;
  }

  async #visit(marker: Marker): Promise<Visit> {
    const { store, clock, directory, lanes, arm } = this.#ports;
    const now = clock.now();
    const known = lanes.get(marker.webhook_id);
    if (known !== undefined && known.spilled && !lanes.wantsMore(known)) {
      return { more: false, until: now + FULL_MS };
    }
    const look = await store.look(marker.webhook_id, now, VISIT_ENTRIES);
    const first = look.due[0] ?? look.next;
    if (first === null) return await this.#over(marker, null, now);
    const webhook = await directory.webhook(first.site_id, first.webhook_id);
    if (webhook === null || webhookStatus(webhook) !== "active") {
      return { more: await this.#cancelAll(marker, webhook), until: null };
    }
    const lane = await this.#ports.openLane(webhook);
    lane.sync(webhook);
    const hold_until = lane.holdUntil(now);
    if (hold_until !== null) {
      arm(hold_until);
      if (hold_until >= slotEnd(marker)) await store.moveMarker(marker, hold_until);
      return { more: false, until: hold_until };
    }
    const waiting = look.due.filter((entry) => !lanes.holds(entry.event_id, entry.webhook_id));
    if (waiting.length === 0) {
      lane.spilled = false;
      // Held here although due: about to be recorded, or forgotten; looked at again soon.
      if (look.due.length > 0) return { more: false, until: now + FULL_MS };
      return await this.#over(marker, look.next, now);
    }
    const full = !await this.#claim(waiting, { webhook, lane });
    return full ? { more: false, until: now + FULL_MS } : { more: true, until: null };
  }

  /** Nothing is due; the marker goes if its slot is over and nothing in it is still to come. */
  async #over(marker: Marker, next: DueEntry | null, now: number): Promise<Visit> {
    const { store, arm } = this.#ports;
    if (next !== null) arm(next.at);
    const slot_end = slotEnd(marker);
    if (now < slot_end || (next !== null && next.at < slot_end)) {
      return { more: false, until: Math.min(next?.at ?? slot_end, slot_end) };
    }
    await store.retireMarker(marker);
    return { more: false, until: null };
  }

  /** Cancels what an inactive webhook has pending, a batch a turn. @returns Whether there is more. */
  async #cancelAll(marker: Marker, webhook: Webhook | null): Promise<boolean> {
    const { store } = this.#ports;
    const { due } = await store.look(marker.webhook_id, Number.MAX_SAFE_INTEGER, VISIT_ENTRIES);
    if (due.length === 0) {
      await store.retireMarker(marker);
      return false;
    }
    const found = await store.deliveries(due);
    await Promise.all(due.map(async (entry, index) => {
      const known = found[index] ?? null;
      if (known === null || known.value.due_at !== entry.at) return await store.dropEntry(entry);
      await store.move(known, (delivery) => {
        const cancelled = delivery.status === "pending" &&
          (webhook === null || effectiveStatus(delivery, webhook) === "cancelled" ||
            webhookStatus(webhook) !== "active");
        return cancelled ? ended(delivery, "cancelled") : null;
      });
    }));
    return true;
  }

  /**
   * Claims due entries of one lane.
   * @returns Whether all of them found room.
   */
  async #claim(
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
      if (event === null) continue;
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

  /** Ends what must not be sent any more. @returns Whether it was such. */
  async #endedInstead(
    known: Versioned<Delivery>,
    webhook: Webhook,
    event: StoredEvent | null,
  ): Promise<boolean> {
    const { store, clock, log } = this.#ports;
    if (effectiveStatus(known.value, webhook) === "cancelled") {
      await store.move(known, (now) => now.status === "pending" ? ended(now, "cancelled") : null);
      return true;
    }
    if (event !== null && !isTooOld(known.value, clock.now())) return false;
    if (event === null) log.error("delivery.without_event", { event: known.value.event_id });
    await store.move(known, (now) => now.status === "pending" ? ended(now, "exhausted") : null);
    return true;
  }

  async #claimOne(
    entry: DueEntry,
    known: Versioned<Delivery>,
    into: { webhook: Webhook; lane: Lane; body: Uint8Array<ArrayBuffer>; bytes: number },
  ): Promise<void> {
    const { store, clock, lanes, instance, isAlive } = this.#ports;
    const { webhook, lane, body, bytes } = into;
    let claimed: Versioned<Delivery> | null = null;
    try {
      const now = clock.now();
      const until_ms = now + webhook.timeout_ms + LEASE.margin_ms;
      claimed = await store.move(known, (delivery) => {
        // Someone else was first.
        if (delivery.status !== "pending" || delivery.due_at !== entry.at) return null;
        const owner = delivery.lease?.owner ?? null;
        const from = owner === null || isAlive(owner) ? delivery : interrupted(delivery, now);
        return leased(from, { owner: instance, until_ms });
      });
    } finally {
      if (claimed === null) lanes.unreserve(lane, bytes);
    }
    if (claimed !== null) lanes.hand(lane, { known: claimed, body, bytes });
  }

  /** The events of several deliveries, each read once. */
  async #events(found: readonly (Versioned<Delivery> | null)[]): Promise<Map<string, StoredEvent>> {
    const ids = new Set(found.flatMap((known) => known === null ? [] : [known.value.event_id]));
    const events = new Map<string, StoredEvent>();
    await Promise.all([...ids].map(async (id) => {
      const event = await this.#ports.store.event(id);
      if (event !== null) events.set(id, event);
    }));
    return events;
  }

  /**
   * Makes the work of a dead process due, so that its leases need not run out first.
   * @param owner The process.
   * @returns Whether nothing of it is left.
   */
  async takeOver(owner: string): Promise<boolean> {
    const { store, clock, log } = this.#ports;
    const now = clock.now();
    const latest = now + LEASE.longest_ms;
    let after: Marker | null = null;
    let taken = 0;
    do {
      const markers: Marker[] = await store.markers(latest, MARKERS, after);
      after = markers.length === MARKERS ? markers.at(-1) ?? null : null;
      for (const webhook_id of new Set(markers.map((marker) => marker.webhook_id))) {
        taken += await this.#takeOverLane(webhook_id, owner, { now, latest });
      }
    } while (after !== null);
    if (taken > 0) {
      log.warn("instance.taken_over", { other: owner, deliveries: taken });
      this.wake();
    }
    return taken === 0;
  }

  async #takeOverLane(
    webhook_id: string,
    owner: string,
    { now, latest }: { now: number; latest: number },
  ): Promise<number> {
    const { store } = this.#ports;
    const { due } = await store.look(webhook_id, latest, TAKE_OVER_ENTRIES);
    const left = due.filter((entry) => entry.owner === owner);
    for (let from = 0; from < left.length; from += VISIT_ENTRIES) {
      const found = await store.deliveries(left.slice(from, from + VISIT_ENTRIES));
      await Promise.all(found.map((known) =>
        known === null ? null : store.move(known, (delivery) => {
          if (delivery.status !== "pending" || delivery.lease?.owner !== owner) return null;
          return interrupted(delivery, now);
        })
      ));
    }
    return left.length;
  }
}

function slotEnd({ slot }: Marker): number {
  return (slot + 1) * LEASE.slot_ms;
}

function markerKey({ slot, webhook_id }: Marker): string {
  return `${slot} ${webhook_id}`;
}
