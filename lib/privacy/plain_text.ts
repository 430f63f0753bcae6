/**
 * Undoes what hides a token from a reader of text: percent-encoding, wide letters, invisible characters.
 *
 * Owns two foldings, both of linear time. Their results are looked at and thrown away: they must never be stored or sent
 * in the place of what a caller wrote.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const PERCENT = "%".charCodeAt(0);

/** The value of a hexadecimal digit, or -1. */
function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

/**
 * Percent-decodes a text until there is nothing left to decode, however often it was encoded.
 *
 * One pass over the bytes: whenever the last three written are `%` and two digits, the byte they stand for takes their
 * place and may complete the next such triple. Two triples never overlap, so this ends where decoding again and again
 * would. Each step shortens the text: linear time, and no bound on the depth is needed.
 *
 * @param text The text. A `%` without two hexadecimal digits stays as it is.
 * @returns The decoded text; bytes that are no UTF-8 become U+FFFD.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { percentDecodeFully } from "./plain_text.ts";
 * assertEquals(percentDecodeFully("100%25252e5%zz"), "100.5%zz");
 * ```
 */
export function percentDecodeFully(text: string): string {
  if (!text.includes("%")) return text;
  const bytes = encoder.encode(text);
  let length = 0;
  for (const byte of bytes) {
    bytes[length++] = byte; // never ahead of the byte being read
    while (length >= 3 && bytes[length - 3] === PERCENT) {
      const high = hexValue(bytes[length - 2]);
      const low = hexValue(bytes[length - 1]);
      if (high < 0 || low < 0) break;
      length -= 2;
      bytes[length - 1] = high * 16 + low;
    }
  }
  return decoder.decode(bytes.subarray(0, length));
}

/**
 * What is folded: all beyond ASCII but letters without case, marks, and U+00C0 to U+1FFF (accented Latin, Greek, Cyrillic
 * and so on), which stand for nothing but letters and marks in their plainest form too. Of these only the invisible ones.
 */
const FOLDABLE = /[^\p{ASCII}\p{Lo}\p{M}\u{C0}-\u{1FFF}]|\p{Default_Ignorable_Code_Point}/gu;

/** Soft hyphens, zero-width spaces and joiners, byte order marks, directions, variation selectors. */
const INVISIBLE = /^\p{Default_Ignorable_Code_Point}$/u;

/**
 * Writes characters in their plainest form where that could make a token of them (`＠` as `@`, `１` as `1`, `。` as `.`)
 * and drops those that can't be seen.
 *
 * Character by character, because `String.prototype.normalize` on a whole text sorts combining marks, and a long run of
 * those takes it more than linear time (3 s for 64 KiB).
 *
 * @param text The text.
 * @returns The folded text; the same one if it is ASCII.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { foldCharacters } from "./plain_text.ts";
 * assertEquals(foldCharacters("ｊａｎｅ＠example。com"), "jane@example.com");
 * ```
 */
export function foldCharacters(text: string): string {
  return text.replace(FOLDABLE, foldCharacter);
}

function foldCharacter(character: string): string {
  if (character === "。") return "."; // a full stop in domain names too (UTS #46)
  return INVISIBLE.test(character) ? "" : character.normalize("NFKC");
}
