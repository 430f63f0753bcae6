/**
 * A section of the contract, held sentence by sentence against the program itself in a process of its own.
 *
 * Owns the stage that every sentence gets: one running service for the section, and a site that only this sentence knows.
 * It must never look inside the service: it starts it as an operator does and knows what answers, receivers and exit codes
 * tell. What the contract says of every answer is asserted of every answer, so no sentence has to repeat it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, fail } from "@std/assert";
import { isJsonObject } from "../../lib/merge_patch.ts";
import {
  ADMIN_KEY,
  type ApiAnswer,
  type CallOptions,
  type CreatedWebhook,
  type DeliveryJson,
  goal,
  type ProblemJson,
  sitePath,
  until,
} from "../helpers/api.ts";
import { type ProcessService, startProcess, temporaryFile } from "../helpers/service.ts";

/** What an id, a time or a secret looks like. */
export const FORM = {
  webhook_id: /^wh_[0-9A-Z]{26}$/,
  event_id: /^evt_[0-9A-Z]{26}$/,
  delivery_id: /^dlv_[0-9A-Z]{52}$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  secret: /^whsec_[A-Za-z0-9+/]{43}=$/,
  text: /\S/,
} as const;

/** A receiver where nothing listens, on a network that is allowed. */
export const NOBODY = "http://127.0.0.1:9/in";

/** What one sentence works with. */
export interface Stage {
  readonly service: ProcessService;
  /** A site of this sentence's own. */
  readonly site_id: string;
  /** A path under that site. */
  path(rest: string): string;
  /** Any call, held to what the contract says of every answer. */
  call<Body = ProblemJson>(
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<ApiAnswer<Body>>;
  /** A call that must be answered with this status; its body. */
  ask<Body = ProblemJson>(
    status: number,
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<Body>;
  /** A call that must be refused with this code; where the faults are, each place once. */
  refused(
    code: string,
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<string[]>;
  /** A webhook of the site that takes `goal_completion`, unless `fields` say otherwise. */
  webhook(url?: string, fields?: Readonly<Record<string, unknown>>): Promise<CreatedWebhook>;
  /** A `goal_completion` of the site. */
  event(given?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** A key of the site. */
  key(scope: "read" | "ingest" | "manage"): Promise<string>;
  /** The deliveries of the site, newest first, as soon as there are so many and all are as wanted. */
  deliveries(count: number, wanted: (delivery: DeliveryJson) => boolean): Promise<readonly DeliveryJson[]>;
  /** The one delivery of the site, as soon as it is as wanted. */
  delivery(wanted: (delivery: DeliveryJson) => boolean): Promise<DeliveryJson>;
}

/** Every code and its status, written anew from the contract. */
export const CODES: Readonly<Record<string, number>> = {
  invalid_json: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  limit_reached: 409,
  webhook_not_active: 409,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  validation_failed: 422,
  personal_data: 422,
  idempotency_key_reused: 422,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
};

/** What the contract says of every answer, and of every refusal. */
function assertAnswered({ status, headers, json }: ApiAnswer<unknown>, what: string): void {
  const request_id = headers.get("X-Request-Id") ?? "";
  assertMatch(request_id, /^\S+$/, what);
  if (status < 400 || json === null) return;
  assertEquals(headers.get("Content-Type"), "application/problem+json", what);
  assert(isJsonObject(json), what);
  const { code, errors = null, ...rest } = json;
  assertEquals(CODES[String(code)], status, what);
  assertLike(rest, { type: FORM.text, title: FORM.text, status, detail: FORM.text, request_id }, what);
  assertEquals(headers.get("WWW-Authenticate"), status === 401 ? "Bearer" : null, what);
  assertEquals(headers.has("Retry-After"), status === 429 || status === 503, what);
  assertEquals(headers.has("Allow"), status === 405, what);
  if (errors === null) return;
  assert(Array.isArray(errors), what);
  for (const error of errors) assertLike(error, { path: /^(?:\/.*)?$/, message: FORM.text }, what);
}

function stageOn(service: ProcessService, site_id: string): Stage {
  const path = (rest: string): string => sitePath(rest, site_id);
  async function call<Body>(
    ...[method, path, body, options]: [string, string, unknown?, CallOptions?]
  ): Promise<ApiAnswer<Body>> {
    const answer = await service.call<Body>(method, path, body, options);
    assertAnswered(answer, `${method} ${path.slice(0, 100)}: ${answer.text.slice(0, 300)}`);
    return answer;
  }
  async function ask<Body>(
    status: number,
    ...request: [string, string, unknown?, CallOptions?]
  ): Promise<Body> {
    const answer = await call<Body>(...request);
    assertEquals(answer.status, status, `${request[0]} ${request[1].slice(0, 100)}: ${answer.text}`);
    return answer.json;
  }
  const deliveries: Stage["deliveries"] = (count, wanted) =>
    until(async () => {
      const found = await service.deliveries("?limit=100", site_id);
      return found.length === count && found.every(wanted) ? found : null;
    }, `${count} deliveries are as they should be`);
  return {
    service,
    site_id,
    path,
    call,
    ask,
    async refused(code, ...request) {
      const problem = await ask<ProblemJson>(CODES[code] ?? 0, ...request);
      assertEquals(problem.code, code, `${request[0]} ${request[1]}`);
      return [...new Set(problem.errors?.map((error) => error.path))];
    },
    webhook: (url = NOBODY, fields = {}) => service.webhook(url, fields, site_id),
    event: (given = {}) => goal(1, { site_id, ...given }),
    key: (scope) => service.key(scope, [site_id]),
    deliveries,
    async delivery(wanted) {
      const [one] = await deliveries(1, wanted);
      return one ?? fail("there is no delivery");
    },
  };
}

/** A sentence and what holds it. */
export type Sentences = Readonly<Record<string, (stage: Stage) => Promise<void>>>;

/**
 * Registers a section as one test with a step for each sentence.
 *
 * @param name What the section is about.
 * @param sentences What the contract says, and what holds it to that.
 * @param env The environment of the service, beyond what every test has.
 */
export function section(
  name: string,
  sentences: Sentences,
  env: Readonly<Record<string, string>> = {},
): void {
  Deno.test(`the contract: ${name}`, async (test) => {
    await using file = await temporaryFile();
    await using service = await startProcess({ kv: file.path, env });
    for (const [index, [sentence, holds]] of Object.entries(sentences).entries()) {
      await test.step(sentence, () => holds(stageOn(service, `site-${index}.example`)));
    }
  });
}

/** What a value must be like: a pattern stands for a text of that form, a function decides, all else is the value. */
export type Like =
  | RegExp
  | ((value: unknown) => boolean)
  | string
  | number
  | boolean
  | null
  | readonly Like[]
  | { readonly [name: string]: Like };

/**
 * Asserts that a value has exactly these fields, each of its form.
 *
 * @param value What there is.
 * @param like What it must be like.
 * @param what In words, for the failure.
 */
export function assertLike(value: unknown, like: Like, what = "the answer"): void {
  if (like instanceof RegExp) {
    assertMatch(typeof value === "string" ? value : fail(`${what}: no text but ${value}`), like, what);
  } else if (typeof like === "function") {
    assert(like(value), `${what}: ${JSON.stringify(value)}`);
  } else if (Array.isArray(like)) {
    assert(Array.isArray(value), what);
    assertEquals(value.length, like.length, what);
    for (const [index, item] of like.entries()) assertLike(value[index], item, `${what}/${index}`);
  } else if (isJsonObject(like)) {
    assert(isJsonObject(value), what);
    assertEquals(Object.keys(value).toSorted(), Object.keys(like).toSorted(), what);
    for (const [name, item] of Object.entries(like)) assertLike(value[name], item as Like, `${what}/${name}`);
  } else {
    assertEquals(value, like, what);
  }
}

/** So many different words. */
export function words(count: number, length = 8): string[] {
  return Array.from({ length: count }, (_, index) => `w${index}`.padEnd(length, "x"));
}

/** So many named values. */
export function pairs(count: number, value: unknown = 1): Record<string, unknown> {
  return Object.fromEntries(words(count).map((name) => [name, value]));
}

/** The administrator's key as it is sent. */
export const AS_ADMIN = { Authorization: `Bearer ${ADMIN_KEY}` } as const;
