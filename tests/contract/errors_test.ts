/**
 * "Errors" of the contract: a request for each code that a caller can bring about, and what is refused everywhere alike.
 * That each refusal has the documented form is asserted by the stage.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NOBODY, section, type Stage } from "./section.ts";

type Request = readonly [
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
];

/** For each code a request that gets it; the others need a service that is too busy, or broken. */
const REQUESTS: Readonly<Record<string, (stage: Stage) => Promise<Request> | Request>> = {
  invalid_json: () => ["POST", "/v1/events", "{"],
  not_found: () => ["GET", "/nowhere"],
  method_not_allowed: () => ["GET", "/v1/events"],
  limit_reached: async ({ webhook, path }) => {
    for (let count = 0; count < 50; count++) await webhook();
    return ["POST", path("/webhooks"), { url: NOBODY, events: ["visitor_drop"] }];
  },
  webhook_not_active: async ({ webhook, path }) => {
    const { id } = await webhook(NOBODY, { enabled: false });
    return ["POST", path(`/webhooks/${id}/recover`), { since: "2026-01-01T00:00:00Z" }];
  },
  precondition_failed: async ({ webhook, path }) => {
    const { id } = await webhook();
    return ["PATCH", path(`/webhooks/${id}`), {}, { "If-Match": '"x"' }];
  },
  payload_too_large: () => ["POST", "/v1/events", " ".repeat(65 * 1024)],
  unsupported_media_type: ({ event }) => ["POST", "/v1/events", event(), { "Content-Type": "text/plain" }],
  validation_failed: ({ event }) => ["POST", "/v1/events", event({ data: {} })],
  personal_data: (
    { event },
  ) => ["POST", "/v1/events", event({ data: { goal_name: "a@b.example", visitor_count: 1 } })],
  idempotency_key_reused: async ({ event, ask }) => {
    const headers = { "Idempotency-Key": "k" };
    await ask(202, "POST", "/v1/events", event(), { headers });
    return ["POST", "/v1/events", event({ data: { goal_name: "x", visitor_count: 2 } }), headers];
  },
};

const codes = Object.entries(REQUESTS).map(([code, requestFor]) => [
  `${code} has its status and the form of a problem`,
  async (stage: Stage): Promise<void> => {
    const [method, path, body, headers = {}] = await requestFor(stage);
    await stage.refused(code, method, path, body, { headers });
  },
]);

section("errors", {
  ...Object.fromEntries(codes),
  "unknown query parameters are refused": async (
    { webhook, refused, path, event },
  ) => {
    const { id } = await webhook();
    const one = path(`/webhooks/${id}`);
    const requests: Request[] = [
      ["GET", path("/webhooks")],
      ["POST", path("/webhooks"), { url: NOBODY, events: ["visitor_drop"] }],
      ["GET", one],
      ["PATCH", one, {}],
      ["DELETE", one],
      ["POST", `${one}/rotate-secret`],
      ["POST", `${one}/test`],
      ["POST", `${one}/recover`, { since: "2026-01-01T00:00:00Z" }],
      ["POST", path("/explain"), event()],
      ["POST", "/v1/events", event()],
      ["POST", "/v1/events/batch", { events: [event()] }],
      ["GET", path("/events")],
      ["GET", path("/deliveries")],
      ["GET", "/v1/keys"],
      ["POST", "/v1/keys", { name: "x", scope: "metrics" }],
      ["GET", "/v1/sites"],
      ["GET", "/v1/audit"],
      ["GET", "/v1/stats"],
      ["GET", "/v1/export"],
      ["GET", "/v1/event-types"],
      ["POST", "/v1/import", { version: 1, sites: [] }],
      ["POST", "/v1/verify-signature", { secret: "s".repeat(24), body: "", headers: {} }],
    ];
    for (const [method, path, body] of requests) {
      assertEquals(await refused("validation_failed", method, `${path}?colour=red`, body), ["/colour"], path);
    }
  },
  "bad cursors are 422 in every list": async ({ refused, path }) => {
    for (const list of [path("/events"), path("/deliveries"), "/v1/audit", "/v1/sites", "/v1/stats"]) {
      for (const cursor of ["", "!", "x y"]) {
        const query = `?cursor=${encodeURIComponent(cursor)}`;
        assertEquals(await refused("validation_failed", "GET", list + query), ["/cursor"], list);
      }
    }
  },
  "Allow names the methods of a path": async ({ call, path }) => {
    const table: [path: string, allow: string[]][] = [
      ["/v1/events", ["POST"]],
      ["/healthz", ["GET", "HEAD"]],
      [path("/webhooks"), ["GET", "HEAD", "POST"]],
      [path("/webhooks/wh_1"), ["DELETE", "GET", "HEAD", "PATCH"]],
    ];
    for (const [path, allow] of table) {
      const { status, headers } = await call("PUT", path, {});
      assertEquals([status, (headers.get("Allow") ?? "").split(", ").toSorted()], [405, allow], path);
    }
  },
  "X-Request-Id is on every answer, each time another": async ({ call, event }) => {
    const answers = [
      await call("GET", "/healthz"),
      await call("GET", "/nowhere"),
      await call("POST", "/v1/events", event()),
      await call("POST", "/v1/events", "{"),
      await call("PUT", "/v1/events"),
      await call("GET", "/v1/keys", undefined, { key: null }),
    ];
    const ids = answers.map(({ headers }) => headers.get("X-Request-Id"));
    assertEquals(new Set(ids).size, answers.length);
    assert(ids.every((id) => id !== null));
  },
});
