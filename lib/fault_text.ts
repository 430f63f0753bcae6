/**
 * What is wrong with a value, in the words of Tidings: "must …", never the value itself.
 *
 * Owns the texts of all schemas that bring none of their own. Importing this module sets them, once for the process:
 * whoever parses input imports it through `validate.ts`.
 *
 * @module
 */
import { z } from "zod";

/** What zod tells about a fault. */
type Issue = z.core.$ZodRawIssue;

const KINDS: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " entries" };

function boundText(origin: string, words: string, bound: number | bigint): string {
  const unit = UNITS[origin];
  return unit === undefined ? `must be ${words} ${bound}` : `must have ${words} ${bound}${unit}`;
}

/**
 * Puts a fault into words.
 *
 * @param issue What zod found.
 * @returns A text that begins with "must", or undefined to leave it to zod.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { z } from "zod";
 * import "./fault_text.ts";
 * const parsed = z.strictObject({ limit: z.int().max(100) }).safeParse({ limit: 101 });
 * assertEquals(parsed.error?.issues[0]?.message, "must be at most 100");
 * ```
 */
export function faultText(issue: Issue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return "must be given";
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case "too_small":
      return boundText(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return boundText(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    case "invalid_value":
      return issue.values.length === 1
        ? `must be ${JSON.stringify(issue.values[0])}`
        : `must be one of ${issue.values.join(", ")}`;
    case "invalid_format":
      return issue.format === "datetime"
        ? "must be an RFC 3339 date and time with an offset, such as 2026-02-25T12:00:00Z"
        : undefined;
    case "invalid_union":
      return issue.input === undefined ? "must be given" : "must be of another kind";
    default:
      return undefined;
  }
}

z.config({ customError: faultText });
