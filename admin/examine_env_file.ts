/**
 * Whether what is written in a `.env` file is what the service gets.
 *
 * Owns the reasons why a line of it sets nothing. It must never show a value: any of them may be a secret.
 *
 * @module
 */
import { closestSetting, findVariable } from "../lib/environment.ts";
import { type Check, fail, warn } from "./checks.ts";

/** A `.env` file, as it was found. */
export interface EnvFile {
  readonly path: string;
  /** What is in it, or why that can't be read. */
  readonly content: Uint8Array | { readonly problem: string };
  /** Permission bits; null where there are none (Windows). */
  readonly mode: number | null;
  /** Why nothing reads it; null for the one that the tasks read. */
  readonly unread_because: string | null;
}

/** The variables that this process has. */
type Environment = Readonly<Record<string, string>>;

/** One line that looks as if it set something. */
interface Line {
  readonly number: number;
  readonly name: string;
  readonly separator: string;
  /** What it sets; null where only Deno can tell (references, escapes). */
  readonly value: string | null;
}

const OTHERS = 0o007;

/**
 * Looks at a `.env` file.
 *
 * @param file The file.
 * @param env The variables that this process has, of which it may have come by one there.
 * @returns A check for each trouble; none where all is well.
 */
export function envFileChecks(file: EnvFile, env: Environment): Check[] {
  const { path, content, unread_because } = file;
  if (!(content instanceof Uint8Array)) {
    return [fail(
      "configuration",
      `${path} is there, but can't be read, so nothing in it is set: ${content.problem}`,
      "Make it a file that the account of the service may read, or remove it.",
    )];
  }
  if (content.includes(0)) {
    return [fail(
      "configuration",
      `${path} is no text in UTF-8, so nothing in it is set`,
      "Save it as UTF-8, without a byte order mark.",
    )];
  }
  const lines = linesOf(new TextDecoder().decode(content));
  if (unread_because !== null) return unreadChecks(lines, { path, env, unread_because });
  const seen = new Map<string, number>();
  const troubles = lines.flatMap((line) => {
    const first = seen.get(line.name);
    if (first === undefined) seen.set(line.name, line.number);
    const marked = line.number === 1 && startsMarked(content);
    return lineTrouble(line, { path, env, first, marked });
  });
  return [...troubles, ...modeChecks(file, lines)];
}

/** Three bytes that some editors put before UTF-8, and that Deno takes for a part of the first name. */
function startsMarked(content: Uint8Array): boolean {
  return content[0] === 0xef && content[1] === 0xbb && content[2] === 0xbf;
}

function linesOf(text: string): Line[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*([=:]?)(.*)$/.exec(line);
    if (match === null) return [];
    const [, name = "", separator = "", rest = ""] = match;
    return [{ number: index + 1, name, separator, value: valueOf(rest.trim()) }];
  });
}

function valueOf(text: string): string | null {
  if (/[$\\]/.test(text)) return null;
  const quoted = /^(["'])(.*?)\1/.exec(text);
  if (quoted !== null) return quoted[2] ?? "";
  return /["']/.test(text) ? null : text.replace(/\s#.*$/, "").trimEnd();
}

function unreadChecks(
  lines: readonly Line[],
  { path, env, unread_because }: { path: string; env: Environment; unread_because: string },
): Check[] {
  const unset = lines.filter(({ name, value }) =>
    findVariable(name) !== undefined && (env[name] === undefined || (value !== null && env[name] !== value))
  );
  if (unset.length === 0) return [];
  const names = [...new Set(unset.map(({ name }) => name))].join(", ");
  return [warn(
    "configuration",
    `${path} is there, but ${unread_because}: it does not set ${names}`,
    "Give them as environment variables: EnvironmentFile= under systemd, set -a and . ./.env in a shell.",
  )];
}

function lineTrouble(
  { number, name, separator, value }: Line,
  { path, env, first, marked }: {
    readonly path: string;
    readonly env: Environment;
    /** The earlier line with the same name. */
    readonly first: number | undefined;
    /** Whether a byte order mark stands before it. */
    readonly marked: boolean;
  },
): Check[] {
  const at = `line ${number} of ${path}`;
  if (findVariable(name) === undefined) {
    // One that begins with TIDINGS_ and was set is a mistake of the configuration, and told as such.
    if (name.startsWith("TIDINGS_") && env[name] !== undefined) return [];
    const meant = closestSetting(name);
    return meant === null
      ? []
      : [warn("configuration", `${at} sets ${name}, which nothing reads`, `Did you mean ${meant}?`)];
  }
  const set = env[name];
  if (set === undefined) {
    return [fail(
      "configuration",
      `${at} does not set ${name}${marked ? ": a byte order mark stands before it" : ""}`,
      marked ? "Save the file as UTF-8 without that mark." : `Write ${name}=value, without anything else.`,
    )];
  }
  if (separator !== "=") {
    return [warn("configuration", `${at} does not set ${name}: it has no =`, `Write ${name}=value.`)];
  }
  if (value === set) return [];
  if (first !== undefined) {
    return [warn(
      "configuration",
      `${at} sets ${name} again, and line ${first} counts`,
      "Remove one of the two.",
    )];
  }
  if (value === null) return [];
  return [warn(
    "configuration",
    `${at} sets ${name}, but the environment of this command sets it to something else, and counts`,
    "Unset it there, or remove the line; the service may have been started without it.",
  )];
}

function modeChecks({ path, mode }: EnvFile, lines: readonly Line[]): Check[] {
  const secrets = lines.filter(({ name }) => findVariable(name)?.secret === true);
  if (mode === null || (mode & OTHERS) === 0 || secrets.length === 0) return [];
  return [warn(
    "files",
    `other users of this machine may read ${path}, and it holds ${
      [...new Set(secrets.map(({ name }) => name))].join(", ")
    }`,
    `chmod 600 ${path}, if its owner is who the service runs as`,
  )];
}
