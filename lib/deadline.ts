/**
 * An end to waiting for what has none of its own.
 *
 * Owns that one race. It must never be used where the work has to be undone: what is late goes on unseen until the
 * process ends.
 *
 * @module
 */
import type { Clock } from "./ports.ts";

/** How long, by which clock, and what then. */
export interface Deadline {
  readonly clock: Pick<Clock, "after">;
  readonly deadline_ms: number;
  readonly late: () => Error;
}

/**
 * Waits for work, but not for ever.
 *
 * @param work What is waited for.
 * @param deadline See {@linkcode Deadline}.
 * @returns What the work resolves to.
 * @throws What the work throws, or what `late` makes once the time is over.
 */
export async function withinDeadline<T>(
  work: Promise<T>,
  { clock, deadline_ms, late }: Deadline,
): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(deadline_ms, () => reject(late()));
  try {
    return await Promise.race([work, over]);
  } finally {
    cancel();
  }
}
