/**
 * `deno task admin`: the process around the administration commands.
 *
 * Owns its arguments, environment and exit code, and what the commands work on: a service put together on the database of
 * the environment, and the machine. The rest is `run.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { createCommitter } from "../kv/committer.ts";
import { type OpenDatabase, openDatabase, StartError } from "../kv/open.ts";
import { eventTime } from "../kv/event_time.ts";
import { reencrypt } from "../kv/reencrypt.ts";
import { createSecretBox } from "../kv/secret_box.ts";
import { type ConfigMistake, parseConfig } from "../lib/config.ts";
import { withinDeadline } from "../lib/deadline.ts";
import { addressVerdict, parseNetworks } from "../lib/outbound/address.ts";
import { systemClock } from "../lib/outbound/clock.ts";
import { createOutboundPolicy } from "../lib/outbound/policy.ts";
import { openStorage, type ServiceConfig, type Storage, VERSION } from "../service.ts";
import { localBackend, type LocalService } from "./backend.ts";
import { copyDatabase } from "./backup_file.ts";
import { databaseFailures } from "./database_failure.ts";
import { envFilesOf } from "./env_files.ts";
import { examine, type OpenedDatabase } from "./examine.ts";
import { examineRunning } from "./examine_running.ts";
import { SYSTEM_DISK } from "./examine_files.ts";
import type { GuardFacts } from "./examine_guard.ts";
import { EXIT_FAILED, Failure, WrongUse } from "./failure.ts";
import { makeKvFolder } from "./kv_folder.ts";
import type { BackupMade, Machine, Progress, Resealed } from "./machine.ts";
import { runAdmin } from "./run.ts";
import { serveLocally } from "./local_service.ts";
import { loadOrMakeSecretKey, SecretKeyFileError } from "./secret_key_file.ts";
import { createStorageLog } from "./storage_log.ts";
import { ask, pathOf, readText, writeTo } from "./streams.ts";

const clock = systemClock();
const STORAGE_LOG = createStorageLog(writeTo(Deno.stderr));

/** Deno waits without end for the lock of a file or the answer of a KV server (2.9.6). A service beside us holds its
 * file for milliseconds: 2.4 s was the longest to open and write beside one process that did nothing but commit. */
const OPEN_MS_MAX = 15_000;

/** How long the doctor waits for a database to close. */
const CLOSE_MS_MAX = 1000;

type ReadConfig = { readonly config: ServiceConfig } | { readonly mistakes: readonly ConfigMistake[] };

function parseEnvironment(): ReadConfig {
  return parseConfig(Deno.env.toObject(), { on_deploy: false, terminal: false }, parseNetworks);
}

/** The configuration that the service has too. */
function readConfig(): ServiceConfig {
  const parsed = parseEnvironment();
  if ("config" in parsed) return parsed.config;
  throw new WrongUse("use the configuration", parsed.mistakes.map(({ message }) => message));
}

/** The key that secrets are sealed with. */
async function secretKey({ secret_key, kv }: ServiceConfig): Promise<Uint8Array<ArrayBuffer>> {
  if (secret_key !== null) return secret_key;
  if (kv.kind !== "file") throw new WrongUse("use the configuration: TIDINGS_SECRET_KEY must be set");
  return await loadOrMakeSecretKey(kv.path);
}

interface Opened {
  readonly storage: Storage;
  readonly database: OpenDatabase;
  readonly secret_key: Uint8Array<ArrayBuffer>;
  /** Which database, for messages. */
  readonly place: string;
  /** Words for what it throws. */
  readonly failureOf: (error: unknown) => Failure;
}

async function openStore(config: ServiceConfig): Promise<Opened> {
  const { kv } = config;
  if (kv.kind === "memory" || kv.kind === "linked") {
    throw new WrongUse(
      "reach a database in the memory of another process: use --url and --key, or a file in TIDINGS_KV",
    );
  }
  const place = kv.kind === "file" ? kv.path : kv.url;
  const failureOf = databaseFailures({ kind: kv.kind, place, clock });
  try {
    if (kv.kind === "file") await makeKvFolder(kv.path);
    const secret_key = await secretKey(config);
    const opening = openDatabase(kv).then(async (database): Promise<Opened> => {
      const storage = await openStorage({ database, secret_key, clock, log: STORAGE_LOG, config });
      return { storage, database, secret_key, place, failureOf };
    });
    const late = (): Failure => failureOf(undefined);
    return await withinDeadline(opening, { clock, deadline_ms: OPEN_MS_MAX, late });
  } catch (error) {
    if (error instanceof WrongUse || error instanceof Failure) throw error;
    if (error instanceof StartError && error.next_step !== null) {
      throw new Failure(
        error.message.replace(/^Cannot open the database: /, "the database can't be opened: "),
        error.next_step,
      );
    }
    if (error instanceof StartError || error instanceof SecretKeyFileError) {
      throw new WrongUse(error.message.replace(/^Cannot /, ""));
    }
    throw failureOf(error);
  }
}

async function openLocal(): Promise<LocalService> {
  const config = readConfig();
  return serveLocally({ config, clock, ...await openStore(config) });
}

/** Opens the database to look whether it works. */
async function openToExamine(): Promise<OpenedDatabase> {
  const config = readConfig();
  const opened = await openStore(config);
  const { storage: { store }, database: { has_queue }, failureOf } = opened;
  const backend = localBackend(serveLocally({ config, clock, ...opened }));
  return {
    has_queue,
    backend,
    store,
    async beats() {
      const beats = await store.instances();
      return beats.map((beat) => ({ ...beat, started_at: eventTime(`evt_${beat.id}`) }));
    },
    async tryOut() {
      try {
        const before = await store.rings();
        await store.ring();
        if (await store.rings() <= before) throw new Failure("what was written can't be read");
      } catch (error) {
        throw failureOf(error);
      }
    },
    // After a write without an answer it would wait for that, and this process is about to end.
    close: () => Promise.race([backend[Symbol.asyncDispose](), wait(CLOSE_MS_MAX)]),
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((done) => void clock.after(ms, done));
}

function guardFacts(): GuardFacts {
  try {
    const { allow_networks, allow_http } = readConfig();
    const policy = createOutboundPolicy({ allow_networks, allow_http, clock });
    return {
      own_addresses: [...policy.own_addresses],
      allows: (address) => addressVerdict(address, policy) === "allowed",
    };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

async function makeBackup(file: string, onProgress: (progress: Progress) => void): Promise<BackupMade> {
  const { kv, secret_key } = readConfig();
  if (kv.kind !== "file") {
    throw new WrongUse("copy a database that is no file: a KV server is copied with its own tools");
  }
  if (await SYSTEM_DISK.info(kv.path) === null) throw new WrongUse(`copy ${kv.path}: there is no such file`);
  const bytes = await copyDatabase(kv.path, pathOf(file), onProgress);
  return { file, bytes, key_file: secret_key === null ? `${kv.path}.key` : null };
}

async function resealSecrets(onProgress: (progress: Progress) => void): Promise<Resealed> {
  const config = readConfig();
  const { storage, database: { db, atomic_checks_max }, secret_key } = await openStore(config);
  try {
    const limits = { checks_max: atomic_checks_max };
    const committer = createCommitter({ db, clock, random: Math.random, limits });
    const box = await createSecretBox(secret_key, config.secret_key_previous);
    const new_box = await createSecretBox(secret_key);
    const { unopened, ...resealed } = await reencrypt({ db, committer, box, new_box }, onProgress);
    if (unopened.length > 0) {
      throw new Failure(
        `${unopened.length} webhooks or watches open with neither key: ${unopened.slice(0, 10).join(", ")}`,
        "The others are done. Set TIDINGS_SECRET_KEY_PREVIOUS to the key that these were sealed with, and repeat it.",
      );
    }
    return resealed;
  } finally {
    await storage.close();
  }
}

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

const machine: Machine = {
  folder: FOLDER,
  examine: () =>
    examine({
      envFiles: () =>
        envFilesOf(
          Deno.build.standalone
            ? { kind: "binary", folder: Deno.cwd() }
            : { kind: "task", folder: FOLDER, called_from: Deno.env.get("INIT_CWD") ?? null },
        ),
      environment: () => Deno.env.toObject(),
      readConfig: parseEnvironment,
      open: openToExamine,
      guard: guardFacts,
      running: (config) => examineRunning(config, { fetch, version: VERSION }),
      disk: SYSTEM_DISK,
      now: clock.now,
      wait,
    }),
  backup: makeBackup,
  reencrypt: resealSecrets,
};

if (import.meta.main) {
  const complain = writeTo(Deno.stderr);
  try {
    const exit_code = await runAdmin(Deno.args, {
      openLocal,
      machine,
      fetch,
      readText,
      ask,
      print: writeTo(Deno.stdout),
      complain,
      watched: Deno.stderr.isTerminal(),
      after: clock.after,
      // A terminal that was never told its size says 0.
      columns: Deno.stdout.isTerminal() ? Deno.consoleSize().columns || null : null,
      now: clock.now,
    });
    Deno.exit(exit_code);
  } catch (error) {
    complain(`Cannot go on: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}\n`);
    Deno.exit(EXIT_FAILED);
  }
}
