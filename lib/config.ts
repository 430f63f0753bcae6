/**
 * The configuration: environment variables in, one checked value out, or every mistake at once.
 *
 * Owns the reading of what `environment.ts` lists. It must never show the value of a secret, nor that of a variable it
 * doesn't know: a misspelt name may hold one.
 *
 * @module
 */
import { closestVariable, findVariable } from "./environment.ts";
import { isKvServer, kvFile, kvFileProblem, type KvTarget } from "./kv_target.ts";
import { INPUT, RETENTION_DAYS } from "./limits.ts";
import { type PlausibleTarget, plausibleTarget } from "./plausible_target.ts";
import type { LogLevel } from "./ports.ts";

/** The checked configuration. `Network` is whatever the parser of networks makes. */
export interface Config<Network> {
  /** 0: any free one. */
  readonly port: number;
  readonly host: string;
  readonly kv: KvTarget;
  readonly admin_key: string | null;
  /** 32 bytes; null: not given, which only a file (a key beside it) and memory (a key that isn't kept) allow. */
  readonly secret_key: Uint8Array<ArrayBuffer> | null;
  readonly secret_key_previous: Uint8Array<ArrayBuffer> | null;
  readonly allow_networks: readonly Network[];
  readonly allow_http: boolean;
  readonly retention_days: number;
  readonly retry_base_ms: number;
  readonly sender: "pinned" | "fetch";
  readonly timeout_ms: number;
  /** The Plausible to watch. */
  readonly plausible: PlausibleTarget | null;
  /** Whether metrics name sites. */
  readonly metrics_sites: boolean;
  readonly log_level: LogLevel;
  readonly log_format: "json" | "pretty";
}

/** What is wrong with one variable. */
export interface ConfigMistake {
  readonly variable: string;
  /** A sentence that names the variable, and its value unless that could be a secret. */
  readonly message: string;
}

/** What came of reading the environment. */
export type ParsedConfig<Network> =
  | { readonly config: Config<Network> }
  | { readonly mistakes: readonly ConfigMistake[] };

/** What besides the environment decides. */
export interface Platform {
  readonly on_deploy: boolean;
  /** Whether somebody watches: stdout is a terminal. */
  readonly terminal: boolean;
}

/** Reads a list of networks; `message` says what it must be. Injected, because addresses are the outbound room's. */
export type NetworksParser<Network> = (text: string) =>
  | { readonly ok: true; readonly networks: readonly Network[] }
  | { readonly ok: false; readonly message: string };

type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "TIDINGS_";
const ADMIN_KEY_CHARS_MIN = 32;
const VISIBLE = /^[\x21-\x7e]+$/;

/**
 * Reads the environment. A variable that is empty counts as unset.
 *
 * @param env All variables that the process may read.
 * @param platform Where it runs.
 * @param parseNetworks Reads `TIDINGS_ALLOW_NETWORKS`.
 * @returns The configuration, or all its mistakes: of every variable, and `TIDINGS_` variables that don't exist.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { parseConfig } from "./config.ts";
 * const platform = { on_deploy: false, terminal: false };
 * const networks = () => ({ ok: true, networks: [] }) as const;
 * const good = parseConfig({ PORT: "9000" }, platform, networks);
 * assert("config" in good && good.config.port === 9000);
 * const bad = parseConfig({ PORT: "http", TIDINGS_LOG: "loud" }, platform, networks);
 * assertEquals("mistakes" in bad && bad.mistakes.map((mistake) => mistake.variable), ["PORT", "TIDINGS_LOG"]);
 * ```
 */
export function parseConfig<Network>(
  env: Environment,
  platform: Platform,
  parseNetworks: NetworksParser<Network>,
): ParsedConfig<Network> {
  const reader = new Reader(env);
  const config: Config<Network> = {
    port: reader.read("PORT", 8080, wholeNumber(0, 65_535)),
    host: reader.read("TIDINGS_HOST", "127.0.0.1", hostOf),
    kv: kvTarget(reader, platform.on_deploy),
    admin_key: reader.read("TIDINGS_ADMIN_KEY", null, adminKey),
    secret_key: secretKey(reader, platform.on_deploy),
    secret_key_previous: reader.read("TIDINGS_SECRET_KEY_PREVIOUS", null, secretKeyBytes),
    allow_networks: reader.read("TIDINGS_ALLOW_NETWORKS", [], (text) => {
      const parsed = parseNetworks(text);
      return parsed.ok ? { value: parsed.networks } : { problem: parsed.message };
    }),
    allow_http: reader.read("TIDINGS_ALLOW_HTTP", false, trueOrFalse),
    retention_days: reader.read(
      "TIDINGS_RETENTION_DAYS",
      30,
      wholeNumber(RETENTION_DAYS.min, RETENTION_DAYS.max),
    ),
    // More than an hour is a slip of the unit: the second retry would come after six of it.
    retry_base_ms: reader.read("TIDINGS_RETRY_BASE_MS", 10_000, wholeNumber(1, 3_600_000)),
    sender: reader.read("TIDINGS_SENDER", "pinned", oneOf(["pinned", "fetch"])),
    timeout_ms: reader.read(
      "TIDINGS_TIMEOUT_MS",
      10_000,
      wholeNumber(INPUT.timeout_ms_min, INPUT.timeout_ms_max),
    ),
    plausible: plausibleTarget(reader),
    metrics_sites: reader.read("TIDINGS_METRICS_SITES", false, trueOrFalse),
    log_level: reader.read("TIDINGS_LOG", "info", oneOf(["debug", "info", "warn", "error"])),
    log_format: reader.read(
      "TIDINGS_LOG_FORMAT",
      platform.terminal ? "pretty" : "json",
      oneOf(["json", "pretty"]),
    ),
  };
  reader.refuseUnknown();
  return reader.mistakes.length > 0 ? { mistakes: reader.mistakes } : { config };
}

/** One text read: its value, or what is wrong, as the rest of a sentence that begins with the variable's name. */
type Read<T> = { readonly value: T } | { readonly problem: string };

/** Reads variables one by one and gathers what is wrong with them, so that no mistake hides another. */
class Reader {
  readonly mistakes: ConfigMistake[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The text of a variable; undefined when it is unset or empty. */
  text(name: string): string | undefined {
    return this.#env[name] || undefined;
  }

  /** The value of a variable; what it is when unset also stands in for a mistake, so that reading goes on. */
  read<T>(name: string, unset: T, parse: (text: string) => Read<T>): T {
    const text = this.text(name);
    if (text === undefined) return unset;
    const result = parse(text);
    if ("value" in result) return result.value;
    this.refuse(name, result.problem);
    return unset;
  }

  /** Notes what is wrong with a variable, and its value where that may be shown. */
  refuse(name: string, problem: string): void {
    const text = this.text(name);
    const value = text === undefined || mayHoldSecret(name, text) ? "" : `, current value is ${quoted(text)}`;
    this.mistakes.push({ variable: name, message: `${name} ${problem}${value}` });
  }

  /** Refuses what begins with `TIDINGS_` and means nothing: a typo would otherwise leave a default in force unseen. */
  refuseUnknown(): void {
    for (const name of Object.keys(this.#env).sort()) {
      if (!name.startsWith(PREFIX) || this.text(name) === undefined || findVariable(name) !== undefined) {
        continue;
      }
      this.refuse(name, unknown(name));
    }
  }
}

/** Whether a value stays unsaid: a secret's, an unknown variable's, and a URL's with credentials or a query. */
function mayHoldSecret(name: string, text: string): boolean {
  const known = findVariable(name);
  return known === undefined || known.secret || /:.*[@?]/s.test(text);
}

/** A value as it may stand in a line of the log: on one line, and not longer than a glance. */
function quoted(text: string): string {
  const chars_max = 80;
  return JSON.stringify(text.length <= chars_max ? text : `${text.slice(0, chars_max)}…`);
}

function wholeNumber(min: number, max: number): (text: string) => Read<number> {
  return (text) => {
    const value = /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max
      ? { value }
      : { problem: `must be a whole number from ${min} to ${max}` };
  };
}

function oneOf<const T extends string>(values: readonly T[]): (text: string) => Read<T> {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    return value === undefined ? { problem: `must be one of ${values.join(", ")}` } : { value };
  };
}

function trueOrFalse(text: string): Read<boolean> {
  if (text === "true" || text === "1") return { value: true };
  if (text === "false" || text === "0") return { value: false };
  return { problem: "must be true or false (or 1 or 0)" };
}

function hostOf(text: string): Read<string> {
  // The parser of URLs knows which names of digits are addresses, and refuses 256.0.0.1.
  const isName = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text) && URL.canParse(`http://${text}`);
  const isIpv6 = text.includes(":") && /^[0-9A-Fa-f:.]+$/.test(text) && URL.canParse(`http://[${text}]`);
  if (isName || isIpv6) return { value: text };
  return { problem: "must be a host name or an IP address, without scheme, port or brackets" };
}

function adminKey(text: string): Read<string> {
  if (VISIBLE.test(text) && text.length >= ADMIN_KEY_CHARS_MIN) return { value: text };
  return { problem: `must be at least ${ADMIN_KEY_CHARS_MIN} characters of visible ASCII, without spaces` };
}

function secretKeyBytes(text: string): Read<Uint8Array<ArrayBuffer>> {
  const value = parseSecretKey(text);
  return value === null
    ? { problem: "must be the base64 of exactly 32 bytes (openssl rand -base64 32)" }
    : { value };
}

/**
 * Reads a key for encryption: the base64 or base64url of 32 bytes, padded or not.
 *
 * @param text The text.
 * @returns The bytes; null for anything else, also for a text whose last character carries bits that no key has.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSecretKey } from "./config.ts";
 * assertEquals(parseSecretKey(btoa("0123456789abcdef0123456789abcdef"))?.byteLength, 32);
 * assertEquals(parseSecretKey("too short"), null);
 * ```
 */
export function parseSecretKey(text: string): Uint8Array<ArrayBuffer> | null {
  // 32 bytes are 42 characters of six bits, and one of which only the first four bits count.
  if (!/^[A-Za-z0-9+/_-]{42}[AEIMQUYcgkosw048]=?$/.test(text)) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/").replace("=", ""));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/** The key, which is required where no file could keep one beside it. */
function secretKey(reader: Reader, on_deploy: boolean): Uint8Array<ArrayBuffer> | null {
  const name = "TIDINGS_SECRET_KEY";
  const required = on_deploy || isKvServer(reader.text("TIDINGS_KV") ?? "");
  if (required && reader.text(name) === undefined) {
    const where = on_deploy ? "on Deno Deploy" : "with a KV server";
    reader.refuse(name, `must be set ${where}: the base64 of 32 bytes (openssl rand -base64 32)`);
  }
  return reader.read(name, null, secretKeyBytes);
}

function kvTarget(reader: Reader, on_deploy: boolean): KvTarget {
  const name = "TIDINGS_KV";
  const text = reader.text(name);
  if (text !== undefined && isKvServer(text)) return kvServer(reader, name, text);
  if (on_deploy) {
    if (text !== undefined) reader.refuse(name, "must be unset or the URL of a KV server on Deno Deploy");
    return { kind: "linked" };
  }
  if (text === ":memory:") return { kind: "memory" };
  const problem = text === undefined ? null : kvFileProblem(text);
  if (problem !== null) reader.refuse(name, problem);
  return { kind: "file", path: kvFile(text) ?? "" };
}

function kvServer(reader: Reader, name: string, text: string): KvTarget {
  const url = URL.canParse(text) ? new URL(text) : null;
  const withSecret = url !== null && (url.username !== "" || url.password !== "");
  if (url === null) reader.refuse(name, "must be a valid URL");
  if (withSecret) {
    reader.refuse(name, "must be a URL without credentials: the token goes into DENO_KV_ACCESS_TOKEN");
  }
  if (reader.text("DENO_KV_ACCESS_TOKEN") === undefined) {
    reader.refuse("DENO_KV_ACCESS_TOKEN", "must be set, because TIDINGS_KV is the URL of a KV server");
  }
  const access_token = reader.read(
    "DENO_KV_ACCESS_TOKEN",
    "",
    (token) => VISIBLE.test(token) ? { value: token } : { problem: "must be visible ASCII without spaces" },
  );
  return { kind: "server", url: url?.href ?? "", access_token };
}

function unknown(name: string): string {
  const close = closestVariable(name);
  return `is not known${close === null ? "" : `; did you mean ${close}?`}`;
}
