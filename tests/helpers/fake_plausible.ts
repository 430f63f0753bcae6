/**
 * A Plausible that answers over HTTP as the real one does, with its traps.
 *
 * Owns a store of events and goals, and the answers and errors that Plausible makes of them. Its time is a clock's: what
 * was ingested less than five seconds ago is not seen yet, on a manual clock too. It must never know who asks.
 *
 * @module
 */
import type { Clock } from "../../lib/ports.ts";

/** What a visitor did. */
export interface Visit {
  readonly site_id: string;
  /** Milliseconds; Plausible keeps whole seconds. */
  readonly at: number;
  readonly visitor: string;
  /** `pageview`, `engagement` or a custom event's name; `pageview` by default. */
  readonly name?: string;
  readonly path?: string;
  readonly source?: string;
  /** Of an `engagement`: how far was scrolled, in percent. */
  readonly scrolled?: number;
}

/** A goal of a site: what it is called and what completes it. */
export type FakeGoal =
  | { readonly name: string; readonly event: string }
  /** `*` stands for anything but a slash, `**` for anything. */
  | { readonly name: string; readonly page: string }
  | { readonly name: string; readonly page: string; readonly scroll: number };

/** What goes wrong in place of an answer. */
export type Fault =
  | "html_502"
  | "rate_per_hour"
  | "rate_per_10_s"
  | "missing_key"
  | "invalid_key"
  | "locked"
  | "bad_query"
  | "garbage"
  | "wrong_shape"
  | "huge"
  | "huge_stream"
  | "redirect"
  | "hang"
  | "hang_in_body"
  | { readonly slow_ms: number };

/** A request as it came. */
export interface AskedRequest {
  readonly at: number;
  readonly path: string;
  readonly authorization: string | null;
  /** The body of a query, and the site of any request but a health check's. */
  readonly query: Record<string, unknown> | null;
  readonly site_id: string | null;
}

/** A running fake. */
export interface FakePlausible extends AsyncDisposable {
  readonly origin: string;
  readonly requests: readonly AskedRequest[];
  /** The goals of each site; a site without an entry is unknown. */
  readonly goals: Map<string, FakeGoal[]>;
  /** What `GET /api/system/health/ready` answers. */
  health: Record<string, string | null>;
  /** Keys that are known; every key if it is empty. */
  readonly keys: Set<string>;
  visit(visit: Visit): void;
  /** Has the next requests go wrong. */
  fail(fault: Fault, options?: FaultOptions): void;
  /** Has nothing go wrong any more; what hangs goes on hanging. */
  heal(): void;
  /** Resolves when that many requests have come in all. */
  asked(count: number): Promise<void>;
  /** The most requests that came within any stretch of this length. */
  mostWithin(ms: number): number;
}

/** Which requests go wrong. */
export interface FaultOptions {
  /** How many; all by default. */
  readonly times?: number;
  readonly when?: (request: AskedRequest) => boolean;
}

/** How a fake is started. */
export interface FakePlausibleOptions {
  readonly clock: Pick<Clock, "now" | "after">;
  /** In which answers label times. */
  readonly offset?: string;
}

const INGEST_MS = 5000;
const CURRENT_MS = 300_000;
const HEALTHY = { postgres: "ok", clickhouse: "ok", sites_cache: "ok", sessions: "ok" };

function json(status: number, body: unknown): Response {
  return Response.json(body, { status });
}

function refusal(status: number, error: string): Response {
  return json(status, { error });
}

function patternOf(page: string): RegExp {
  const escaped = page.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*\*|\*/g, (star) => star === "**" ? ".*" : "[^/]*")}$`);
}

function completes(visit: Visit, goal: FakeGoal): boolean {
  const { name = "pageview", path = "/" } = visit;
  if ("event" in goal) return name === goal.event;
  const there = patternOf(goal.page).test(path);
  if ("scroll" in goal) return name === "engagement" && there && (visit.scrolled ?? 0) >= goal.scroll;
  return name === "pageview" && there;
}

type Row = { dimensions: string[]; metrics: (number | null)[] };

function measured(metrics: readonly string[], visits: readonly Visit[], scroll = false): (number | null)[] {
  return metrics.map((metric) => {
    if (metric === "visitors") return new Set(visits.map(({ visitor }) => visitor)).size;
    // The visits of engagements are no events of a goal.
    return scroll ? null : visits.length;
  });
}

function grouped(visits: readonly Visit[], of: (visit: Visit) => string): [string, Visit[]][] {
  return [...Map.groupBy(visits, of)];
}

/** A time as the Stats API takes it, with an offset, in whole seconds; null for anything else. */
function timeOf(value: unknown): number | null {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/.test(value)) {
    return null;
  }
  return Date.parse(value);
}

/**
 * Starts a fake Plausible.
 *
 * @param options Its clock.
 * @returns It, listening already on a free port of loopback.
 */
export function startFakePlausible({ clock, offset = "+01:00" }: FakePlausibleOptions): FakePlausible {
  const visits: Visit[] = [];
  const requests: AskedRequest[] = [];
  const faults: { fault: Fault; left: number; when: (request: AskedRequest) => boolean }[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const end = new AbortController();
  const ended = new Promise<void>((resolve) => end.signal.addEventListener("abort", () => resolve()));

  /** Both ends belong to the range, to the second. */
  function seen(site_id: unknown, from: number, to: number): Visit[] {
    const second = (ms: number) => Math.floor(ms / 1000);
    return visits.filter((visit) =>
      visit.site_id === site_id && visit.at + INGEST_MS <= clock.now() &&
      second(visit.at) >= second(from) && second(visit.at) <= second(to)
    );
  }

  function rowsOf(query: Record<string, unknown>, within: Visit[]): Row[] | string {
    const metrics = query["metrics"] as string[];
    const [dimension] = (query["dimensions"] ?? []) as string[];
    let found = within;
    for (const [operator, of, values] of (query["filters"] ?? []) as [string, string, string[]][]) {
      if (operator !== "is_not") return `Invalid filter operator '${operator}'`;
      // Accepted, and it matches nothing.
      if (of === "event:name") found = [];
      else if (of === "visit:source") {
        found = found.filter(({ source = "Direct / None" }) => !values.includes(source));
      } else return `Invalid filter dimension '${of}'`;
    }
    switch (dimension) {
      case undefined:
        return [{ dimensions: [], metrics: measured(metrics, found) }];
      case "event:goal":
        return (goals.get(String(query["site_id"])) ?? []).flatMap((goal) => {
          const done = found.filter((visit) => completes(visit, goal));
          return done.length === 0
            ? []
            : [{ dimensions: [goal.name], metrics: measured(metrics, done, "scroll" in goal) }];
        });
      case "event:name":
        return grouped(found, ({ name = "pageview" }) => name)
          .map(([name, of]) => ({ dimensions: [name], metrics: measured(metrics, of) }));
      case "visit:source":
        return grouped(found, ({ source = "Direct / None" }) => source)
          .map(([name, of]) => ({ dimensions: [name], metrics: measured(metrics, of) }));
      case "event:page":
        return grouped(found.filter(({ name = "pageview" }) => name === "pageview"), ({ path = "/" }) => path)
          .map(([name, of]) => ({ dimensions: [name], metrics: measured(metrics, of) }));
      default:
        return `Invalid dimension '${dimension}'`;
    }
  }

  function answerQuery(query: Record<string, unknown>): Response {
    const known = new Set([
      "site_id",
      "metrics",
      "date_range",
      "dimensions",
      "filters",
      "pagination",
      "order_by",
    ]);
    const [unknown] = Object.keys(query).filter((key) => !known.has(key));
    if (unknown !== undefined) return refusal(400, `#: Schema does not allow additional properties.`);
    const range = Array.isArray(query["date_range"]) ? query["date_range"].map(timeOf) : [];
    const [from, to] = range;
    if (from === undefined || from === null || to === undefined || to === null || from > to) {
      return refusal(400, `#/date_range: Invalid date range ${JSON.stringify(query["date_range"])}`);
    }
    const rows = rowsOf(query, seen(query["site_id"], from, to));
    if (typeof rows === "string") return refusal(400, rows);
    rows.sort((one, other) => (other.metrics[0] ?? 0) - (one.metrics[0] ?? 0));
    const limit = (query["pagination"] as { limit?: number } | undefined)?.limit ?? 10_000;
    const label = (ms: number) =>
      new Date(ms + Date.parse("1970-01-01T00:00:00Z") - Date.parse(`1970-01-01T00:00:00${offset}`))
        .toISOString().slice(0, 19) + offset;
    return json(200, {
      results: rows.slice(0, limit),
      meta: {},
      query: { ...query, date_range: [label(from), label(to)] },
    });
  }

  function answer(request: AskedRequest): Response {
    if (request.path === "/api/system/health/ready") {
      const healthy = Object.values(fake.health).every((part) => part === "ok");
      return json(healthy ? 200 : 500, fake.health);
    }
    const key = /^Bearer (.+)$/.exec(request.authorization ?? "")?.[1];
    if (key === undefined) return fault("missing_key");
    const allowed = fake.keys.size === 0 || fake.keys.has(key);
    if (!allowed || request.site_id === null || !goals.has(request.site_id)) return fault("invalid_key");
    if (request.path === "/api/v1/stats/realtime/visitors") {
      const now = clock.now();
      const current = seen(request.site_id, now - CURRENT_MS, now);
      return json(200, new Set(current.map(({ visitor }) => visitor)).size);
    }
    if (request.path === "/api/v2/query" && request.query !== null) return answerQuery(request.query);
    return new Response("<html>Not Found</html>", { status: 404, headers: { "content-type": "text/html" } });
  }

  function fault(fault: Exclude<Fault, object | "hang" | "hang_in_body">): Response {
    const html = { headers: { "content-type": "text/html" } };
    switch (fault) {
      case "html_502":
        return new Response("<html><h1>502 Bad Gateway</h1></html>", { status: 502, ...html });
      case "rate_per_hour":
        return refusal(429, "Too many API requests. The limit is 600 per hour. Please contact us.");
      case "rate_per_10_s":
        return refusal(429, "Too many API requests. The limit is 60 per 10 seconds.");
      case "missing_key":
        return refusal(401, "Missing API key. Please use a valid Plausible API key as a Bearer Token.");
      case "invalid_key":
        return refusal(401, "Invalid API key or site ID. Please make sure you're using a valid API key.");
      case "locked":
        return refusal(402, "This Plausible site is locked due to missing active subscription.");
      case "bad_query":
        return refusal(400, "#/metrics: Invalid metric");
      case "garbage":
        return new Response('{"results":[{', { headers: { "content-type": "application/json" } });
      case "wrong_shape":
        return json(200, { results: [{ dimensions: "Signup", metrics: ["many"] }] });
      case "huge":
        return json(200, { results: [], padding: "x".repeat(2 * 1024 * 1024) });
      case "huge_stream":
        return new Response(
          new ReadableStream({
            pull(controller) {
              controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
            },
          }),
        );
      case "redirect":
        return new Response(null, { status: 302, headers: { location: "/elsewhere" } });
    }
  }

  async function faulty(of: Fault, request: AskedRequest): Promise<Response> {
    if (of === "hang") {
      await ended;
      return new Response(null, { status: 503 });
    }
    if (of === "hang_in_body") {
      const start = new TextEncoder().encode('{"results":');
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(start) }));
    }
    if (typeof of === "string") return fault(of);
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.after(of.slow_ms, resolve);
    await Promise.race([promise, ended]);
    return answer(request);
  }

  async function read(raw: Request): Promise<AskedRequest> {
    const { pathname, searchParams } = new URL(raw.url);
    const text = await raw.text();
    const query = text === "" ? null : JSON.parse(text);
    return {
      at: clock.now(),
      path: pathname,
      authorization: raw.headers.get("authorization"),
      query,
      site_id: query?.site_id ?? searchParams.get("site_id"),
    };
  }

  async function handle(raw: Request): Promise<Response> {
    const request = await read(raw);
    requests.push(request);
    for (const { count, resolve } of waiting) if (requests.length >= count) resolve();
    const index = faults.findIndex(({ when }) => when(request));
    const next = faults[index];
    if (next === undefined) return answer(request);
    if (--next.left <= 0) faults.splice(index, 1);
    return await faulty(next.fault, request);
  }

  const goals = new Map<string, FakeGoal[]>();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: end.signal,
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, handle);
  const fake: FakePlausible = {
    origin: `http://127.0.0.1:${server.addr.port}`,
    requests,
    goals,
    health: HEALTHY,
    keys: new Set(),
    visit: (visit) => void visits.push(visit),
    fail(fault, { times = Infinity, when = () => true } = {}) {
      faults.push({ fault, left: times, when });
    },
    heal: () => void faults.splice(0),
    asked(count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (requests.length >= count) resolve();
      else waiting.push({ count, resolve });
      return promise;
    },
    mostWithin(ms) {
      let [most, first] = [0, 0];
      for (const [index, { at }] of requests.entries()) {
        while ((requests[first]?.at ?? at) <= at - ms) first++;
        most = Math.max(most, index - first + 1);
      }
      return most;
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await server.finished;
    },
  };
  return fake;
}
