/**
 * One process of the simulation: the real engine, store, committer, alarm and use cases, over a database, a clock and a
 * network that fail when the world says so.
 *
 * Owns where a process can be hurt: before and after every commit, before, during and after every send. It must never
 * decide anything that the product decides.
 *
 * @module
 */
import { createQueueAlarm, createTimerAlarm } from "../../kv/alarm.ts";
import { createCommitter } from "../../kv/committer.ts";
import { createRetention } from "../../kv/retention.ts";
import { createStore } from "../../kv/store.ts";
import type { AcceptPorts } from "../../lib/accept.ts";
import { Directory } from "../../lib/directory.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { KV } from "../../lib/limits.ts";
import { systemIds } from "../../lib/outbound/ids.ts";
import type { Ids, Log, SendRequest, SendResult } from "../../lib/ports.ts";
import type { SigningKey } from "../../lib/sign.ts";
import { SiteTurns } from "../../lib/site_turns.ts";
import type { Store } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";
import type { WebhookPorts } from "../../lib/webhooks.ts";
import { type CommitFault, diskFullError, type FakeKv, lockedError } from "../helpers/fake_kv.ts";
import type { FakeWrite } from "../helpers/fake_kv_store.ts";
import type { Chance } from "./chance.ts";
import type { ProcessClock } from "./process_clock.ts";

/** Where a process can die. */
export const CRASH_POINTS = [
  "before_commit",
  "after_commit",
  "before_send",
  "during_send",
  "after_answer",
] as const;
/** Where a process can die. */
export type CrashPoint = typeof CRASH_POINTS[number];

/** How storage can fail. */
export const STORAGE_FAULTS = ["locked", "full", "unknown", "lost", "conflict", "slow", "silent"] as const;
/** How storage can fail. */
export type StorageFault = typeof STORAGE_FAULTS[number];

/** What a planted bug may put in the place of a part of the product. */
export interface Breakage {
  readonly store?: (store: Store, process: { readonly instance: string }) => Store;
  readonly sender?: (post: Post) => Post;
  readonly directory?: (directory: Directory) => Directory;
  /** Only for what accepts events. */
  readonly accepting?: (ports: AcceptPorts) => AcceptPorts;
}

/** How a request goes out. */
export type Post = (request: SendRequest) => Promise<SendResult>;

/** What a process tells the world. */
export interface ProcessEvents {
  onCommit(process: SimProcess, write: FakeWrite): void;
  onSign(process: SimProcess, webhook: Webhook): void;
  /** A request goes out. */
  onSend(
    process: SimProcess,
    request: SendRequest,
  ): { readonly after_ms: number; readonly answer: () => SendResult };
  crash(process: SimProcess, point: CrashPoint): void;
}

/** What a process is made of. */
export interface ProcessParts {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly db: FakeKv;
  readonly has_queue: boolean;
  readonly chance: Chance;
  readonly breakage: Breakage;
  readonly events: ProcessEvents;
}

/** The base of the backoff, in milliseconds. */
export const RETRY_BASE_MS = 10_000;

/** The deadline of a webhook that names none, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** Texts as they are: cryptography takes its time outside of the world. */
const PLAIN_BOX = {
  seal: (text: string) => Promise.resolve(text),
  open: (text: string) => Promise.resolve(text),
};

/** Signs nothing, for the same reason, and says with what it would have signed. */
class TellingDirectory extends Directory {
  readonly #tell: (webhook: Webhook) => void;

  constructor(store: Store, tell: (webhook: Webhook) => void) {
    super(store);
    this.#tell = tell;
  }

  override signingKeys(webhook: Webhook): SigningKey[] {
    this.#tell(webhook);
    return [];
  }
}

const SILENT_LOG: Log = { debug() {}, info() {}, warn() {}, error() {} };

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

/** See the module. */
export class SimProcess {
  readonly name: string;
  readonly instance: string;
  /** By the world's time. */
  readonly started_at: number;
  readonly clock: ProcessClock;
  readonly store: Store;
  readonly directory: Directory;
  readonly engine: Engine;
  readonly ids: Ids;
  state: "running" | "asleep" | "stopping" | "ended" = "running";
  /** Until when, by the world's time, what happened to it may explain what it does. */
  troubled_until = -Infinity;
  readonly #parts: ProcessParts;
  readonly #turns = new SiteTurns();
  readonly #alert_turns = new SiteTurns(1);
  #fault: { readonly kind: StorageFault; readonly until: number } | null = null;
  #crash: { readonly point: CrashPoint; countdown: number } | null = null;
  #last_write: FakeWrite | null = null;

  /** @param parts What it is made of. */
  constructor(parts: ProcessParts) {
    const { name, clock, db, has_queue, chance, breakage, events } = parts;
    this.#parts = parts;
    this.name = name;
    this.clock = clock;
    this.started_at = clock.world_now;
    this.ids = {
      ...systemIds(chance.next),
      secretBytes: (length) => Uint8Array.from({ length }, () => chance.whole(0, 255)),
    };
    this.instance = this.ids.ulid(clock.now());
    db.onCommit = (_, write) => this.#fate(write);
    const { next: random } = chance;
    const limits = has_queue ? {} : { checks_max: KV.atomic_checks_max_on_server };
    const store = createStore({
      db,
      clock,
      committer: createCommitter({ db, clock, random, limits }),
      box: PLAIN_BOX,
      retention: createRetention(30),
      idPrefixAt: (at_ms) => `evt_${this.ids.ulidPrefix(at_ms)}`,
      newId: this.ids.ulid,
      log: SILENT_LOG,
    });
    this.store = breakage.store?.(store, this) ?? store;
    const directory = new TellingDirectory(this.store, (webhook) => events.onSign(this, webhook));
    this.directory = breakage.directory?.(directory) ?? directory;
    const post: Post = (request) => this.#post(request);
    this.engine = new Engine({
      store: this.store,
      clock,
      directory: this.directory,
      log: SILENT_LOG,
      ids: this.ids,
      alarm: has_queue
        ? createQueueAlarm(db, { clock, log: SILENT_LOG })
        : createTimerAlarm({ clock, log: SILENT_LOG }),
      instance: this.instance,
      random,
      user_agent: "Tidings/simulation",
      plausible_url: null,
      retry_base_ms: RETRY_BASE_MS,
      stats: { countAttempt() {} },
      sender: { post: breakage.sender?.(post) ?? post },
    });
  }

  /** Whether nothing that happened to it since then explains strange behaviour. */
  soundSince(world_at: number): boolean {
    return this.troubled_until < world_at;
  }

  /** Whether its storage never failed. */
  get storageSound(): boolean {
    return this.#fault === null;
  }

  /** For `lib/accept.ts`. */
  get accepting(): AcceptPorts {
    const { store, directory, engine, clock, ids, instance } = this;
    const [turns, alert_turns] = [this.#turns, this.#alert_turns];
    const ports = { store, directory, engine, clock, ids, instance, turns, alert_turns };
    return this.#parts.breakage.accepting?.(ports) ?? ports;
  }

  /** For `lib/webhooks.ts`. */
  get managing(): WebhookPorts {
    const { store, directory, engine, clock, ids } = this;
    const guard = { refusal: () => Promise.resolve(null) };
    return {
      store,
      directory,
      engine,
      clock,
      ids,
      guard,
      defaults: { timeout_ms: TIMEOUT_MS },
      actor: "person",
    };
  }

  /** It dies when it comes to this point for the n-th time. */
  dieAt(point: CrashPoint, countdown: number): void {
    this.#crash = { point, countdown };
  }

  /** Its storage fails in this way until then, by the world's time. */
  failStorage(kind: StorageFault, until: number): void {
    this.#fault = { kind, until };
  }

  /** Its storage works again, and it dies no more. */
  heal(): void {
    this.#fault = null;
    this.#crash = null;
  }

  /** It is gone: no timer runs, no answer comes. */
  end(): void {
    this.state = "ended";
    this.clock.end();
    this.#parts.db.crash();
  }

  /** An operation of this process took effect. */
  applied(write: FakeWrite): void {
    if (this.#last_write === write) this.#parts.events.crash(this, "after_commit");
  }

  /** Whether it has come to the point at which it is to die. */
  #diesAt(point: CrashPoint): boolean {
    if (this.#crash?.point !== point || --this.#crash.countdown > 0) return false;
    this.#crash = null;
    return true;
  }

  #fate(write: FakeWrite): CommitFault | undefined {
    const { events, chance } = this.#parts;
    events.onCommit(this, write);
    if (this.#diesAt("before_commit")) {
      events.crash(this, "before_commit");
      return undefined;
    }
    if (this.#diesAt("after_commit")) {
      this.#last_write = write;
      return undefined;
    }
    if (this.#fault === null || this.clock.world_now >= this.#fault.until) return undefined;
    return faultOf(this.#fault.kind, write, chance);
  }

  #post(request: SendRequest): Promise<SendResult> {
    const { events } = this.#parts;
    // What was under way in the turn in which it died.
    if (this.state === "ended") return never();
    if (this.#diesAt("before_send")) {
      events.crash(this, "before_send");
      return never();
    }
    const { after_ms, answer } = events.onSend(this, request);
    if (this.#diesAt("during_send")) {
      events.crash(this, "during_send");
      return never();
    }
    const { promise, resolve } = Promise.withResolvers<SendResult>();
    const arrive = (): void => {
      if (this.state === "ended") return;
      if (this.#diesAt("after_answer")) events.crash(this, "after_answer");
      else resolve(answer());
    };
    if (after_ms === 0) arrive();
    else this.clock.after(after_ms, arrive);
    return promise;
  }
}

/** What becomes of one commit while storage fails in this way. */
function faultOf(kind: StorageFault, write: FakeWrite, chance: Chance): CommitFault | undefined {
  // Deno's client sends again what got no answer: without checks the second time succeeds like the first.
  const checked = write.checks.length > 0;
  switch (kind) {
    case "locked":
      return chance.happens(0.7) ? { kind: "throw", error: lockedError() } : undefined;
    case "full":
      return { kind: "throw", error: diskFullError() };
    case "unknown":
      return chance.happens(0.5) ? { kind: "commit_then_throw", error: diskFullError() } : undefined;
    case "lost":
      return checked && chance.happens(0.3) ? { kind: "lost" } : undefined;
    case "conflict":
      return checked && chance.happens(0.3) ? { kind: "conflict" } : undefined;
    case "slow":
      return { delay_ms: chance.whole(1, 3000) };
    case "silent":
      return chance.happens(0.2) ? { answer_delay_ms: chance.whole(1000, 15_000) } : undefined;
  }
}
