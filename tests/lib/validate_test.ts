/**
 * Validation errors: JSON pointers, every fault at once, and no value in what they say.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import { fieldErrors, jsonPointer, validate, validationError } from "../../lib/validate.ts";

const schema = z.strictObject({
  name: z.string().max(5),
  kind: z.enum(["a", "b"]),
  pairs: z.record(z.string().max(5), z.union([z.number(), z.boolean()])).optional(),
  list: z.array(z.strictObject({ at: z.iso.datetime({ offset: true }), size: z.int().min(0).max(9) }))
    .optional(),
  url: z.url().optional(),
});

/** A JSON pointer taken apart by RFC 6901, section 4. */
function pointerParts(pointer: string): string[] {
  return pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function refusal(input: unknown, prefix?: string): AppError {
  return assertThrows(() => validate(schema, input, prefix), AppError);
}

Deno.test("jsonPointer() writes RFC 6901", () => {
  const table: [path: PropertyKey[], pointer: string][] = [
    [[], ""],
    [["url"], "/url"],
    [["filters", "goals", 0], "/filters/goals/0"],
    [["a/b"], "/a~1b"],
    [["m~n"], "/m~0n"],
    [["~1"], "/~01"],
    [[""], "/"],
    [[" "], "/ "],
  ];
  for (const [path, pointer] of table) assertEquals(jsonPointer(path), pointer);
});

Deno.test("jsonPointer() can be taken apart again, whatever the keys", () => {
  fc.assert(fc.property(fc.array(fc.string()), (keys) => {
    assertEquals(pointerParts(jsonPointer(keys)), keys);
  }));
});

Deno.test("validate() returns what the schema makes of the input", () => {
  const trimmed = z.strictObject({ name: z.string().trim(), size: z.int().default(3) });
  assertEquals(validate(trimmed, { name: " x " }), { name: "x", size: 3 });
});

Deno.test("validate() names every field at fault, unknown keys by their own pointers", () => {
  const error = refusal({
    name: "too long",
    kind: "c",
    list: [{ at: "now", size: 10, more: 1 }],
    "a/b": 1,
    other: 2,
  });
  assertEquals(error.code, "validation_failed");
  assertEquals(error.errors.map(({ path }) => path).sort(), [
    "/a~1b",
    "/kind",
    "/list/0/at",
    "/list/0/more",
    "/list/0/size",
    "/name",
    "/other",
  ]);
});

Deno.test("validate() puts the place of the input before every pointer", () => {
  const { errors } = refusal({ name: 1, kind: "a", extra: 1 }, "/events/3");
  assertEquals(errors.map(({ path }) => path).sort(), ["/events/3/extra", "/events/3/name"]);
  assertEquals(refusal("no object", "/events/3").errors.map(({ path }) => path), ["/events/3"]);
});

Deno.test("validate() names the whole body by the empty pointer", () => {
  for (const input of [null, undefined, [], "x", 1]) {
    assertEquals(refusal(input).errors.map(({ path }) => path), [""]);
    assert(refusal(input).message.startsWith("Cannot accept the input: the body: "));
  }
});

Deno.test("fieldErrors() is what validate() refuses with", () => {
  const input = { name: 1, kind: 2 };
  const parsed = schema.safeParse(input);
  assert(!parsed.success);
  assertEquals(fieldErrors(parsed.error), [...refusal(input).errors]);
});

Deno.test("validationError() tells the first fault and counts the rest", () => {
  const url = { path: "/url", message: "must be a URL" };
  const name = { path: "/name", message: "must be text" };
  assertEquals(validationError([url]).message, "Cannot accept the input: /url: must be a URL");
  assertEquals(
    validationError([url, name, name]).message,
    "Cannot accept the input: /url: must be a URL (and 2 more)",
  );
  assertEquals(validationError([url, name]).errors, [url, name]);
});

Deno.test("validationError() lists a hundred faults at most and counts them all", () => {
  const faults = Array.from({ length: 150 }, (_, n) => ({ path: `/k${n}`, message: "Unknown key" }));
  const { message, errors } = validationError(faults);
  assertEquals(message, "Cannot accept the input: /k0: Unknown key (and 149 more)");
  assertEquals(errors, faults.slice(0, 100));
});

Deno.test("validate() never puts a value of the input into what it says", () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/);
  const places: ((value: string) => unknown)[] = [
    (value) => value,
    (value) => [value],
    (value) => ({ name: value, kind: "a" }),
    (value) => ({ name: { value }, kind: value }),
    (value) => ({ name: "x", kind: "a", pairs: { x: value } }),
    (value) => ({ name: "x", kind: "a", pairs: value }),
    (value) => ({ name: "x", kind: "a", list: [{ at: value, size: value }] }),
    (value) => ({ name: "x", kind: "a", url: `no url ${value}` }),
    (value) => ({ name: "x", kind: "a", unknown: value }),
  ];
  fc.assert(fc.property(secret, fc.constantFrom(...places), (value, place) => {
    const error = refusal(place(value));
    assertFalse(JSON.stringify([error.message, error.errors]).includes(value));
  }));
});
