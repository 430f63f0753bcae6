/**
 * Deliveries of a site: what became of its events.
 *
 * @module
 */
import { Hono } from "hono";
import { findDelivery, listDeliveries, showDelivery } from "../lib/history.ts";
import { redeliver } from "../lib/redeliver.ts";
import { readQuery } from "./body.ts";
import {
  actorOf,
  type Env,
  identified,
  originOf,
  permittedForSite,
  type RoutePorts,
  shown,
} from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns Everything under `/v1/sites/{site_id}/deliveries`.
 */
export function deliveryRoutes(ports: RoutePorts): Hono<Env> {
  const { history } = ports;
  const path = "/v1/sites/:site_id/deliveries";
  const known = identified(ports);
  const read = permittedForSite("read");

  return new Hono<Env>()
    .get(path, known, permittedForSite("read", "reads_query"), async (context) => {
      return shown(
        context,
        await listDeliveries(context.get("site_id"), readQuery(context), history.store),
      );
    })
    .get(`${path}/:delivery_id`, known, read, async (context) => {
      const id = context.req.param("delivery_id");
      return shown(context, await findDelivery(context.get("site_id"), id, history));
    })
    .post(`${path}/:delivery_id/redeliver`, known, permittedForSite("manage"), async (context) => {
      const site_id = context.get("site_id");
      const actor = actorOf(context);
      const delivery = await redeliver(site_id, context.req.param("delivery_id"), {
        ...ports.redeliver,
        actor,
        origin: originOf(context, ports),
      });
      const webhook = await history.directory.webhook(site_id, delivery.webhook_id);
      return shown(context, showDelivery(delivery, webhook), 202);
    });
}
