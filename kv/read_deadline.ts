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
class Deadlines {
  readonly #clock: Pick<Clock, "after">;
  /** Reads whose callers were told that there is no answer, and which the client still makes. */
  #overdue = 0;

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  async limit<T>(read: () => Promise<T>): Promise<T> {
    // Each is asked again and again until the server is back, so in a long outage they must not pile up.
    if (this.#overdue >= KV.overdue_reads_max) throw unavailable();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const cancel = this.#clock.after(KV.read_ms_max, () => {
      this.#outlived(done);
      reject(unavailable());
    });
    // What the database refused for itself, a key too long, is nobody's outage.
    const fail = (error: unknown): void =>
      reject(commitErrorKind(error) === "fault" ? error : unavailable(error));
    const done = read().then(resolve, fail).finally(cancel);
    return await promise;
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

/**
 * Gives the reads of a database a deadline.
 *
 * @param db The database.
 * @param clock For the deadline.
 * @returns The database; a read that takes longer than {@linkcode KV.read_ms_max}, or fails for
 * no fault of its own, throws `unavailable`.
 */
export function withReadDeadline(db: Database, clock: Pick<Clock, "after">): Database {
  const deadlines = new Deadlines(clock);
  return {
    get: (...args: Parameters<Database["get"]>) => deadlines.limit(() => db.get(...args)),
    getMany: (...args: Parameters<Database["getMany"]>) => deadlines.limit(() => db.getMany(...args)),
    list<T>(...args: Parameters<Database["list"]>): Deno.KvListIterator<T> {
      const entries = db.list<T>(...args);
      return {
        get cursor() {
          return entries.cursor;
        },
        next: () => deadlines.limit(() => entries.next()),
        [Symbol.asyncIterator]() {
          return this;
        },
      } as Deno.KvListIterator<T>;
    },
    atomic: () => db.atomic(),
    enqueue: db.enqueue.bind(db),
    listenQueue: db.listenQueue.bind(db),
    close: () => db.close(),
  } as Database;
}
