/**
 * What goes wrong in a command, in words: one line `Cannot …`, one line for each field, what to do next.
 *
 * Owns these words and the exit codes. It must never show a stack trace or a secret.
 *
 * @module
 */
import { AppError, ERROR_STATUS, type ErrorCode, type FieldError } from "../lib/errors.ts";
import { oneLine } from "./terminal_text.ts";

/** The command line or the configuration can't be understood, so nothing was done. */
export class WrongUse extends Error {
  override readonly name = "WrongUse";
  readonly lines: readonly string[];

  /**
   * @param message What is wrong, as the rest of a sentence that begins with `Cannot`.
   * @param lines Everything that is wrong, one line each, where that is more than the message says.
   */
  constructor(message: string, lines: readonly string[] = []) {
    super(message);
    this.lines = lines;
  }
}

/** Something outside of the domain failed: no answer, no database. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly next_step: string | null;

  /**
   * @param message What happened, as the rest of a sentence that begins with `Cannot …: `.
   * @param next_step What to do about it: a sentence.
   */
  constructor(message: string, next_step: string | null = null) {
    super(message);
    this.next_step = next_step;
  }
}

/** An error as a service answered it. */
export class ServiceRefusal extends AppError {
  /** Finds the request in the service's log. */
  readonly request_id: string | null;

  /**
   * @param code The code of the answer.
   * @param message Its `detail`, or its `title`.
   * @param options The fields at fault, when to try again, the request's id.
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly errors?: readonly FieldError[];
      readonly retry_after_s?: number;
      readonly request_id: string | null;
    },
  ) {
    super(code, message, options);
    this.request_id = options.request_id;
  }
}

/** What was tried, and how its fields are called on the command line. */
export interface Attempted {
  /** The rest of a sentence that begins with `Cannot`, e.g. `create the key`. */
  readonly doing: string;
  /** The flag for a field of the body, e.g. `--url` for `/url`; null if there is none. */
  readonly flagOf: (pointer: string) => string | null;
  /** The command that lists what there is, for something that was not found; null if there is none. */
  readonly list_command: string | null;
  /** The command that makes it, for what was not found and can't be listed. */
  readonly make_command?: string | null;
}

/** Exit code of what failed. */
export const EXIT_FAILED = 1;
/** Exit code of what could not be understood. */
export const EXIT_WRONG_USE = 2;

/**
 * The exit code for an error.
 *
 * @param error What was thrown.
 * @returns 2 if nothing was tried because the command or the configuration is wrong, else 1.
 */
export function exitCodeOf(error: unknown): number {
  return error instanceof WrongUse ? EXIT_WRONG_USE : EXIT_FAILED;
}

/**
 * Says what went wrong.
 *
 * @param error What was thrown.
 * @param attempted What was tried.
 * @returns The lines for the terminal, without what looks like a secret.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { AppError } from "../lib/errors.ts";
 * import { explain } from "./failure.ts";
 * const attempted = { doing: "revoke the key", flagOf: () => null, list_command: "keys list" };
 * assertEquals(explain(new AppError("not_found", "Cannot revoke the key: there is none"), attempted), [
 *   "Cannot revoke the key: there is none.",
 *   "`deno task admin keys list` shows what there is.",
 * ]);
 * ```
 */
export function explain(error: unknown, attempted: Attempted): string[] {
  return linesOf(error, attempted).map((line) => withoutSecrets(line));
}

function linesOf(error: unknown, attempted: Attempted): string[] {
  const { doing, flagOf } = attempted;
  if (error instanceof WrongUse) {
    const end = error.lines.length === 0 ? "." : ":";
    return [`Cannot ${oneLine(error.message)}${end}`, ...error.lines.map((line) => `  ${oneLine(line)}`)];
  }
  if (error instanceof Failure) {
    const next = error.next_step === null ? [] : [error.next_step];
    return [`Cannot ${doing}: ${oneLine(error.message)}.`, ...next];
  }
  if (error instanceof AppError) {
    const fields = error.errors.map(({ path, message }) =>
      oneLine(`  ${flagOf(path) ?? (path === "" ? "the body" : path)}: ${message}`)
    );
    // One flag may stand for a list, each item of which is told the same.
    return [`Cannot ${doing}: ${reasonOf(error)}.`, ...new Set(fields), ...nextStep(error, attempted)];
  }
  return [`Cannot ${doing}: ${oneLine(error instanceof Error ? error.message : String(error))}.`];
}

/** The message without what stands at the beginning of the line anyway. */
function reasonOf(error: AppError): string {
  if (error.errors.length > 0) return lowerFirst(ERROR_STATUS[error.code][1]);
  if (error.code === "unauthorized") return "the service does not accept the key";
  const bare = oneLine(error.message).replace(/^(?:Cannot [^:]*|Not found): /, "").replace(/\.$/, "");
  return lowerFirst(bare === "" ? ERROR_STATUS[error.code][1] : bare);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function nextStep(error: AppError, { list_command, make_command = null }: Attempted): string[] {
  switch (error.code) {
    case "unauthorized":
      return ["Check --key: it may be mistyped, revoked or expired. `keys list` shows the keys there are."];
    case "forbidden":
      return ["Use a key of another scope: manage for webhooks, admin for everything."];
    case "not_found":
      if (list_command !== null) return [`\`deno task admin ${list_command}\` shows what there is.`];
      return make_command === null ? [] : [`\`deno task admin ${make_command}\` changes that.`];
    case "webhook_not_active":
      return ["`webhooks enable` makes a webhook that was disabled or paused active again."];
    case "conflict":
      return ["Try again."];
    case "rate_limited":
      return [`Try again in ${error.retry_after_s ?? 1} s.`];
    case "unavailable":
      return [
        `Try again in ${
          error.retry_after_s ?? 1
        } s. If it stays: is the disk full, does another process hold the ` +
        "database, does the service's /readyz say what is wrong?",
      ];
    case "internal": {
      const request_id = error instanceof ServiceRefusal ? error.request_id : null;
      return [
        `The service's log says more${request_id === null ? "" : `: look for request_id ${request_id}`}.`,
      ];
    }
    default:
      return [];
  }
}

/** Keys and secrets by their prefixes, whoever put them into a message. */
function withoutSecrets(line: string): string {
  return line.replace(/\b(?:tdk|whsec)_[^\s"'`]+/g, "[secret]");
}
