/**
 * What Tidings relies on of `@std/assert` and `@std/crypto`, whatever the import map resolves them to: these tests pass
 * with the real packages too, so they check that replacing the two lines changes nothing.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";
import { timingSafeEqual } from "@std/crypto";
import { fileURLToPath } from "node:url";

/** Not with `assertThrows`, which is itself under test here. */
function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function rejectionOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function passes(name: string, run: () => unknown): void {
  const error = failureOf(run);
  if (error !== undefined) throw new Error(`should pass: ${name}`, { cause: error });
}

function fails(name: string, run: () => unknown): void {
  const error = failureOf(run);
  if (!(error instanceof AssertionError) || error.name !== "AssertionError") {
    throw new Error(`should fail with an AssertionError: ${name}`, { cause: error });
  }
}

function cyclic(value: number): unknown {
  const object: Record<string, unknown> = { value };
  object["self"] = object;
  return object;
}

class Point {
  readonly #x: number;
  constructor(x: number) {
    this.#x = x;
  }
  get x(): number {
    return this.#x;
  }
}

const EQUAL: readonly (readonly [string, unknown, unknown])[] = [
  ["zeroes of both signs", 0, -0],
  ["not-a-number", NaN, NaN],
  ["objects in another order of keys", { a: 1, b: [2] }, { b: [2], a: 1 }],
  ["an object without a prototype", Object.create(null), {}],
  ["dates", new Date(5), new Date(5)],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["buffers", new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer],
  ["sets in another order", new Set([1, { a: 2 }]), new Set([{ a: 2 }, 1])],
  [
    "maps in another order",
    new Map<unknown, unknown>([[{ k: 1 }, 1], ["b", 2]]),
    new Map<unknown, unknown>([["b", 2], [{ k: 1 }, 1]]),
  ],
  ["regular expressions", /a/g, /a/g],
  ["URLs", new URL("http://a/x"), new URL("http://A/x")],
  ["cycles", cyclic(1), cyclic(1)],
  ["instances by their getters", new Point(1), new Point(1)],
];

const DIFFERENT: readonly (readonly [string, unknown, unknown])[] = [
  ["a number and its text", 1, "1"],
  ["null and undefined", null, undefined],
  ["a key that is undefined and none", { a: undefined }, {}],
  ["keys of the same number", { a: undefined }, { b: undefined }],
  ["a shorter list", [1, 2], [1]],
  ["a list and an object", [1], { 0: 1 }],
  ["dates", new Date(5), new Date(6)],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  ["bytes of another type", new Uint8Array([1]), new Int8Array([1])],
  ["buffers of other lengths", new ArrayBuffer(1), new ArrayBuffer(2)],
  ["sets", new Set([1, { a: 2 }]), new Set([1, { a: 3 }])],
  ["maps", new Map([["a", { b: 1 }]]), new Map([["a", { b: 2 }]])],
  ["flags", /a/g, /a/i],
  ["URLs", new URL("http://a/x"), new URL("http://a/y")],
  ["cycles", cyclic(1), cyclic(2)],
  ["instances by their getters", new Point(1), new Point(2)],
  ["an instance and a plain object", new Error("a"), { message: "a" }],
  ["functions", () => 1, () => 1],
];

Deno.test("assertEquals() and assertNotEquals() compare deeply", () => {
  for (const [name, a, b] of EQUAL) {
    passes(name, () => assertEquals(a, b));
    passes(name, () => assertEquals(b, a));
    fails(name, () => assertNotEquals(a, b));
  }
  for (const [name, a, b] of DIFFERENT) {
    fails(name, () => assertEquals(a, b));
    fails(name, () => assertEquals(b, a));
    passes(name, () => assertNotEquals(a, b));
  }
});

Deno.test("assertEquals() can't compare what can't be looked into", () => {
  const error = failureOf(() => assertEquals(new WeakSet(), new WeakSet()));
  assert(error instanceof TypeError);
});

Deno.test("assertEquals() shows both values and the caller's words", () => {
  const error = failureOf(() => assertEquals({ a: "left" }, { a: "right" }, "why"));
  assert(error instanceof AssertionError);
  for (const part of ["Values are not equal: why", "left", "right"]) {
    assert(error.message.includes(part), part);
  }
});

Deno.test("assert() and assertFalse() narrow, and fail with the caller's words", () => {
  const text: string | null = Math.abs(-1) === 1 ? "x" : null;
  assert(text !== null);
  assertEquals(text.length, 1);
  passes("falsy", () => assertFalse(0));
  fails("truthy", () => assertFalse("x"));
  const error = failureOf(() => assert(false, "the words"));
  assert(error instanceof AssertionError && error.message === "the words");
});

Deno.test("the assertions on single values tell right from wrong", () => {
  passes("same", () => assertStrictEquals(NaN, NaN));
  fails("signs of zero", () => assertStrictEquals(0, -0));
  fails("equal but not the same", () => assertStrictEquals({}, {}));
  passes("zero exists", () => assertExists(0));
  fails("null", () => assertExists(null));
  fails("undefined", () => assertExists(undefined));
  passes("subclass", () => assertInstanceOf(new TypeError(), Error));
  fails("null is no instance", () => assertInstanceOf(null, Error));
  fails("another class", () => assertInstanceOf(new Date(), Error));
  passes("near", () => assertAlmostEquals(0.1 + 0.2, 0.3));
  passes("within the tolerance", () => assertAlmostEquals(1, 1.5, 0.5));
  fails("outside the tolerance", () => assertAlmostEquals(1, 1.5, 0.4));
  fails("not near", () => assertAlmostEquals(1, 1.00001));
  fails("not-a-number", () => assertAlmostEquals(NaN, 1));
});

Deno.test("the assertions on texts and lists tell right from wrong", () => {
  passes("match", () => assertMatch("abc", /b/));
  fails("no match", () => assertMatch("abc", /x/));
  passes("no match", () => assertNotMatch("abc", /x/));
  fails("match", () => assertNotMatch("abc", /b/));
  passes("part", () => assertStringIncludes("abc", "bc"));
  fails("no part", () => assertStringIncludes("abc", "cb"));
  passes("in any order", () => assertArrayIncludes([1, { a: [2] }, 3], [3, { a: [2] }]));
  fails("one is missing", () => assertArrayIncludes([1, { a: [2] }], [1, { a: [3] }]));
});

Deno.test("the assertions on order tell right from wrong", () => {
  passes("2 > 1", () => assertGreater(2, 1));
  fails("1 > 1", () => assertGreater(1, 1));
  passes("1 >= 1", () => assertGreaterOrEqual(1, 1));
  fails("0 >= 1", () => assertGreaterOrEqual(0, 1));
  passes("1 < 2", () => assertLess(1, 2));
  fails("1 < 1", () => assertLess(1, 1));
  passes("1 <= 1", () => assertLessOrEqual(1, 1));
  fails("2 <= 1", () => assertLessOrEqual(2, 1));
  fails("not-a-number compares with nothing", () => assertLessOrEqual(NaN, 1));
});

Deno.test("assertObjectMatch() looks at what is expected only", () => {
  const actual = { a: 1, b: { c: [1, { d: 2, e: 3 }, 4], f: new Date(0) }, g: undefined };
  passes("nothing expected", () => assertObjectMatch(actual, {}));
  passes("a part", () => assertObjectMatch(actual, { b: { c: [1, { d: 2 }] } }));
  passes("a date", () => assertObjectMatch(actual, { b: { f: new Date(0) } }));
  passes("undefined that is there", () => assertObjectMatch(actual, { g: undefined }));
  passes(
    "maps and sets",
    () =>
      assertObjectMatch({ m: new Map([[1, 1], [2, 2]]), s: new Set([1, 2]) }, {
        m: new Map([[1, 1]]),
        s: new Set([2]),
      }),
  );
  fails("another value", () => assertObjectMatch(actual, { a: 2 }));
  fails("undefined that is not there", () => assertObjectMatch(actual, { x: undefined }));
  fails("a longer list", () => assertObjectMatch(actual, { b: { c: [1, { d: 2 }, 4, 5] } }));
  fails("another date", () => assertObjectMatch(actual, { b: { f: new Date(1) } }));
  fails("a list for an object", () => assertObjectMatch(actual, { b: [] }));
  fails("a value deep inside", () => assertObjectMatch(actual, { b: { c: [1, { d: 9 }] } }));
});

Deno.test("assertThrows() returns the error, and fails for any other outcome", () => {
  const thrown = new TypeError("a b c");
  const throwIt = (): never => {
    throw thrown;
  };
  assertStrictEquals(assertThrows(throwIt), thrown);
  assertStrictEquals(assertThrows(throwIt, Error, "b"), thrown);
  assertStrictEquals(assertThrows(throwIt, TypeError), thrown);
  fails("no error", () => assertThrows(() => 1, "words"));
  fails("another class", () => assertThrows(throwIt, RangeError));
  fails("another message", () => assertThrows(throwIt, TypeError, "x"));
  fails("no Error thrown", () =>
    assertThrows(() => {
      // deno-lint-ignore no-throw-literal -- that is the case
      throw "text";
    }, Error));
});

Deno.test("assertRejects() returns the error, and fails for any other outcome", async () => {
  const rejected = new TypeError("a b c");
  const reject = (): Promise<never> => Promise.reject(rejected);
  assertStrictEquals(await assertRejects(reject), rejected);
  assertStrictEquals(await assertRejects(reject, Error, "b"), rejected);
  const outcomes: [string, () => Promise<unknown>][] = [
    ["no rejection", () => assertRejects(() => Promise.resolve(1))],
    ["another class", () => assertRejects(reject, RangeError)],
    ["another message", () => assertRejects(reject, TypeError, "x")],
    ["an error thrown at once", () =>
      assertRejects(() => {
        throw rejected;
      }, TypeError)],
    ["no Error rejected with", () => assertRejects(() => Promise.reject("text"), Error)],
  ];
  for (const [name, run] of outcomes) {
    const error = await rejectionOf(run);
    assert(error instanceof AssertionError, name);
  }
});

Deno.test("fail() and unreachable() say why", () => {
  const failed = failureOf(() => fail("why"));
  const reached = failureOf(() => unreachable("why"));
  assert(failed instanceof AssertionError && reached instanceof AssertionError);
  assertEquals([failed.message, reached.message], ["Failed assertion: why", "Unreachable: why"]);
});

Deno.test("AssertionError keeps its cause", () => {
  const cause = new Error("first");
  assertStrictEquals(new AssertionError("second", { cause }).cause, cause);
});

Deno.test("the assertions need no permission", async () => {
  const code = `import { assertEquals } from "@std/assert";
    try {
      assertEquals({ a: 1 }, { a: 2 });
    } catch (error) {
      console.log(error.name);
    }`;
  const config = fileURLToPath(import.meta.resolve("../deno.json"));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--quiet", "--no-lock", "--config", config],
      `data:text/javascript,${encodeURIComponent(code)}`,
    ],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stdout), "AssertionError\n", decoder.decode(stderr));
});

Deno.test("timingSafeEqual() compares bytes behind any view", () => {
  const bytes = new Uint8Array([0, 1, 2, 3, 4]);
  assert(timingSafeEqual(bytes, bytes.slice()));
  assert(timingSafeEqual(bytes.buffer, new DataView(bytes.buffer)));
  assert(timingSafeEqual(bytes.subarray(1, 3), new Uint8Array([1, 2])));
  assertFalse(timingSafeEqual(bytes, new Uint8Array([0, 1, 2, 3, 5])));
  assert(timingSafeEqual(new Uint8Array(), new Uint8Array()));
});

Deno.test("timingSafeEqual() refuses bytes of other lengths", () => {
  assertThrows(() => timingSafeEqual(new Uint8Array(1), new Uint8Array(2)), TypeError);
});
