/**
 * What an answer means: of any receiver, and of the chat services, which mean something of their own by some.
 *
 * Owns the reading of statuses and of the asked delay by format; what follows from it is `judge.ts`'s. Pure.
 *
 * @module
 */
import { RETRY } from "../limits.ts";
import type { SendResult } from "../ports.ts";
import { parseRetryAfter } from "../retry.ts";
import type { Format, WebhookSettings } from "../webhook_settings.ts";
import { tellsMilliseconds } from "./service_url.ts";

/**
 * What chat services mean for good. Slack (docs.slack.dev, "Sending messages using incoming webhooks: Handling errors"):
 * 400 `invalid_payload`, `no_text`; 403 `action_prohibited`, `invalid_token`; 404 `no_service`, `channel_not_found`; 410
 * `channel_is_archived`. Discord ("Opcodes and Status Codes: JSON"): 400 50035 invalid body; 401 50027 invalid token; 403
 * 50013 missing permissions; 404 10015 unknown webhook.
 */
const GONE = new Set([404, 410]);
/** The same message would be refused again. */
const REFUSED = new Set([400, 401, 403]);

/**
 * What a failure's status says for good, by the format of its webhook.
 *
 * @param format The webhook's.
 * @param status_code Of the answer.
 * @returns `gone` if the receiver wants nothing any more, `failed` if trying again can't help, or null for neither.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { meaningOf } from "./answer.ts";
 * assertEquals([meaningOf("json", 404), meaningOf("slack", 404), meaningOf("discord", 400)], [null, "gone", "failed"]);
 * ```
 */
export function meaningOf(format: Format, status_code: number): "gone" | "failed" | null {
  if (format === "json") return status_code === 410 ? "gone" : null;
  if (GONE.has(status_code)) return "gone";
  return REFUSED.has(status_code) ? "failed" : null;
}

type HttpAnswer = Extract<SendResult, { kind: "answer" }>;

const DELAY = /^\d{1,9}(?:\.\d{1,9})?$/;
const BODY_DELAY = /"retry_after"\s*:\s*(\d{1,9}(?:\.\d{1,9})?)/;

/**
 * How long a receiver wants to be left alone.
 *
 * Discord tells it in a header and in the body, maybe with a fraction; in seconds, but in milliseconds below version 8 of
 * its API, which is what a URL without a version means (discord/discord-api-docs, issues 2360 and 4722). There the body
 * has the header's own whole number; a 429 of the network before Discord has seconds and no such body.
 *
 * @param webhook Format and URL.
 * @param answer The answer.
 * @param now_ms The time, for a date.
 * @returns Milliseconds, at most 24 h; null if the receiver doesn't say.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { askedDelay } from "./answer.ts";
 * const webhook = { format: "discord", url: "https://discord.com/api/v10/webhooks/1/x" } as const;
 * const snippet = new TextEncoder().encode('{"retry_after": 0.65}');
 * const answer = { kind: "answer", status_code: 429, retry_after: null, snippet } as const;
 * assertEquals(askedDelay(webhook, answer, 0), 650);
 * ```
 */
export function askedDelay(
  { format, url }: Pick<WebhookSettings, "format" | "url">,
  { status_code, retry_after, snippet }: Pick<HttpAnswer, "status_code" | "retry_after" | "snippet">,
  now_ms: number,
): number | null {
  if (format !== "discord" || status_code !== 429) return parseRetryAfter(retry_after, now_ms);
  const in_body = BODY_DELAY.exec(new TextDecoder().decode(snippet))?.[1];
  const header = retry_after?.trim();
  const asked = header ?? in_body;
  if (asked === undefined || !DELAY.test(asked)) return parseRetryAfter(retry_after, now_ms);
  const is_ms = in_body !== undefined && !in_body.includes(".") && asked === in_body &&
    tellsMilliseconds(url);
  return Math.min(Math.ceil(Number(asked) * (is_ms ? 1 : 1000)), RETRY.retry_after_ms_max);
}
