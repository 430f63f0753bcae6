/**
 * Keeps what lanes must not forget: opens each as it was left, writes what changed, and puts it on hold and off again.
 *
 * Owns the way between a lane in memory and its state in storage, and its markers. It must never decide how long a hold
 * lasts: that is the lane's.
 *
 * @module
 */
import type { Directory } from "../directory.ts";
import { BrokenRecord } from "../errors.ts";
import { LANE_AT_FIRST } from "../lane_state.ts";
import type { Clock, Log } from "../ports.ts";
import type { Store } from "../store.ts";
import type { Webhook } from "../webhook.ts";
import { type Lane, SENDABLE_MS } from "./lane.ts";
import type { Lanes } from "./lanes.ts";

/** What keeping needs. */
export interface LaneKeeperPorts {
  readonly store: Pick<Store, "laneState" | "writeLaneState" | "mark">;
  readonly directory: Pick<Directory, "webhook">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  readonly lanes: Lanes;
  /** Asks for a look at what is due then. */
  readonly arm: (at: number) => void;
}

/** See the module. */
export class LaneKeeper {
  readonly #ports: LaneKeeperPorts;

  /** @param ports What it needs. */
  constructor(ports: LaneKeeperPorts) {
    this.#ports = ports;
  }

  /** The lane of a webhook: the one in memory, or one made of what was stored. */
  async open(webhook: Webhook): Promise<Lane> {
    const { lanes, store } = this.#ports;
    const known = lanes.use(webhook);
    if (known !== undefined) return known;
    const state = await store.laneState(webhook.site_id, webhook.id);
    return lanes.open(webhook, state ?? LANE_AT_FIRST);
  }

  /** Writes the state of every lane that changed. */
  async flush(): Promise<void> {
    const dirty = [...this.#ports.lanes.all()].filter((lane) => lane.dirty);
    await Promise.all(dirty.map((lane) => this.#write(lane)));
  }

  /**
   * Puts a lane on hold: what could not be sent within its lease after the hold is forgotten, due entries and group leases bring it back.
   */
  hold(lane: Lane, until: number): void {
    const { clock, lanes, arm } = this.#ports;
    lanes.holdChanged(lane);
    arm(until);
    // A longer hold than that outlasts the leases of what waits.
    if (until - clock.now() > SENDABLE_MS) lanes.forget(lane);
  }

  /** A send changed until when a lane is quiet: that is written at once, so that a crash forgets no open breaker. */
  holdChanged(lane: Lane): void {
    const { clock, log, lanes } = this.#ports;
    const until = lane.holdUntil(clock.now());
    if (until !== null) this.hold(lane, until);
    else lanes.holdChanged(lane);
    const written = until === null ? this.#release(lane) : this.#write(lane);
    written.catch((error) =>
      log.warn("lane.not_written", { webhook: lane.webhook_id, error: String(error) })
    );
  }

  /** A success ended a hold before its time: the lane's marker lies at its end, so it is set again. */
  async #release(lane: Lane): Promise<void> {
    const { store, clock, arm } = this.#ports;
    await store.mark(lane.webhook_id);
    arm(clock.now());
    await this.#write(lane);
  }

  async #write(lane: Lane): Promise<void> {
    const { store, directory } = this.#ports;
    lane.dirty = false;
    try {
      const webhook = await directory.webhook(lane.site_id, lane.webhook_id);
      // Nobody asks for it any more, and it would be there again after all of its site was removed.
      if (webhook === null || webhook.deleted_at !== null) return;
      await store.writeLaneState(lane.site_id, lane.webhook_id, lane.state);
    } catch (error) {
      // Its webhook can't be read: nothing is sent for it, and there is nobody to tell how it is doing.
      if (error instanceof BrokenRecord) return;
      lane.dirty = true;
      throw error;
    }
  }
}
