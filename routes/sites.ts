/**
 * Sites as a whole, for administrators.
 *
 * @module
 */
import { Hono } from "hono";
import { deleteSite, listSites } from "../lib/sites.ts";
import { readQuery } from "./body.ts";
import { actorOf, type Env, identified, permitted, permittedForSite, type RoutePorts } from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `GET /v1/sites`, `DELETE /v1/sites/{site_id}`.
 */
export function siteRoutes(ports: RoutePorts): Hono<Env> {
  const known = identified(ports);
  return new Hono<Env>()
    .get("/v1/sites", known, permitted("admin", "reads_query"), async (context) => {
      return context.json(await listSites(readQuery(context), ports.sites.store));
    })
    .delete("/v1/sites/:site_id", known, permittedForSite("admin"), async (context) => {
      await deleteSite(context.get("site_id"), { ...ports.sites, actor: actorOf(context) });
      return context.body(null, 204);
    });
}
