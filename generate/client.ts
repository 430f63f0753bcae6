/**
 * The text of `client/tidings.ts`, made of the OpenAPI document: a type for each schema, a method for each call.
 *
 * `deno task client` runs it. A test fails when the file is not what this would write.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { isJsonObject, type JsonObject } from "../lib/merge_patch.ts";
import { type ApiCall, apiDocument, callsOf, nameOf, responsesOf } from "../routes/docs_document.ts";
import { openapiDocument } from "../routes/openapi.ts";
import { comment, fieldsText, typeText } from "./typescript.ts";

const HEADER = `/**
 * A client for Tidings: a method for each call, typed by what the service takes and answers.
 *
 * Written by \`deno task client\` from the OpenAPI document: change that, not this. With \`call.ts\` beside it, it depends
 * on nothing; copy the folder.
 *
 * @module
 */
import { type CallOptions, TidingsCaller } from "./call.ts";
export { type CallOptions, TidingsError, type TidingsOptions } from "./call.ts";

`;

const DOCUMENT = openapiDocument(manifest.version);
const API = apiDocument(DOCUMENT);

function schemaOf(name: string): JsonObject {
  return API.components.schemas[name] as unknown as JsonObject;
}

function schemaType(name: string): string {
  const schema = schemaOf(name);
  const text = isJsonObject(schema["properties"])
    ? `export interface ${name} ${fieldsText(schema)}`
    : `export type ${name} = ${typeText(schema)};`;
  return `/** ${name}, as the OpenAPI document has it. */\n${text}\n`;
}

/** The names of the schemas of what is answered when all goes well, or `void`. */
function answerOf(call: ApiCall): string | null {
  const good = responsesOf(call, API).filter(({ status }) => status < 300);
  const types = good.map(({ response: { content } }) => {
    if (content === undefined) return "void";
    const json = content["application/json"];
    return json === undefined ? null : nameOf(json.schema.$ref ?? "");
  });
  return types.includes(null) ? null : types.join(" | ");
}

/** `idempotency_key` for `Idempotency-Key`. */
function optionName(header: string): string {
  return header.toLowerCase().replaceAll("-", "_");
}

/** What a method takes and how it hands it on. */
interface Method {
  readonly name: string;
  readonly comment: string;
  readonly parameters: readonly string[];
  readonly path_arguments: readonly string[];
  readonly query: boolean;
  readonly request: string;
  readonly answer: string;
}

function methodOf(call: ApiCall, answer: string): Method {
  const { method, path, operation } = call;
  const { operationId: name, parameters = [], requestBody, summary, description } = operation;
  const placed = (place: string) => parameters.filter((one) => one.in === place);
  const path_arguments = placed("path").map((one) => one.name);
  const query = placed("query");
  const headers = placed("header");
  const body = Object.values(requestBody?.content ?? {})[0];
  const own = headers.map((one) => `${comment(one.description)}readonly ${optionName(one.name)}?: string;`);
  const options = own.length === 0 ? "CallOptions" : `CallOptions & { ${own.join("\n")} }`;
  const queryType = fieldsText({
    properties: Object.fromEntries(
      query.map((one) => [one.name, { ...one.schema, description: one.description }]),
    ),
    additionalProperties: false,
  });
  const value = (header: string): string =>
    `options.${optionName(header)}${header === "Idempotency-Key" ? " ?? crypto.randomUUID()" : ""}`;
  const target = path.replaceAll(/\{(\w+)\}/g, (_, part) => `\${encodeURIComponent(${part})}`);
  const request = [
    `method: "${method}"`,
    `path: ${target === path ? JSON.stringify(path) : `\`${target}\``}`,
    ...query.length === 0 ? [] : ["query"],
    ...headers.length === 0
      ? []
      : [`headers: { ${headers.map((one) => `"${one.name}": ${value(one.name)}`).join(", ")} }`],
    ...body === undefined ? [] : ["body"],
  ];
  return {
    name,
    comment: `/**\n * ${summary}.\n *\n * ${description}\n */\n`,
    parameters: [
      ...path_arguments.map((part) => `${part}: string`),
      ...body === undefined
        ? []
        : [`body: ${nameOf(body.schema.$ref ?? "")}${requestBody?.required ? "" : " = {}"}`],
      ...query.length === 0 ? [] : [`query: ${queryType} = {}`],
      `options: ${options} = {}`,
    ],
    path_arguments,
    query: query.length > 0,
    request: `{ ${request.join(", ")} }`,
    answer,
  };
}

/** The type of a page's entries, or null for what is no page. */
function entryOf(answer: string): string | null {
  const properties = schemaOf(answer)?.["properties"];
  if (!isJsonObject(properties) || !("next_cursor" in properties)) return null;
  return `${answer}["data"][number]`;
}

function methodText(method: Method): string {
  const { name, parameters, path_arguments, request, answer } = method;
  const call = `${method.comment}${name}(${parameters.join(", ")}): Promise<${answer}> {
  return this.call(${request}, options);
}
`;
  const entry = entryOf(answer);
  if (entry === null) return call;
  const given = [...path_arguments, "{ ...query, ...from }", "options"].join(", ");
  return `${call}
/** Goes through all pages of {@linkcode ${name}}. */
${name.replace(/^list/, "iterate")}(${parameters.join(", ")}): AsyncGenerator<${entry}, void, undefined> {
  return this.pages((from) => this.${name}(${given}));
}
`;
}

/**
 * The client as it should be.
 *
 * @returns The text of `client/tidings.ts`, before it is formatted.
 */
export function clientText(): string {
  const methods = callsOf(API).flatMap((call) => {
    const answer = answerOf(call);
    return answer === null ? [] : [methodText(methodOf(call, answer))];
  });
  const types = Object.keys(API.components.schemas).map(schemaType);
  return `${HEADER}/** Calls one service. */
export class Tidings extends TidingsCaller {
${methods.join("\n")}
}

${types.join("\n")}`;
}

if (import.meta.main) await Deno.stdout.write(new TextEncoder().encode(clientText()));
