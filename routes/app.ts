/**
 * The HTTP application: every route, and what holds for all of them.
 *
 * Owns request ids, security headers, the form of errors, and the answer to a method that a path does not take.
 *
 * @module
 */
import { Hono } from "hono";
import { TrieRouter } from "hono/router/trie-router";
import { AppError } from "../lib/errors.ts";
import { auditRoutes } from "./audit.ts";
import type { Env, RoutePorts } from "./context.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { descriptionRoutes } from "./description.ts";
import { eventRoutes } from "./events.ts";
import { exportRoutes } from "./export.ts";
import { keyRoutes } from "./keys.ts";
import { limitedLoad, Load } from "./load.ts";
import { metricsRoutes } from "./metrics.ts";
import { problemResponse } from "./problem.ts";
import { readingRoutes } from "./readings.ts";
import { serviceRoutes } from "./service.ts";
import { siteRoutes } from "./sites.ts";
import { statRoutes } from "./stats.ts";
import { verifyRoutes } from "./verify.ts";
import { watchRoutes } from "./watches.ts";
import { webhookRoutes } from "./webhooks.ts";

/** The methods that a path takes, for paths that do not take the one asked for. */
function allowedMethods(app: Hono<Env>): (path: string) => string[] {
  const methods = new TrieRouter<string>();
  for (const { method, path } of app.routes) if (method !== "ALL") methods.add("ALL", path, method);
  return (path) => {
    const [found] = methods.match("ALL", path);
    return [...new Set(found.flatMap(([method]) => method === "GET" ? ["GET", "HEAD"] : [method]))];
  };
}

/**
 * Puts the application together.
 *
 * @param ports What the routes need.
 * @returns The application; its `fetch` serves requests.
 */
export function createApp(ports: RoutePorts): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (context, next) => {
    const request_id = crypto.randomUUID();
    context.set("request_id", request_id);
    context.set("names", ports.history.directory.names);
    const started = ports.clock.elapsed();
    await next();
    const { headers } = context.res;
    headers.set("X-Request-Id", request_id);
    headers.set("X-Content-Type-Options", "nosniff");
    // Answers hold secrets and what belongs to one caller.
    headers.set("Cache-Control", "no-store");
    ports.log.debug("request.answered", {
      request_id,
      method: context.req.method,
      path: context.req.routePath,
      status: context.res.status,
      event: context.get("event_id"),
      duration_ms: Math.round((ports.clock.elapsed() - started) * 10) / 10,
    });
  });
  app.use(limitedLoad(new Load(ports.clock)));
  app.use(async (context, next) => {
    // Deno joins Host and path to a URL: with these in it, a path would be answered that was not asked for, past
    // whatever a proxy in front of the service allows.
    if (/[/?#\\@]/.test(context.req.header("Host") ?? "")) {
      throw new AppError("not_found", "Not found: the Host header must be a host");
    }
    await next();
  });
  app.route("/", serviceRoutes(ports));
  app.route("/", metricsRoutes(ports));
  app.route("/", eventRoutes(ports));
  app.route("/", readingRoutes(ports));
  app.route("/", webhookRoutes(ports));
  app.route("/", watchRoutes(ports));
  app.route("/", deliveryRoutes(ports));
  app.route("/", keyRoutes(ports));
  app.route("/", verifyRoutes(ports));
  app.route("/", auditRoutes(ports));
  app.route("/", siteRoutes(ports));
  app.route("/", statRoutes(ports));
  app.route("/", exportRoutes(ports));
  app.route("/", descriptionRoutes(ports));

  const allowed = allowedMethods(app);
  app.notFound((context) => {
    const methods = allowed(context.req.path);
    if (methods.length === 0) {
      return problemResponse(
        context,
        new AppError("not_found", "Not found: there is no such path"),
        ports.log,
      );
    }
    if (context.req.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: { "Allow": [...methods, "OPTIONS"].join(", ") } });
    }
    const error = new AppError("method_not_allowed", `This path takes ${methods.join(", ")}`);
    const response = problemResponse(context, error, ports.log);
    response.headers.set("Allow", methods.join(", "));
    return response;
  });
  app.onError((error, context) => problemResponse(context, error, ports.log));
  return app;
}
