/**
 * Alerts: when visitors rise above or fall below what a webhook's owner set, often enough in a row, and not again while it
 * is silent.
 *
 * Owns the decision and what must be remembered for it. Pure: time is that of the reading or the event, never a clock.
 *
 * @module
 */
import type { HourOfReadings } from "./baseline.ts";
import type { EventPayload } from "./event_types.ts";
import { INPUT, TIME } from "./limits.ts";
import type { Webhook } from "./webhook.ts";

/** The kinds of event that are alerts. */
export const ALERT_KINDS = ["visitor_spike", "visitor_drop"] as const;
/** A kind of alert. */
export type AlertKind = typeof ALERT_KINDS[number];

/**
 * Whether an event is an alert.
 *
 * @param payload The event.
 * @returns Whether it passes threshold and cooldown of each webhook.
 */
export function isAlert(payload: EventPayload): payload is EventPayload & { readonly event: AlertKind } {
  return payload.event === "visitor_spike" || payload.event === "visitor_drop";
}

/** Why a webhook is not told about an alert. */
export type AlertSkip = "below_threshold" | "no_baseline" | "readings" | "cooldown";

/** What is remembered of one kind for one webhook. */
export interface AlertMemory {
  /** Readings in a row that would have told it. */
  readonly run: number;
  /** The time of the reading or event it was last told about. */
  readonly last_triggered_at: number | null;
}

/** What is remembered of a site. It changes in the commit that accepts what it brings. */
export interface AlertState {
  /** The time of the newest reading: an older one decides nothing. */
  readonly last_reading_at: number | null;
  /** For the baseline, oldest first. */
  readonly hours: readonly HourOfReadings[];
  /** By the webhook's id. */
  readonly webhooks: Readonly<Record<string, Readonly<Record<AlertKind, AlertMemory>>>>;
}

/** Nothing is remembered. */
export const MEMORY_AT_FIRST: AlertMemory = { run: 0, last_triggered_at: null };
/** A site without readings. */
export const ALERTS_AT_FIRST: AlertState = { last_reading_at: null, hours: [], webhooks: {} };

/** What was measured. */
export interface Measured {
  readonly kind: AlertKind;
  /** Of the last five minutes for a spike, of the last hours for a drop. */
  readonly visitors: number;
  readonly at: number;
  /** What is usual at this hour; null if too little is known. */
  readonly baseline: number | null;
}

/** The part of a webhook that alerts look at. */
export type Alerted = Pick<Webhook, "id" | "filters">;

/**
 * What is remembered of one kind for one webhook.
 *
 * @param state The site's.
 * @param webhook_id Which webhook.
 * @param kind Which kind.
 * @returns The memory, that of a new webhook if there is none.
 */
export function memoryOf(state: AlertState, webhook_id: string, kind: AlertKind): AlertMemory {
  return state.webhooks[webhook_id]?.[kind] ?? MEMORY_AT_FIRST;
}

/** Why what was measured is nothing to tell this webhook, whatever happened before; null if it is. */
function limitReason(
  { kind, visitors, baseline }: Measured,
  filters: Webhook["filters"],
): "below_threshold" | "no_baseline" | null {
  if (kind === "visitor_drop") return visitors < filters.visitor_drop.threshold ? null : "below_threshold";
  const { threshold, percent_over_baseline } = filters.visitor_spike;
  if (visitors < threshold) return "below_threshold";
  if (percent_over_baseline === null) return null;
  if (baseline === null) return "no_baseline";
  return visitors >= baseline * (1 + percent_over_baseline / 100) ? null : "below_threshold";
}

/**
 * Until when a webhook is silent about a kind.
 *
 * @param memory What is remembered.
 * @param cooldown_hours Of the webhook's filter.
 * @returns The first time at which it may be told again; null if it was never told.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { silentUntil } from "./alert.ts";
 * assertEquals(silentUntil({ run: 1, last_triggered_at: 1000 }, 12), 1000 + 12 * 3_600_000);
 * ```
 */
export function silentUntil({ last_triggered_at }: AlertMemory, cooldown_hours: number): number | null {
  if (last_triggered_at === null) return null;
  return last_triggered_at + Math.round(cooldown_hours * TIME.HOUR_MS);
}

/**
 * Why a webhook is not told about an alert.
 *
 * @param measured What was measured.
 * @param webhook The webhook's filters.
 * @param memory What is remembered of it.
 * @param run Readings in a row with this one; null for an event that was posted: its caller has judged that already.
 * @returns The reason, or null if it is told.
 */
export function alertReason(
  measured: Measured,
  { filters }: Pick<Alerted, "filters">,
  memory: AlertMemory,
  run: number | null,
): AlertSkip | null {
  const beyond = limitReason(measured, filters);
  if (beyond !== null) return beyond;
  const { readings, cooldown_hours } = filters[measured.kind];
  if (run !== null && run < readings) return "readings";
  const silent_until = silentUntil(memory, cooldown_hours);
  return silent_until !== null && measured.at < silent_until ? "cooldown" : null;
}

/**
 * Readings in a row that would tell a webhook, with this one.
 *
 * @param measured The reading.
 * @param webhook The webhook's filters.
 * @param memory What is remembered of it.
 * @param again Whether a reading of the same time was counted already: a repeated request is no second reading.
 * @returns 0 if this one would not; never more than can be asked for.
 */
export function runWith(
  measured: Measured,
  { filters }: Pick<Alerted, "filters">,
  { run }: AlertMemory,
  again: boolean,
): number {
  if (limitReason(measured, filters) !== null) return 0;
  return again && run > 0 ? run : Math.min(run + 1, INPUT.readings_max);
}

/**
 * The state after webhooks were told.
 *
 * @param state The state before.
 * @param kind What they were told about.
 * @param told Their ids.
 * @param at The time of it.
 * @returns The state; the same if nobody was told.
 */
export function afterTelling(
  state: AlertState,
  kind: AlertKind,
  told: readonly string[],
  at: number,
): AlertState {
  return told.reduce(
    (after, id) => remembering(after, id, kind, { ...memoryOf(after, id, kind), last_triggered_at: at }),
    state,
  );
}

/**
 * The state with another memory.
 *
 * @param state The state before.
 * @param webhook_id Of which webhook.
 * @param kind Of which kind.
 * @param memory What is to be remembered.
 * @returns The state after it.
 */
export function remembering(
  state: AlertState,
  webhook_id: string,
  kind: AlertKind,
  memory: AlertMemory,
): AlertState {
  const both = {
    visitor_spike: memoryOf(state, webhook_id, "visitor_spike"),
    visitor_drop: memoryOf(state, webhook_id, "visitor_drop"),
    [kind]: memory,
  };
  return { ...state, webhooks: { ...state.webhooks, [webhook_id]: both } };
}
