/**
 * The named schemas of the document: those that validate requests, and those that describe answers.
 *
 * Owns the step from zod to JSON Schema, and the promise that an answer's schema and the type that its use case returns
 * are one: where they differ, the file that describes the answer does not compile.
 *
 * @module
 */
import { z } from "zod";
import { EVENT_NAMES } from "../lib/event_types.ts";
import { isJsonObject, type JsonObject } from "../lib/merge_patch.ts";
import { withMeanings } from "./openapi_meanings.ts";

/** What null says in a request: nothing, "the default" in a whole body, "the default" in a merge patch. */
export type Nulls = "none" | "defaults" | "patch";

const ANSWERS = z.registry<{ readonly id: string }>();
const REQUESTS = z.registry<{ readonly id: string }>();
/** What null says in a request, by its name. */
const NULLS = new Map<string, Nulls>();

/** A type as it is in JSON: `readonly` everywhere, intersections merged. */
export type Plain<T> = T extends object ? { readonly [Key in keyof T]: Plain<T[Key]> } : T;
/** Whether two types are one, not only assignable: a field that may be left out must be so in both. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
/** Nothing is a `never`, so a schema that disagrees with its type is refused as an argument. */
export type Agrees<Schema extends z.ZodType, Shown> = Same<Plain<z.output<Schema>>, Plain<Shown>> extends true
  ? unknown
  : never;

/**
 * Names the schema of what a use case returns: `answerOf<Shown>()("Name", schema)`. Two calls, since TypeScript infers
 * either all type arguments of one or none.
 *
 * @returns A function that takes a name and a schema, compiles only if the schema is `Shown`'s, and returns the schema.
 */
export function answerOf<Shown>(): <Schema extends z.ZodType>(
  id: string,
  schema: Schema & Agrees<Schema, Shown>,
) => Schema {
  return (id, schema) => answer(id, schema);
}

/**
 * Names the schema of an answer whose type nothing declares.
 *
 * @param id Its name in the document.
 * @param schema The schema.
 * @returns The same schema.
 */
export function answer<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  ANSWERS.add(schema, { id });
  return schema;
}

/**
 * Names the schema of a request's body: the one that validates it, or one made of its parts.
 *
 * @param id Its name in the document.
 * @param schema The schema.
 * @param nulls What null says in it.
 * @returns The same schema.
 */
export function request<Schema extends z.ZodType>(id: string, schema: Schema, nulls: Nulls = "none"): Schema {
  REQUESTS.add(schema, { id });
  NULLS.set(id, nulls);
  return schema;
}

/** A time in an answer. */
export const time = z.iso.datetime();
/** A time in an answer, or null. */
export const timeOrNull = time.nullable();
/** How many. */
export const count = z.int().min(0);
/** A kind that a delivery may have. */
export const deliveredEvent = z.enum([...EVENT_NAMES, "test"]);
/** Where the next page begins. */
export const nextCursor = z.string().nullable().meta({
  description: "Give it as cursor to get the next page; null at the end. A page may be short before the end.",
});

const uri = (id: string): string => `#/components/schemas/${id}`;

/**
 * Where a named schema is in the document.
 *
 * @param schema A schema that was named.
 * @returns A reference to it.
 * @throws {Error} If it was not named.
 */
export function reference(schema: z.ZodType): { readonly $ref: string } {
  const id = ANSWERS.get(schema)?.id ?? REQUESTS.get(schema)?.id;
  if (id === undefined) throw new Error("A schema of the OpenAPI document has no name");
  return { $ref: uri(id) };
}

/** A time is told by its format: the pattern that checks it has 300 characters, and nobody reads it. */
function readable({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format === "date-time" || jsonSchema.format === "uuid") delete jsonSchema.pattern;
}

/** In an answer nothing is left out, so there are no defaults. */
function readableAnswer(made: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  readable(made);
  delete made.jsonSchema.default;
}

function withoutIdentity({ $schema: _, $id: __, ...schema }: JsonObject): JsonObject {
  return schema;
}

/** Whether a schema says that null is valid, as zod writes it: a type, one of several, or a branch of its own. */
function takesNull({ type, anyOf }: JsonObject): boolean {
  const branches = Array.isArray(anyOf) ? anyOf.filter(isJsonObject) : [];
  return [type].flat().includes("null") || branches.some(takesNull);
}

/**
 * Lets null reset what has a default, as `lib/webhook_settings.ts` reads it: null removes a key, and a key that is not
 * there has its default. In a patch nothing is required either, and a default means nothing.
 */
function withNulls(schema: JsonObject, nulls: Nulls): JsonObject {
  const { properties, additionalProperties, required, default: fallback, ...rest } = schema;
  const needed = new Set(Array.isArray(required) ? required : []);
  const resettable = (inner: unknown): JsonObject => {
    const made = isJsonObject(inner) ? withNulls(inner, nulls) : {};
    const types = [made["type"]].flat();
    if (types.length === 1 && made["enum"] === undefined && typeof types[0] === "string") {
      return { ...made, type: [...types, "null"] };
    }
    return takesNull(made) ? made : { anyOf: [made, { type: "null" }] };
  };
  const inner = isJsonObject(properties)
    ? {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [
          name,
          needed.has(name) && isJsonObject(property) ? withNulls(property, nulls) : resettable(property),
        ]),
      ),
    }
    : {};
  const others = additionalProperties === undefined
    ? {}
    : isJsonObject(additionalProperties)
    ? { additionalProperties: resettable(additionalProperties) }
    : { additionalProperties };
  const whole = nulls === "patch" ? {} : {
    ...(needed.size === 0 ? {} : { required }),
    ...(fallback === undefined ? {} : { default: fallback }),
  };
  return { ...rest, ...inner, ...others, ...whole };
}

/**
 * Every named schema as JSON Schema (2020-12).
 *
 * @returns The schemas by name; they refer to each other by `#/components/schemas/…`.
 */
export function schemaComponents(): Record<string, JsonObject> {
  const answers = z.toJSONSchema(ANSWERS, { io: "output", uri, override: readableAnswer }).schemas;
  const requests = z.toJSONSchema(REQUESTS, { io: "input", uri, override: readable }).schemas;
  const components = {
    ...Object.fromEntries(
      Object.entries(requests).map(([id, schema]): [string, JsonObject] => {
        const made = withoutIdentity(schema);
        const kind = NULLS.get(id) ?? "none";
        return [id, kind === "none" ? made : withNulls(made, kind)];
      }),
    ),
    ...Object.fromEntries(Object.entries(answers).map(([id, schema]) => [id, withoutIdentity(schema)])),
  };
  return Object.fromEntries(
    Object.entries(components).map(([id, schema]) => [id, withMeanings(schema, id)]),
  );
}

/**
 * A query parameter's or a header's schema: what its text is read as, where JSON Schema can say that (a number), else
 * what the text must be.
 *
 * @param schema What validates it.
 * @returns JSON Schema.
 */
export function parameterSchema(schema: z.ZodType): JsonObject {
  const read = withoutIdentity(
    z.toJSONSchema(schema, { io: "output", unrepresentable: "any", override: readable }),
  );
  if ("type" in read || "enum" in read) return read;
  return withoutIdentity(z.toJSONSchema(schema, { io: "input", override: readable }));
}
