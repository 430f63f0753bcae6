/**
 * Which chat service a webhook's URL belongs to, and what its owner should know of it.
 *
 * Owns the hosts and paths of Slack and Discord. Pure.
 *
 * @module
 */
import type { Format, WebhookSettings } from "../webhook_settings.ts";

const SLACK_HOSTS = new Set(["hooks.slack.com", "hooks.slack-gov.com"]);
const DISCORD_HOST = /^(?:(?:ptb|canary)\.)?discord(?:app)?\.com$/;
const DISCORD_PATH = /^\/api\/(?:v(\d+)\/)?webhooks\//;
/** The first version whose rate limits are told in seconds (discord/discord-api-docs, pull 2097 and 2823). */
const DISCORD_SECONDS_SINCE = 8;
/** A URL without a version means this one. */
const DISCORD_VERSION_DEFAULT = 6;

const NAMES = { slack: "Slack", discord: "Discord" } as const;

/** The format that the receiver of a URL takes, or null if it is not known to be a chat service. */
function serviceOf({ hostname, pathname }: URL): Exclude<Format, "json"> | null {
  // Workflows of Slack take variables of their owner's choice, which no format here is.
  if (SLACK_HOSTS.has(hostname)) return /^\/(?:workflows|triggers)\//.test(pathname) ? null : "slack";
  if (!DISCORD_HOST.test(hostname) || !DISCORD_PATH.test(pathname)) return null;
  // Discord takes Slack's messages there ("Webhook Resource: Execute Slack-Compatible Webhook").
  return pathname.endsWith("/slack") ? "slack" : "discord";
}

/**
 * What is wrong between a webhook's URL and its format.
 *
 * @param webhook Its URL and format.
 * @returns A sentence for its owner, or null if they fit as far as is known.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatHint } from "./service_url.ts";
 * const url = "https://hooks.slack.com/services/T0/B0/x";
 * assertEquals(formatHint({ url, format: "json" }), "This is a Slack URL: set format to slack");
 * assertEquals(formatHint({ url, format: "slack" }), null);
 * ```
 */
export function formatHint({ url, format }: Pick<WebhookSettings, "url" | "format">): string | null {
  const parsed = new URL(url);
  const wanted = serviceOf(parsed);
  if (wanted === null || wanted === format) return null;
  const service = DISCORD_HOST.test(parsed.hostname) ? NAMES.discord : NAMES.slack;
  return `This is a ${service} URL: set format to ${wanted}`;
}

/**
 * Whether Discord tells rate limits of this URL in milliseconds, as it does below version 8 of its API: also for the
 * URLs that its own settings show, which have no version.
 *
 * @param url A valid URL.
 * @returns Whether `Retry-After` and `retry_after` are milliseconds.
 */
export function tellsMilliseconds(url: string): boolean {
  const { hostname, pathname } = new URL(url);
  if (!DISCORD_HOST.test(hostname)) return false;
  const version = Number(DISCORD_PATH.exec(pathname)?.[1] ?? DISCORD_VERSION_DEFAULT);
  return version < DISCORD_SECONDS_SINCE;
}
