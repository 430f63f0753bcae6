/**
 * Readings of a site's visitors.
 *
 * @module
 */
import { Hono } from "hono";
import { parseReading } from "../lib/reading.ts";
import { takeReading } from "../lib/take_reading.ts";
import { readJson } from "./body.ts";
import { type Env, identified, originOf, permittedForSite, type RoutePorts } from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns Posting a reading.
 */
export function readingRoutes(ports: RoutePorts): Hono<Env> {
  const path = "/v1/sites/:site_id/readings";
  return new Hono<Env>().post(path, identified(ports), permittedForSite("ingest"), async (context) => {
    const reading = parseReading(await readJson(context), ports.clock.now());
    const accepting = { ...ports.accept, origin: originOf(context, ports) };
    return context.json(await takeReading(context.get("site_id"), reading, accepting), 202);
  });
}
