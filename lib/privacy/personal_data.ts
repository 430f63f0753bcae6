/**
 * Tells whether something contains personal data, and takes it out of text.
 *
 * Owns the rule of the contract: IP addresses, e-mail addresses and card numbers in every string and key at any depth,
 * after repeated percent-decoding, and keys that stand for a person. It must never return, log or put into an error what
 * it found: only where, and of which kind.
 *
 * It runs for every event and on what receivers answer, which may be hostile. So all of it takes linear time, without
 * recursion: every regular expression here and in its neighbours is bounded in length, or is one run of a character
 * class that can start in one place only.
 *
 * @module
 */
import { cardNumbers } from "./card_numbers.ts";
import { emailAddresses } from "./email_addresses.ts";
import { ipAddresses } from "./ip_addresses.ts";
import { isPersonalKey } from "./personal_keys.ts";
import { foldCharacters, percentDecodeFully } from "./plain_text.ts";
import { replaceSpans, type Span } from "./span.ts";

export { isPersonalKey, PERSONAL_KEYS } from "./personal_keys.ts";

/** What {@linkcode redactPersonalData} puts in the place of personal data. */
export const REMOVED = "[removed]";

/** What was found. */
export type PersonalDataKind = "ip_address" | "email_address" | "card_number" | "personal_key";

/** What was found in a text; only objects have keys. */
export type PersonalTextKind = Exclude<PersonalDataKind, "personal_key">;

/** Where personal data is, and of which kind; never the data. */
export interface PersonalDataFound {
  /** JSON pointer (RFC 6901). If a key is itself the personal data, that of the object which has it. */
  readonly path: string;
  readonly kind: PersonalDataKind;
}

/** In the order in which they are looked for. */
const FINDERS: readonly {
  readonly kind: PersonalTextKind;
  readonly find: (text: string) => Iterable<Span>;
}[] = [
  { kind: "email_address", find: emailAddresses },
  { kind: "ip_address", find: ipAddresses },
  { kind: "card_number", find: cardNumbers },
];

/** A text with none of these has no personal data: most strings are done here. */
const WORTH_A_LOOK = /[@%:\d]|\P{ASCII}/u;

/**
 * How often characters are folded and decoded in turns. Decoding alone is complete in one turn; it takes another only
 * when folding brings a `%` to light (`％`), and each further one takes a text several times as long.
 */
const TURNS_MAX = 8;

/** The text as it is read, then plainer and plainer. */
function* readingsOf(text: string): Generator<string> {
  let reading = foldCharacters(text);
  yield reading;
  for (let turn = 0; turn < TURNS_MAX && reading.includes("%"); turn++) {
    const plainer = foldCharacters(percentDecodeFully(reading));
    if (plainer === reading) return;
    reading = plainer;
    yield reading;
  }
}

function spansIn(text: string): Span[] {
  return FINDERS.flatMap(({ find }) => [...find(text)]);
}

/**
 * Tells whether a text contains personal data, percent-encoded or not.
 *
 * @param text The text.
 * @returns The first kind found, or null.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { personalTextKind } from "./personal_data.ts";
 * assertEquals(personalTextKind("/u/jane%2540example.com"), "email_address");
 * assertEquals(personalTextKind("DB::Exception at 12:30:45, version 1.2.3"), null);
 * ```
 */
export function personalTextKind(text: string): PersonalTextKind | null {
  if (!WORTH_A_LOOK.test(text)) return null;
  for (const reading of readingsOf(text)) {
    for (const { kind, find } of FINDERS) {
      for (const _ of find(reading)) return kind;
    }
  }
  return null;
}

/**
 * Looks for personal data in every string and every key of a JSON value. Numbers are left alone: they are counts.
 *
 * @param value A JSON value of any depth.
 * @param path JSON pointer of the value itself, put before that of what is found.
 * @returns The first thing found, or null.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findPersonalData } from "./personal_data.ts";
 * assertEquals(findPersonalData({ props: { "a/b": "10.0.0.1" } }), { path: "/props/a~1b", kind: "ip_address" });
 * assertEquals(findPersonalData({ props: { user_id: 7 } }), { path: "/props/user_id", kind: "personal_key" });
 * assertEquals(findPersonalData({ props: { "jane@example.com": 1 } }), { path: "/props", kind: "email_address" });
 * ```
 */
export function findPersonalData(value: unknown, path = ""): PersonalDataFound | null {
  // A stack of our own: a body of 64 KiB can be nested deeper than calls can.
  const waiting = [{ value, path }];
  for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
    if (typeof item.value === "string") {
      const kind = personalTextKind(item.value);
      if (kind !== null) return { path: item.path, kind };
    } else if (typeof item.value === "object" && item.value !== null) {
      const entries = Object.entries(item.value);
      // The keys of a list are its indices, and need no look.
      const found = Array.isArray(item.value) ? null : personalKeyOf(entries, item.path);
      if (found !== null) return found;
      // Backward, so that the first is taken off first.
      for (const [key, child] of entries.reverse()) {
        waiting.push({ value: child, path: childPath(item.path, key) });
      }
    }
  }
  return null;
}

function personalKeyOf(entries: readonly [string, unknown][], path: string): PersonalDataFound | null {
  for (const [key] of entries) {
    if (isPersonalKey(key)) return { path: childPath(path, key), kind: "personal_key" };
    const kind = personalTextKind(key);
    if (kind !== null) return { path, kind };
  }
  return null;
}

function childPath(path: string, key: string): string {
  return `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Parts of a path or of a query, and words between quotes and brackets. */
const SEGMENT = /[^\s/?&=#;,|"'<>()[\]{}]+/g;

/**
 * Takes personal data out of a text: what a receiver answered, what Plausible calls a source.
 *
 * What can be read as it stands is replaced itself. What is only found after decoding takes with it the smallest part
 * that holds all of it, the segment of a path or query. Where it spans several, the text is given decoded; and if even
 * that leaves something, nothing is.
 *
 * @param text The text.
 * @returns The text with {@linkcode REMOVED} in the place of personal data: nothing is found in it any more.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { redactPersonalData } from "./personal_data.ts";
 * assertEquals(redactPersonalData("no user jane@example.com at 10.0.0.1"), "no user [removed] at [removed]");
 * assertEquals(redactPersonalData("/u/jane%40example.com/edit"), "/u/[removed]/edit");
 * ```
 */
export function redactPersonalData(text: string): string {
  for (const attempt of redactionsOf(text)) {
    if (personalTextKind(attempt) === null) return attempt;
  }
  return REMOVED;
}

/** From what loses least to what loses most. */
function* redactionsOf(text: string): Generator<string> {
  yield text;
  const plain_removed = replaceSpans(text, spansIn(text), REMOVED);
  const segments_removed = plain_removed.replace(
    SEGMENT,
    (segment) => personalTextKind(segment) === null ? segment : REMOVED,
  );
  yield segments_removed;
  // Several segments together, encoded or in wide characters: what is left is shown decoded.
  for (const reading of readingsOf(segments_removed)) yield replaceSpans(reading, spansIn(reading), REMOVED);
}

/**
 * Cuts query string and fragment off a path or URL.
 *
 * @param path The path as the caller sent it.
 * @returns Everything before the first `?` or `#`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { stripQuery } from "./personal_data.ts";
 * assertEquals(stripQuery("/search?q=jane#top"), "/search");
 * ```
 */
export function stripQuery(path: string): string {
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}
