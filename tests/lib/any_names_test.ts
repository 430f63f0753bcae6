/**
 * Names that a caller chooses.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { withAnyNames } from "../../lib/any_names.ts";

Deno.test("withAnyNames() refuses __proto__, which would be left out without a word, and takes every other name", () => {
  for (const schema of [z.record(z.string(), z.string()), z.looseObject({})]) {
    const named = withAnyNames(schema);
    const refused = named.safeParse(JSON.parse(`{"a":"1","__proto__":"2"}`));
    assertEquals(refused.error?.issues.map(({ path, message }) => [path, message]), [
      [["__proto__"], "must have another name"],
    ]);
    const taken = { constructor: "1", "": "2", toString: "3" };
    assertEquals(named.parse(taken), taken);
  }
});
