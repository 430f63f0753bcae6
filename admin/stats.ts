/**
 * `deno task admin stats`: how much was done, by the hour.
 *
 * Owns how the counters are shown.
 *
 * @module
 */
import type { ShownStats } from "../lib/stat_page.ts";
import { momentBefore, text } from "./field_flags.ts";
import { ALL, moreLine, PAGE_FLAGS, readPages } from "./pages.ts";
import { type Column, minuteOf, table } from "./table.ts";
import type { Verb } from "./verb.ts";

const COLUMNS: readonly Column<ShownStats>[] = [
  { title: "HOUR", cell: ({ hour }) => minuteOf(hour), whole: true },
  { title: "SITE", cell: ({ site_id }) => site_id },
  { title: "WEBHOOK", cell: ({ webhook_id }) => webhook_id ?? "all", whole: true },
  { title: "ACCEPTED", cell: ({ accepted }) => accepted, whole: true },
  { title: "ATTEMPTS", cell: ({ attempts }) => attempts, whole: true },
  { title: "DELIVERED", cell: ({ delivered }) => delivered, whole: true },
  { title: "RETRIED", cell: ({ retried }) => retried, whole: true },
  { title: "FAILED", cell: ({ failed, gone }) => failed + gone, whole: true },
  { title: "BLOCKED", cell: ({ blocked }) => blocked, whole: true },
  { title: "MEAN MS", cell: meanMs, whole: true },
];

function meanMs({ attempts, duration_ms_total }: ShownStats): number | null {
  return attempts === 0 ? null : Math.round(duration_ms_total / attempts);
}

/** The command about the counters. */
export const STATS: Verb = {
  name: "stats",
  summary: "count events and attempts by the hour, for each site and each of its webhooks",
  doing: "count",
  parameters: [
    { flag: "--site <domain>", path: ["site_id"], summary: "only this site", read: text },
    {
      flag: "--since <when>",
      path: ["since"],
      summary: "from then on: a date, a moment, or a span back from now (default: 24h)",
      read: momentBefore,
    },
    ...PAGE_FLAGS.filter(({ path: [name] }) => name === "limit" || name === "cursor"),
  ],
  switches: [ALL],
  examples: ["stats --site example.com --since 7d --all"],
  async run(call) {
    const answer = await readPages<ShownStats>(call, "/v1/stats");
    return {
      answer,
      text: () =>
        answer.data.length === 0 && answer.next_cursor === null
          ? `Nothing was counted in ${call.backend.place} in that time.`
          : table(answer.data, COLUMNS, call.columns) + moreLine(answer),
    };
  },
};
