/**
 * A reading of a site's visitors: what it tells which webhook.
 *
 * Owns the door through which a reading enters, and the decision about it. Pure: what is stored is in `take_reading.ts`.
 *
 * @module
 */
import { z } from "zod";
import {
  afterTelling,
  type AlertKind,
  alertReason,
  type AlertState,
  type Measured,
  memoryOf,
  remembering,
  runWith,
} from "./alert.ts";
import { baselineAt, withReading } from "./baseline.ts";
import { type Decision, type Matchable, skipReason } from "./decide.ts";
import { refusePersonalData, timestamp, withoutQueries } from "./event.ts";
import { EVENT_DATA, type EventPayload } from "./event_types.ts";
import { INPUT } from "./limits.ts";
import { isJsonObject } from "./merge_patch.ts";
import { validate, validationError } from "./validate.ts";

const { top_sources, top_pages } = EVENT_DATA.visitor_spike.shape;

/** The body of a reading. */
export const readingSchema = z.strictObject({
  current_visitors: z.int().min(0),
  visitors_12h: z.int().min(0).optional(),
  at: timestamp.optional(),
  top_sources,
  top_pages,
});

/** A reading that passed the door. */
export interface Reading {
  readonly current_visitors: number;
  readonly visitors_12h: number | null;
  readonly at: number;
  /** The time as receivers get it. */
  readonly timestamp: string;
  readonly tops: Pick<z.output<typeof EVENT_DATA.visitor_spike>, "top_sources" | "top_pages">;
}

/**
 * Parses a posted reading.
 *
 * @param input The JSON value of the body.
 * @param now_ms The time: that of a reading without `at`.
 * @returns The reading.
 * @throws {AppError} `personal_data`, `validation_failed`.
 */
export function parseReading(input: unknown, now_ms: number): Reading {
  if (!isJsonObject(input)) {
    throw validationError([{ path: "", message: "must be an object with current_visitors" }]);
  }
  const cut = withoutQueries(input);
  refusePersonalData(cut);
  const { at: given, current_visitors, visitors_12h, ...rest } = validate(readingSchema, cut);
  const text = given ?? new Date(now_ms).toISOString();
  const at = Date.parse(text);
  if (at > now_ms + INPUT.timestamp_ahead_ms_max) {
    throw validationError([{ path: "/at", message: "must be at most 24 hours ahead" }]);
  }
  const tops = {
    ...(rest.top_sources === undefined ? {} : { top_sources: rest.top_sources }),
    ...(rest.top_pages === undefined ? {} : { top_pages: rest.top_pages }),
  };
  return { current_visitors, visitors_12h: visitors_12h ?? null, at, timestamp: text, tops };
}

/** What a reading decides about one kind. */
export interface DecidedAlert {
  readonly payload: EventPayload & { readonly event: AlertKind };
  readonly decisions: readonly Decision[];
}

/** What a reading decides. */
export interface DecidedReading {
  /** The spike, and the drop if the visitors of twelve hours were read. */
  readonly alerts: readonly DecidedAlert[];
  readonly after: AlertState;
}

/** Hours over which the visitors of a drop are counted. */
const DROP_HOURS = 12;

/**
 * Decides about a reading.
 *
 * @param site_id Whose.
 * @param reading The reading.
 * @param webhooks All webhooks of the site.
 * @param state What is remembered of the site.
 * @returns What is decided, and what is remembered after it; null if the reading is older than the last one.
 */
export function decideReading(
  site_id: string,
  reading: Reading,
  webhooks: readonly Matchable[],
  state: AlertState,
): DecidedReading | null {
  const { at, timestamp, current_visitors, visitors_12h, tops } = reading;
  if (state.last_reading_at !== null && at < state.last_reading_at) return null;
  const again = state.last_reading_at === at;
  const baseline = baselineAt(state.hours, at);
  const known = new Set(webhooks.map(({ id }) => id));
  let after: AlertState = {
    last_reading_at: at,
    hours: again ? state.hours : withReading(state.hours, at, current_visitors),
    // Those of deleted webhooks are forgotten.
    webhooks: Object.fromEntries(Object.entries(state.webhooks).filter(([id]) => known.has(id))),
  };
  const alerts: DecidedAlert[] = [];
  const head = { site_id, timestamp };
  const decideKind = (
    measured: Measured,
    payloadOf: (told: readonly Matchable[]) => DecidedAlert["payload"],
  ): void => {
    const { kind } = measured;
    const decisions = webhooks.map((webhook): Decision => {
      const memory = memoryOf(state, webhook.id, kind);
      const run = runWith(measured, webhook, memory, again);
      // A count of none for a webhook that was never counted needs no room.
      if (run !== memory.run) after = remembering(after, webhook.id, kind, { ...memory, run });
      return {
        webhook_id: webhook.id,
        reason: skipReason(kind, webhook, () => alertReason(measured, webhook, memory, run)),
      };
    });
    const told = decisions.filter(({ reason }) => reason === null).map(({ webhook_id }) => webhook_id);
    after = afterTelling(after, kind, told, at);
    alerts.push({ payload: payloadOf(webhooks.filter(({ id }) => told.includes(id))), decisions });
  };
  decideKind({ kind: "visitor_spike", visitors: current_visitors, at, baseline }, (told) => ({
    ...head,
    event: "visitor_spike",
    data: {
      current_visitors,
      ...thresholdOf(told.map(({ filters }) => filters.visitor_spike.threshold)),
      ...(baseline === null ? {} : { baseline: Math.round(baseline * 10) / 10 }),
      ...tops,
    },
  }));
  if (visitors_12h !== null) {
    decideKind({ kind: "visitor_drop", visitors: visitors_12h, at, baseline: null }, (told) => ({
      ...head,
      event: "visitor_drop",
      data: {
        current_visitors: visitors_12h,
        ...thresholdOf(told.map(({ filters }) => filters.visitor_drop.threshold)),
        window_hours: DROP_HOURS,
      },
    }));
  }
  return { alerts, after };
}

/** The threshold that an event states: one event is told to all, so it states one only if it is the same for all. */
function thresholdOf(thresholds: readonly number[]): { threshold?: number } {
  const [first] = thresholds;
  return first !== undefined && thresholds.every((each) => each === first) ? { threshold: first } : {};
}
