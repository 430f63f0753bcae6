/**
 * What the services' answers mean, and what an owner is told to do about them.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { askedDelay } from "../../../lib/formats/answer.ts";
import { judge, type JudgeInput } from "../../../lib/judge.ts";
import { TIME } from "../../../lib/limits.ts";
import type { SendResult } from "../../../lib/ports.ts";
import { remedyFor } from "../../../lib/remedy.ts";
import type { Format } from "../../../lib/webhook_settings.ts";

const URLS: Readonly<Record<Format, string>> = {
  json: "https://hooks.example.com/in",
  slack: "https://hooks.slack.com/services/T0/B0/x",
  discord: "https://discord.com/api/webhooks/1/x",
};
const VERSIONED = "https://discord.com/api/v10/webhooks/1/x";

function given(format: Format, failures = 0): JudgeInput {
  const webhook = { format, url: URLS[format] };
  return { failures, max_retries: 3, base_ms: 10_000, now_ms: 0, random: 0.5, webhook };
}

function answer(
  status_code: number,
  body = "",
  retry_after: string | null = null,
): SendResult & { kind: "answer" } {
  return { kind: "answer", status_code, retry_after, snippet: new TextEncoder().encode(body) };
}

Deno.test("judge() takes Slack's and Discord's 404 and 410 for gone, and of other receivers only 410", () => {
  const table: [format: Format, status: number, body: string, outcome: string][] = [
    ["slack", 404, "no_service", "gone"],
    ["slack", 404, "channel_not_found", "gone"],
    ["slack", 410, "channel_is_archived", "gone"],
    ["discord", 404, '{"message": "Unknown Webhook", "code": 10015}', "gone"],
    ["discord", 410, "", "gone"],
    ["json", 404, "no_service", "retry"],
    ["json", 410, "", "gone"],
  ];
  for (const [format, status, body, outcome] of table) {
    const { verdict, down, throttle_until } = judge(answer(status, body, "60"), given(format));
    assertEquals([verdict.outcome, down, throttle_until], [outcome, false, null], `${format} ${status}`);
  }
});

Deno.test("judge() gives up at once what a chat service refuses, and retries it for other receivers", () => {
  const table: [format: "slack" | "discord", status: number, body: string][] = [
    ["slack", 400, "no_text"],
    ["slack", 400, "invalid_payload"],
    ["slack", 403, "action_prohibited"],
    ["slack", 403, "invalid_token"],
    ["discord", 400, '{"message": "Invalid Form Body", "code": 50035}'],
    ["discord", 401, '{"message": "Invalid Webhook Token", "code": 50027}'],
    ["discord", 403, '{"message": "Missing Permissions", "code": 50013}'],
  ];
  for (const [format, status, body] of table) {
    const { verdict, down, observed } = judge(answer(status, body), given(format));
    assertEquals([verdict, down], [{ outcome: "failed" }, false], `${format} ${status}`);
    assertEquals([observed.status_code, observed.response_body], [status, body]);
    assertEquals(judge(answer(status, body), given("json")).verdict.outcome, "retry");
  }
});

Deno.test("judge() reads every other status of a chat service as it does any receiver's", () => {
  const own = new Set([400, 401, 403, 404]);
  for (const format of ["slack", "discord"] as const) {
    for (let status = 100; status < 600; status++) {
      if (own.has(status)) continue;
      assertEquals(
        judge(answer(status), given(format)),
        judge(answer(status), given("json")),
        String(status),
      );
    }
  }
});

Deno.test("judge() holds the whole webhook for as long as a 429 of Discord or Slack asks", () => {
  const body = '{"message": "You are being rate limited.", "retry_after": 64.57, "global": false}';
  const discord = judge(answer(429, body, "65"), given("discord"));
  assertEquals([discord.throttle_until, discord.down], [65_000, true]);
  assert(discord.verdict.outcome === "retry" && discord.verdict.due_at >= 65_000);
  assertEquals(judge(answer(429, "rate_limited", "30"), given("slack")).throttle_until, 30_000);
});

Deno.test("askedDelay() reads Discord's header first, with a fraction too, and its body if there is no header", () => {
  const table: [header: string | null, body: string, asked_ms: number | null][] = [
    ["2", "", 2000],
    ["0.65", "", 650],
    [" 1.0004 ", "", 1001],
    ["2", '{"retry_after": 64.57}', 2000],
    [null, '{"message":"x","retry_after":0.293,"global":false}', 293],
    [null, '{"retry_after": 3}', 3000],
    [null, "<html>", null],
    [null, '{"retry_after": "soon"}', null],
    ["soon", "", null],
    ["-1", "", null],
    ["Thu, 01 Jan 1970 00:01:00 GMT", "", 60_000],
    ["999999999", "", TIME.DAY_MS],
  ];
  for (const url of [URLS.discord, VERSIONED]) {
    for (const [header, body, asked_ms] of table) {
      // Without a header, a whole number of a URL without a version is in milliseconds: see below.
      if (url === URLS.discord && body.endsWith(" 3}")) continue;
      assertEquals(
        askedDelay({ format: "discord", url }, answer(429, body, header), 0),
        asked_ms,
        `${header} ${body}`,
      );
    }
  }
});

Deno.test("askedDelay() knows that Discord tells milliseconds below version 8, as where the URL has no version", () => {
  const told = '{"global": false, "message": "You are being rate limited.", "retry_after": 43323}';
  const table: [url: string, header: string | null, body: string, asked_ms: number][] = [
    [URLS.discord, "43323", told, 43_323],
    [URLS.discord, null, told, 43_323],
    ["https://discordapp.com/api/v7/webhooks/1/x", "43323", told, 43_323],
    // Of a newer version, or of the network before Discord, it is seconds.
    [VERSIONED, "43323", told, 43_323_000],
    [URLS.discord, "600", "error code: 1015", 600_000],
    [URLS.discord, "65", '{"retry_after": 64.57}', 65_000],
    ["https://chat.example.com/api/webhooks/1/x", "43323", told, 43_323_000],
  ];
  for (const [url, header, body, asked_ms] of table) {
    assertEquals(
      askedDelay({ format: "discord", url }, answer(429, body, header), 0),
      asked_ms,
      `${url} ${header}`,
    );
  }
});

Deno.test("askedDelay() reads no fraction and no body of other receivers, nor of Discord's other answers", () => {
  const body = '{"retry_after": 5.5}';
  for (const format of ["json", "slack"] as const) {
    assertEquals(askedDelay({ format, url: URLS[format] }, answer(429, body, "0.5"), 0), null);
  }
  const discord = { format: "discord", url: VERSIONED } as const;
  assertEquals(askedDelay(discord, answer(503, body), 0), null);
});

Deno.test("remedyFor() knows the words of Slack and Discord", () => {
  const table: [format: "slack" | "discord", status: number, body: string, remedy: RegExp][] = [
    ["slack", 400, "no_text", /no text/],
    ["slack", 500, "no_text", /no text/],
    ["slack", 400, "invalid_payload", /workflow/],
    ["slack", 400, "invalid_blocks", /workflow/],
    ["slack", 400, "user_not_found", /its answer says why/],
    ["slack", 403, "action_prohibited", /administrator/],
    ["slack", 403, "invalid_token", /copy the URL from Slack/],
    ["slack", 404, "no_service", /new incoming webhook/],
    ["slack", 404, "channel_not_found", /channel does not exist/],
    ["slack", 410, "channel_is_archived", /archived/],
    ["slack", 410, "", /gone/],
    ["slack", 429, "rate_limited", /to 60/],
    ["discord", 400, "{}", /thread_id/],
    ["discord", 401, "{}", /token/],
    ["discord", 403, "{}", /permissions/],
    ["discord", 404, "{}", /new webhook/],
    ["discord", 410, "", /gone/],
    ["discord", 429, "{}", /to 30/],
  ];
  for (const [format, status_code, response_body, remedy] of table) {
    const attempt = { outcome: "failed", error: null, status_code, response_body } as const;
    const told = remedyFor(attempt, { format, url: URLS[format] });
    assertMatch(told ?? "", remedy, `${format} ${status_code} ${response_body}`);
    assert(
      told !== remedyFor(attempt, { format: "json", url: URLS.json }),
      "it is the remedy of any receiver",
    );
  }
});

Deno.test("remedyFor() says of a refusal that the format does not fit the URL, but not of a receiver never reached", () => {
  const refused = { outcome: "retry", error: null, status_code: 400, response_body: "no_text" } as const;
  const webhook = { format: "json", url: URLS.slack } as const;
  assertEquals(remedyFor(refused, webhook), "This is a Slack URL: set format to slack.");
  assertMatch(remedyFor({ ...refused, error: "dns", status_code: null }, webhook) ?? "", /resolve/);
  assertEquals(remedyFor({ ...refused, outcome: "delivered", status_code: 200 }, webhook), null);
});

Deno.test("remedyFor() leaves to any receiver's words what a chat service does not explain", () => {
  const attempt = { outcome: "retry", error: null, status_code: 503, response_body: "" } as const;
  for (const format of ["slack", "discord"] as const) {
    assertMatch(remedyFor(attempt, { format, url: URLS[format] }) ?? "", /log/);
  }
});
