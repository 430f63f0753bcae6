/**
 * Windows of time whose goals and custom events are told, and the events made of them.
 *
 * Owns where a window begins and ends, in which order its rows are told, and that no event made here holds personal data
 * or is refused at the door. Pure.
 *
 * @module
 */
import { digestOf } from "../digest.ts";
import type { EventPayload } from "../event_types.ts";
import { INPUT, TIME, WATCH } from "../limits.ts";
import { redactPersonalData, REMOVED, stripQuery } from "../privacy/personal_data.ts";
import type { OpenWindow, WindowProgress } from "../watch.ts";
import type { StatsRow } from "./client.ts";

/** The kinds of rows that are told by windows. */
export const WINDOW_KINDS = ["goals", "custom_events"] as const;
/** One of them. */
export type WindowKind = typeof WINDOW_KINDS[number];

/** No name of Plausible's is longer than this; what is, is cut before it is looked at. */
const JUDGED_CHARS_MAX = 10_000;

/** As much of a digest as tells rows of one window apart. */
const PLACE_CHARS = 32;

function wholeSecond(at_ms: number): number {
  return Math.floor(at_ms / TIME.SECOND_MS) * TIME.SECOND_MS;
}

/**
 * Where the first round leaves a site: nothing before it is told.
 *
 * @param now The time of the round.
 * @returns The progress.
 */
export function baselineAt(now: number): WindowProgress {
  return { from: wholeSecond(now), open: null };
}

/** The window of a round, and what had to be left out because it is too long ago. */
export interface NextWindow {
  /** Null if there is none yet. */
  readonly window: OpenWindow | null;
  readonly left_out_ms: number;
}

/**
 * The window that is told next: the one that is partly told, or the seconds behind the last one that are settled by now,
 * a day of them at most.
 *
 * @param progress How far it is told; past the first round.
 * @param now The time.
 * @returns The window.
 */
export function nextWindow(progress: WindowProgress, now: number): NextWindow {
  if (progress.open !== null) return { window: progress.open, left_out_ms: 0 };
  const from = progress.from ?? wholeSecond(now);
  const start = Math.max(from, wholeSecond(now - WATCH.behind_ms_max));
  const settled = wholeSecond(now - WATCH.settled_ms);
  const end = Math.min(settled, start + WATCH.window_ms_max - TIME.SECOND_MS);
  if (end < start) return { window: null, left_out_ms: 0 };
  return { window: { start, end, told_to: "" }, left_out_ms: start - from };
}

/**
 * The progress after a whole window. Both ends of a range belong to it, so the next one begins a second later.
 *
 * @param window The window.
 * @returns The progress.
 */
export function afterWindow({ end }: OpenWindow): WindowProgress {
  return { from: end + TIME.SECOND_MS, open: null };
}

/** A row with its place in the order in which a window is told. */
export interface PlacedRow {
  readonly row: StatsRow;
  /** A digest of its name: at rest the name itself could be a person's. */
  readonly place: string;
}

/**
 * The rows of a window that are still to be told, in an order that the same rows always have.
 *
 * @param rows All rows of the window.
 * @param told_to How far they are told.
 * @returns The rest, without those in which nothing happened.
 */
export function untold(rows: readonly StatsRow[], told_to: string): PlacedRow[] {
  return rows.filter(({ visitors, events }) => visitors > 0 || (events ?? 0) > 0)
    .map((row) => ({ row, place: digestOf(row.name).slice(0, PLACE_CHARS) }))
    .filter(({ place }) => place > told_to)
    .toSorted((one, other) => one.place < other.place ? -1 : 1);
}

/**
 * A text of Plausible's as it may be told: without personal data, and short enough.
 *
 * @param text The text: a goal's name, a source.
 * @returns A text that is not refused.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tellable } from "./window.ts";
 * assertEquals(tellable("Visit /u/jane@example.com"), "Visit /u/[removed]");
 * assertEquals(tellable(""), "(none)");
 * ```
 */
export function tellable(text: string): string {
  if (text === "") return "(none)";
  // Judged before it is cut, which could leave half of an address; and after, as a half may look like something else.
  const short = redactPersonalData(text.slice(0, JUDGED_CHARS_MAX)).slice(0, INPUT.string_chars_max);
  const redacted = redactPersonalData(short.toWellFormed());
  return redacted.length <= INPUT.string_chars_max ? redacted : REMOVED;
}

/**
 * A path as it may be told: also without query and fragment, which hold what visitors typed.
 *
 * @param path The path of a page, or a goal named after one.
 * @returns A text that is not refused.
 */
export function tellablePath(path: string): string {
  return tellable(stripQuery(path));
}

/** A time as events state it; windows begin and end with whole seconds. */
export function isoSecond(at_ms: number): string {
  return new Date(at_ms).toISOString().replace(".000Z", "Z");
}

/**
 * The event that tells one row of a window.
 *
 * @param kind What the row is of.
 * @param row The row.
 * @param of The site and the window.
 * @returns The event, which passes the door.
 */
export function windowEvent(
  kind: WindowKind,
  { name, visitors, events }: StatsRow,
  { site_id, window }: { readonly site_id: string; readonly window: OpenWindow },
): EventPayload {
  const counted = {
    visitor_count: visitors,
    ...(events === null ? {} : { event_count: events }),
    window_start: isoSecond(window.start),
    window_end: isoSecond(window.end),
  };
  const head = { site_id, timestamp: counted.window_end };
  if (kind === "custom_events") {
    return { event: "custom_event", ...head, data: { event_name: tellable(name), ...counted } };
  }
  // A goal of a page is called after its path unless its owner named it.
  const goal_name = name.startsWith("Visit /") ? tellablePath(name) : tellable(name);
  return { event: "goal_completion", ...head, data: { goal_name, ...counted } };
}
