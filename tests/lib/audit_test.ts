/**
 * The names of what changed, never the values.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { changedFields } from "../../lib/audit.ts";

Deno.test("changedFields() names what differs, as deep as it lies", () => {
  const table: [before: Record<string, unknown>, after: Record<string, unknown>, names: string[]][] = [
    [{}, {}, []],
    [{ a: 1 }, { a: 1 }, []],
    [{ a: 1 }, { a: 2 }, ["a"]],
    [{ a: 1 }, {}, ["a"]],
    [{}, { a: null }, ["a"]],
    [{ a: null }, { a: 1 }, ["a"]],
    [{ a: [1, 2] }, { a: [2, 1] }, ["a"]],
    [{ a: { b: 1, c: 1 } }, { a: { c: 2, b: 1 } }, ["a.c"]],
    [{ a: { b: { c: [] } } }, { a: { b: { c: ["x"] } } }, ["a.b.c"]],
    [{ headers: { "X-Old": "1" } }, { headers: { "X-New": "1" } }, ["headers.X-New", "headers.X-Old"]],
    [{ b: 1, a: 1 }, { a: 2, b: 2 }, ["a", "b"]],
    [{ a: 1 }, { a: { b: 1 } }, ["a"]],
  ];
  for (const [before, after, names] of table) assertEquals(changedFields(before, after), names);
});

Deno.test("changedFields() is empty exactly for objects that are the same", () => {
  const object = fc.dictionary(
    fc.constantFrom("a", "b", "c"),
    fc.oneof(fc.nat(2), fc.object({ maxDepth: 1 })),
  );
  fc.assert(fc.property(object, (value) => {
    assertEquals(changedFields(value, structuredClone(value)), []);
    assertEquals(changedFields(value, { ...value, added: 1 }), ["added"]);
  }));
});
