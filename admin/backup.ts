/**
 * `deno task admin backup FILE`: a copy of the database, while the service goes on.
 *
 * Owns what is said about it.
 *
 * @module
 */
import type { BackupMade, Progress } from "./machine.ts";
import type { Verb } from "./verb.ts";

const PERCENT_STEP = 10;

/**
 * A listener that says how far something is, every ten percent; nothing about what is done in one step.
 *
 * @param say Says a line.
 * @param doing What is being done, e.g. `Copied`.
 * @returns The listener.
 */
export function progressLines(say: (line: string) => void, doing: string): (progress: Progress) => void {
  let said = 0;
  return ({ done, total }) => {
    const percent = total === 0 ? 0 : Math.floor((100 * done) / total);
    if (percent < said + PERCENT_STEP || percent >= 100) return;
    said = percent;
    say(`${doing} ${percent} %`);
  };
}

function backupText({ file, bytes, key_file }: BackupMade): string {
  const key = key_file === null
    ? "The secrets in it open with TIDINGS_SECRET_KEY only, which it does not hold"
    : `The secrets in it open with the key in ${key_file} only, which it does not hold`;
  return `${file} holds the whole database: ${bytes} bytes.\n\n` +
    `${key}: keep that at another place.\n` +
    "To go back to it, start the service with TIDINGS_KV at a copy of the file and with that key.";
}

/** The command that copies the database. */
export const BACKUP: Verb = {
  name: "backup",
  summary: "copy the database to a file, as it is at one moment, while the service goes on",
  doing: "make the backup",
  file_for: "where to; it must not be there yet",
  takes_service: false,
  examples: ["backup data/backup-2027-01-31.db"],
  async runHere({ machine, file, say }) {
    const answer = await machine.backup(file, progressLines(say, "Copied"));
    return { answer, text: () => backupText(answer) };
  },
};
