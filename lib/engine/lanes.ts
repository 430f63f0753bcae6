/**
 * All lanes together: whose turn it is, how much is under way, how much is in memory.
 *
 * Owns fairness: lanes take turns, one send each, within the caps of lane, site and process. It must never read or write
 * storage: what a send does is handed in.
 *
 * @module
 */
import type { LaneState } from "../lane_state.ts";
import { LANE } from "../limits.ts";
import type { Webhook } from "../webhook.ts";
import { type Held, heldKey, Lane, type LaneSettings } from "./lane.ts";

/** What the lanes ask of their owner. */
export interface LanesOwner {
  /** Whether sends may start at all. */
  maySend(): boolean;
  /** Sends one delivery and calls `lane.finished` or `lane.abandoned`. Never throws. */
  send(lane: Lane, held: Held): Promise<void>;
  /** A lane that left work in KV has room again. */
  roomAgain(lane: Lane): void;
  /** A lane has sent as much as its rate allows, and is on hold until then. */
  rateReached(lane: Lane, until: number): void;
  /** How many processes send, this one included. */
  processes(): number;
  /** Called after every send. */
  finished(): void;
  now(): number;
  after(delay_ms: number, run: () => void): () => void;
}

/** See the module. */
export class Lanes {
  readonly #owner: LanesOwner;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that could start a send, in the order of their turns. */
  readonly #ready = new Set<Lane>();
  /** Lanes whose site has as much under way as one site may. */
  readonly #site_full = new Map<string, Set<Lane>>();
  readonly #site_in_flight = new Map<string, number>();
  /** Deliveries whose lease this process holds, waiting or under way: the pump passes over them. */
  readonly #held = new Set<string>();
  readonly #cancel_holds = new Map<Lane, () => void>();
  #in_flight = 0;
  #bytes = 0;

  /** @param owner What the lanes ask of the engine. */
  constructor(owner: LanesOwner) {
    this.#owner = owner;
  }

  /** Sends under way. */
  get in_flight(): number {
    return this.#in_flight;
  }

  /** Bytes of waiting deliveries. */
  get bytes(): number {
    return this.#bytes;
  }

  get(webhook_id: string): Lane | undefined {
    return this.#lanes.get(webhook_id);
  }

  /**
   * The lane of a webhook that is about to be used. It is not idle from now on: were it evicted before it is used, the
   * webhook would have two, and what waits in the other would not be looked at again after a silence.
   * @param webhook The webhook as it is now.
   */
  use(webhook: Webhook): Lane | undefined {
    const known = this.#lanes.get(webhook.id);
    if (known !== undefined) this.sync(known, webhook);
    return known;
  }

  all(): IterableIterator<Lane> {
    return this.#lanes.values();
  }

  /**
   * The lane of a webhook, made if there is none.
   * @param webhook The webhook as it is now.
   * @param state As stored, for a lane that is made.
   */
  open(webhook: Webhook, state: LaneState): Lane {
    const known = this.#lanes.get(webhook.id);
    const lane = known ?? new Lane(webhook, state);
    this.#lanes.set(webhook.id, lane);
    this.sync(lane, webhook);
    return lane;
  }

  /** Lets a lane know its webhook as it is now. */
  sync(lane: Lane, webhook: LaneSettings): void {
    lane.sync(webhook, this.#owner.processes());
    lane.touched_at = this.#owner.now();
  }

  /** Whether this process holds the lease of a delivery in memory. */
  holds(event_id: string, webhook_id: string): boolean {
    return this.#held.has(heldKey(event_id, webhook_id));
  }

  /**
   * Keeps room for one more delivery.
   * @param lane Its lane.
   * @param bytes What it will count.
   * @returns Whether there is room; without, its due entry belongs at "now" in KV.
   */
  reserve(lane: Lane, bytes: number): boolean {
    const now = this.#owner.now();
    const fits = this.#bytes + bytes <= LANE.memory_bytes_max && lane.room(now) > 0 &&
      lane.holdUntil(now) === null;
    if (!fits) {
      lane.spilled = true;
      return false;
    }
    lane.reserve();
    this.#bytes += bytes;
    return true;
  }

  /** Whether a lane that left work in KV has sent half of what it held, and there is room for more of it. */
  wantsMore(lane: Lane): boolean {
    const room = lane.spilled ? lane.room(this.#owner.now()) : 0;
    return room > 0 && lane.waiting * 2 <= room && this.#bytes * 2 <= LANE.memory_bytes_max;
  }

  /** Gives room back that nothing came for. */
  unreserve(lane: Lane, bytes: number): void {
    lane.unreserve();
    this.#bytes -= bytes;
  }

  /** Takes a delivery for which room was reserved. */
  hand(lane: Lane, held: Held): void {
    lane.unreserve();
    lane.push(held);
    this.#held.add(heldKeyOf(held));
    this.#offer(lane);
  }

  /** Sends at once, past every cap and hold: a person asked for it. */
  sendNow(lane: Lane, held: Held): void {
    lane.begin(this.#owner.now());
    this.#held.add(heldKeyOf(held));
    this.#send(lane, held);
  }

  /** Starts what may start. Called whenever something changed that could have kept a send from starting. */
  run(): void {
    while (this.#in_flight < LANE.sends_max && this.#owner.maySend()) {
      const [lane] = this.#ready;
      if (lane === undefined) return;
      this.#ready.delete(lane);
      if (!lane.startable(this.#owner.now())) continue;
      if (this.#siteInFlight(lane) >= LANE.sends_per_site_max) {
        this.#waitForSite(lane);
        continue;
      }
      this.#start(lane);
      this.#offer(lane, false);
    }
  }

  /** Wakes every lane: after a pause of the whole engine. */
  runAll(): void {
    for (const lane of this.#lanes.values()) this.#offer(lane, false);
    this.run();
  }

  /** A lane's state changed so that it may be on hold, or off it. */
  holdChanged(lane: Lane): void {
    this.#cancel_holds.get(lane)?.();
    this.#cancel_holds.delete(lane);
    const now = this.#owner.now();
    const hold_until = lane.holdUntil(now);
    if (hold_until === null) return this.#offer(lane);
    const cancel = this.#owner.after(hold_until - now, () => {
      this.#cancel_holds.delete(lane);
      this.#offer(lane);
    });
    this.#cancel_holds.set(lane, cancel);
  }

  /** Takes everything that waits in a lane out of memory, without a write: due entries and group leases bring it back. */
  forget(lane: Lane): Held[] {
    const drained = lane.drain();
    for (const held of drained) this.#release(held);
    return drained;
  }

  /** Takes everything that waits in all lanes out of memory. */
  forgetAll(): Held[] {
    return [...this.#lanes.values()].flatMap((lane) => this.forget(lane));
  }

  /** Removes lanes in which nothing happened for a while. */
  evict(idle_since: number): void {
    for (const lane of this.#lanes.values()) {
      const held = lane.holdUntil(this.#owner.now()) !== null;
      if (lane.idle && !held && lane.touched_at < idle_since) this.#lanes.delete(lane.webhook_id);
    }
  }

  stop(): void {
    for (const cancel of this.#cancel_holds.values()) cancel();
    this.#cancel_holds.clear();
  }

  #offer(lane: Lane, run = true): void {
    if (lane.startable(this.#owner.now())) this.#ready.add(lane);
    if (run) this.run();
  }

  #start(lane: Lane): void {
    const now = this.#owner.now();
    const held = lane.start(now);
    if (held === null) return;
    this.#send(lane, held);
    const until = lane.holdUntil(now);
    if (until !== null) this.#owner.rateReached(lane, until);
  }

  #send(lane: Lane, held: Held): void {
    this.#in_flight++;
    this.#site_in_flight.set(lane.site_id, this.#siteInFlight(lane) + 1);
    void this.#owner.send(lane, held).then(() => this.#finished(lane, held));
  }

  #finished(lane: Lane, held: Held): void {
    this.#in_flight--;
    this.#release(held);
    const site = this.#siteInFlight(lane) - 1;
    if (site === 0) this.#site_in_flight.delete(lane.site_id);
    else this.#site_in_flight.set(lane.site_id, site);
    this.#siteHasRoom(lane.site_id);
    this.#owner.finished();
    if (this.wantsMore(lane)) this.#owner.roomAgain(lane);
    this.#offer(lane);
  }

  #release(held: Held): void {
    this.#held.delete(heldKeyOf(held));
    this.#bytes -= held.bytes;
  }

  #siteInFlight(lane: Lane): number {
    return this.#site_in_flight.get(lane.site_id) ?? 0;
  }

  #waitForSite(lane: Lane): void {
    const waiting = this.#site_full.get(lane.site_id) ?? new Set();
    waiting.add(lane);
    this.#site_full.set(lane.site_id, waiting);
  }

  #siteHasRoom(site_id: string): void {
    const waiting = this.#site_full.get(site_id);
    if (waiting === undefined) return;
    this.#site_full.delete(site_id);
    for (const lane of waiting) this.#offer(lane, false);
  }
}

function heldKeyOf({ known }: Held): string {
  return heldKey(known.value.event_id, known.value.webhook_id);
}
