/**
 * Events whose messages are kept as golden files: every kind, with everything and with little, and the worst of each.
 *
 * Owns the events, not the messages.
 *
 * @module
 */
import { encodeBody } from "../../../lib/event.ts";
import { EVENT_EXAMPLES } from "../../../lib/event_types.ts";
import { INPUT } from "../../../lib/limits.ts";
import { renderBody, type RenderOptions } from "../../../lib/formats/render.ts";

/** The formats that have golden files. */
export const CHAT_FORMATS = ["slack", "discord"] as const;

/** An event and how it is sent. */
export interface FormatCase {
  readonly event: string;
  readonly data: unknown;
  readonly site_id?: string;
  readonly timestamp?: string;
  readonly options?: Partial<RenderOptions>;
}

const DASHBOARD = { options: { dashboard_url: "https://plausible.example/example.com" } };

/** Every character of it is escaped, in both services. */
function worst(chars: number): string {
  return "&*<_".repeat(Math.ceil(chars / 4)).slice(0, chars);
}

const WORST = worst(INPUT.string_chars_max);

function worstPairs(): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: INPUT.pairs_max }, (_, index) => [`${index}${worst(498)}`, WORST]),
  );
}

/** The cases by their names, which are those of the golden files. */
export const CASES: Readonly<Record<string, FormatCase>> = {
  goal_completion: { event: "goal_completion", data: EVENT_EXAMPLES.goal_completion, ...DASHBOARD },
  goal_completion_window: {
    event: "goal_completion",
    data: {
      goal_name: "Purchase",
      visitor_count: 1234,
      goal_id: 7,
      goal_type: "revenue",
      event_count: 1301,
      path: "/shop/*",
      window_start: "2026-02-25T12:00:00+01:00",
      window_end: "2026-02-25T13:00:00+01:00",
    },
  },
  visitor_spike: { event: "visitor_spike", data: EVENT_EXAMPLES.visitor_spike, ...DASHBOARD },
  visitor_spike_little: { event: "visitor_spike", data: { current_visitors: 1 } },
  visitor_drop: { event: "visitor_drop", data: EVENT_EXAMPLES.visitor_drop, ...DASHBOARD },
  visitor_drop_little: { event: "visitor_drop", data: { current_visitors: 4 } },
  custom_event: { event: "custom_event", data: EVENT_EXAMPLES.custom_event, ...DASHBOARD },
  custom_event_props: {
    event: "custom_event",
    data: {
      event_name: "Download",
      visitor_count: 3,
      event_count: 4,
      path: "/files",
      props: { plan: "team", seats: 12.5, trial: false, note: "" },
      window_start: "2026-02-25T12:00:00Z",
    },
  },
  error_condition: { event: "error_condition", data: EVENT_EXAMPLES.error_condition, ...DASHBOARD },
  error_condition_details: {
    event: "error_condition",
    data: {
      error_type: "webhook_paused",
      message: "A webhook was paused.\n\nNothing was delivered.",
      details: { webhook_id: "wh_01JMZ0000000000000000000BB", reason: "failing" },
    },
  },
  test: {
    event: "test",
    data: { message: "This is a test." },
    options: { ...DASHBOARD.options, is_test: true },
  },
  test_of_a_kind: {
    event: "goal_completion",
    data: EVENT_EXAMPLES.goal_completion,
    options: { is_test: true },
  },
  mentions_and_markup: {
    event: "custom_event",
    data: {
      event_name:
        "<!channel> @everyone <@U1> *bold* _it_ ~no~ `code` ||hidden|| \\ & [x](https://x.example) :tada:",
      visitor_count: 1,
      path: "/a_b_c/*",
      props: { "- a": "# b", "> c": "1. d\n2. e", "<#1>": "<t:0>", "line\u2028break": "\u0000" },
    },
  },
  blank: { event: "goal_completion", data: { goal_name: " \n", visitor_count: 0, path: "\u0007" } },
  halves_of_characters: {
    event: "goal_completion",
    data: { goal_name: `\ud800${"👍".repeat(249)}\udc00`, visitor_count: 1 },
  },
  before_1970: {
    event: "goal_completion",
    data: EVENT_EXAMPLES.goal_completion,
    timestamp: "0000-01-01T00:00:00Z",
  },
  shape_of_another_release: { event: "visitor_spike", data: { visitors: { now: 3, then: "<1" } } },
  longest_goal_completion: {
    event: "goal_completion",
    site_id: "_".repeat(INPUT.site_id_chars_max),
    data: {
      goal_name: WORST,
      visitor_count: Number.MAX_SAFE_INTEGER,
      event_count: Number.MAX_SAFE_INTEGER,
      path: WORST,
      window_start: "2026-02-25T12:00:00Z",
      window_end: "2026-02-25T13:00:00Z",
    },
  },
  longest_visitor_spike: {
    event: "visitor_spike",
    site_id: "_".repeat(INPUT.site_id_chars_max),
    data: {
      current_visitors: Number.MAX_SAFE_INTEGER,
      threshold: Number.MAX_VALUE,
      baseline: Number.MAX_VALUE,
      top_sources: Array.from({ length: 10 }, () => ({ source: WORST, visitors: Number.MAX_SAFE_INTEGER })),
      top_pages: Array.from({ length: 10 }, () => ({ page: WORST, visitors: Number.MAX_SAFE_INTEGER })),
    },
  },
  longest_visitor_drop: {
    event: "visitor_drop",
    site_id: "_".repeat(INPUT.site_id_chars_max),
    data: { current_visitors: 0, threshold: Number.MAX_VALUE, window_hours: Number.MAX_VALUE },
  },
  longest_custom_event: {
    event: "custom_event",
    site_id: "_".repeat(INPUT.site_id_chars_max),
    data: {
      event_name: WORST,
      visitor_count: Number.MAX_SAFE_INTEGER,
      event_count: Number.MAX_SAFE_INTEGER,
      path: WORST,
      props: worstPairs(),
      window_start: "2026-02-25T12:00:00Z",
      window_end: "2026-02-25T13:00:00Z",
    },
  },
  longest_error_condition: {
    event: "error_condition",
    site_id: "_".repeat(INPUT.site_id_chars_max),
    data: { error_type: WORST, message: worst(INPUT.message_chars_max), details: worstPairs() },
  },
};

/**
 * The message of a case.
 *
 * @param format Whose.
 * @param given The case.
 * @returns The body as text.
 */
export function messageOf(format: typeof CHAT_FORMATS[number], given: FormatCase): string {
  const { event, data, site_id = "example.com", timestamp = "2026-02-25T12:00:00Z", options = {} } = given;
  const stored = encodeBody({ event, site_id, timestamp, data });
  const { body } = renderBody(format, stored, { dashboard_url: null, is_test: false, ...options });
  return new TextDecoder("utf-8", { fatal: true }).decode(body);
}
