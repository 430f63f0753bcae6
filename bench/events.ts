/**
 * The events of a measurement: as Plausible would post them, each with its number.
 *
 * Owns their text, and how their number is found in it.
 *
 * @module
 */

/** Of every webhook of a measurement. */
export const SECRET = "secret-of-the-benchmark-0123456789";

/** Callers' key. */
export const ADMIN_KEY = "admin-key-of-the-benchmark-0123456789abcdef";

/** The name of the nth site. */
export function siteName(index: number): string {
  return `s${index}.example`;
}

/**
 * One event as JSON.
 *
 * @param number Its number.
 * @param site_id Of which site.
 */
export function eventText(number: number, site_id: string): string {
  return `{"event":"goal_completion","site_id":"${site_id}","timestamp":"2026-02-25T12:00:00Z",` +
    `"data":{"goal_name":"Signup","path":"/signup/thank-you","visitor_count":${number}}}`;
}

const NUMBER = '"visitor_count":';

/**
 * The number of an event.
 *
 * @param body Its JSON.
 */
export function eventNumber(body: string): number {
  const at = body.indexOf(NUMBER) + NUMBER.length;
  return parseInt(body.slice(at, at + 10), 10);
}
