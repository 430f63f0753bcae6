/**
 * Which processes live: this one says so every two seconds and listens to the others.
 *
 * Owns the judgement of death. Another process's clock is never compared with ours: what counts is how long, by our own
 * clock, its beat has not changed, or, of a lease, how long before its end its owner had fallen silent by the owner's.
 *
 * @module
 */
import { LEASE } from "../limits.ts";
import type { Clock, Log } from "../ports.ts";
import type { InstanceBeat, Store } from "../store.ts";

/** What beating needs. */
export interface InstancesPorts {
  readonly store: Pick<Store, "beat" | "instances">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  readonly instance: string;
  /**
   * Called after every beat with how long ago the one before was, and before {@linkcode Instances.fresh} says so: what
   * this process held may be others' by now, and is looked at again before anything of it is sent.
   */
  readonly onBeat: (gap_ms: number) => Promise<void>;
}

interface Seen {
  readonly versionstamp: string;
  /** When its beat last changed, by our clock. */
  readonly changed_at: number;
  /** Its last beat, by its own clock. */
  readonly beat_at: number;
}

/** See the module. */
export class Instances {
  readonly #ports: InstancesPorts;
  #seen = new Map<string, Seen>();
  #beat_at: number | null = null;

  /** @param ports What it needs. */
  constructor(ports: InstancesPorts) {
    this.#ports = ports;
  }

  /** Whether this process could say lately that it lives. */
  get fresh(): boolean {
    return this.#beat_at !== null && this.#ports.clock.now() - this.#beat_at < LEASE.silent_stop_ms;
  }

  /** Whether a process is known and not dead. An unknown one left no beat: it ended, or never began. */
  isAlive(instance: string): boolean {
    const seen = this.#seen.get(instance);
    return seen !== undefined && !this.#isSilent(seen);
  }

  /** How many other processes live. */
  get others(): number {
    return [...this.#seen.values()].filter((seen) => !this.#isSilent(seen)).length;
  }

  /**
   * Whether a process lived to the end of a lease that it took. A process that has just started sees the beats of the dead
   * for a while before it may call them so; the lease's end and the last beat were both written by its owner's clock.
   * @param instance The owner.
   * @param lease_until The end of the lease.
   */
  outlived(instance: string, lease_until: number): boolean {
    const seen = this.#seen.get(instance);
    return seen !== undefined && this.isAlive(instance) &&
      lease_until - seen.beat_at < LEASE.silent_dead_ms;
  }

  /** The processes that are silent for so long that anyone may take their leases. */
  dead(): string[] {
    return [...this.#seen].filter(([, seen]) => this.#isSilent(seen)).map(([id]) => id);
  }

  /**
   * Says that this process lives, and looks at the others.
   * @returns How long ago the beat before was, in milliseconds; 0 for the first.
   * @throws {AppError} `unavailable`.
   */
  async beat(): Promise<number> {
    const { store, clock, instance, onBeat } = this.#ports;
    // Taken before the commit: others may count from the moment it was written.
    const at = clock.now();
    await store.beat(instance, at);
    const gap_ms = this.#beat_at === null ? 0 : at - this.#beat_at;
    this.#notice(await store.instances());
    await onBeat(gap_ms);
    this.#beat_at = at;
    return gap_ms;
  }

  #isSilent({ changed_at }: Seen): boolean {
    return this.#ports.clock.now() - changed_at >= LEASE.silent_dead_ms;
  }

  #notice(beats: readonly InstanceBeat[]): void {
    const { clock, log, instance } = this.#ports;
    const now = clock.now();
    const others = beats.filter(({ id }) => id !== instance);
    const seen = new Map<string, Seen>();
    for (const { id, versionstamp, at } of others) {
      const before = this.#seen.get(id);
      if (before === undefined) log.info("instance.seen", { other: id });
      const same = before?.versionstamp === versionstamp;
      seen.set(id, same ? before : { versionstamp, changed_at: now, beat_at: at });
    }
    this.#seen = seen;
  }
}
