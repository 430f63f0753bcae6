/**
 * `deno task admin audit`: who changed what.
 *
 * Owns how the record is shown. It has names of fields only, never their values.
 *
 * @module
 */
import type { ShownAuditEntry } from "../lib/audit.ts";
import { ALL, moreLine, PAGE_FLAGS, readPages } from "./pages.ts";
import { type Column, table } from "./table.ts";
import type { Verb } from "./verb.ts";

const COLUMNS: readonly Column<ShownAuditEntry>[] = [
  { title: "AT", cell: ({ at }) => at, whole: true },
  { title: "ACTOR", cell: ({ actor }) => actor, whole: true },
  { title: "ACTION", cell: ({ action }) => action, whole: true },
  { title: "SITE", cell: ({ site_id }) => site_id },
  { title: "SUBJECT", cell: ({ subject }) => subject, whole: true },
  { title: "CHANGES", cell: ({ changes }) => changes },
];

/** The command about the record of changes. */
export const AUDIT: Verb = {
  name: "audit",
  summary: "list who changed what, newest first",
  doing: "list the changes",
  parameters: PAGE_FLAGS,
  switches: [ALL],
  examples: ["audit --since 7d", "audit --all --json"],
  async run(call) {
    const answer = await readPages<ShownAuditEntry>(call, "/v1/audit");
    return {
      answer,
      text: () =>
        answer.data.length === 0 && answer.next_cursor === null
          ? `Nothing was changed in ${call.backend.place}.`
          : table(answer.data, COLUMNS, call.columns) + moreLine(answer),
    };
  },
};
