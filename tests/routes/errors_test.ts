/**
 * Refusals as callers get them: their form, their codes, where they point, and what holds for every answer.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { ERROR_STATUS } from "../../lib/errors.ts";
import {
  ADMIN_KEY,
  type Api,
  type CallOptions,
  goal,
  type ProblemJson,
  SITE,
  sitePath,
} from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const JSON_TYPE = { "Content-Type": "application/json" };
const KiB = 1024;

/** Calls, and holds the refusal to the form of the contract. */
async function refusal(
  service: Api,
  method: string,
  path: string,
  body?: unknown,
  options?: CallOptions,
): Promise<ProblemJson> {
  const { status, headers, json } = await service.call(method, path, body, options);
  const what = `${method} ${path.slice(0, 80)}`;
  assertEquals(headers.get("Content-Type"), "application/problem+json", what);
  const known = Object.entries(ERROR_STATUS).find(([code]) => code === json.code);
  assert(known !== undefined, `${what}: ${json.code}`);
  const [, [expected_status, title]] = known;
  assertEquals([status, json.status, json.title], [expected_status, expected_status, title], what);
  assertEquals(json.type, `urn:tidings:error:${json.code}`, what);
  assertEquals(json.request_id, headers.get("X-Request-Id"), what);
  assert(status === 500 || (json.detail ?? "") !== "", what);
  const allowed = ["type", "title", "status", "detail", "code", "request_id", "errors"];
  assertEquals(Object.keys(json).filter((key) => !allowed.includes(key)), [], what);
  for (const { path: pointer, message } of json.errors ?? []) {
    assertMatch(pointer, /^(\/.*)?$/, what);
    assert(message !== "", what);
  }
  return json;
}

Deno.test("every answer has a request id of its own, forbids caching and guessing", async () => {
  await using service = await startTestService();
  const answers = [
    await service.call("GET", "/healthz", undefined, { key: null }),
    await service.call("GET", "/v1/keys"),
    await service.call("GET", "/v1/keys", undefined, { key: null }),
    await service.call("GET", "/no/such/path"),
    await service.call("DELETE", "/healthz"),
    await service.call("POST", "/v1/events", "{"),
    await service.call("HEAD", "/healthz"),
    await service.call("POST", "/v1/events", goal()),
  ];
  const ids = answers.map(({ headers }) => headers.get("X-Request-Id") ?? "");
  for (const id of ids) assertMatch(id, UUID);
  assertEquals(new Set(ids).size, answers.length);
  for (const { headers } of answers) {
    assertEquals(headers.get("Cache-Control"), "no-store");
    assertEquals(headers.get("X-Content-Type-Options"), "nosniff");
  }
});

Deno.test("a path that does not exist is not found, with or without a key", async () => {
  await using service = await startTestService();
  const paths = [
    "/nope",
    "/v1",
    "/v1/",
    "/v1/sites/",
    `/v1/sites//webhooks`,
    "/v1/events/",
    "//",
    "/v1/keys/a/b",
  ];
  for (const path of paths) {
    for (const key of [ADMIN_KEY, null]) {
      assertEquals((await refusal(service, "GET", path, undefined, { key })).code, "not_found", path);
    }
  }
  assertEquals((await refusal(service, "POST", "/nope", "{")).code, "not_found");
});

Deno.test("a method that a path does not take is 405, with those it takes in Allow", async () => {
  await using service = await startTestService();
  const table: [method: string, path: string, allow: string[]][] = [
    ["POST", "/", ["GET", "HEAD"]],
    ["DELETE", "/healthz", ["GET", "HEAD"]],
    ["GET", "/v1/events", ["POST"]],
    ["HEAD", "/v1/events", ["POST"]],
    ["PURGE", "/v1/events", ["POST"]],
    ["PUT", sitePath("/webhooks"), ["GET", "HEAD", "POST"]],
    ["PUT", sitePath("/webhooks", "bücher.example/blog"), ["GET", "HEAD", "POST"]],
    ["PUT", sitePath("/webhooks/wh_1"), ["DELETE", "GET", "HEAD", "PATCH"]],
    ["GET", sitePath("/webhooks/wh_1/test"), ["POST"]],
    ["POST", sitePath("/deliveries"), ["GET", "HEAD"]],
    ["PATCH", "/v1/keys", ["GET", "HEAD", "POST"]],
    ["GET", "/v1/keys/1", ["DELETE"]],
  ];
  for (const [method, path, allow] of table) {
    for (const key of [ADMIN_KEY, null]) {
      const { status, headers, json } = await service.call(method, path, undefined, { key });
      assertEquals(status, 405, `${method} ${path}`);
      const allowed = (headers.get("Allow") ?? "").split(", ").filter((name) => name !== "OPTIONS");
      assertEquals(allowed.toSorted(), allow, `${method} ${path}`);
      if (method !== "HEAD") assertEquals(json.code, "method_not_allowed");
    }
  }
});

Deno.test("HEAD answers as GET does, without a body", async () => {
  await using service = await startTestService();
  for (const path of ["/", "/healthz", "/readyz", "/v1/event-types", sitePath("/webhooks"), "/v1/keys"]) {
    const { status, text } = await service.call("HEAD", path);
    assertEquals([status, text], [200, ""], path);
  }
  assertEquals((await service.call("HEAD", sitePath("/webhooks/wh_1"))).status, 404);
});

Deno.test("a body that is not JSON in UTF-8 is invalid_json", async () => {
  await using service = await startTestService();
  const bodies: unknown[] = [
    "{",
    "hello",
    "{'event': 1}",
    '{"event": "x",}',
    '{"event": NaN}',
    "\ufeff{",
    new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]),
    new Uint8Array([0x22, 0xc3, 0x28, 0x22]),
    new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]),
    new Uint8Array(100),
    " ",
  ];
  const { id } = await service.webhook("http://127.0.0.1:9/");
  const paths = ["/v1/events", sitePath("/webhooks"), "/v1/keys", sitePath(`/webhooks/${id}/rotate-secret`)];
  for (const path of paths) {
    for (const body of bodies) {
      const { code, detail, errors } = await refusal(service, "POST", path, body);
      assertEquals([code, errors], ["invalid_json", undefined], path);
      assertMatch(detail ?? "", /^Cannot read the body/);
    }
  }
  assertEquals(
    (await refusal(service, "POST", "/v1/events", undefined, { headers: JSON_TYPE })).code,
    "invalid_json",
  );
  assertEquals((await refusal(service, "PATCH", sitePath(`/webhooks/${id}`), "{")).code, "invalid_json");
});

Deno.test("a body of another media type is 415; parameters of the right one do not matter", async () => {
  await using service = await startTestService();
  const types = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonx",
    "",
    "application/xml",
  ];
  for (const type of types) {
    const headers = { "Content-Type": type };
    const { code } = await refusal(service, "POST", "/v1/events", goal(), { headers });
    assertEquals(code, "unsupported_media_type", type);
  }
  for (const type of ["application/json; charset=utf-8", "Application/JSON", "application/json;"]) {
    const { status } = await service.call("POST", "/v1/events", goal(), {
      headers: { "Content-Type": type },
    });
    assertEquals(status, 202, type);
  }
  const { id } = await service.webhook("http://127.0.0.1:9/");
  const merge = { headers: { "Content-Type": "application/merge-patch+json" } };
  assertEquals((await service.call("PATCH", sitePath(`/webhooks/${id}`), {}, merge)).status, 200);
  assertEquals((await refusal(service, "POST", "/v1/events", goal(), merge)).code, "unsupported_media_type");
});

Deno.test("a body beyond its limit is 413, whether its size is announced or not", async () => {
  await using service = await startTestService();
  const huge = `"${"x".repeat(64 * KiB)}"`;
  const paths = ["/v1/events", sitePath("/webhooks"), "/v1/keys"];
  for (const path of paths) {
    assertEquals((await refusal(service, "POST", path, huge)).code, "payload_too_large", path);
  }
  // Without a size: chunked, and endless, so only a service that stops reading ever answers.
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(16 * KiB).fill(0x20)),
  });
  const response = await fetch(`${service.url}/v1/events`, {
    method: "POST",
    body,
    headers: { ...JSON_TYPE, Authorization: `Bearer ${ADMIN_KEY}` },
  });
  assertEquals([response.status, (await response.json()).code], [413, "payload_too_large"]);
});

Deno.test("an event that is small enough to read and too large to store is 413", async () => {
  await using service = await startTestService();
  const padded = JSON.stringify(goal()) + " ".repeat(60 * KiB);
  assertEquals((await service.call("POST", "/v1/events", padded)).status, 202);
  const props = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`p${index}`, "\u0000".repeat(500)]),
  );
  const data = { event_name: "x", visitor_count: 1, props };
  // Each of these characters is one byte to the caller's limit and six as JSON.
  const { code } = await refusal(service, "POST", "/v1/events", goal(1, { event: "custom_event", data }));
  assertEquals(code, "payload_too_large");
});

Deno.test("deep nesting is refused like anything else that is wrong, and harms nobody", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/");
  const array = "[".repeat(30_000) + "]".repeat(30_000);
  const object = '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000);
  const mixed = '{"a":['.repeat(7_000) + "1" + "]}".repeat(7_000);
  for (const deep of [array, object, mixed]) {
    const bodies: [method: string, path: string, body: string][] = [
      ["POST", "/v1/events", deep],
      ["POST", "/v1/events", JSON.stringify(goal(1, { data: 0 })).replace('"data":0', `"data":${deep}`)],
      ["POST", sitePath("/webhooks"), deep],
      [
        "POST",
        sitePath("/webhooks"),
        `{"url":"https://9.9.9.9","events":["visitor_drop"],"filters":${deep}}`,
      ],
      [
        "POST",
        sitePath("/webhooks"),
        `{"url":"https://9.9.9.9","events":["visitor_drop"],"headers":${deep}}`,
      ],
      ["PATCH", sitePath(`/webhooks/${id}`), deep],
      ["PATCH", sitePath(`/webhooks/${id}`), `{"name":${deep}}`],
      ["POST", sitePath(`/webhooks/${id}/rotate-secret`), deep],
      ["POST", sitePath(`/webhooks/${id}/test`), deep],
      ["POST", "/v1/keys", deep],
      ["POST", "/v1/keys", `{"name":"x","scope":"read","sites":${deep}}`],
    ];
    for (const [method, path, body] of bodies) {
      assertEquals(
        (await refusal(service, method, path, body)).code,
        "validation_failed",
        `${method} ${path}`,
      );
    }
  }
  assertEquals((await service.call("GET", "/readyz")).status, 200);
});

Deno.test("a refused value is named by a JSON pointer, and all of them at once", async () => {
  await using service = await startTestService();
  const pointers = async (method: string, path: string, body: unknown): Promise<string[]> => {
    const { code, errors } = await refusal(service, method, path, body);
    assertEquals(code, "validation_failed");
    return [...new Set(errors?.map((error) => error.path))].toSorted();
  };
  assertEquals(await pointers("POST", "/v1/events", []), [""]);
  assertEquals(await pointers("POST", "/v1/events", {}), ["/data", "/event", "/site_id", "/timestamp"]);
  assertEquals(
    await pointers("POST", "/v1/events", {
      event: "goal_completion",
      site_id: "not a site",
      timestamp: "yesterday",
      data: { goal_name: 1, visitor_count: -1, colour: "red" },
      more: 1,
    }),
    ["/data/colour", "/data/goal_name", "/data/visitor_count", "/more", "/site_id", "/timestamp"],
  );
  assertEquals(
    await pointers("POST", sitePath("/webhooks"), {
      url: "nowhere",
      events: ["goal_completion", "rain"],
      filters: { goals: ["a", ""], visitor_spike: { threshold: 0 } },
      headers: { "X-A": "", "Host": "x" },
      max_retries: 11,
      "a/b~c": 1,
    }),
    [
      "/a~1b~0c",
      "/events/1",
      "/filters/goals/1",
      "/filters/visitor_spike/threshold",
      "/headers/Host",
      "/headers/X-A",
      "/max_retries",
      "/url",
    ],
  );
  assertEquals(await pointers("POST", "/v1/keys", { name: "", scope: "root", sites: [1] }), [
    "/name",
    "/scope",
    "/sites/0",
  ]);
});

Deno.test("personal data is refused by its place, and never repeated", async () => {
  await using service = await startTestService();
  const cases: [data: Record<string, unknown>, path: string, value: string][] = [
    [{ goal_name: "jane@example.org", visitor_count: 1 }, "/data/goal_name", "jane@example.org"],
    [{ goal_name: "x", visitor_count: 1, path: "/u/203.0.113.7" }, "/data/path", "203.0.113.7"],
    [{ goal_name: "x", visitor_count: 1, user_id: "u-4711" }, "/data/user_id", "u-4711"],
  ];
  for (const [data, path, value] of cases) {
    const answer = await service.call("POST", "/v1/events", goal(1, { data }));
    assertEquals([answer.status, answer.json.code], [422, "personal_data"]);
    assertEquals(answer.json.errors?.map((error) => error.path), [path]);
    assertEquals(answer.text.includes(value), false);
  }
});

Deno.test("a query parameter that a path does not know is refused", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/", { events: ["visitor_drop"] });
  const tried = await service.call<{ id: string }>("POST", sitePath(`/webhooks/${id}/test`));
  const table: [method: string, path: string, body?: unknown][] = [
    ["GET", sitePath("/webhooks")],
    ["POST", sitePath("/webhooks"), { url: "http://127.0.0.1:9/", events: ["visitor_drop"] }],
    ["GET", sitePath(`/webhooks/${id}`)],
    ["PATCH", sitePath(`/webhooks/${id}`), {}],
    ["POST", sitePath(`/webhooks/${id}/rotate-secret`)],
    ["POST", sitePath(`/webhooks/${id}/test`)],
    ["GET", sitePath("/deliveries")],
    ["GET", sitePath(`/deliveries/${tried.json.id}`)],
    ["GET", "/v1/keys"],
    ["GET", "/v1/event-types"],
    ["GET", "/openapi.json"],
    ["POST", "/v1/keys", { name: "x", scope: "metrics" }],
    ["POST", "/v1/events", goal()],
    ["DELETE", sitePath(`/webhooks/${id}`)],
  ];
  for (const [method, path, body] of table) {
    const { code, errors } = await refusal(service, method, `${path}?colour=red`, body);
    assertEquals(
      [code, errors?.map((error) => error.path)],
      ["validation_failed", ["/colour"]],
      `${method} ${path}`,
    );
    const { status } = await service.call(method, path, body);
    assert(status < 300, `${method} ${path} without it answers ${status}`);
  }
});

Deno.test("a site's id is percent-encoded in paths: with a path, a port, other scripts, upper case", async () => {
  await using service = await startTestService();
  const ids = [
    "example.com/blog",
    "example.com:8080",
    "bücher.example",
    "例え.jp/ブログ",
    "a_b-c.example/x/y",
    "ελλάδα.gr",
  ];
  for (const site_id of ids) {
    const { id } = await service.webhook("http://127.0.0.1:9/", {}, site_id);
    const path = sitePath(`/webhooks/${id}`, site_id);
    for (const spelling of [path, sitePath(`/webhooks/${id}`, site_id.toUpperCase())]) {
      const { status, json } = await service.call<{ site_id: string }>("GET", spelling);
      assertEquals([status, json.site_id], [200, site_id], spelling);
    }
    const { status, json } = await service.call<{ site_id: string }>("GET", path.replaceAll("%3A", ":"));
    assertEquals([status, json.site_id], [200, site_id]);
    const decomposed = await service.call("GET", sitePath(`/webhooks/${id}`, site_id.normalize("NFD")));
    assertEquals(decomposed.status, 200);
  }
});

Deno.test("the Location of a new webhook leads to it", async () => {
  await using service = await startTestService();
  for (const site_id of [SITE, "bücher.example/blog:1"]) {
    const { headers, json } = await service.call<{ id: string }>("POST", sitePath("/webhooks", site_id), {
      url: "http://127.0.0.1:9/",
      events: ["goal_completion"],
    });
    const location = headers.get("Location") ?? "";
    assertEquals(location, sitePath(`/webhooks/${json.id}`, site_id));
    assertEquals((await service.call<{ id: string }>("GET", location)).json.id, json.id);
  }
});

Deno.test("a malformed site id is refused at /site_id", async () => {
  await using service = await startTestService();
  const ids = ["a b", "a/../b", "10.0.0.1", "[::1]", "x".repeat(254), "a?b", "a#b", "a%b", "a\u0000b"];
  for (const site_id of ids) {
    const { code, errors } = await refusal(service, "GET", sitePath("/webhooks", site_id));
    assertEquals([code, errors?.map(({ path }) => path)], ["validation_failed", ["/site_id"]], site_id);
    const posted = await refusal(service, "POST", "/v1/events", goal(1, { site_id }));
    assertEquals(
      [posted.code, posted.errors?.map(({ path }) => path)],
      ["validation_failed", ["/site_id"]],
      site_id,
    );
  }
  for (const raw of ["%", "%zz", "%E0%A4%A", "%ff"]) {
    assertEquals((await refusal(service, "GET", `/v1/sites/${raw}/webhooks`)).code, "validation_failed", raw);
  }
});

Deno.test("an id that is none, however long, is not found", async () => {
  await using service = await startTestService();
  const ids = [
    "1",
    "constructor",
    "__proto__",
    "%00",
    "wh_",
    "dlv_",
    "x".repeat(3000),
    "%F0%9F%98%80",
    "wh_01JMZ",
  ];
  for (const id of ids) {
    for (const path of [sitePath(`/webhooks/${id}`), sitePath(`/deliveries/${id}`)]) {
      assertEquals((await refusal(service, "GET", path)).code, "not_found", path.slice(0, 60));
    }
    const webhook = sitePath(`/webhooks/${id}`);
    assertEquals((await refusal(service, "PATCH", webhook, {})).code, "not_found");
    assertEquals((await refusal(service, "DELETE", webhook)).code, "not_found");
    assertEquals((await refusal(service, "POST", `${webhook}/test`)).code, "not_found");
    assertEquals((await refusal(service, "POST", `${webhook}/rotate-secret`)).code, "not_found");
    assertEquals((await refusal(service, "DELETE", `/v1/keys/${id}`)).code, "not_found");
  }
});

Deno.test("a broken storage answers 503 or 500 without a word about itself, and readyz says that something is wrong", async () => {
  let broken = false;
  await using service = await startTestService({
    database: (real) => {
      const { db } = real;
      const get: typeof db.get = (...args) => {
        if (broken) throw new TypeError("marker-of-the-storage at /var/lib/secret.db");
        return db.get(...args);
      };
      return {
        ...real,
        db: new Proxy(db, { get: (target, name) => name === "get" ? get : bound(target, name) }),
      };
    },
  });
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  broken = true;
  const answers = [
    await service.call("GET", sitePath("/webhooks/wh_01JMZ0000000000000000000BB")),
    await service.call("POST", "/v1/events", goal(), { headers: { "Idempotency-Key": "k" } }),
    await service.call("GET", "/readyz"),
  ];
  const health = await service.call("GET", "/healthz");
  broken = false;
  for (const { status, text } of answers) {
    assert(status >= 500, text);
    assertEquals(/marker|secret\.db|TypeError|\.ts/.test(text), false, text);
  }
  assertEquals(answers[0]?.json.detail, undefined);
  assertEquals(health.status, 200);
  const line = service.logs.find((log) => log.includes(answers[0]?.headers.get("X-Request-Id") ?? "?"));
  assertMatch(line ?? "", /"request\.failed".*marker-of-the-storage/);
  assertEquals((await service.call("GET", "/readyz")).status, 200);
});

/** A property of a real object, its methods bound to it: a native one refuses any other `this`. */
function bound<T extends object>(target: T, name: string | symbol): unknown {
  const value = Reflect.get(target, name, target);
  return typeof value === "function" ? value.bind(target) : value;
}

Deno.test("what the service is, that it lives and that it can work is told to anybody", async () => {
  await using service = await startTestService();
  const root = await service.call<{ name: string; version: string; links: Record<string, string> }>(
    "GET",
    "/",
    undefined,
    { key: null },
  );
  assertEquals(root.json.name, "Tidings");
  assertMatch(root.json.version, /^\d+\.\d+\.\d+/);
  for (const link of Object.values(root.json.links)) {
    assertEquals((await service.call("GET", link, undefined, { key: null })).status, 200, link);
  }
  const types = await service.call<{ data: { name: string }[] }>("GET", "/v1/event-types", undefined, {
    key: null,
  });
  assertEquals(types.json.data.map(({ name }) => name), [
    "goal_completion",
    "visitor_spike",
    "visitor_drop",
    "custom_event",
    "error_condition",
  ]);
  assertNotEquals(types.json.data.length, 0);
});
