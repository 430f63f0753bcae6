/**
 * Decides which webhooks of a site are told about an event, and says why the others are not.
 *
 * Owns matching. Pure. It must never drop a webhook silently: every webhook of the site gets a decision, because its
 * owner will ask.
 *
 * @module
 */
import {
  type AlertKind,
  alertReason,
  ALERTS_AT_FIRST,
  type AlertState,
  type Measured,
  memoryOf,
} from "./alert.ts";
import { baselineAt } from "./baseline.ts";
import type { EventName, EventPayload } from "./event_types.ts";
import { unreachable } from "@std/assert";
import { type Webhook, webhookStatus } from "./webhook.ts";

/** Why a webhook is not told. */
export const SKIP_REASONS = [
  "disabled",
  "paused",
  "not_subscribed",
  "filtered",
  "below_threshold",
  "cooldown",
  "readings",
  "no_baseline",
] as const;
/** Why a webhook is not told. */
export type SkipReason = typeof SKIP_REASONS[number];

/** What was decided for one webhook: told (`reason` null), or why not. */
export interface Decision {
  readonly webhook_id: string;
  readonly reason: SkipReason | null;
}

/** The part of a webhook that matching looks at. */
export type Matchable = Pick<Webhook, "id" | "enabled" | "pause_reason" | "events" | "filters">;

/**
 * Decides for every webhook of a site.
 *
 * @param payload The event.
 * @param webhooks All webhooks of the event's site.
 * @param alerts What is remembered of the site; matters for spikes and drops only.
 * @returns One decision a webhook, in their order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decide } from "./decide.ts";
 * import { parseSettings } from "./webhook_settings.ts";
 * const settings = parseSettings(
 *   { url: "https://example.com/in", events: ["goal_completion"], filters: { goals: ["Signup"] } },
 *   { timeout_ms: 10_000 },
 * );
 * const payload = {
 *   event: "goal_completion",
 *   site_id: "example.com",
 *   timestamp: "2026-02-25T12:00:00Z",
 *   data: { goal_name: "Purchase", visitor_count: 1 },
 * } as const;
 * assertEquals(decide(payload, [{ ...settings, id: "wh_1", pause_reason: null }]), [
 *   { webhook_id: "wh_1", reason: "filtered" },
 * ]);
 * ```
 */
export function decide(
  payload: EventPayload,
  webhooks: readonly Matchable[],
  alerts: AlertState = ALERTS_AT_FIRST,
): Decision[] {
  return webhooks.map((webhook) => ({
    webhook_id: webhook.id,
    reason: skipReason(payload.event, webhook, () => filterReason(payload, webhook, alerts)),
  }));
}

/**
 * Why a webhook is not told, in the order in which an owner would ask.
 *
 * @param event The kind.
 * @param webhook The webhook.
 * @param filtered What its filters say.
 * @returns The reason, or null if it is told.
 */
export function skipReason(
  event: EventName,
  webhook: Matchable,
  filtered: () => SkipReason | null,
): SkipReason | null {
  if (!webhook.events.includes(event)) return "not_subscribed";
  const reason = filtered();
  if (reason !== null) return reason;
  // Last: "disabled" and "paused" promise that recover brings the event, so nothing else may stand against it.
  const status = webhookStatus(webhook);
  return status === "active" ? null : status;
}

function filterReason(
  payload: EventPayload,
  webhook: Matchable,
  alerts: AlertState,
): SkipReason | null {
  const { filters } = webhook;
  switch (payload.event) {
    case "goal_completion":
      return named(filters.goals, payload.data.goal_name);
    case "custom_event":
      return named(filters.custom_events, payload.data.event_name);
    case "error_condition":
      return named(filters.error_types, payload.data.error_type);
    case "visitor_spike":
    case "visitor_drop":
      return alertReason(
        measuredBy(payload, alerts),
        webhook,
        memoryOf(alerts, webhook.id, payload.event),
        null,
      );
    default:
      // A kind that is not listed does not compile.
      return unreachable(payload satisfies never);
  }
}

/** What a posted alert says was measured. The baseline is the one it states, or else that of the site's readings. */
function measuredBy(
  payload: EventPayload & { readonly event: AlertKind },
  alerts: AlertState,
): Measured {
  const at = Date.parse(payload.timestamp);
  const stated = payload.event === "visitor_spike" ? payload.data.baseline : undefined;
  return {
    kind: payload.event,
    visitors: payload.data.current_visitors,
    at,
    baseline: stated ?? baselineAt(alerts.hours, at),
  };
}

/** An empty list means all; otherwise an exact, case-sensitive match. */
function named(wanted: readonly string[], name: string): SkipReason | null {
  return wanted.length === 0 || wanted.includes(name) ? null : "filtered";
}
