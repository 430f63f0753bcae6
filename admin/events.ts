/**
 * `deno task admin events …`: posting events, and what was decided about them.
 *
 * Owns how they are asked for and shown.
 *
 * @module
 */
import type { AcceptResult } from "../lib/accept.ts";
import type { ExplainedDecision, ShownDecision, ShownEvent } from "../lib/event_history.ts";
import { EVENT_NAMES } from "../lib/event_types.ts";
import { isJsonObject, type JsonObject } from "../lib/merge_patch.ts";
import { parseSiteId } from "../lib/site_id.ts";
import { sitePath } from "./backend.ts";
import { WrongUse } from "./failure.ts";
import { type FieldFlag, json, moment, oneOf, text } from "./field_flags.ts";
import { ALL, moreLine, PAGE_FLAGS, readPages } from "./pages.ts";
import { type Column, minuteOf, record, table } from "./table.ts";
import type { Call, Noun, Verb } from "./verb.ts";

const EVENT_FIELDS: readonly FieldFlag[] = [
  {
    flag: "--event <event>",
    path: ["event"],
    summary: `what happened: ${EVENT_NAMES.join(", ")}`,
    read: oneOf(EVENT_NAMES),
    required: true,
  },
  {
    flag: "--data <json>",
    path: ["data"],
    summary: "its data as JSON (GET /v1/event-types has examples)",
    read: json,
    required: true,
  },
  {
    flag: "--timestamp <when>",
    path: ["timestamp"],
    summary: "when it happened: a date or a moment (default: now)",
    read: moment,
  },
];

const SIGNUP = `--event goal_completion --data '{"goal_name": "Signup", "visitor_count": 1}'`;

/** The event as posted. A body may leave out what the command line says already. */
function eventOf({ input, site_id, now_ms }: Pick<Call, "input" | "site_id" | "now_ms">): JsonObject {
  if (!isJsonObject(input)) throw new WrongUse("use the body: it must be a JSON object");
  const named = input["site_id"];
  const parsed = typeof named === "string" ? parseSiteId(named) : null;
  if (parsed?.ok && parsed.site_id !== site_id) {
    throw new WrongUse("understand the command", ["--site must be the site_id of the body"]);
  }
  return { site_id, timestamp: new Date(now_ms).toISOString(), ...input };
}

const SEND: Verb = {
  name: "send",
  summary: "post an event; the service tells the webhooks",
  doing: "send the event",
  of_site: true,
  fields: EVENT_FIELDS,
  takes_body: true,
  parameters: [{
    flag: "--idempotency-key <key>",
    path: ["Idempotency-Key"],
    summary: "the same key within 24 hours sends nothing again",
    read: text,
  }],
  examples: [`events send --site example.com ${SIGNUP}`, "events send --site example.com --body event.json"],
  async run(call) {
    const { backend, site_id, parameters } = call;
    const key = parameters["Idempotency-Key"];
    const headers = typeof key === "string" ? { "Idempotency-Key": headerText(key) } : {};
    const answer = await backend.call<Omit<AcceptResult, "duplicate"> & { duplicate?: boolean }>(
      "POST",
      "/v1/events",
      { body: eventOf(call), headers },
    );
    const { id, queued, skipped, duplicate } = answer;
    const told = duplicate ? `Event ${id} was sent before under this key` : `Event ${id} is accepted`;
    const why = skipped.length === 0 ? "" : `\n\n${table(skipped, SKIPPED_COLUMNS, call.columns)}`;
    return {
      answer,
      text: () => `${told}: ${queued} of ${queued + skipped.length} webhooks of ${site_id} are told.${why}`,
    };
  },
};

/** Fetch would refuse other characters with a message of its own. */
function headerText(text: string): string {
  if (/^[\x20-\x7e]+$/.test(text)) return text;
  throw new WrongUse("understand the command", ["--idempotency-key must be visible ASCII"]);
}

const SKIPPED_COLUMNS: readonly Column<AcceptResult["skipped"][number]>[] = [
  { title: "NOT TOLD", cell: ({ webhook_id }) => webhook_id, whole: true },
  { title: "WHY", cell: ({ reason }) => reason },
];

const COLUMNS: readonly Column<ShownEvent>[] = [
  { title: "ID", cell: ({ id }) => id, whole: true },
  { title: "ACCEPTED", cell: ({ accepted_at }) => minuteOf(accepted_at), whole: true },
  { title: "EVENT", cell: ({ event }) => event },
  { title: "TOLD", cell: ({ queued }) => queued, whole: true },
  { title: "SKIPPED", cell: ({ skipped }) => skipped, whole: true },
  { title: "HAPPENED", cell: ({ timestamp }) => timestamp, whole: true },
];

const LIST: Verb = {
  name: "list",
  summary: "list events of a site, newest first",
  doing: "list the events",
  of_site: true,
  parameters: [
    {
      flag: "--event <event>",
      path: ["event"],
      summary: `only ${EVENT_NAMES.join(", ")}`,
      read: oneOf(EVENT_NAMES),
    },
    ...PAGE_FLAGS,
  ],
  switches: [ALL],
  examples: ["events list --site example.com --since 24h --event visitor_spike"],
  async run(call) {
    const answer = await readPages<ShownEvent>(call, sitePath(call.site_id, "events"));
    return {
      answer,
      text: () =>
        answer.data.length === 0 && answer.next_cursor === null
          ? `${call.site_id} has no such event in ${call.backend.place}.`
          : table(answer.data, COLUMNS, call.columns) + moreLine(answer),
    };
  },
};

const DECISION_COLUMNS: readonly Column<ShownDecision>[] = [
  { title: "WEBHOOK", cell: ({ webhook_id }) => webhook_id, whole: true },
  {
    title: "DELIVERY, OR WHY NOT",
    cell: (decision) => "delivery_id" in decision ? decision.delivery_id : decision.reason,
    whole: true,
  },
];

const SHOW: Verb = {
  name: "show",
  summary: "show an event, its payload, and what was decided for every webhook",
  doing: "show the event",
  id_of: "the event, as `events list` shows it",
  of_site: true,
  async run({ backend, site_id, id, columns }) {
    const path = sitePath(site_id, "events", id);
    const answer = await backend.call<ShownEvent & { decisions: ShownDecision[] }>("GET", path);
    const { decisions, ...rest } = answer;
    const decided = (): string =>
      decisions.length === 0 ? "The site had no webhook then." : table(decisions, DECISION_COLUMNS, columns);
    return { answer, text: () => `${record(rest)}\n\n${decided()}` };
  },
};

const EXPLAINED_COLUMNS: readonly Column<ExplainedDecision>[] = [
  { title: "WEBHOOK", cell: ({ webhook_id }) => webhook_id, whole: true },
  { title: "NAME", cell: ({ name }) => name },
  { title: "TOLD", cell: ({ told }) => told ? "yes" : "no", whole: true },
  { title: "WHY NOT", cell: ({ reason }) => reason },
];

const EXPLAIN: Verb = {
  name: "explain",
  summary: "say who would be told about an event, and why the others would not; nothing is sent",
  doing: "explain the event",
  of_site: true,
  fields: EVENT_FIELDS,
  takes_body: true,
  examples: [`events explain --site example.com ${SIGNUP}`],
  async run(call) {
    const { backend, site_id, columns } = call;
    const path = sitePath(site_id, "explain");
    const answer = await backend.call<{ decisions: ExplainedDecision[] }>("POST", path, {
      body: eventOf(call),
    });
    return {
      answer,
      text: () =>
        answer.decisions.length === 0
          ? `${site_id} has no webhook in ${backend.place}.`
          : table(answer.decisions, EXPLAINED_COLUMNS, columns),
    };
  },
};

/** The commands about events. */
export const EVENTS: Noun = {
  name: "events",
  summary: "events, and what was decided about them",
  verbs: [SEND, LIST, SHOW, EXPLAIN],
};
