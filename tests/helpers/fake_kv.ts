/**
 * A Deno KV without a database: deterministic, in memory, on a clock of its own, with faults to order.
 *
 * Owns the handle: what callers see, when, and what goes wrong. The same contract (`tests/kv/fake_kv_test.ts`) runs over
 * this and over the real one, so whatever a test learns here holds there. Nothing is answered within the same turn, and
 * everything in the order of asking.
 *
 * @module
 */
import type { Database } from "../../kv/database.ts";
import type { Clock } from "../../lib/ports.ts";
import { FakeAtomic } from "./fake_kv_atomic.ts";
import { encodeKey, storedKey } from "./fake_kv_key.ts";
import { FakeListIterator, type FakeRange } from "./fake_kv_list.ts";
import { FakeQueue } from "./fake_kv_queue.ts";
import { FakeStore, type FakeStoreOptions, type FakeWrite, validateWrite } from "./fake_kv_store.ts";

/** What becomes of one commit, if it doesn't simply succeed. All delays are on the clock. */
export interface CommitFault {
  /** The database gets the operation this much later. */
  readonly delay_ms?: number;
  /** The answer comes this much after its effect. */
  readonly answer_delay_ms?: number;
  /**
   * - `conflict`: nothing is written, the answer is that a check failed.
   * - `lost`: it is written, and the answer is that a check failed: what Deno's client for KV servers makes of a lost
   *   answer, since it sends the operation again.
   * - `throw`: nothing is written, `error` is thrown.
   * - `commit_then_throw`: it is written, and `error` is thrown.
   * - `hang`: it is written or not (`written`), and no answer ever comes.
   */
  readonly kind?: "conflict" | "lost" | "throw" | "commit_then_throw" | "hang";
  readonly error?: Error;
  readonly written?: boolean;
}

/** How a fake differs from a KV in a file. */
export interface FakeKvOptions extends Partial<FakeStoreOptions> {
  readonly clock: Clock;
  /** False, as on a KV server: `enqueue` throws and `listenQueue` hangs. */
  readonly queue?: boolean;
}

/** The error that Deno throws while another process writes to the file. */
export function lockedError(): TypeError {
  return new TypeError("database is locked");
}

/** The error that Deno throws when a disk is full. */
export function diskFullError(): TypeError {
  return new TypeError("database or disk is full");
}

/** The fake. */
export class FakeKv implements Database {
  /**
   * Decides the fate of each commit: `n` counts the commits of this handle from 1. Called when the operation is handed
   * in, valid and not yet applied; undefined lets it succeed.
   */
  onCommit: ((n: number, write: FakeWrite) => CommitFault | undefined) | null = null;
  /** Commits handed in so far. */
  commits = 0;
  readonly #clock: Clock;
  readonly #store: FakeStore;
  readonly #queue: FakeQueue | null;
  #closed = false;
  #crashed = false;

  /**
   * @param options The clock, and how it differs from a KV in a file.
   * @param store Another handle's store, to share it; see {@linkcode FakeKv.sibling}.
   */
  constructor(options: FakeKvOptions, store?: FakeStore) {
    const { clock, queue = true, checks_max = 100, expiry_late_ms = 0 } = options;
    this.#clock = clock;
    this.#store = store ?? new FakeStore({ checks_max, expiry_late_ms });
    this.#queue = queue ? new FakeQueue(this.#store, clock) : null;
  }

  /** Another handle to the same data, as another process has it: with its own faults, and its own end. */
  sibling(options: { clock?: Clock; queue?: boolean } = {}): FakeKv {
    const { clock = this.#clock, queue = this.#queue !== null } = options;
    return new FakeKv({ clock, queue }, this.#store);
  }

  /** A handle to a copy of what is committed now: keep it and come back to it as to a backup. */
  clone(): FakeKv {
    const store = this.#store.clone();
    this.#queue?.handBackTo(store);
    return new FakeKv({ clock: this.#clock, queue: this.#queue !== null }, store);
  }

  /**
   * The process of this handle dies: what isn't applied yet never is, no answer comes any more, and messages that it
   * handles go back to the queue. Open a {@linkcode FakeKv.sibling} to see what is left.
   */
  crash(): void {
    this.#crashed = true;
    this.#queue?.crash();
  }

  async get<T = unknown>(key: Deno.KvKey, _options?: unknown): Promise<Deno.KvEntryMaybe<T>> {
    const [entry] = await this.#getAll([key]);
    return entry as Deno.KvEntryMaybe<T>;
  }

  async getMany<T extends readonly unknown[]>(
    keys: readonly [...{ [K in keyof T]: Deno.KvKey }],
    _options?: unknown,
  ): Promise<{ [K in keyof T]: Deno.KvEntryMaybe<T[K]> }> {
    return await this.#getAll(keys) as { [K in keyof T]: Deno.KvEntryMaybe<T[K]> };
  }

  list<T = unknown>(selector: Deno.KvListSelector, options: Deno.KvListOptions = {}): FakeListIterator<T> {
    return new FakeListIterator<T>(selector, options, (range) => this.#read(range));
  }

  atomic(): FakeAtomic {
    return new FakeAtomic((write) => this.#commit(write));
  }

  async enqueue(
    message: unknown,
    options?: { delay?: number; keysIfUndelivered?: Deno.KvKey[]; backoffSchedule?: number[] },
  ): Promise<Deno.KvCommitResult> {
    const result = await this.atomic().enqueue(message, options).commit();
    if (!result.ok) throw new TypeError("Failed to enqueue value");
    return result;
  }

  async listenQueue(handler: (message: unknown) => Promise<void> | void): Promise<void> {
    if (this.#closed) throw new Error("Queue already closed");
    if (this.#queue === null || this.#crashed) return await never();
    await this.#queue.listen(handler);
  }

  close(): void {
    this.#requireOpen();
    this.#closed = true;
    this.#queue?.close();
  }

  async #getAll(keys: readonly Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> {
    if (keys.length > 10) throw new TypeError("Too many ranges (max 10)");
    const ranges = keys.map((key) => {
      const start = encodeKey(key);
      if (start.length > 2048) throw new TypeError("Key too large for read (max 2049 bytes)");
      return { start, end: `${start}\0`, limit: 1, reverse: false };
    });
    await this.#answer();
    const now_ms = this.#clock.now();
    return ranges.map((range, index) => {
      const key = storedKey(keys[index] ?? []);
      return this.#store.read(range, now_ms)[0] ?? { key, value: null, versionstamp: null };
    });
  }

  async #read(range: FakeRange): Promise<Deno.KvEntry<unknown>[]> {
    if (range.limit > 1000) throw new TypeError("Too many entries (max 1000)");
    await this.#answer();
    return this.#store.read(range, this.#clock.now());
  }

  async #commit(write: FakeWrite): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
    this.#requireOpen();
    validateWrite(write, this.#store.options.checks_max);
    if (write.enqueues.length > 0 && this.#queue === null) {
      throw new Error("Enqueue operations are not supported in KV Connect");
    }
    this.commits += 1;
    const { kind, error, ...fault } = this.onCommit?.(this.commits, write) ?? {};
    await this.#answer(fault.delay_ms);
    const applied = kind !== "conflict" && kind !== "throw" && !(kind === "hang" && !fault.written);
    const versionstamp = applied ? this.#store.apply(write, this.#clock.now()) : null;
    if (versionstamp !== null && write.enqueues.length > 0) this.#queue?.wake();
    await this.#answer(fault.answer_delay_ms);
    if (kind === "hang") return await never();
    if (kind === "throw" || kind === "commit_then_throw") {
      throw error ?? new Error("a fault that was ordered");
    }
    if (versionstamp === null || kind === "lost") return { ok: false };
    return { ok: true, versionstamp };
  }

  /** Lets go of the turn, or of so much time; afterwards the process may be dead or the handle closed. */
  async #answer(delay_ms = 0): Promise<void> {
    this.#requireOpen();
    if (delay_ms > 0) await new Promise<void>((resolve) => void this.#clock.after(delay_ms, resolve));
    else await null;
    if (this.#crashed) await never();
  }

  #requireOpen(): void {
    if (this.#closed) throw new Deno.errors.BadResource("Bad resource ID");
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
