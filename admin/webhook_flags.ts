/**
 * Every field of a webhook as a flag.
 *
 * Owns their names, for creating and for changing one. What a value may be is the domain's affair.
 *
 * @module
 */
import { EVENT_NAMES } from "../lib/event_types.ts";
import { FORMATS } from "../lib/webhook_settings.ts";
import {
  each,
  type FieldFlag,
  headers,
  list,
  number,
  numberOrNone,
  oneOf,
  suggesting,
  text,
  trueOrFalse,
} from "./field_flags.ts";

/** An alert's flags: spike and drop have most of them in common. */
function alertFlags(name: "spike" | "drop", threshold: string): FieldFlag[] {
  const path = ["filters", `visitor_${name}`];
  return [
    {
      flag: `--${name}-threshold <n>`,
      path: [...path, "threshold"],
      summary: threshold,
      read: number,
    },
    {
      flag: `--${name}-readings <n>`,
      path: [...path, "readings"],
      summary: "readings in a row that it takes",
      read: number,
    },
    {
      flag: `--${name}-cooldown-hours <h>`,
      path: [...path, "cooldown_hours"],
      summary: "silence after an alert, fractions allowed",
      read: number,
    },
  ];
}

/** The flags. `--url` and `--events` are required where a webhook is made. */
export const WEBHOOK_FLAGS: readonly FieldFlag[] = [
  { flag: "--url <url>", path: ["url"], summary: "where to post", read: text },
  {
    flag: "--events <list>",
    path: ["events"],
    summary: `what to tell, separated by commas: ${EVENT_NAMES.join(", ")}`,
    read: suggesting(EVENT_NAMES, list),
  },
  { flag: "--name <name>", path: ["name"], summary: "what to call it (default: the URL's host)", read: text },
  {
    flag: "--format <format>",
    path: ["format"],
    summary: `how events are written: ${FORMATS.join(", ")}`,
    read: oneOf(FORMATS),
  },
  {
    flag: "--goal <name>",
    path: ["filters", "goals"],
    summary: "only this goal, as often as needed",
    read: each,
  },
  {
    flag: "--custom-event <name>",
    path: ["filters", "custom_events"],
    summary: "only this custom event, as often as needed",
    read: each,
  },
  {
    flag: "--error-type <name>",
    path: ["filters", "error_types"],
    summary: "only this type of error, as often as needed",
    read: each,
  },
  ...alertFlags("spike", "so many current visitors are a spike"),
  {
    flag: "--spike-percent-over-baseline <p>",
    path: ["filters", "visitor_spike", "percent_over_baseline"],
    summary: "and so much over what is usual, or none",
    read: numberOrNone,
  },
  ...alertFlags("drop", "fewer visitors in 12 hours are a drop"),
  {
    flag: "--header <header>",
    path: ["headers"],
    summary: 'a header to send along, "Name: value", as often as needed',
    read: headers,
  },
  {
    flag: "--enabled <bool>",
    path: ["enabled"],
    summary: "false: make it, but tell it nothing yet",
    read: trueOrFalse,
  },
  {
    flag: "--max-retries <n>",
    path: ["max_retries"],
    summary: "retries after the first attempt",
    read: number,
  },
  { flag: "--timeout-ms <ms>", path: ["timeout_ms"], summary: "deadline of an attempt", read: number },
  {
    flag: "--rate-limit-per-minute <n>",
    path: ["rate_limit_per_minute"],
    summary: "at most so many requests, or none for no limit",
    read: numberOrNone,
  },
];
