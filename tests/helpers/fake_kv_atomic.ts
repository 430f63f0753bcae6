/**
 * `atomic()` of the fake KV: the builder, which refuses early what Deno's builder refuses early.
 *
 * Owns the translation from Deno's calls to a {@linkcode FakeWrite}. It must never touch the store.
 *
 * @module
 */
import { storedKey } from "./fake_kv_key.ts";
import type { FakeEnqueue, FakeMutation, FakeValue, FakeWrite } from "./fake_kv_store.ts";

const QUEUE_DELAY_MS_MAX = 30 * 86_400_000;
const BACKOFF_MS = [100, 1000, 5000, 30_000, 60_000];

type Answer = Promise<Deno.KvCommitResult | Deno.KvCommitError>;

/** What `atomic()` returns. Like the real one it may be committed again. */
export class FakeAtomic implements Deno.AtomicOperation {
  readonly #checks: Deno.AtomicCheck[] = [];
  readonly #mutations: FakeMutation[] = [];
  readonly #enqueues: FakeEnqueue[] = [];
  readonly #commit: (write: FakeWrite) => Answer;

  /** @param commit Takes the operation to the database. */
  constructor(commit: (write: FakeWrite) => Answer) {
    this.#commit = commit;
  }

  check(...checks: Deno.AtomicCheck[]): this {
    for (const { key, versionstamp } of checks) this.#checks.push({ key, versionstamp });
    return this;
  }

  mutate(...mutations: Deno.KvMutation[]): this {
    for (const mutation of mutations) {
      if (mutation.type === "delete") this.delete(mutation.key);
      else if (mutation.type === "set") this.#set(mutation.key, mutation.value, mutation.expireIn);
      else {
        this.#mutations.push({ type: mutation.type, key: mutation.key, value: valueOf(mutation.value) });
      }
    }
    return this;
  }

  sum(key: Deno.KvKey, n: bigint): this {
    return this.#calculate("sum", key, n);
  }

  min(key: Deno.KvKey, n: bigint): this {
    return this.#calculate("min", key, n);
  }

  max(key: Deno.KvKey, n: bigint): this {
    return this.#calculate("max", key, n);
  }

  set(key: Deno.KvKey, value: unknown, options?: { expireIn?: number }): this {
    return this.#set(key, value, options?.expireIn);
  }

  delete(key: Deno.KvKey): this {
    this.#mutations.push({ type: "delete", key });
    return this;
  }

  enqueue(
    message: unknown,
    options: { delay?: number; keysIfUndelivered?: Deno.KvKey[]; backoffSchedule?: number[] } = {},
  ): this {
    const { delay = 0, keysIfUndelivered = [], backoffSchedule = BACKOFF_MS } = options;
    if (!(delay >= 0)) throw new TypeError(`Delay must be >= 0: received ${delay}`);
    if (delay > QUEUE_DELAY_MS_MAX) {
      throw new TypeError(`Delay cannot be greater than 30 days: received ${delay}`);
    }
    this.#enqueues.push({
      message: clone(message),
      delay_ms: delay,
      keys_if_undelivered: keysIfUndelivered.map(storedKey),
      backoff_ms: backoffSchedule,
    });
    return this;
  }

  async commit(): Answer {
    // The real one reads keys and bytes when it is committed: what the caller changes afterwards doesn't count.
    return await this.#commit({
      checks: this.#checks.map(({ key, versionstamp }) => ({ key: storedKey(key), versionstamp })),
      mutations: this.#mutations.map(frozen),
      enqueues: this.#enqueues.slice(),
    });
  }

  /** An operation that was awaited instead of committed does nothing; Deno says so, and so does this. */
  then(): never {
    throw new TypeError(
      "'Deno.AtomicOperation' is not a promise: did you forget to call 'commit()'",
    );
  }

  #set(key: Deno.KvKey, value: unknown, expire_in_ms: number | undefined): this {
    if (expire_in_ms !== undefined && !(Number.isInteger(expire_in_ms) && expire_in_ms >= 0)) {
      throw new TypeError(`expireIn must be a non-negative integer: received ${expire_in_ms}`);
    }
    this.#mutations.push({ type: "set", key, value: valueOf(value), expire_in_ms });
    return this;
  }

  #calculate(type: "sum" | "min" | "max", key: Deno.KvKey, n: bigint): this {
    this.#mutations.push({ type, key, value: valueOf(new Deno.KvU64(n)) });
    return this;
  }
}

function frozen(mutation: FakeMutation): FakeMutation {
  const key = storedKey(mutation.key);
  if (mutation.type === "delete" || mutation.value.kind !== "bytes") return { ...mutation, key };
  return { ...mutation, key, value: { kind: "bytes", bytes: mutation.value.bytes.slice() } };
}

function valueOf(value: unknown): FakeValue {
  if (value instanceof Uint8Array) return { kind: "bytes", bytes: value as Uint8Array<ArrayBuffer> };
  if (value instanceof Deno.KvU64) return { kind: "u64", amount: value.value };
  return { kind: "v8", value: clone(value) };
}

function clone(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    throw new TypeError(`${String(value)} could not be cloned.`);
  }
}
