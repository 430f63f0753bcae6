/**
 * The generated client: what would be written now, and in agreement with the types that the service itself has.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Delivery, Tidings, type Webhook } from "../../client/tidings.ts";
import { clientText } from "../../generate/client.ts";
import { typeText } from "../../generate/typescript.ts";
import type { ShownDelivery } from "../../lib/history.ts";
import type { ShownWebhook } from "../../lib/shown_webhook.ts";
import type { Plain, Same } from "../../routes/openapi_schema.ts";
import { OPERATIONS } from "../helpers/described.ts";

/** Does not compile where a type of the client is not the one that a use case returns. */
const AGREED: readonly [
  Same<Plain<Webhook>, Plain<ShownWebhook>>,
  Same<Plain<Delivery>, Plain<ShownDelivery>>,
] = [
  true,
  true,
];

Deno.test("the client is what its generator writes from the document as it is", async () => {
  assertEquals(AGREED, [true, true]);
  const formatter = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "ts", "-"],
    cwd: new URL("../../", import.meta.url),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = formatter.output();
  await new Blob([clientText()]).stream().pipeTo(formatter.stdin);
  const { stdout } = await output;
  const written = await Deno.readTextFile(new URL("../../client/tidings.ts", import.meta.url));
  assert(new TextDecoder().decode(stdout) === written, "Run deno task client");
});

Deno.test("the client has a method for every call that answers JSON or nothing", () => {
  const methods = Object.getOwnPropertyNames(Tidings.prototype);
  const missing = OPERATIONS.map(({ id }) => id).filter((id) => !methods.includes(id));
  assertEquals(missing.toSorted(), ["docs", "metrics"]);
});

Deno.test("typeText() refuses what it does not understand", () => {
  for (const schema of [{ oneOf: [] }, { type: "tuple" }, { type: "object", patternProperties: {} }]) {
    assertThrows(() => typeText(schema), Error, "Cannot write");
  }
});
