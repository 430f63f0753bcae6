/**
 * When a delivery is tried again.
 *
 * Owns the backoff and the reading of `Retry-After`. Pure: time and randomness come in as arguments.
 *
 * @module
 */
import { RETRY } from "./limits.ts";

const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
const MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const TIME_OF_DAY = "\\d\\d:\\d\\d:\\d\\d";

/**
 * The three forms of a date in HTTP (RFC 9110, section 5.6.7). `Date.parse` alone reads nearly anything: "soon 2099" is
 * a date to it, and "-1" a year.
 */
const IMF_FIXDATE = new RegExp(`^${DAY}, \\d\\d ${MONTH} \\d{4} ${TIME_OF_DAY} GMT$`);
const RFC_850_DATE = new RegExp(`^${LONG_DAY}, \\d\\d-${MONTH}-\\d\\d ${TIME_OF_DAY} GMT$`);
const ASCTIME_DATE = new RegExp(`^${DAY} ${MONTH} (?:\\d| )\\d ${TIME_OF_DAY} \\d{4}$`);

/** The time a date of HTTP names, in milliseconds since the epoch; NaN if it is none. */
function parseHttpDate(text: string): number {
  if (IMF_FIXDATE.test(text) || RFC_850_DATE.test(text)) return Date.parse(text);
  // This one has no zone, and `Date.parse` would take it for local time.
  return ASCTIME_DATE.test(text) ? Date.parse(`${text} GMT`) : NaN;
}

/**
 * Reads a `Retry-After` header (RFC 9110, section 10.2.3).
 *
 * @param header The header as received, or null.
 * @param now_ms The time.
 * @returns How long to wait in milliseconds, at most 24 h; null if there is none or it makes no sense.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseRetryAfter } from "./retry.ts";
 * assertEquals(parseRetryAfter("120", 0), 120_000);
 * assertEquals(parseRetryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 0), 60_000);
 * assertEquals(parseRetryAfter("soon", 0), null);
 * ```
 */
export function parseRetryAfter(header: string | null, now_ms: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, RETRY.retry_after_ms_max);
  const at = parseHttpDate(text);
  if (Number.isNaN(at)) return null;
  return Math.min(Math.max(at - now_ms, 0), RETRY.retry_after_ms_max);
}

/** What decides the delay before the next attempt. */
export interface RetryInput {
  /** Which retry it will be: 1, 2, … */
  readonly retry: number;
  /** The configured base, in milliseconds. */
  readonly base_ms: number;
  /** What the receiver asked for, in milliseconds, or null. */
  readonly retry_after_ms: number | null;
  /** In [0, 1). */
  readonly random: number;
}

/**
 * How long to wait before a retry: `base × 6^(n-1)`, at most 24 h, ± 20 %. A receiver's `Retry-After` is never
 * shortened: where it is longer, jitter only adds.
 *
 * @param input See {@linkcode RetryInput}.
 * @returns Milliseconds.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { retryDelay } from "./retry.ts";
 * assertEquals(retryDelay({ retry: 2, base_ms: 10_000, retry_after_ms: null, random: 0.5 }), 60_000);
 * assertEquals(retryDelay({ retry: 1, base_ms: 10_000, retry_after_ms: 120_000, random: 0 }), 120_000);
 * ```
 */
export function retryDelay({ retry, base_ms, retry_after_ms, random }: RetryInput): number {
  const exponential = Math.min(base_ms * RETRY.factor ** (retry - 1), RETRY.delay_ms_max);
  const own = Math.round(exponential * (1 - RETRY.jitter + 2 * RETRY.jitter * random));
  if (retry_after_ms === null) return own;
  // Spread over a fifth of what was asked for, at most of what we would have waited ourselves: a long `Retry-After`
  // needs no longer spread than a short one.
  const spread = Math.min(retry_after_ms, exponential) * RETRY.jitter * random;
  return Math.max(own, Math.ceil(retry_after_ms + spread));
}
