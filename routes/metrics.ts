/**
 * What is measured, for Prometheus.
 *
 * @module
 */
import { Hono } from "hono";
import { type Env, identified, permitted, type RoutePorts } from "./context.ts";

/** Version 0.0.4 of the text format, which every Prometheus reads. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * The routes of this resource.
 *
 * @param ports What they need.
 * @returns `/metrics`.
 */
export function metricsRoutes(ports: Pick<RoutePorts, "authenticate" | "metrics">): Hono<Env> {
  return new Hono<Env>().get("/metrics", identified(ports), permitted("metrics"), async (context) => {
    return context.body(await ports.metrics(), 200, { "Content-Type": CONTENT_TYPE });
  });
}
