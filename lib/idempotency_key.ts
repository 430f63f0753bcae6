/**
 * Idempotency keys, from a header or from an item of a batch.
 *
 * @module
 */
import { z } from "zod";
import { INPUT } from "./limits.ts";
import { validationError } from "./validate.ts";

const message = `must have 1 to ${INPUT.idempotency_key_chars_max} visible ASCII characters`;

/** What a key may be, without the quotes it may come in. */
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]+$/, message)
  .max(INPUT.idempotency_key_chars_max, message);

/**
 * Parses a key.
 *
 * @param text As given; `"k"` in quotes (the form of a structured field, RFC 8941) equals `k`.
 * @param path Where it was, for the error.
 * @returns The key.
 * @throws {AppError} `validation_failed`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseIdempotencyKey } from "./idempotency_key.ts";
 * assertEquals(parseIdempotencyKey('"signup-1"', "/Idempotency-Key"), "signup-1");
 * ```
 */
export function parseIdempotencyKey(text: string, path: string): string {
  const key = /^"(.*)"$/.exec(text)?.[1] ?? text;
  if (idempotencyKeySchema.safeParse(key).success) return key;
  throw validationError([{ path, message }]);
}
