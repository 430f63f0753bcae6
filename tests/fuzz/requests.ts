/**
 * Requests as nobody should send them, made of what the OpenAPI document describes.
 *
 * Owns how a request is made and spoilt: methods, paths, parameters, headers, bodies. It must never ask the service: what
 * exists is handed in as pools, of which a request names places.
 *
 * @module
 */
import fc from "fast-check";
import { isJsonObject } from "../../lib/merge_patch.ts";
import { DOCUMENT } from "../helpers/conformance.ts";
import { HOSTILE_TEXTS, hostileJson, PERSON, spoilt } from "./hostile_json.ts";

/** An operation of the document, as far as requests are made of it. */
export interface FuzzedOperation {
  readonly method: string;
  /** With parameters in braces. */
  readonly path: string;
  /** Names of its parameters in the query. */
  readonly query: readonly string[];
  readonly media_types: readonly string[];
  /** Valid bodies. */
  readonly examples: readonly unknown[];
}

/** A request; ids in its path and its key are places in pools. */
export interface FuzzedRequest {
  readonly operation: FuzzedOperation;
  readonly method: string;
  /** For each parameter of the path: a place in its pool, or a text. */
  readonly parameters: readonly (number | string)[];
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  /** A place among the keys. */
  readonly key: number;
}

function listAt(value: unknown, name: string): readonly unknown[] {
  const list = isJsonObject(value) ? value[name] : undefined;
  return Array.isArray(list) ? list : [];
}

function entriesAt(value: unknown, ...names: readonly string[]): [string, unknown][] {
  let at: unknown = value;
  for (const name of names) at = isJsonObject(at) ? at[name] : undefined;
  return isJsonObject(at) ? Object.entries(at) : [];
}

/** Every operation of the document. */
export const OPERATIONS: readonly FuzzedOperation[] = entriesAt(DOCUMENT, "paths").flatMap(([path, item]) =>
  entriesAt(item).filter(([, operation]) => isJsonObject(operation) && "responses" in operation).map((
    [method, operation],
  ) => {
    const content = entriesAt(operation, "requestBody", "content");
    return {
      method: method.toUpperCase(),
      path,
      query: listAt(operation, "parameters").filter(isJsonObject).filter((one) => one["in"] === "query")
        .map((one) => String(one["name"])),
      media_types: content.map(([type]) => type),
      examples: content.flatMap(([, type]) =>
        entriesAt(type, "examples").flatMap(([, example]) => isJsonObject(example) ? [example["value"]] : [])
      ),
    };
  })
);

/** Ids that are none, or nobody's. */
const MALFORMED_IDS = [
  "%00",
  "%2e%2e",
  "..%2f..%2fv1%2fkeys",
  "%E0%A4%A",
  "%ff%fe",
  "%25%32%35",
  "*",
  "__proto__",
  "constructor",
  "wh_",
  "wh_01JMZ0000000000000000000AA",
  "evt_01JMZ0000000000000000000AA",
  "dlv_01JMZ0000000000000000000AA01JMZ0000000000000000000AA",
  "a".repeat(5000),
  "%F0%9F%98%80".repeat(300),
  "127.0.0.1",
  "foreign.example",
  encodeURIComponent("ﬀ.example/ÄÖ"),
  " ",
];

/** Values of parameters in the query. */
const QUERY_VALUES = [
  "",
  "0",
  "1",
  "100",
  "101",
  "-1",
  "1e2",
  "0x10",
  "NaN",
  "99999999999999999999",
  "2026-02-25T12:00:00Z",
  "0000-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999999-23:59",
  "2026-02-30T00:00:00Z",
  "2026-02-25",
  "goal_completion",
  "pending",
  "true",
  "example.com",
  "wh_01JMZ0000000000000000000AA",
  "evt_01JMZ0000000000000000000AA",
  "dlv_01JMZ0000000000000000000AA01JMZ0000000000000000000AA",
  "eyJhIjoxfQ",
  "%00",
  "%E0%A4%A",
  "%ff",
  "__proto__",
  "a".repeat(5000),
  "%F0%9F%98%80".repeat(300),
];

const HEADER_VALUES: Readonly<Record<string, readonly string[]>> = {
  "If-Match": ["*", '"x"', 'W/"x"', '"', "", "a".repeat(5000), '"1","2"', "1"],
  "Idempotency-Key": ["a", '"a"', '"', "", "ÿ", "a b", "a".repeat(255), "a".repeat(256), "__proto__", PERSON],
  "Content-Encoding": ["gzip", "br", "identity"],
  "Accept": ["text/html", "*/*;q=0", "x"],
  "X-Request-Id": ["mine", PERSON],
  "Range": ["bytes=0-0"],
  "X-HTTP-Method-Override": ["DELETE"],
  "Expect": ["200-ok"],
};

const CONTENT_TYPES = [
  "application/json",
  "application/json; charset=utf-16",
  "APPLICATION/JSON",
  "application/merge-patch+json",
  "text/plain",
  "multipart/form-data",
  "application/x-www-form-urlencoded",
  "application/json, text/plain",
  ";",
];

/** Mostly as it should be: what is wrong everywhere is refused at the first door, and no other is tried. */
function mostly<Value>(
  usual: fc.Arbitrary<Value>,
  odd: fc.Arbitrary<Value>,
  weight = 6,
): fc.Arbitrary<Value> {
  return fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

const parameter: fc.Arbitrary<number | string> = mostly<number | string>(
  fc.nat(1000),
  fc.oneof(
    fc.constantFrom(...MALFORMED_IDS),
    fc.string({ unit: "binary", minLength: 1 }).map(encodeLoosely),
  ),
);

/** Percent-encodes what it can: a lone surrogate has no encoding. */
function encodeLoosely(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(".", "%2E");
}

function queryOf(names: readonly string[]): fc.Arbitrary<string> {
  const name = names.length === 0
    ? fc.constantFrom("unknown", "__proto__", "limit")
    : mostly(fc.constantFrom(...names), fc.constantFrom("unknown", "__proto__", "constructor", "a[]", ""));
  const value = mostly(
    fc.constantFrom(...QUERY_VALUES),
    fc.string({ unit: "binary" }).map(encodeLoosely),
  );
  const pair = fc.tuple(name, value).map(([one, text]) => `${one}=${text}`);
  const pairs = fc.array(pair, { minLength: 1, maxLength: 4 }).map((all) => `?${all.join("&")}`);
  return names.length === 0 ? mostly(fc.constant(""), pairs, 12) : mostly(fc.constant(""), pairs, 1);
}

function bodyOf({ examples }: FuzzedOperation): fc.Arbitrary<FuzzedRequest["body"]> {
  if (examples.length === 0) return mostly<FuzzedRequest["body"]>(fc.constant(undefined), rawBody, 12);
  const example = fc.constantFrom(...examples);
  const json = fc.oneof(
    { weight: 2, arbitrary: example.map((value) => JSON.stringify(value)) },
    { weight: 6, arbitrary: example.chain((value) => spoilt(value)) },
    { weight: 1, arbitrary: hostileJson },
  );
  return mostly<FuzzedRequest["body"]>(json, rawBody, 12);
}

/** What is no JSON, or only just. */
const rawBody: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.constantFrom(
    new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
    new Uint8Array([0x1f, 0x8b, 0x08, 0x00]),
    new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]),
  ),
);

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"];

const headers: fc.Arbitrary<Record<string, string>> = fc.array(
  fc.constantFrom(...Object.keys(HEADER_VALUES)).chain((name) =>
    fc.constantFrom(...HEADER_VALUES[name] ?? []).map((value) => [name, value] as const)
  ),
  { maxLength: 2 },
).map((pairs) => Object.fromEntries(pairs));

/**
 * Requests to one operation, most of them with its own method.
 *
 * @param operation Which.
 */
export function fuzzedRequestTo(operation: FuzzedOperation): fc.Arbitrary<FuzzedRequest> {
  return fc.record({
    operation: fc.constant(operation),
    method: mostly(fc.constant(operation.method), fc.constantFrom(...METHODS), 20),
    parameters: fc.tuple(parameter, parameter),
    query: queryOf(operation.query),
    headers: fc.tuple(
      headers,
      mostly(fc.constant(operation.media_types[0] ?? ""), fc.constantFrom(...CONTENT_TYPES), 12),
    ).map(([some, type]) => type === "" ? some : { ...some, "Content-Type": type }),
    body: bodyOf(operation),
    key: mostly(fc.constant(0), fc.nat(20), 2),
  }).map((request) =>
    // No client sends these with a body.
    ["GET", "HEAD"].includes(request.method) ? { ...request, body: undefined } : request
  );
}

/** Any request. */
export const fuzzedRequest: fc.Arbitrary<FuzzedRequest> = fc.constantFrom(...OPERATIONS).chain(
  fuzzedRequestTo,
);

/** The ids that exist, by site and by the name of their parameter. */
export type Pools = ReadonlyMap<string, Readonly<Record<string, readonly string[]>>>;

/** Of so many of the newest one is taken: older ones are likely deleted. */
const NEWEST = 4;

/**
 * The path of a request.
 *
 * @param request The request.
 * @param pools The ids that exist.
 * @returns Path and query.
 */
export function pathOf({ operation, parameters, query }: FuzzedRequest, pools: Pools): string {
  const sites = [...pools.keys()];
  let index = 0;
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const given = parameters[index++] ?? 0;
    if (typeof given === "string") return given;
    const [site, of_site = 0] = parameters;
    // Mostly what belongs to the site of the path, sometimes what belongs to another.
    const place = typeof site === "number" && given % 10 > 0 ? site : Number(of_site) || 0;
    const site_id = sites[place % sites.length] ?? "";
    if (name === "site_id") return encodeURIComponent(sites[given % sites.length] ?? "");
    const pool = pools.get(site_id)?.[name] ?? [];
    return encodeURIComponent(pool.at(-1 - given % Math.min(NEWEST, pool.length)) ?? "none");
  });
  return path + query;
}
