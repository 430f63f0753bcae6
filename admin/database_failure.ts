/**
 * Why a database can't be used, in words, with what to do next.
 *
 * Owns these words: KV has only texts, or silence, to tell the reasons apart.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import type { Clock } from "../lib/ports.ts";
import { Failure } from "./failure.ts";
import { oneLine } from "./terminal_text.ts";

const WHO_HOLDS =
  "A running service does not hold it. Look for a backup or a database tool that does, then try again.";
const WHICH_SERVER = "Check TIDINGS_KV and DENO_KV_ACCESS_TOKEN, and that the server runs.";

/**
 * Why a database did not open in time.
 *
 * @param kind What it is.
 * @param place Which one.
 * @param waited_s How long was waited, in seconds.
 * @returns What to show.
 */
export function lateFailure(kind: "file" | "server", place: string, waited_s: number): Failure {
  return kind === "file"
    ? new Failure(
      `another process has held the database ${place} for ${waited_s} s`,
      WHO_HOLDS,
    )
    : new Failure(
      `the KV server ${place} did not answer within ${waited_s} s`,
      WHICH_SERVER,
    );
}

/**
 * Why a database could not be opened.
 *
 * @param error What opening or the first read of it threw.
 * @param path The file, or the server's URL.
 * @returns What to show: KV has only texts to tell these apart.
 */
export function openFailure(error: unknown, path: string): Failure {
  const reason = error instanceof Error ? error.message : String(error);
  if (/\bis locked\b|SQLITE_BUSY/i.test(reason)) {
    return new Failure(`another process holds the database ${path}`, WHO_HOLDS);
  }
  if (/not a database|malformed/i.test(reason)) {
    return new Failure(`${path} is not a database of Tidings`, "Check TIDINGS_KV, or restore a backup.");
  }
  if (/disk is full|disk I\/O/i.test(reason)) {
    return new Failure(
      `the disk of the database ${path} is full, or fails`,
      "Make room on it, then try again: nothing that was accepted is lost.",
    );
  }
  if (/failed to connect|error sending request/i.test(reason)) {
    return new Failure(`the KV server ${path} can't be reached: ${oneLine(reason)}`, WHICH_SERVER);
  }
  if (/unable to open|requires (?:read|write) access|permission denied|read-?only/i.test(reason)) {
    return new Failure(
      `the database ${path} can't be opened for writing`,
      "Check TIDINGS_KV and who owns the file and its folder: use the account that the service runs as.",
    );
  }
  return new Failure(`the database ${path} can't be opened: ${oneLine(reason)}`);
}

/** A database, and how long it is asked. */
export interface AskedDatabase {
  readonly kind: "file" | "server";
  /** The file, or the server's URL. */
  readonly place: string;
  readonly clock: Pick<Clock, "elapsed">;
}

/**
 * Begins to ask a database.
 *
 * @param asked See {@linkcode AskedDatabase}.
 * @returns Makes what to show of what it threw; of undefined, and of what was thrown for want of an answer, that it has
 * been silent since now.
 */
export function databaseFailures({ kind, place, clock }: AskedDatabase): (error: unknown) => Failure {
  const asked_at = clock.elapsed();
  return (error) => {
    if (error instanceof Failure) return error;
    // Reads and writes have deadlines of their own; their errors bring along what the database threw, if it did.
    const cause = error instanceof AppError && error.code === "unavailable" ? error.cause : error;
    if (cause !== undefined) return openFailure(cause, place);
    return lateFailure(kind, place, Math.round((clock.elapsed() - asked_at) / 1000));
  };
}
