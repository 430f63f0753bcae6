/**
 * E-mail addresses in text: exactly where they are.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { emailAddresses } from "../../../lib/privacy/email_addresses.ts";
import { PASSING } from "./personal_data_arbitraries.ts";

function foundIn(text: string): string[] {
  return Array.from(emailAddresses(text), ({ start, end }) => text.slice(start, end));
}

Deno.test("emailAddresses() finds addresses without what is around them", () => {
  const cases: [string, string[]][] = [
    ["jane@example.com", ["jane@example.com"]],
    ["to jane.doe+tag@mail.example.co.uk, please", ["jane.doe+tag@mail.example.co.uk"]],
    ["Jane <jane@example.com>; Joe <joe@example.org>", ["jane@example.com", "joe@example.org"]],
    ["write to jane@example.com.", ["jane@example.com"]],
    ["jane@example.com...", ["jane@example.com"]],
    ["(jane@example.com)", ["jane@example.com"]],
    ["mailto:jane@example.com?subject=x", ["jane@example.com"]],
    ["/u/jane@example.com/edit", ["jane@example.com"]],
    ["?a=jane@example.com&b=1", ["jane@example.com"]],
    ["https://jane:pw@example.com/", ["pw@example.com"]],
    ["@jane@social.example", ["jane@social.example"]],
    ["j@x.io", ["j@x.io"]],
    ["1234@163.com", ["1234@163.com"]],
    ["josé@exämple.fr", ["josé@exämple.fr"]],
    ["иван@пример.рф", ["иван@пример.рф"]],
    ["用户@例子.中国", ["用户@例子.中国"]],
    ["jane@xn--e1afmkfd.xn--p1ai", ["jane@xn--e1afmkfd.xn--p1ai"]],
    ["jane@example.com.1", ["jane@example.com"]],
    ["jane@example.com.html", ["jane@example.com"]],
    ["jane@example.png.com", ["jane@example.png.com"]],
    ["jane.@example.com", ["jane.@example.com"]],
    ["a!b#@example.com", ["#@example.com"]],
    ["a@b.co@c.de", ["a@b.co", "b.co@c.de"]],
    ["jane@localhost joe@example.com", ["joe@example.com"]],
    ["jane@..com", []],
    ["jane@.com", []],
    ["jane@example..com", []],
    ["jane@exam_ple.com", []],
    ["jane @example.com", []],
    ["jane@ example.com", []],
  ];
  for (const [text, expected] of cases) assertEquals(foundIn(text), expected, text);
  for (const text of PASSING) assertEquals(foundIn(text), [], text);
});
