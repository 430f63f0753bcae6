/**
 * The configuration as a document, out and in, for administrators.
 *
 * @module
 */
import { Hono } from "hono";
import { exportConfiguration } from "../lib/export.ts";
import { importConfiguration } from "../lib/import.ts";
import { INPUT } from "../lib/limits.ts";
import { readJson, readQuery } from "./body.ts";
import { actorOf, type Env, identified, permitted, type RoutePorts, shown } from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `GET /v1/export`, `POST /v1/import`.
 */
export function exportRoutes(ports: RoutePorts): Hono<Env> {
  const known = identified(ports);
  return new Hono<Env>()
    .get("/v1/export", known, permitted("admin", "reads_query"), async (context) => {
      const { history: { store, directory: { names } }, box, clock } = ports;
      const actor = actorOf(context);
      const document = await exportConfiguration(readQuery(context), { store, box, names, clock, actor });
      return shown(context, document);
    })
    .post("/v1/import", known, permitted("admin"), async (context) => {
      const input = await readJson(context, { bytes_max: INPUT.batch_bytes_max });
      const { webhooks, history: { store }, box } = ports;
      const actor = actorOf(context);
      return shown(context, await importConfiguration(input, { ...webhooks, store, box, actor }));
    });
}
