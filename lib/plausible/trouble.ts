/**
 * What is told when Plausible fails, and when it is well again.
 *
 * Owns when that is: after three rounds in a row, once, and once when it is over. Pure.
 *
 * @module
 */
import type { EventPayload } from "../event_types.ts";
import { WATCH } from "../limits.ts";
import { NO_TROUBLE, type Trouble, type TroubleKind, TROUBLES, type WatchState } from "../watch.ts";
import { isoSecond } from "./window.ts";

/** What a round found out about one of them. */
export interface Finding {
  /** A word for programs; null if all is well. */
  readonly reason: string | null;
  /** In words, as a whole sentence. */
  readonly sentence: string;
}

/** What a round found out; what it found nothing out about is left out. */
export type Findings = Readonly<Partial<Record<TroubleKind, Finding>>>;

/** What people call each of them. */
const NAMES: Readonly<Record<TroubleKind, string>> = {
  stats_api: "The Stats API of Plausible",
  plausible_health: "The health check of Plausible",
};

/**
 * The failures in a row after a round.
 *
 * @param troubles Those before it.
 * @param findings What it found.
 * @returns Those after it.
 */
export function afterFindings(
  troubles: WatchState["troubles"],
  findings: Findings,
): WatchState["troubles"] {
  const next = (kind: TroubleKind): Trouble => {
    const finding = findings[kind];
    if (finding === undefined) return troubles[kind];
    return { ...troubles[kind], failures: finding.reason === null ? 0 : troubles[kind].failures + 1 };
  };
  return { stats_api: next("stats_api"), plausible_health: next("plausible_health") };
}

/** A notice that is due, and what is remembered once it is told. */
export interface Notice {
  readonly payload: EventPayload;
  readonly troubles: WatchState["troubles"];
}

/**
 * The next notice that is due.
 *
 * @param troubles The failures in a row.
 * @param findings What the round found: without a finding nothing is told.
 * @param of The site and the time.
 * @returns The notice, or null.
 */
export function dueNotice(
  troubles: WatchState["troubles"],
  findings: Findings,
  { site_id, now }: { readonly site_id: string; readonly now: number },
): Notice | null {
  for (const kind of TROUBLES) {
    const [finding, { failures, told }] = [findings[kind], troubles[kind]];
    if (finding === undefined) continue;
    const failing = finding.reason !== null && failures >= WATCH.failures_to_tell && !told;
    const recovered = finding.reason === null && told;
    if (!failing && !recovered) continue;
    const message = failing
      ? `${NAMES[kind]} failed ${failures} times in a row. ${finding.sentence}`
      : `${NAMES[kind]} is well again.`;
    const details = finding.reason === null
      ? { status: "recovered" }
      : { status: "failing", reason: finding.reason, failures };
    return {
      payload: {
        event: "error_condition",
        site_id,
        timestamp: isoSecond(now),
        data: { error_type: kind, message, details },
      },
      troubles: { ...troubles, [kind]: { failures, told: failing } },
    };
  }
  return null;
}

/**
 * What is remembered where failures are not to be told: should that change, they are told from then on.
 *
 * @param troubles The failures in a row.
 * @returns The same, untold.
 */
export function untoldTroubles(troubles: WatchState["troubles"]): WatchState["troubles"] {
  return {
    stats_api: { ...troubles.stats_api, told: false },
    plausible_health: NO_TROUBLE,
  };
}
