/**
 * The five kinds of event that an analytics system may post, and `test`, which Tidings makes itself.
 *
 * Owns the shape of each kind's `data`, its description and its published example; validation, documentation and the
 * test event all come from here. It must never know who is told about an event: that is `decide.ts`.
 *
 * @module
 */
import { z } from "zod";
import { withAnyNames } from "./any_names.ts";
import { INPUT } from "./limits.ts";

const text = z.string().min(1).max(INPUT.string_chars_max);
const count = z.int().min(0);
const dateTime = z.iso.datetime({ offset: true });

/** Up to 20 named values, for what a caller wants to add. */
function pairs(): z.ZodType<Record<string, string | number | boolean>> {
  const values = z.record(text, z.union([z.string().max(INPUT.string_chars_max), z.number(), z.boolean()]))
    .refine((value) => Object.keys(value).length <= INPUT.pairs_max, {
      error: `must have at most ${INPUT.pairs_max} pairs`,
    });
  return withAnyNames(values);
}

const window = { window_start: dateTime.optional(), window_end: dateTime.optional() };

const goalCompletion = z.strictObject({
  goal_name: text,
  visitor_count: count,
  goal_id: z.union([text, z.int()]).optional(),
  goal_type: z.enum(["event", "page", "scroll", "revenue"]).optional(),
  path: text.optional(),
  event_count: count.optional(),
  ...window,
});

const visitorSpike = z.strictObject({
  current_visitors: count,
  threshold: z.number().min(0).optional(),
  baseline: z.number().min(0).optional(),
  top_sources: z.array(z.strictObject({ source: text, visitors: count })).max(INPUT.top_entries_max)
    .optional(),
  top_pages: z.array(z.strictObject({ page: text, visitors: count })).max(INPUT.top_entries_max).optional(),
});

const visitorDrop = z.strictObject({
  current_visitors: count,
  threshold: z.number().min(0).optional(),
  window_hours: z.number().positive().optional(),
});

const customEvent = z.strictObject({
  event_name: text,
  visitor_count: count,
  event_count: count.optional(),
  path: text.optional(),
  props: pairs().optional(),
  ...window,
});

const errorCondition = z.strictObject({
  error_type: text,
  message: z.string().min(1).max(INPUT.message_chars_max),
  details: pairs().optional(),
});

/** The kinds that a webhook may subscribe to, in the order they are documented. */
export const EVENT_NAMES = [
  "goal_completion",
  "visitor_spike",
  "visitor_drop",
  "custom_event",
  "error_condition",
] as const;

/** A kind that a webhook may subscribe to. */
export type EventName = typeof EVENT_NAMES[number];

/** A kind that a receiver may meet: also `test`. */
export type DeliveredEventName = EventName | "test";

/** The schema of each kind's `data`. */
export const EVENT_DATA = {
  goal_completion: goalCompletion,
  visitor_spike: visitorSpike,
  visitor_drop: visitorDrop,
  custom_event: customEvent,
  error_condition: errorCondition,
} as const satisfies Record<EventName, z.ZodType>;

/** The `data` of one kind, parsed. */
export type EventData<Name extends EventName = EventName> = z.output<typeof EVENT_DATA[Name]>;

/** An event as accepted: what receivers get, in this order of keys. */
export type EventPayload = {
  readonly [Name in EventName]: {
    readonly event: Name;
    readonly site_id: string;
    /** RFC 3339, verbatim as the caller sent it. */
    readonly timestamp: string;
    readonly data: EventData<Name>;
  };
}[EventName];

/** What each kind means, in a sentence for whoever chooses which to subscribe to. */
export const EVENT_DESCRIPTIONS = {
  goal_completion: "A goal of the site was completed, once or (with a window) several times.",
  visitor_spike: "Current visitors, those of the last five minutes, reached the webhook's threshold.",
  visitor_drop:
    "Visitors of the last hours (twelve, unless said otherwise) fell below the webhook's threshold.",
  custom_event: "A custom event occurred, once or (with a window) several times.",
  error_condition: "Something is wrong: with the analytics of the site, or with one of its webhooks.",
} as const satisfies Record<EventName, string>;

/** A published example of each kind's `data`; also what a test delivery of that kind carries. */
export const EVENT_EXAMPLES = {
  goal_completion: { goal_name: "Signup", visitor_count: 1, path: "/signup" },
  visitor_spike: {
    current_visitors: 250,
    threshold: 100,
    top_sources: [{ source: "Hacker News", visitors: 180 }],
    top_pages: [{ page: "/blog/launch", visitors: 210 }],
  },
  visitor_drop: { current_visitors: 0, threshold: 1, window_hours: 12 },
  custom_event: { event_name: "Download", visitor_count: 3, event_count: 4, props: { plan: "team" } },
  error_condition: { error_type: "stats_api", message: "The Stats API answered 502 three times in a row" },
} as const satisfies { readonly [Name in EventName]: z.input<typeof EVENT_DATA[Name]> };

/** What `GET /v1/event-types` tells about one kind. */
export interface EventTypeDescription {
  readonly name: EventName;
  readonly description: string;
  /** JSON Schema (2020-12) of `data`. */
  readonly schema: unknown;
  /** An example of `data`. */
  readonly example: unknown;
}

/**
 * Describes every kind, for callers who look before they post.
 *
 * @returns One description a kind, in the order of {@linkcode EVENT_NAMES}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { describeEventTypes } from "./event_types.ts";
 * assertEquals(describeEventTypes()[0]?.name, "goal_completion");
 * ```
 */
export function describeEventTypes(): EventTypeDescription[] {
  return EVENT_NAMES.map((name) => ({
    name,
    description: EVENT_DESCRIPTIONS[name],
    schema: z.toJSONSchema(EVENT_DATA[name], { io: "input" }),
    example: EVENT_EXAMPLES[name],
  }));
}
