/**
 * The world of one run: time, the database, processes, receivers, persons, and what is known of what happened.
 *
 * Owns the facts that invariants are held against: what was promised, what persons asked for, what went out. It must
 * never ask the product what it believes, except until when a lane is on hold.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Attempt } from "../../lib/delivery.ts";
import { KV, TIME } from "../../lib/limits.ts";
import type { SendRequest, SendResult } from "../../lib/ports.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import type { FakeWrite } from "../helpers/fake_kv_store.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";
import { SAMPLE_AT } from "../helpers/sample.ts";
import type { Chance } from "./chance.ts";
import type { Commit, Invariant, Violation } from "./invariant.ts";
import { inside, Mirror, nameOf } from "./mirror.ts";
import { ProcessClock } from "./process_clock.ts";
import { type Mood, reply } from "./receivers.ts";
import { type Breakage, type CrashPoint, type ProcessEvents, SimProcess } from "./sim_process.ts";
import { WatchedStore } from "./watched_store.ts";

/** A request that went out. */
export interface Send {
  readonly by: SimProcess;
  readonly event_id: string;
  readonly webhook_id: string;
  /** What its header says. */
  readonly number: number;
  /** By the clock of its process. */
  readonly at: number;
  /** By the world's time. */
  readonly world_at: number;
  readonly url: string;
  readonly timeout_ms: number;
  /** Whether a person had asked for it. */
  readonly wished: boolean;
  readonly result: SendResult;
  /** When its process got the answer, by the world's time. */
  answered_at: number | null;
  /** The same by the clock of its process. */
  ended_at: number;
  /** Its record, once there is one. */
  attempt: Attempt | null;
}

/** A webhook as it was stored for a while. */
export interface WebhookVersion {
  readonly webhook: Webhook;
  /** By the world's time. */
  readonly from: number;
}

/** What a caller was told: this event is accepted, for so many webhooks. */
export interface Promised {
  readonly event_id: string;
  readonly queued: number;
}

/** What a run is made of. */
export interface WorldParts {
  readonly chance: Chance;
  readonly has_queue: boolean;
  readonly breakage: Breakage;
  readonly invariants: readonly Invariant[];
  /** The name of the only invariant that counts, or null for all. */
  readonly only: string | null;
}

/** The longest hold of a lane that has sent as much as its rate allows. */
const RATE_MS = TIME.MINUTE_MS + TIME.SECOND_MS;
/** How far the clocks of two processes may be apart at first. */
const SKEW_MS_MAX = 2000;

/** See the module. */
export class World implements ProcessEvents {
  readonly chance: Chance;
  readonly clock: ManualClock = createManualClock(SAMPLE_AT);
  readonly mirror = new Mirror();
  readonly has_queue: boolean;
  readonly kv: WatchedStore;
  readonly processes: SimProcess[] = [];
  /** By instance. */
  readonly all_processes = new Map<string, SimProcess>();
  readonly sends = new Map<string, Send[]>();
  /** Those whose answer arrived and that are not on record. */
  readonly unrecorded = new Set<Send>();
  readonly in_flight = new Set<Send>();
  readonly promises: Promised[] = [];
  /** How often persons asked for one more attempt of a delivery. */
  readonly wishes = new Map<string, number>();
  /** Webhooks for which a person asked to recover what they missed. */
  readonly recovered = new Set<string>();
  readonly versions = new Map<string, WebhookVersion[]>();
  /** Until when the lane of each webhook was ever on hold, in any process. */
  readonly held_until = new Map<string, number>();
  readonly moods = new Map<string, Mood>();
  readonly trace: string[] = [];
  violation: Violation | null = null;
  /** When all wall clocks jumped last, by the world's time. */
  jumped_at = -Infinity;
  /** When a process last started, slept, woke or ended, by the world's time. */
  changed_at = -Infinity;
  readonly #parts: WorldParts;
  readonly #db: FakeKv;
  readonly #writers = new WeakMap<FakeWrite, SimProcess>();
  readonly #names = new Map<string, string>();
  #jumped_ms = 0;
  #started = 0;

  /** @param parts What the run is made of. */
  constructor(parts: WorldParts) {
    this.#parts = parts;
    this.chance = parts.chance;
    this.has_queue = parts.has_queue;
    const checks_max = parts.has_queue ? KV.atomic_checks_max : KV.atomic_checks_max_on_server;
    this.kv = new WatchedStore({ checks_max, expiry_late_ms: 0 }, (write) => this.#applied(write));
    this.#db = new FakeKv({ clock: this.clock, queue: parts.has_queue }, this.kv);
  }

  /** Wall time, as a process without skew reads it. */
  get wall(): number {
    return this.clock.now() + this.#jumped_ms;
  }

  /** Processes that run and are awake. */
  get awake(): SimProcess[] {
    return this.processes.filter(({ state }) => state === "running");
  }

  /** A line of the trace. */
  note(line: string): void {
    this.trace.push(
      `${((this.clock.now() - SAMPLE_AT) / TIME.SECOND_MS).toFixed(3).padStart(10)} s  ${line}`,
    );
  }

  /** A short name for an id. */
  short(id: string): string {
    return inside(this.#names, id, () => `${id.slice(0, 1)}${this.#names.size + 1}`);
  }

  /** The first thing that was wrong counts: what comes after it may follow from it. */
  violated(invariant: string, what: string): void {
    const { only } = this.#parts;
    if (this.violation !== null || (only !== null && only !== invariant)) return;
    this.violation = { invariant, what };
    this.note(`VIOLATED ${invariant}: ${what}`);
  }

  /** Starts a process. */
  async start(): Promise<SimProcess> {
    const { breakage } = this.#parts;
    const name = `p${this.#started++}`;
    const ahead_ms = this.chance.whole(0, SKEW_MS_MAX);
    const clock = new ProcessClock(this.clock, () => this.#jumped_ms, ahead_ms);
    // Storage keeps its own time; what a sleeping process waits for waits with it.
    const db_clock = {
      now: () => this.wall,
      elapsed: clock.elapsed.bind(clock),
      after: clock.after.bind(clock),
    };
    const db = this.#db.sibling({ clock: db_clock });
    const { chance, has_queue } = this;
    const process = new SimProcess({ name, clock, db, has_queue, chance, breakage, events: this });
    this.processes.push(process);
    this.all_processes.set(process.instance, process);
    this.changed_at = this.clock.now();
    this.note(`${name} starts, ${ahead_ms} ms ahead`);
    // One that dies while it starts never comes to an end of it.
    process.engine.start().catch(() => this.crash(process, null));
    await this.clock.advance(0);
    return process;
  }

  /** A process dies, at one of its points or anywhere. */
  crash(process: SimProcess, point: CrashPoint | null): void {
    if (process.state === "ended") return;
    this.note(`${process.name} dies ${point ?? ""}`);
    this.forget(process);
  }

  /** A process is gone. */
  forget(process: SimProcess): void {
    process.end();
    process.troubled_until = Infinity;
    this.changed_at = this.clock.now();
    this.processes.splice(this.processes.indexOf(process), 1);
    for (const send of this.in_flight) if (send.by === process) this.in_flight.delete(send);
    for (const send of this.unrecorded) if (send.by === process) this.unrecorded.delete(send);
  }

  /** A process is told to stop; once it has, it is gone. */
  async stop(process: SimProcess): Promise<void> {
    process.state = "stopping";
    this.note(`${process.name} is told to stop`);
    this.changed_at = this.clock.now();
    const grace_ms = this.chance.whole(0, 10 * TIME.SECOND_MS);
    process.engine.stop(grace_ms).then(() => {
      if (process.state === "ended") return;
      this.note(`${process.name} has stopped`);
      this.forget(process);
    });
    await this.clock.advance(0);
  }

  /** A process is suspended: none of its timers runs, and no answer reaches it. */
  sleep(process: SimProcess): void {
    this.note(`${process.name} sleeps`);
    process.state = "asleep";
    process.clock.sleep();
    process.troubled_until = Infinity;
    this.changed_at = this.clock.now();
  }

  /** A suspended process goes on. */
  async wake(process: SimProcess, troubled_ms: number): Promise<void> {
    this.note(`${process.name} wakes`);
    process.state = "running";
    process.troubled_until = this.clock.now() + troubled_ms;
    this.changed_at = this.clock.now();
    await process.clock.wake();
  }

  /** A caller was told that an event is accepted. */
  promise(event_id: string, queued: number): void {
    this.promises.push({ event_id, queued });
    for (const { name, onPromise } of this.#parts.invariants) {
      const what = onPromise?.(this, event_id, queued) ?? null;
      if (what !== null) this.violated(name, what);
    }
  }

  /** All wall clocks jump forward, as when a laptop wakes up. */
  jump(ms: number): void {
    this.#jumped_ms += ms;
    this.jumped_at = this.clock.now();
    this.note(`all clocks jump ${(ms / TIME.SECOND_MS).toFixed(0)} s`);
    for (const process of this.processes) this.trouble(process, 70 * TIME.SECOND_MS);
  }

  /** What happens to a process may explain what it does for so long. */
  trouble(process: SimProcess, ms: number): void {
    process.troubled_until = Math.max(process.troubled_until, this.clock.now() + ms);
  }

  onCommit(process: SimProcess, write: FakeWrite): void {
    this.#writers.set(write, process);
  }

  #applied(write: FakeWrite): void {
    const by = this.#writers.get(write);
    assert(by !== undefined, "only processes write");
    this.learnHolds();
    const world_at = this.clock.now();
    const changes = this.mirror.apply(write, world_at);
    for (const { after } of changes.webhooks) {
      if (after !== null) inside(this.versions, after.id, () => []).push({ webhook: after, from: world_at });
    }
    const commit: Commit = { by, changes, now: by.clock.now(), world_at };
    this.#noteMoves(commit);
    for (const { name, onCommit } of this.#parts.invariants) {
      const what = onCommit?.(this, commit) ?? null;
      if (what !== null) this.violated(name, what);
    }
    by.applied(write);
  }

  #noteMoves({ by, changes }: Commit): void {
    for (const { before, after } of changes.deliveries) {
      if (after === null) continue;
      const { event_id, webhook_id, status, lease, due_at, attempts } = after;
      const held = lease === null ? "free" : `with ${this.all_processes.get(lease.owner)?.name ?? "?"}`;
      const due = due_at === null ? "" : `due in ${due_at - this.wall} ms, ${held}`;
      const entered = (before?.attempts_total ?? 0) < after.attempts_total ? attempts.at(-1) : undefined;
      const what = entered === undefined
        ? ""
        : `attempt ${entered.number} ${entered.error ?? entered.status_code}`;
      this.note(
        `${by.name} writes ${this.short(event_id)} ${this.short(webhook_id)}: ${status} ${due} ${what}`,
      );
    }
  }

  /** Until when lanes are on hold: the one thing that only the product knows. */
  learnHolds(): void {
    for (const { engine, clock } of this.processes) {
      for (const { id, rate_limit_per_minute } of this.mirror.webhooks.values()) {
        const state = engine.laneState(id);
        const quiet_until = Math.max(state?.hold_until ?? 0, state?.breaker.open_until ?? 0);
        // How long a rate keeps it is seen from nowhere: a minute at most, and a second of rounding.
        const slow_until = rate_limit_per_minute === null ? 0 : clock.now() + RATE_MS;
        const until = Math.max(quiet_until, slow_until);
        if (until > (this.held_until.get(id) ?? 0)) this.held_until.set(id, until);
      }
    }
  }

  onSign(process: SimProcess, webhook: Webhook): void {
    for (const { name, onSign } of this.#parts.invariants) {
      const what = onSign?.(this, process, webhook) ?? null;
      if (what !== null) this.violated(name, what);
    }
  }

  onSend(by: SimProcess, request: SendRequest): { after_ms: number; answer: () => SendResult } {
    const { url, headers, timeout_ms } = request;
    const event_id = headers["webhook-id"] ?? "";
    const webhook_id = this.#webhookAt(url);
    const name = nameOf({ event_id, webhook_id });
    const { result, after_ms } = reply(this.moods.get(receiverOf(url)) ?? "well", timeout_ms, this.chance);
    const send: Send = {
      by,
      event_id,
      webhook_id,
      number: Number(headers["X-Webhook-Attempt"]),
      at: by.clock.now(),
      world_at: this.clock.now(),
      url,
      timeout_ms,
      wished: (this.mirror.deliveries.get(name)?.wishes ?? 0) > 0,
      result,
      answered_at: null,
      ended_at: Infinity,
      attempt: null,
    };
    const what = result.kind === "answer" ? result.status_code : result.error;
    const short = `${this.short(event_id)} ${this.short(webhook_id)}`;
    this.note(`${by.name} sends ${short}, attempt ${send.number}: ${what} after ${after_ms} ms`);
    for (const { name: invariant, onSend } of this.#parts.invariants) {
      const wrong = onSend?.(this, send) ?? null;
      if (wrong !== null) this.violated(invariant, wrong);
    }
    inside(this.sends, name, () => []).push(send);
    this.in_flight.add(send);
    return { after_ms, answer: () => this.#answer(send) };
  }

  /**
   * Attempts whose answer arrived and that are not on record. Two of one process that began and ended in the same
   * milliseconds are one on record: it was hurt, and nobody could tell them apart.
   */
  get owed(): Send[] {
    return [...this.unrecorded].filter((send) =>
      !this.sends.get(nameOf(send))?.some(({ by, at, ended_at, attempt }) =>
        attempt !== null && by === send.by && at === send.at && ended_at === send.ended_at &&
        !by.soundSince(send.world_at)
      )
    );
  }

  #answer(send: Send): SendResult {
    send.answered_at = this.clock.now();
    send.ended_at = send.by.clock.now();
    this.in_flight.delete(send);
    this.unrecorded.add(send);
    for (const { onAnswer } of this.#parts.invariants) onAnswer?.(this, send);
    return send.result;
  }

  /** Every webhook has a receiver of its own, named in its URL. */
  #webhookAt(url: string): string {
    for (const { id, url: other } of this.mirror.webhooks.values()) {
      if (receiverOf(other) === receiverOf(url)) return id;
    }
    return "";
  }

  /** Lets the time go on, and looks at everything that can be seen at any time. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.learnHolds();
    for (const { name, afterStep } of this.#parts.invariants) {
      const what = afterStep?.(this) ?? null;
      if (what !== null) this.violated(name, what);
    }
  }
}

/** The receiver in a URL, which stays when its owner changes the rest. */
export function receiverOf(url: string): string {
  return new URL(url).host;
}

/** The URL of a receiver, in one of its versions. */
export function urlOf(receiver: number, version: number): string {
  return `https://r${receiver}.example.com/v${version}`;
}
