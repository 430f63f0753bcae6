/**
 * Copies a database file as it is at one moment, while other processes write to it.
 *
 * Owns the copy: it is there complete and only for this user, or not at all. It must never replace a file, and never
 * copy the secret key.
 *
 * @module
 */
import { dirname } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { Failure, WrongUse } from "./failure.ts";
import type { Progress } from "./machine.ts";

/** Pages copied before the listener is told: 4 MiB of the usual 4 KiB. */
const PAGES_AT_ONCE = 1000;
/** How long a lock of the file is waited for: a service beside us holds it for milliseconds. */
const LOCKED_MS_MAX = 10_000;
const MODE = 0o600;

/**
 * Copies a database of Deno KV, which is SQLite with a write-ahead log.
 *
 * @param from The database's file. It must be there.
 * @param to Where to; must not be there.
 * @param onProgress Is told how many pages are done.
 * @returns How large the copy is, in bytes.
 * @throws {WrongUse} If `to` is there or can't be made.
 * @throws {Failure} If copying failed; then nothing is left behind.
 */
export async function copyDatabase(
  from: string,
  to: string,
  onProgress: (progress: Progress) => void,
): Promise<number> {
  const part = `${to}.part`;
  if (await isThere(to)) throw new WrongUse(`write ${to}: it is there already, and is not replaced`);
  await makeFile(part, to);
  try {
    await copyAt(from, part, onProgress);
    // Fails if the name is taken meanwhile, which a rename does not.
    await Deno.link(part, to).catch(() => renameUnlessThere(part, to));
    return (await Deno.stat(to)).size;
  } finally {
    for (const file of [part, `${part}-journal`, `${part}-wal`, `${part}-shm`]) await removeIfThere(file);
  }
}

/** Copies what one transaction sees, and looks whether the copy is whole. */
async function copyAt(from: string, to: string, onProgress: (progress: Progress) => void): Promise<void> {
  try {
    const source = new DatabaseSync(from, { readOnly: true, timeout: LOCKED_MS_MAX });
    try {
      // While it is open, what others write stays in the log: without it, SQLite would begin anew after each commit.
      source.exec("BEGIN");
      source.prepare("SELECT 1 FROM kv LIMIT 1").get();
      await backup(source, to, {
        rate: PAGES_AT_ONCE,
        progress: ({ totalPages, remainingPages }: { totalPages: number; remainingPages: number }) =>
          onProgress({ done: totalPages - remainingPages, total: totalPages }),
      });
    } finally {
      source.close();
    }
    verify(to);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(reason, `Check that ${from} is a database of Tidings, and the room on the disk.`);
  }
}

function verify(path: string): void {
  const copy = new DatabaseSync(path, { readOnly: true });
  try {
    const found = copy.prepare("PRAGMA quick_check").all().flatMap((row) => Object.values(row));
    if (found.join() !== "ok") {
      throw new Failure(
        "the copy is damaged, and so may be the database",
        "Check the disk; keep the backups that there are.",
      );
    }
  } finally {
    copy.close();
  }
}

async function makeFile(part: string, to: string): Promise<void> {
  try {
    (await Deno.open(part, { write: true, createNew: true, mode: MODE })).close();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new WrongUse(
        `write ${to}: ${part} is there: another backup is under way, or was cut short (remove it)`,
      );
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw new WrongUse(`write ${to}: this command may only write in the database's own folder`);
    }
    if (error instanceof Deno.errors.NotFound) {
      throw new WrongUse(`write ${to}: there is no folder ${dirname(to)}`);
    }
    throw new WrongUse(`write ${to}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Where there are no links (FAT, some network drives). */
async function renameUnlessThere(part: string, to: string): Promise<void> {
  if (await isThere(to)) throw new WrongUse(`write ${to}: it is there already, and is not replaced`);
  await Deno.rename(part, to);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // What may not be looked at may not be written either; opening it says so.
    if (error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
  }
}
