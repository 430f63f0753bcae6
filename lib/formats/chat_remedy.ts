/**
 * What to do about a chat service's refusal, in a sentence for the webhook's owner.
 *
 * Owns the services' words. Pure.
 *
 * @module
 */
import type { Attempt } from "../delivery.ts";
import type { Format } from "../webhook_settings.ts";

/** What decides between two remedies: a word in the answer, a status, or both; the first row that fits is taken. */
interface Row {
  readonly status?: number;
  readonly word?: RegExp;
  readonly remedy: string;
}

const NEW_SLACK_URL = "make a new incoming webhook in Slack and register its URL.";
const NEW_DISCORD_URL = "make a new webhook in the channel's settings and register its URL.";

const ROWS: Readonly<Record<Exclude<Format, "json">, readonly Row[]>> = {
  slack: [
    {
      word: /\b(?:no_text|missing_text)/,
      remedy:
        "Slack found no text in the message: check that the URL is that of an incoming webhook, and that no proxy " +
        "changes what is sent.",
    },
    {
      word: /\binvalid_(?:payload|blocks)/,
      remedy:
        "Slack can't read the message: check that the URL is that of an incoming webhook and not of a workflow; " +
        "if it is, tell the operator of Tidings.",
    },
    {
      word: /\bchannel_is_archived\b/,
      remedy: `The channel is archived: bring it back, or ${NEW_SLACK_URL}`,
    },
    { word: /\bchannel_not_found\b/, remedy: `The channel does not exist any more: ${NEW_SLACK_URL}` },
    {
      word: /\binvalid_token\b/,
      remedy: "The token in the URL is wrong or was revoked: copy the URL from Slack again.",
    },
    {
      status: 403,
      remedy:
        "Slack forbids this message: an administrator of the workspace restricts who may post in the channel.",
    },
    { status: 404, remedy: `Slack knows no such webhook, or not any more: ${NEW_SLACK_URL}` },
    { status: 410, remedy: `The channel is gone: ${NEW_SLACK_URL}` },
    { status: 400, remedy: "Slack refuses the message: its answer says why." },
    {
      status: 429,
      remedy: "Slack takes about one message a second: set rate_limit_per_minute to 60 or less, or wait.",
    },
  ],
  discord: [
    { status: 401, remedy: "The token in the URL is wrong: copy the URL from the channel's settings again." },
    { status: 403, remedy: "Discord forbids this message: check the permissions of the channel." },
    { status: 404, remedy: `Discord knows no such webhook, or not any more: ${NEW_DISCORD_URL}` },
    { status: 410, remedy: `The webhook is gone: ${NEW_DISCORD_URL}` },
    {
      status: 400,
      remedy:
        "Discord refuses the message: its answer says why. A forum's webhook needs thread_id in its URL; if it is " +
        "not that, tell the operator of Tidings.",
    },
    {
      status: 429,
      remedy:
        "Discord takes about 30 messages a minute in a channel: set rate_limit_per_minute to 30 or less, or wait.",
    },
  ],
};

/**
 * Names the likely remedy for a refusal that a service explains.
 *
 * @param attempt A failed attempt that was answered.
 * @param format The webhook's.
 * @returns A sentence, or null if the service means what any receiver means.
 */
export function chatRemedy(
  { status_code, response_body }: Pick<Attempt, "status_code" | "response_body">,
  format: Format,
): string | null {
  if (format === "json") return null;
  const row = ROWS[format].find(({ status = status_code, word }) =>
    status === status_code && (word === undefined || word.test(response_body ?? ""))
  );
  return row?.remedy ?? null;
}
