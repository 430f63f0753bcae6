/**
 * Reads that end, and say why: over a KV server, Deno's client asks again for ever when nobody answers, and never throws;
 * on a file, reads queue behind writes that wait for its lock.
 *
 * Owns the deadline of a read and the number of those that outlived it. It must never touch writes: their deadline is the
 * committer's, which alone knows what an unanswered write means.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import { Deadlines } from "../lib/deadlines.ts";
import { KV } from "../lib/limits.ts";
import type { Clock } from "../lib/ports.ts";
import { commitErrorKind } from "./commit_error.ts";
import type { Database } from "./database.ts";
import { outageReason } from "./outage.ts";

/** When it is worth asking again. */
const RETRY_AFTER_S = 5;

/** @param cause What the database threw; undefined if it did not answer. */
function unavailable(cause?: unknown): AppError {
  const message = `Cannot read: ${outageReason(cause)}`;
  return new AppError("unavailable", message, { retry_after_s: RETRY_AFTER_S, cause });
}

/** Gives reads a deadline. */
class LimitedReads {
  readonly #clock: Pick<Clock, "after">;
  readonly #deadlines: Deadlines;
  /** Reads whose callers were told that there is no answer, and which the client still makes. */
  #overdue = 0;

  constructor(clock: Pick<Clock, "after" | "elapsed">) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock);
  }

  async limit<T>(read: () => Promise<T>): Promise<T> {
    // Each is asked again and again until the server is back, so in a long outage they must not pile up.
    if (this.#overdue >= KV.overdue_reads_max) throw unavailable();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const deadline = this.#deadlines.start(KV.read_ms_max);
    deadline.onPassed(() => {
      this.#outlived(done);
      reject(unavailable());
    });
    // What the database refused for itself, a key too long, is nobody's outage.
    const fail = (error: unknown): void =>
      reject(commitErrorKind(error) === "fault" ? error : unavailable(error));
    const done = read().then(resolve, fail).finally(() => deadline.cancel());
    return await promise;
  }

  /** A list, each part that the database reads at once with a deadline of its own. */
  async *list<T>(entries: AsyncIterator<Deno.KvEntry<T>>, at_once: number): AsyncGenerator<Deno.KvEntry<T>> {
    for (;;) {
      const part = await this.limit(() => nextOf(entries, at_once));
      for (const entry of part) yield entry;
      if (part.length < at_once) return;
    }
  }

  close(): void {
    this.#deadlines.close();
  }

  /** One that never ends, its connection being gone, counts for a while only. */
  #outlived(done: Promise<void>): void {
    this.#overdue++;
    let over = false;
    const settled = (): void => {
      if (!over) this.#overdue--;
      over = true;
      cancel();
    };
    const cancel = this.#clock.after(KV.overdue_read_ms_max, settled);
    void done.then(settled);
  }
}

/** The next entries of a list, at most so many: fewer are the last. */
async function nextOf<T>(entries: AsyncIterator<Deno.KvEntry<T>>, most: number): Promise<Deno.KvEntry<T>[]> {
  const found: Deno.KvEntry<T>[] = [];
  while (found.length < most) {
    const next = await entries.next();
    if (next.done === true) break;
    found.push(next.value);
  }
  return found;
}

/**
 * Gives the reads of a database a deadline.
 *
 * @param db The database.
 * @param clock For the deadline.
 * @returns The database; a read that takes longer than {@linkcode KV.read_ms_max}, or fails for
 * no fault of its own, throws `unavailable`.
 */
export function withReadDeadline(
  db: Database,
  clock: Pick<Clock, "after" | "elapsed">,
): Database {
  const reads = new LimitedReads(clock);
  return {
    get: (...args: Parameters<Database["get"]>) => reads.limit(() => db.get(...args)),
    getMany:
      ((...args: Parameters<Database["getMany"]>) => reads.limit(() => db.getMany(...args))) as Database[
        "getMany"
      ],
    list<T>(selector: Deno.KvListSelector, options: Deno.KvListOptions = {}) {
      const at_once = options.batchSize ?? options.limit ?? KV.list_batch_default;
      return reads.list(db.list<T>(selector, options)[Symbol.asyncIterator](), at_once);
    },
    atomic: () => db.atomic(),
    enqueue: db.enqueue.bind(db),
    listenQueue: db.listenQueue.bind(db),
    close() {
      db.close();
      reads.close();
    },
  };
}
