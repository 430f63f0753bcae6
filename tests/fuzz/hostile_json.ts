/**
 * JSON that hurts: values and keys that break a careless reader, and documents spoilt with them.
 *
 * Owns texts of JSON and not values: `__proto__`, duplicate keys, `1e400` and lone surrogates survive only as text.
 *
 * @module
 */
import fc from "fast-check";
import { isJsonObject } from "../../lib/merge_patch.ts";

/** Personal data that must never come back in a refusal or a log. */
export const PERSON = "fuzz.person@mail.example";

/** A text of JSON for each value that hurts. */
const HOSTILE_VALUES: readonly string[] = [
  "null",
  "true",
  "0",
  "-0",
  "-1",
  "0.1",
  "1e308",
  "1e400",
  "-1e400",
  "9007199254740993",
  "123456789012345678901234567890",
  '""',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u202e\\u200b\\ufeff"',
  '"__proto__"',
  '"constructor"',
  '"*"',
  '"whsec_"',
  '"2026-02-30T25:61:61Z"',
  '"9999-12-31T23:59:59-23:59"',
  '"http://169.254.169.254/"',
  '"http://[::ffff:127.0.0.1]:1/"',
  '"http://127.0.0.1:0/"',
  '"https://a@127.0.0.1/"',
  '"javascript:alert(1)"',
  `"${PERSON}"`,
  '"203.0.113.77"',
  "[]",
  "{}",
  "[[]]",
  "[null]",
  '{"__proto__":{"a":1}}',
  '{"toString":null,"valueOf":1}',
  `"${"a".repeat(3000)}"`,
  `"${"€".repeat(20000)}"`,
  `"${"\\u0001".repeat(2000)}"`,
  `"${"%25".repeat(3000)}"`,
  `[${"1,".repeat(2000)}1]`,
  "[".repeat(2000) + "]".repeat(2000),
  '{"a":'.repeat(2000) + "1" + "}".repeat(2000),
];

const HOSTILE_KEYS: readonly string[] = [
  "__proto__",
  "constructor",
  "toJSON",
  "then",
  "",
  "a/b~c",
  "unknown",
  "\ud800",
  "\0",
  "k".repeat(3000),
];

/** Whole bodies that are no JSON, or only just. */
export const HOSTILE_TEXTS: readonly string[] = [
  "",
  " ",
  "{",
  "{}",
  "[]",
  "null",
  "undefined",
  "{}{}",
  "{'a':1}",
  '{"a":1,}',
  '{"a":1}\u0000',
  "\ufeff{}",
  '"\ud800"',
  "NaN",
  "[".repeat(60_000),
  "[".repeat(30_000) + "]".repeat(30_000),
  '{"a":'.repeat(10_000),
  " ".repeat(70_000),
];

/** A value that hurts. */
export const hostileJson: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE_VALUES),
  fc.json({ stringUnit: "binary" }),
);

type Spoil =
  | { readonly kind: "replace" | "add" | "twice"; readonly value: string; readonly name: string }
  | { readonly kind: "remove" };

const spoil: fc.Arbitrary<Spoil> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("replace" as const, "add" as const, "twice" as const),
    value: hostileJson,
    name: fc.constantFrom(...HOSTILE_KEYS),
  }),
  fc.constant({ kind: "remove" as const }),
);

/** How many values a document has, itself and what lies deeper. */
function sizeOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + sizeOf(inner), 1);
}

/** Writes a document with what is done to each of its values, counted outermost first. */
function write(value: unknown, deeds: ReadonlyMap<number, Spoil>, next: { place: number }): string | null {
  const deed = deeds.get(next.place++);
  if (deed?.kind === "remove") return null;
  if (deed?.kind === "replace") {
    next.place += sizeOf(value) - 1;
    return deed.value;
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => write(item, deeds, next)).filter((text) => text !== null);
    if (deed !== undefined) items.push(deed.value, ...deed.kind === "twice" ? [deed.value] : []);
    return `[${items.join(",")}]`;
  }
  if (isJsonObject(value)) {
    const members = Object.entries(value).flatMap(([key, inner]) => {
      const text = write(inner, deeds, next);
      return text === null ? [] : [`${JSON.stringify(key)}:${text}`];
    });
    if (deed?.kind === "add") members.push(`${JSON.stringify(deed.name)}:${deed.value}`);
    const [first] = Object.keys(value);
    if (deed?.kind === "twice" && first !== undefined) members.push(`${JSON.stringify(first)}:${deed.value}`);
    return `{${members.join(",")}}`;
  }
  return deed === undefined ? JSON.stringify(value) : deed.value;
}

/**
 * A document with some of its values replaced, removed, doubled, or joined by ones that hurt.
 *
 * @param value The document.
 * @returns Its text.
 */
export function spoilt(value: unknown): fc.Arbitrary<string> {
  const deeds = fc.array(fc.tuple(fc.nat(sizeOf(value) - 1), spoil), { minLength: 1, maxLength: 3 });
  return deeds.map((pairs) => write(value, new Map(pairs), { place: 0 }) ?? "");
}
