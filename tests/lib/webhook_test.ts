/**
 * A webhook's states, and what of it is shown to whom.
 *
 * @module
 */
import { assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../../lib/errors.ts";
import { isoOrNull } from "../../lib/iso.ts";
import { CONDITION_AT_FIRST, showWebhook } from "../../lib/shown_webhook.ts";
import { assertActive, PAUSE_REASONS, urlOrigin, webhookStatus } from "../../lib/webhook.ts";
import { MASKED } from "../../lib/webhook_settings.ts";
import { FULL, parsed, webhookOf } from "../helpers/webhook_settings.ts";

const NO_WORK = { ...CONDITION_AT_FIRST, now_ms: 0 };

Deno.test("webhookStatus() tells the owner's hand from Tidings' own", () => {
  assertEquals(webhookStatus({ enabled: true, pause_reason: null }), "active");
  assertEquals(webhookStatus({ enabled: false, pause_reason: null }), "disabled");
  assertEquals(webhookStatus({ enabled: false, pause_reason: "gone" }), "paused");
  assertEquals(webhookStatus({ enabled: false, pause_reason: "failing" }), "paused");
});

Deno.test("assertActive() refuses work for a webhook that is disabled or paused, and says which", () => {
  assertActive(webhookOf(parsed({})));
  for (const [pause_reason, status] of [[null, "disabled"], ["gone", "paused"]] as const) {
    const webhook = webhookOf(parsed({ enabled: false }), { pause_reason });
    const error = assertThrows(() => assertActive(webhook), AppError, status);
    assertEquals(error.code, "webhook_not_active");
  }
});

Deno.test("showWebhook() answers exactly the fields of the contract", () => {
  assertEquals(showWebhook(webhookOf(FULL), { ...NO_WORK, pending: 4 }, true), {
    id: "wh_01JMZ0000000000000000000BB",
    site_id: "example.com",
    name: "Sales channel",
    url: "https://hooks.example.com/in",
    format: "json",
    events: ["visitor_spike", "custom_event"],
    filters: FULL.filters,
    headers: { "X-Team": MASKED, "Authorization": MASKED },
    enabled: false,
    status: "disabled",
    status_reason: null,
    max_retries: 7,
    timeout_ms: 5000,
    rate_limit_per_minute: 60,
    previous_secret_expires_at: null,
    health: {
      consecutive_failures: 0,
      last_success_at: null,
      last_failure_at: null,
      breaker: "closed",
      pending: 4,
    },
    spike: { last_triggered_at: null, silent_until: null },
    drop: { last_triggered_at: null, silent_until: null },
    created_at: "2026-02-25T12:00:00.000Z",
    updated_at: "2026-02-25T12:00:00.500Z",
  });
});

Deno.test("showWebhook() never shows a secret or a header's value", () => {
  const webhook = webhookOf(FULL, {
    secrets: [{ value: "own-secret-of-the-owner-1", expires_at: null }, {
      value: "own-secret-of-the-owner-0",
      expires_at: 5000,
    }],
  });
  const shown = JSON.stringify(showWebhook(webhook, NO_WORK, true));
  for (const secret of ["own-secret", "blue", "Bearer"]) assertFalse(shown.includes(secret), secret);
});

Deno.test("showWebhook() shows scheme and host only to those who may not manage", () => {
  const webhook = webhookOf(parsed({ url: "https://hooks.example.com:8443/T0/B0?token=x", name: "n" }));
  const shown = showWebhook(webhook, NO_WORK, false);
  assertEquals(shown.url, "https://hooks.example.com:8443");
  assertFalse(JSON.stringify(shown).includes("T0"));
});

Deno.test("showWebhook() says in words why a webhook is paused", () => {
  for (const pause_reason of ["gone", "failing"] as const) {
    const shown = showWebhook(webhookOf(parsed({ enabled: false }), { pause_reason }), NO_WORK, true);
    assertEquals([shown.status, shown.status_reason], ["paused", PAUSE_REASONS[pause_reason]]);
  }
  assertStringIncludes(PAUSE_REASONS.gone, "410");
  assertStringIncludes(PAUSE_REASONS.failing, "24 hours");
  assertStringIncludes(PAUSE_REASONS.failing, "10 attempts");
});

Deno.test("showWebhook() shows when the previous secret ends, the last of them after several rotations", () => {
  const secret = (expires_at: number | null) => ({ value: "x".repeat(24), expires_at });
  const secrets = [
    secret(null),
    secret(Date.parse("2026-03-02T00:00:00Z")),
    secret(Date.parse("2026-03-01T00:00:00Z")),
  ];
  const { previous_secret_expires_at } = showWebhook(webhookOf(FULL, { secrets }), NO_WORK, true);
  assertEquals(previous_secret_expires_at, "2026-03-02T00:00:00.000Z");
  const over = { ...NO_WORK, now_ms: Date.parse("2026-03-02T00:00:00Z") };
  assertEquals(showWebhook(webhookOf(FULL, { secrets }), over, true).previous_secret_expires_at, null);
});

Deno.test("urlOrigin() shows scheme, host and port, and nothing that may be a credential", () => {
  const table = [
    ["https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com"],
    ["http://example.com:8080/in?token=x#y", "http://example.com:8080"],
    ["https://user:pass@example.com/", "https://example.com"],
    ["https://example.com:443/x", "https://example.com"],
    ["https://[2606:4700::1]:8443/x", "https://[2606:4700::1]:8443"],
  ] as const;
  for (const [url, origin] of table) assertEquals(urlOrigin(url), origin);
  const credential = fc.string({ unit: "grapheme-ascii" });
  fc.assert(fc.property(credential, credential, credential, (path, query, fragment) => {
    assertEquals(urlOrigin(`https://example.com/${path}?${query}#${fragment}`), "https://example.com");
  }));
});

Deno.test("isoOrNull() writes a time in UTC with milliseconds", () => {
  assertEquals(isoOrNull(0), "1970-01-01T00:00:00.000Z");
  assertEquals(isoOrNull(null), null);
});
