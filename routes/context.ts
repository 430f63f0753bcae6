/**
 * What every route is given, and the two questions every route begins with: who calls, and for which site.
 *
 * Owns the way from a request to a caller. It must never decide what a caller may do: that is `lib/keys.ts`.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import type { AcceptPorts } from "../lib/accept.ts";
import { coversSite, type Permission } from "../lib/api_key.ts";
import type { DeliverPorts } from "../lib/deliver.ts";
import { AppError } from "../lib/errors.ts";
import type { Sealing } from "../lib/export.ts";
import { authorize, type Caller, type KeyPorts } from "../lib/keys.ts";
import type { Clock, Log } from "../lib/ports.ts";
import type { RedeliverPorts } from "../lib/redeliver.ts";
import { parseSiteId } from "../lib/site_id.ts";
import type { SiteNames } from "../lib/site_names.ts";
import type { RenamePorts } from "../lib/rename_site.ts";
import type { SitePorts } from "../lib/sites.ts";
import type { Stats } from "../lib/stats.ts";
import type { Directory } from "../lib/directory.ts";
import type { Store } from "../lib/store.ts";
import type { Origin, Tracing } from "../lib/tracing.ts";
import { validationError } from "../lib/validate.ts";
import type { WatchPorts } from "../lib/watches.ts";
import type { WebhookPorts } from "../lib/webhooks.ts";
import { refuseQuery } from "./body.ts";
import type { RequestLoad } from "./load.ts";

/** What a request carries from one handler to the next. */
export interface Env {
  Variables: {
    request_id: string;
    caller: Caller;
    /** What the sites are called. */
    names: SiteNames;
    /** The site of the path as it is stored, which is not what it is called once it was renamed. */
    site_id: string;
    /** What the path calls it: today's name, or an old one. */
    site_name: string;
    load: RequestLoad;
    /** The event that it brought, for the log. */
    event_id: string | undefined;
  };
}

/** What the routes need: the use cases' ports, handed in by the composition root. */
export interface RoutePorts {
  readonly accept: AcceptPorts;
  readonly webhooks: Omit<WebhookPorts, "actor"> & { readonly deliver: DeliverPorts };
  readonly keys: Omit<KeyPorts, "actor">;
  readonly sites: Omit<SitePorts & RenamePorts, "actor" | "store"> & {
    readonly store: SitePorts["store"] & RenamePorts["store"] & Pick<Store, "sitePage">;
  };
  /** `stats` is null where nothing is counted. */
  readonly stats: { readonly store: Pick<Store, "statPage">; readonly stats: Pick<Stats, "flush"> | null };
  readonly history: { readonly store: Store; readonly directory: Directory };
  readonly watches: Omit<WatchPorts, "actor">;
  readonly redeliver: Omit<RedeliverPorts, "actor">;
  /** What secrets are sealed with, at rest and in an export. */
  readonly box: Sealing;
  readonly authenticate: (text: string) => Promise<Caller | null>;
  /** What keeps the service from working, in words; empty when it works. */
  readonly problems: () => Promise<string[]>;
  /** What is measured, in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** Null where nobody traces. */
  readonly tracing: Tracing | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
}

/** A request's context. */
export type RouteContext = Context<Env>;

/** Who calls, as the audit names them. */
export function actorOf(context: RouteContext): string {
  return context.get("caller").id;
}

/** The request, as what it brings remembers it. */
export function originOf(context: RouteContext, { tracing }: Pick<RoutePorts, "tracing">): Origin {
  return { request_id: context.get("request_id"), place: tracing?.place() ?? null };
}

function bearerOf(context: RouteContext): string | null {
  const match = /^Bearer +([^\s]+) *$/i.exec(context.req.header("Authorization") ?? "");
  return match?.[1] ?? null;
}

/**
 * Lets through only callers with a valid key.
 *
 * @param ports How a caller is found.
 * @returns Middleware that sets `caller`.
 */
export function identified(ports: Pick<RoutePorts, "authenticate">): MiddlewareHandler<Env> {
  return async (context, next) => {
    const text = bearerOf(context);
    const caller = text === null ? null : await ports.authenticate(text);
    if (caller === null) {
      throw new AppError("unauthorized", "Send a valid API key as `Authorization: Bearer <key>`");
    }
    context.set("caller", { ...caller, sites: context.get("names").meant(caller.sites) });
    await next();
  };
}

/** What a route does with query parameters: it takes none, and any is refused, or it reads them itself. */
export type QueryUse = "no_query" | "reads_query";

/**
 * Lets through only callers who may do something.
 *
 * @param permission What.
 * @param query What the route does with query parameters.
 * @returns Middleware for routes without a site.
 */
export function permitted(permission: Permission, query: QueryUse = "no_query"): MiddlewareHandler<Env> {
  return async (context, next) => {
    authorize(context.get("caller"), permission, null);
    if (query === "no_query") refuseQuery(context);
    await next();
  };
}

/**
 * Tells a caller what a site is called now whose old name is not accepted any more.
 *
 * @param caller Who may not see the site that has the name today.
 * @param name The name.
 * @param code What is refused with.
 * @param names What the sites are called.
 * @throws {AppError} If the name was that of a site the caller may see.
 */
export function refuseOldName(
  caller: Caller,
  name: string,
  code: "not_found" | "forbidden",
  names: SiteNames,
): void {
  const former = names.formerSiteOf(name);
  if (former === null || !coversSite(caller, former)) return;
  const detail = `${name} was renamed to ${names.nameOf(former)}, and its old name is accepted no longer`;
  throw new AppError(code, code === "not_found" ? `Not found: ${detail}` : detail);
}

/**
 * Answers with sites called by their names of today: everything that tells of sites goes out here.
 *
 * @param context The request.
 * @param answer The answer, with sites as they are stored.
 * @param status Its status.
 */
export function shown(context: RouteContext, answer: object, status: 200 | 201 | 202 = 200): Response {
  return context.json(context.get("names").shown(answer), status);
}

/**
 * Lets through only callers who may do something for the site in the path.
 *
 * @param permission What.
 * @param query What the route does with query parameters.
 * @returns Middleware for routes under `/v1/sites/{site_id}`; sets `site_id` and `site_name`.
 */
export function permittedForSite(
  permission: Permission,
  query: QueryUse = "no_query",
): MiddlewareHandler<Env> {
  return async (context, next) => {
    const caller = context.get("caller");
    const names = context.get("names");
    const parsed = parseSiteId(context.req.param("site_id") ?? "");
    const site_id = parsed.ok ? names.siteOf(parsed.site_id) : "";
    if (parsed.ok && !coversSite(caller, site_id)) refuseOldName(caller, parsed.site_id, "not_found", names);
    // Who may see only some sites is told the same of a malformed one as of a foreign one.
    authorize(caller, permission, site_id);
    if (!parsed.ok) throw validationError([{ path: "/site_id", message: parsed.message }]);
    if (query === "no_query") refuseQuery(context);
    context.set("site_id", site_id);
    context.set("site_name", parsed.site_id);
    await next();
  };
}
