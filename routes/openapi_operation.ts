/**
 * One operation of the document: what a route is said to take and to answer.
 *
 * Owns what follows from what: a route with a key can answer 401, one with a body 415. What a route says of itself is
 * beside its resource, in the other files of this name.
 *
 * @module
 */
import { z } from "zod";
import { grants, type Permission, SCOPES } from "../lib/api_key.ts";
import { ERROR_STATUS, type ErrorCode, type FieldError } from "../lib/errors.ts";
import type { JsonObject } from "../lib/merge_patch.ts";
import { siteIdSchema } from "../lib/site_id.ts";
import { answerOf, parameterSchema, reference } from "./openapi_schema.ts";
import type { Problem } from "./problem.ts";
import { ALWAYS_ANSWERED } from "./load.ts";

/** A header that some answers have; each is described once. */
export const ANSWER_HEADERS = {
  "X-Request-Id": "Names this request in the log; on every answer",
  "Location": "The path of what was created",
  "ETag": "Names the state that is shown: as If-Match it has a change made of that state only",
  "Retry-After": "Seconds after which it is worth repeating the request",
  "WWW-Authenticate": "`Bearer`",
} as const;

/** What a route answers when all goes well. */
export interface Answer {
  readonly description: string;
  /** Named; left out: no body. */
  readonly schema?: z.ZodType;
  /** `application/json` unless it says otherwise. */
  readonly media_type?: string;
  readonly headers?: readonly (keyof typeof ANSWER_HEADERS)[];
}

/** What a route takes as its body. */
export interface RequestBody {
  /** Named. */
  readonly schema: z.ZodType;
  /** `application/json` alone unless it says otherwise. */
  readonly media_types?: readonly string[];
  readonly optional?: boolean;
  /** Valid bodies, by a word for each. */
  readonly examples: Readonly<Record<string, unknown>>;
}

/** What a route says of itself. */
export interface Operation {
  readonly id: string;
  readonly tag: "Webhooks" | "Events" | "Deliveries" | "Keys" | "Administration" | "Service";
  readonly summary: string;
  readonly description?: string;
  /** What a caller must be permitted to do; `key`: any key will do; `none`: nor is one needed. */
  readonly access: Permission | "key" | "none";
  readonly query?: z.ZodObject;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: z.ZodType }>>;
  readonly body?: RequestBody;
  readonly answers: Readonly<Record<number, Answer>>;
  /** What it refuses besides what every route of its form refuses. */
  readonly errors?: readonly ErrorCode[];
}

/** Operations by method and path, such as `GET /v1/keys`; parameters in braces. */
export type Operations = Readonly<Record<string, Operation>>;

/** One field at fault. */
export const fieldError = answerOf<FieldError>()(
  "FieldError",
  z.strictObject({
    path: z.string().meta({ description: "A JSON pointer, or the name of a parameter after a slash" }),
    message: z.string(),
  }),
);

/** Every error. */
export const problem = answerOf<Problem>()(
  "Problem",
  z.strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().exactOptional(),
    code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]]),
    request_id: z.uuid(),
    errors: z.array(fieldError).exactOptional(),
  }),
);

const PATH_PARAMETERS: Readonly<Record<string, JsonObject>> = {
  site_id: {
    description:
      "The site's domain as Plausible has it: letters of any script, digits and `- . / : _`. It is one " +
      "segment, percent-encoded: `example.com%2Fblog`",
    schema: parameterSchema(siteIdSchema),
    example: "example.com",
  },
  webhook_id: { schema: { type: "string" }, example: "wh_01JMZ0000000000000000000AA" },
  event_id: { schema: { type: "string" }, example: "evt_01JMZ0000000000000000000AA" },
  delivery_id: {
    schema: { type: "string" },
    example: "dlv_01JMZ0000000000000000000AA01JMZ0000000000000000000AA",
  },
  key_id: { schema: { type: "string" }, example: "01JMZ0000000000000000000AA" },
};

/** Every code that a route can answer with: what follows from its form, and what it names itself. */
function codesOf(path: string, { access, body, errors = [] }: Operation): ErrorCode[] {
  const of_site = path.includes("{site_id}");
  const codes: ErrorCode[] = ["internal", ...errors];
  // Beyond what is taken on at a time; whoever watches the service is answered even then.
  if (!ALWAYS_ANSWERED.has(path)) codes.push("unavailable");
  if (access !== "none") codes.push("unauthorized");
  // Whoever has a permission is asked for no query parameter that the route does not know.
  if (access !== "none" && access !== "key") codes.push("forbidden", "validation_failed");
  if (of_site) codes.push("not_found");
  if (body !== undefined) {
    codes.push("invalid_json", "unsupported_media_type", "payload_too_large", "validation_failed");
  }
  const order = Object.keys(ERROR_STATUS);
  return [...new Set(codes)].toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
}

function headersOf(names: readonly (keyof typeof ANSWER_HEADERS)[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function problemHeaders(codes: readonly ErrorCode[]): (keyof typeof ANSWER_HEADERS)[] {
  if (codes.includes("unauthorized")) return ["X-Request-Id", "WWW-Authenticate"];
  const later = codes.includes("unavailable") || codes.includes("rate_limited");
  return later ? ["X-Request-Id", "Retry-After"] : ["X-Request-Id"];
}

/** The refusals of a status: a component, named after their codes, since many routes refuse the same. */
function problemResponse(status: number, codes: readonly ErrorCode[]): JsonObject {
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_STATUS[code][1]}`).join(". "),
    headers: headersOf(problemHeaders(codes)),
    content: {
      "application/problem+json": {
        schema: {
          allOf: [
            reference(problem),
            {
              properties: {
                status: { const: status },
                code: { enum: codes },
                type: { enum: codes.map((code) => `urn:tidings:error:${code}`) },
              },
            },
          ],
        },
      },
    },
  };
}

/** The problems of a route by status, each with its component's name. */
function problemsOf(
  path: string,
  operation: Operation,
): { status: number; name: string; made: JsonObject }[] {
  const by_status = Map.groupBy(codesOf(path, operation), (code) => ERROR_STATUS[code][0]);
  return [...by_status].map(([status, codes]) => ({
    status,
    name: codes.join("."),
    made: problemResponse(status, codes),
  }));
}

function parametersOf(path: string, { query, headers = {} }: Operation): JsonObject[] {
  const in_path = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => {
    const known = PATH_PARAMETERS[name];
    if (known === undefined) throw new Error(`The OpenAPI document does not describe the parameter ${name}`);
    return { name, in: "path", required: true, ...known };
  });
  const in_query = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    schema: parameterSchema(schema),
  }));
  const in_headers = Object.entries(headers).map(([name, { description, schema }]) => ({
    name,
    in: "header",
    description,
    schema: parameterSchema(schema),
  }));
  return [...in_path, ...in_query, ...in_headers];
}

function bodyOf({ schema, media_types = ["application/json"], optional = false, examples }: RequestBody) {
  const content = {
    schema: reference(schema),
    examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
  };
  return { required: !optional, content: Object.fromEntries(media_types.map((type) => [type, content])) };
}

function answerJson(
  { description, schema, media_type = "application/json", headers = [] }: Answer,
): JsonObject {
  return {
    description,
    headers: headersOf(["X-Request-Id", ...headers]),
    ...(schema === undefined ? {} : { content: { [media_type]: { schema: reference(schema) } } }),
  };
}

/** Who may call, in words and as OpenAPI has it; the list of scopes is one of roles, as 3.1 allows for every scheme. */
function securityOf(access: Operation["access"]): { text: string; security: JsonObject[] } {
  if (access === "none") return { text: "Needs no key.", security: [] };
  if (access === "key") return { text: "Any key will do.", security: [{ key: [] }] };
  const scopes = SCOPES.filter((scope) => grants(scope, access));
  const text = `Needs a key with scope ${scopes.map((scope) => `\`${scope}\``).join(" or ")}.`;
  return { text, security: scopes.map((scope) => ({ key: [scope] })) };
}

/**
 * An operation as OpenAPI has it.
 *
 * @param path Its path; parameters in braces.
 * @param operation What its route says.
 * @returns The operation object, and the responses it refers to by name.
 */
export function operationJson(
  path: string,
  operation: Operation,
): { json: JsonObject; responses: Record<string, JsonObject> } {
  const { id, tag, summary, description, access, body, answers } = operation;
  const { text, security } = securityOf(access);
  const problems = problemsOf(path, operation);
  const parameters = parametersOf(path, operation);
  const json = {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, text].filter((part) => part !== undefined).join(" "),
    security,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: bodyOf(body) }),
    responses: {
      ...Object.fromEntries(
        problems.map(({ status, name }) => [status, { $ref: `#/components/responses/${name}` }]),
      ),
      ...Object.fromEntries(Object.entries(answers).map(([status, made]) => [status, answerJson(made)])),
    },
  };
  return { json, responses: Object.fromEntries(problems.map(({ name, made }) => [name, made])) };
}
