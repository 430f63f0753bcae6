/**
 * The API described: `GET /openapi.json` for programs and `GET /docs` for people.
 *
 * Owns when the description is made: when it is first asked for. Most processes are never asked, and the schemas of all
 * answers take more memory, and time at the start, than those of everything that is read.
 *
 * @module
 */
import { Hono } from "hono";
import { refuseQuery } from "./body.ts";
import type { Env, RoutePorts } from "./context.ts";

/** Makes something once, when it is first asked for. */
function lazily<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | null = null;
  return () => made ??= make();
}

/**
 * The routes of the description. They need no key.
 *
 * @param ports The version.
 * @returns `GET /openapi.json` and `GET /docs`.
 */
export function descriptionRoutes({ version }: Pick<RoutePorts, "version">): Hono<Env> {
  const document = lazily(async () => (await import("./openapi.ts")).openapiDocument(version));
  const text = lazily(async () => JSON.stringify(await document()));
  const docs = lazily(async () => (await import("./docs.ts")).docsOf(await document()));
  return new Hono<Env>()
    .get("/openapi.json", async (context) => {
      refuseQuery(context);
      return context.body(await text(), 200, { "Content-Type": "application/json" });
    })
    .get("/docs", async (context) => {
      refuseQuery(context);
      const { page, policy } = await docs();
      const headers = { "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer" };
      return context.html(page, 200, headers);
    });
}
