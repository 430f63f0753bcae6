/**
 * Holds every answer that a test gets against the published OpenAPI document.
 *
 * Owns the comparison: status, headers, media type and body of each answer, and, of what was answered 2xx, the request's
 * query and body too. The API of `api.ts` calls it for each exchange, so no test has to ask for it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import manifest from "../../deno.json" with { type: "json" };
import { isJsonObject, type JsonObject } from "../../lib/merge_patch.ts";
import { jsonPointer } from "../../lib/validate.ts";
import { openapiDocument } from "../../routes/openapi.ts";

/** A request and its answer. */
export interface Exchange {
  readonly method: string;
  /** Absolute, as it was asked for. */
  readonly url: string;
  readonly request: { readonly headers: Headers; readonly text: string };
  readonly answer: { readonly status: number; readonly headers: Headers; readonly text: string };
}

/** The document that the service publishes. */
export const DOCUMENT: JsonObject = openapiDocument(manifest.version);

const ROOT = "openapi";
const METHODS = ["get", "post", "put", "patch", "delete"];
const PROBLEM = "application/problem+json";

/** Made at the first exchange: most test files call no API. */
let compiled: Ajv2020 | null = null;

function ajv(): Ajv2020 {
  if (compiled !== null) return compiled;
  // A schema may leave its type to what it refers to; everything else of strict mode holds.
  compiled = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
  // A package of CommonJS: its function is `default` of what is imported.
  addFormats.default(compiled);
  // The whole document is added as one schema, so that references within it resolve; its own words mean nothing there.
  compiled.addVocabulary(Object.keys(DOCUMENT));
  compiled.addSchema({ ...DOCUMENT, $id: ROOT });
  return compiled;
}

/** The value at a place of the document; a reference there is followed. */
function at(path: readonly (string | number)[]): { value: unknown; path: readonly (string | number)[] } {
  let value: unknown = DOCUMENT;
  for (const part of path) value = isJsonObject(value) ? value[part] : undefined;
  if (!isJsonObject(value) || typeof value["$ref"] !== "string") return { value, path };
  return at(value["$ref"].split("/").slice(1));
}

function objectAt(path: readonly (string | number)[]): JsonObject {
  const { value } = at(path);
  return isJsonObject(value) ? value : {};
}

/**
 * What a value has against a schema of the document.
 *
 * @param path Where the schema is.
 * @param value The value.
 * @returns The faults in words; empty if it is valid.
 */
export function faultsAgainst(path: readonly (string | number)[], value: unknown): string {
  // A pointer in a URI: what has a meaning in one is percent-encoded.
  const pointer = jsonPointer(path).split("/").map(encodeURIComponent).join("/");
  const validate: ValidateFunction | undefined = ajv().getSchema(`${ROOT}#${pointer}`);
  assert(validate !== undefined, `The OpenAPI document has no schema at ${pointer}`);
  if (validate(value)) return "";
  return ajv().errorsText(validate.errors, { dataVar: "" }) + ` ${JSON.stringify(validate.errors)}`;
}

/** Where the operation of a request is described, or null. */
function operationOf(method: string, pathname: string): readonly string[] | null {
  const matching = Object.keys(objectAt(["paths"])).filter((path) =>
    new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname)
  );
  const [path] = matching.toSorted((a, b) => a.split("{").length - b.split("{").length);
  const asked = method === "HEAD" ? "get" : method.toLowerCase();
  if (path === undefined || !(asked in objectAt(["paths", path]))) return null;
  return ["paths", path, asked];
}

function mediaType(headers: Headers): string {
  return (headers.get("Content-Type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function assertAnswer(response: readonly (string | number)[], { method, answer }: Exchange): void {
  const described = at(response).path;
  for (const name of Object.keys(objectAt([...described, "headers"]))) {
    assert(answer.headers.has(name), `must have the header ${name}`);
  }
  const contents = objectAt([...described, "content"]);
  const [type] = Object.keys(contents);
  if (method === "HEAD") return;
  if (type === undefined) return assertEquals(answer.text, "", "must have no body");
  assertEquals(mediaType(answer.headers), type, "must have the documented media type");
  const body: unknown = type.endsWith("json") ? JSON.parse(answer.text) : answer.text;
  const faults = faultsAgainst([...described, "content", type, "schema"], body);
  assertEquals(faults, "", "must have the documented body");
}

function assertQuery(operation: readonly string[], url: URL): void {
  const { value } = at([...operation, "parameters"]);
  const parameters: readonly unknown[] = Array.isArray(value) ? value : [];
  for (const [name, text] of url.searchParams) {
    const index = parameters.findIndex((one) =>
      isJsonObject(one) && one["in"] === "query" && one["name"] === name
    );
    if (index < 0) {
      // Only where nobody needs a key are parameters ignored instead of refused.
      assertEquals(objectAt(operation)["security"], [], `was accepted with the parameter ${name}`);
      continue;
    }
    const parameter = parameters[index];
    const schema = isJsonObject(parameter) && isJsonObject(parameter["schema"]) ? parameter["schema"] : {};
    const read = schema["type"] === "integer" ? Number(text) : text;
    assertEquals(faultsAgainst([...operation, "parameters", index, "schema"], read), "", `?${name}=${text}`);
  }
}

function assertRequest(operation: readonly string[], { url, request }: Exchange): void {
  assertQuery(operation, new URL(url));
  const body = objectAt([...operation, "requestBody"]);
  // A body that nothing asks for is not looked at.
  if (Object.keys(body).length === 0) return;
  if (request.text === "") return assert(body["required"] !== true, "was accepted without a body");
  const type = mediaType(request.headers);
  const path = [...operation, "requestBody", "content", type, "schema"];
  assert(at(path).value !== undefined, `was accepted as ${type}`);
  assertEquals(faultsAgainst(path, JSON.parse(request.text)), "", "was accepted with an undocumented body");
}

/** What is nowhere described is 404 or 405; `OPTIONS` is, for every path alike, what methods it takes. */
function assertNoOperation({ method, answer }: Exchange): void {
  const { status, headers, text } = answer;
  if (method === "OPTIONS" && status === 204) return assertEquals([headers.has("Allow"), text], [true, ""]);
  assert([404, 405].includes(status), "there is no such operation, so it must be 404 or 405");
  if (method === "HEAD") return;
  assertEquals(mediaType(headers), PROBLEM);
  assertEquals(
    faultsAgainst(["components", "schemas", "Problem"], JSON.parse(text)),
    "",
    "must be a problem",
  );
}

/**
 * Refuses an exchange that the OpenAPI document does not describe.
 *
 * @param exchange The request and its answer.
 * @throws {Error} If they are not as documented.
 */
export function assertConforms(exchange: Exchange): void {
  const { method, url, answer } = exchange;
  const operation = operationOf(method, new URL(url).pathname);
  try {
    if (operation === null) return assertNoOperation(exchange);
    const response = [...operation, "responses", answer.status];
    assert(at(response).value !== undefined, "must have a documented status");
    assertAnswer(response, exchange);
    if (answer.status < 300) assertRequest(operation, exchange);
  } catch (error) {
    const what = `${method} ${new URL(url).pathname} → ${answer.status}: ${answer.text.slice(0, 2000)}`;
    throw new Error(`Not as /openapi.json says: ${what}`, { cause: error });
  }
}

/** Every method and path that the document describes, in Hono's form: `GET /v1/keys/:key_id`. */
export function describedRoutes(): string[] {
  return Object.entries(objectAt(["paths"])).flatMap(([path, item]) =>
    Object.keys(isJsonObject(item) ? item : {}).filter((key) => METHODS.includes(key))
      .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`)
  );
}
