/**
 * IP addresses in text: exactly where they are.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ipAddresses, isIpv6Address } from "../../../lib/privacy/ip_addresses.ts";
import { PASSING } from "./personal_data_arbitraries.ts";

function foundIn(text: string): string[] {
  return Array.from(ipAddresses(text), ({ start, end }) => text.slice(start, end));
}

Deno.test("ipAddresses() finds IPv4 addresses without what is around them", () => {
  const cases: [string, string[]][] = [
    ["10.0.0.1", ["10.0.0.1"]],
    ["from 10.0.0.1.", ["10.0.0.1"]],
    ["10.0.0.1, 10.0.0.2", ["10.0.0.1", "10.0.0.2"]],
    ["http://10.0.0.1:8080/x", ["10.0.0.1"]],
    ["//jane@10.0.0.1/", ["10.0.0.1"]],
    ["10.0.0.0/8", ["10.0.0.0"]],
    ["10.0.0.1-10.0.0.9", ["10.0.0.1", "10.0.0.9"]],
    ["ip=10.0.0.1&x", ["10.0.0.1"]],
    ["ip_10.0.0.1_x", ["10.0.0.1"]],
    ["来自10.0.0.1的访问", ["10.0.0.1"]],
    ["...10.0.0.1...", ["10.0.0.1"]],
    ["010.001.000.009", ["010.001.000.009"]],
    ["255.255.255.255", ["255.255.255.255"]],
    ["256.255.255.255", []],
    ["10.0.0.256", []],
    ["10.0.0.1.5", []],
    ["5.10.0.0.1", []],
    ["10.0.0.1a", []],
    ["é10.0.0.1", []],
    ["10.0.0", []],
    ["10.0.0.", []],
    ["10..0.0.1", []],
    ["1000.0.0.1", []],
  ];
  for (const [text, expected] of cases) assertEquals(foundIn(text), expected, text);
  for (const text of PASSING) assertEquals(foundIn(text), [], text);
});

Deno.test("ipAddresses() finds IPv6 addresses without what is around them", () => {
  const cases: [string, string[]][] = [
    ["2001:db8::1", ["2001:db8::1"]],
    ["2001:DB8:0:0:0:0:0:1", ["2001:DB8:0:0:0:0:0:1"]],
    ["::1", ["::1"]],
    ["at ::1.", ["::1"]],
    ["2001:db8::", ["2001:db8::"]],
    ["2001:db8::/32", ["2001:db8::"]],
    ["[2001:db8::1]:443", ["2001:db8::1"]],
    ["http://[fe80::1%25eth0]/", ["fe80::1"]],
    ["fe80::abcd%eth0", ["fe80::abcd"]],
    ["ip:2001:db8::1:refused", ["2001:db8::1"]],
    ["at 2001:db8::1: refused", ["2001:db8::1"]],
    [":2001:db8::1", ["2001:db8::1"]],
    ["Foo:::1", ["::1"]],
    ["来自2001:db8::1的", ["2001:db8::1"]],
    ["fdaa::bbcc:dd", ["fdaa::bbcc:dd"]],
    ["64:ff9b::10.0.0.1", ["10.0.0.1", "64:ff9b::10"]],
    ["0:0:0:0:0:ffff:10.0.0.1", ["0:0:0:0:0:ffff:10.0.0.1"]],
    ["1:2:3:4:5:6:7:8", ["1:2:3:4:5:6:7:8"]],
    ["1:2:3:4:5:6:7::", ["1:2:3:4:5:6:7::"]],
    ["1:2:3:4:5:6:7", []],
    ["1:2:3:4:5:6:7:8:9", []],
    ["1:2:3:4:5:6:7::8", []],
    ["1::2::3", []],
    ["12345::1", []],
    ["x2001:db8:1", []],
    ["Klasse::1", []],
    ["Класс::1", []],
    ["beef::face", []],
    ["a::", []],
  ];
  for (const [text, expected] of cases) assertEquals(foundIn(text), expected, text);
});

Deno.test("isIpv6Address() judges a whole text", () => {
  for (const text of ["::", "::1", "a::b", "1:2:3:4:5:6:7:8", "1::8", "ABCD::"]) {
    assertEquals(isIpv6Address(text), true, text);
  }
  const others = [
    "",
    ":",
    ":::",
    "1",
    "1:2",
    ":1::2",
    "1::2:",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "[::1]",
    "::1%1",
    "::10.0.0.1",
  ];
  for (const text of others) assertEquals(isIpv6Address(text), false, text);
});

Deno.test("isIpv6Address() agrees with the URL parser", () => {
  const group = fc.constantFrom("", "", "0", "1", "ab", "FFFF", "12345", "g");
  fc.assert(
    fc.property(
      fc.array(group, { minLength: 1, maxLength: 10 }).map((groups) => groups.join(":")),
      (text) => {
        assertEquals(isIpv6Address(text), URL.canParse(`http://[${text}]/`));
      },
    ),
    { numRuns: 3000 },
  );
});
