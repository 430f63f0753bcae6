/**
 * What went wrong with a commit: which errors of Deno KV are waited out, which are somebody's fault, and what the rest
 * tells a caller.
 *
 * Owns the reading of error texts: KV gives nothing else to tell them apart, nearly all are `TypeError`s.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";

/** What is known of a member that was rejected: it was never written, or it may have been. */
export type CommitOutcome = "not_committed" | "unknown";

/**
 * The database could not take a member just now. With `outcome: "unknown"` it may have been committed all the same (a
 * KV server answered nothing, or the process waited no longer): read again before doing it again.
 */
export class CommitError extends AppError {
  readonly outcome: CommitOutcome;

  /**
   * @param outcome Whether it may have been committed.
   * @param message What happened, for the caller.
   * @param options When to try again in seconds, and the cause, which is for the log only.
   */
  constructor(outcome: CommitOutcome, message: string, options: { retry_after_s: number; cause?: unknown }) {
    super("unavailable", message, options);
    this.outcome = outcome;
  }
}

/**
 * - `locked`: another process holds the file; nothing was written; try the same again.
 * - `fault`: Deno refused what it was given, before anything was written; some member is at fault.
 * - `outage`: the disk, the connection, the handle; nobody's fault, and the outcome may be unknown.
 */
export type CommitErrorKind = "locked" | "fault" | "outage";

/** Another process holds the file. */
export const LOCKED = /\b(database|table|schema) is locked\b|\bSQLITE_(BUSY|LOCKED)/i;

// The texts of SQLite's result codes (sqlite.org/rescode.html) and of Deno's own back end. A full disk was seen as
// "database or disk is full" and, when the transaction outgrew the page cache, "cannot commit - no transaction is active".
const OUTAGE =
  /\bdisk\b|no transaction is active|read-?only|unable to open|out of memory|not a database|locking protocol|interrupted|is closed/i;

// A KV server that understood the request and refused it wrote nothing ("KV Connect failed to call '…'
// (status=400 Bad Request): Too many checks included in atomic write."); Deno's client throws a plain `Error` then.
const REFUSED_BY_SERVER = /^KV Connect failed to call\b.*\(status=400\b/;

/**
 * Judges an error that `commit()` threw.
 *
 * @param error What was thrown.
 * @returns What to do about it. An unknown `TypeError` counts as a fault: bisection then finds the member, or, if there
 * was none, ends with each member on its own.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { commitErrorKind } from "./commit_error.ts";
 * assertEquals(commitErrorKind(new TypeError("database is locked")), "locked");
 * assertEquals(commitErrorKind(new TypeError("Value too large (max 65536 bytes)")), "fault");
 * assertEquals(commitErrorKind(new TypeError("database or disk is full")), "outage");
 * const refused = "KV Connect failed to call 'http://kv.example/v2/atomic_write' (status=400 Bad Request): Too many checks";
 * assertEquals(commitErrorKind(new Error(refused)), "fault");
 * assertEquals(commitErrorKind(new Error(refused.replace("400", "500"))), "outage");
 * ```
 */
export function commitErrorKind(error: unknown): CommitErrorKind {
  if (!(error instanceof Error)) return "outage";
  if (LOCKED.test(error.message)) return "locked";
  if (REFUSED_BY_SERVER.test(error.message)) return "fault";
  const refused = error instanceof TypeError || error instanceof RangeError;
  return refused && !OUTAGE.test(error.message) ? "fault" : "outage";
}
