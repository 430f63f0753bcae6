/**
 * Messages as they arrive, kept as files that people can read and post by hand.
 *
 * `UPDATE_GOLDEN=1 deno test -A tests/lib/formats/golden_test.ts` writes them anew; read the difference before it is
 * committed.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { CASES, CHAT_FORMATS, messageOf } from "./cases.ts";
import { assertDiscordMessage, assertSlackMessage } from "./message_rules.ts";

const GOLDEN = new URL("./golden/", import.meta.url);
const ADVICE = "UPDATE_GOLDEN=1 deno test -A tests/lib/formats/golden_test.ts writes the files anew";
const FILES = Object.entries(CASES).flatMap(([name, given]) =>
  CHAT_FORMATS.map((format) => ({ file: `${name}.${format}.json`, body: messageOf(format, given) }))
);

Deno.test("renderBody() makes of every kind of event the message of its golden file", async () => {
  for (const { file, body } of FILES) {
    const url = new URL(file, GOLDEN);
    const message: unknown = JSON.parse(body);
    if (Deno.env.get("UPDATE_GOLDEN") === "1") {
      await Deno.writeTextFile(url, `${JSON.stringify(message, null, 2)}\n`);
    }
    assertEquals(message, JSON.parse(await Deno.readTextFile(url)), `${file}: ${ADVICE}`);
  }
});

Deno.test("every golden file belongs to a case", async () => {
  const files = (await Array.fromAsync(Deno.readDir(GOLDEN))).map(({ name }) => name);
  assertEquals(files.toSorted(), FILES.map(({ file }) => file).toSorted(), ADVICE);
});

Deno.test("every golden message is one that its service takes", () => {
  for (const { file, body } of FILES) {
    if (file.endsWith(".slack.json")) assertSlackMessage(body);
    else assertDiscordMessage(body);
  }
});
