/**
 * JSON merge patch (RFC 7396), the way a webhook is changed.
 *
 * Owns the rule, for objects only: a document that is no object is refused before. It must never change what it is
 * given.
 *
 * @module
 */
import { validationError } from "./validate.ts";

/** Objects inside objects. A webhook has three levels; 64 KiB could hold ten thousand, more than the stack bears. */
const DEPTH_MAX = 32;

/** A JSON object of unknown content. */
export type JsonObject = { readonly [key: string]: unknown };

/**
 * Tells a JSON object from everything else.
 *
 * @param value Anything.
 * @returns Whether it is an object and neither null nor an array.
 */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Applies a merge patch: null removes, objects merge, everything else (arrays too) replaces.
 *
 * @param target What is patched; left as it is.
 * @param patch What to change.
 * @returns The patched object, without any null the patch brought.
 * @throws {AppError} `validation_failed` for a patch of more than 32 levels.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { mergePatch } from "./merge_patch.ts";
 * assertEquals(mergePatch({ a: 1, b: { c: [1], d: 2 } }, { a: null, b: { c: [] } }), { b: { c: [], d: 2 } });
 * ```
 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  return merge(target, patch, 1);
}

function merge(target: JsonObject, patch: JsonObject, depth: number): JsonObject {
  if (depth > DEPTH_MAX) {
    throw validationError([{ path: "", message: `must have at most ${DEPTH_MAX} levels` }]);
  }
  // A map, so that a key named `__proto__` is a key like any other.
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      merged.delete(key);
    } else if (isJsonObject(value)) {
      const before = merged.get(key);
      merged.set(key, merge(isJsonObject(before) ? before : {}, value, depth + 1));
    } else {
      merged.set(key, value);
    }
  }
  return Object.fromEntries(merged);
}
