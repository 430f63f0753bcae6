/**
 * The time in an event's id, which is its place in every list.
 *
 * @module
 */

/** Crockford's base 32, the alphabet of a ULID. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX_CHARS = "evt_".length;
const TIME_CHARS = 10;

/**
 * Reads the time.
 *
 * @param event_id The event's id.
 * @returns Milliseconds since the Unix epoch.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { eventTime } from "./event_time.ts";
 * assertEquals(eventTime("evt_00000000100000000000000000"), 32);
 * ```
 */
export function eventTime(event_id: string): number {
  const chars = event_id.slice(PREFIX_CHARS, PREFIX_CHARS + TIME_CHARS);
  let at_ms = 0;
  for (const char of chars) at_ms = at_ms * ALPHABET.length + Math.max(ALPHABET.indexOf(char), 0);
  return at_ms;
}
