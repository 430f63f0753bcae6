/**
 * Faults in words: what must be, and never what was.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { z } from "zod";
import "../../lib/fault_text.ts";

Deno.test("faultText() says what a value must be", () => {
  const cases: [z.ZodType, unknown, string][] = [
    [z.string(), undefined, "must be given"],
    [z.string(), 7, "must be a string"],
    [z.int(), 1.5, "must be a whole number"],
    [z.int(), "1", "must be a number"],
    [z.boolean(), "yes", "must be true or false"],
    [z.array(z.string()), {}, "must be a list"],
    [z.strictObject({}), [], "must be an object"],
    [z.record(z.string(), z.string()), 1, "must be an object"],
    [z.string().min(1), "", "must have at least 1 characters"],
    [z.string().max(3), "four", "must have at most 3 characters"],
    [z.array(z.int()).min(1), [], "must have at least 1 entries"],
    [z.array(z.int()).max(1), [1, 2], "must have at most 1 entries"],
    [z.number().min(1), 0, "must be at least 1"],
    [z.number().max(1), 2, "must be at most 1"],
    [z.number().positive(), 0, "must be more than 0"],
    [z.enum(["a", "b"]), "c", "must be one of a, b"],
    [z.literal("*"), "c", 'must be "*"'],
    [z.union([z.string(), z.number()]), true, "must be of another kind"],
    [z.union([z.string(), z.number()]), undefined, "must be given"],
    [
      z.iso.datetime({ offset: true }),
      "noon",
      "must be an RFC 3339 date and time with an offset, such as 2026-02-25T12:00:00Z",
    ],
    [z.string().regex(/^a$/, "must be an a"), "b", "must be an a"],
  ];
  for (const [schema, input, text] of cases) {
    assertEquals(schema.safeParse(input).error?.issues.map(({ message }) => message), [text], text);
  }
});
