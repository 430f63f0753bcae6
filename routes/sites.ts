/**
 * Sites as a whole, for administrators.
 *
 * @module
 */
import { Hono } from "hono";
import { AppError } from "../lib/errors.ts";
import { renameSite } from "../lib/rename_site.ts";
import { deleteSite, listSites } from "../lib/sites.ts";
import { readJson, readQuery } from "./body.ts";
import {
  actorOf,
  type Env,
  identified,
  permitted,
  permittedForSite,
  type RouteContext,
  type RoutePorts,
  shown,
} from "./context.ts";

/** @throws {AppError} `conflict` for an old name: whoever deletes that must not lose what the site has become. */
function refuseDeletionByOldName(context: RouteContext): void {
  const [called, today] = [context.get("site_name"), context.get("names").nameOf(context.get("site_id"))];
  if (called === today) return;
  throw new AppError(
    "conflict",
    `Cannot delete ${called}: it was renamed to ${today}; delete it by that name`,
  );
}

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `GET /v1/sites`, `DELETE /v1/sites/{site_id}`, `POST /v1/sites/{site_id}/rename`.
 */
export function siteRoutes(ports: RoutePorts): Hono<Env> {
  const known = identified(ports);
  const admin = permittedForSite("admin");
  return new Hono<Env>()
    .get("/v1/sites", known, permitted("admin", "reads_query"), async (context) => {
      return shown(context, await listSites(readQuery(context), ports.sites.store));
    })
    .delete("/v1/sites/:site_id", known, admin, async (context) => {
      refuseDeletionByOldName(context);
      await deleteSite(context.get("site_id"), { ...ports.sites, actor: actorOf(context) });
      return context.body(null, 204);
    })
    .post("/v1/sites/:site_id/rename", known, admin, async (context) => {
      const target = { site_id: context.get("site_id"), called: context.get("site_name") };
      const by = { ...ports.sites, actor: actorOf(context) };
      return context.json(await renameSite(target, await readJson(context), by));
    });
}
