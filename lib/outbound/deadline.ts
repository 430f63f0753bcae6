/**
 * The one deadline of a send, over look-up, connect, headers and body.
 *
 * Owns the timer. It must never be renewed: a receiver that drips bytes would hold a send for ever.
 *
 * @module
 */
import type { Clock } from "../ports.ts";

/** A running deadline. Whoever starts one cancels it when the send has ended, so that no timer outlives it. */
export interface Deadline {
  /** Aborted when the time is up. */
  readonly signal: AbortSignal;
  cancel(): void;
}

/**
 * Starts a deadline.
 *
 * @param clock Whose timer it is.
 * @param timeout_ms How long, in milliseconds.
 * @returns The deadline.
 */
export function startDeadline(clock: Pick<Clock, "after">, timeout_ms: number): Deadline {
  const controller = new AbortController();
  return { signal: controller.signal, cancel: clock.after(timeout_ms, () => controller.abort()) };
}
