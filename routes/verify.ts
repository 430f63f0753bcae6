/**
 * The signature debugger: for the developer of a receiver whose verification fails at night.
 *
 * @module
 */
import { Hono } from "hono";
import { z } from "zod";
import { withAnyNames } from "../lib/any_names.ts";
import { INPUT } from "../lib/limits.ts";
import { validate } from "../lib/validate.ts";
import { verifySignatures } from "../lib/verify.ts";
import { readJson, refuseQuery } from "./body.ts";
import { type Env, identified, type RoutePorts } from "./context.ts";

/** The body of `POST /v1/verify-signature`. */
export const request = z.strictObject({
  secret: z.string().min(1).max(INPUT.url_chars_max),
  /** The raw body as text. */
  body: z.string().max(INPUT.body_bytes_max),
  headers: withAnyNames(z.record(z.string(), z.string())),
});

/** The body as a JSON string takes up to six bytes a character, and there are headers besides. */
export const BYTES_MAX = INPUT.body_bytes_max * 7;

/**
 * The routes of this resource. Nothing of what is sent here is stored or logged.
 *
 * @param ports What they need.
 * @returns `POST /v1/verify-signature`.
 */
export function verifyRoutes(ports: RoutePorts): Hono<Env> {
  return new Hono<Env>().post("/v1/verify-signature", identified(ports), async (context) => {
    refuseQuery(context);
    const { secret, body, headers } = validate(request, await readJson(context, { bytes_max: BYTES_MAX }));
    const signatures = verifySignatures({
      secret,
      body: new TextEncoder().encode(body),
      headers,
      now_ms: ports.clock.now(),
    });
    return context.json({ signatures });
  });
}
