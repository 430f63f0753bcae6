/**
 * Group commits: many small transactions share one atomic operation, and so one fsync.
 *
 * Owns the one way by which this program writes to the database. It must never wait for company: an idle committer
 * commits at once, and what arrives meanwhile forms the next group. Groups are committed one after the other, so members
 * that touch the same key take effect in the order they arrived. There are no turns besides arrival: whoever has much to
 * write hands it in by the dozen and waits in between, and so holds up nobody for longer than that.
 *
 * @module
 */
import type { Clock, Random } from "../lib/ports.ts";
import { CommitError, commitErrorKind } from "./commit_error.ts";
import { buildAtomic, type BuiltAtomic, takeGroup } from "./commit_group.ts";
import { COMMITTER_LIMITS, type CommitterLimits } from "./commit_limits.ts";
import { type CommitterStats, emptyStats, type GroupReport } from "./commit_stats.ts";
import type { Database } from "./database.ts";
import { type MeasuredMember, measureMember, type Member } from "./member.ts";
import type { Attempt, CommitResult, Committed } from "./commit_result.ts";
import { Outage, outageReason } from "./outage.ts";

/** Everything the committer reaches the world through. */
export interface CommitterPorts {
  readonly db: Pick<Database, "atomic">;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<CommitterLimits>;
  /** Called after each atomic operation, the halves of a bisection included. Must not throw. */
  readonly onGroup?: (report: GroupReport) => void;
}

/** Commits members in groups. */
export interface Committer {
  /**
   * Commits one member, with others, as soon as the operation before is through.
   *
   * On a KV server `ok: false` may also mean that it *was* committed: Deno's client sends an operation again whose answer
   * was lost, and the second time the check fails. Read again and look for your own write.
   *
   * @param member Its checks and mutations; the values must not be changed until this settles.
   * @returns Whether its checks held. Resolved means durable.
   * @throws {AssertionError} At once, if it is beyond the limits of one operation or holds what KV refuses.
   * @throws {CommitError} `unavailable`: the database can't take it, or too many wait.
   * @throws Whatever Deno KV refused it with, if this member alone is at fault.
   */
  commit(member: Member): Promise<CommitResult>;
  /**
   * Since when commits fail, by the clock; null from the next one that succeeds (a failing check proves nothing: it is
   * found by reading). A file that two processes write to is locked for some milliseconds all the time, so what matters
   * is for how long.
   */
  readonly failing_since: number | null;
  /** Why they fail, in words; null while they do not. */
  readonly failing_because: string | null;
  /** Resolves when nothing waits or is under way. */
  idle(): Promise<void>;
  /** A copy of the counters. */
  stats(): CommitterStats;
}

/**
 * Makes the committer. There must be one per process: two would conflict with each other.
 *
 * @param ports Database, clock, randomness, and limits where they differ from {@linkcode COMMITTER_LIMITS}.
 * @returns The committer, idle. It starts no timer before the first member.
 */
export function createCommitter(ports: CommitterPorts): Committer {
  return new GroupCommitter(ports);
}

interface Entry {
  readonly measured: MeasuredMember;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
  settled: boolean;
}

class GroupCommitter implements Committer {
  readonly #ports: CommitterPorts;
  readonly #limits: CommitterLimits;
  readonly #stats = emptyStats();
  #queue: Entry[] = [];
  #queued_bytes = 0;
  /** Operations built so far. */
  #built = 0;
  #running = false;
  #answer_pending = false;
  #given_up = false;
  readonly #outage = new Outage();
  /** Resolves when the operation under way is not waited for any longer. */
  #abandoned: Promise<null> = new Promise(() => {});
  #idle_waiters: (() => void)[] = [];

  constructor(ports: CommitterPorts) {
    this.#ports = ports;
    this.#limits = { ...COMMITTER_LIMITS, ...ports.limits };
  }

  get failing_since(): number | null {
    return this.#outage.since;
  }

  get failing_because(): string | null {
    return this.#outage.because;
  }

  // deno-lint-ignore require-await -- what it throws is a rejection; waiting would cost every member a turn more
  async commit(member: Member): Promise<CommitResult> {
    const measured = measureMember(member, this.#limits);
    this.#refuseOverload(measured.bytes);
    const { promise, resolve, reject } = Promise.withResolvers<CommitResult>();
    this.#queue.push({ measured, resolve, reject, settled: false });
    this.#queued_bytes += measured.bytes;
    if (!this.#running) {
      this.#running = true;
      // Not before this turn's other members are here: a caller hands in its dozens at once.
      queueMicrotask(() => void this.#run());
    }
    return promise;
  }

  idle(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => void this.#idle_waiters.push(resolve));
  }

  stats(): CommitterStats {
    return { ...this.#stats, queued: this.#queue.length };
  }

  #refuseOverload(bytes: number): void {
    const { queued_members_max, queued_bytes_max } = this.#limits;
    const why = this.#given_up
      ? this.#outage.because ?? outageReason(undefined)
      : this.#queue.length >= queued_members_max
      ? `${queued_members_max} writes are waiting`
      : this.#queued_bytes + bytes > queued_bytes_max
      ? `${this.#queued_bytes} bytes are waiting to be written`
      : null;
    if (why === null) return;
    this.#stats.unavailable += 1;
    throw new CommitError("not_committed", `Cannot write: ${why}`, { retry_after_s: 1 });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const { taken, left } = takeGroup(this.#queue, this.#limits);
      this.#queue = left;
      for (const { measured } of taken) this.#queued_bytes -= measured.bytes;
      await this.#settleGroup(taken);
    }
    this.#running = false;
    for (const resolve of this.#idle_waiters.splice(0)) resolve();
  }

  async #settleGroup(entries: readonly Entry[]): Promise<void> {
    const started_at = this.#ports.clock.now();
    const { promise, resolve } = Promise.withResolvers<null>();
    this.#abandoned = promise;
    let cancel = this.#ports.clock.after(this.#limits.give_up_ms, () => {
      this.#giveUp(entries, started_at);
      cancel = this.#ports.clock.after(this.#limits.unanswered_ms, () => resolve(null));
    });
    try {
      await this.#divide(entries, false);
    } catch (error) {
      this.#rejectAll(entries, error); // a broken invariant here must not leave callers waiting, nor stop the loop
    } finally {
      cancel();
      this.#given_up = false;
    }
  }

  /**
   * Commits the entries together; if a check fails or Deno refuses something, each half on its own, until the one at
   * fault is alone. The halves are settled before any new arrival.
   *
   * @param doomed Known to hold the one at fault, since the other half passed: not tried whole.
   * @returns Whether all were committed.
   */
  async #divide(entries: readonly Entry[], doomed: boolean): Promise<boolean> {
    const open = entries.filter((entry) => !entry.settled);
    const [first] = open;
    if (first === undefined) return false;
    if (!doomed || open.length === 1) {
      const attempt = await this.#attempt(open);
      if (attempt.outcome === "committed") return this.#resolveAll(open, attempt);
      if (attempt.outcome === "given_up") return false;
      if (attempt.outcome === "outage") return this.#rejectOutage(open, attempt.error);
      if (open.length === 1) return this.#settleCulprit(first, attempt);
    }
    this.#stats.bisections += 1;
    const middle = open.length >> 1;
    const passed = await this.#divide(open.slice(0, middle), false);
    await this.#divide(open.slice(middle), passed);
    return false;
  }

  /** One atomic operation, tried again for as long as the file is locked. */
  async #attempt(entries: readonly Entry[]): Promise<Attempt> {
    const started = this.#ports.clock.elapsed();
    const attempt = await this.#tryUntilUnlocked(entries);
    this.#ports.onGroup?.({
      members: entries.length,
      bytes: entries.reduce((sum, entry) => sum + entry.measured.bytes, 0),
      duration_ms: this.#ports.clock.elapsed() - started,
      outcome: attempt.outcome,
    });
    return attempt;
  }

  async #tryUntilUnlocked(entries: readonly Entry[]): Promise<Attempt> {
    let built: BuiltAtomic | undefined;
    for (;;) {
      try {
        built ??= buildAtomic(this.#ports.db, entries.map((entry) => entry.measured), this.#built++);
        this.#answer_pending = true;
        const result = await Promise.race([built.atomic.commit(), this.#abandoned]);
        // Lost with its connection. Should it take effect after all: its callers were told that it may have.
        if (result === null) return { outcome: "given_up" };
        return result.ok
          ? { outcome: "committed", versionstamp: result.versionstamp, lease: built.lease }
          : { outcome: "conflict" };
      } catch (error) {
        const kind = commitErrorKind(error);
        if (kind !== "locked") return { outcome: kind, error };
        this.#outage.note(error, this.#ports.clock.now());
      } finally {
        this.#answer_pending = false;
      }
      this.#stats.locked_retries += 1;
      await this.#pause();
      if (entries.every((entry) => entry.settled)) return { outcome: "given_up" };
    }
  }

  #pause(): Promise<void> {
    const [min, max] = this.#limits.locked_pause_ms;
    const pause_ms = min + (max - min) * this.#ports.random();
    return new Promise((resolve) => void this.#ports.clock.after(pause_ms, resolve));
  }

  #resolveAll(entries: readonly Entry[], { versionstamp, lease }: Committed): true {
    const result = { ok: true, versionstamp, ...(lease === null ? {} : { lease }) } as const;
    this.#outage.end();
    this.#stats.groups += 1;
    for (const entry of entries) {
      if (entry.settled) continue;
      entry.settled = true;
      this.#stats.members += 1;
      entry.resolve(result);
    }
    return true;
  }

  #settleCulprit(entry: Entry, attempt: Exclude<Attempt, { outcome: "committed" | "given_up" }>): false {
    if (entry.settled) return false;
    entry.settled = true;
    if (attempt.outcome === "conflict") {
      this.#stats.conflicts += 1;
      entry.resolve({ ok: false });
    } else {
      this.#stats.faults += 1;
      entry.reject(attempt.error);
    }
    return false;
  }

  #rejectOutage(entries: readonly Entry[], cause: unknown): false {
    this.#outage.note(cause, this.#ports.clock.now());
    this.#rejectAll(entries, this.#outage.refusal("unknown"));
    return false;
  }

  /**
   * The file is locked, or a KV server silent, for longer than callers should wait (Deno's client for KV servers sends
   * again for ever and never throws). All who wait are told; while an answer is still out, so is everybody who comes.
   */
  #giveUp(entries: readonly Entry[], started_at: number): void {
    this.#outage.note(this.#outage.cause, started_at);
    this.#given_up = this.#answer_pending;
    this.#rejectAll(entries, this.#outage.refusal(this.#answer_pending ? "unknown" : "not_committed"));
    this.#rejectAll(this.#queue, this.#outage.refusal("not_committed"));
    this.#queue = [];
    this.#queued_bytes = 0;
  }

  #rejectAll(entries: readonly Entry[], error: unknown): void {
    for (const entry of entries) {
      if (entry.settled) continue;
      entry.settled = true;
      this.#stats.unavailable += 1;
      entry.reject(error);
    }
  }
}
