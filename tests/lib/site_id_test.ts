/**
 * The id of a site: what is one, what its one spelling is, how it is written in paths.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { encodeSiteId, parseSiteId, siteIdSchema } from "../../lib/site_id.ts";

Deno.test("parseSiteId() gives every id one spelling", () => {
  const cases: [string, string][] = [
    ["example.com", "example.com"],
    ["EXAMPLE.com", "example.com"],
    ["example.com:8080/Blog/a_b-c", "example.com:8080/blog/a_b-c"],
    ["cafe\u0301.example", "caf\u00e9.example"],
    ["CAFE\u0301.example", "caf\u00e9.example"],
    ["\u212Aelvin.example", "kelvin.example"],
    ["ПРИМЕР.РФ", "пример.рф"],
    ["例え.テスト", "例え.テスト"],
    ["उदाहरण.भारत", "उदाहरण.भारत"],
    ["ตัวอย่าง.ไทย", "ตัวอย่าง.ไทย"],
    ["مثال.إختبار", "مثال.إختبار"],
    ["a", "a"],
    ["7", "7"],
    ["2024", "2024"],
    ["２０２４", "２０２４"],
    ["I\u0307\u0327.example", "i\u0327\u0307.example"],
    ["localhost", "localhost"],
    ["a..b", "a..b"],
    ["a/.well-known", "a/.well-known"],
    ["a/...", "a/..."],
    ["site-1.2.3", "site-1.2.3"],
  ];
  for (const [text, site_id] of cases) assertEquals(parseSiteId(text), { ok: true, site_id }, text);
});

Deno.test("parseSiteId() counts characters of the one spelling, not code units", () => {
  const deseret = "\u{10428}"; // two code units
  const cases: [string, boolean][] = [
    ["", false],
    ["a".repeat(253), true],
    ["a".repeat(254), false],
    [deseret.repeat(253), true],
    [deseret.repeat(254), false],
    ["e\u0301".repeat(253), true],
    ["e\u0301".repeat(254), false],
  ];
  for (const [text, ok] of cases) {
    const result = parseSiteId(text);
    assertEquals(result.ok, ok, `${text.slice(0, 2)} × ${text.length}`);
    if (!result.ok) assertStringIncludes(result.message, "1 to 253 characters");
  }
  // Not counted to the end: composing that many marks would take minutes.
  const result = parseSiteId("\u0301\u0316".repeat(100_000));
  assertEquals(result, {
    ok: false,
    message: "must be 1 to 253 characters, current length is more than 253",
  });
});

Deno.test("parseSiteId() refuses other characters", () => {
  const texts = [
    "a b",
    "a%2fb",
    "a?b",
    "a#b",
    "a@b",
    "a\\b",
    "[a]",
    "a\u0000",
    "a\n",
    "a\u200b",
    "\ud800",
    "💥.example",
    "*",
    "a,b",
    "ⅷ",
  ];
  for (const text of texts) {
    const result = parseSiteId(text);
    assertFalse(result.ok, text);
    if (!result.ok) assertStringIncludes(result.message, "letters, digits and - . / : _", text);
  }
});

Deno.test("parseSiteId() refuses segments that a URL would resolve away", () => {
  for (const text of [".", "..", "a/..", "../a", "a/../b", "a/./b", "./a", "a/."]) {
    assertEquals(parseSiteId(text), { ok: false, message: "must not have a . or .. segment" }, text);
  }
});

Deno.test("parseSiteId() refuses IP addresses in every spelling", () => {
  const addresses = [
    "10.0.0.1",
    "255.255.255.255",
    "010.000.000.001",
    "10.0.0.1.",
    "127.1",
    "0x7f.1",
    "0X7F.0.0.1",
    "0x7f000001",
    "１２７.0.0.1",
    "::1",
    "::",
    "a::b",
    "ａ::ｂ",
    "2001:db8::1",
    "2001:DB8:0:0:0:0:0:1",
    "::ffff:10.0.0.1",
  ];
  const around = [(a: string) => a, (a: string) => `${a}/blog`, (a: string) => `example.com/${a}`];
  for (const address of addresses) {
    assertEquals(
      parseSiteId(address),
      { ok: false, message: "must not be or contain an IP address" },
      address,
    );
    assertFalse(parseSiteId(`${address}/blog`).ok, address);
  }
  for (const place of around) {
    for (const address of ["10.0.0.1", "2001:db8::1"]) {
      assertFalse(parseSiteId(place(address)).ok, place(address));
    }
  }
  for (const text of ["10.0.0.1:80", "127.1:8080/x", "0x7f.1/x"]) assertFalse(parseSiteId(text).ok, text);
});

Deno.test("parseSiteId() takes names that only resemble IP addresses", () => {
  const names = [
    "1.2.3.4.5",
    "300.1.2.3",
    "v1.2.3.4",
    "1.2.3.4.example",
    "example.1",
    "12:30:45",
    "0xyz",
    "3com.example",
  ];
  for (const text of names) assert(parseSiteId(text).ok, text);
});

Deno.test("parseSiteId() refuses card numbers and tells nothing of the id in its messages", () => {
  for (const text of ["4111111111111111", "shop/4111-1111-1111-1111", "10.66.77.88", "jane@example.com"]) {
    const result = parseSiteId(text);
    assertFalse(result.ok, text);
    if (!result.ok) {
      for (const part of ["4111", "66", "jane"]) assertFalse(result.message.includes(part), text);
    }
  }
});

/** Mostly what is allowed, so that many pass. */
const idLike = fc.string({
  unit: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(..."abcXYZ019-./:_") },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "é",
        "e\u0301",
        "İ",
        "ß",
        "Σ",
        "Ω",
        "\u212B",
        "한",
        "ह",
        "\u093f",
        "ǅ",
        "\u0345",
      ),
    },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }) },
  ),
  maxLength: 30,
});

Deno.test("parseSiteId() leaves its own result as it is", () => {
  let taken = 0;
  fc.assert(
    fc.property(idLike, (text) => {
      const first = parseSiteId(text);
      if (!first.ok) return;
      taken++;
      assertEquals(parseSiteId(first.site_id), first);
      assertEquals(first.site_id, first.site_id.normalize("NFC"));
      assertEquals(parseSiteId(text.normalize("NFC")), first);
      assertEquals(parseSiteId(text.normalize("NFD")), first);
    }),
    { numRuns: 2000 },
  );
  assert(taken > 100, `enough ids were taken to mean something: ${taken}`);
});

Deno.test("encodeSiteId() makes one segment of visible ASCII that decodes to the id", () => {
  assertEquals(encodeSiteId("example.com:80/a_b"), "example.com%3A80%2Fa_b");
  fc.assert(
    fc.property(idLike, (text) => {
      const result = parseSiteId(text);
      if (!result.ok) return;
      const encoded = encodeSiteId(result.site_id);
      assertMatch(encoded, /^[\x21-\x7e]+$/);
      assertFalse(encoded.includes("/"));
      assertEquals(decodeURIComponent(encoded), result.site_id);
      // A URL leaves the segment alone, whatever it is.
      assertEquals(
        new URL(`http://h/v1/sites/${encoded}/webhooks`).pathname,
        `/v1/sites/${encoded}/webhooks`,
      );
    }),
    { numRuns: 2000 },
  );
});

Deno.test("siteIdSchema gives the one spelling, or says what is wrong", () => {
  assertEquals(siteIdSchema.parse("Example.COM"), "example.com");
  const refused = siteIdSchema.safeParse("10.0.0.1");
  assertEquals(refused.error?.issues.map(({ message }) => message), ["must not be or contain an IP address"]);
  assertFalse(siteIdSchema.safeParse(7).success);
});
