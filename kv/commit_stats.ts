/**
 * What the committer tells about itself, for metrics and the log.
 *
 * Owns shapes only. Nothing here may name a key or a value.
 *
 * @module
 */

/** How one atomic operation ended. */
export type AtomicOutcome = "committed" | "conflict" | "fault" | "outage" | "given_up";

/** One atomic operation, for metrics. */
export interface GroupReport {
  readonly members: number;
  readonly bytes: number;
  /** From the first try to the answer, pauses included. */
  readonly duration_ms: number;
  readonly outcome: AtomicOutcome;
}

/** Counters since the start, and what waits now. */
export interface CommitterStats {
  /** Atomic operations that were committed. */
  groups: number;
  /** Members that were committed. */
  members: number;
  /** Members that learned that a check failed. */
  conflicts: number;
  /** Members that were refused for what they held. */
  faults: number;
  /** Members that were rejected as unavailable, by an outage or because too many waited. */
  unavailable: number;
  /** Times a group was cut in two. */
  bisections: number;
  /** Times the file was found locked. */
  locked_retries: number;
  /** Members that wait for a group now. */
  queued: number;
}

/**
 * Counters that were never counted up.
 *
 * @returns A fresh object.
 */
export function emptyStats(): CommitterStats {
  return {
    groups: 0,
    members: 0,
    conflicts: 0,
    faults: 0,
    unavailable: 0,
    bisections: 0,
    locked_retries: 0,
    queued: 0,
  };
}
