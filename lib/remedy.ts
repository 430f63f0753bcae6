/**
 * What to do about a failed attempt, in a sentence for the webhook's owner.
 *
 * @module
 */
import type { Attempt } from "./delivery.ts";
import { chatRemedy } from "./formats/chat_remedy.ts";
import { formatHint } from "./formats/service_url.ts";
import type { WebhookSettings } from "./webhook_settings.ts";

const BY_ERROR: Readonly<Record<NonNullable<Attempt["error"]>, string>> = {
  timeout: "The receiver took longer than the webhook's timeout_ms: answer first and work afterwards.",
  dns: "The host name of the URL does not resolve: check its spelling and its DNS records.",
  connect: "Nothing accepts connections there: check host, port and firewall.",
  tls: "The TLS handshake failed: check that the certificate is valid for this host and not expired.",
  reset: "The connection was closed before an answer: check the receiver's log, or a proxy before it.",
  redirect: "The receiver redirects, and redirects are not followed: register the URL it redirects to.",
  blocked_address:
    "The host resolves to an address that receivers may not be on: use a public one, or have the " +
    "operator add its network to TIDINGS_ALLOW_NETWORKS.",
  protocol: "The answer is not valid HTTP: check that the port speaks the URL's scheme.",
  interrupted: "The service was stopped during the attempt: try again.",
};

/**
 * Names the likely remedy.
 *
 * @param attempt A finished attempt.
 * @param webhook Format and URL of its webhook.
 * @returns A sentence, or null if it was delivered.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { remedyFor } from "./remedy.ts";
 * const webhook = { format: "json", url: "https://hooks.slack.com/services/T0/B0/x" } as const;
 * const refused = { outcome: "failed", error: null, status_code: 400, response_body: "no_text" } as const;
 * assertEquals(remedyFor(refused, webhook), "This is a Slack URL: set format to slack.");
 * ```
 */
export function remedyFor(
  attempt: Pick<Attempt, "outcome" | "error" | "status_code" | "response_body">,
  webhook: Pick<WebhookSettings, "format" | "url">,
): string | null {
  const { outcome, error, status_code } = attempt;
  if (outcome === "delivered") return null;
  if (error !== null) return BY_ERROR[error];
  const hint = formatHint(webhook);
  if (hint !== null) return `${hint}.`;
  const of_service = chatRemedy(attempt, webhook.format);
  if (of_service !== null) return of_service;
  if (status_code === 401 || status_code === 403) {
    return "The receiver refuses the request: check its access rules, the webhook's headers, and that it verifies the " +
      "signature with the current secret over the raw body.";
  }
  if (status_code === 404 || status_code === 405) {
    return "The receiver has no such path for POST: check the URL.";
  }
  if (status_code === 410) return "The receiver says that it is gone for good: register another URL.";
  if (status_code === 429) return "The receiver wants fewer requests: set rate_limit_per_minute, or wait.";
  return "The receiver failed: its own log says why. Any answer from 200 to 299 counts as success.";
}
