/**
 * Text cut to the size that a chat service takes.
 *
 * Owns the cutting. It must never take apart what belongs together: a character of two halves, or an escape and what it
 * escapes. Sizes are counted in UTF-16 units, which is never less than what a service counts.
 *
 * @module
 */

/** Takes a text apart into pieces that must not be cut, each escaped as its service wants it. */
export type Escape = (text: string) => readonly string[];

/**
 * As much of a text as fits.
 *
 * @param pieces The text in pieces that must not be cut.
 * @param chars_max How much fits, in UTF-16 units, at least 1.
 * @returns The whole text, or its beginning and "…".
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { clip } from "./clip.ts";
 * assertEquals(clip(["a", "&amp;", "b"], 7), "a&amp;b");
 * assertEquals(clip(["a", "&amp;", "b"], 6), "a…");
 * ```
 */
export function clip(pieces: readonly string[], chars_max: number): string {
  let text = "";
  let beginning = "";
  for (const piece of pieces) {
    if (text.length + piece.length > chars_max) return `${beginning}…`;
    text += piece;
    if (text.length < chars_max) beginning = text;
  }
  return text;
}

/**
 * Lines that fit together: if they are too long, each gets an equal share, so that none is left out.
 *
 * @param lines The lines, few enough for a share to say something.
 * @param chars_max How much fits, in UTF-16 units.
 * @param escape How the service wants text.
 * @returns The lines as one text.
 */
export function clipLines(lines: readonly string[], chars_max: number, escape: Escape): string {
  const pieces = lines.map(escape);
  const whole = pieces.map((line) => line.join("")).join("\n");
  if (whole.length <= chars_max) return whole;
  const share = Math.floor((chars_max - lines.length + 1) / lines.length);
  return pieces.map((line) => clip(line, share)).join("\n");
}
