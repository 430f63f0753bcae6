/**
 * Finds IP addresses in text.
 *
 * Owns what counts as one *in text*, which is not what counts as one in a URL: that is the outbound guard's. It must
 * never take more than linear time: it reads what strangers sent.
 *
 * @module
 */
import type { Span } from "./span.ts";

/**
 * Characters that make what stands beside them part of a longer word: `v1.2.3.4` is a version. Letters without case (Han,
 * kana, Hangul, Thai, Arabic, …) are not among them: in these scripts words stand together without a space, or
 * particles are attached.
 */
const WORD = String.raw`\p{Lu}\p{Ll}\p{Nd}`;

const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|[01]?\d?\d)`;

/**
 * Four numbers up to 255 with dots between, and neither a fifth nor a letter beside them; six groups of an IPv6 address
 * that ends in them belong to it. Bounded, so linear.
 */
const IPV4 = new RegExp(
  String
    .raw`(?<![${WORD}]|[${WORD}]\.)(?:(?:[0-9a-fA-F]{1,4}:){6})?${OCTET}(?:\.${OCTET}){3}(?![${WORD}]|\.[${WORD}])`,
  "gu",
);

/** A quick look before the thorough one. */
const IPV4_SIGN = /\d\.\d/;

/** What every IPv6 address has: a gap, or eight groups. Bounded, so linear. */
const IPV6_SIGN = /::|(?::[0-9a-f]{1,4}){7}/i;

/**
 * Hexadecimal groups and colons, with no part of a word at either end: all of `2001:db8::1`, the middle of
 * `ip:2001:db8::1:refused`, one colon of `Foo::1`. Linear: a run is tried at the start of a group only, and gives back
 * one colon at most.
 */
const COLON_RUN = new RegExp(`(?<![${WORD}])(?:[0-9a-fA-F]{1,4}(?![${WORD}])|:)+(?![${WORD}])`, "gu");

const HEX_GROUP = /^[0-9a-f]{1,4}$/i;

/** `a::b`, `Ad::Face`, `::` are addresses by the letter, but names and separators in every text that has them. */
const NAME_LIKE = /^[a-f]*::[a-f]*$/i;

/**
 * Whether a whole text is an IPv6 address: groups only, without brackets, zone or port.
 *
 * @param text The text.
 * @returns Whether RFC 4291 would read it as an address.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isIpv6Address } from "./ip_addresses.ts";
 * assert(isIpv6Address("2001:db8::1"));
 * assert(!isIpv6Address("12:30:45"));
 * ```
 */
export function isIpv6Address(text: string): boolean {
  const halves = text.split("::");
  const groups = halves.flatMap((half) => half === "" ? [] : half.split(":"));
  if (!groups.every((group) => HEX_GROUP.test(group))) return false;
  return halves.length === 1 ? groups.length === 8 : halves.length === 2 && groups.length <= 7;
}

/**
 * Finds the IP addresses in a text: in sentences, URLs, brackets, with a port, a zone or a prefix length.
 *
 * `1.2.3`, `1.2.3.4.5`, `v1.2.3.4`, `12:30:45`, `DB::Exception`, `a::b` and hardware addresses of six groups are none. In
 * an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) both readings are found, and they overlap.
 *
 * @param text The text, not encoded in any way.
 * @returns Where they are, IPv4 first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ipAddresses } from "./ip_addresses.ts";
 * assertEquals([...ipAddresses("from 10.0.0.1:80")], [{ start: 5, end: 13 }]);
 * ```
 */
export function* ipAddresses(text: string): Generator<Span> {
  if (IPV4_SIGN.test(text)) {
    for (const match of text.matchAll(IPV4)) {
      yield { start: match.index, end: match.index + match[0].length };
    }
  }
  if (!IPV6_SIGN.test(text)) return;
  for (const match of text.matchAll(COLON_RUN)) {
    const run = match[0];
    // A colon at either end that is not half of a gap is punctuation: `at fe80::1: refused`.
    const from = /^:(?!:)/.test(run) ? 1 : 0;
    const to = run.endsWith(":") && !run.endsWith("::") ? run.length - 1 : run.length;
    const address = run.slice(from, to);
    if (isIpv6Address(address) && !NAME_LIKE.test(address)) {
      yield { start: match.index + from, end: match.index + to };
    }
  }
}
