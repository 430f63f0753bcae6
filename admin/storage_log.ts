/**
 * What storage has to say while a command works on it: records that can't be read, for the person at the terminal.
 *
 * @module
 */
import type { Log } from "../lib/ports.ts";

/**
 * Makes the log.
 *
 * @param write Where it goes: stderr, so that `--json` stays JSON.
 * @returns A log that says errors and keeps the rest to itself.
 */
export function createStorageLog(write: (text: string) => void): Log {
  return {
    debug() {},
    info() {},
    warn() {},
    error(message, { record, error } = {}) {
      write(`Left out: ${record ?? message}: ${error}\n`);
    },
  };
}
