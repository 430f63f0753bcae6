/**
 * What an operator may set: the names, defaults and meanings of all environment variables.
 *
 * Owns the one table from which documentation, `--help` and the permissions of the process are made. It must never
 * read a value.
 *
 * @module
 */
import { KV_FILE_DEFAULT } from "./kv_target.ts";

/** One environment variable, for documentation, `--help` and the permissions of the process. */
export interface EnvironmentVariable {
  readonly name: string;
  /** The text that means the same as leaving it unset; null where unset has a meaning of its own. */
  readonly default: string | null;
  readonly meaning: string;
  /** Its value is never shown. */
  readonly secret: boolean;
}

/** Everything an operator may set, in the order in which it is explained. */
export const ENVIRONMENT: readonly EnvironmentVariable[] = [
  variable("PORT", "8080", "port it listens on; 0 takes any free one, and the log line says which"),
  variable("TIDINGS_HOST", "127.0.0.1", "name or address it listens on"),
  variable(
    "TIDINGS_KV",
    KV_FILE_DEFAULT,
    "a file (its folder is made), `:memory:`, or the URL of a KV server; on Deno Deploy unset: the linked database",
  ),
  secret("DENO_KV_ACCESS_TOKEN", "the token of the KV server"),
  secret(
    "TIDINGS_ADMIN_KEY",
    "a key accepted as `admin`, at least 32 characters: the way in where there is no shell",
  ),
  secret(
    "TIDINGS_SECRET_KEY",
    "32 bytes in base64 that encrypt stored secrets; unset: made on first start and kept beside the file of TIDINGS_KV; " +
      "required with a KV server and on Deno Deploy",
  ),
  secret("TIDINGS_SECRET_KEY_PREVIOUS", "the key before it, still read with, so that it can be rotated"),
  variable(
    "TIDINGS_ALLOW_NETWORKS",
    null,
    "otherwise forbidden networks that receivers may be on, e.g. `127.0.0.0/8,10.0.0.0/8`; plain http is allowed there",
  ),
  variable("TIDINGS_ALLOW_HTTP", "false", "plain http to public addresses: `true` or `false`"),
  variable(
    "TIDINGS_RETENTION_DAYS",
    "30",
    "how long events, deliveries and attempts are kept: 7 to 365 days",
  ),
  variable("TIDINGS_RETRY_BASE_MS", "10000", "base of the backoff and of the breaker, in milliseconds"),
  variable(
    "TIDINGS_SENDER",
    "pinned",
    "`pinned`, or `fetch` where raw connections are not allowed (a weaker guard)",
  ),
  variable("TIDINGS_TIMEOUT_MS", "10000", "default deadline of a delivery: 1000 to 30000 milliseconds"),
  variable("TIDINGS_PLAUSIBLE_URL", null, "the Plausible to watch, e.g. `https://plausible.example.com`"),
  secret(
    "TIDINGS_PLAUSIBLE_KEY",
    "a key of its Stats API, for sites that are watched without one of their own",
  ),
  variable(
    "TIDINGS_PLAUSIBLE_INTERVAL_S",
    null,
    "seconds between two looks at a watched site: 1 to 86400; unset: 60, and 300 for plausible.io",
  ),
  variable(
    "TIDINGS_METRICS_SITES",
    "false",
    "whether metrics name sites (the first 1000 of them): `true` or `false`",
  ),
  variable("TIDINGS_LOG", "info", "the least level that is logged: `debug`, `info`, `warn` or `error`"),
  variable("TIDINGS_LOG_FORMAT", "json", "`json` or `pretty`; unset on a terminal: `pretty`"),
];

function variable(name: string, defaultText: string | null, meaning: string): EnvironmentVariable {
  return { name, default: defaultText, meaning, secret: false };
}

function secret(name: string, meaning: string): EnvironmentVariable {
  return { name, default: null, meaning, secret: true };
}

/**
 * Looks a variable up.
 *
 * @param name Its name.
 * @returns Its entry in {@linkcode ENVIRONMENT}; undefined if it has none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findVariable } from "./environment.ts";
 * assertEquals(findVariable("PORT")?.default, "8080");
 * ```
 */
export function findVariable(name: string): EnvironmentVariable | undefined {
  return ENVIRONMENT.find((known) => known.name === name);
}

/**
 * The variable that a misspelt name most likely means: at most two characters away, or one begins with the other.
 *
 * @param name A name that means nothing, with or without its first word.
 * @returns The name of a known variable, or null.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { closestVariable } from "./environment.ts";
 * assertEquals(closestVariable("TIDINGS_RETENTION_DAY"), "TIDINGS_RETENTION_DAYS");
 * assertEquals(closestVariable("TIDINGS_COLOUR"), null);
 * ```
 */
export function closestVariable(name: string): string | null {
  const typed = bare(name);
  const candidates = ENVIRONMENT
    .map((known) => ({
      name: known.name,
      bare: bare(known.name),
      edits: editDistance(typed, bare(known.name)),
    }))
    .filter((candidate) =>
      isTypo(candidate.edits, typed) || isStart(typed, candidate.bare) || isStart(candidate.bare, typed)
    )
    .sort((one, other) => one.edits - other.edits);
  return candidates[0]?.name ?? null;
}

/**
 * The variable of Tidings that a name means which does not begin with `TIDINGS_` as it should: in other letters, with other
 * dashes, without that beginning, or with at most two slips.
 *
 * @param name A name that is no variable of Tidings.
 * @returns The name of a known variable; null for one that may well be somebody else's.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { closestSetting } from "./environment.ts";
 * assertEquals(["TIDING_KV", "tidings-kv", "RETENTION_DAYS"].map(closestSetting), [
 *   "TIDINGS_KV",
 *   "TIDINGS_KV",
 *   "TIDINGS_RETENTION_DAYS",
 * ]);
 * assertEquals(["POST", "SECRET_KEY_BASE", "DENO_DIR"].map(closestSetting), [null, null, null]);
 * ```
 */
export function closestSetting(name: string): string | null {
  const typed = name.toUpperCase().replaceAll(/[-.]/g, "_");
  const same = ENVIRONMENT.find((known) => [typed, `TIDINGS_${typed}`].includes(known.name)) ??
    ENVIRONMENT.find((known) => typed === `TIDINGS_${known.name}`);
  if (same !== undefined) return same.name;
  const [closest] = ENVIRONMENT
    .map((known) => ({ name: known.name, edits: editDistance(typed, known.name) }))
    .filter((known) => known.edits <= 2 && known.name.startsWith("TIDINGS_"))
    .sort((one, other) => one.edits - other.edits);
  return closest?.name ?? null;
}

/** Two slips, but not in a name so short that two slips make any other of it. */
function isTypo(edits: number, typed: string): boolean {
  return edits <= 2 && edits * 2 <= typed.length;
}

/** A name without its first word: `TIDINGS_PORT` and `PORT` are meant to be the same. */
function bare(name: string): string {
  return name.replace(/^(?:TIDINGS|DENO)_/, "");
}

function isStart(start: string, text: string): boolean {
  return start.length > 2 && text.startsWith(start);
}

/** Levenshtein: how many characters must be inserted, removed or replaced. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, char] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (char === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
