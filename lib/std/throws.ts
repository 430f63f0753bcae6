/**
 * The assertions on errors, as `@std/assert` has them.
 *
 * Owns `assertThrows` and `assertRejects`, which `lib/std/assert.ts` exports. They must never let an error of another
 * class pass for the one expected.
 *
 * @module
 */
import { AssertionError, ending } from "./assertion_error.ts";

/** A class of errors. The real package has `any` here, and only that accepts every constructor. */
// deno-lint-ignore no-explicit-any
type ErrorConstructorOf<E extends Error> = abstract new (...args: any[]) => E;

/**
 * Asserts that a function throws.
 *
 * @param fn The function.
 * @param msg What was expected, in words.
 * @returns What it threw.
 * @throws {AssertionError} If it returns.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * assertThrows(() => JSON.parse("{"), SyntaxError, "JSON");
 * ```
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that a function throws an error of a class.
 *
 * @param fn The function.
 * @param ErrorClass The class of the error.
 * @param msgIncludes What the error's message contains.
 * @param msg What was expected, in words.
 * @returns The error.
 * @throws {AssertionError} If it returns or throws something else.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructorOf<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClassOrMsg?: ErrorConstructorOf<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const expected = expectation(errorClassOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    checkError(error, expected, "thrown");
    return error;
  }
  throw new AssertionError(`Expected function to throw${ending(expected.msg)}`);
}

/**
 * Asserts that a function returns a promise that rejects.
 *
 * @param fn The function.
 * @param msg What was expected, in words.
 * @returns What it rejected with.
 * @throws {AssertionError} If it resolves, throws at once, or returns no promise.
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that a function returns a promise that rejects with an error of a class.
 *
 * @param fn The function.
 * @param ErrorClass The class of the error.
 * @param msgIncludes What the error's message contains.
 * @param msg What was expected, in words.
 * @returns The error.
 * @throws {AssertionError} If it resolves, throws at once, returns no promise, or rejects with something else.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructorOf<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorConstructorOf<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const expected = expectation(errorClassOrMsg, msgIncludes, msg);
  const promise = promiseOf(fn, expected.msg);
  try {
    await promise;
  } catch (error) {
    checkError(error, expected, "rejected");
    return error;
  }
  throw new AssertionError(`Expected function to reject${ending(expected.msg)}`);
}

function promiseOf(fn: () => PromiseLike<unknown>, msg: string | undefined): PromiseLike<unknown> {
  let result: PromiseLike<unknown> | undefined;
  try {
    result = fn();
  } catch {
    // Told below: an error thrown at once is no rejection, and a caller who awaits would not see the difference.
  }
  if (typeof result?.then === "function") return result;
  throw new AssertionError(`Function throws when expected to reject${ending(msg)}`);
}

interface ErrorExpectation {
  readonly errorClass: ErrorConstructorOf<Error> | undefined;
  readonly msgIncludes: string | undefined;
  readonly msg: string | undefined;
}

function expectation(
  errorClassOrMsg: ErrorConstructorOf<Error> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): ErrorExpectation {
  if (typeof errorClassOrMsg === "string") {
    return { errorClass: undefined, msgIncludes: undefined, msg: errorClassOrMsg };
  }
  return { errorClass: errorClassOrMsg, msgIncludes, msg };
}

function checkError(error: unknown, expected: ErrorExpectation, how: "thrown" | "rejected"): void {
  const { errorClass, msgIncludes, msg } = expected;
  if (errorClass === undefined) return;
  if (!(error instanceof Error)) throw new AssertionError(`A non-Error object was ${how}${ending(msg)}`);
  const matchesClass: boolean = error instanceof errorClass;
  if (!matchesClass) {
    throw new AssertionError(
      `Expected error to be instance of "${errorClass.name}", but was "${error.constructor.name}"${
        ending(msg)
      }`,
    );
  }
  if (msgIncludes && !error.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include ${JSON.stringify(msgIncludes)}, but got ${
        JSON.stringify(error.message)
      }${ending(msg)}`,
    );
  }
}
