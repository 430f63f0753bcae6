/**
 * The engine: sends what was accepted, records what came of it, and takes up what others left.
 *
 * Owns the life of a lease in this process: taken with an accepted event or by the pump, given up by a record, a
 * release, or by forgetting. Right before a send it makes sure that the lease outlives the send; a process that could
 * not say that it lives starts none.
 *
 * @module
 */
import type { LaneState } from "../lane_state.ts";
import { LEASE, TIME } from "../limits.ts";
import type { KnownDelivery } from "../store.ts";
import type { Origin } from "../tracing.ts";
import type { Webhook } from "../webhook.ts";
import { Attempts } from "./attempts.ts";
import { type Census, censusOf } from "./census.ts";
import type { EnginePorts, Reservation } from "./engine_ports.ts";
import { Instances } from "./instances.ts";
import { LaneKeeper } from "./lane_keeper.ts";
import type { Held } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { giveBackLeases, type LeasesPorts, recheckLeases, takeOverAll } from "./leases.ts";
import { Pump } from "./pump.ts";
import { Ticks } from "./ticks.ts";

/** Attempts that wait to be recorded; beyond it no send starts. */
const UNRECORDED_MAX = 2000;
/** Commits that fail for longer than this are a failure of storage. */
const FAILING_MS = TIME.SECOND_MS;
/** How long a lane in which nothing happens stays in memory. */
const IDLE_MS = 10 * TIME.MINUTE_MS;

/** See the module. */
export class Engine {
  readonly #ports: EnginePorts;
  readonly #lanes: Lanes;
  readonly #keeper: LaneKeeper;
  readonly #leases: LeasesPorts;
  readonly #attempts: Attempts;
  readonly #pump: Pump;
  readonly #instances: Instances;
  readonly #ticks: Ticks;
  #state: "new" | "running" | "stopping" | "stopped" = "new";
  #idle: (() => void) | null = null;
  #last_walk = -Infinity;
  #taking_over: Promise<void> | null = null;

  /** @param ports The world. */
  constructor(ports: EnginePorts) {
    this.#ports = ports;
    const { clock, instance } = ports;
    this.#ticks = new Ticks(ports);
    this.#lanes = new Lanes({
      maySend: () => this.#maySend(),
      send: (lane, held) => this.#attempts.make(lane, held),
      roomAgain: () => this.#pump.wake(),
      rateReached: (lane, until) => this.#keeper.hold(lane, until),
      processes: () => 1 + this.#instances.others,
      finished: () => this.#settled(),
      now: () => clock.now(),
      after: (delay_ms, run) => clock.after(delay_ms, run),
    });
    const shared = { ...ports, lanes: this.#lanes, arm: (at: number) => this.#arm(at) };
    this.#keeper = new LaneKeeper(shared);
    this.#leases = shared;
    this.#attempts = new Attempts({
      ...shared,
      holdChanged: (lane) => this.#keeper.holdChanged(lane),
      onRecorded: () => {
        this.#settled();
        this.#lanes.run();
      },
      sendNow: (lane, held) => this.#lanes.sendNow(lane, held),
      isOver: () => this.#state === "stopped",
    });
    this.#instances = new Instances({
      ...ports,
      onBeat: async (gap_ms) => {
        if (gap_ms >= LEASE.silent_stop_ms) await recheckLeases(this.#leases, gap_ms);
      },
    });
    this.#pump = new Pump({
      ...shared,
      outlived: (owner, lease_until) => owner === instance || this.#instances.outlived(owner, lease_until),
      openLane: (webhook) => this.#keeper.open(webhook),
      holds: (event_id, webhook_id) =>
        this.#lanes.holds(event_id, webhook_id) || this.#attempts.owesRecord(event_id, webhook_id),
      mayClaim: () => this.#state === "running" && this.storageWorks,
    });
  }

  /** Whether beats succeed and sends may start: what `readyz` asks. */
  get ready(): boolean {
    return this.#state === "running" && this.#instances.fresh;
  }

  /** Whether something waits here, is being sent, or is not on record yet. */
  get busy(): boolean {
    return this.#unfinished > 0 || this.#lanes.bytes > 0;
  }

  /** Whether storage takes writes: with two processes on one file some fail for milliseconds, and that is no failure. */
  get storageWorks(): boolean {
    const { store, clock } = this.#ports;
    return store.failing_since === null || clock.now() - store.failing_since < FAILING_MS;
  }

  /** Beats for the first time, then begins to look for what is due. */
  async start(): Promise<void> {
    const { alarm, directory } = this.#ports;
    await this.#beat();
    await directory.poll();
    await this.#pump.heed();
    this.#state = "running";
    alarm.start(() => this.#pump.wake());
    this.#ticks.every(LEASE.beat_ms, () => this.#beat());
    this.#ticks.every(LEASE.version_poll_ms, () => this.#tick());
    this.#ticks.every(alarm.sweep_ms, () => this.sweep());
    // Not waited for: with much that waits the walk takes seconds, and whoever posts or is due need not wait for it.
    void this.#ticks.beside(this.sweep());
  }

  /** Looks for what is overdue, and arms alarms for what comes due soon. Also the cron's way in. */
  async sweep(): Promise<void> {
    if (this.#state !== "running") return;
    const { clock, store, log } = this.#ports;
    this.#pump.wake();
    const now = clock.now();
    if (now - this.#last_walk >= LEASE.walk_ms) {
      this.#last_walk = now;
      const entries = await store.repairAgenda();
      log.debug("agenda.walked", { entries });
      this.#pump.wake();
    }
    for (const at of await store.upcomingSlots(now, now + LEASE.alarm_ahead_ms_max)) this.#arm(at);
    this.#lanes.evict(now - IDLE_MS);
  }

  /**
   * Keeps room in memory for deliveries of an event that is about to be accepted.
   * @param webhooks Whom the event goes to.
   * @param bytes What each delivery will count.
   * @returns One reservation a webhook, in their order. Every one that was kept must be handed in or given back.
   */
  async reserve(webhooks: readonly Webhook[], bytes: number): Promise<Reservation[]> {
    const unknown = webhooks.filter((webhook) => this.#lanes.use(webhook) === undefined);
    if (unknown.length > 0) await Promise.all(unknown.map((webhook) => this.#keeper.open(webhook)));
    const now = this.#ports.clock.now();
    return webhooks.map((webhook): Reservation => {
      const lane = this.#lanes.get(webhook.id);
      if (lane !== undefined && this.#state === "running") {
        if (this.#lanes.reserve(lane, bytes)) {
          return { kept: true, lane, bytes, lease_until: now + webhook.timeout_ms + LEASE.margin_ms };
        }
      }
      return { kept: false, due_at: now, marker_at: lane?.holdUntil(now) ?? null };
    });
  }

  /** Gives back room that nothing came for: the commit failed. */
  unreserve(reservations: readonly Reservation[]): void {
    for (const reservation of reservations) {
      if (reservation.kept) this.#lanes.unreserve(reservation.lane, reservation.bytes);
    }
  }

  /**
   * Takes what was committed: sends what has room, and looks for the rest when there is some.
   * @param accepted The deliveries as written, each with its reservation.
   * @param body What receivers get.
   * @param origin The request that brought it.
   */
  hand(
    accepted: readonly { readonly known: KnownDelivery; readonly reservation: Reservation }[],
    body: Uint8Array<ArrayBuffer>,
    origin?: Origin,
  ): void {
    for (const { known, reservation } of accepted) {
      if (!reservation.kept) {
        this.#arm(reservation.marker_at ?? reservation.due_at);
        continue;
      }
      this.#lanes.hand(reservation.lane, { known, body, bytes: reservation.bytes, origin });
    }
    // Committed while the engine was told to stop: the leases go back at once.
    if (this.#state !== "running") void giveBackLeases(this.#leases);
  }

  /**
   * Makes an attempt that a person asked for at once, past caps, hold and throttle of its lane.
   * @param known The delivery, its lease taken for this process.
   * @param webhook Its webhook as it is now.
   * @param parcel What receivers get, and the request that asked for it.
   */
  async sendNow(
    known: KnownDelivery,
    webhook: Webhook,
    { body, origin }: Pick<Held, "body" | "origin">,
  ): Promise<void> {
    const lane = await this.#keeper.open(webhook);
    this.#lanes.sendNow(lane, { known, body, bytes: 0, origin });
  }

  /** What this process holds just now. */
  census(): Census {
    const { in_flight, bytes: waiting_bytes } = this.#lanes;
    const counted = censusOf(this.#lanes.all(), this.#ports.clock.now());
    return { ...counted, waiting_bytes, in_flight, unrecorded: this.#attempts.unrecorded };
  }

  /** The state of a webhook's lane, if it is in memory. */
  laneState(webhook_id: string): LaneState | null {
    return this.#lanes.get(webhook_id)?.state ?? null;
  }

  /**
   * Gives the leases of waiting work back and lets sends under way finish.
   * @param grace_ms How long they may take.
   */
  async stop(grace_ms: number): Promise<void> {
    const { alarm, clock, store, log, instance } = this.#ports;
    this.#state = "stopping";
    alarm.stop();
    this.#ticks.stop();
    this.#lanes.stop();
    await this.#pump.stop();
    await giveBackLeases(this.#leases);
    if (this.#unfinished > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(grace_ms, resolve);
        this.#idle = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#state = "stopped";
    const left = this.#unfinished;
    await this.#keeper.flush().catch(() => {});
    // With sends still under way their leases must stay owned: whoever takes them up notes the interruption.
    if (left === 0) await store.forgetInstance(instance).catch(() => {});
    log.info("engine.stopped", { cut_short: left });
  }

  #maySend(): boolean {
    return this.#state === "running" && this.#instances.fresh && this.storageWorks &&
      this.#attempts.unrecorded < UNRECORDED_MAX;
  }

  #arm(at: number): void {
    const { clock, alarm } = this.#ports;
    if (at <= clock.now()) this.#pump.wake();
    else if (at <= clock.now() + LEASE.alarm_ahead_ms_max) alarm.arm(at);
  }

  async #tick(): Promise<void> {
    await this.#ports.directory.poll();
    await this.#pump.heed();
    await this.#keeper.flush();
    this.#lanes.run();
  }

  async #beat(): Promise<void> {
    const gap_ms = await this.#instances.beat();
    if (gap_ms >= LEASE.silent_stop_ms) this.#lanes.runAll();
    // Not waited for: a dead process may leave so much that others would miss our next beat.
    this.#taking_over ??= takeOverAll(this.#leases, this.#instances.dead())
      .then((taken) => void (taken && this.#pump.wake()))
      .finally(() => this.#taking_over = null);
  }

  /** A send or a record is over. */
  #settled(): void {
    if (this.#state !== "running" && this.#unfinished === 0) this.#idle?.();
  }

  /** Sends under way and attempts not recorded yet. */
  get #unfinished(): number {
    return this.#lanes.in_flight + this.#attempts.unrecorded;
  }
}
