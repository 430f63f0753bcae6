/**
 * Opens the database for a service that starts, with patience and an end to it.
 *
 * Owns how long a start waits for a database that another process holds, or a KV server that is not there yet, and that
 * it says so meanwhile. Deno itself waits for a locked file in its first read, silently and for ever.
 *
 * @module
 */
import { withinDeadline } from "../lib/deadline.ts";
import { KV, TIME } from "../lib/limits.ts";
import type { Clock, Log } from "../lib/ports.ts";
import { commitErrorKind } from "./commit_error.ts";
import { keys } from "./keys.ts";
import { type DatabaseTarget, type OpenDatabase, openDatabase } from "./open.ts";
import { outageReason } from "./outage.ts";

/** What waiting needs. */
export interface OpenPorts {
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
  /** What is thrown if it was not there in time. */
  readonly late: () => Error;
  /** Opens it; `openDatabase` unless a test says otherwise. */
  readonly open?: (target: DatabaseTarget) => Promise<OpenDatabase>;
}

/** Between two tries, where Deno refuses instead of waiting. */
const PAUSE_MS = TIME.SECOND_MS;
/** Between two lines of the log. */
const TELL_MS = 5 * TIME.SECOND_MS;

/**
 * Opens a database and waits until it can be read.
 *
 * @param target Where the data is.
 * @param ports Clock, log.
 * @returns The open database.
 * @throws What `late` makes, if another process holds it or the server does not answer for half a minute.
 * @throws What `Deno.openKv` throws, if waiting can't help.
 */
export async function openInTime(target: DatabaseTarget, ports: OpenPorts): Promise<OpenDatabase> {
  const { clock, log, late, open = openDatabase } = ports;
  const started = clock.elapsed();
  let over = false;
  let because = target.kind === "server" ? outageReason(undefined) : "another process holds the database";

  async function tryToOpen(): Promise<OpenDatabase> {
    for (;;) {
      try {
        const database = await open(target);
        await database.db.get(keys.secretCheck());
        return database;
      } catch (error) {
        const worth_waiting = target.kind === "server" || commitErrorKind(error) === "locked";
        if (!worth_waiting || over) throw error;
        because = target.kind === "server" && error instanceof Error ? error.message : outageReason(error);
      }
      await new Promise<void>((resolve) => void clock.after(PAUSE_MS, resolve));
    }
  }

  let cancel = clock.after(TELL_MS, tell);
  function tell(): void {
    const waited_s = Math.round((clock.elapsed() - started) / TIME.SECOND_MS);
    log.warn("database.waiting", { waited_s, because, at_most_s: KV.open_ms_max / TIME.SECOND_MS });
    cancel = clock.after(TELL_MS, tell);
  }
  try {
    return await withinDeadline(tryToOpen(), { clock, deadline_ms: KV.open_ms_max, late });
  } finally {
    over = true;
    cancel();
  }
}
