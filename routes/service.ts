/**
 * The service about itself: what it is, whether it lives, whether it can work.
 *
 * @module
 */
import { Hono } from "hono";
import type { Env, RoutePorts } from "./context.ts";

/** What `/` says. */
interface About {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly links: Readonly<Record<string, string>>;
}

/**
 * What this is, and where to go on.
 *
 * @param version Of this release.
 * @returns The answer of `/`.
 */
export function aboutService(version: string): About {
  return {
    name: "Tidings",
    description: "Webhook notifications for Plausible Analytics",
    version,
    links: {
      docs: "/docs",
      openapi: "/openapi.json",
      event_types: "/v1/event-types",
      health: "/healthz",
      ready: "/readyz",
    },
  };
}

/**
 * The routes of this resource. None needs a key.
 *
 * @param ports What they need.
 * @returns `/`, `/healthz`, `/readyz`.
 */
export function serviceRoutes(ports: Pick<RoutePorts, "problems" | "version">): Hono<Env> {
  return new Hono<Env>()
    .get("/", (context) => context.json(aboutService(ports.version)))
    .get("/healthz", (context) => context.json({ status: "ok" }))
    .get("/readyz", async (context) => {
      const problems = await ports.problems();
      if (problems.length === 0) return context.json({ status: "ready" });
      return context.json({ status: "not_ready", problems }, 503);
    });
}
