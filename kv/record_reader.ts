/**
 * Reads records of which some may be broken: one that can't be read is left out and told to the operator, so that the
 * others are not held up by it.
 *
 * Owns how a broken record is told: by its key, once an hour at most. It must never put a record's content into the log,
 * nor delete it: what a later release wrote can be read again by that one.
 *
 * @module
 */
import { BrokenRecord } from "../lib/errors.ts";
import { TIME } from "../lib/limits.ts";
import type { Clock, Log } from "../lib/ports.ts";
import type { Key } from "./keys.ts";
import type { Codec } from "./records.ts";

/** A record as read; absent while its versionstamp is null. */
interface ReadEntry {
  readonly key: Key;
  readonly value: unknown;
  readonly versionstamp: string | null;
}

/** Reads what may be broken. */
export interface RecordReader {
  /** The record; null if there is none, or none that can be read. */
  read<Value>(codec: Codec<Value>, entry: ReadEntry): Value | null;
  /** The same for any way of reading, such as one that opens what is sealed. */
  attempt<Value>(key: Key, read: () => Promise<Value>): Promise<Value | null>;
}

/** Broken records remembered as told; beyond it the oldest is told again. */
const TOLD_MAX = 1000;

/**
 * Makes a reader.
 *
 * @param ports The clock, and where broken records are told.
 * @returns The reader.
 */
export function createRecordReader(
  { clock, log }: { readonly clock: Pick<Clock, "now">; readonly log: Log },
): RecordReader {
  const told = new Map<string, number>();

  function tell(key: Key, error: BrokenRecord): void {
    const name = key.map(String).join(" ");
    const now = clock.now();
    if (now - (told.get(name) ?? -Infinity) < TIME.HOUR_MS) return;
    told.delete(name);
    told.set(name, now);
    const [oldest] = told.keys();
    if (told.size > TOLD_MAX && oldest !== undefined) told.delete(oldest);
    log.error("record.broken", { record: nameOf(key), error: error.message });
  }

  return {
    read(codec, { key, value, versionstamp }) {
      if (versionstamp === null) return null;
      try {
        return codec.decode(value);
      } catch (error) {
        if (!(error instanceof BrokenRecord)) throw error;
        tell(key, error);
        return null;
      }
    },

    async attempt(key, read) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof BrokenRecord)) throw error;
        tell(key, error);
        return null;
      }
    },
  };
}

/** Kinds of record whose keys hold a hash or a caller's own text. */
const PRIVATE_KEYS = new Set(["api_key", "event_key"]);

/** A key as an operator may read it. */
function nameOf(key: Key): string {
  const [kind, ...rest] = key.map(String);
  return PRIVATE_KEYS.has(kind ?? "") ? `${kind} …` : [kind, ...rest].join(" ");
}
