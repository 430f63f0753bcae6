/**
 * The Stats API of Plausible, as far as a watch needs it.
 *
 * Owns the requests, their deadline, the cap on answers, and what an answer may look like. The URL is the operator's own,
 * so nothing guards where it leads; a redirect is not followed, since the key would go along. It must never throw for what
 * Plausible does, and never log or pass on the key or a body: an answer may hold what visitors typed.
 *
 * @module
 */
import { z } from "zod";
import { WATCH } from "../limits.ts";
import type { Clock } from "../ports.ts";
import type { SiteNames } from "../site_names.ts";

/** Why there is no answer. */
export type StatsErrorKind =
  /** No key, a wrong one, or a site that this key may not see. */
  | "unauthorized"
  /** The site or its plan. */
  | "locked"
  | "rate_limited"
  | "bad_query"
  /** No connection, no answer in time, or one of 5xx. */
  | "unavailable"
  /** An answer that Plausible does not give. */
  | "malformed";

/** What went wrong. */
export interface StatsError {
  readonly kind: StatsErrorKind;
  /** In words for the owner, as the end of a sentence that begins with what was asked. */
  readonly detail: string;
}

/** An answer, or why there is none. */
export type Asked<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: StatsError };

/** One row of a breakdown. */
export interface StatsRow {
  readonly name: string;
  readonly visitors: number;
  /** Null where Plausible counts none, as for scroll goals. */
  readonly events: number | null;
}

/** Seconds from one to another; both belong to it. */
export interface StatsRange {
  readonly start: number;
  readonly end: number;
}

/** What is asked about one site, with its key. */
export interface SiteStats {
  /** Of the last five minutes. */
  currentVisitors(): Promise<Asked<number>>;
  visitors(range: StatsRange): Promise<Asked<number>>;
  /** Goals without a completion are absent. */
  goals(range: StatsRange): Promise<Asked<StatsRow[]>>;
  /** Without page views and engagement, which are no custom events. */
  customEvents(range: StatsRange): Promise<Asked<StatsRow[]>>;
  topSources(range: StatsRange): Promise<Asked<StatsRow[]>>;
  topPages(range: StatsRange): Promise<Asked<StatsRow[]>>;
}

/** A client of one Plausible. */
export interface StatsClient {
  /** @param signal Ends what is under way early. */
  site(site_id: string, api_key: string | null, signal: AbortSignal): SiteStats;
  /** Whether all its parts say that they are well. */
  health(signal: AbortSignal): Promise<Asked<{ readonly failing: readonly string[] }>>;
}

const count = z.number().min(0).transform(Math.round);
const rows = z.object({
  results: z.array(
    z.object({ dimensions: z.array(z.string().nullable()), metrics: z.array(count.nullable()) }),
  ),
});
const visitorsAnswer = z.int().min(0);
/** Names of parts are shown to people and sent to receivers, so they are nothing but names. */
const healthAnswer = z.record(z.string().regex(/^[a-z_]{1,40}$/), z.unknown());

/** What each kind of row is asked for with. */
const BREAKDOWNS = {
  goals: { metrics: ["visitors", "events"], dimensions: ["event:goal"] },
  customEvents: { metrics: ["visitors", "events"], dimensions: ["event:name"] },
  topSources: {
    metrics: ["visitors"],
    dimensions: ["visit:source"],
    filters: [["is_not", "visit:source", ["Direct / None"]]],
    pagination: { limit: WATCH.tops },
  },
  topPages: { metrics: ["visitors"], dimensions: ["event:page"], pagination: { limit: WATCH.tops } },
} as const;

/** Rows of custom events that Plausible itself makes. A filter in the query is accepted and matches nothing. */
const OWN_EVENTS = new Set(["pageview", "engagement"]);

function failed(kind: StatsErrorKind, detail: string): { ok: false; error: StatsError } {
  return { ok: false, error: { kind, detail } };
}

/** What a status means; null for one with an answer. */
function refusalOf(status: number): StatsError | null {
  if (status === 200) return null;
  const answered = `answered ${status}`;
  if (status >= 500) return { kind: "unavailable", detail: answered };
  if (status >= 300 && status < 400) {
    return { kind: "malformed", detail: `${answered}, a redirect, which is not followed` };
  }
  switch (status) {
    case 400:
      return { kind: "bad_query", detail: `${answered}: it does not know this query` };
    case 401:
    case 403:
      return {
        kind: "unauthorized",
        detail: `${answered}: there must be an API key that may see this site, and the site must exist`,
      };
    case 402:
      return { kind: "locked", detail: `${answered}: the site is locked, or its plan has no Stats API` };
    case 429:
      return { kind: "rate_limited", detail: `${answered}: too many requests` };
    default:
      return { kind: "malformed", detail: `${answered}, which is no answer of the Stats API` };
  }
}

/** Reads a body as text; null if it is too large. */
async function readText(response: Response): Promise<string | null> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > WATCH.answer_bytes_max) return null;
    chunks.push(chunk);
  }
  return await new Blob(chunks).text();
}

/** A time as the Stats API takes it: whole seconds, with an offset. */
function secondOf(at_ms: number): string {
  return `${new Date(at_ms).toISOString().slice(0, 19)}Z`;
}

/**
 * Makes a client.
 *
 * @param options The URL of Plausible without a slash at the end, the clock of its deadlines, and what sites are called:
 * Plausible knows them by their names of today.
 * @returns The client.
 */
export function createStatsClient(
  { base_url, clock, names }: {
    readonly base_url: string;
    readonly clock: Pick<Clock, "after">;
    readonly names: Pick<SiteNames, "nameOf">;
  },
): StatsClient {
  /** The status and the JSON value of an answer, within the deadline. */
  async function ask(
    path: string,
    init: RequestInit,
    signal: AbortSignal,
  ): Promise<Asked<{ readonly status: number; readonly json: unknown }>> {
    const late = new AbortController();
    const cancel = clock.after(WATCH.request_ms_max, () => late.abort());
    try {
      const response = await fetch(`${base_url}${path}`, {
        ...init,
        redirect: "manual",
        signal: AbortSignal.any([signal, late.signal]),
      });
      const text = await readText(response);
      const { status } = response;
      if (text === null) {
        return failed("malformed", `answered with more than ${WATCH.answer_bytes_max} bytes`);
      }
      // What came with a refusal is nobody's business, and need not be JSON: a proxy answers in HTML.
      return {
        ok: true,
        value: { status, json: status === 200 || status === 500 ? parsed(text) : undefined },
      };
    } catch {
      // The errors of fetch quote the URL.
      const detail = late.signal.aborted
        ? `did not answer within ${WATCH.request_ms_max / 1000} seconds`
        : "could not be reached";
      return failed("unavailable", detail);
    } finally {
      cancel();
    }
  }

  async function askStats<Value>(
    [path, init]: readonly [string, RequestInit],
    schema: z.ZodType<Value>,
    signal: AbortSignal,
  ): Promise<Asked<Value>> {
    const asked = await ask(path, init, signal);
    if (!asked.ok) return asked;
    const refusal = refusalOf(asked.value.status);
    if (refusal !== null) return { ok: false, error: refusal };
    const answer = schema.safeParse(asked.value.json);
    return answer.success
      ? { ok: true, value: answer.data }
      : failed("malformed", "answered with something that is no answer of the Stats API");
  }

  function site(stored_as: string, api_key: string | null, signal: AbortSignal): SiteStats {
    const site_id = names.nameOf(stored_as);
    const headers: Record<string, string> = api_key === null ? {} : { authorization: `Bearer ${api_key}` };

    async function query(
      range: StatsRange,
      what: { readonly metrics: readonly string[]; readonly dimensions?: readonly string[] },
    ): Promise<Asked<StatsRow[]>> {
      const date_range = [secondOf(range.start), secondOf(range.end)];
      const body = JSON.stringify({ site_id, ...what, date_range });
      const init = { method: "POST", body, headers: { ...headers, "content-type": "application/json" } };
      const asked = await askStats(["/api/v2/query", init], rows, signal);
      if (!asked.ok) return asked;
      const found: StatsRow[] = [];
      for (const { dimensions, metrics } of asked.value.results) {
        const [visitors, events = null] = metrics;
        const fits = dimensions.length === (what.dimensions?.length ?? 0) &&
          metrics.length === what.metrics.length;
        if (!fits || visitors === undefined || visitors === null) {
          return failed("malformed", "answered with rows that were not asked for");
        }
        found.push({ name: dimensions[0] ?? "", visitors, events });
      }
      return { ok: true, value: found };
    }

    return {
      currentVisitors: () =>
        askStats(
          [`/api/v1/stats/realtime/visitors?site_id=${encodeURIComponent(site_id)}`, { headers }],
          visitorsAnswer,
          signal,
        ),
      async visitors(range) {
        const asked = await query(range, { metrics: ["visitors"] });
        if (!asked.ok) return asked;
        const [row, ...others] = asked.value;
        return row !== undefined && others.length === 0
          ? { ok: true, value: row.visitors }
          : failed("malformed", "answered with rows that were not asked for");
      },
      goals: (range) => query(range, BREAKDOWNS.goals),
      async customEvents(range) {
        const asked = await query(range, BREAKDOWNS.customEvents);
        return asked.ok
          ? { ok: true, value: asked.value.filter(({ name }) => !OWN_EVENTS.has(name)) }
          : asked;
      },
      topSources: (range) => query(range, BREAKDOWNS.topSources),
      topPages: (range) => query(range, BREAKDOWNS.topPages),
    };
  }

  return {
    site,
    async health(signal) {
      const asked = await ask("/api/system/health/ready", {}, signal);
      if (!asked.ok) return asked;
      const { status, json } = asked.value;
      const parts = healthAnswer.safeParse(json);
      if (!parts.success) {
        return {
          ok: false,
          error: refusalOf(status) ?? { kind: "malformed", detail: "answered with no JSON" },
        };
      }
      const failing = Object.entries(parts.data).filter(([, state]) => state !== "ok").map(([part]) => part);
      if (status !== 200 && failing.length === 0) return failed("unavailable", `answered ${status}`);
      return { ok: true, value: { failing } };
    },
  };
}

/** The JSON value of a text; undefined if it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
