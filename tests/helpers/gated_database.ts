/**
 * A real database whose commits a test can hold back, or let fail as if others had been faster each time.
 *
 * @module
 */
import type { Database } from "../../kv/database.ts";
import type { OpenDatabase } from "../../kv/open.ts";

/** What becomes of commits. */
export class CommitGate {
  /** Whether every commit is answered as one whose check failed; nothing is written. */
  conflicting = false;
  #held: PromiseWithResolvers<void> | null = null;

  /** Lets commits wait from now on. */
  hold(): void {
    this.#held ??= Promise.withResolvers();
  }

  /** Lets them go on. */
  release(): void {
    this.#held?.resolve();
    this.#held = null;
  }

  /**
   * Stands before a database.
   *
   * @param real The database.
   * @returns The same one, with commits that go through this gate.
   */
  readonly database = (real: OpenDatabase): OpenDatabase => {
    const { db } = real;
    const gated: Database = {
      get: db.get.bind(db),
      getMany: db.getMany.bind(db),
      list: db.list.bind(db),
      enqueue: db.enqueue.bind(db),
      listenQueue: db.listenQueue.bind(db),
      close: db.close.bind(db),
      atomic: () => {
        const operation = db.atomic();
        const commit = operation.commit.bind(operation);
        operation.commit = async () => {
          if (this.conflicting) return { ok: false };
          await this.#held?.promise;
          return await commit();
        };
        return operation;
      },
    };
    return { ...real, db: gated };
  };
}
