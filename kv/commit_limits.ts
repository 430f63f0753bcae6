/**
 * What one atomic operation of Deno KV may hold, and what the committer may hold and how long it tries.
 *
 * Owns the choice of numbers for this room; those that others share come from `lib/limits.ts`.
 *
 * @module
 */
import { KV } from "../lib/limits.ts";

/** What one atomic operation may hold. */
export interface AtomicLimits {
  readonly checks_max: number;
  readonly mutations_max: number;
  /** Keys of checks and of deletes, keys of sets and sums twice, values; a sum's value counts 8. */
  readonly bytes_max: number;
  /** Keys of sets and sums, all together. */
  readonly key_bytes_total_max: number;
  /** One key. */
  readonly key_bytes_max: number;
  /** One value. */
  readonly value_bytes_max: number;
}

/** The limits of Deno KV on a file; a KV server takes fewer checks ({@linkcode KV.atomic_checks_max_on_server}). */
export const ATOMIC_LIMITS: AtomicLimits = {
  checks_max: KV.atomic_checks_max,
  mutations_max: KV.atomic_mutations_max,
  bytes_max: KV.atomic_bytes_max,
  // Documented nowhere: "Total key size too large (max 81920 bytes)", measured with Deno 2.9.6.
  key_bytes_total_max: 81_920,
  key_bytes_max: KV.key_bytes_max,
  value_bytes_max: KV.value_bytes_max,
};

/** What the committer may hold and how long it tries. */
export interface CommitterLimits extends AtomicLimits {
  /** More members than this don't wait; the next one is refused at once. */
  readonly queued_members_max: number;
  /** The same in bytes, as the atomic operation counts them. */
  readonly queued_bytes_max: number;
  /** A group that isn't settled after this is given up. */
  readonly give_up_ms: number;
  /** One without an answer is not waited for any longer than this after it was given up. */
  readonly unanswered_ms: number;
  /** Shortest and longest pause before a locked file is tried again. */
  readonly locked_pause_ms: readonly [min: number, max: number];
  /** A group leaves at most this many members behind that conflict with it; then it takes no more. */
  readonly passed_over_max: number;
}

/** The limits of a committer over Deno KV in a file. */
export const COMMITTER_LIMITS: CommitterLimits = {
  ...ATOMIC_LIMITS,
  queued_members_max: 50_000,
  queued_bytes_max: 64 * 1024 * 1024,
  give_up_ms: KV.locked_retry_ms_max,
  unanswered_ms: KV.unanswered_ms_max,
  locked_pause_ms: KV.locked_jitter_ms,
  passed_over_max: 256,
};
