/**
 * A watch: that Tidings looks at a site's analytics in Plausible by itself, and how far it has come.
 *
 * Owns what an owner sets, what is remembered between rounds, and how both are shown. The API key must never be shown,
 * logged or put into an error.
 *
 * @module
 */
import { z } from "zod";
import { isoOrNull } from "./iso.ts";
import { WATCH } from "./limits.ts";

/** What an owner sets. */
export interface WatchSettings {
  /** Current visitors and those of twelve hours, for spikes and drops. */
  readonly visitors: boolean;
  readonly goals: boolean;
  readonly custom_events: boolean;
  /** That Plausible fails, or answers again, is told. */
  readonly errors: boolean;
  /** The site's own key; null: that of the environment. */
  readonly api_key: string | null;
  /** Null: that of the environment. */
  readonly interval_s: number | null;
  readonly updated_at: number;
}

/** A window that is partly told. Both ends are seconds that belong to it. */
export interface OpenWindow {
  readonly start: number;
  readonly end: number;
  /** Names are told in the order of their digests: up to this one they are. */
  readonly told_to: string;
}

/** How far the rows of one kind are told. */
export interface WindowProgress {
  /** The first second of the next window; null before the first round. */
  readonly from: number | null;
  /** The window under way, from `from` on. */
  readonly open: OpenWindow | null;
}

/** What failed in a row. */
export interface Trouble {
  readonly failures: number;
  /** Whether the site's webhooks were told, so that they are told when it is over. */
  readonly told: boolean;
}

/** What is told about with `error_type`. */
export const TROUBLES = ["stats_api", "plausible_health"] as const;
/** One of them. */
export type TroubleKind = typeof TROUBLES[number];

/** What is remembered of a site between rounds. It changes in the commit that accepts what a round brings. */
export interface WatchState {
  /** Which process makes a round just now. */
  readonly lease: { readonly owner: string; readonly until: number } | null;
  readonly next_round_at: number;
  readonly last_round_at: number | null;
  /** In words for the owner; null after a round without an error. */
  readonly last_error: string | null;
  readonly goals: WindowProgress;
  readonly custom_events: WindowProgress;
  readonly troubles: Readonly<Record<TroubleKind, Trouble>>;
}

/** Requests to Plausible, counted over all sites and processes. */
export interface WatchBudget {
  /** How many in which minute since the epoch, oldest first. */
  readonly minutes: readonly (readonly [minute: number, requests: number])[];
  /** How often in a row Plausible said 429. */
  readonly refusals: number;
  /** No request before; null without a refusal. */
  readonly held_until: number | null;
}

/** Nothing is told yet. */
export const PROGRESS_AT_FIRST: WindowProgress = { from: null, open: null };
/** Nothing failed. */
export const NO_TROUBLE: Trouble = { failures: 0, told: false };
/** Nothing was asked. */
export const BUDGET_AT_FIRST: WatchBudget = { minutes: [], refusals: 0, held_until: null };

/**
 * The state of a site that was not watched before.
 *
 * @param now_ms The time: the first round is due at once.
 * @returns The state.
 */
export function newWatchState(now_ms: number): WatchState {
  return {
    lease: null,
    next_round_at: now_ms,
    last_round_at: null,
    last_error: null,
    goals: PROGRESS_AT_FIRST,
    custom_events: PROGRESS_AT_FIRST,
    troubles: { stats_api: NO_TROUBLE, plausible_health: NO_TROUBLE },
  };
}

/** What an owner may send: `PUT` replaces all of it, but a key that is left out stays. */
export const watchInput = z.strictObject({
  visitors: z.boolean().default(true),
  goals: z.boolean().default(true),
  custom_events: z.boolean().default(false),
  errors: z.boolean().default(true),
  api_key: z.string().regex(/^[\x21-\x7e]+$/, "must be visible ASCII without spaces").max(
    WATCH.api_key_chars_max,
  ).nullable().optional(),
  interval_s: z.int().min(WATCH.interval_s_min).max(WATCH.interval_s_max).nullable().default(null),
});

/** A watch as it is shown. */
export interface ShownWatch {
  readonly site_id: string;
  readonly visitors: boolean;
  readonly goals: boolean;
  readonly custom_events: boolean;
  readonly errors: boolean;
  /** Whether the site has a key of its own. */
  readonly has_api_key: boolean;
  /** The one that is set, or that of the environment; null if there is neither. */
  readonly interval_s: number | null;
  readonly last_round_at: string | null;
  readonly last_error: string | null;
  readonly next_round_at: string;
}

/**
 * Shows a watch.
 *
 * @param site_id Whose.
 * @param settings What is set.
 * @param state What is remembered.
 * @param interval_s_default That of the environment.
 * @returns Everything but the key.
 */
export function showWatch(
  site_id: string,
  { settings, state }: { readonly settings: WatchSettings; readonly state: WatchState },
  interval_s_default: number | null,
): ShownWatch {
  const { visitors, goals, custom_events, errors } = settings;
  return {
    site_id,
    visitors,
    goals,
    custom_events,
    errors,
    has_api_key: settings.api_key !== null,
    interval_s: settings.interval_s ?? interval_s_default,
    last_round_at: isoOrNull(state.last_round_at),
    last_error: state.last_error,
    next_round_at: new Date(state.next_round_at).toISOString(),
  };
}
