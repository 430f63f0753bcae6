/**
 * Personal data as a whole: found wherever it is, told without being told, taken out of text.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import {
  findPersonalData,
  isPersonalKey,
  PERSONAL_KEYS,
  type PersonalDataKind,
  personalTextKind,
  stripQuery,
} from "../../../lib/privacy/personal_data.ts";
import { encodedTimes, PASSING, surroundings, tokens } from "./personal_data_arbitraries.ts";

Deno.test("personalTextKind() lets pass what is none", () => {
  for (const text of PASSING) assertEquals(personalTextKind(text), null, text);
});

Deno.test("personalTextKind() decodes before it looks", () => {
  const cases: [string, PersonalDataKind][] = [
    ["/u/jane@example.com", "email_address"],
    ["/u/jane%40example.com", "email_address"],
    ["/u/jane%2540example.com", "email_address"],
    [`/u/${encodedTimes("jane@example.com", 50)}`, "email_address"],
    ["/u/%6a%61%6e%65%40%65%78%61%6d%70%6c%65%2e%63%6f%6d", "email_address"],
    ["100% jane%40example.com %zz", "email_address"],
    ["jos%E9%40example.com", "email_address"],
    ["jane%EF%BC%A0example.com", "email_address"],
    ["jane％40example.com", "email_address"],
    ["jane%EF%BC%8540example.com", "email_address"],
    ["from%2010.0.0.1", "ip_address"],
    ["from%3A10%2E0%2E0%2E1", "ip_address"],
    ["%5B2001%3Adb8%3A%3A1%5D", "ip_address"],
    ["4111%201111%201111%201111", "card_number"],
    ["4111+1111+1111+1111", "card_number"],
    // Whole as it stands, no longer whole when decoded: a reader of the text sees it all the same.
    ["10.0.0.1%2E5", "ip_address"],
  ];
  for (const [text, kind] of cases) assertEquals(personalTextKind(text), kind, text);
});

Deno.test("personalTextKind() sees through wide and invisible characters", () => {
  const cases: [string, PersonalDataKind][] = [
    ["jane＠example.com", "email_address"],
    ["ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "email_address"],
    ["jane@example。com", "email_address"],
    ["jane\u200b@exam\u00adple.com", "email_address"],
    ["１０．０．０．１", "ip_address"],
    ["10\u20240\u20240\u20241", "ip_address"],
    ["２００１：ｄｂ８：：１", "ip_address"],
    ["4111\u00a01111\u00a01111\u00a01111", "card_number"],
    ["4111\u20111111\u20111111\u20111111", "card_number"],
    ["𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏", "card_number"],
  ];
  for (const [text, kind] of cases) assertEquals(personalTextKind(text), kind, text);
});

Deno.test("personalTextKind() finds every whole token among words, however often it is encoded", () => {
  const times = fc.integer({ min: 0, max: 4 });
  fc.assert(
    fc.property(tokens, surroundings, times, fc.boolean(), ({ token, kind }, [before, after], n, all) => {
      const text = all ? encodedTimes(before + token + after, n) : before + encodedTimes(token, n) + after;
      assertEquals(personalTextKind(text), kind, text);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("PERSONAL_KEYS are all refused, however they are written", () => {
  assertEquals(PERSONAL_KEYS.length, 48);
  assertEquals(new Set(PERSONAL_KEYS).size, PERSONAL_KEYS.length);
  for (const key of PERSONAL_KEYS) {
    const [head, tail] = [key.slice(0, 1), key.slice(1)];
    const spellings = [
      key,
      key.toUpperCase(),
      `${head}_${tail}`,
      `${head}-${tail}`,
      `${head} ${tail}`,
      `${head}.${tail}`,
    ];
    spellings.push(
      `${head}:${tail}`,
      `${head}/${tail}`,
      `$${key}`,
      ` ${key} `,
      `_${key}_`,
      `${head}%5F${tail}`,
      `${head}%255f${tail}`,
    );
    for (const spelling of spellings) assert(isPersonalKey(spelling), spelling);
    assertFalse(isPersonalKey(`${key}x`), key);
  }
  for (const key of ["userId", "X-Forwarded-For", "User-Agent", "first_name", "api key", "ｕｓｅｒ"]) {
    assert(isPersonalKey(key), key);
  }
});

Deno.test("isPersonalKey() lets pass what only resembles one", () => {
  const keys = [
    "",
    "users",
    "user_count",
    "ship",
    "zipper",
    "goal_id",
    "site_id",
    "webhook_id",
    "plan",
    "tokens_used",
    "path",
    "name",
    "__proto__",
    "constructor",
  ];
  for (const key of keys) assertFalse(isPersonalKey(key), key);
});

Deno.test("findPersonalData() points at the place", () => {
  const cases: [unknown, string, PersonalDataKind][] = [
    ["jane@example.com", "", "email_address"],
    [{ a: ["x", "10.0.0.1"] }, "/a/1", "ip_address"],
    [{ a: { b: [{ c: "4111111111111111" }] } }, "/a/b/0/c", "card_number"],
    [{ "a/b": { "m~n": "::1" } }, "/a~1b/m~0n", "ip_address"],
    [{ "": "::1" }, "/", "ip_address"],
    [{ props: { "User-ID": 7 } }, "/props/User-ID", "personal_key"],
    [{ props: { user_id: null } }, "/props/user_id", "personal_key"],
    [{ session: { anything: 1 } }, "/session", "personal_key"],
    [{ list: [[], [{ email: "" }]] }, "/list/1/0/email", "personal_key"],
    [JSON.parse('{"__proto__":{"ip":1}}'), "/__proto__/ip", "personal_key"],
  ];
  for (const [value, path, kind] of cases) {
    assertEquals(findPersonalData(value), { path, kind }, JSON.stringify(value));
    assertEquals(findPersonalData(value, "/events/3"), { path: `/events/3${path}`, kind });
  }
});

Deno.test("findPersonalData() tells the first of several, in the order of the document", () => {
  const found = findPersonalData({ a: "fine", b: { c: "::1" }, d: "jane@example.com" });
  assertEquals(found, { path: "/b/c", kind: "ip_address" });
});

Deno.test("findPersonalData() points at the object when the key itself is personal data", () => {
  assertEquals(findPersonalData({ props: { "jane@example.com": 1 } }), {
    path: "/props",
    kind: "email_address",
  });
  assertEquals(findPersonalData({ "jane%40example.com": 1 }), { path: "", kind: "email_address" });
  assertEquals(findPersonalData({ details: { a: { "host 10.0.0.1": { b: 1 } } } }), {
    path: "/details/a",
    kind: "ip_address",
  });
});

Deno.test("findPersonalData() never tells what it found", () => {
  fc.assert(fc.property(tokens, surroundings, fc.boolean(), ({ token, kind }, [before, after], as_key) => {
    const text = before + token + after;
    const found = findPersonalData({ list: [{ props: as_key ? { [text]: 1 } : { note: text } }] });
    assertEquals(found, { path: as_key ? "/list/0/props" : "/list/0/props/note", kind });
  }));
});

Deno.test("findPersonalData() leaves numbers, booleans and null alone", () => {
  assertEquals(findPersonalData({ a: 4111111111111111, b: [true, null, 1.5] }), null);
  for (const value of [null, undefined, 7, true, [], {}]) assertEquals(findPersonalData(value), null);
});

Deno.test("findPersonalData() takes any depth", () => {
  const depth = 200_000;
  let deep: unknown = "10.0.0.1";
  for (let level = 0; level < depth; level++) deep = [deep];
  const found = findPersonalData(deep);
  assertEquals(found?.kind, "ip_address");
  assertEquals(found?.path.length, 2 * depth);
});

Deno.test("stripQuery() cuts query string and fragment off", () => {
  const cases: [string, string][] = [
    ["/a/b", "/a/b"],
    ["/a?b=c", "/a"],
    ["/a#b", "/a"],
    ["/a?b#c", "/a"],
    ["/a#b?c", "/a"],
    ["?a", ""],
    ["", ""],
    ["https://example.com/a?b", "https://example.com/a"],
    ["/a%3Fb", "/a%3Fb"],
  ];
  for (const [path, expected] of cases) assertEquals(stripQuery(path), expected, path);
});
