/**
 * What one caller asks of a group commit, and how much of the atomic operation's limits it takes.
 *
 * Owns the shape of a member, its exact size as Deno KV counts it, and the fingerprints of its keys. It must never talk
 * to the database.
 *
 * @module
 */
import { assert, fail } from "@std/assert";
import { ATOMIC_LIMITS, type AtomicLimits } from "./commit_limits.ts";
import { ENTRY_BYTES_MAX } from "./event_list.ts";
import { leasedBytesMax, type LeasedEvent } from "./group_lease.ts";

/** A condition of a member: the key has this versionstamp, or is absent (null). */
export interface Check {
  readonly key: Deno.KvKey;
  readonly versionstamp: string | null;
}

/**
 * One write of a member.
 *
 * A `mark` is a blind set of an empty value: marks of one key are interchangeable, so a group writes one of them. The
 * `lease`s of a group become one record (`group_lease.ts`), and so do each `entry` of one list (`event_list.ts`); the key is the
 * one that it would have by itself. A member with a `sum` is committed alone (see {@linkcode MeasuredMember.alone}), so hand
 * sums in together.
 */
export type Mutation =
  | {
    readonly kind: "set";
    readonly key: Deno.KvKey;
    readonly value: Uint8Array<ArrayBuffer>;
    /** Without it the record is permanent, whatever stood there before. */
    readonly expire_in_ms?: number | undefined;
  }
  | { readonly kind: "delete"; readonly key: Deno.KvKey }
  | { readonly kind: "sum"; readonly key: Deno.KvKey; readonly amount: bigint }
  | { readonly kind: "mark"; readonly key: Deno.KvKey }
  | { readonly kind: "entry"; readonly key: Deno.KvKey; readonly expire_in_ms: number }
  | { readonly kind: "lease"; readonly key: Deno.KvKey; readonly leased: LeasedEvent };

/** A small transaction: all of its mutations are written if all of its checks hold, else none. */
export interface Member {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
}

/** What a member takes of the limits, and which keys it touches. */
export interface MeasuredMember {
  readonly member: Member;
  readonly bytes: number;
  readonly key_bytes_total: number;
  /** Of its part of a group lease. */
  readonly lease_bytes: number;
  /** Fingerprints of the checked keys. */
  readonly check_prints: readonly number[];
  /** Fingerprints of the written keys, in the order of the mutations. */
  readonly mutation_prints: readonly number[];
  /**
   * Whether it shares its atomic operation with nobody. A sum over anything but a sum fails in the middle of the
   * commit, and Deno KV on a file (2.9.6) then keeps what stood before it: measured, and no business of others.
   */
  readonly alone: boolean;
}

/** The size and the fingerprint of a key. */
export interface KeyMeasure {
  /** Bytes of the key as Deno KV encodes it. */
  readonly bytes: number;
  /** A 32-bit hash: equal keys have equal prints, and different ones nearly always different ones. */
  readonly print: number;
}

const VERSIONSTAMP = /^[0-9a-f]{20}$/;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** FNV-1a: ids that differ in their last characters only, as ids made in one millisecond do, don't collide. */
function mix(print: number, value: number): number {
  return Math.imul(print ^ value, 0x0100_0193);
}

/** Measures keys part by part, without an object for each part: this runs for every key of every member. */
class KeyMeter implements KeyMeasure {
  bytes = 0;
  print = 0;

  /** Measures a key; what was measured before is forgotten. */
  read(key: Deno.KvKey): void {
    this.bytes = 0;
    this.print = 0x811c_9dc5 | 0;
    for (let index = 0; index < key.length; index++) this.#add(key[index]);
  }

  #add(part: Deno.KvKeyPart | undefined): void {
    if (typeof part === "string") return this.#addText(part);
    if (typeof part === "number") {
      this.bytes += 9;
      this.print = mix(mix(mix(this.print, 4), part | 0), Math.trunc(part / 2 ** 32) | 0);
    } else if (typeof part === "boolean") {
      this.bytes += 1;
      this.print = mix(this.print, part ? 6 : 5);
    } else if (typeof part === "bigint") {
      this.#addBigint(part);
    } else {
      assert(part instanceof Uint8Array, "a key is made of strings, numbers, bigints, booleans and bytes");
      this.#addBytes(part);
    }
  }

  #addText(part: string): void {
    const text = part.toWellFormed(); // KV stores a lone surrogate as U+FFFD, so the two are one key
    let bytes = 2; // a tag before, a zero after
    let print = mix(this.print, 2);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      print = mix(print, code);
      if (code === 0) bytes += 2; // a zero within is escaped
      else if (code < 0x80) bytes += 1;
      else if (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)) bytes += 2; // a surrogate is half of four
      else bytes += 3;
    }
    this.bytes += bytes;
    this.print = print;
  }

  #addBytes(part: Uint8Array): void {
    this.bytes += 2 + part.length;
    this.print = mix(this.print, 1);
    for (const byte of part) {
      this.print = mix(this.print, byte);
      if (byte === 0) this.bytes += 1;
    }
  }

  #addBigint(part: bigint): void {
    const length = part === 0n ? 0 : (part < 0n ? -part : part).toString(16).length + 1 >> 1;
    this.bytes += (length <= 8 ? 1 : 2) + length;
    this.print = mix(mix(this.print, 3), Number(BigInt.asIntN(32, part)));
  }
}

/**
 * Measures a key in one pass, without building a string.
 *
 * @param key The key.
 * @returns Its size as Deno KV counts it, and its fingerprint.
 * @throws {AssertionError} If a part is of a type that KV doesn't take.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureKey } from "./member.ts";
 * assertEquals(measureKey(["due", "é", 7]).bytes, (3 + 2) + (2 + 2) + 9);
 * ```
 */
export function measureKey(key: Deno.KvKey): KeyMeasure {
  const meter = new KeyMeter();
  meter.read(key);
  return { bytes: meter.bytes, print: meter.print };
}

/**
 * Tells whether two keys are the same to Deno KV.
 *
 * @param a One key.
 * @param b The other key.
 * @returns False also for a string with a lone surrogate and its well-formed twin, which KV takes for one.
 *
 * @example
 * ```ts
 * import { assert, assertFalse } from "@std/assert";
 * import { sameKey } from "./member.ts";
 * assert(sameKey(["agenda", 7], ["agenda", 7]));
 * assertFalse(sameKey(["agenda", 7], ["agenda", 7n]));
 * ```
 */
export function sameKey(a: Deno.KvKey, b: Deno.KvKey): boolean {
  return a.length === b.length && a.every((part, index) => samePart(part, b[index]));
}

function samePart(a: Deno.KvKeyPart, b: Deno.KvKeyPart | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
  }
  return Object.is(a, b);
}

/** The bytes of a mutation's value; asserts what `commit` would refuse. */
function valueBytes(mutation: Mutation, limits: AtomicLimits): number {
  switch (mutation.kind) {
    case "set": {
      const { value, expire_in_ms } = mutation;
      assert(value instanceof Uint8Array, "Cannot commit: a value must be a Uint8Array");
      assertWithin("bytes in a value", value.length, limits.value_bytes_max);
      if (expire_in_ms !== undefined) assertExpiry(expire_in_ms);
      return value.length;
    }
    case "entry":
      assertExpiry(mutation.expire_in_ms);
      return ENTRY_BYTES_MAX;
    case "sum":
      assert(
        mutation.amount >= 0n && mutation.amount <= U64_MAX,
        "Cannot commit: an amount must fit in 64 bits without a sign",
      );
      return 8;
    case "lease":
      return leasedBytesMax(mutation.leased);
    case "mark":
    case "delete":
      return 0;
  }
}

function assertExpiry(expire_in_ms: number): void {
  if (Number.isSafeInteger(expire_in_ms) && expire_in_ms > 0) return;
  fail(`Cannot commit: expire_in_ms must be a positive integer, current value is ${expire_in_ms}`);
}

function assertWithin(what: string, amount: number, max: number): void {
  if (amount > max) fail(`Cannot commit: at most ${max} ${what}, current value is ${amount}`); // no text unless needed
}

function readKey(meter: KeyMeter, key: Deno.KvKey, limits: AtomicLimits): void {
  assert(key.length > 0, "Cannot commit: a key must not be empty");
  meter.read(key);
  assertWithin("bytes in a key", meter.bytes, limits.key_bytes_max);
}

/**
 * Measures a member, and refuses one that no atomic operation could take, so that it never spoils a group.
 *
 * @param member The member.
 * @param limits What an atomic operation may hold.
 * @returns Its size, exact to the byte, and the fingerprints of its keys.
 * @throws {AssertionError} If it is beyond a limit by itself, or holds what KV refuses. Keys and values aren't named:
 * they may hold what belongs in no log.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureMember } from "./member.ts";
 * const value = new Uint8Array(100);
 * assertEquals(measureMember({ checks: [], mutations: [{ kind: "set", key: ["a"], value }] }).bytes, 106);
 * ```
 */
export function measureMember(member: Member, limits: AtomicLimits = ATOMIC_LIMITS): MeasuredMember {
  let bytes = 0;
  let key_bytes_total = 0;
  let lease_bytes = 0;
  let alone = false;
  const key = new KeyMeter();
  const check_prints: number[] = [];
  const mutation_prints: number[] = [];
  for (const check of member.checks) {
    assert(
      check.versionstamp === null || VERSIONSTAMP.test(check.versionstamp),
      "Cannot commit: a versionstamp must be null or 20 hexadecimal digits",
    );
    readKey(key, check.key, limits);
    check_prints.push(key.print);
    bytes += key.bytes;
  }
  for (const mutation of member.mutations) {
    readKey(key, mutation.key, limits);
    mutation_prints.push(key.print);
    const value_bytes = valueBytes(mutation, limits);
    bytes += key.bytes + value_bytes;
    if (mutation.kind !== "delete") {
      bytes += key.bytes; // KV counts the key of what carries a value twice
      key_bytes_total += key.bytes;
    }
    if (mutation.kind === "lease") lease_bytes += value_bytes;
    if (mutation.kind === "sum") alone = true;
  }
  assertWithin("checks in an atomic operation", check_prints.length, limits.checks_max);
  assertWithin("mutations in an atomic operation", mutation_prints.length, limits.mutations_max);
  assertWithin("bytes in an atomic operation", bytes, limits.bytes_max);
  assertWithin("bytes of keys in an atomic operation", key_bytes_total, limits.key_bytes_total_max);
  assertWithin("bytes in a value", lease_bytes, limits.value_bytes_max);
  return { member, bytes, key_bytes_total, lease_bytes, check_prints, mutation_prints, alone };
}
