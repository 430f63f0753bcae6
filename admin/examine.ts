/**
 * What the doctor looks at on this machine.
 *
 * Owns the order of the checks and what each advises. It must never make what it looks for: a database or a key that is
 * not there yet is the service's to make.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import type { Config, ConfigMistake } from "../lib/config.ts";
import type { Store } from "../lib/store.ts";
import type { Backend } from "./backend.ts";
import { type Check, fail, ok, warn } from "./checks.ts";
import { clockChecks } from "./examine_clock.ts";
import { type Contents, examineContents } from "./examine_contents.ts";
import { type EnvFile, envFileChecks } from "./examine_env_file.ts";
import { type Disk, diskChecks, modeChecks, placeChecks } from "./examine_files.ts";
import { guardChecks, type GuardFacts } from "./examine_guard.ts";
import { examineOverdue } from "./examine_overdue.ts";
import { elsewhere, type ProcessBeat, processChecks, whoWorks } from "./examine_processes.ts";
import type { Running } from "./examine_running.ts";
import { Failure, WrongUse } from "./failure.ts";

/** A database, opened to be looked at. */
export interface OpenedDatabase {
  /** Whether it has a queue to ring with. */
  readonly has_queue: boolean;
  /** Writes and reads again. @throws If one of them fails. */
  tryOut(): Promise<void>;
  /** The last beats of those who work on it. */
  beats(): Promise<readonly ProcessBeat[]>;
  /** What of it the API does not show. */
  readonly store: Pick<Store, "look" | "laneState">;
  /** The API on it. */
  readonly backend: Backend;
  close(): Promise<void>;
}

/** What of the configuration is looked at. */
export type ExaminedConfig = Pick<
  Config<{ readonly text: string }>,
  | "kv"
  | "host"
  | "port"
  | "retry_base_ms"
  | "allow_networks"
  | "allow_http"
  | "sender"
  | "secret_key"
  | "secret_key_previous"
>;

/** What looking needs. */
export interface ExaminePorts {
  /** The `.env` files that are there, read or not. */
  envFiles(): Promise<readonly EnvFile[]>;
  /** The variables that this process has. */
  environment(): Readonly<Record<string, string>>;
  readConfig(): { readonly config: ExaminedConfig } | { readonly mistakes: readonly ConfigMistake[] };
  /**
   * Opens the database that is there.
   * @throws {WrongUse} If the secret key can't be used or does not fit.
   * @throws {Failure} If the database does not open.
   */
  open(): Promise<OpenedDatabase>;
  /** What the guard goes by. */
  guard(): GuardFacts;
  /** Who listens where the configuration says. */
  running(config: ExaminedConfig): Promise<Running | null>;
  readonly disk: Disk;
  now(): number;
  /** Waits for so many milliseconds. */
  wait(ms: number): Promise<void>;
}

/**
 * Looks at everything.
 *
 * @param ports How.
 * @returns What was found, mistakes of the configuration first: without one, nothing else can be looked at.
 */
export async function examine(ports: ExaminePorts): Promise<Check[]> {
  const read = ports.readConfig();
  const in_files = await looked("configuration", () => envChecks(ports));
  if ("mistakes" in read) {
    const mistakes = read.mistakes.map(({ variable, message }) =>
      fail("configuration", message, `Change or unset ${variable}; the rest is looked at once all are right.`)
    );
    return [...mistakes, ...in_files];
  }
  const { config } = read;
  const running = await ports.running(config);
  return [
    ok("configuration", "every variable can be read"),
    ...in_files,
    ...paceChecks(config),
    ...listenChecks(config),
    ...(running === null ? [] : [running.check]),
    ...await looked(
      "files",
      () => storageChecks(config, { ...ports, answering: running }),
    ),
    ...await looked("clock", async () => clockChecks(ports.now(), await lastWritten(config, ports.disk))),
    ...guardChecks(config, ports.guard()),
  ];
}

async function envChecks(
  { envFiles, environment }: Pick<ExaminePorts, "envFiles" | "environment">,
): Promise<Check[]> {
  return (await envFiles()).flatMap((file) => envFileChecks(file, environment()));
}

/** Checks that always come to something: what can't be looked at is told, and the rest is looked at. */
async function looked(subject: string, look: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await look();
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    const next_step = error instanceof Deno.errors.NotADirectory
      ? "Check TIDINGS_KV: what stands before the last / must be a folder."
      : "Use the account that the service runs as.";
    return [fail(subject, `can't be looked at: ${reason}`, next_step)];
  }
}

const LOOPBACK = /^(?:127\.[\d.]+|::1|localhost)$/;

function listenChecks({ host }: ExaminedConfig): Check[] {
  return LOOPBACK.test(host) ? [ok("address", `it listens on ${host}, this machine only`)] : [warn(
    "address",
    `it listens on ${host}, and speaks plain http`,
    "Keys and secrets cross the network in the clear: let a proxy with TLS stand before it.",
  )];
}

/** Below it receivers that are down are called again and again, and given up within seconds. */
const RETRY_BASE_MS_WARN = 1000;

function paceChecks({ retry_base_ms }: ExaminedConfig): Check[] {
  return retry_base_ms >= RETRY_BASE_MS_WARN ? [] : [warn(
    "configuration",
    `TIDINGS_RETRY_BASE_MS is ${retry_base_ms}: receivers that fail are given up after moments`,
    "Unset it, unless this is a test or a demo.",
  )];
}

/** {@linkcode ExaminePorts}, and who listens where the configuration says; null where it can't be told. */
type StoragePorts = ExaminePorts & { readonly answering: Running | null };

async function storageChecks(config: ExaminedConfig, ports: StoragePorts): Promise<Check[]> {
  const { kv } = config;
  if (kv.kind === "memory" || kv.kind === "linked") {
    return [warn(
      "database",
      "it is in the memory of the service, and lost when that ends",
      "Set TIDINGS_KV to a file, unless this is a trial.",
    )];
  }
  if (kv.kind === "server") return await openingChecks(config, ports);
  const folder = dirname(kv.path);
  const absent = ports.answering?.is_running === true ? elsewhere(resolve(kv.path)) : null;
  if (await ports.disk.info(folder) === null) {
    return [absent ?? ok("database", `${folder} is not there yet; the first start makes it`)];
  }
  const file = await ports.disk.info(kv.path);
  if (file?.is_folder) {
    const advice = `Set TIDINGS_KV to a file, such as ${kv.path}/tidings.db.`;
    return [fail("database", `${kv.path} is a folder, and no database`, advice)];
  }
  const opening = file === null
    ? [absent ?? ok("database", `${kv.path} is not there yet; the first start makes it, and its key`)]
    : await openingChecks(config, ports);
  return [
    ...opening,
    ...await modeChecks(kv.path, { disk: ports.disk, key_given: config.secret_key !== null }),
    ...await placeChecks(kv.path, ports.disk),
    ...await diskChecks(kv.path, ports.disk),
  ];
}

async function openingChecks(config: ExaminedConfig, ports: StoragePorts): Promise<Check[]> {
  try {
    const database = await ports.open();
    try {
      const written = await writeCheck(database);
      return [
        ...keyChecks(config),
        written,
        queueCheck(database),
        // What can't be written can often not be read within reasonable time.
        ...(written.status === "ok" ? await contentChecks(config, database, ports) : []),
      ];
    } finally {
      await database.close();
    }
  } catch (error) {
    if (error instanceof WrongUse) {
      return [
        fail("secret key", `can't ${error.message}`, "Without the right key no webhook can be signed for."),
      ];
    }
    return [databaseCheck(error, "Check TIDINGS_KV.")];
  }
}

/** What is stored, and whether somebody sends it. */
async function contentChecks(
  config: ExaminedConfig,
  database: OpenedDatabase,
  ports: StoragePorts,
): Promise<Check[]> {
  const [{ checks, webhooks }, { processes, answering }] = await Promise.all([
    contentsOf(database, ports),
    whoWorks(ports.answering, { ...ports, beats: database.beats, ask: () => ports.running(config) }),
  ]);
  const { living } = processes;
  // Whole, where it is a file: what a relative path begins at may be the very mistake.
  const place = config.kv.kind === "file" ? resolve(config.kv.path) : database.backend.place;
  const pending = webhooks.reduce((sum, { health }) => sum + health.pending, 0);
  const unsent = pending > 0 && living.length === 0 && answering?.is_running === false;
  return [
    ...processChecks(processes, { place, running: answering }),
    ...checks,
    ...await looked(
      "deliveries",
      () => examineOverdue(webhooks, { store: database.store, living, now_ms: ports.now() }),
    ),
    ...(unsent
      ? [
        warn("deliveries", `${pending} wait, and no service runs to send them`, "Start it: deno task start."),
      ]
      : []),
  ];
}

async function contentsOf({ backend }: OpenedDatabase, { now }: ExaminePorts): Promise<Contents> {
  try {
    return await examineContents(backend, now());
  } catch (error) {
    return { checks: [databaseCheck(error, "The service's log says more.")], webhooks: [] };
  }
}

/** Why the database can't be used. */
function databaseCheck(error: unknown, next_step: string): Check {
  const message = error instanceof Error ? error.message : String(error);
  return fail("database", message, (error instanceof Failure ? error.next_step : null) ?? next_step);
}

function keyChecks({ secret_key, secret_key_previous }: ExaminedConfig): Check[] {
  const from = secret_key === null ? "the file beside the database" : "TIDINGS_SECRET_KEY";
  const fits = ok("secret key", `${from} opens the secrets in the database`);
  return secret_key_previous === null ? [fits] : [
    fits,
    warn(
      "secret key",
      "TIDINGS_SECRET_KEY_PREVIOUS is set: the key is being replaced",
      "Once every process runs with both, run `deno task admin reencrypt`, then unset it.",
    ),
  ];
}

async function writeCheck(database: OpenedDatabase): Promise<Check> {
  try {
    await database.tryOut();
    return ok("database", "it can be read and written");
  } catch (error) {
    return databaseCheck(error, "Is the disk full, or does another process hold the file?");
  }
}

function queueCheck({ has_queue }: OpenedDatabase): Check {
  return has_queue
    ? ok("queue", "there is one: what comes due rings")
    : ok("queue", "a KV server has none: what comes due is looked for by timers");
}

/** When the database's file was last written; null if there is none. */
async function lastWritten({ kv }: ExaminedConfig, disk: Disk): Promise<number | null> {
  if (kv.kind !== "file") return null;
  const infos = await Promise.all([kv.path, `${kv.path}-wal`].map((path) => disk.info(path)));
  const times = infos.flatMap((info) => info?.written_at ?? []);
  return times.length === 0 ? null : Math.max(...times);
}
