/**
 * `deno task admin deliveries …`: what became of events.
 *
 * Owns how deliveries are asked for and shown.
 *
 * @module
 */
import { DELIVERY_STATUSES } from "../lib/delivery.ts";
import { EVENT_NAMES } from "../lib/event_types.ts";
import type { ShownDelivery } from "../lib/history.ts";
import { sitePath } from "./backend.ts";
import { type FieldFlag, oneOf, text } from "./field_flags.ts";
import { ALL, moreLine, PAGE_FLAGS, readPages } from "./pages.ts";
import { type Column, minuteOf, record, table } from "./table.ts";
import type { Noun, Verb } from "./verb.ts";

const FILTERS: readonly FieldFlag[] = [
  { flag: "--webhook <id>", path: ["webhook_id"], summary: "only this webhook's", read: text },
  {
    flag: "--event <event>",
    path: ["event"],
    summary: `only of ${EVENT_NAMES.join(", ")} or test`,
    read: oneOf([...EVENT_NAMES, "test"]),
  },
  {
    flag: "--status <status>",
    path: ["status"],
    summary: `only ${DELIVERY_STATUSES.join(", ")}`,
    read: oneOf(DELIVERY_STATUSES),
  },
];

/** What the last attempt met: the status code, or the error. */
function lastAnswer({ attempts }: ShownDelivery): string | number | null {
  const last = attempts.at(-1);
  return last === undefined ? null : last.error ?? last.status_code;
}

const COLUMNS: readonly Column<ShownDelivery>[] = [
  { title: "ID", cell: ({ id }) => id, whole: true },
  { title: "CREATED", cell: ({ created_at }) => minuteOf(created_at), whole: true },
  { title: "EVENT", cell: ({ event }) => event },
  { title: "STATUS", cell: ({ status }) => status, whole: true },
  { title: "TRIED", cell: ({ attempts_total }) => attempts_total, whole: true },
  { title: "ANSWER", cell: lastAnswer },
  { title: "NEXT", cell: ({ next_attempt_at }) => minuteOf(next_attempt_at), whole: true },
];

const LIST: Verb = {
  name: "list",
  summary: "list deliveries of a site, newest first",
  doing: "list the deliveries",
  of_site: true,
  parameters: [...FILTERS, ...PAGE_FLAGS],
  switches: [ALL],
  examples: [
    "deliveries list --site example.com --status exhausted --since 24h",
    "deliveries list --site example.com --all --json",
  ],
  async run(call) {
    const answer = await readPages<ShownDelivery>(call, sitePath(call.site_id, "deliveries"));
    return {
      answer,
      text: () =>
        answer.data.length === 0 && answer.next_cursor === null
          ? `${call.site_id} has no such delivery in ${call.backend.place}.`
          : table(answer.data, COLUMNS, call.columns) + moreLine(answer),
    };
  },
};

const ATTEMPT_COLUMNS: readonly Column<ShownDelivery["attempts"][number]>[] = [
  { title: "ATTEMPT", cell: ({ number }) => number, whole: true },
  { title: "AT", cell: ({ at }) => at, whole: true },
  { title: "TRIGGER", cell: ({ trigger }) => trigger, whole: true },
  { title: "MS", cell: ({ duration_ms }) => duration_ms, whole: true },
  { title: "STATUS CODE", cell: ({ status_code }) => status_code, whole: true },
  { title: "OUTCOME", cell: ({ outcome }) => outcome, whole: true },
  { title: "ERROR", cell: ({ error }) => error, whole: true },
  { title: "ANSWER", cell: ({ response_body }) => response_body },
];

/** A delivery with its attempts as a table. */
export function deliveryText(delivery: ShownDelivery, columns: number | null): string {
  const { attempts, ...rest } = delivery;
  const tried = attempts.length === 0 ? "" : `\n\n${table(attempts, ATTEMPT_COLUMNS, columns)}`;
  return record(rest) + tried;
}

const SHOW: Verb = {
  name: "show",
  summary: "show a delivery with its attempts and what was sent",
  doing: "show the delivery",
  id_of: "the delivery, as `deliveries list` shows it",
  of_site: true,
  async run({ backend, site_id, id, columns }) {
    const answer = await backend.call<ShownDelivery>("GET", sitePath(site_id, "deliveries", id));
    return { answer, text: () => deliveryText(answer, columns) };
  },
};

const REDELIVER: Verb = {
  name: "redeliver",
  summary: "make one more attempt at once, whatever became of it before",
  doing: "redeliver",
  id_of: "the delivery, as `deliveries list` shows it",
  of_site: true,
  async run({ backend, site_id, id }) {
    const path = sitePath(site_id, "deliveries", id, "redeliver");
    const answer = await backend.call<ShownDelivery>("POST", path);
    return {
      answer,
      text: () =>
        `Another attempt of ${id} is asked for; a running service makes it at once.\n` +
        `\`deno task admin deliveries show ${id} --site ${site_id}\` shows what came of it.`,
    };
  },
};

/** The commands about deliveries. */
export const DELIVERIES: Noun = {
  name: "deliveries",
  summary: "what became of events",
  verbs: [LIST, SHOW, REDELIVER],
};
