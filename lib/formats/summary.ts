/**
 * An event in the words of a chat message, before any service's form is given to it.
 *
 * Owns what is said of each kind: a title, one line for notifications, and named values. Texts are as they came, but for
 * white space and control characters: escaping and cutting are each format's own. Pure.
 *
 * @module
 */
import { decodeBody, type ShownPayload } from "../event.ts";
import { EVENT_DATA, EVENT_NAMES, type EventPayload } from "../event_types.ts";
import { isJsonObject } from "../merge_patch.ts";

/** A named value; several lines are a list. Names are Tidings' own. */
export interface SummaryField {
  readonly name: string;
  readonly lines: readonly string[];
}

/** How good the news is: services show it as a colour. */
export type Tone = "good" | "notice" | "bad";

/** What is said of one kind. */
interface Said {
  readonly tone: Tone;
  readonly title: string;
  /** Without the site. */
  readonly text: string;
  /** What needs more room than a line, or null. */
  readonly message: string | null;
  readonly fields: readonly SummaryField[];
}

/** An event in words. */
export interface Summary extends Said {
  /** The time of the event, in milliseconds since the epoch; null if it is from before it, when no site was counted. */
  readonly at: number | null;
}

/**
 * Puts a stored event into words.
 *
 * @param body The stored body: the JSON of the event.
 * @param is_test Whether the event is made up, which only the text can tell a chat.
 * @returns Title, line and fields.
 */
export function summarize(body: Uint8Array, is_test: boolean): Summary {
  const payload = decodeBody(body);
  const said = sayAny(payload);
  const mark = is_test && payload.event !== "test" ? "Test: " : "";
  const at = Date.parse(payload.timestamp);
  return {
    ...said,
    title: mark + said.title,
    text: `${mark}${line(payload.site_id)}: ${said.text}`,
    fields: [field("Site", payload.site_id), ...said.fields],
    at: at >= 0 ? at : null,
  };
}

function sayAny({ event, site_id, timestamp, data }: ShownPayload): Said {
  if (event === "test" && isJsonObject(data) && typeof data["message"] === "string") {
    return {
      tone: "notice",
      title: "Test from Tidings",
      text: line(data["message"]),
      message: paragraphs(data["message"]),
      fields: [],
    };
  }
  const name = EVENT_NAMES.find((known) => known === event);
  const parsed = name === undefined ? undefined : EVENT_DATA[name].safeParse(data);
  if (parsed?.success) {
    // The schema was chosen by `event`, so the pair fits; the compiler can't see that.
    return say({ event, site_id, timestamp, data: parsed.data } as EventPayload);
  }
  // Of a kind or a shape that this release doesn't know: shown as it is, since it was accepted once.
  const message = paragraphs(JSON.stringify(data ?? null));
  return { tone: "notice", title: `Event: ${line(event)}`, text: line(event), message, fields: [] };
}

function say({ event, data }: EventPayload): Said {
  switch (event) {
    case "goal_completion": {
      const goal = line(data.goal_name);
      return {
        tone: "good",
        title: `Goal completed: ${goal}`,
        text: `goal ${goal} completed by ${visitors(data.visitor_count)}`,
        message: null,
        fields: [
          ...number("Visitors", data.visitor_count),
          ...number("Completions", data.event_count),
          ...optional("Page", data.path),
          ...timespan(data),
        ],
      };
    }
    case "visitor_spike": {
      const now = `${digits(data.current_visitors)} current ${plural("visitor", data.current_visitors)}`;
      return {
        tone: "good",
        title: `Traffic spike: ${now}`,
        text: `traffic spike, ${now}`,
        message: null,
        fields: [
          ...number("Current visitors", data.current_visitors),
          ...number("Threshold", data.threshold),
          ...number("Baseline", data.baseline),
          ...list("Top sources", data.top_sources?.map((entry) => [entry.source, digits(entry.visitors)])),
          ...list("Top pages", data.top_pages?.map((entry) => [entry.page, digits(entry.visitors)])),
        ],
      };
    }
    case "visitor_drop": {
      const { current_visitors, window_hours } = data;
      const span = window_hours === undefined
        ? ""
        : ` in the last ${digits(window_hours)} ${plural("hour", window_hours)}`;
      return {
        tone: "bad",
        title: `Traffic drop: ${visitors(current_visitors)}`,
        text: `traffic drop, ${visitors(current_visitors)}${span}`,
        message: null,
        fields: [
          ...number("Visitors", current_visitors),
          ...number("Threshold", data.threshold),
          ...number("Hours", window_hours),
        ],
      };
    }
    case "custom_event": {
      const name = line(data.event_name);
      return {
        tone: "good",
        title: `Custom event: ${name}`,
        text: `custom event ${name} by ${visitors(data.visitor_count)}`,
        message: null,
        fields: [
          ...number("Visitors", data.visitor_count),
          ...number("Events", data.event_count),
          ...optional("Page", data.path),
          ...list("Properties", data.props && Object.entries(data.props)),
          ...timespan(data),
        ],
      };
    }
    case "error_condition": {
      const type = line(data.error_type);
      return {
        tone: "bad",
        title: `Error: ${type}`,
        text: `error ${type}: ${line(data.message)}`,
        message: paragraphs(data.message),
        fields: list("Details", data.details && Object.entries(data.details)),
      };
    }
  }
}

// deno-lint-ignore no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g;

/** A text on one line: never empty, which services refuse, and never half a character. */
function line(text: string): string {
  const plain = text.toWellFormed().replace(CONTROL, " ").replace(/\s+/g, " ").trim();
  return plain === "" ? "(blank)" : plain;
}

/** A text whose line breaks mean something. */
function paragraphs(text: string): string {
  const lines = text.split(/\r\n|\r|\n/).map((one) => one.trim() === "" ? "" : line(one));
  const plain = lines.join("\n").replace(/\n{3,}/g, "\n\n").trim();
  return plain === "" ? "(blank)" : plain;
}

/** Made when a number is first said: its tables are 5 MiB, and most webhooks are told in JSON. */
let number_format: Intl.NumberFormat | null = null;

function digits(value: number): string {
  number_format ??= new Intl.NumberFormat("en");
  return number_format.format(value);
}

function plural(word: string, count: number): string {
  return count === 1 ? word : `${word}s`;
}

function visitors(count: number): string {
  return `${digits(count)} ${plural("visitor", count)}`;
}

function field(name: string, text: string): SummaryField {
  return { name, lines: [line(text)] };
}

function optional(name: string, text: string | undefined): SummaryField[] {
  return text === undefined ? [] : [field(name, text)];
}

function number(name: string, value: number | undefined): SummaryField[] {
  return optional(name, value === undefined ? undefined : digits(value));
}

function list(
  name: string,
  entries: readonly (readonly [name: string, value: string | number | boolean])[] = [],
): SummaryField[] {
  const lines = entries.map(([key, value]) => `${line(key)}: ${line(String(value))}`);
  return lines.length === 0 ? [] : [{ name, lines }];
}

function timespan(
  data: { window_start?: string | undefined; window_end?: string | undefined },
): SummaryField[] {
  return [...optional("From", minute(data.window_start)), ...optional("Until", minute(data.window_end))];
}

/** A time as people read it, in UTC: whoever reads the chat may be anywhere. */
function minute(time: string | undefined): string | undefined {
  if (time === undefined) return undefined;
  const at = Date.parse(time);
  return Number.isNaN(at)
    ? time
    : `${new Date(at).toISOString().replace("T", " ").replace(/:\d\d\.\d+Z$/, "")} UTC`;
}
