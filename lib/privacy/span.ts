/**
 * Places in a text, and how they are blacked out.
 *
 * Owns offsets only. It must never know what was found there.
 *
 * @module
 */

/** A part of a text: from `start` up to, not including, `end`, in UTF-16 units as `String.prototype.slice` counts. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Replaces parts of a text. Parts that overlap or touch are replaced as one.
 *
 * @param text The text.
 * @param spans The parts, in any order.
 * @param replacement What is put in the place of each.
 * @returns The text without these parts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { replaceSpans } from "./span.ts";
 * assertEquals(replaceSpans("abcdef", [{ start: 1, end: 3 }, { start: 2, end: 4 }], "-"), "a-ef");
 * ```
 */
export function replaceSpans(text: string, spans: readonly Span[], replacement: string): string {
  const inOrder = [...spans].sort((a, b) => a.start - b.start);
  const pieces: string[] = [];
  let replaced_to = -1;
  let kept_from = 0;
  for (const { start, end } of inOrder) {
    if (start > replaced_to) pieces.push(text.slice(kept_from, start), replacement);
    replaced_to = Math.max(replaced_to, end);
    kept_from = replaced_to;
  }
  return pieces.join("") + text.slice(kept_from);
}
