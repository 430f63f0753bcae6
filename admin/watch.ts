/**
 * `deno task admin watch …`: how a site is watched in Plausible.
 *
 * Owns how it is asked for and shown.
 *
 * @module
 */
import type { ShownWatch } from "../lib/watch.ts";
import { sitePath } from "./backend.ts";
import { count, type FieldFlag, text, trueOrFalse } from "./field_flags.ts";
import { record } from "./table.ts";
import type { Noun, Result, Verb } from "./verb.ts";

const FIELDS: readonly FieldFlag[] = [
  {
    flag: "--visitors <true|false>",
    path: ["visitors"],
    summary: "take readings, for spikes and drops (default: true)",
    read: trueOrFalse,
  },
  {
    flag: "--goals <true|false>",
    path: ["goals"],
    summary: "tell completed goals (default: true)",
    read: trueOrFalse,
  },
  {
    flag: "--custom-events <true|false>",
    path: ["custom_events"],
    summary: "tell custom events (default: false)",
    read: trueOrFalse,
  },
  {
    flag: "--errors <true|false>",
    path: ["errors"],
    summary: "tell when Plausible fails, and when it is over (default: true)",
    read: trueOrFalse,
  },
  {
    flag: "--api-key <key>",
    path: ["api_key"],
    summary: "the site's own key of the Stats API; without it the one it has stays",
    read: text,
  },
  {
    flag: "--interval-s <s>",
    path: ["interval_s"],
    summary: "seconds between two looks (default: TIDINGS_PLAUSIBLE_INTERVAL_S)",
    read: count,
  },
];

function shown(answer: ShownWatch): Result {
  return { answer, text: () => record(answer) };
}

const SHOW: Verb = {
  name: "show",
  summary: "show how a site is watched, and how its last round went",
  doing: "show the watch",
  of_site: true,
  examples: ["watch show --site example.com"],
  async run({ backend, site_id }) {
    return shown(await backend.call<ShownWatch>("GET", sitePath(site_id, "watch")));
  },
};

const SET: Verb = {
  name: "set",
  summary: "watch a site in Plausible; what is not given has its default",
  doing: "watch the site",
  of_site: true,
  fields: FIELDS,
  takes_body: true,
  examples: [
    "watch set --site example.com",
    "watch set --site example.com --custom-events true --interval-s 120",
  ],
  async run({ backend, site_id, input }) {
    return shown(await backend.call<ShownWatch>("PUT", sitePath(site_id, "watch"), { body: input }));
  },
};

const REMOVE: Verb = {
  name: "remove",
  summary: "watch a site no longer",
  doing: "remove the watch",
  of_site: true,
  examples: ["watch remove --site example.com"],
  async run({ backend, site_id }) {
    const answer = await backend.call("DELETE", sitePath(site_id, "watch"));
    return { answer, text: () => `${site_id} is not watched any more.` };
  },
};

/** The commands about watches. */
export const WATCH: Noun = {
  name: "watch",
  summary: "watching a site in Plausible",
  verbs: [SHOW, SET, REMOVE],
};
