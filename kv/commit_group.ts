/**
 * One group commit in the making: who may join it, and the atomic operation made of its members.
 *
 * Owns the rules of joining (room, conflicts, arrival order). It must never wait for anything: it is filled and built
 * within one turn, by the committer only.
 *
 * @module
 */
import type { AtomicLimits, CommitterLimits } from "./commit_limits.ts";
import type { Database } from "./database.ts";
import { ListEntries } from "./event_list.ts";
import { groupLease, type LeasedEvent, type WrittenLease } from "./group_lease.ts";
import { type MeasuredMember, type Mutation, sameKey } from "./member.ts";

const EMPTY = new Uint8Array(0);

/** Fingerprints of the keys that some members touch, by how they touch them. */
class TouchedKeys {
  readonly checked = new Set<number>();
  readonly written = new Set<number>();
  readonly marked = new Set<number>();

  add({ member, check_prints, mutation_prints }: MeasuredMember): void {
    for (const print of check_prints) this.checked.add(print);
    mutation_prints.forEach((print, index) => {
      (member.mutations[index]?.kind === "mark" ? this.marked : this.written).add(print);
    });
  }

  changes(print: number): boolean {
    return this.written.has(print) || this.marked.has(print);
  }
}

/**
 * Members that share one atomic operation, and the keys of those that had to be passed over.
 *
 * Two members conflict if one checks a key that the other writes: all checks of an atomic operation see the state before
 * it, so two requests with one idempotency key, each checking that it is absent and setting it, would both pass. (Two
 * that only check a key are no conflict: neither changes what the other sees.) Conflicts are looked up by fingerprint; a
 * collision of prints makes a member wait for the next group, and no more than that.
 */
class CommitGroup {
  readonly #limits: AtomicLimits;
  #size = 0;
  #alone = false;
  #checks = 0;
  #mutations = 0;
  #bytes = 0;
  #key_bytes_total = 0;
  #lease_bytes = 0;
  readonly #taken = new TouchedKeys();
  readonly #passed = new TouchedKeys();

  constructor(limits: AtomicLimits) {
    this.#limits = limits;
  }

  /**
   * Whether the atomic operation has room for one more member; an empty one has room for any member.
   *
   * A member whose marks, leases or lists are in the group already takes less than is counted here: the safe side.
   */
  hasRoomFor(next: MeasuredMember): boolean {
    if (this.#size === 0) return true;
    return !this.#alone && !next.alone &&
      this.#checks + next.check_prints.length <= this.#limits.checks_max &&
      this.#mutations + next.mutation_prints.length <= this.#limits.mutations_max &&
      this.#bytes + next.bytes <= this.#limits.bytes_max &&
      this.#lease_bytes + next.lease_bytes <= this.#limits.value_bytes_max &&
      this.#key_bytes_total + next.key_bytes_total <= this.#limits.key_bytes_total_max;
  }

  /**
   * Whether the member must wait for the next group: it conflicts with one in this group, or would overtake one that was
   * passed over in a way that shows. Marks may overtake marks: they are interchangeable.
   */
  mustWait(next: MeasuredMember): boolean {
    const [taken, passed] = [this.#taken, this.#passed];
    return next.check_prints.some((print) => taken.changes(print) || passed.changes(print)) ||
      next.mutation_prints.some((print, index) =>
        taken.checked.has(print) || passed.checked.has(print) || passed.written.has(print) ||
        (passed.marked.has(print) && next.member.mutations[index]?.kind !== "mark")
      );
  }

  /** Takes a member in that has room and need not wait. */
  add(next: MeasuredMember): void {
    this.#size += 1;
    this.#alone = next.alone;
    this.#checks += next.check_prints.length;
    this.#mutations += next.mutation_prints.length;
    this.#bytes += next.bytes;
    this.#key_bytes_total += next.key_bytes_total;
    this.#lease_bytes += next.lease_bytes;
    this.#taken.add(next);
  }

  /** Notes a member that must wait, so that no later one overtakes it on a key of its own. */
  passOver(next: MeasuredMember): void {
    this.#passed.add(next);
  }
}

/**
 * Takes from a queue what one atomic operation can hold, in order of arrival, passing over what has to wait.
 *
 * @param queue Who waits, in order of arrival.
 * @param limits What an atomic operation may hold, and how many may be passed over before nobody else is looked at.
 * @returns Who goes now (somebody, unless the queue is empty), and who is left: those passed over first, so that nobody
 * is passed over for ever.
 */
export function takeGroup<T extends { readonly measured: MeasuredMember }>(
  queue: readonly T[],
  limits: AtomicLimits & Pick<CommitterLimits, "passed_over_max">,
): { taken: T[]; left: T[] } {
  const group = new CommitGroup(limits);
  const taken: T[] = [];
  const passed_over: T[] = [];
  for (const entry of queue) {
    if (passed_over.length === limits.passed_over_max || !group.hasRoomFor(entry.measured)) break;
    if (group.mustWait(entry.measured)) {
      group.passOver(entry.measured);
      passed_over.push(entry);
    } else {
      group.add(entry.measured);
      taken.push(entry);
    }
  }
  return { taken, left: passed_over.concat(queue.slice(taken.length + passed_over.length)) };
}

/** An atomic operation, not committed yet; it may be committed again after a refusal that wrote nothing. */
export interface BuiltAtomic {
  readonly atomic: Deno.AtomicOperation;
  /** The leases of its members, written as one record; null if there are none. */
  readonly lease: WrittenLease | null;
}

/**
 * Builds one atomic operation of members, in their order, with one set for all marks of a key, one for all leases, and
 * few for the entries of a list.
 *
 * @param db Where it will be committed.
 * @param members Members that don't conflict, together within the limits.
 * @param number Of the operation, among those of this process.
 * @returns The operation.
 */
export function buildAtomic(
  db: Pick<Database, "atomic">,
  members: readonly MeasuredMember[],
  number = 0,
): BuiltAtomic {
  const atomic = db.atomic();
  const marked = new Map<number, Deno.KvKey>();
  const leased: LeasedEvent[] = [];
  const entries = new ListEntries();
  for (const { member, mutation_prints } of members) {
    for (const check of member.checks) atomic.check(check);
    member.mutations.forEach((mutation, index) => {
      const print = mutation_prints[index] ?? 0;
      if (mutation.kind === "lease") {
        leased.push(mutation.leased);
      } else if (mutation.kind === "entry") {
        entries.add(mutation);
      } else if (mutation.kind !== "mark") {
        marked.delete(print); // another write of the key: a mark that comes later is needed again
        write(atomic, mutation);
      } else {
        const earlier = marked.get(print);
        if (earlier !== undefined && sameKey(earlier, mutation.key)) return;
        marked.set(print, mutation.key);
        atomic.set(mutation.key, EMPTY);
      }
    });
  }
  for (const { key, value, expire_in_ms } of entries.records(number)) {
    atomic.set(key, value, { expireIn: expire_in_ms });
  }
  if (leased.length === 0) return { atomic, lease: null };
  const { key, value } = groupLease(leased, number);
  atomic.set(key, value);
  return { atomic, lease: { key, events: leased } };
}

function write(
  atomic: Deno.AtomicOperation,
  mutation: Exclude<Mutation, { kind: "mark" | "lease" | "entry" }>,
): void {
  switch (mutation.kind) {
    case "set":
      if (mutation.expire_in_ms === undefined) atomic.set(mutation.key, mutation.value);
      else atomic.set(mutation.key, mutation.value, { expireIn: mutation.expire_in_ms });
      return;
    case "delete":
      atomic.delete(mutation.key);
      return;
    case "sum":
      atomic.sum(mutation.key, mutation.amount);
      return;
  }
}
