/**
 * How wide a text is in a terminal.
 *
 * Owns the measure, for tables. It must never be part of the service, whose start would wait for its large expressions.
 *
 * @module
 */

const GRAPHEMES = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Two columns wide in a terminal: emoji, and the blocks of UAX #11 (East Asian Width: Wide and Fullwidth). */
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}])|\ufe0f/u;
/** No column at all when they stand alone. */
const WIDTHLESS = /^[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]+$/u;
const ASCII = /^[\x20-\x7e]*$/;

function graphemeWidth(grapheme: string): number {
  if (WIDTHLESS.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/**
 * How many columns of a terminal a text takes.
 *
 * @param text Text without control characters.
 * @returns Columns; what a terminal really does with rare scripts and joined emoji is its own affair.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { textWidth } from "./text_width.ts";
 * assertEquals([textWidth("bücher"), textWidth("e\u0301"), textWidth("例え")], [6, 1, 4]);
 * ```
 */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += graphemeWidth(segment);
  return width;
}

/**
 * Cuts a text to a width.
 *
 * @param text Text without control characters.
 * @param width_max Columns, at least 1.
 * @returns The text, or as much of its beginning as fits before a `…`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cutText } from "./text_width.ts";
 * assertEquals([cutText("webhook", 7), cutText("webhook", 5), cutText("例え", 3)], ["webhook", "webh…", "例…"]);
 * ```
 */
export function cutText(text: string, width_max: number): string {
  if (textWidth(text) <= width_max) return text;
  let kept = "";
  let width = 1; // of the …
  for (const { segment } of GRAPHEMES.segment(text)) {
    width += graphemeWidth(segment);
    if (width > width_max) break;
    kept += segment;
  }
  return `${kept}…`;
}
