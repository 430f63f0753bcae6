/**
 * JSON merge patch against RFC 7396: its own examples, and what must hold for any patch.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../../lib/errors.ts";
import { isJsonObject, type JsonObject, mergePatch } from "../../lib/merge_patch.ts";

/** Few keys, so that target and patch really meet; `__proto__` and its like among them. */
const key = fc.constantFrom("a", "b", "c", "__proto__", "constructor", "");
const { value: json } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 0, 1, "x", ""),
    fc.array(tie("value"), { maxLength: 3 }),
    // Parsed, as a request's body is: there `__proto__` is a key of the object's own.
    fc.array(fc.tuple(key, tie("value")), { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs)),
  ),
}));
const jsonObject = json.filter(isJsonObject);

function hasNull(value: unknown): boolean {
  return value === null || (isJsonObject(value) && Object.values(value).some(hasNull));
}

Deno.test("isJsonObject() tells an object from null, arrays and scalars", () => {
  assert(isJsonObject({}));
  for (const other of [null, undefined, [], [{}], "x", 1, true]) assertFalse(isJsonObject(other));
});

Deno.test("mergePatch() answers the examples of RFC 7396, appendix A", () => {
  const table: [target: JsonObject, patch: JsonObject, result: JsonObject][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of table) {
    assertEquals(mergePatch(target, patch), result, JSON.stringify(patch));
  }
});

Deno.test("mergePatch() replaces arrays whole and keeps the nulls inside them", () => {
  assertEquals(mergePatch({ a: [1, 2, 3] }, { a: [null, { b: null }] }), { a: [null, { b: null }] });
  assertEquals(mergePatch({ a: [1, 2, 3] }, { a: [] }), { a: [] });
});

Deno.test("mergePatch() treats __proto__ as a key like any other", () => {
  const merged = mergePatch({ a: 1 }, JSON.parse('{"__proto__":{"enabled":false}}'));
  assertEquals(Object.keys(merged), ["a", "__proto__"]);
  assertEquals(Object.getPrototypeOf(merged), Object.prototype);
  assertEquals(merged["enabled"], undefined);
});

Deno.test("mergePatch() by the empty patch changes nothing", () => {
  fc.assert(fc.property(jsonObject, (target) => assertEquals(mergePatch(target, {}), target)));
});

Deno.test("mergePatch() applied twice is mergePatch() applied once", () => {
  fc.assert(fc.property(jsonObject, jsonObject, (target, patch) => {
    const once = mergePatch(target, patch);
    assertEquals(mergePatch(once, patch), once);
  }));
});

Deno.test("mergePatch() leaves target and patch as they are", () => {
  fc.assert(fc.property(jsonObject, jsonObject, (target, patch) => {
    const before = JSON.stringify([target, patch]);
    mergePatch(target, patch);
    assertEquals(JSON.stringify([target, patch]), before);
  }));
});

Deno.test("mergePatch() lets no null of the patch into the result, at any depth", () => {
  fc.assert(fc.property(jsonObject, (patch) => assertFalse(hasNull(mergePatch({}, patch)))));
});

Deno.test("mergePatch() removes what is null, sets what is there, and leaves the rest", () => {
  fc.assert(fc.property(jsonObject, jsonObject, (target, patch) => {
    const merged = new Map(Object.entries(mergePatch(target, patch)));
    const before = new Map(Object.entries(target));
    const changes = new Map(Object.entries(patch));
    for (const name of new Set([...before.keys(), ...changes.keys(), ...merged.keys()])) {
      const change = changes.get(name);
      if (!changes.has(name)) assertEquals(merged.get(name), before.get(name));
      else if (change === null) assertFalse(merged.has(name));
      else if (isJsonObject(change)) assert(isJsonObject(merged.get(name)));
      else assertEquals(merged.get(name), change);
    }
  }));
});

function nested(levels: number): JsonObject {
  return JSON.parse('{"a":'.repeat(levels) + "1" + "}".repeat(levels));
}

Deno.test("mergePatch() takes 32 levels and refuses the 33rd", () => {
  assertEquals(mergePatch({}, nested(32)), nested(32));
  const refused = assertThrows(() => mergePatch({}, nested(33)), AppError, "at most 32 levels");
  assertEquals(refused.code, "validation_failed");
});

Deno.test("mergePatch() refuses a patch as deep as a body can be, instead of running out of stack", () => {
  const levels = Math.floor(64 * 1024 / '{"a":}'.length);
  assertThrows(() => mergePatch({}, nested(levels)), AppError);
  assertThrows(() => mergePatch(nested(32), nested(levels)), AppError);
});
