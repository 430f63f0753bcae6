/**
 * Changing only what one has seen: entity tags and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1).
 *
 * Owns how a tag is made and compared. It must be judged inside the transaction that makes the change, or two writers
 * who saw the same could both win.
 *
 * @module
 */
import { AppError } from "./errors.ts";

/** What has a tag: every change makes `updated_at` larger. */
interface Changing {
  readonly updated_at: number;
}

/**
 * The tag of a resource as it is.
 *
 * @param resource The resource.
 * @returns A strong entity tag, with its quotes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { etagOf } from "./etag.ts";
 * assertEquals(etagOf({ updated_at: 35 }), '"z"');
 * ```
 */
export function etagOf({ updated_at }: Changing): string {
  return `"${updated_at.toString(36)}"`;
}

/**
 * The `updated_at` of a change made now: larger than the one before, even within a millisecond or by a clock behind the
 * one that made the change before.
 *
 * @param before The resource as it is.
 * @param now_ms The time.
 * @returns Milliseconds.
 */
export function nextUpdate(before: Changing, now_ms: number): number {
  return Math.max(now_ms, before.updated_at + 1);
}

/**
 * Refuses a change of something that its caller has not seen as it is.
 *
 * @param if_match The `If-Match` header as received; null for none. A weak tag matches nothing.
 * @param resource The resource as it is.
 * @throws {AppError} `precondition_failed`.
 */
export function assertMatch(if_match: string | null, resource: Changing): void {
  if (if_match === null) return;
  // A comma inside a tag would be cut here; no tag of ours has one, and what is left over of a foreign one is none.
  const given = if_match.split(",").map((tag) => tag.trim());
  if (given.includes("*") || given.includes(etagOf(resource))) return;
  throw new AppError(
    "precondition_failed",
    "Cannot change it: it is not what If-Match says any more; read it again and decide anew",
  );
}
