/**
 * Ids that sort by time, and secrets.
 *
 * Owns the randomness of the machine. It must never make the same id twice, nor one that sorts before an earlier one of
 * this process: an event's id is its place in the history.
 *
 * @module
 */
import { assert } from "@std/assert";
import { encodeTime, monotonicFactory, type PRNG, TIME_MAX } from "ulid";
import type { Ids } from "../ports.ts";

/** More than this `crypto.getRandomValues` gives nobody at once. */
const SECRET_BYTES_MAX = 65_536;

/**
 * While the clock is set back, so many ids are of one millisecond, then of the next: an hour of them in a single one could
 * not be told apart by time, and who reads a list from a place on begins some milliseconds beyond it.
 */
const SET_BACK_IDS_MAX = 64;

/**
 * Makes the source of ids and secrets.
 *
 * An id of a time already seen, or of an earlier one, is the id before it plus one (or of the next millisecond, of which
 * there are many): so ids of one millisecond are easy to guess from each other, and none may serve as a secret.
 *
 * @param random Randomness in [0, 1) for the ids; by default that of the platform's cryptography. For tests.
 * @returns The source.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { systemIds } from "./ids.ts";
 * const ids = systemIds();
 * const first = ids.ulid(2000);
 * assert(first.length === 26 && first < ids.ulid(1000));
 * assertEquals(ids.secretBytes(32).byteLength, 32);
 * ```
 */
export function systemIds(random: PRNG = platformRandom()): Ids {
  const next = monotonicFactory(random);
  let latest_ms = 1;
  /** Ids of that millisecond. */
  let made = 0;

  function ulid(at_ms: number): string {
    // Checked before the library sees it: it would put the wall clock in the place of 0 and of NaN, and remember a time
    // that it then refuses to encode, so that every later id would fail too.
    assert(at_ms >= 0 && at_ms < TIME_MAX, "the time of an id is a time");
    const now_ms = Math.floor(at_ms);
    const wanted_ms = now_ms < latest_ms && made >= SET_BACK_IDS_MAX ? latest_ms + 1 : now_ms;
    if (wanted_ms > latest_ms) {
      latest_ms = wanted_ms;
      made = 0;
    }
    made++;
    try {
      return next(latest_ms);
    } catch {
      // All ids of this millisecond are used up: its first one was drawn that close to the last of 2^80.
      latest_ms += 1;
      return next(latest_ms);
    }
  }

  function secretBytes(length: number): Uint8Array<ArrayBuffer> {
    assert(Number.isInteger(length) && length > 0 && length <= SECRET_BYTES_MAX, "a secret has a length");
    return crypto.getRandomValues(new Uint8Array(length));
  }

  return { ulid, ulidPrefix, secretBytes };
}

/** Bytes that are drawn at once: an id takes sixteen, and the library would draw each of them by itself. */
const DRAWN_BYTES = 4096;

/** The platform's cryptography, as the library uses it: a byte for each number. */
function platformRandom(): PRNG {
  const drawn = new Uint8Array(DRAWN_BYTES);
  let used = DRAWN_BYTES;
  return () => {
    if (used === DRAWN_BYTES) {
      crypto.getRandomValues(drawn);
      used = 0;
    }
    return (drawn[used++] ?? 0) / 0x100;
  };
}

/** A time that no id can have (a caller may ask for what happened since the year 0) is read as the nearest that one can. */
function ulidPrefix(at_ms: number): string {
  assert(!Number.isNaN(at_ms), "the time of a prefix is a number");
  return encodeTime(Math.min(Math.max(0, Math.floor(at_ms)), TIME_MAX));
}
