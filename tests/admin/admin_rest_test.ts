/**
 * Administration over REST meets services that refuse, fail, redirect, or are none.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type Backend, restBackend, sitePath } from "../../admin/backend.ts";
import { Failure, ServiceRefusal } from "../../admin/failure.ts";
import { ERROR_STATUS, type ErrorCode } from "../../lib/errors.ts";

const KEY = "admin-key-that-nobody-may-see-0123456789";
const URL_OF_SERVICE = "https://tidings.example.com/base";

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

/** A backend whose service answers this, and what was sent to it. */
function answering(answer: () => Response | Promise<Response>): { backend: Backend; sent: Sent[] } {
  const sent: Sent[] = [];
  const backend = restBackend({ url: URL_OF_SERVICE, key: KEY }, (url, init) => {
    sent.push({ url, init });
    return Promise.resolve(answer());
  });
  return { backend, sent };
}

function problem(
  code: string,
  fields: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Response {
  const status = ERROR_STATUS[code as ErrorCode]?.[0] ?? 418;
  const body = { title: "Title", status, code, request_id: "r-1", ...fields };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

async function failureOf(answer: () => Response | Promise<Response>): Promise<Failure> {
  const { backend } = answering(answer);
  const error = await assertRejects(() => backend.call("GET", "/v1/keys"));
  assertInstanceOf(error, Failure);
  assert(!`${error.message} ${error.next_step}`.includes(KEY));
  return error;
}

Deno.test("restBackend() asks as the contract says, with site ids percent-encoded", async () => {
  const { backend, sent } = answering(() => Response.json({ data: [] }));
  await backend.call("GET", sitePath("bücher.example/blog", "deliveries"), {
    query: { status: "pending", cursor: "a&b" },
  });
  await backend.call("GET", sitePath("example.com", "webhooks", "wh_1"));
  await backend.call("POST", sitePath("example.com", "webhooks"), { body: { url: "https://a.example" } });
  await backend.call("POST", "/v1/events", { body: { name: "a" }, headers: { "Idempotency-Key": "k" } });
  await backend.call("GET", "/v1/keys");
  await backend.call("DELETE", "/v1/keys/01A");
  assertEquals(sent.map(({ url, init }) => `${init.method} ${url.slice(URL_OF_SERVICE.length)}`), [
    "GET /v1/sites/b%C3%BCcher.example%2Fblog/deliveries?status=pending&cursor=a%26b",
    "GET /v1/sites/example.com/webhooks/wh_1",
    "POST /v1/sites/example.com/webhooks",
    "POST /v1/events",
    "GET /v1/keys",
    "DELETE /v1/keys/01A",
  ]);
  for (const { init } of sent) {
    const headers = new Headers(init.headers);
    assertEquals(headers.get("Authorization"), `Bearer ${KEY}`);
    assertEquals(headers.get("Content-Type"), init.method === "POST" ? "application/json" : null);
    assertEquals(init.redirect, "manual");
    assert(init.signal instanceof AbortSignal);
  }
  assertEquals(new Headers(sent[3]?.init.headers).get("Idempotency-Key"), "k");
  assertEquals(sent[2]?.init.body, '{"url":"https://a.example"}');
});

Deno.test("restBackend() makes an answer without a body undefined", async () => {
  const { backend } = answering(() => new Response(null, { status: 204 }));
  assertEquals(await backend.call("DELETE", "/v1/keys/01A"), undefined);
});

Deno.test("restBackend() throws every refusal with its code, detail, fields, id and time", async () => {
  for (const code of Object.keys(ERROR_STATUS) as ErrorCode[]) {
    const fields = { detail: "Cannot: because", errors: [{ path: "/a", message: "must be b" }, "nonsense"] };
    const { backend } = answering(() => problem(code, fields, { "Retry-After": "7" }));
    const error = await assertRejects(() => backend.call("GET", "/v1/keys"));
    assertInstanceOf(error, ServiceRefusal);
    assertEquals(
      [error.code, error.message, error.errors, error.retry_after_s, error.request_id],
      [code, "Cannot: because", [{ path: "/a", message: "must be b" }], 7, "r-1"],
    );
  }
});

Deno.test("restBackend() goes on without detail, fields and time", async () => {
  const { backend } = answering(() => problem("internal", { request_id: 5 }, { "Retry-After": "soon" }));
  const error = await assertRejects(() => backend.call("GET", "/v1/keys"));
  assertInstanceOf(error, ServiceRefusal);
  assertEquals(
    [error.message, error.errors, error.retry_after_s, error.request_id],
    ["Title", [], undefined, null],
  );
});

Deno.test("restBackend() says that something else than Tidings answered", async () => {
  const html = { headers: { "Content-Type": "text/html" } };
  const answers: [Response, string][] = [
    [new Response("<html>", html), "HTTP 200 with text/html"],
    [new Response("<html>", { ...html, status: 502 }), "HTTP 502 with text/html"],
    [new Response('{"error":"no"}', { status: 404 }), "HTTP 404 with"],
    [problem("teapot"), "HTTP 418 with application/problem+json"],
    [problem("toString"), "HTTP 418"],
    [new Response("", { status: 200 }), "HTTP 200"],
  ];
  for (const [answer, message] of answers) {
    const failure = await failureOf(() => answer);
    assert(failure.message.includes(message), failure.message);
    assert(failure.next_step?.includes("Is this the address of Tidings?"));
  }
});

Deno.test("restBackend() does not follow a redirect, and says where it leads without path and query", async () => {
  const headers = { Location: "https://elsewhere.example/login?token=abc" };
  const failure = await failureOf(() => new Response("", { status: 302, headers }));
  assertEquals(
    failure.message,
    "HTTP 302 redirects to https://elsewhere.example, and redirects are not followed",
  );
  const relative = await failureOf(() => new Response("", { status: 308, headers: { Location: "/login" } }));
  assertEquals(relative.message, "HTTP 308 redirects, and redirects are not followed");
});

Deno.test("restBackend() says why no answer came", async () => {
  const fetchFailed = (cause: string) => new TypeError("fetch failed", { cause: new Error(cause) });
  const table: [Error, string][] = [
    [
      fetchFailed("client error (Connect): tcp connect error: Connection refused (os error 111)"),
      "nothing listens",
    ],
    [
      fetchFailed("client error (Connect): dns error: failed to lookup address information"),
      "does not resolve",
    ],
    [fetchFailed("client error (Connect): invalid peer certificate: Expired"), "TLS handshake"],
    [fetchFailed("connection closed before message completed"), "the connection failed"],
    [new DOMException("timed out", "TimeoutError"), "did not answer within 60 s"],
    [new TypeError(`Invalid header value: "Bearer ${KEY}"`), "the connection failed"],
  ];
  for (const [error, reason] of table) {
    const failure = await failureOf(() => Promise.reject(error));
    assert(failure.message.includes(reason), failure.message);
    assert(failure.message.includes(URL_OF_SERVICE));
    assert(failure.next_step?.includes("--url"));
  }
});

Deno.test("restBackend() says that the connection failed when it breaks in the middle of an answer", async () => {
  const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError("reset")) });
  const failure = await failureOf(() => new Response(broken));
  assert(failure.message.includes("the connection failed"));
});
