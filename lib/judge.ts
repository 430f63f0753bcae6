/**
 * Judges what came of a send: delivered, to be retried and when, or over.
 *
 * Owns the etiquette of status codes (requirements: "Decisions where the sources disagree"). Pure.
 *
 * @module
 */
import type { Attempt, Verdict } from "./delivery.ts";
import { askedDelay, meaningOf } from "./formats/answer.ts";
import { ANSWER } from "./limits.ts";
import type { SendResult } from "./ports.ts";
import { redactPersonalData, REMOVED } from "./privacy/personal_data.ts";
import { retryDelay } from "./retry.ts";
import type { WebhookSettings } from "./webhook_settings.ts";

/** What the judgement depends on besides the result. */
export interface JudgeInput {
  /** Failed sends before this one, since the delivery was queued. */
  readonly failures: number;
  readonly max_retries: number;
  /** The configured base of the backoff, in milliseconds. */
  readonly base_ms: number;
  readonly now_ms: number;
  /** In [0, 1). */
  readonly random: number;
  /** Whose receiver it is: chat services mean something of their own by some answers. */
  readonly webhook: Pick<WebhookSettings, "format" | "url">;
}

/** A judged send. */
export interface Judgement {
  readonly verdict: Verdict;
  /** What the attempt's record says of the answer. */
  readonly observed: Pick<Attempt, "status_code" | "error" | "response_body">;
  /** Until when the whole webhook should wait, or null: the receiver said that it is overloaded. */
  readonly throttle_until: number | null;
  /** Whether it says that the receiver is down: no answer at all, 429 or 5xx. The breaker counts these. */
  readonly down: boolean;
}

/** Overloaded or not there just now: every delivery to this receiver would fare alike. */
const THROTTLING = new Set([429, 502, 503, 504]);

/**
 * Judges one send.
 *
 * @param result What the sender brought back.
 * @param input See {@linkcode JudgeInput}.
 * @returns The verdict, what to record, and whether the webhook is to slow down.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { judge } from "./judge.ts";
 * const answer = { kind: "answer", status_code: 204, retry_after: null, snippet: new Uint8Array() } as const;
 * const webhook = { format: "json", url: "https://hooks.example.com/in" } as const;
 * const input = { failures: 0, max_retries: 3, base_ms: 10_000, now_ms: 0, random: 0.5, webhook };
 * assertEquals(judge(answer, input).verdict, { outcome: "delivered" });
 * assertEquals(judge({ ...answer, status_code: 500 }, input).verdict, { outcome: "retry", due_at: 10_000 });
 * ```
 */
export function judge(result: SendResult, input: JudgeInput): Judgement {
  if (result.kind === "error") {
    const observed = { status_code: null, error: result.error, response_body: null };
    // The guard's refusal won't change by itself: trying again would only knock at a forbidden door.
    if (result.error === "blocked_address") {
      return { verdict: { outcome: "blocked" }, observed, throttle_until: null, down: false };
    }
    return { verdict: retryOrFail(retryAt(null, input), input), observed, throttle_until: null, down: true };
  }
  const { status_code } = result;
  const redirect = status_code >= 300 && status_code < 400;
  const observed = {
    status_code,
    error: redirect ? "redirect" as const : null,
    response_body: responseText(result.snippet),
  };
  if (status_code >= 200 && status_code < 300) {
    return { verdict: { outcome: "delivered" }, observed, throttle_until: null, down: false };
  }
  const meaning = meaningOf(input.webhook.format, status_code);
  if (meaning !== null) {
    return { verdict: { outcome: meaning }, observed, throttle_until: null, down: false };
  }
  const asked_ms = askedDelay(input.webhook, result, input.now_ms);
  const at = retryAt(asked_ms, input);
  const throttle_until = !THROTTLING.has(status_code)
    ? null
    : asked_ms === null
    ? at
    : input.now_ms + asked_ms;
  const down = status_code === 429 || status_code >= 500;
  return { verdict: retryOrFail(at, input), observed, throttle_until, down };
}

function retryAt(retry_after_ms: number | null, { failures, base_ms, now_ms, random }: JudgeInput): number {
  return now_ms + retryDelay({ retry: failures + 1, base_ms, retry_after_ms, random });
}

function retryOrFail(due_at: number, { failures, max_retries }: JudgeInput): Verdict {
  return failures < max_retries ? { outcome: "retry", due_at } : { outcome: "failed" };
}

/**
 * A last word that may be the beginning of an e-mail or an IPv6 address. Cut in half it is no address any more, so that
 * nothing else would find it, but it still says whose it was.
 */
const CUT_ADDRESS = /[^\s"'<>(),;[\]{}]{0,320}(?:@|%40|:[0-9a-f]{0,4}:)[^\s"'<>(),;[\]{}]{0,320}$/i;

/** The kept bytes as text: a character cut in half at the end is dropped, other broken bytes are shown as U+FFFD. */
function responseText(snippet: Uint8Array): string {
  if (snippet.byteLength === 0) return "";
  const text = new TextDecoder().decode(snippet, { stream: true });
  const cut = snippet.byteLength >= ANSWER.snippet_bytes_max;
  return redactPersonalData(cut ? text.replace(CUT_ADDRESS, REMOVED) : text);
}
