/**
 * What Slack and Discord take, written anew from their documentation, and what nobody may smuggle into a message.
 *
 * Owns a second opinion: it must never use the limits or the escaping of the formats themselves.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";

type Json = Record<string, unknown>;

function sized(text: unknown, min: number, max: number, what: string): string {
  assert(typeof text === "string", what);
  assert(text.isWellFormed(), `${what} has half a character`);
  assert(text.trim().length >= min, `${what} is empty`);
  assertLessOrEqual(text.length, max, what);
  return text;
}

/** What Tidings itself says in Slack's markup; all else must be plain text. */
const SLACK_OWN = [
  /^\*[A-Z][a-z ]+\*$/,
  /^<https:\/\/[^<>|]+\|Open the dashboard>$/,
  /^<!date\^\d+\^\{date_short_pretty\} \{time\}\|[-0-9T:.]+Z>$/,
];

/** What would make more of a text than it says. */
const SLACK_OFF = ["mrkdwn", "link_names", "unfurl_links", "unfurl_media"];

function assertSlackText(object: Json, max: number, what: string): void {
  const text = sized(object["text"], 1, max, what);
  if (object["type"] === "plain_text") {
    assertEquals(Object.keys(object), ["type", "text", "emoji"], what);
    assertEquals(object["emoji"], false, what);
    assertEscaped(text, what);
    return;
  }
  assertEquals([object["type"], object["verbatim"]], ["mrkdwn", true], what);
  assert(SLACK_OWN.some((pattern) => pattern.test(text)), `${what}: ${text}`);
}

function assertEscaped(text: string, what: string): void {
  assertMatch(text, /^(?:[^<>&]|&amp;|&lt;|&gt;)*$/, what);
}

/**
 * Asserts that a message is one that Slack takes, and that only Tidings' own words are markup in it.
 *
 * @param body The body as sent.
 */
export function assertSlackMessage(body: string): void {
  const message = JSON.parse(body) as Json;
  assertEquals(Object.keys(message), ["text", ...SLACK_OFF, "blocks"]);
  assertEscaped(sized(message["text"], 1, 4000, "text"), "text");
  for (const switched of SLACK_OFF) assertEquals(message[switched], false, switched);
  const blocks = message["blocks"] as Json[];
  assert(blocks.length >= 1 && blocks.length <= 50);
  for (const block of blocks) {
    const what = JSON.stringify(block);
    const fields = block["fields"] as Json[] | undefined;
    const elements = block["elements"] as Json[] | undefined;
    if (block["type"] === "header") assertSlackText(block["text"] as Json, 150, what);
    else if (block["type"] === "context") {
      assert(elements !== undefined && elements.length >= 1 && elements.length <= 10, what);
      for (const element of elements) assertSlackText(element, 3000, what);
    } else {
      assertEquals(block["type"], "section");
      if (block["text"] !== undefined) assertSlackText(block["text"] as Json, 3000, what);
      else assert(fields !== undefined && fields.length >= 1, what);
      assertLessOrEqual(fields?.length ?? 0, 10, what);
      for (const field of fields ?? []) assertSlackText(field, 2000, what);
    }
  }
}

/** Whatever is left when every escaped character is taken out may be no markup. */
function assertShownAsItIs(text: string, what: string): void {
  const bare = text.replace(/\\[^0-9A-Za-z\s]/g, "x");
  assertMatch(bare, /^[^\\*_~`|<>[\]@#]*$/, what);
  assert(!/:\/\//.test(bare), `${what} has a link`);
  assert(!/^[^\S\n]*[-+]\s/m.test(bare), `${what} has a list`);
}

/**
 * Asserts that a message is one that Discord takes, that it notifies nobody, and that nothing in it is markup.
 *
 * @param body The body as sent.
 */
export function assertDiscordMessage(body: string): void {
  const message = JSON.parse(body) as Json;
  assertEquals(Object.keys(message), ["content", "allowed_mentions", "embeds"]);
  assertEquals(message["allowed_mentions"], { parse: [] });
  assertShownAsItIs(sized(message["content"], 1, 2000, "content"), "content");
  const [embed = {}, ...more] = message["embeds"] as Json[];
  assertEquals(more, []);
  const fields = embed["fields"] as Json[];
  const { title, description = " ", url, timestamp } = embed;
  assertLessOrEqual(fields.length, 25);
  const texts: [text: unknown, max: number, what: string][] = [
    [title, 256, "title"],
    ...(embed["description"] === undefined
      ? []
      : [[description, 4096, "description"] as [unknown, number, string]]),
    ...fields.flatMap(({ name, value }): [unknown, number, string][] => [[name, 256, "name"], [
      value,
      1024,
      "value",
    ]]),
  ];
  let total = 0;
  for (const [text, max, what] of texts) {
    const checked = sized(text, 1, max, what);
    assertShownAsItIs(checked, what);
    total += checked.length;
  }
  assertLessOrEqual(total, 6000);
  if (url !== undefined) assertLessOrEqual(new URL(String(url)).href.length, 2048);
  if (timestamp !== undefined) assertMatch(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}
