/**
 * Deep equality as `@std/assert` has it.
 *
 * Owns the comparison only. `isDeepStrictEqual` of `node:util` can't stand in for it: there `0` differs from `-0`, an
 * object without a prototype from `{}`, and getters of a class are not looked at. Where the two packages differ, a
 * test that passes here would fail with the real one.
 *
 * @module
 */

type Seen = Map<object, object>;

const TypedArray = Object.getPrototypeOf(Uint8Array) as abstract new () => ArrayLike<number | bigint>;

/** Classes whose instances are equal when their texts are (a regular expression's `lastIndex` does not count). */
const TEXT_CLASSES: readonly (abstract new (text: string) => object)[] = [RegExp, URL, URLSearchParams];

/**
 * Compares two values deeply.
 *
 * Equal are: the same primitive (`NaN` equals itself, `0` equals `-0`), the same function, dates of the same
 * time, buffers of the same bytes, sets and maps of equal entries in any order, and objects of the same prototype with
 * the same keys and equal values. `{ a: undefined }` differs from `{}`.
 *
 * @param a One value.
 * @param b The other value.
 * @returns Whether they are equal.
 * @throws {TypeError} If both are weak collections, whose content can't be seen.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { equal } from "./equal.ts";
 * assert(equal({ list: [1, new Map([["k", 0]])] }, { list: [1, new Map([["k", -0]])] }));
 * assert(!equal({ a: undefined }, {}));
 * ```
 */
export function equal(a: unknown, b: unknown): boolean {
  return valuesEqual(a, b, new Map());
}

function valuesEqual(a: unknown, b: unknown, seen: Seen): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (!prototypesEqual(a, b)) return false;
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  // A pair that is being compared further up: a cycle on both sides.
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  const same = objectsEqual(a, b, seen);
  if (!same) seen.delete(a);
  return same;
}

function prototypesEqual(a: object, b: object): boolean {
  const plain = (value: object): object => Object.getPrototypeOf(value) ?? Object.prototype;
  return plain(a) === plain(b);
}

function objectsEqual(a: object, b: object, seen: Seen): boolean {
  if (a instanceof TypedArray && b instanceof TypedArray) return numbersEqual(a, b);
  if (isBuffer(a) && isBuffer(b)) return numbersEqual(new Uint8Array(a), new Uint8Array(b));
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  if (a instanceof Set && b instanceof Set) return entriesEqual([...a], [...b], seen);
  if (a instanceof Map && b instanceof Map) return entriesEqual([...a], [...b], seen);
  if (TEXT_CLASSES.some((textClass) => Object.getPrototypeOf(a) === textClass.prototype)) {
    return String(a) === String(b);
  }
  for (const key of new Set([...keysOf(a), ...keysOf(b)])) {
    if (key in a !== key in b) return false;
    if (!valuesEqual(Reflect.get(a, key), Reflect.get(b, key), seen)) return false;
  }
  return true;
}

function isBuffer(value: object): value is ArrayBufferLike {
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

function numbersEqual(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    if (a[index] !== b[index] && !Object.is(a[index], b[index])) return false;
  }
  return true;
}

function entriesEqual(a: readonly unknown[], b: readonly unknown[], seen: Seen): boolean {
  return a.length === b.length && a.every((one) => b.some((other) => valuesEqual(one, other, seen)));
}

/** Plain objects and arrays: the enumerable keys. Instances of classes: all of them, getters and methods too. */
function keysOf(value: object): Set<PropertyKey> {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype || prototype === Array.prototype) {
    return new Set(Reflect.ownKeys({ ...value }));
  }
  const keys = new Set<PropertyKey>();
  let owner: object | null = value;
  while (owner !== null && owner !== Object.prototype) {
    for (const key of Reflect.ownKeys(owner)) keys.add(key);
    owner = Object.getPrototypeOf(owner);
  }
  return keys;
}
