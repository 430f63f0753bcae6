/**
 * Planted answers that are not as documented: each must be found, or every other test would hold nothing.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { assertConforms, type Exchange } from "./conformance.ts";

const KEY = {
  id: "1",
  name: "one",
  scope: "read",
  sites: ["example.com"],
  expires_at: null,
  created_at: "2026-02-25T12:00:00.000Z",
  last_used_at: null,
  key: "tdk_1_2",
};
const REQUEST_ID = "0b5c1a9e-8d0b-4c55-9c2c-4f0f5d1f7a11";
const PROBLEM = {
  type: "urn:tidings:error:unauthorized",
  title: "A valid API key is needed",
  status: 401,
  code: "unauthorized",
  request_id: REQUEST_ID,
};

interface Planted {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly sent?: unknown;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The creation of a key as documented, but for what is planted. */
function exchange(planted: Planted = {}): Exchange {
  const { method = "POST", path = "/v1/keys", status = 201, headers = {}, body = KEY } = planted;
  const { type = "application/json", sent = { name: "one", scope: "read" } } = planted;
  return {
    method,
    url: `http://127.0.0.1${path}`,
    request: {
      headers: new Headers({ "Content-Type": type }),
      text: sent === null ? "" : JSON.stringify(sent),
    },
    answer: {
      status,
      headers: new Headers({
        "Content-Type": "application/json",
        "X-Request-Id": REQUEST_ID,
        ...headers,
      }),
      text: body === null ? "" : JSON.stringify(body),
    },
  };
}

const REFUSAL = {
  status: 401,
  headers: { "Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer" },
  body: PROBLEM,
};
const PAGE = { method: "GET", sent: null, status: 200, body: { data: [], next_cursor: null } };

Deno.test("assertConforms() lets pass what is as documented", () => {
  const nowhere = {
    ...REFUSAL,
    path: "/nowhere",
    status: 404,
    body: { ...PROBLEM, code: "not_found", status: 404 },
  };
  for (
    const planted of [
      {},
      REFUSAL,
      nowhere,
      { ...PAGE, path: "/v1/sites/a%2Fb/events?limit=2&event=custom_event&since=2026-02-25T12:00:00Z" },
      { method: "HEAD", path: "/v1/keys", sent: null, status: 200, body: null },
      { method: "DELETE", path: "/v1/keys/1", sent: null, status: 204, body: null },
      { method: "OPTIONS", sent: null, status: 204, body: null, headers: { Allow: "GET" } },
    ]
  ) assertConforms(exchange(planted));
});

Deno.test("assertConforms() finds what is not as documented", () => {
  const { key: _, ...without_key } = KEY;
  const table: [planted: Planted, fault: RegExp][] = [
    [{ body: { ...KEY, hash: "x" } }, /additional properties/],
    [{ body: without_key }, /required property 'key'/],
    [{ body: { ...KEY, created_at: "yesterday" } }, /format "date-time"/],
    [{ body: { ...KEY, scope: "owner" } }, /allowed values/],
    [{ status: 200 }, /documented status/],
    [{ headers: { "Content-Type": "text/plain" } }, /media type/],
    [{ sent: { name: "one", scope: "owner" } }, /undocumented body/],
    [{ sent: { name: "one", scope: "read", owner: 1 } }, /undocumented body/],
    [{ sent: null }, /without a body/],
    [{ type: "text/plain" }, /accepted as text\/plain/],
    [{ path: "/v1/keys?verbose=1" }, /parameter verbose/],
    [{ path: "/v1/nowhere" }, /no such operation/],
    [{ method: "DELETE", path: "/v1/keys/1", status: 204, sent: null }, /no body/],
    [{ ...REFUSAL, headers: { "Content-Type": "application/problem+json" } }, /WWW-Authenticate/],
    [{ ...REFUSAL, headers: { ...REFUSAL.headers, "Content-Type": "application/json" } }, /media type/],
    [{ ...REFUSAL, body: { ...PROBLEM, code: "forbidden" } }, /allowed values/],
    [{ ...REFUSAL, body: { ...PROBLEM, stack: "at …" } }, /additional properties/],
    [{ ...PAGE, path: "/v1/sites/a/events?limit=200" }, /limit=200/],
    [{ ...PAGE, path: "/v1/sites/a/events?event=other" }, /event=other/],
  ];
  for (const [planted, fault] of table) {
    const error = assertThrows(() => assertConforms(exchange(planted)), Error, "Not as /openapi.json says");
    assert(error.cause instanceof Error);
    assertEquals(fault.test(error.cause.message), true, `${fault}: ${error.cause.message}`);
  }
});

Deno.test("assertConforms() finds an answer without a request id", () => {
  const { answer, ...rest } = exchange();
  answer.headers.delete("X-Request-Id");
  assertThrows(() => assertConforms({ ...rest, answer }), Error, "Not as /openapi.json says");
});
