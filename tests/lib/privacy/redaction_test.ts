/**
 * Personal data is taken out of text: all of it, little else, and from hostile text too.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { findPersonalData, redactPersonalData } from "../../../lib/privacy/personal_data.ts";
import { encodedTimes, tokens } from "./personal_data_arbitraries.ts";

Deno.test("redactPersonalData() replaces what it finds, and as little else as it can", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["nothing here, 100% fine at 12:30:45", "nothing here, 100% fine at 12:30:45"],
    ["ｗｉｄｅ but fine ％41", "ｗｉｄｅ but fine ％41"],
    ["no user jane@example.com.", "no user [removed]."],
    [
      '{"error":"unknown user jane+x@example.com","ip":"10.0.0.1"}',
      '{"error":"unknown user [removed]","ip":"[removed]"}',
    ],
    ["?email=jane@example.com&x=1", "?email=[removed]&x=1"],
    ["<mailto:jane@example.com>", "<mailto:[removed]>"],
    ["a@b.co@c.de", "[removed]"],
    ["10.0.0.1, 10.0.0.2:80", "[removed], [removed]:80"],
    ["[2001:db8::1]:443 refused", "[[removed]]:443 refused"],
    ["::ffff:10.0.0.1", "[removed]"],
    ["at fe80::1%eth0: down", "at [removed]%eth0: down"],
    ["12 × 4111 1111 1111 1111 in 2026", "12 × [removed] in 2026"],
    ["/u/jane%40example.com/edit", "/u/[removed]/edit"],
    ["/u/jane%2540example.com/edit?a=1", "/u/[removed]/edit?a=1"],
    ["see jane＠example.com for more", "see [removed] for more"],
    ["/a%2F10.0.0.1 and jane@example.com", "/[removed] and [removed]"],
    ["pay 4111%201111%201111%201111 now", "pay [removed] now"],
    [
      "ｗｉｄｅ, 100%25, jane@example.com, /u/jane%40example.com",
      "ｗｉｄｅ, 100%25, [removed], /u/[removed]",
    ],
    ["a=%40example.com", "a[removed]"],
    ["pay ４１１１ １１１１ １１１１ １１１１ now", "pay [removed] now"],
  ];
  for (const [text, expected] of cases) assertEquals(redactPersonalData(text), expected, text);
});

/** Pieces that are personal data, nearly so, or hide it, in any order. */
const awkwardText = fc.array(
  fc.oneof(
    fc.constantFrom(
      "@",
      ":",
      "::",
      ".",
      "%",
      "%25",
      "%40",
      "%2e",
      "%3A",
      "%20",
      "+",
      "-",
      " ",
      "/",
      "=",
      "[",
      "]",
      "＠",
      "％",
      "。",
      "\u200b",
    ),
    fc.constantFrom(
      "a",
      "b.co",
      "jane",
      "example.com",
      "10.0.0.1",
      "1.2",
      "2001:db8",
      "::1",
      "ffff",
      "4111",
      "1111",
      "4111111111111111",
      "com",
      "[removed]",
      "é",
      "吧",
      "\ud800",
    ),
    fc.string({ maxLength: 3 }),
    tokens.map(({ token }) => token),
    tokens.map(({ token }) => encodedTimes(token, 1)),
  ),
  { maxLength: 14 },
).map((pieces) => pieces.join(""));

Deno.test("redactPersonalData() leaves nothing to find, and what it made as it is", () => {
  let redacted = 0;
  fc.assert(
    fc.property(awkwardText, (text) => {
      const result = redactPersonalData(text);
      assertEquals(findPersonalData(result), null, `${text} became ${result}`);
      assertEquals(redactPersonalData(result), result);
      if (findPersonalData(text) === null) assertEquals(result, text);
      else {
        redacted++;
        assertStringIncludes(result, "[removed]");
      }
    }),
    { numRuns: 5000 },
  );
  assert(redacted > 500, `enough texts had personal data to mean something: ${redacted}`);
});

Deno.test("redactPersonalData() keeps the words around a token", () => {
  fc.assert(fc.property(tokens, ({ token }) => {
    assertEquals(redactPersonalData(`before ${token} after`), "before [removed] after");
  }));
});

/** A quadratic step anywhere would take minutes on these, and the test would not end. */
Deno.test("personal data is looked for in hostile texts of 64 KiB", () => {
  const units = [
    ...[
      "@",
      "a@",
      "@a.",
      "a@b.",
      "a@b.co",
      "a@b.co@",
      ".@",
      "-@",
      "=@",
      "jane@x..",
      "a.",
      "a-",
      "a",
      ".",
      "/",
      "%/",
    ],
    ...[
      ":",
      "::",
      ":::",
      "1:",
      "a:",
      "g:",
      "1::",
      "::1 ",
      "f:f:f:f:f:f:f:g",
      "1.",
      "255.",
      "1.1.1.1.",
      "10.0.0.1 ",
      "10.0.0.1",
    ],
    ...["%", "%2", "%25", "%2525", "%40", "%31", "%%32%35", "%4%30", "%EF%BC%85", "％", "％25", "%C3", "%00"],
    ...[
      "1",
      "4",
      "4 ",
      "4111 ",
      "4111-",
      "-",
      "+",
      "1   ",
      "4111 1111 1111 1111 ",
      `${"4".repeat(19)} `,
      "0.4",
    ],
    ...["＠", "。", "é", "吧", "\u0301", "\u0301\u0316", "\u200b", "\ufdfa", "\ud800", "[", '{"', " "],
  ];
  for (const unit of units) {
    for (const end of ["", "@x", "%40", "::1", " jane@example.com"]) {
      const text = unit.repeat(Math.ceil(65_536 / unit.length)) + end;
      const found = findPersonalData([text]);
      assertEquals(redactPersonalData(text) === text, found === null, `${unit}…${end}`);
      if (end.includes("jane")) assertNotEquals(found, null, unit);
    }
  }
});
