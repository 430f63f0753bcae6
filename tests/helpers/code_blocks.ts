/**
 * The code that documents print.
 *
 * Owns finding it. It must never change it: what runs is what is printed.
 *
 * @module
 */

/** A code block of a document. */
export interface CodeBlock {
  readonly code: string;
  /** The text of the comment right before it, or null. */
  readonly marker: string | null;
}

/**
 * Finds the code blocks in one language.
 *
 * @param markdown A document.
 * @param language What stands first after the fence.
 * @returns Them, in their order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { codeBlocks } from "./code_blocks.ts";
 * const markdown = ["<!-- tested: x -->", "", "~~~sh", "ls", "~~~"].join("\n").replaceAll("~", "`");
 * assertEquals(codeBlocks(markdown, "sh"), [{ code: "ls", marker: "tested: x" }]);
 * ```
 */
export function codeBlocks(markdown: string, language: string): CodeBlock[] {
  const found = markdown.matchAll(/(?:<!-- ([^>]*) -->\s*)?^```(\w*)[^\n]*\n([\s\S]*?)\n```$/gm);
  return [...found].filter((match) => match[2] === language)
    .map((match) => ({ code: match[3] ?? "", marker: match[1] ?? null }));
}
