/**
 * API keys, for administrators.
 *
 * @module
 */
import { Hono } from "hono";
import { createKey, listKeys, revokeKey } from "../lib/keys.ts";
import { readJson } from "./body.ts";
import { type Env, identified, permitted, type RoutePorts } from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns Everything under `/v1/keys`.
 */
export function keyRoutes(ports: RoutePorts): Hono<Env> {
  const known = identified(ports);
  const admin = permitted("admin");

  return new Hono<Env>()
    .get("/v1/keys", known, admin, async (context) => {
      return context.json({ data: await listKeys(ports.keys) });
    })
    .post("/v1/keys", known, admin, async (context) => {
      return context.json(await createKey(await readJson(context), ports.keys), 201);
    })
    .delete("/v1/keys/:key_id", known, admin, async (context) => {
      await revokeKey(context.req.param("key_id"), ports.keys);
      return context.body(null, 204);
    });
}
