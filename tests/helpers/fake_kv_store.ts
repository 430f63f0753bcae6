/**
 * What a fake Deno KV keeps: entries in KV's order, the version, the queue. Several handles may share one store.
 *
 * Owns the effect of an atomic operation and the limits that the real one enforces. It must never wait: time and faults
 * are the handle's business (`fake_kv.ts`).
 *
 * @module
 */
import { serialize } from "node:v8";
import { encodeKey, storedKey } from "./fake_kv_key.ts";

/** A value as KV distinguishes them. */
export type FakeValue =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "u64"; readonly amount: bigint }
  | { readonly kind: "v8"; readonly value: unknown };

/** One mutation of a {@linkcode FakeWrite}. */
export type FakeMutation =
  | {
    readonly type: "set";
    readonly key: Deno.KvKey;
    readonly value: FakeValue;
    readonly expire_in_ms: number | undefined;
  }
  | { readonly type: "delete"; readonly key: Deno.KvKey }
  | { readonly type: "sum" | "min" | "max"; readonly key: Deno.KvKey; readonly value: FakeValue };

/** One message of a {@linkcode FakeWrite}. */
export interface FakeEnqueue {
  readonly message: unknown;
  readonly delay_ms: number;
  readonly keys_if_undelivered: readonly Deno.KvKey[];
  readonly backoff_ms: readonly number[];
}

/** An atomic operation as it reaches the database. */
export interface FakeWrite {
  readonly checks: readonly Deno.AtomicCheck[];
  readonly mutations: readonly FakeMutation[];
  readonly enqueues: readonly FakeEnqueue[];
}

/** A message of the queue that waits or is being handled. */
export interface FakeMessage extends FakeEnqueue {
  deliver_at: number;
}

interface Stored {
  readonly key: readonly Deno.KvKeyPart[];
  readonly value: FakeValue;
  readonly versionstamp: string;
  readonly expires_at: number | null;
}

/** How a store differs from the usual. */
export interface FakeStoreOptions {
  /** Checks that one atomic operation takes: 100 on a file, 10 on a KV server. */
  readonly checks_max: number;
  /** For how long expired entries are still read (up to 60,000 on a file). */
  readonly expiry_late_ms: number;
}

const U64 = 1n << 64n;

/** The committed state. */
export class FakeStore {
  readonly options: FakeStoreOptions;
  readonly queue: FakeMessage[] = [];
  #version = 0;
  #keys: string[] = [];
  readonly #entries = new Map<string, Stored>();

  /** @param options How it differs from the usual. */
  constructor(options: FakeStoreOptions) {
    this.options = options;
  }

  /** A copy that shares nothing that changes. */
  clone(): FakeStore {
    const copy = new FakeStore(this.options);
    copy.#version = this.#version;
    copy.#keys = this.#keys.slice();
    for (const [key, entry] of this.#entries) copy.#entries.set(key, entry);
    for (const message of this.queue) copy.queue.push({ ...message });
    return copy;
  }

  /**
   * Reads a range of encoded keys.
   *
   * @param range From `start` (included) to `end` (excluded), at most `limit`, from the end if `reverse`.
   * @param now_ms The time, which decides what has expired.
   * @returns Entries with copies of keys and values.
   */
  read(
    range: { start: string; end: string; limit: number; reverse: boolean },
    now_ms: number,
  ): Deno.KvEntry<unknown>[] {
    const { start, end, limit, reverse } = range;
    const found: Deno.KvEntry<unknown>[] = [];
    const step = reverse ? -1 : 1;
    let index = reverse ? this.#indexOf(end) - 1 : this.#indexOf(start);
    for (; found.length < limit; index += step) {
      const encoded = this.#keys[index];
      if (encoded === undefined || encoded < start || encoded >= end) break;
      const entry = this.#alive(encoded, now_ms);
      if (entry === undefined) continue;
      const { key, value, versionstamp } = entry;
      found.push({ key: storedKey(key), value: revive(value), versionstamp });
    }
    return found;
  }

  /**
   * Applies an atomic operation.
   *
   * @param write The operation.
   * @param now_ms The time.
   * @returns The new versionstamp, or null if a check failed.
   * @throws {TypeError} For a sum over anything but a sum. What stood before it has been written then, as it is by
   * Deno 2.9.6 on a file.
   */
  apply(write: FakeWrite, now_ms: number): string | null {
    for (const { key, versionstamp } of write.checks) {
      const entry = this.#alive(encodeKey(key), now_ms);
      if ((entry?.versionstamp ?? null) !== (versionstamp ?? null)) return null;
    }
    this.#version += 1;
    const versionstamp = this.#version.toString(16).padStart(16, "0") + "0000";
    for (const mutation of write.mutations) this.#mutate(mutation, versionstamp, now_ms);
    for (const enqueue of write.enqueues) {
      this.queue.push({ ...enqueue, deliver_at: now_ms + enqueue.delay_ms });
    }
    return versionstamp;
  }

  #mutate(mutation: FakeMutation, versionstamp: string, now_ms: number): void {
    const encoded = encodeKey(mutation.key);
    if (mutation.type === "delete") {
      if (this.#entries.delete(encoded)) this.#keys.splice(this.#indexOf(encoded), 1);
      return;
    }
    const old = this.#alive(encoded, now_ms)?.value;
    const value = mutation.type === "set" ? mutation.value : calculate(mutation.type, old, mutation.value);
    const lasts_ms = mutation.type === "set" ? mutation.expire_in_ms : undefined;
    const expires_at = lasts_ms === undefined ? null : now_ms + lasts_ms;
    if (!this.#entries.has(encoded)) this.#keys.splice(this.#indexOf(encoded), 0, encoded);
    this.#entries.set(encoded, { key: storedKey(mutation.key), value, versionstamp, expires_at });
  }

  #alive(encoded: string, now_ms: number): Stored | undefined {
    const entry = this.#entries.get(encoded);
    if (entry === undefined || entry.expires_at === null) return entry;
    return now_ms < entry.expires_at + this.options.expiry_late_ms ? entry : undefined;
  }

  /** The index of the first key that isn't before this one. */
  #indexOf(encoded: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] ?? "") < encoded) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The value as a reader gets it: a copy. */
function revive(value: FakeValue): unknown {
  switch (value.kind) {
    case "bytes":
      return value.bytes.slice();
    case "u64":
      return new Deno.KvU64(value.amount);
    case "v8":
      return structuredClone(value.value);
  }
}

function calculate(type: "sum" | "min" | "max", old: FakeValue | undefined, operand: FakeValue): FakeValue {
  if (operand.kind !== "u64") {
    throw new TypeError(`Failed to perform '${type}' mutation on a non-U64 operand`);
  }
  if (old === undefined) return operand;
  if (old.kind !== "u64") {
    throw new TypeError(`Failed to perform '${type}' mutation on a non-U64 value in the database`);
  }
  const [a, b] = [old.amount, operand.amount];
  const amount = type === "sum" ? (a + b) % U64 : type === "min" ? (a < b ? a : b) : a > b ? a : b;
  return { kind: "u64", amount };
}

/**
 * Refuses what Deno refuses before it asks the database, with its words.
 *
 * @param write The operation.
 * @param checks_max Checks that it may hold.
 * @throws {TypeError} If it is malformed or too large.
 */
export function validateWrite(write: FakeWrite, checks_max: number): void {
  const { checks, mutations, enqueues } = write;
  refuseIf(checks.length > checks_max, `Too many checks (max ${checks_max})`);
  refuseIf(mutations.length + enqueues.length > 1000, "Too many mutations (max 1000)");
  for (const { versionstamp } of checks) {
    refuseIf(!/^[0-9a-f]{20}$/.test(versionstamp ?? "0".repeat(20)), "Invalid check");
  }
  let bytes = 0;
  let key_bytes = 0;
  for (const { key } of checks) bytes += writeKeyBytes(key);
  for (const mutation of mutations) {
    const size = writeKeyBytes(mutation.key);
    bytes += size;
    if (mutation.type === "delete") continue;
    bytes += size + valueBytes(mutation.value, "Value too large (max 65536 bytes)");
    key_bytes += size;
  }
  for (const { message } of enqueues) {
    bytes += valueBytes({ kind: "v8", value: message }, "enqueue payload too large (max 65536 bytes)");
  }
  refuseIf(bytes > 819_200, "Total mutation size too large (max 819200 bytes)");
  refuseIf(key_bytes > 81_920, "Total key size too large (max 81920 bytes)");
}

function refuseIf(condition: boolean, message: string): void {
  if (condition) throw new TypeError(message);
}

function writeKeyBytes(key: Deno.KvKey): number {
  const size = encodeKey(key).length;
  refuseIf(size === 0, "key cannot be empty");
  refuseIf(size > 2048, "Key too large for write (max 2048 bytes)");
  return size;
}

function valueBytes(value: FakeValue, too_large: string): number {
  if (value.kind === "u64") return 8;
  const size = value.kind === "bytes" ? value.bytes.length : serialize(value.value).length;
  refuseIf(size > 65_536, too_large);
  return size;
}
