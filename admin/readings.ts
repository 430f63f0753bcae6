/**
 * `deno task admin readings …`: posting a reading of a site's visitors.
 *
 * Owns how it is asked for and shown.
 *
 * @module
 */
import type { TakenReading } from "../lib/take_reading.ts";
import { sitePath } from "./backend.ts";
import { count, type FieldFlag, moment } from "./field_flags.ts";
import { type Column, table } from "./table.ts";
import type { Noun, Verb } from "./verb.ts";

const FIELDS: readonly FieldFlag[] = [
  {
    flag: "--current-visitors <n>",
    path: ["current_visitors"],
    summary: "visitors of the last five minutes",
    read: count,
    required: true,
  },
  {
    flag: "--visitors-12h <n>",
    path: ["visitors_12h"],
    summary: "visitors of the last twelve hours; without it no drop is decided",
    read: count,
  },
  { flag: "--at <when>", path: ["at"], summary: "when they were counted (default: now)", read: moment },
];

const TRIGGERED_COLUMNS: readonly Column<TakenReading["triggered"][number]>[] = [
  { title: "TOLD", cell: ({ webhook_id }) => webhook_id, whole: true },
  { title: "EVENT", cell: ({ event }) => event, whole: true },
  { title: "ID", cell: ({ event_id }) => event_id, whole: true },
];

const SKIPPED_COLUMNS: readonly Column<TakenReading["skipped"][number]>[] = [
  { title: "NOT TOLD", cell: ({ webhook_id }) => webhook_id, whole: true },
  { title: "EVENT", cell: ({ event }) => event, whole: true },
  { title: "WHY", cell: ({ reason }) => reason },
];

const SEND: Verb = {
  name: "send",
  summary: "post a reading of the site's visitors; webhooks are told of spikes and drops",
  doing: "send the reading",
  of_site: true,
  fields: FIELDS,
  takes_body: true,
  examples: ["readings send --site example.com --current-visitors 250 --visitors-12h 9000"],
  async run({ backend, site_id, input, columns }) {
    const answer = await backend.call<TakenReading>("POST", sitePath(site_id, "readings"), { body: input });
    const { triggered, skipped } = answer;
    return {
      answer,
      text() {
        if (triggered.length + skipped.length === 0) {
          return `Nothing was decided: ${site_id} has no webhook in ${backend.place}, or a later reading.`;
        }
        return [
          ...(triggered.length === 0 ? [] : [table(triggered, TRIGGERED_COLUMNS, columns)]),
          ...(skipped.length === 0 ? [] : [table(skipped, SKIPPED_COLUMNS, columns)]),
        ].join("\n\n");
      },
    };
  },
};

/** The command about readings. */
export const READINGS: Noun = {
  name: "readings",
  summary: "readings of a site's visitors",
  verbs: [SEND],
};
