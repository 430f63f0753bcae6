/**
 * Counters by the hour, as the API lists them.
 *
 * Owns the form of the list and its cursor. It only reads.
 *
 * @module
 */
import { z } from "zod";
import { STATS, TIME } from "./limits.ts";
import { dateTime } from "./page.ts";
import type { Clock } from "./ports.ts";
import { siteIdSchema } from "./site_id.ts";
import { type SiteNames, storedSiteSchema } from "./site_names.ts";
import { hourOf, type StatCounts } from "./stats.ts";
import type { StatPosition, StatRow, StatStore } from "./store.ts";
import { validate } from "./validate.ts";

/** Counters of one hour, as the API shows them. */
export interface ShownStats extends StatCounts {
  /** When the hour begins. */
  readonly hour: string;
  readonly site_id: string;
  /** Null: of the site as a whole. */
  readonly webhook_id: string | null;
}

const CURSOR = "must be the next_cursor of a page before";
const position = z.tuple([storedSiteSchema, z.int().min(0), z.string().regex(/^(?:wh_[0-9A-Z]{26})?$/)]);

const cursor = z.string().max(4096).transform((text, context): StatPosition => {
  const parsed = position.safeParse(decoded(text));
  if (parsed.success) {
    const [site_id, hour, webhook_id] = parsed.data;
    return { site_id, hour, webhook_id: webhook_id === "" ? null : webhook_id };
  }
  context.addIssue({ code: "custom", message: CURSOR });
  return z.NEVER;
});

/** The query parameters of the list. */
export const statQuery = z.strictObject({
  site_id: siteIdSchema.optional(),
  since: dateTime.optional(),
  limit: z.string().regex(/^\d{1,4}$/, "must be a whole number").transform(Number)
    .pipe(z.int().min(1).max(STATS.rows_max)).default(STATS.rows_max),
  cursor: cursor.optional(),
});

function decoded(text: string): unknown {
  try {
    return JSON.parse(decodeURIComponent(text));
  } catch {
    return null;
  }
}

function encoded({ site_id, hour, webhook_id }: StatPosition): string {
  return encodeURIComponent(JSON.stringify([site_id, hour, webhook_id ?? ""]));
}

/**
 * Lists counters, by site, hour and webhook.
 *
 * @param query The query parameters as received: `site_id`, `since` (the hour it lies in is the first; by default the
 * last 24 hours), `limit`, `cursor`.
 * @param ports Where, the time, and the names of sites.
 * @returns A page; `next_cursor` is null at the end. A page may be short while it is set.
 * @throws {AppError} `validation_failed` for an unknown parameter or a bad value.
 */
export async function listStats(
  query: Readonly<Record<string, string>>,
  { store, clock, names }: {
    store: Pick<StatStore, "statPage">;
    clock: Pick<Clock, "now">;
    names: Pick<SiteNames, "siteOf">;
  },
): Promise<{ data: ShownStats[]; next_cursor: string | null }> {
  const { site_id, since, limit, cursor } = validate(statQuery, query);
  const page = await store.statPage({
    site_id: site_id === undefined ? null : names.siteOf(site_id),
    since_hour: hourOf(since ?? clock.now() - STATS.since_ms_default),
    limit,
    after: cursor ?? null,
  });
  return { data: page.rows.map(showRow), next_cursor: page.next === null ? null : encoded(page.next) };
}

function showRow({ hour, site_id, webhook_id, counts }: StatRow): ShownStats {
  return { hour: new Date(hour * TIME.HOUR_MS).toISOString(), site_id, webhook_id, ...counts };
}
