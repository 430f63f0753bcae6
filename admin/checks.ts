/**
 * What a doctor's look came to: one check, and how checks are shown.
 *
 * Owns the form of a check. It must never hold a secret: checks are there to be shown to whoever helps.
 *
 * @module
 */
import { safeText } from "./terminal_text.ts";

/** `warn`: it works, but the operator should know; `fail`: it does not. */
export type CheckStatus = "ok" | "warn" | "fail";

/** One thing that was looked at. */
export interface Check {
  /** What, in one or two words. */
  readonly subject: string;
  readonly status: CheckStatus;
  /** What was found. */
  readonly detail: string;
  /** What to do about it; null where nothing has to be. */
  readonly next_step: string | null;
}

/** All is well. */
export function ok(subject: string, detail: string): Check {
  return { subject, status: "ok", detail, next_step: null };
}

/** It works, but the operator should know. */
export function warn(subject: string, detail: string, next_step: string): Check {
  return { subject, status: "warn", detail, next_step };
}

/** It does not work. */
export function fail(subject: string, detail: string, next_step: string): Check {
  return { subject, status: "fail", detail, next_step };
}

/**
 * Checks for people.
 *
 * @param checks At least one.
 * @returns One line each, with what to do under it, and a line that sums up.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { checksText, ok } from "./checks.ts";
 * assertEquals(checksText([ok("clock", "it is 2027")]), "ok    clock: it is 2027\n\nAll is well.");
 * ```
 */
export function checksText(checks: readonly Check[]): string {
  const lines = checks.flatMap(({ subject, status, detail, next_step }) => [
    `${status.padEnd(4)}  ${subject}: ${safeText(detail)}`,
    ...(next_step === null ? [] : [`      ${safeText(next_step)}`]),
  ]);
  return [...lines, "", summary(checks)].join("\n");
}

function summary(checks: readonly Check[]): string {
  const count = (status: CheckStatus): number => checks.filter((check) => check.status === status).length;
  const [failed, warned] = [count("fail"), count("warn")];
  if (failed > 0) return `${failed} of ${checks.length} checks failed.`;
  return warned > 0 ? `It works; ${warned} of ${checks.length} checks warn.` : "All is well.";
}
