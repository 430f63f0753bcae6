/**
 * Times as the API shows them.
 *
 * @module
 */

/**
 * A time as the API shows it.
 *
 * @param at_ms Milliseconds since the epoch, or null.
 * @returns RFC 3339 in UTC with milliseconds, or null.
 */
export function isoOrNull(at_ms: number | null): string | null {
  return at_ms === null ? null : new Date(at_ms).toISOString();
}
