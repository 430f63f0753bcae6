/**
 * Finds numbers of payment cards in text.
 *
 * Owns what counts as one. It must never take more than linear time: it reads what strangers sent.
 *
 * @module
 */
import type { Span } from "./span.ts";

const DIGITS_MIN = 13;
const DIGITS_MAX = 19;

/**
 * How cards begin and how long they are (ISO/IEC 7812 as the issuers use it). The check digit alone is right for every
 * tenth number; asking for an issuer too lets times in milliseconds and most ids pass. Sequences that begin with 1, such
 * as those times and the ids of large networks, are never cards.
 */
const ISSUERS: readonly { readonly name: string; readonly form: RegExp }[] = [
  { name: "Visa", form: /^4(?:\d{12}|\d{15}|\d{17,18})$/ },
  { name: "Mastercard", form: /^(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}$/ },
  { name: "American Express", form: /^3[47]\d{13}$/ },
  { name: "Diners Club", form: /^(?:30[0-59]|36\d|3[89]\d)\d{11,16}$/ },
  { name: "JCB", form: /^35(?:2[89]|[3-8]\d)\d{12,15}$/ },
  { name: "Mir", form: /^220[0-4]\d{12,15}$/ },
  { name: "Maestro and RuPay", form: /^5[06-8]\d{14,17}$/ },
  { name: "Discover, UnionPay, Maestro and RuPay", form: /^6\d{15,18}$/ },
];

/** Digits in groups, with spaces, `+` (a space in a form) or dashes between them. Each starts where the last ended. */
const DIGIT_RUN = /\d+(?:[ +\-\u2010-\u2015\u2212]{1,3}\d+)*/g;

/** A quick look before the thorough one. Bounded, so linear. */
const ENOUGH_DIGITS = /\d(?:[ +\-\u2010-\u2015\u2212]{0,3}\d){12}/;

/** Lengths of the groups printed on cards; a longer run may have other numbers beside such a sequence. */
const GROUPINGS: readonly (readonly number[])[] = [
  [4, 4, 4, 4],
  [4, 4, 4, 4, 1],
  [4, 4, 4, 4, 2],
  [4, 4, 4, 4, 3],
  [4, 6, 5],
  [4, 6, 4],
];

/** Letters and digits right beside a number make it part of something else. */
const WORD_CHARACTER = /^[\p{Lu}\p{Ll}\p{Nd}]$/u;

interface Group extends Span {
  readonly digits: string;
}

/**
 * Whether digits are a card's number: an issuer's beginning and length, and the right check digit (Luhn).
 *
 * @param digits Digits only.
 * @returns Whether they could be a card.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isCardNumber } from "./card_numbers.ts";
 * assert(isCardNumber("4111111111111111"));
 * assert(!isCardNumber("1772020800003"), "a time in milliseconds with a right check digit");
 * ```
 */
export function isCardNumber(digits: string): boolean {
  if (digits.length < DIGITS_MIN || digits.length > DIGITS_MAX) return false;
  return ISSUERS.some(({ form }) => form.test(digits)) && passesLuhn(digits);
}

/** Every second digit from the right counts double, its own digits added up; all together are a multiple of ten. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index]);
    const weighted = index % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

/**
 * Finds the numbers of cards in a text, written in one or in groups with spaces or dashes between.
 *
 * @param text The text, not encoded in any way.
 * @returns Where they are; some may be found twice.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cardNumbers } from "./card_numbers.ts";
 * assertEquals([...cardNumbers("card 4111-1111-1111-1111")][0], { start: 5, end: 24 });
 * ```
 */
export function* cardNumbers(text: string): Generator<Span> {
  if (!ENOUGH_DIGITS.test(text)) return;
  for (const match of text.matchAll(DIGIT_RUN)) {
    if (match[0].length < DIGITS_MIN) continue;
    const groups = wholeGroups(text, groupsOf(match[0], match.index));
    for (const candidate of candidatesIn(groups)) {
      const [first, last] = [candidate.at(0), candidate.at(-1)];
      if (first && last && isCardNumber(candidate.map(({ digits }) => digits).join(""))) {
        yield { start: first.start, end: last.end };
      }
    }
  }
}

function groupsOf(run: string, run_start: number): Group[] {
  return Array.from(run.matchAll(/\d+/g), ({ 0: digits, index }) => {
    const start = run_start + index;
    return { digits, start, end: start + digits.length };
  });
}

/** Without a first or last group that is part of a longer word (`a716-…`) or of a fraction (`0.411…`). */
function wholeGroups(text: string, groups: readonly Group[]): readonly Group[] {
  const first = groups.at(0);
  const last = groups.at(-1);
  const from = first && isGlued(text[first.start - 1], text[first.start - 2]) ? 1 : 0;
  const to = last && isGlued(text[last.end], text[last.end + 1]) ? groups.length - 1 : groups.length;
  return groups.slice(from, to);
}

function isGlued(neighbour = "", next = ""): boolean {
  return WORD_CHARACTER.test(neighbour) || (/^[.,]$/.test(neighbour) && /^\d$/.test(next));
}

/** All groups together, each alone, and each sequence that is grouped like a card. */
function* candidatesIn(groups: readonly Group[]): Generator<readonly Group[]> {
  if (groups.length <= DIGITS_MAX) yield groups;
  for (const [index, group] of groups.entries()) {
    if (group.digits.length >= DIGITS_MIN) yield [group];
    for (const lengths of GROUPINGS) {
      const sequence = groups.slice(index, index + lengths.length);
      const fits = sequence.length === lengths.length &&
        sequence.every(({ digits }, at) => digits.length === lengths[at]);
      if (fits) yield sequence;
    }
  }
}
