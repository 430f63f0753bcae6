/**
 * `deno task admin sites …`: which sites there are, renaming one, and removing one for good.
 *
 * Owns how they are shown, and that nobody removes one by a slip.
 *
 * @module
 */
import type { RenamedSite } from "../lib/rename_site.ts";
import type { ShownSite } from "../lib/sites.ts";
import { sitePath } from "./backend.ts";
import { WrongUse } from "./failure.ts";
import { count, type FieldFlag, text } from "./field_flags.ts";
import { ALL, moreLine, PAGE_FLAGS, readPages } from "./pages.ts";
import { type Column, minuteOf, table } from "./table.ts";
import type { Call, Noun, Switch, Verb } from "./verb.ts";

const COLUMNS: readonly Column<ShownSite>[] = [
  { title: "SITE", cell: ({ site_id }) => site_id, whole: true },
  { title: "WEBHOOKS", cell: ({ webhooks }) => webhooks, whole: true },
  { title: "LAST EVENT", cell: ({ last_event_at }) => minuteOf(last_event_at), whole: true },
];

const LIST: Verb = {
  name: "list",
  summary: "list the sites that something is stored for",
  doing: "list the sites",
  parameters: PAGE_FLAGS.filter(({ path: [name] }) => name === "limit" || name === "cursor")
    .map((flag) => flag.path[0] === "limit" ? { ...flag, summary: "how many (default: 50)" } : flag),
  switches: [ALL],
  async run(call) {
    const answer = await readPages<ShownSite>(call, "/v1/sites");
    return {
      answer,
      text: () =>
        answer.data.length === 0 && answer.next_cursor === null
          ? `There is no site in ${call.backend.place}.`
          : table(answer.data, COLUMNS, call.columns) + moreLine(answer),
    };
  },
};

const YES: Switch = { flag: "--yes", summary: "don't ask" };

/** @throws {WrongUse} Unless the person typed the name, or said `--yes`. */
function confirm({ site_id, switches, ask, backend }: Call): void {
  if (switches.has(YES.flag)) return;
  const typed = ask(
    `All webhooks, events and deliveries of ${site_id} in ${backend.place} will be removed for good.\n` +
      "Type the name of the site to go on:",
  );
  if (typed === null) throw new WrongUse("ask whether the site shall be deleted: give --yes");
  if (typed.trim() !== site_id) {
    throw new WrongUse("delete the site: what was typed is not its name, so nothing was done");
  }
}

const DELETE: Verb = {
  name: "delete",
  summary: "remove a site with all its webhooks, events and deliveries, for good",
  doing: "delete the site",
  of_site: true,
  switches: [YES],
  examples: ["sites delete --site example.com", "sites delete --site example.com --yes"],
  async run(call) {
    confirm(call);
    const { backend, site_id } = call;
    const answer = await backend.call("DELETE", sitePath(site_id));
    return { answer, text: () => `${site_id} is deleted: nothing is stored for it any more.` };
  },
};

const FIELDS: readonly FieldFlag[] = [
  { flag: "--to <name>", path: ["to"], summary: "its new name", read: text, required: true },
  {
    flag: "--accept-old-for-days <n>",
    path: ["accept_old_for_days"],
    summary: "how long the old name is still accepted (default: 30)",
    read: count,
  },
];

const RENAME: Verb = {
  name: "rename",
  summary: "give a site another name, as when its domain changes; everything of it stays",
  doing: "rename the site",
  of_site: true,
  fields: FIELDS,
  takes_body: true,
  examples: ["sites rename --site old.example --to new.example --accept-old-for-days 60"],
  async run({ backend, site_id, input }) {
    const answer = await backend.call<RenamedSite>("POST", sitePath(site_id, "rename"), { body: input });
    const accepted = answer.old_names.map((old) =>
      `${old.site_id} is accepted until ${minuteOf(old.accepted_until)}.`
    );
    return { answer, text: () => [`The site is called ${answer.site_id}.`, ...accepted].join("\n") };
  },
};

/** The commands about sites. */
export const SITES: Noun = { name: "sites", summary: "sites as a whole", verbs: [LIST, RENAME, DELETE] };
