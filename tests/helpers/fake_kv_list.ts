/**
 * `list()` of the fake KV: selectors, batches and cursors, as Deno has them.
 *
 * Owns the walk over a range. What is written while it walks shows from the next batch on, as with the real one.
 *
 * @module
 */
import { encodeKey } from "./fake_kv_key.ts";

/** A range of encoded keys. */
export interface FakeRange {
  readonly start: string;
  readonly end: string;
  readonly limit: number;
  readonly reverse: boolean;
}

type Read = (range: FakeRange) => Promise<Deno.KvEntry<unknown>[]>;

/** A selector with its keys encoded, and the prefix that its cursors leave out. */
interface Bounds {
  readonly start: string;
  readonly end: string;
  readonly common: string;
}

/** What `list()` returns. */
export class FakeListIterator<T> implements Deno.KvListIterator<T> {
  readonly #selector: Deno.KvListSelector;
  readonly #options: Deno.KvListOptions;
  readonly #batch_size: number;
  readonly #read: Read;
  #entries: Deno.KvEntry<unknown>[] = [];
  #cursor: string | null;
  /** The key of the entry given last: a cursor is made of it when one is asked for. */
  #last_key: Deno.KvKey | null = null;
  #count = 0;
  #last_batch = false;
  #done = false;

  /**
   * @param selector As for `list()`.
   * @param options As for `list()`.
   * @param read Reads a range of the database.
   * @throws {TypeError} If the selector is none that `list()` takes.
   */
  constructor(selector: Deno.KvListSelector, options: Deno.KvListOptions, read: Read) {
    checkSelector(selector);
    checkPositive("Limit", options.limit);
    checkPositive("batchSize", options.batchSize);
    this.#selector = selector;
    this.#options = options;
    this.#batch_size = options.batchSize ?? Math.min(options.limit ?? 100, 500);
    this.#read = read;
    this.#cursor = options.cursor || null; // an empty one, as the last of a walk, begins anew: so does Deno
  }

  get cursor(): string {
    if (this.#last_key !== null) this.#cursor = encodeCursor(decodeSelector(this.#selector), this.#last_key);
    if (this.#cursor === null) throw new Error("Cannot get cursor before first iteration");
    return this.#cursor;
  }

  async next(): Promise<IteratorResult<Deno.KvEntry<T>, undefined>> {
    const { limit, reverse = false } = this.#options;
    if (this.#done || (limit !== undefined && this.#count >= limit)) return { done: true, value: undefined };
    if (this.#entries.length === 0 && !this.#last_batch) {
      const cursor = this.#last_key === null ? this.#cursor : this.cursor;
      const bounds = decodeCursor(decodeSelector(this.#selector), reverse, cursor);
      this.#entries = await this.#read({ ...bounds, limit: this.#batch_size, reverse });
      this.#last_batch = this.#entries.length < this.#batch_size;
    }
    const entry = this.#entries.shift();
    if (entry === undefined) {
      this.#done = true;
      this.#cursor = "";
      this.#last_key = null;
      return { done: true, value: undefined };
    }
    this.#count += 1;
    this.#last_key = entry.key;
    return { done: false, value: entry as Deno.KvEntry<T> };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function checkPositive(name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
    throw new Error(`${name} must be a positive integer: received ${value}`);
  }
}

function partsOf(selector: Deno.KvListSelector): Partial<Record<"prefix" | "start" | "end", Deno.KvKey>> {
  return selector;
}

function checkSelector(selector: Deno.KvListSelector): void {
  const { prefix, start, end } = partsOf(selector);
  if (prefix && start && end) {
    throw new TypeError(
      "Selector can not specify both 'start' and 'end' key when specifying 'prefix'",
    );
  }
  if (!prefix && !(start && end)) {
    throw new TypeError("Selector must specify either 'prefix' or both 'start' and 'end' key");
  }
}

function decodeSelector(selector: Deno.KvListSelector): Bounds {
  const { prefix, start, end } = partsOf(selector);
  const [first, last] = [start && encodeKey(start), end && encodeKey(end)];
  if (prefix) {
    const common = encodeKey(prefix);
    requireWithin("Start", first, common);
    requireWithin("End", last, common);
    return { start: first ?? `${common}\0`, end: last ?? `${common}\xff`, common };
  }
  if (first === undefined || last === undefined) throw new TypeError("Invalid range");
  if (first > last) throw new TypeError("Start key is greater than end key");
  return { start: first, end: last, common: commonPrefix(first, last) };
}

function requireWithin(name: string, key: string | undefined, prefix: string): void {
  if (key === undefined || (key.startsWith(prefix) && key.length > prefix.length)) return;
  throw new TypeError(`${name} key is not in the keyspace defined by prefix`);
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

function encodeCursor(bounds: Bounds, key: Deno.KvKey): string {
  return btoa(encodeKey(key).slice(bounds.common.length)).replaceAll("+", "-").replaceAll("/", "_");
}

function decodeCursor(bounds: Bounds, reverse: boolean, cursor: string | null): Bounds {
  if (cursor === null) return bounds;
  if (!/^[\w-]*={0,2}$/.test(cursor) || cursor.length % 4 !== 0) throw new TypeError("invalid cursor");
  const key = bounds.common + atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  const [start, end] = reverse ? [bounds.start, key] : [`${key}\0`, bounds.end];
  if (start < bounds.start || end > bounds.end) throw new TypeError("cursor out of bounds");
  return { ...bounds, start, end };
}
