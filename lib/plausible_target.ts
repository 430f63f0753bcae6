/**
 * Which Plausible is watched: its URL, the key of its Stats API, and how often it is asked.
 *
 * Owns what the three variables of the environment mean together. It must never show the key.
 *
 * @module
 */
import { WATCH } from "./limits.ts";

/** The Plausible to watch. */
export interface PlausibleTarget {
  /** Without a slash at the end. */
  readonly url: string;
  /** For sites without a key of their own. */
  readonly api_key: string | null;
  readonly interval_s: number;
}

/** What reads a variable: see `config.ts`. */
export interface VariableReader {
  read<T>(
    name: string,
    unset: T,
    parse: (text: string) => { readonly value: T } | { readonly problem: string },
  ): T;
}

const URL_NAME = "TIDINGS_PLAUSIBLE_URL";
const KEY_NAME = "TIDINGS_PLAUSIBLE_KEY";
const INTERVAL_NAME = "TIDINGS_PLAUSIBLE_INTERVAL_S";

/**
 * Whether a URL is that of the hosted Plausible, which limits requests.
 *
 * @param url The URL.
 * @returns Whether its host is plausible.io, or below it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isHosted } from "./plausible_target.ts";
 * assertEquals([isHosted("https://plausible.io"), isHosted("https://stats.example.com")], [true, false]);
 * ```
 */
export function isHosted(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "plausible.io" || hostname.endsWith(".plausible.io");
}

function urlOf(text: string): { value: string } | { problem: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return { problem: "must be an http or https URL, such as https://plausible.example.com" };
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return { problem: `must be without credentials, query and fragment: the key goes into ${KEY_NAME}` };
  }
  return { value: url.href.replace(/\/+$/, "") };
}

/**
 * Reads the variables.
 *
 * @param reader Reads one, and gathers what is wrong.
 * @returns The Plausible to watch; null if none is set.
 */
export function plausibleTarget(reader: VariableReader): PlausibleTarget | null {
  const url = reader.read<string | null>(URL_NAME, null, urlOf);
  const api_key = reader.read<string | null>(
    KEY_NAME,
    null,
    (text) =>
      /^[\x21-\x7e]+$/.test(text) ? { value: text } : { problem: "must be visible ASCII without spaces" },
  );
  const { interval_s_min: min, interval_s_max: max } = WATCH;
  const interval_s = reader.read<number | null>(INTERVAL_NAME, null, (text) => {
    const value = /^[1-9][0-9]*$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max
      ? { value }
      : { problem: `must be a whole number of seconds from ${min} to ${max}` };
  });
  if (url === null) return null;
  const unset_s = isHosted(url) ? WATCH.interval_s_default_hosted : WATCH.interval_s_default;
  return { url, api_key, interval_s: interval_s ?? unset_s };
}
