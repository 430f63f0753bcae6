/**
 * The pump: finds what is due in KV and has it claimed, or cancelled where its webhook is not active any more.
 *
 * Owns the reading of the agenda. It works only when woken (by an alarm, a sweep, or a lane with room again), one turn at a time, and a
 * turn visits each webhook that the agenda names once. It reads the marker first and the lane second, so that what is
 * written between the two is found by the marker's next look.
 *
 * @module
 */
import { ended, interrupted, released } from "../delivery_moves.ts";
import { BrokenRecord } from "../errors.ts";
import { LEASE, TIME } from "../limits.ts";
import type { DueEntry, Marker } from "../store.ts";
import { type Webhook, webhookStatus } from "../webhook.ts";
import { Claims, type ClaimsPorts } from "./claims.ts";
import type { EngineStore } from "./engine_ports.ts";
import type { Lane } from "./lane.ts";
import { dissolve } from "./leases.ts";

/** What the pump asks of the engine. */
export interface PumpPorts extends ClaimsPorts {
  readonly store: EngineStore;
  readonly openLane: (webhook: Webhook) => Promise<Lane>;
  readonly arm: (at: number) => void;
  readonly mayClaim: () => boolean;
  /** Whether a delivery is on its way here, waiting, sent, or about to be recorded. */
  readonly holds: (event_id: string, webhook_id: string) => boolean;
}

/** Due entries looked at in one visit. */
const VISIT_ENTRIES = 100;
/** Webhooks visited side by side: reads of KV overlap, memory stays small. */
const VISITS_AT_ONCE = 16;
/** Markers read at a time. */
const MARKERS = 500;
/** How long a lane without room is passed over, unless it says that it has room. */
const FULL_MS = 1000;
/** How long a lane is passed over whose webhook can't be read. */
const BROKEN_MS = TIME.MINUTE_MS;

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
  readonly #claims: Claims;
  #remembered = new Map<string, Remembered>();
  #rings: bigint | null = null;
  #woken = false;
  #running: Promise<void> | null = null;
  #stopped = false;

  /** @param ports What it asks of the engine. */
  constructor(ports: PumpPorts) {
    this.#ports = ports;
    this.#claims = new Claims(ports);
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

  /** Looks whether another process made something due and rang. */
  async heed(): Promise<void> {
    const rings = await this.#ports.store.rings();
    if (rings === this.#rings) return;
    this.#rings = rings;
    this.wake();
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
    await this.#takeUpForgotten(now);
    const remembered = new Map<string, Remembered>();
    const visited = new Map<string, Promise<Visit>>();
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
          const first = visited.get(marker.webhook_id);
          if (first === undefined) {
            const visit = this.#visit(marker);
            visited.set(marker.webhook_id, visit);
            return await visit;
          }
          // A webhook with several markers is visited once a turn. If there is nothing to do for it until some time, that
          // holds for its other markers too; else they wait for the next turn.
          const { until } = await first;
          return { more: until === null, until };
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

  /** Makes due what was held from the beginning, and forgotten: its group lease has run out. */
  async #takeUpForgotten(now: number): Promise<void> {
    const { store, outlived } = this.#ports;
    const run_out = await store.groupLeases(now);
    await dissolve(
      this.#ports,
      run_out,
      (delivery, { owner, until }) =>
        outlived(owner, until) ? released(delivery, now) : interrupted(delivery, now),
    );
  }

  async #visit(marker: Marker): Promise<Visit> {
    try {
      return await this.#visitLane(marker);
    } catch (error) {
      if (!(error instanceof BrokenRecord)) throw error;
      // Its webhook can't be read. That is its trouble alone, and nothing of it is lost.
      const { clock, log } = this.#ports;
      log.error("lane.broken", { webhook: marker.webhook_id, error: error.message });
      return { more: false, until: clock.now() + BROKEN_MS };
    }
  }

  async #visitLane(marker: Marker): Promise<Visit> {
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
      return { more: await this.#cancelAll(marker, first.site_id), until: null };
    }
    const lane = await this.#ports.openLane(webhook);
    lanes.sync(lane, webhook);
    const hold_until = lane.holdUntil(now);
    if (hold_until !== null) {
      arm(hold_until);
      if (hold_until >= slotEnd(marker)) await store.moveMarker(marker, hold_until);
      return { more: false, until: hold_until };
    }
    const waiting = look.due.filter((entry) => !this.#ports.holds(entry.event_id, entry.webhook_id));
    if (waiting.length === 0) {
      lane.spilled = false;
      // Held here although due: about to be recorded, or forgotten; looked at again soon.
      if (look.due.length > 0) return { more: false, until: now + FULL_MS };
      return await this.#over(marker, look.next, now);
    }
    const full = !await this.#claims.claim(waiting, { webhook, lane });
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

  /** Cancels what an inactive webhook has to do, a batch a turn. @returns Whether there is more. */
  async #cancelAll(marker: Marker, site_id: string): Promise<boolean> {
    const { store, directory } = this.#ports;
    const { due } = await store.look(marker.webhook_id, Number.MAX_SAFE_INTEGER, VISIT_ENTRIES);
    // Read after the look, and not from the cache: what was looked at was there while the webhook was inactive. An event
    // accepted just now by a process that made it active again must not be among it.
    const webhook = await store.webhook(site_id, marker.webhook_id);
    if (webhook !== null && webhookStatus(webhook) === "active") {
      directory.invalidate();
      return true;
    }
    if (due.length === 0) {
      await store.retireMarker(marker);
      return false;
    }
    const found = await store.deliveries(due);
    await Promise.all(due.map(async (entry, index) => {
      const known = found[index] ?? null;
      if (known === null || known.value.due_at !== entry.at) return await store.dropEntry(entry);
      // Someone may have taken it up or made the webhook active again: then it is decided again when it is due.
      await store.move(
        known,
        (delivery) => delivery.due_at === entry.at ? ended(delivery, "cancelled") : null,
      );
    }));
    return true;
  }
}

function slotEnd({ slot }: Marker): number {
  return (slot + 1) * LEASE.slot_ms;
}

function markerKey({ slot, webhook_id }: Marker): string {
  return `${slot} ${webhook_id}`;
}
