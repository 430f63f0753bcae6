/**
 * Parts of a text are replaced once each.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { replaceSpans, type Span } from "../../../lib/privacy/span.ts";

Deno.test("replaceSpans() replaces what overlaps, touches or repeats as one", () => {
  const cases: [string, Span[], string][] = [
    ["abcdef", [], "abcdef"],
    ["abcdef", [{ start: 0, end: 6 }], "-"],
    ["abcdef", [{ start: 0, end: 1 }, { start: 5, end: 6 }], "-bcde-"],
    ["abcdef", [{ start: 3, end: 5 }, { start: 1, end: 2 }], "a-c-f"],
    ["abcdef", [{ start: 1, end: 3 }, { start: 3, end: 4 }], "a-ef"],
    ["abcdef", [{ start: 1, end: 5 }, { start: 2, end: 3 }], "a-f"],
    ["abcdef", [{ start: 1, end: 3 }, { start: 1, end: 3 }], "a-def"],
    ["abcdef", [{ start: 0, end: 3 }, { start: 2, end: 4 }, { start: 3, end: 5 }], "-f"],
  ];
  for (const [text, spans, expected] of cases) assertEquals(replaceSpans(text, spans, "-"), expected);
});
