/**
 * What keeps the database from working: since when, and why, in words.
 *
 * Owns the words. They are shown to callers and operators, so they must never hold anything of an error's own text.
 *
 * @module
 */
import { CommitError, type CommitOutcome, LOCKED } from "./commit_error.ts";

/**
 * What keeps the database from working, in words for callers and operators.
 *
 * @param error What it threw; undefined if it did not answer.
 * @returns The rest of a sentence, without anything of the error's own text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { outageReason } from "./outage.ts";
 * assertEquals(outageReason(new TypeError("database or disk is full")), "the disk is full");
 * assertEquals(outageReason(undefined), "the database does not answer");
 * ```
 */
export function outageReason(error: unknown): string {
  if (error === undefined) return "the database does not answer";
  const text = error instanceof Error ? error.message : "";
  if (LOCKED.test(text)) return "another process holds the database";
  if (/disk is full|no transaction is active/i.test(text)) return "the disk is full";
  if (/\bdisk\b/i.test(text)) return "the disk fails, or is full";
  if (/read-?only|unable to open/i.test(text)) return "the database can't be opened for writing";
  return "the database failed";
}

/** An outage as far as commits tell of it: begun by one that fails, ended by one that succeeds. */
export class Outage {
  #begun: { readonly since: number; readonly cause: unknown } | null = null;

  /** Since when; null while there is none. */
  get since(): number | null {
    return this.#begun?.since ?? null;
  }

  /** Why, as of late; null while there is none. */
  get because(): string | null {
    return this.#begun === null ? null : outageReason(this.#begun.cause);
  }

  /** What the database threw last; undefined if it did not answer, or while there is no outage. */
  get cause(): unknown {
    return this.#begun?.cause;
  }

  /**
   * Notes a failure.
   * @param cause What the database threw; undefined if it did not answer.
   * @param at When it was asked.
   */
  note(cause: unknown, at: number): void {
    this.#begun = { since: this.since ?? at, cause };
  }

  /** What callers are told whose write came to nothing. */
  refusal(outcome: CommitOutcome): CommitError {
    const { cause } = this;
    return new CommitError(outcome, `Cannot write: ${outageReason(cause)}`, { retry_after_s: 5, cause });
  }

  end(): void {
    this.#begun = null;
  }
}
