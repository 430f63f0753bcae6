/**
 * JSON Schema as types of TypeScript, as far as the OpenAPI document of Tidings uses it.
 *
 * Owns the words of JSON Schema that are understood. Any other is refused: a type that says less than its schema would
 * deceive whoever writes against it.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../lib/merge_patch.ts";

/** Words that make a type. */
const MEANING = new Set([
  "$ref",
  "type",
  "const",
  "enum",
  "anyOf",
  "items",
  "properties",
  "required",
  "additionalProperties",
]);
/** Words that a type can't say. */
const LIMITS = new Set([
  ...["description", "examples", "default", "format", "pattern", "propertyNames", "minLength", "maxLength"],
  ...["minimum", "maximum", "exclusiveMinimum", "minItems", "maxItems"],
]);

function objectIn(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(" | ");
}

/** Whether nothing is said of a value. */
function isAnything(schema: JsonObject): boolean {
  return Object.keys(schema).every((word) => LIMITS.has(word));
}

/**
 * A comment for readers.
 *
 * @param text What it says; nothing for none.
 * @returns The lines of the comment.
 */
export function comment(text: unknown): string {
  return typeof text === "string" ? `/** ${text.replaceAll("*/", "*\\/")} */\n` : "";
}

/**
 * The fields of an object, in braces.
 *
 * @param schema A schema with properties.
 * @returns A type literal, or the body of an interface.
 */
export function fieldsText(schema: JsonObject): string {
  const needed: readonly unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  const fields = Object.entries(objectIn(schema["properties"])).map(([name, given]) => {
    const field = objectIn(given);
    const mark = needed.includes(name) ? "" : "?";
    return `${comment(field["description"])}readonly ${name}${mark}: ${typeText(field)};`;
  });
  if (schema["additionalProperties"] !== false) fields.push("readonly [name: string]: unknown;");
  return `{\n${fields.join("\n")}\n}`;
}

function typeNamed(name: unknown, schema: JsonObject): string {
  switch (name) {
    case "string":
    case "boolean":
    case "null":
      return name;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `ReadonlyArray<${typeText(objectIn(schema["items"]))}>`;
    case "object":
      if (isJsonObject(schema["properties"])) return fieldsText(schema);
      return `Readonly<Record<string, ${typeText(objectIn(schema["additionalProperties"]))}>>`;
    default:
      throw new Error(`Cannot write the type ${String(name)}`);
  }
}

/**
 * A schema as a type.
 *
 * @param schema JSON Schema.
 * @returns The text of the type; schemas of the document are named as they are there.
 * @throws {Error} For a word that is not understood.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { typeText } from "./typescript.ts";
 * assertEquals(typeText({ type: ["integer", "null"], minimum: 1 }), "number | null");
 * ```
 */
export function typeText(schema: JsonObject): string {
  const unknown = Object.keys(schema).find((word) => !MEANING.has(word) && !LIMITS.has(word));
  if (unknown !== undefined) throw new Error(`Cannot write a type: ${unknown} is not understood`);
  if (isAnything(schema)) return "unknown";
  const { $ref, const: only, enum: values, anyOf, type } = schema;
  if (typeof $ref === "string") return $ref.slice($ref.lastIndexOf("/") + 1);
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(values)) return union(values.map((value) => JSON.stringify(value)));
  if (Array.isArray(anyOf)) {
    // "Anything" beside others is how a batch takes what is not valid and refuses it alone: nobody means to send that.
    const said = anyOf.filter(isJsonObject).filter((one) => !isAnything(one));
    return union(said.map(typeText));
  }
  return union([type].flat().map((name) => typeNamed(name, schema)));
}
