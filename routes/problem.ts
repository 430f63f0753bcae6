/**
 * Errors as callers get them: `application/problem+json` (RFC 9457).
 *
 * Owns the one place that maps codes to HTTP. What was not expected is a 500 that says nothing; the log says everything.
 *
 * @module
 */
import { AppError, ERROR_STATUS, type ErrorCode, type FieldError } from "../lib/errors.ts";
import type { Log } from "../lib/ports.ts";
import type { RouteContext } from "./context.ts";

/** The body of an error. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: ErrorCode;
  readonly request_id: string;
  readonly errors?: readonly FieldError[];
}

/**
 * An error as its caller gets it.
 *
 * @param error What is refused.
 * @param request_id That of the request.
 * @returns The body of the answer.
 */
export function problemOf({ code, message, errors }: AppError, request_id: string): Problem {
  const [status, title] = ERROR_STATUS[code];
  return {
    type: `urn:tidings:error:${code}`,
    title,
    status,
    ...(message === "" ? {} : { detail: message }),
    code,
    request_id,
    ...(errors.length === 0 ? {} : { errors }),
  };
}

/** Further headers that go with a code. */
function headersOf(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.code === "unauthorized") headers["WWW-Authenticate"] = "Bearer";
  const retry_after_s = error.retry_after_s ?? (error.code === "unavailable" ? 1 : undefined);
  if (retry_after_s !== undefined) headers["Retry-After"] = String(retry_after_s);
  return headers;
}

/**
 * Answers with an error.
 *
 * @param context The request.
 * @param error What happened.
 * @param log Where the unexpected goes.
 * @returns The answer.
 */
export function problemResponse(context: RouteContext, error: unknown, log: Log): Response {
  const expected = error instanceof AppError ? error : new AppError("internal", "");
  const [status] = ERROR_STATUS[expected.code];
  const request_id = context.get("request_id");
  if (status >= 500) {
    const cause = error instanceof AppError ? error.cause : error;
    const stack = cause instanceof Error ? cause.stack : cause === undefined ? undefined : String(cause);
    const fields = { request_id, code: expected.code, path: context.req.routePath, stack };
    if (status === 500) log.error("request.failed", fields);
    else log.warn("request.unavailable", fields);
  }
  return new Response(JSON.stringify(problemOf(expected, request_id)), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headersOf(expected) },
  });
}
