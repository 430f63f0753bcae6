/**
 * A log that a test can read.
 *
 * @module
 */
import type { Log, LogFields, LogLevel } from "../../lib/ports.ts";

/** A line of a log. */
export interface Logged {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/**
 * Makes a log.
 *
 * @param logged Where its lines go.
 */
export function recordingLog(logged: Logged[] = []): Log {
  const noting = (level: LogLevel) => (message: string, fields: LogFields = {}): void =>
    void logged.push({ level, message, fields });
  return { debug: noting("debug"), info: noting("info"), warn: noting("warn"), error: noting("error") };
}
