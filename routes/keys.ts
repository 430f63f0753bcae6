/**
 * API keys, for administrators.
 *
 * @module
 */
import { Hono } from "hono";
import { createKey, type KeyPorts, listKeys, revokeKey } from "../lib/keys.ts";
import { readJson } from "./body.ts";
import {
  actorOf,
  type Env,
  identified,
  permitted,
  type RouteContext,
  type RoutePorts,
  shown,
} from "./context.ts";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns Everything under `/v1/keys`.
 */
export function keyRoutes(ports: RoutePorts): Hono<Env> {
  const known = identified(ports);
  const admin = permitted("admin");
  const by = (context: RouteContext): KeyPorts => ({ ...ports.keys, actor: actorOf(context) });

  return new Hono<Env>()
    .get("/v1/keys", known, admin, async (context) => {
      return shown(context, { data: await listKeys(ports.keys) });
    })
    .post("/v1/keys", known, admin, async (context) => {
      return shown(context, await createKey(await readJson(context), by(context)), 201);
    })
    .delete("/v1/keys/:key_id", known, admin, async (context) => {
      await revokeKey(context.req.param("key_id"), by(context));
      return context.body(null, 204);
    });
}
