/**
 * The audit, for administrators: who changed what.
 *
 * @module
 */
import { Hono } from "hono";
import { listAudit } from "../lib/audit.ts";
import { readQuery } from "./body.ts";
import { type Env, identified, permitted, type RoutePorts, shown } from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `GET /v1/audit`.
 */
export function auditRoutes(ports: RoutePorts): Hono<Env> {
  return new Hono<Env>()
    .get("/v1/audit", identified(ports), permitted("admin", "reads_query"), async (context) => {
      return shown(context, await listAudit(readQuery(context), ports.history.store));
    });
}
