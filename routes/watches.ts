/**
 * The watch of a site.
 *
 * @module
 */
import { Hono } from "hono";
import { findWatch, removeWatch, setWatch } from "../lib/watches.ts";
import { readJson } from "./body.ts";
import { actorOf, type Env, identified, permittedForSite, type RoutePorts, shown } from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `/v1/sites/{site_id}/watch`.
 */
export function watchRoutes(ports: RoutePorts): Hono<Env> {
  const path = "/v1/sites/:site_id/watch";
  const known = identified(ports);
  const manage = permittedForSite("manage");
  return new Hono<Env>()
    .get(path, known, permittedForSite("read"), async (context) => {
      return shown(context, await findWatch(context.get("site_id"), ports.watches));
    })
    .put(path, known, manage, async (context) => {
      const by = { ...ports.watches, actor: actorOf(context) };
      return shown(context, await setWatch(context.get("site_id"), await readJson(context), by));
    })
    .delete(path, known, manage, async (context) => {
      await removeWatch(context.get("site_id"), { ...ports.watches, actor: actorOf(context) });
      return context.body(null, 204);
    });
}
