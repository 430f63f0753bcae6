/**
 * The API as its callers meet it: over real HTTP, with what the tests look at in each answer written anew from the
 * contract.
 *
 * Owns calling and waiting. Every exchange is held against the OpenAPI document (`conformance.ts`). Nothing here waits for a fixed time: a test waits for what it wants to see, and a deadline
 * that is far too long turns a wait that never ends into a failure.
 *
 * @module
 */
import { assertEquals, fail } from "@std/assert";
import type { Scope } from "../../lib/api_key.ts";
import { assertConforms } from "./conformance.ts";

/** The site of most tests. */
export const SITE = "example.com";
/** The key of the environment: `admin`. */
export const ADMIN_KEY = "admin-key-of-the-tests-0123456789abcdef";

/** Longer than anything takes, however busy the machine: what is not there by then never comes. */
const DEADLINE_MS = 60_000;
/** Between two looks. */
const POLL_MS = 10;

/**
 * Waits for what something else brings about, with a deadline.
 *
 * @param promise What is waited for.
 * @param what In words, for the failure.
 * @returns What it resolves to.
 * @throws {Error} If the deadline is over first.
 */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Waited ${DEADLINE_MS} ms in vain for ${what}`)),
    DEADLINE_MS,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks again and again until something is so.
 *
 * @param look Returns what was found, or null, undefined or false for "not yet".
 * @param what In words, for the failure.
 * @returns What was found.
 */
export async function until<T>(look: () => Promise<T> | T, what: string): Promise<NonNullable<T>> {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > end) fail(`Waited ${DEADLINE_MS} ms in vain until ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, POLL_MS));
  }
}

/** A `goal_completion`; `visitor_count` tells those of one test apart. */
export function goal(
  visitor_count = 1,
  given: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    event: "goal_completion",
    site_id: SITE,
    timestamp: "2026-02-25T12:00:00Z",
    data: { goal_name: "Signup", visitor_count },
    ...given,
  };
}

/** The `visitor_count` of a body that a receiver got. */
export function countOf({ text }: { readonly text: string }): number {
  return JSON.parse(text).data.visitor_count;
}

/** An answer of the API. */
export interface ApiAnswer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, if it is JSON; null for none. What it is like is the test's claim. */
  readonly json: Body;
}

/** An error as callers get it. */
export interface ProblemJson {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
  readonly request_id: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** What is special about a call. */
export interface CallOptions {
  /** The administrator's by default; null: none. */
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A webhook: what the tests look at, written anew from the contract. */
export interface WebhookJson {
  readonly id: string;
  readonly site_id: string;
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly enabled: boolean;
  readonly status: string;
  readonly status_reason: string | null;
  readonly max_retries: number;
  readonly timeout_ms: number;
  readonly previous_secret_expires_at: string | null;
  readonly health: {
    readonly consecutive_failures: number;
    readonly last_success_at: string | null;
    readonly last_failure_at: string | null;
    readonly breaker: string;
    readonly pending: number;
  };
  readonly created_at: string;
  readonly updated_at: string;
}

/** A webhook with its secret, as its creation and rotation answer. */
export interface CreatedWebhook extends WebhookJson {
  readonly secret: string;
  readonly standard_secret: string;
}

/** One request to a receiver, as its delivery lists it. */
export interface AttemptJson {
  readonly number: number;
  readonly trigger: string;
  readonly at: string;
  readonly duration_ms: number | null;
  readonly status_code: number | null;
  readonly outcome: string;
  readonly error: string | null;
  readonly response_body: string | null;
}

/** A delivery. */
export interface DeliveryJson {
  readonly id: string;
  readonly site_id: string;
  readonly webhook_id: string;
  readonly event_id: string;
  readonly event: string;
  readonly status: string;
  readonly created_at: string;
  readonly next_attempt_at: string | null;
  readonly attempts_total: number;
  readonly attempts: readonly AttemptJson[];
}

/** The answer to an accepted event. */
export interface AcceptedJson {
  readonly id: string;
  readonly queued: number;
  readonly skipped: readonly { readonly webhook_id: string; readonly reason: string }[];
  readonly duplicate?: boolean;
}

/** A page of a list. */
export interface PageJson<Item> {
  readonly data: readonly Item[];
  readonly next_cursor: string | null;
}

/** Calls one service. */
export interface Api {
  readonly url: string;
  /**
   * Makes one request. A text or bytes are sent as they are, anything else as JSON; with a body the `Content-Type` is
   * `application/json` unless `headers` say otherwise.
   */
  call<Body = ProblemJson>(
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<ApiAnswer<Body>>;
  /** Makes a key and returns its text. */
  key(scope: Scope, sites?: readonly string[]): Promise<string>;
  /** Creates a webhook that takes `goal_completion`, unless `fields` say otherwise. */
  webhook(url: string, fields?: Readonly<Record<string, unknown>>, site_id?: string): Promise<CreatedWebhook>;
  /** Posts an event, which must be accepted. */
  post(event: unknown, headers?: Readonly<Record<string, string>>): Promise<AcceptedJson>;
  /** The deliveries of a site, newest first; `query` begins with `?`. */
  deliveries(query?: string, site_id?: string): Promise<readonly DeliveryJson[]>;
  /** The deliveries, as soon as there are `count` of them that were tried and all of them are in that state. */
  settled(status: string, count: number, query?: string): Promise<readonly DeliveryJson[]>;
  /** The deliveries, as soon as there are `count` of them and all of them are as wanted. */
  settledAs(
    wanted: (delivery: DeliveryJson) => boolean,
    count: number,
    query?: string,
  ): Promise<readonly DeliveryJson[]>;
}

/** The path of a site, with its id percent-encoded. */
export function sitePath(rest: string, site_id = SITE): string {
  return `/v1/sites/${encodeURIComponent(site_id)}${rest}`;
}

function bodyOf(body: unknown): { body?: BodyInit; headers: Record<string, string> } {
  if (body === undefined) return { headers: {} };
  const headers = { "Content-Type": "application/json" };
  if (typeof body === "string") return { body: new TextEncoder().encode(body), headers };
  if (body instanceof Uint8Array) return { body: new Uint8Array(body), headers };
  return { body: JSON.stringify(body), headers };
}

/**
 * Calls the service at a URL.
 *
 * @param url Its origin.
 * @returns Its API.
 */
export function apiAt(url: string): Api {
  async function call<Body>(
    method: string,
    path: string,
    given?: unknown,
    { key = ADMIN_KEY, headers = {} }: CallOptions = {},
  ): Promise<ApiAnswer<Body>> {
    const { body, headers: own } = bodyOf(given);
    const sent = new Headers({
      ...own,
      ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
      ...headers,
    });
    const response = await fetch(url + path, {
      method,
      headers: sent,
      redirect: "manual",
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    assertConforms({
      method,
      url: url + path,
      request: { headers: sent, text: await new Response(body ?? "").text() },
      answer: { status: response.status, headers: response.headers, text },
    });
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    const json = isJson && text !== "" ? JSON.parse(text) : null;
    return { status: response.status, headers: response.headers, text, json };
  }

  /** A call that must succeed. */
  async function succeed<Body>(
    method: string,
    path: string,
    status: number,
    ...rest: [unknown?, CallOptions?]
  ) {
    const answer = await call<Body>(method, path, ...rest);
    assertEquals(answer.status, status, `${method} ${path} answered ${answer.status}: ${answer.text}`);
    return answer.json;
  }

  async function deliveries(query = "", site_id = SITE): Promise<readonly DeliveryJson[]> {
    const path = sitePath(`/deliveries${query === "" ? "?limit=100" : query}`, site_id);
    return (await succeed<PageJson<DeliveryJson>>("GET", path, 200)).data;
  }

  function settledAs(
    wanted: (delivery: DeliveryJson) => boolean,
    count: number,
    query = "",
  ): Promise<readonly DeliveryJson[]> {
    return until(async () => {
      const found = await deliveries(query);
      return found.length === count && found.every(wanted) ? found : null;
    }, `${count} deliveries are as they should be`);
  }

  return {
    url,
    call,
    async key(scope, sites = [SITE]) {
      return (await succeed<{ key: string }>("POST", "/v1/keys", 201, { name: scope, scope, sites })).key;
    },
    webhook: (receiver_url, fields = {}, site_id = SITE) =>
      succeed("POST", sitePath("/webhooks", site_id), 201, {
        url: receiver_url,
        events: ["goal_completion"],
        ...fields,
      }),
    post: (event, headers = {}) => succeed("POST", "/v1/events", 202, event, { headers }),
    deliveries,
    settledAs,
    settled: (status, count, query) =>
      settledAs((delivery) => delivery.status === status && delivery.attempts_total > 0, count, query),
  };
}
