/**
 * The OpenAPI document: complete, consistent in itself, and what the service does.
 *
 * That every answer is as documented is not tested here but everywhere: see `tests/helpers/conformance.ts`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { isJsonObject, type JsonObject } from "../../lib/merge_patch.ts";
import { createApp } from "../../routes/app.ts";
import type { RoutePorts } from "../../routes/context.ts";
import { MEANINGS } from "../../routes/openapi_meanings.ts";
import { sitePath } from "../helpers/api.ts";
import { describedRoutes, DOCUMENT, faultsAgainst } from "../helpers/conformance.ts";
import { answersOf, bodyExamples, type Described, object, OPERATIONS } from "../helpers/described.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

/** Every object inside a JSON value, itself included. */
function* objectsIn(value: unknown): Generator<JsonObject> {
  if (isJsonObject(value)) yield value;
  const inner = typeof value === "object" && value !== null ? Object.values(value) : [];
  for (const one of inner) yield* objectsIn(one);
}

Deno.test("every route is described, and every description has a route", () => {
  const { routes } = createApp({} as RoutePorts);
  const served = routes.filter(({ method }) => method !== "ALL").map(({ method, path }) =>
    `${method} ${path}`
  );
  assert(served.length > 10, "the application has routes");
  const hint = "Describe what is missing beside its resource, in routes/openapi_*.ts";
  assertEquals(describedRoutes().toSorted(), [...new Set(served)].toSorted(), hint);
});

Deno.test("the document is served to anybody, in the version of this release, and linked from /", async () => {
  await using service = await startTestService();
  const { status, json } = await service.call<JsonObject>("GET", "/openapi.json", undefined, { key: null });
  assertEquals([status, json], [200, DOCUMENT]);
  assertEquals(object(json["info"])["version"], manifest.version);
  const root = await service.call<{ links: { openapi: string } }>("GET", "/", undefined, { key: null });
  assertEquals(root.json.links.openapi, "/openapi.json");
});

Deno.test("every reference leads somewhere, and every component is referred to", () => {
  const references = new Set(
    [...objectsIn(DOCUMENT)].flatMap(({ $ref }) => typeof $ref === "string" ? [$ref] : []),
  );
  const components = Object.entries(object(DOCUMENT["components"])).flatMap(([kind, named]) =>
    kind === "securitySchemes" ? [] : Object.keys(object(named)).map((name) => `#/components/${kind}/${name}`)
  );
  assertEquals([...references].toSorted(), components.toSorted());
});

Deno.test("every operation has a name of its own, a summary, a tag that is explained, and an answer of success", () => {
  const ids = OPERATIONS.map(({ operation }) => operation["operationId"]);
  assertEquals(new Set(ids).size, ids.length);
  const tags = (DOCUMENT["tags"] as { name: string }[]).map(({ name }) => name);
  for (const { route, operation } of OPERATIONS) {
    assert(typeof operation["summary"] === "string" && operation["summary"].length > 5, route);
    assert((operation["tags"] as string[]).every((tag) => tags.includes(tag)), route);
    assert(Object.keys(object(operation["responses"])).some((status) => status.startsWith("2")), route);
  }
});

Deno.test("who needs a key is told 401, and the document says who needs one", () => {
  for (const { route, operation } of OPERATIONS) {
    const needs = (operation["security"] as unknown[]).length > 0;
    assertEquals("401" in object(operation["responses"]), needs, route);
    assert(typeof operation["description"] === "string" && /key/.test(operation["description"]), route);
  }
});

Deno.test("schemas of answers are closed: a property that is not documented is no answer", () => {
  const schemas = object(object(DOCUMENT["components"])["schemas"]);
  const open = Object.entries(schemas).flatMap(([name, schema]) =>
    [...objectsIn(schema)].some(({ type, properties, additionalProperties }) =>
        type === "object" && properties !== undefined && additionalProperties !== false
      )
      ? [name]
      : []
  );
  assertEquals(open, ["OpenApiDocument"]);
});

Deno.test("every field and every parameter is explained, and every explanation has a field", () => {
  const explained = new Set<unknown>();
  for (const { properties } of objectsIn(DOCUMENT["components"])) {
    for (const [name, field] of Object.entries(isJsonObject(properties) ? properties : {})) {
      // The refinement of a problem says only which codes it has.
      if (isJsonObject(field) && ("const" in field || "enum" in field) && !("type" in field)) continue;
      const { description } = object(field);
      assert(typeof description === "string" && description.length > 5, `What is ${name}?`);
      explained.add(description);
    }
  }
  for (const { route, operation } of OPERATIONS) {
    for (const parameter of (operation["parameters"] ?? []) as JsonObject[]) {
      assert(typeof parameter["description"] === "string", `${route}: what is ${parameter["name"]}?`);
    }
  }
  assertEquals(Object.keys(MEANINGS).filter((name) => !explained.has(MEANINGS[name])), []);
});

Deno.test("every body and every answer that has one has examples, and they are valid", () => {
  for (const described of OPERATIONS) {
    const bodies = bodyExamples(described);
    assertEquals(bodies.length > 0, described.operation["requestBody"] !== undefined, described.route);
    const answers = [...answersOf(described)].map(([status, examples]) => {
      assertEquals(examples.length > 0, status !== 204, `${described.route} ${status}`);
      return examples;
    });
    for (const { name, value, schema } of [bodies, ...answers].flat()) {
      assertEquals(faultsAgainst(schema, value), "", `${described.route}: ${name}`);
    }
  }
});

/** The path of an operation with the ids of what there is. */
function filled(path: string, webhook_id: string): string {
  return path.replace("{site_id}", "example.com").replace("{webhook_id}", webhook_id);
}

async function accepts(service: TestService, described: Described, receiver_url: string): Promise<void> {
  for (const { name, type, value } of bodyExamples(described)) {
    const { id } = await service.webhook(receiver_url);
    // Nothing is sent to the documented host.
    const given = object(value);
    const body = "url" in given ? { ...given, url: receiver_url } : given;
    const path = filled(described.path, id);
    const headers = { "Content-Type": type };
    const { status, text } = await service.call(described.method, path, body, { headers });
    assert(status >= 200 && status < 300, `${described.route}: ${name}: ${status} ${text}`);
  }
}

Deno.test("the service accepts every example", async () => {
  await using service = await startTestService({ env: { TIDINGS_PLAUSIBLE_URL: "http://127.0.0.1:9" } });
  await using receiver = startReceiver();
  for (const described of OPERATIONS) await accepts(service, described, receiver.url);
});

Deno.test("null resets where the document says so, and only there", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url);
  const schema = ["components", "schemas", "WebhookPatch"];
  for (
    const [patch, valid] of [
      [{ name: null }, true],
      [{ timeout_ms: null, max_retries: null, format: null, enabled: null }, true],
      [{ filters: null }, true],
      [{ filters: { goals: null, visitor_spike: { threshold: null } } }, true],
      [{ filters: { visitor_drop: null } }, true],
      [{ headers: { "X-Team": null } }, true],
      [{ rate_limit_per_minute: null }, true],
      [{ url: null }, false],
      [{ events: null }, false],
      [{ events: [null] }, false],
      [{ filters: { goals: [null] } }, false],
      [{ timeout_ms: 1 }, false],
      [{ unknown: 1 }, false],
    ] as const
  ) {
    const { status } = await service.call("PATCH", sitePath(`/webhooks/${id}`), patch);
    const documented = faultsAgainst(schema, patch) === "";
    assertEquals([status, documented], [valid ? 200 : 422, valid], JSON.stringify(patch));
  }
});
