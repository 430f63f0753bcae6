/**
 * Turns what a schema says about an input into a refusal that names every field at fault.
 *
 * Owns the form of validation errors. It must never put a value of the input into a message: a value may be a secret or
 * a person's data. Names of unknown keys are put in, so check for personal data first where that can be in a key.
 *
 * @module
 */
import type { z } from "zod";
import { AppError, type FieldError } from "./errors.ts";
import { INPUT } from "./limits.ts";
import "./fault_text.ts";

/**
 * Writes a path as a JSON pointer (RFC 6901).
 *
 * @param path Keys and indices, outermost first.
 * @returns `""` for the whole document, else `/a/0/b`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { jsonPointer } from "./validate.ts";
 * assertEquals(jsonPointer(["filters", "a/b", 0]), "/filters/a~1b/0");
 * ```
 */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => "/" + String(part).replaceAll("~", "~0").replaceAll("/", "~1")).join("");
}

/**
 * The fields at fault in what a schema refused.
 *
 * @param error What `safeParse` answered.
 * @param prefix JSON pointer of the value that was parsed.
 * @returns One entry a fault; an unknown key is named by its own pointer.
 */
export function fieldErrors(error: z.ZodError, prefix = ""): FieldError[] {
  return error.issues.flatMap((issue) => {
    const path = prefix + jsonPointer(issue.path);
    if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({ path: path + jsonPointer([key]), message: "Unknown key" }));
  });
}

/**
 * Parses an input or refuses it with everything that is wrong with it.
 *
 * @param schema What the input must be.
 * @param input Anything.
 * @param prefix JSON pointer of the input within the caller's document.
 * @returns The parsed value.
 * @throws {AppError} `validation_failed`, with the fields at fault.
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  prefix = "",
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw validationError(fieldErrors(parsed.error, prefix));
}

/**
 * The refusal of several fields at once.
 *
 * @param errors The fields at fault, at least one.
 * @returns A `validation_failed` error that lists the first hundred and whose message tells the first and counts the rest.
 */
export function validationError(errors: readonly FieldError[]): AppError {
  const [first] = errors;
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const detail = first === undefined
    ? ""
    : `: ${first.path === "" ? "the body" : first.path}: ${first.message}`;
  return new AppError("validation_failed", `Cannot accept the input${detail}${rest}`, {
    errors: errors.slice(0, INPUT.errors_shown_max),
  });
}
