/**
 * Opens the database that the configuration names, and makes sure that this release can work on it.
 *
 * Owns the one call of `Deno.openKv`. What differs between a file, memory and a KV server is decided here.
 *
 * @module
 */
import { KV } from "../lib/limits.ts";
import type { Committer } from "./committer.ts";
import type { Database } from "./database.ts";
import { claimFormat, laterFormat } from "./format.ts";
import { keys } from "./keys.ts";
import { DATABASE_FORMAT } from "./migrations.ts";
import { sealRecord } from "./records.ts";
import { SealError, type SecretBox } from "./secret_box.ts";

/** Where the data is. */
export type DatabaseTarget =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "memory" }
  | { readonly kind: "server"; readonly url: string }
  /** Deno Deploy's. */
  | { readonly kind: "linked" };

/** An open database and what it can do. */
export interface OpenDatabase {
  readonly db: Database;
  /** KV servers have no queue: `enqueue` throws and `listenQueue` hangs for ever (Deno 2.9.6). */
  readonly has_queue: boolean;
  readonly atomic_checks_max: number;
}

function locationOf(target: DatabaseTarget): string | undefined {
  switch (target.kind) {
    case "file":
      return target.path;
    case "memory":
      return ":memory:";
    case "server":
      return target.url;
    case "linked":
      return undefined;
  }
}

/**
 * Opens a database. The folder of a file must be there.
 *
 * @param target Where the data is.
 * @returns The open database.
 * @throws What `Deno.openKv` throws, e.g. for a path that may not be written.
 */
export async function openDatabase(target: DatabaseTarget): Promise<OpenDatabase> {
  const db = await Deno.openKv(locationOf(target));
  const has_queue = target.kind === "file" || target.kind === "memory";
  return {
    db,
    has_queue,
    atomic_checks_max: has_queue ? KV.atomic_checks_max : KV.atomic_checks_max_on_server,
  };
}

const CHECKED_TEXT = "tidings";
/** Where the sealed text belongs by which a wrong secret key is noticed. */
export const CHECK_PLACE = ["secret_check"];

/**
 * Makes sure that the secret key is the one this database was written with, before anything else is.
 *
 * @param db The database.
 * @param committer Its committer.
 * @param box The box with the configured key.
 * @returns Whether the key fits; on an empty database it becomes the one that fits.
 */
export async function secretKeyFits(db: Database, committer: Committer, box: SecretBox): Promise<boolean> {
  for (;;) {
    const entry = await db.get<Uint8Array>(keys.secretCheck());
    if (entry.versionstamp !== null) {
      try {
        return await box.open(sealRecord.decode(entry.value).sealed, CHECK_PLACE) === CHECKED_TEXT;
      } catch (error) {
        if (error instanceof SealError) return false;
        throw error;
      }
    }
    const value = sealRecord.encode({ sealed: await box.seal(CHECKED_TEXT, CHECK_PLACE) });
    // Two processes may start at once on an empty database: one of them writes, the other reads again.
    await committer.commit({
      checks: [{ key: keys.secretCheck(), versionstamp: null }],
      mutations: [{ kind: "set", key: keys.secretCheck(), value }],
    });
  }
}

/** A configuration, or a release, that can't work with this database. */
export class StartError extends Error {
  override readonly name = "StartError";

  /** @param next_step What to do, where the message leaves it open. */
  constructor(message: string, readonly next_step: string | null = null) {
    super(message);
  }
}

/** Why a database is not worked on. */
export interface Refusal {
  readonly message: string;
  /** What to do, where the message leaves it open: it is only of a later release. */
  readonly next_step: string | null;
}

/**
 * Makes sure that this release may work on a database, and can read its secrets.
 *
 * @param db The database.
 * @param committer Its committer.
 * @param own The box with the configured key, and the version of this release.
 * @returns Why it may not, in words for people; null if it may.
 */
export async function refusalOf(
  db: Database,
  committer: Committer,
  { box, release }: { readonly box: SecretBox; readonly release: string },
): Promise<Refusal | null> {
  const later = await laterFormat(db);
  if (later !== null) {
    return {
      message:
        `Cannot open the database: it was written by Tidings ${later.release} (format ${later.format}), ` +
        `and this is Tidings ${release} (format ${DATABASE_FORMAT})`,
      next_step: `Start Tidings ${later.release} or later, or restore the backup made before the upgrade.`,
    };
  }
  if (await secretKeyFits(db, committer, box)) {
    // Last: a start that is refused leaves the database to the release that it was of.
    await claimFormat(db, committer, release);
    return null;
  }
  return {
    message:
      "Cannot read the secrets in this database: TIDINGS_SECRET_KEY (or the key file beside the database) must be the " +
      "one it was written with; a replaced key belongs in TIDINGS_SECRET_KEY_PREVIOUS",
    next_step: null,
  };
}
