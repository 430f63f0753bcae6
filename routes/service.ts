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
  readonly instance: string;
  readonly links: Readonly<Record<string, string>>;
}

/**
 * What this is, and where to go on.
 *
 * @param version Of this release.
 * @param instance The id of this process, under which its beats are in its database: so whoever may read a database can
 * tell whether this process works on it.
 * @returns The answer of `/`.
 */
export function aboutService(version: string, instance: string): About {
  return {
    name: "Tidings",
    description: "Webhook notifications for Plausible Analytics",
    version,
    instance,
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
export function serviceRoutes(ports: Pick<RoutePorts, "problems" | "version" | "accept">): Hono<Env> {
  return new Hono<Env>()
    .get("/", (context) => context.json(aboutService(ports.version, ports.accept.instance)))
    .get("/healthz", (context) => context.json({ status: "ok" }))
    .get("/readyz", async (context) => {
      const problems = await ports.problems();
      if (problems.length === 0) return context.json({ status: "ready" });
      return context.json({ status: "not_ready", problems }, 503);
    });
}
