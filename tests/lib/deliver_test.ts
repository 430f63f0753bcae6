/**
 * One attempt, seen from the sender's side: what is sent is what is signed, in the webhook's format.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { deliver } from "../../lib/deliver.ts";
import { SiteNames } from "../../lib/site_names.ts";
import { encodeBody } from "../../lib/event.ts";
import { EVENT_EXAMPLES } from "../../lib/event_types.ts";
import type { SendRequest } from "../../lib/ports.ts";
import { signatureHeaders, SigningKey } from "../../lib/sign.ts";
import type { Format } from "../../lib/webhook_settings.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import { SAMPLE_AT, SAMPLE_SECRET, sampleDelivery, sampleEvent, sampleWebhook } from "../helpers/sample.ts";

const SITE = "example.com/blog";
const DATA = EVENT_EXAMPLES.goal_completion;
const BODY = encodeBody({
  event: "goal_completion",
  site_id: SITE,
  timestamp: "2026-01-01T00:00:00Z",
  data: DATA,
});

/** What a webhook of that format is sent. */
async function sentTo(
  format: Format,
  plausible_url: string | null,
  trigger: "automatic" | "test" = "automatic",
) {
  const key = new SigningKey(SAMPLE_SECRET);
  const webhook = sampleWebhook(1, { format, site_id: SITE });
  const event = sampleEvent(1, { site_id: SITE, body: BODY });
  const requests: SendRequest[] = [];
  await deliver({ delivery: sampleDelivery(event, webhook.id, { trigger }), body: BODY, webhook }, {
    sender: {
      post(request) {
        requests.push(request);
        return Promise.resolve({
          kind: "answer",
          status_code: 200,
          retry_after: null,
          snippet: new Uint8Array(),
        });
      },
    },
    clock: createManualClock(SAMPLE_AT),
    random: () => 0.5,
    directory: { names: new SiteNames(), signingKeys: () => [key] },
    user_agent: "Tidings/test",
    retry_base_ms: 10_000,
    plausible_url,
  });
  const [request] = requests;
  assert(request !== undefined);
  const { body, headers } = request;
  const signable = { webhook_id: event.id, timestamp_s: SAMPLE_AT / 1000, body };
  for (const [name, value] of Object.entries(signatureHeaders([key], signable))) {
    assertEquals(headers[name], value, name);
  }
  return { body, headers, text: new TextDecoder().decode(body) };
}

Deno.test("deliver() sends a webhook of json the stored bytes themselves", async () => {
  const { body, headers } = await sentTo("json", "https://plausible.example");
  assertStrictEquals(body, BODY);
  assertEquals(headers["Content-Type"], "application/json");
});

Deno.test("deliver() renders for a chat, signs what it renders, and links to the dashboard when it is known", async () => {
  for (const format of ["slack", "discord"] as const) {
    const linked = await sentTo(format, "https://plausible.example/");
    assertStringIncludes(linked.text, "Goal completed: Signup");
    assertStringIncludes(linked.text, "https://plausible.example/example.com%2Fblog");
    assertEquals(linked.headers["X-Webhook-Event"], "goal_completion");
    assertEquals((await sentTo(format, null)).text.includes("plausible"), false);
  }
});

Deno.test("deliver() tells a chat that a test is one, which no header can", async () => {
  for (const format of ["slack", "discord"] as const) {
    assertStringIncludes((await sentTo(format, null, "test")).text, "Test: Goal completed: Signup");
  }
});
