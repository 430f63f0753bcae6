/**
 * The format of the database as a whole: which releases may be started on it.
 *
 * Owns the one record that every release, however old or new, can read; its form never changes. It must never change
 * anything else of a database that a later release wrote.
 *
 * @module
 */
import { z } from "zod";
import type { Committer } from "./committer.ts";
import type { Database } from "./database.ts";
import { keys } from "./keys.ts";
import { DATABASE_FORMAT } from "./migrations.ts";
import { codec } from "./records.ts";

/** What a database says of itself. */
export interface DatabaseFormat {
  /** Of the first there was before a database said it. */
  readonly format: number;
  /** The first release that was started on it in this format. */
  readonly release: string;
}

/** The record. */
export const formatRecord = codec<DatabaseFormat>(
  "format",
  z.object({ format: z.int(), release: z.string() }),
);

/** Reads the format, with what is checked when it is written. */
async function read(
  db: Pick<Database, "get">,
): Promise<{ readonly found: DatabaseFormat | null; readonly versionstamp: string | null }> {
  const { value, versionstamp } = await db.get<Uint8Array>(keys.format());
  return { found: versionstamp === null ? null : formatRecord.decode(value), versionstamp };
}

/**
 * The format of a database that this release must not touch.
 *
 * @param db The database.
 * @returns What a later release wrote; null if none has been started on it.
 */
export async function laterFormat(db: Pick<Database, "get">): Promise<DatabaseFormat | null> {
  const { found } = await read(db);
  return found !== null && found.format > DATABASE_FORMAT ? found : null;
}

/**
 * Makes the database one of this release: no earlier one can be started on it from now on.
 *
 * @param db The database. No later release may have been started on it.
 * @param committer Its committer.
 * @param release The version of this release.
 */
export async function claimFormat(
  db: Pick<Database, "get">,
  committer: Pick<Committer, "commit">,
  release: string,
): Promise<void> {
  const { found, versionstamp } = await read(db);
  if (found !== null && found.format >= DATABASE_FORMAT) return;
  // If the check fails, another process that starts at this moment has done the same.
  await committer.commit({
    checks: [{ key: keys.format(), versionstamp }],
    mutations: [{
      kind: "set",
      key: keys.format(),
      value: formatRecord.encode({ format: DATABASE_FORMAT, release }),
    }],
  });
}
