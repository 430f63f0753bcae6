/**
 * The published OpenAPI document, operation by operation.
 *
 * @module
 */
import { assert } from "@std/assert";
import { isJsonObject, type JsonObject } from "../../lib/merge_patch.ts";
import { DOCUMENT } from "./conformance.ts";

/** An operation of the document. */
export interface Described {
  /** Such as `GET /v1/keys`. */
  readonly route: string;
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly operation: JsonObject;
}

/** An example, with the place of the schema that it is an example of. */
export interface Example {
  readonly name: string;
  /** The media type. */
  readonly type: string;
  readonly value: unknown;
  readonly schema: readonly string[];
}

/** A JSON object, or a failure. */
export function object(value: unknown): JsonObject {
  assert(isJsonObject(value));
  return value;
}

/** Every operation. */
export const OPERATIONS: readonly Described[] = Object.entries(object(DOCUMENT["paths"])).flatMap((
  [path, item],
) =>
  Object.entries(object(item)).map(([method, operation]) => ({
    route: `${method.toUpperCase()} ${path}`,
    id: String(object(operation)["operationId"]),
    method: method.toUpperCase(),
    path,
    operation: object(operation),
  }))
);

function examplesOf(content: unknown, place: readonly string[]): Example[] {
  return Object.entries(object(content ?? {})).flatMap(([type, media]) =>
    Object.entries(object(object(media)["examples"])).map(([name, example]) => ({
      name,
      type,
      value: object(example)["value"],
      schema: [...place, "content", type, "schema"],
    }))
  );
}

/** The examples of an operation's body. */
export function bodyExamples({ method, path, operation }: Described): Example[] {
  const place = ["paths", path, method.toLowerCase(), "requestBody"];
  return examplesOf(object(operation["requestBody"] ?? {})["content"], place);
}

/** The answers of an operation by status, each with its examples; references are followed. */
export function answersOf({ method, path, operation }: Described): Map<number, Example[]> {
  return new Map(
    Object.entries(object(operation["responses"])).map(([status, response]) => {
      const { $ref } = object(response);
      const place = typeof $ref === "string"
        ? $ref.split("/").slice(1)
        : ["paths", path, method.toLowerCase(), "responses", status];
      const found = place.reduce<unknown>((value, part) => object(value)[part], DOCUMENT);
      return [Number(status), examplesOf(object(found)["content"], place)];
    }),
  );
}
