/**
 * The OpenAPI document before a validator that knows nothing of how it was made.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Validator } from "@seriousme/openapi-schema-validator";
import { DOCUMENT } from "../helpers/conformance.ts";

Deno.test("the document is valid OpenAPI 3.1 by an independent validator", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(DOCUMENT));
  assertEquals([valid, errors], [true, undefined]);
  assertEquals(validator.version, "3.1");
});
