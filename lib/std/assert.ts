/**
 * The part of `@std/assert` that Tidings uses, with the same signatures and meanings, built on `node:assert/strict`.
 *
 * The import map in `deno.json` resolves `@std/assert` to this file because the real package lives on JSR, which not
 * every network reaches. Replacing that line by `jsr:@std/assert@1` must need no other change, so nothing may be added
 * here that the real package does not have. The wording of failures may differ: `node:assert` draws the comparison.
 * `lib/` asserts its invariants with this in production, so nothing here may need a permission.
 *
 * @module
 */
import { AssertionError as NodeAssertionError } from "node:assert/strict";
import { inspect } from "node:util";
import { AssertionError, ending } from "./assertion_error.ts";
import { equal } from "./equal.ts";
import { matches } from "./matches.ts";

export { AssertionError } from "./assertion_error.ts";
export { assertRejects, assertThrows } from "./throws.ts";

/** What {@linkcode assertFalse} leaves a value to be. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** What {@linkcode assertArrayIncludes} takes: arrays and array-likes, but not strings. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

function show(value: unknown): string {
  return inspect(value, { depth: Infinity, sorted: true });
}

function comparison(actual: unknown, expected: unknown, operator: "deepStrictEqual" | "strictEqual"): string {
  return new NodeAssertionError({ actual, expected, operator }).message;
}

/**
 * Asserts that a condition holds.
 *
 * @param expr The condition.
 * @param msg What holds, in words, for whoever reads the failure.
 * @throws {AssertionError} If it is falsy.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * assert(1 < 2, "one is less than two");
 * ```
 */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/**
 * Asserts that a condition does not hold.
 *
 * @param expr The condition.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it is truthy.
 */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/**
 * Asserts that two values are deeply equal: `0` equals `-0`, `{ a: undefined }` differs from `{}`.
 *
 * @param actual The value at hand.
 * @param expected The value it should equal.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If they are not equal.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals({ list: [1, 2] }, { list: [1, 2] });
 * ```
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${ending(msg)}\n${comparison(actual, expected, "deepStrictEqual")}`,
  );
}

/**
 * Asserts that two values are not deeply equal.
 *
 * @param actual The value at hand.
 * @param expected The value it should differ from.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If they are equal.
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(`Expected actual: ${show(actual)} not to be: ${show(expected)}${ending(msg)}`);
}

/**
 * Asserts that two values are the same one (`Object.is`).
 *
 * @param actual The value at hand.
 * @param expected The value it should be.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If they are not the same.
 */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw new AssertionError(
    `Values are not strictly equal${ending(msg)}\n${comparison(actual, expected, "strictEqual")}`,
  );
}

/**
 * Asserts that two numbers are nearly the same.
 *
 * @param actual The number at hand.
 * @param expected The number it should be near.
 * @param tolerance How far apart they may be; by default a ten-millionth of `expected`.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If they are further apart.
 */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const distance = Math.abs(expected - actual);
  if (distance <= allowed) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to be close to "${expected}": "${distance}" is more than "${allowed}"${
      ending(msg)
    }`,
  );
}

/**
 * Asserts that a value is neither null nor undefined.
 *
 * @param actual The value at hand.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it is null or undefined.
 */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(`Expected actual: "${actual}" to not be null or undefined${ending(msg)}`);
}

/**
 * Asserts that a value is an instance of a class.
 *
 * @param actual The value at hand.
 * @param expectedType The class.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it is not.
 */
export function assertInstanceOf<
  // The real package has `any` here, and only that accepts every constructor.
  // deno-lint-ignore no-explicit-any
  T extends abstract new (...args: any[]) => any,
>(actual: unknown, expectedType: T, msg = ""): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const kind = typeof actual === "object" ? actual?.constructor?.name ?? "null" : typeof actual;
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}" but was "${kind}"${ending(msg)}`,
  );
}

/**
 * Asserts that a text matches a regular expression.
 *
 * @param actual The text at hand.
 * @param expected What it should match.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it does not match.
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${ending(msg)}`);
}

/**
 * Asserts that a text does not match a regular expression.
 *
 * @param actual The text at hand.
 * @param expected What it should not match.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it matches.
 */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to not match: "${expected}"${ending(msg)}`);
}

/**
 * Asserts that a text contains another.
 *
 * @param actual The text at hand.
 * @param expected What it should contain.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it does not contain it.
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${ending(msg)}`);
}

/**
 * Asserts that a list has an equal item for every item of another.
 *
 * @param actual The list at hand.
 * @param expected What it should have, in any order.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it lacks one.
 */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const present = Array.from(actual);
  const missing = Array.from(expected).filter((item) => !present.some((other) => equal(item, other)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${show(actual)}" to include: "${show(expected)}"${ending(msg)}\nmissing: ${
      show(missing)
    }`,
  );
}

/**
 * Asserts that an object has at least the keys and values of another, at any depth. Of an array the first items are
 * compared, as many as are expected.
 *
 * @param actual The object at hand.
 * @param expected What it should have.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it lacks something.
 */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- as in the real package: only this accepts interfaces
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (matches(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${ending(msg)}\n${comparison(actual, expected, "deepStrictEqual")}`,
  );
}

/**
 * Asserts that one value is greater than another.
 *
 * @param actual The value at hand.
 * @param expected What it should exceed.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it is not greater.
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} > ${show(expected)}`);
}

/**
 * Asserts that one value is greater than another or the same.
 *
 * @param actual The value at hand.
 * @param expected The least it should be.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it is less.
 */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual >= expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} >= ${show(expected)}`);
}

/**
 * Asserts that one value is less than another.
 *
 * @param actual The value at hand.
 * @param expected What it should stay below.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it is not less.
 */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} < ${show(expected)}`);
}

/**
 * Asserts that one value is less than another or the same.
 *
 * @param actual The value at hand.
 * @param expected The most it should be.
 * @param msg What was expected, in words.
 * @throws {AssertionError} If it is greater.
 */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual <= expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} <= ${show(expected)}`);
}

/**
 * Fails.
 *
 * @param msg Why, in words.
 * @throws {AssertionError} Always.
 */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${ending(msg)}`);
}

/**
 * Marks what no execution reaches.
 *
 * @param msg Why it can't be reached, in words.
 * @throws {AssertionError} Always.
 */
export function unreachable(msg?: string): never {
  throw new AssertionError(`Unreachable${ending(msg)}`);
}
