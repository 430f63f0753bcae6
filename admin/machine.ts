/**
 * What some commands need of the machine itself, beyond the API: the database's file, the configuration, the disk.
 *
 * Owns the port. `main.ts` puts the driver together; a command that uses it does not work over REST.
 *
 * @module
 */
import type { Check } from "./checks.ts";

/** How far something is: a part of the whole. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** What came of a backup. */
export interface BackupMade {
  /** The file, as it was named. */
  readonly file: string;
  readonly bytes: number;
  /** The file of the secret key, which the backup is without; null where the key is in the environment. */
  readonly key_file: string | null;
}

/** What came of sealing anew. */
export interface Resealed {
  /** How many of both were sealed anew. */
  readonly resealed: number;
  /** How many there are, deleted ones too. */
  readonly webhooks: number;
  /** How many watched sites there are. */
  readonly watches: number;
}

/** The machine itself. */
export interface Machine {
  /** The folder of the project, in which the tasks are. */
  readonly folder: string;
  /** Looks at everything that the service needs on this machine. Never throws: what can't be looked at is a check too. */
  examine(): Promise<Check[]>;
  /**
   * Copies the database as it is at one moment, while a service may go on.
   * @param file Where to; it must not be there yet.
   * @param onProgress Is told how far it is.
   * @throws {WrongUse | Failure}
   */
  backup(file: string, onProgress: (progress: Progress) => void): Promise<BackupMade>;
  /**
   * Seals every secret with the key of the configuration that was sealed with the one before.
   * @param onProgress Is told how far it is; `total` is 0 while it is not known.
   * @throws {WrongUse | Failure}
   */
  reencrypt(onProgress: (progress: Progress) => void): Promise<Resealed>;
}
