/**
 * The body of a request from a file.
 *
 * Owns its reading as JSON. It must never quote what is in it: it may hold a secret.
 *
 * @module
 */
import { INPUT } from "../lib/limits.ts";
import { WrongUse } from "./failure.ts";

/**
 * Reads a text as JSON.
 *
 * @param text The content.
 * @param name Of the file, for messages.
 * @param bytes_max The most that the call takes.
 * @returns Any JSON value.
 * @throws {WrongUse} If it is none, or too long.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseBody } from "./json_body.ts";
 * assertEquals(parseBody('{"events": []}', "hook.json"), { events: [] });
 * ```
 */
export function parseBody(text: string, name: string, bytes_max: number = INPUT.body_bytes_max): unknown {
  if (new TextEncoder().encode(text).byteLength > bytes_max) {
    throw new WrongUse(`use ${name}: it must be at most ${bytes_max} bytes`);
  }
  try {
    // Editors put a byte order mark at the beginning, which JSON does not know.
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    throw new WrongUse(`use ${name}: it must be JSON`);
  }
}
