/**
 * Whether an object has at least what another has, as `assertObjectMatch` of `@std/assert` means it.
 *
 * Owns that comparison only. It must never look at anything the expected value doesn't name.
 *
 * @module
 */
import { equal } from "./equal.ts";

/**
 * Compares a value with a pattern of it: objects by the pattern's keys, arrays by the pattern's length, maps and sets by
 * the pattern's entries, everything else by deep equality.
 *
 * @param actual The value at hand.
 * @param expected The pattern.
 * @returns Whether the value has everything the pattern has.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { matches } from "./matches.ts";
 * assert(matches({ a: 1, list: [1, 2] }, { list: [1] }));
 * ```
 */
export function matches(actual: unknown, expected: unknown): boolean {
  return hasAll(actual, expected, new WeakMap());
}

function hasAll(actual: unknown, expected: unknown, seen: WeakMap<object, unknown>): boolean {
  if (!isCompound(actual) || !isCompound(expected)) return equal(actual, expected);
  if (seen.get(expected) === actual) return true;
  seen.set(expected, actual);
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.length >= expected.length &&
      expected.every((item, index) => hasAll(actual[index], item, seen));
  }
  if (actual instanceof Map && expected instanceof Map) {
    return [...expected].every(([key, value]) => actual.has(key) && hasAll(actual.get(key), value, seen));
  }
  if (actual instanceof Set && expected instanceof Set) return expected.isSubsetOf(actual);
  if (Array.isArray(expected) || expected instanceof Map || expected instanceof Set) return false;
  return Reflect.ownKeys(expected).every((key) =>
    Object.hasOwn(actual, key) && hasAll(Reflect.get(actual, key), Reflect.get(expected, key), seen)
  );
}

function isCompound(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Date) &&
    !(value instanceof RegExp);
}
