/**
 * Whether this machine's clock can be right.
 *
 * Owns what can be told without another clock.
 *
 * @module
 */
import { type Check, fail, ok } from "./checks.ts";

/** Before this release no clock can be right. */
const RELEASED_AT = Date.parse("2026-01-01T00:00:00Z");
/** Beyond it the clock was set back, and not merely adjusted. */
const AHEAD_MS_MAX = 60_000;
const SYNCHRONIZE = "Set it, and let the machine keep it by NTP: retries, cooldowns and signatures go by it.";

/**
 * Looks at the clock.
 *
 * @param now_ms What it says.
 * @param written_at When the database was last written, by the same clock then; null if it is not there.
 * @returns One check.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { clockChecks } from "./examine_clock.ts";
 * assertEquals(clockChecks(0, null)[0]?.status, "fail");
 * ```
 */
export function clockChecks(now_ms: number, written_at: number | null): Check[] {
  const now = new Date(now_ms).toISOString();
  if (now_ms < RELEASED_AT) return [fail("clock", `it says ${now}, which is over`, SYNCHRONIZE)];
  if (written_at !== null && written_at - now_ms > AHEAD_MS_MAX) {
    const written = new Date(written_at).toISOString();
    return [fail("clock", `it says ${now}, but the database was written at ${written}`, SYNCHRONIZE)];
  }
  return [ok("clock", `it says ${now}`)];
}
