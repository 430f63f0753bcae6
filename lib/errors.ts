/**
 * The expected refusals of Tidings: one table of codes, one error class, one place that maps codes to HTTP.
 *
 * Owns the names. It must never hold a value that came from a caller's payload: messages end up in answers and logs.
 *
 * @module
 */

/** What is wrong with one field: where (a JSON pointer, RFC 6901) and why. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** Every code a caller can meet, with its HTTP status and title (RFC 9457). */
export const ERROR_STATUS = {
  invalid_json: [400, "The body is not JSON"],
  unauthorized: [401, "A valid API key is needed"],
  forbidden: [403, "This key may not do that"],
  not_found: [404, "Not found"],
  method_not_allowed: [405, "This path does not take that method"],
  conflict: [409, "The state changed meanwhile"],
  limit_reached: [409, "A limit is reached"],
  webhook_not_active: [409, "The webhook is not active"],
  precondition_failed: [412, "The precondition failed"],
  payload_too_large: [413, "The body is too large"],
  unsupported_media_type: [415, "The body must be JSON"],
  validation_failed: [422, "A value is not valid"],
  personal_data: [422, "Personal data is not accepted"],
  idempotency_key_reused: [422, "The idempotency key was used for another event"],
  rate_limited: [429, "Too many requests"],
  internal: [500, "Something went wrong on our side"],
  unavailable: [503, "Not available just now"],
} as const satisfies Record<string, readonly [status: number, title: string]>;

/** The code of an expected refusal. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/** What an {@linkcode AppError} may carry besides its message. */
export interface AppErrorOptions {
  /** The fields at fault. */
  readonly errors?: readonly FieldError[];
  /** When it is worth trying again, in seconds. */
  readonly retry_after_s?: number;
  /** What caused it: for the log only, never for the caller. */
  readonly cause?: unknown;
}

/** An expected refusal. Its message and its fields are shown to the caller. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[];
  readonly retry_after_s: number | undefined;

  /**
   * @param code One of {@linkcode ERROR_STATUS}.
   * @param message What happened and the value at fault, never a secret or a person's data.
   * @param options The fields at fault, when to try again, the cause.
   */
  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.errors = options.errors ?? [];
    this.retry_after_s = options.retry_after_s;
  }
}

/**
 * A stored record that can't be read: altered, or written by a later release. Whoever asks for it gets `unavailable`: it
 * is there, and its operator has to look at it. Its message never holds what the record holds.
 */
export class BrokenRecord extends AppError {
  /** @param message Which kind of record, and what is wrong with it. */
  constructor(message: string) {
    super("unavailable", message, { retry_after_s: BROKEN_RETRY_AFTER_S });
  }
}

/** Nothing repairs a record by itself. */
const BROKEN_RETRY_AFTER_S = 3600;

/**
 * The refusal of one field.
 *
 * @param path JSON pointer of the field, e.g. `/url`.
 * @param message What is wrong with it.
 * @returns A `validation_failed` error that names the field.
 */
export function invalidField(path: string, message: string): AppError {
  return new AppError("validation_failed", `Cannot accept ${path}: ${message}`, {
    errors: [{ path, message }],
  });
}
