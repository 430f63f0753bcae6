/**
 * Counters by the hour.
 *
 * @module
 */
import { Hono } from "hono";
import { authorize } from "../lib/keys.ts";
import { parseSiteId } from "../lib/site_id.ts";
import { listStats } from "../lib/stat_page.ts";
import { readQuery } from "./body.ts";
import { type Env, identified, type RouteContext, type RoutePorts, shown } from "./context.ts";

/** Who may read a site may read its counters; those of all sites are the administrator's. */
function authorizeStats(context: RouteContext, site_id: string | undefined): void {
  const caller = context.get("caller");
  if (site_id === undefined) return authorize(caller, "admin", null);
  const parsed = parseSiteId(site_id);
  // Who may see only some sites is told the same of a malformed one as of a foreign one.
  authorize(caller, "read", parsed.ok ? context.get("names").siteOf(parsed.site_id) : "");
}

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `GET /v1/stats`.
 */
export function statRoutes(ports: RoutePorts): Hono<Env> {
  return new Hono<Env>().get("/v1/stats", identified(ports), async (context) => {
    const query = readQuery(context);
    authorizeStats(context, query["site_id"]);
    // What this process counted shows at once, what others did after ten seconds at most.
    await ports.stats.stats?.flush();
    const { stats: { store }, clock } = ports;
    return shown(context, await listStats(query, { store, clock, names: context.get("names") }));
  });
}
