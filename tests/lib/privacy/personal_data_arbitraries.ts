/**
 * Personal data made up at random, what resembles it, and how it is encoded.
 *
 * @module
 */
import fc from "fast-check";

const alphanumeric = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789");
const letters = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzéжब한"),
  minLength: 2,
  maxLength: 8,
});
const label = fc.string({ unit: alphanumeric, minLength: 1, maxLength: 12 });

/** E-mail addresses: local parts as providers give them out, domains of any script. */
const emailArbitrary: fc.Arbitrary<string> = fc.tuple(
  fc.string({
    unit: fc.oneof({ weight: 6, arbitrary: alphanumeric }, fc.constantFrom("_", "+", "-", "é", "ж")),
    minLength: 1,
    maxLength: 12,
  }),
  fc.array(label, { minLength: 1, maxLength: 3 }),
  letters.filter((domain) =>
    !/^(?:png|gif|svg|ico|css|mjs|htm|php|xml|txt|pdf|ttf|jpe?g|webp|avif|json|html|webm|woff)$/.test(domain)
  ),
).map(([local, labels, top]) => `${local}@${[...labels, top].join(".")}`);

/** IPv4 and IPv6 addresses, without those that read like names (`a::b`, `::`). */
const ipArbitrary: fc.Arbitrary<string> = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((address) => !/^[a-f]*::[a-f]*$/i.test(address)),
);

/** The digits with the one that makes the whole pass the Luhn check. */
function withCheckDigit(digits: string): string {
  let sum = 0;
  [...digits].reverse().forEach((digit, index) => {
    const weighted = index % 2 === 0 ? Number(digit) * 2 : Number(digit);
    sum += weighted > 9 ? weighted - 9 : weighted;
  });
  return digits + String((10 - (sum % 10)) % 10);
}

const issuers = fc.constantFrom<[string, number]>(
  ...([["4", 13], ["4", 16], ["4", 19], ["51", 16], ["55", 16], ["2221", 16], ["2720", 16], ["34", 15], [
    "37",
    15,
  ]] as const)
    .map(([prefix, length]): [string, number] => [prefix, length]),
  ...([["300", 14], ["305", 14], ["36", 14], ["38", 16], ["3528", 16], ["3589", 16], ["2204", 16]] as const)
    .map(([prefix, length]): [string, number] => [prefix, length]),
  ...([["5018", 16], ["6011", 16], ["622126", 19], ["6304", 18], ["65", 16]] as const)
    .map(([prefix, length]): [string, number] => [prefix, length]),
);

/** Card numbers, in one or in groups. */
const cardArbitrary: fc.Arbitrary<string> = fc.tuple(
  issuers,
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 19, maxLength: 19 }),
  fc.constantFrom("", " ", "-"),
).map(([[prefix, length], filling, separator]) => {
  const digits = withCheckDigit((prefix + filling).slice(0, length - 1));
  return digits.replace(/\d{4}(?=\d)/g, `$&${separator}`);
});

/** Places where a whole token can stand. */
export const surroundings = fc.constantFrom<[string, string]>(
  ["", ""],
  ["call ", " now"],
  ["(", ")"],
  ["<", ">"],
  ['{"a":"', '"}'],
  ["'", "'"],
  ["/u/", "/edit"],
  ["https://example.com/", "?a=1"],
  ["?q=", "&r=2"],
  ["see ", "."],
  ["one\n", "\ntwo"],
  ["a, ", ", b"],
  ["连接 ", "，失败"],
  ["x;", ";y"],
  ["«", "»"],
);

/** A token and what it is found as. */
export const tokens = fc.oneof(
  emailArbitrary.map((token) => ({ token, kind: "email_address" as const })),
  ipArbitrary.map((token) => ({ token, kind: "ip_address" as const })),
  cardArbitrary.map((token) => ({ token, kind: "card_number" as const })),
);

/**
 * Percent-encodes a text.
 *
 * @param text The text.
 * @param times How often; the first time every character that is no letter, so that dots are hidden too.
 * @returns The encoded text.
 */
export function encodedTimes(text: string, times: number): string {
  let encoded = text;
  for (let time = 0; time < times; time++) {
    encoded = encodeURIComponent(encoded).replace(
      /[^A-Za-z0-9%]/g,
      (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
  }
  return encoded;
}

/** What is no personal data, though it resembles it. */
export const PASSING: readonly string[] = [
  ...["", "Signup", "DB::Exception", "12:30:45", "1.2.3", "@2x", "100%", "50 % off", "%", "%zz"],
  ...[
    "std::vector<int>",
    "a::b",
    "Ad::Face",
    "::",
    "Foo::1",
    "f32::EPSILON",
    "u8::MAX",
    "Vec::<T>::new",
    "a::before",
  ],
  ...[
    "00:1a:2b:3c:4d:5e",
    "16:9",
    "1.2.3.4.5",
    "256.1.1.1",
    "v1.2.3.4",
    "x10.0.0.1",
    "10.0.0",
    "10.0.0.1.example",
    "1.3.6.1.4.1",
  ],
  ...[
    "2026-02-25T12:00:00.123456789+01:00",
    "2026-02-25 12:00:00 2026-02-26 12:00:00",
    "20260225120000",
    "1772020800003",
  ],
  ...[
    "icon@2x.png",
    "/img/logo@3x.min.svg",
    "chart@dark.svg",
    "react@18.2.0",
    "@scope/pkg",
    "jquery@3.7.1.min.js",
    "vue@3",
  ],
  ...[
    "@jane",
    "/@jane.doe/post",
    "https://example.com/@jane.doe",
    ".@jane.doe",
    "root@localhost",
    "a@b.c",
    "user@1.2",
    "jane@",
    "@example.com",
  ],
  ...[
    "0.4111111111111111",
    "4111111111111112",
    "411111111111",
    "41111111111111111111",
    "a4111111111111111",
    "4,111,111,111,111,111",
  ],
  ...[
    "550e8400-e29b-41d4-a716-446655440000",
    "1000000000000008",
    "arn:aws:s3:::bucket",
    "0x1::coin::Coin",
    "+49 30 901820",
  ],
  ...["日本語：１２：３０", "naïve café", "…", "½", "💥"],
];
