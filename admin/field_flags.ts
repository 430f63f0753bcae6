/**
 * Flags of the command line that stand for fields of a body.
 *
 * Owns the way from flags to JSON, and from a refused field back to its flag. It must never put a flag's value into a
 * message: it may be a secret.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../lib/merge_patch.ts";
import { jsonPointer } from "../lib/validate.ts";
import { WrongUse } from "./failure.ts";

/** What came of reading a flag: its value, fields set to null by their paths, or what it must be. */
export type FlagRead =
  | { readonly value: unknown }
  | { readonly nulls: readonly (readonly string[])[] }
  | { readonly problem: string };

/** Reads all texts that a flag was given with, at least one. */
export interface FlagReader {
  (texts: readonly string[], now_ms: number): FlagRead;
  /** What it may say, or a part of a list of it, for shells to complete. */
  readonly words?: readonly string[];
}

/** A flag that stands for a field. */
export interface FieldFlag {
  /** As commander has it, e.g. `--timeout-ms <ms>`. */
  readonly flag: string;
  /** Where the field is in the body. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly read: FlagReader;
  readonly required?: boolean;
}

/** The texts a flag was given with; undefined if it was not given. */
export type GivenTexts = (flag: FieldFlag) => readonly string[] | undefined;

/** The name of a flag without its placeholder: `--timeout-ms`. */
export function flagName({ flag }: Pick<FieldFlag, "flag">): string {
  return flag.split(" ")[0] ?? flag;
}

/**
 * Makes the body of a request.
 *
 * @param flags What may be given.
 * @param given What was given.
 * @param now_ms The time, for what is said relative to it.
 * @returns The body: the fields that were given, nested by their paths.
 * @throws {WrongUse} With everything that is missing or can't be read, at once.
 */
export function bodyOf(flags: readonly FieldFlag[], given: GivenTexts, now_ms: number): JsonObject {
  const body: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const flag of flags) {
    const texts = given(flag);
    if (texts === undefined) {
      if (flag.required) problems.push(`${flagName(flag)} must be given: ${flag.summary}`);
      continue;
    }
    const read = flag.read(texts, now_ms);
    if ("value" in read) place(body, flag.path, read.value);
    else if ("problem" in read) problems.push(`${flagName(flag)} ${read.problem}`);
    else problems.push(...placeNulls(body, read.nulls).map((problem) => `${flagName(flag)} ${problem}`));
  }
  if (problems.length > 0) throw new WrongUse("understand the command", problems);
  return body;
}

/** Sets fields to null; of those that were given a value, or whose parts were, it says so. */
function placeNulls(body: Record<string, unknown>, paths: readonly (readonly string[])[]): string[] {
  return paths.flatMap((path) => {
    if (valueAt(body, path) !== undefined) {
      return [`${path.join(".")} contradicts a flag that sets it, or another --reset`];
    }
    place(body, path, null);
    return [];
  });
}

/** What is at a path, or null above it; undefined where nothing is. */
function valueAt(value: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined || value === null) return value;
  return isJsonObject(value) ? valueAt(value[key], rest) : undefined;
}

/** Puts a value where its path says. */
function place(body: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    body[key] = value;
    return;
  }
  const inner: Record<string, unknown> = { ...(body[key] ?? {}) };
  place(inner, rest, value);
  body[key] = inner;
}

/**
 * Finds the flag that a refusal is about.
 *
 * @param flags The flags of the command.
 * @param pointer JSON pointer of the field at fault, or of something inside it.
 * @returns The flag's name, and where in its value it is at fault; null if no flag stands for the field.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { flagFor, text } from "./field_flags.ts";
 * const flags = [{ flag: "--goal <name>", path: ["filters", "goals"], summary: "", read: text }];
 * assertEquals([flagFor(flags, "/filters/goals/3"), flagFor(flags, "/filters")], ["--goal", null]);
 * ```
 */
export function flagFor(flags: readonly FieldFlag[], pointer: string): string | null {
  const found = flags.find(({ path }) =>
    path.length > 0 && `${pointer}/`.startsWith(`${jsonPointer(path)}/`)
  );
  if (found === undefined) return null;
  const rest = pointer.slice(jsonPointer(found.path).length);
  // A place in a list says nothing to whoever gave a flag several times.
  return /^(?:\/\d+)?$/.test(rest) ? flagName(found) : `${flagName(found)} at ${rest}`;
}

/** A reader of a flag that may be given once. */
function once(read: (text: string, now_ms: number) => FlagRead): FlagReader {
  return ([text = "", ...more], now_ms) =>
    more.length > 0 ? { problem: "must be given only once" } : read(text, now_ms);
}

/** Any text. */
export const text: FlagReader = once((value) => ({ value }));

/** Every text it was given with, in order. */
export function each(texts: readonly string[]): FlagRead {
  return { value: texts };
}

/** `a,b` and `a` given twice are lists alike. */
export function list(texts: readonly string[]): FlagRead {
  return {
    value: texts.flatMap((item) => item.split(",")).map((item) => item.trim()).filter((item) => item !== ""),
  };
}

function parseNumber(text: string): number | null {
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : null;
}

/** A decimal number. */
export const number: FlagReader = once((text) => {
  const value = parseNumber(text);
  return value === null ? { problem: "must be a number" } : { value };
});

/** A decimal number, or `none` for null. */
export const numberOrNone: FlagReader = once((text) => {
  const value = parseNumber(text);
  return value === null && text !== "none" ? { problem: "must be a number or none" } : { value };
});

/** A whole number of at least 1. */
export const count: FlagReader = once((text) =>
  /^[1-9]\d{0,8}$/.test(text) ? { value: Number(text) } : { problem: "must be a whole number of at least 1" }
);

/** Any JSON. It is not quoted: it may hold what nobody shall see. */
export const json: FlagReader = once((text) => {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { problem: "must be JSON, in single quotes for the shell" };
  }
});

/** Fields to be set back to their defaults: `name`, `filters.goals`, `headers.X-Team`. */
export function resets(texts: readonly string[]): FlagRead {
  // What follows `headers.` is one name, dots and all.
  const paths = texts.map((text) =>
    text.startsWith("headers.") ? ["headers", text.slice(8)] : text.split(".")
  );
  return paths.some((path) => path.includes(""))
    ? { problem: "must name a field, such as filters.goals" }
    : { nulls: paths };
}

/** A reader with the words that it may be given. */
export function suggesting(words: readonly string[], read: FlagReader): FlagReader {
  return Object.assign((texts: readonly string[], now_ms: number) => read(texts, now_ms), { words });
}

/** `true` or `false`. */
export const trueOrFalse: FlagReader = suggesting(
  ["true", "false"],
  once((text) =>
    text === "true" || text === "false" ? { value: text === "true" } : { problem: "must be true or false" }
  ),
);

/** One of some words. */
export function oneOf(words: readonly string[]): FlagReader {
  return suggesting(
    words,
    once((text) =>
      words.includes(text) ? { value: text } : { problem: `must be one of ${words.join(", ")}` }
    ),
  );
}

/** `Name: value`, as often as there are headers. */
export function headers(texts: readonly string[]): FlagRead {
  const entries = texts.map((text): [string, string] => {
    const colon = text.indexOf(":");
    return [text.slice(0, Math.max(colon, 0)).trim(), text.slice(colon + 1).trim()];
  });
  if (entries.some(([name]) => name === "")) return { problem: 'must have the form "Name: value"' };
  const value = Object.fromEntries(entries);
  if (Object.keys(value).length < entries.length) return { problem: "must name each header once" };
  return { value };
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;
const HOURS_IN = { h: 1, d: 24 } as const;
const HOUR_MS = 3_600_000;

const MOMENT = "a date (2027-01-31), a moment (2027-01-31T12:00:00Z) or a span";

function momentBy(sign: 1 | -1, spans: string): FlagReader {
  return once((text, now_ms) => {
    if (DATE_TIME.test(text)) return { value: text };
    if (DATE.test(text)) return { value: `${text}T00:00:00Z` };
    const [, count, unit] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
    if (unit !== "h" && unit !== "d") return { problem: `must be ${MOMENT} ${spans}` };
    return { value: new Date(now_ms + sign * Number(count) * HOURS_IN[unit] * HOUR_MS).toISOString() };
  });
}

/** A moment: RFC 3339, a date (its beginning in UTC), or a span from now in hours or days (`12h`, `90d`). */
export const moment: FlagReader = momentBy(1, "from now (12h, 90d)");

/** A moment, a date, or a span back from now in hours or days. */
export const momentBefore: FlagReader = momentBy(-1, "back from now (12h, 7d)");
