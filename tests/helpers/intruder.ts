/**
 * Another process that holds the KV file, as far as SQLite can tell.
 *
 * Owns the lock. It must never write.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";

/** Holds a database file, or lets it go. */
export class Intruder implements Disposable {
  readonly #db: DatabaseSync;

  /** @param path The file; it must be there. */
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec("PRAGMA busy_timeout = 5000");
  }

  /** Nobody else can write from now on, and Deno can't read either. */
  hold(): void {
    this.#db.exec("BEGIN EXCLUSIVE");
  }

  /** All others go on. */
  letGo(): void {
    this.#db.exec("ROLLBACK");
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
