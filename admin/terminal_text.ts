/**
 * Text for a terminal: what is in it can't move the cursor, and how wide it is.
 *
 * Owns the two rules. Names of webhooks, keys and goals are anybody's, so nothing reaches a terminal but through here.
 *
 * @module
 */

/** What moves the cursor, colours the terminal, breaks the line or turns the writing direction. */
const UNSAFE = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/** Longer messages are of no use to a person, and may quote what they failed on. */
const LINE_CHARS_MAX = 500;

/**
 * Escapes what a terminal would act on.
 *
 * @param text Any text.
 * @returns The same with control characters written as `\uXXXX`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { safeText } from "./terminal_text.ts";
 * assertEquals(safeText("red\x1b[31m"), "red\\u001b[31m");
 * ```
 */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * A message as one line: the first of it, whatever its author did.
 *
 * @param text Any text.
 * @returns At most 500 characters without line breaks and without a full stop at the end.
 */
export function oneLine(text: string): string {
  const [first = ""] = text.trimEnd().split(/[\r\n]/);
  const line = safeText(first).replace(/\.$/, "");
  return line.length <= LINE_CHARS_MAX ? line : `${line.slice(0, LINE_CHARS_MAX)}…`;
}

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
 * import { textWidth } from "./terminal_text.ts";
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
 * import { cutText } from "./terminal_text.ts";
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
