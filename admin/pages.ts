/**
 * Lists that come in pages: their flags, and the way through them.
 *
 * Owns the paging. The API looks at a bounded number of records for one page, so a page may be short, even empty, and
 * not be the last.
 *
 * @module
 */
import { INPUT } from "../lib/limits.ts";
import type { Page } from "./backend.ts";
import { count, type FieldFlag, momentBefore, text } from "./field_flags.ts";
import type { Call, Switch } from "./verb.ts";

/** The flags that all such lists take. */
export const PAGE_FLAGS: readonly FieldFlag[] = [
  {
    flag: "--since <when>",
    path: ["since"],
    summary: "from then on: a date, a moment, or a span back from now (12h, 7d)",
    read: momentBefore,
  },
  { flag: "--until <when>", path: ["until"], summary: "before then", read: momentBefore },
  {
    flag: "--limit <n>",
    path: ["limit"],
    summary: `how many, newest first (default: ${INPUT.page_default})`,
    read: count,
  },
  { flag: "--cursor <cursor>", path: ["cursor"], summary: "where the list before ended", read: text },
];

/** Its other way to say how many. */
export const ALL: Switch = { flag: "--all", summary: "all there are" };

/** How often pages may be empty in a row before it says that it is still looking. */
const QUIET_PAGES = 20;

/**
 * Reads pages until there are as many items as were asked for.
 *
 * @param call The command: `limit` and the other parameters, and whether `--all`.
 * @param path Of the list.
 * @returns One page of them all; its `next_cursor` is where to go on.
 */
export async function readPages<Item>(
  { backend, parameters, switches, say }: Pick<Call, "backend" | "parameters" | "switches" | "say">,
  path: string,
): Promise<Page<Item>> {
  const { limit, cursor, ...filters } = parameters;
  const wanted = switches.has(ALL.flag) ? Infinity : Number(limit ?? INPUT.page_default);
  const common = Object.fromEntries(Object.entries(filters).map(([name, value]) => [name, String(value)]));
  const data: Item[] = [];
  let next = typeof cursor === "string" ? cursor : null;
  for (let pages = 1;; pages++) {
    const query = {
      ...common,
      limit: String(Math.min(wanted - data.length, INPUT.page_max)),
      ...(next === null ? {} : { cursor: next }),
    };
    const page = await backend.call<Page<Item>>("GET", path, { query });
    data.push(...page.data);
    next = page.next_cursor;
    if (next === null || data.length >= wanted) return { data, next_cursor: next };
    if (pages % QUIET_PAGES === 0) say(`Still looking: ${data.length} found so far.`);
  }
}

/** The line under a list that goes on; empty under one that doesn't. */
export function moreLine({ next_cursor }: Page<unknown>): string {
  return next_cursor === null ? "" : `\n\nThere are more: --all, or go on with --cursor ${next_cursor}`;
}
