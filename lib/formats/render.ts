/**
 * The body a receiver gets, in the format of its webhook.
 *
 * Owns the choice. What is stored is always the JSON of the event; other formats are made of it when it is sent, so that
 * a webhook's format is the one it has now. Pure: the same event gives the same bytes at every retry.
 *
 * @module
 */
import { encodeSiteId } from "../site_id.ts";
import type { Format } from "../webhook_settings.ts";
import { discordMessage } from "./discord.ts";
import { slackMessage } from "./slack.ts";
import { summarize } from "./summary.ts";

/** What a message depends on besides the event. */
export interface RenderOptions {
  /** Where the event's site is looked at, or null. */
  readonly dashboard_url: string | null;
  /** Whether the event is made up to try the webhook out. */
  readonly is_test: boolean;
}

/** What is sent. */
export interface Rendered {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly content_type: string;
}

/** Of all three formats. */
const CONTENT_TYPE = "application/json";

/**
 * Renders an event.
 *
 * @param format The webhook's.
 * @param stored_body The JSON of the event as stored.
 * @param options See {@linkcode RenderOptions}.
 * @returns What is sent and signed; for `json` the stored bytes themselves, unread.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeBody } from "../event.ts";
 * import { renderBody } from "./render.ts";
 * const data = { goal_name: "Signup", visitor_count: 1 };
 * const timestamp = "2026-02-25T12:00:00Z";
 * const stored = encodeBody({ event: "goal_completion", site_id: "example.com", timestamp, data });
 * const { body } = renderBody("slack", stored, { dashboard_url: null, is_test: false });
 * const { text } = JSON.parse(new TextDecoder().decode(body));
 * assertEquals(text, "example.com: goal Signup completed by 1 visitor");
 * ```
 */
export function renderBody(
  format: Format,
  stored_body: Uint8Array<ArrayBuffer>,
  { dashboard_url, is_test }: RenderOptions,
): Rendered {
  if (format === "json") return { body: stored_body, content_type: CONTENT_TYPE };
  const summary = summarize(stored_body, is_test);
  const message = format === "slack"
    ? slackMessage(summary, dashboard_url)
    : discordMessage(summary, dashboard_url);
  return { body: new TextEncoder().encode(JSON.stringify(message)), content_type: CONTENT_TYPE };
}

/**
 * Where a site is looked at.
 *
 * @param plausible_url The Plausible to link to, or null if there is none.
 * @param site_id The site.
 * @returns Its dashboard, or null.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dashboardUrl } from "./render.ts";
 * assertEquals(dashboardUrl("https://plausible.io/", "example.com/blog"), "https://plausible.io/example.com%2Fblog");
 * ```
 */
export function dashboardUrl(plausible_url: string | null, site_id: string): string | null {
  return plausible_url === null ? null : `${plausible_url.replace(/\/+$/, "")}/${encodeSiteId(site_id)}`;
}
