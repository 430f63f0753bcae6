/**
 * A committer over a fake KV, with everything a test wants to see of it.
 *
 * Owns shorthand for members. Only for the tests of `kv/`.
 *
 * @module
 */
import type { CommitterLimits } from "../../kv/commit_limits.ts";
import type { GroupReport } from "../../kv/commit_stats.ts";
import { type Committer, createCommitter } from "../../kv/committer.ts";
import type { Check, Member, Mutation } from "../../kv/member.ts";
import { FakeKv, type FakeKvOptions } from "./fake_kv.ts";
import { encodeKey } from "./fake_kv_key.ts";
import type { FakeWrite } from "./fake_kv_store.ts";
import { createManualClock, type ManualClock } from "./manual_clock.ts";

/** A committer, and what is around it. */
export interface Bench {
  readonly clock: ManualClock;
  readonly db: FakeKv;
  readonly committer: Committer;
  /** One report per atomic operation. */
  readonly reports: GroupReport[];
}

/**
 * Opens a fake KV with a committer over it.
 *
 * @param options Limits of the committer, options of the fake, and what the committer takes for randomness.
 * @returns Both, and the clock they share.
 */
export function openBench(
  options: { limits?: Partial<CommitterLimits>; kv?: Partial<FakeKvOptions>; random?: () => number } = {},
): Bench {
  const clock = createManualClock();
  const db = new FakeKv({ clock, ...options.kv });
  const reports: GroupReport[] = [];
  const committer = createCommitter({
    db,
    clock,
    random: options.random ?? ((): number => 0.5),
    limits: options.limits ?? {},
    onGroup: (report) => void reports.push(report),
  });
  return { clock, db, committer, reports };
}

/** A value of so many equal bytes. */
export function value(fill: number, length = 1): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(fill);
}

/** A mutation that sets a key. */
export function set(key: Deno.KvKey, fill = 0, length = 1): Mutation {
  return { kind: "set", key, value: value(fill, length) };
}

/** A check that a key is absent, or stands at a versionstamp. */
export function check(key: Deno.KvKey, versionstamp: string | null = null): Check {
  return { key, versionstamp };
}

/** A member of blind mutations. */
export function blind(...mutations: Mutation[]): Member {
  return { checks: [], mutations };
}

/** A member that creates a key, if it is absent. */
export function create(key: Deno.KvKey, fill = 0): Member {
  return { checks: [check(key)], mutations: [set(key, fill)] };
}

/** So many things, made by their index. */
export function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Whether an operation writes a key. */
export function writes(write: FakeWrite, key: Deno.KvKey): boolean {
  return write.mutations.some((mutation) => encodeKey(mutation.key) === encodeKey(key));
}

/**
 * What becomes of a promise: read it when the clock has run.
 *
 * @param promise The promise; its rejection counts as handled.
 * @returns An object whose `state` is `pending` until it is settled.
 */
export function watch<T>(
  promise: Promise<T>,
): { state: "pending" | "resolved" | "rejected"; result?: T; error?: unknown } {
  const watched: { state: "pending" | "resolved" | "rejected"; result?: T; error?: unknown } = {
    state: "pending",
  };
  promise.then(
    (result) => Object.assign(watched, { state: "resolved", result }),
    (error) => Object.assign(watched, { state: "rejected", error }),
  );
  return watched;
}
