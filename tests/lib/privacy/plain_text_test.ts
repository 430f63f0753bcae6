/**
 * Text in its plainest form: decoded to the end, without wide and invisible characters.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { foldCharacters, percentDecodeFully } from "../../../lib/privacy/plain_text.ts";

/** What {@linkcode percentDecodeFully} must come to, the slow way. A character of `text` is a byte. */
function decodeAgainAndAgain(ascii: string): string {
  let text = ascii;
  for (;;) {
    const next = text.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
    if (next === text) return new TextDecoder().decode(Uint8Array.from(text, (byte) => byte.charCodeAt(0)));
    text = next;
  }
}

Deno.test("percentDecodeFully() ends where decoding again and again ends", () => {
  const piece = fc.constantFrom(
    "%",
    "25",
    "%25",
    "2",
    "5",
    "3",
    "4",
    "0",
    "%4",
    "%40",
    "%32%35",
    "x",
    "G",
    "%7e",
    "7E",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join("")), (text) => {
      assertEquals(percentDecodeFully(text), decodeAgainAndAgain(text));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("percentDecodeFully() decodes what it can and leaves the rest", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["plain é", "plain é"],
    ["%", "%"],
    ["%4", "%4"],
    ["%4g%g4%%", "%4g%g4%%"],
    ["%41%4a%4A", "AJJ"],
    ["%25", "%"],
    ["%2525252541", "A"],
    ["%%34%31", "A"],
    ["%4%31", "A"],
    ["caf%C3%A9", "café"],
    ["caf%25C3%25A9", "café"],
    ["%F0%9F%92%A5", "💥"],
    ["jos%E9!", "jos\ufffd!"],
    ["%EF%BB%BFx", "\ufeffx"],
    ["%ud800 \ud800", "%ud800 \ufffd"],
  ];
  for (const [text, expected] of cases) assertEquals(percentDecodeFully(text), expected, text);
});

Deno.test("percentDecodeFully() decodes any number of layers", () => {
  assertEquals(percentDecodeFully(`%${"25".repeat(30_000)}40`), "@");
});

Deno.test("foldCharacters() makes wide characters plain and drops invisible ones", () => {
  const cases: [string, string][] = [
    ["plain text", "plain text"],
    ["ｊａｎｅ＠１２．％：", "jane@12.%:"],
    ["a。b", "a.b"],
    ["a\u00adb\u200bc\ufeffd\u2060e\ufe0ff\u{e0041}g", "abcdefg"],
    ["\u00a0\u2007\u202f", "   "],
    ["²𝟘", "20"],
    ["日本語 हिन्दी ไทย Привет é", "日本語 हिन्दी ไทย Привет é"],
  ];
  for (const [text, expected] of cases) assertEquals(foldCharacters(text), expected, text);
});

Deno.test("foldCharacters() leaves nothing that would be a sign of a token in its plainest form", () => {
  const sign = /[@%:.0-9]/;
  for (let code = 0x80; code <= 0x10ffff; code++) {
    if (code === 0xd800) code = 0xe000;
    const character = String.fromCodePoint(code);
    const plainest = character.normalize("NFKC");
    if (sign.test(plainest)) assertEquals(foldCharacters(character), plainest, code.toString(16));
  }
});
