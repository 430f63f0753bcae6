/**
 * Deliveries of a site: what became of its events.
 *
 * @module
 */
import { Hono } from "hono";
import { findDelivery, listDeliveries } from "../lib/history.ts";
import { readQuery } from "./body.ts";
import { type Env, identified, permittedForSite, type RoutePorts } from "./context.ts";

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
    .get(path, known, read, async (context) => {
      return context.json(await listDeliveries(context.get("site_id"), readQuery(context), history.store));
    })
    .get(`${path}/:delivery_id`, known, read, async (context) => {
      const id = context.req.param("delivery_id");
      return context.json(await findDelivery(context.get("site_id"), id, history));
    });
}
