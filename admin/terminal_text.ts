/**
 * Text for a terminal: what is in it can't move the cursor.
 *
 * Owns that rule. Names of webhooks, keys and goals are anybody's, so nothing reaches a terminal but through here.
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
