/**
 * The error of a failed assertion, and how its message ends.
 *
 * Owns the class that `lib/std/assert.ts` exports. It must never say more than it was told.
 *
 * @module
 */

/** What a failed assertion throws. */
export class AssertionError extends Error {
  /**
   * @param message What was expected.
   * @param options The cause.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/**
 * The end of a failure's message, as the real package has it.
 *
 * @param msg What the caller of the assertion said, if anything.
 * @returns `: msg`, or a full stop.
 */
export function ending(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
