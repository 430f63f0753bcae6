/**
 * URLs of chat services, and what owners are told when the format does not fit.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { formatHint } from "../../../lib/formats/service_url.ts";
import { CONDITION_AT_FIRST, showWebhook } from "../../../lib/shown_webhook.ts";
import { type Format, FORMATS } from "../../../lib/webhook_settings.ts";
import { sampleWebhook } from "../../helpers/sample.ts";

const HINTS = {
  slack: "This is a Slack URL: set format to slack",
  discord: "This is a Discord URL: set format to discord",
} as const;

Deno.test("formatHint() knows the URLs of Slack and Discord and hints at every other format", () => {
  const table: [url: string, wanted: keyof typeof HINTS][] = [
    ["https://hooks.slack.com/services/T0/B0/x", "slack"],
    ["https://HOOKS.slack.com/services/T0/B0/x", "slack"],
    ["https://hooks.slack-gov.com/services/T0/B0/x", "slack"],
    ["https://discord.com/api/webhooks/1/x", "discord"],
    ["https://discordapp.com/api/webhooks/1/x?wait=true", "discord"],
    ["https://ptb.discord.com/api/v10/webhooks/1/x", "discord"],
    ["https://canary.discord.com/api/webhooks/1/x", "discord"],
  ];
  for (const [url, wanted] of table) {
    for (const format of FORMATS) {
      assertEquals(formatHint({ url, format }), format === wanted ? null : HINTS[wanted], `${format} ${url}`);
    }
  }
});

Deno.test("formatHint() says nothing of other URLs, of Slack's workflows, and of Discord's other paths", () => {
  const urls = [
    "https://hooks.example.com/services/T0/B0/x",
    "https://hooks.slack.com.example.com/services/T0/B0/x",
    "https://nothooks.slack.com/services/T0/B0/x",
    "https://hooks.slack.com/workflows/T0/A0/1/x",
    "https://hooks.slack.com/triggers/T0/1/x",
    "https://discord.com/channels/1",
    "https://evil-discord.com/api/webhooks/1/x",
    "https://discord.com.example.com/api/webhooks/1/x",
    "https://chat.example.com/api/webhooks/1/x",
  ];
  for (const url of urls) for (const format of FORMATS) assertEquals(formatHint({ url, format }), null, url);
});

Deno.test("formatHint() knows that Discord takes Slack's messages at a URL that ends with /slack", () => {
  const url = "https://discord.com/api/webhooks/1/x/slack";
  const hint = "This is a Discord URL: set format to slack";
  const hints = (["json", "slack", "discord"] satisfies Format[]).map((format) =>
    formatHint({ url, format })
  );
  assertEquals(hints, [hint, null, hint]);
});

Deno.test("showWebhook() has a hint only where there is one, also for those who see no path", () => {
  const condition = { ...CONDITION_AT_FIRST, now_ms: 0 };
  const url = "https://hooks.slack.com/services/T0/B0/x";
  for (const full of [true, false]) {
    assertEquals(showWebhook(sampleWebhook(1, { url }), condition, full).hint, HINTS.slack);
    assertEquals("hint" in showWebhook(sampleWebhook(1, { url, format: "slack" }), condition, full), false);
    assertEquals("hint" in showWebhook(sampleWebhook(), condition, full), false);
  }
});
