/**
 * What HTTP expects of every path: `HEAD`, `OPTIONS`, and what is on each answer.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { SITE } from "../helpers/api.ts";
import { startTestService } from "../helpers/service.ts";

Deno.test("OPTIONS says which methods a path takes, without a key", async () => {
  await using service = await startTestService();
  for (
    const [path, methods] of [
      ["/v1/events", "POST, OPTIONS"],
      [`/v1/sites/${SITE}/webhooks`, "GET, HEAD, POST, OPTIONS"],
      [`/v1/sites/${SITE}/webhooks/wh_1`, "GET, HEAD, PATCH, DELETE, OPTIONS"],
      ["/healthz", "GET, HEAD, OPTIONS"],
    ] as const
  ) {
    const { status, headers, text } = await service.call("OPTIONS", path, undefined, { key: null });
    assertEquals([status, headers.get("Allow"), text], [204, methods, ""], path);
  }
  assertEquals((await service.call("OPTIONS", "/nowhere", undefined, { key: null })).status, 404);
});

Deno.test("HEAD answers as GET does, without the body", async () => {
  await using service = await startTestService();
  const { status, headers, text } = await service.call("HEAD", `/v1/sites/${SITE}/webhooks`);
  assertEquals([status, text], [200, ""]);
  assertMatch(headers.get("Content-Type") ?? "", /^application\/json/);
  assertEquals(
    (await service.call("HEAD", `/v1/sites/${SITE}/webhooks`, undefined, { key: null })).status,
    401,
  );
});

Deno.test("no answer may be cached or sniffed, and none allows another origin", async () => {
  await using service = await startTestService();
  for (const path of ["/", "/v1/event-types", "/v1/keys", "/nowhere"]) {
    const { headers } = await service.call("GET", path, undefined, {
      headers: { Origin: "https://elsewhere.example" },
    });
    assertEquals(headers.get("Cache-Control"), "no-store", path);
    assertEquals(headers.get("X-Content-Type-Options"), "nosniff", path);
    assertEquals(headers.get("Access-Control-Allow-Origin"), null, path);
    assertMatch(headers.get("X-Request-Id") ?? "", /^[0-9a-f-]{36}$/, path);
  }
});
