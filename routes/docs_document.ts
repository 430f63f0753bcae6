/**
 * The OpenAPI document as the reference page reads it.
 *
 * Owns the types of those parts that the page shows, and where a reference leads. The document is this service's own, so
 * its form is known and not checked again.
 *
 * @module
 */
import type { JsonObject } from "../lib/merge_patch.ts";

/** A schema, as far as it is shown. */
export interface ApiSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly ApiSchema[];
  readonly items?: ApiSchema;
  readonly properties?: Readonly<Record<string, ApiSchema>>;
  readonly additionalProperties?: boolean | ApiSchema;
  readonly required?: readonly string[];
}

/** A body with examples, by media type. */
export type ApiContent = Readonly<
  Record<string, {
    readonly schema: ApiSchema;
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
  }>
>;

/** A parameter in the path, the query or a header. */
export interface ApiParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: ApiSchema;
  readonly example?: string;
}

/** What a call may answer. */
export interface ApiResponse {
  readonly description: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content?: ApiContent;
}

/** One call. */
export interface ApiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly unknown[];
  readonly parameters?: readonly ApiParameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: ApiContent };
  readonly responses: Readonly<Record<string, ApiResponse | { readonly $ref: string }>>;
}

/** The document. */
export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly summary: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
  readonly components: {
    readonly responses: Readonly<Record<string, ApiResponse>>;
    readonly schemas: Readonly<Record<string, ApiSchema>>;
  };
}

/** A call with how it is made. */
export interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly operation: ApiOperation;
}

/**
 * The document with its types.
 *
 * @param document As `openapiDocument()` makes it.
 * @returns The same.
 */
export function apiDocument(document: JsonObject): ApiDocument {
  return document as unknown as ApiDocument;
}

/**
 * Every call of the document.
 *
 * @param document The document.
 * @returns The calls, in its order.
 */
export function callsOf({ paths }: ApiDocument): ApiCall[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation }))
  );
}

/**
 * The last part of a reference: the name of what it leads to.
 *
 * @param $ref Such as `#/components/schemas/Webhook`.
 * @returns Such as `Webhook`.
 */
export function nameOf($ref: string): string {
  return $ref.slice($ref.lastIndexOf("/") + 1);
}

/**
 * The answers of a call, references followed.
 *
 * @param call The call.
 * @param document The document.
 * @returns Each with its status, in order.
 */
export function responsesOf(
  { operation }: ApiCall,
  { components }: ApiDocument,
): { readonly status: number; readonly response: ApiResponse }[] {
  return Object.entries(operation.responses).flatMap(([status, given]) => {
    const response = "$ref" in given ? components.responses[nameOf(given.$ref)] : given;
    return response === undefined ? [] : [{ status: Number(status), response }];
  }).toSorted((a, b) => a.status - b.status);
}
