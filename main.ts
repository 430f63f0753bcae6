/**
 * Starts the service: crons, configuration, database, server, and a clean end.
 *
 * Owns the process: its environment, its signals, its exit codes (0 stopped, 1 failed, 2 wrong configuration).
 *
 * @module
 */
import { lateFailure, openFailure } from "./admin/database_failure.ts";
import { Failure } from "./admin/failure.ts";
import { makeKvFolder } from "./admin/kv_folder.ts";
import { loadOrMakeSecretKey, SecretKeyFileError } from "./admin/secret_key_file.ts";
import { type OpenDatabase, StartError } from "./kv/open.ts";
import { openInTime } from "./kv/open_in_time.ts";
import { parseConfig } from "./lib/config.ts";
import { AppError } from "./lib/errors.ts";
import { KV, SHUTDOWN, TIME } from "./lib/limits.ts";
import type { Clock, Log } from "./lib/ports.ts";
import { parseNetworks } from "./lib/outbound/address.ts";
import { systemClock } from "./lib/outbound/clock.ts";
import { createLog } from "./lib/outbound/log.ts";
import { type Service, type ServiceConfig, startService, VERSION } from "./service.ts";

const on_deploy = Deno.env.get("DENO_DEPLOYMENT_ID") !== undefined;
/** Resolves when the service runs; if it can't start, the process ends. */
const { promise: started, resolve: resolveStarted } = Promise.withResolvers<Service>();

// At the top level, unconditionally and before the server: Deno Deploy finds crons by evaluating this module. There the
// tick may be what the process was started for, so it waits for the service and then keeps the process.
Deno.cron("sweep what is due", "* * * * *", async () => {
  const service = await started;
  await (on_deploy ? service.sweepAndStay() : service.sweep());
});

/** Reads the configuration, or reports everything that is wrong with it and exits with 2. */
function readConfig(): ServiceConfig {
  const parsed = parseConfig(
    Deno.env.toObject(),
    { on_deploy, terminal: Deno.stdout.isTerminal() },
    parseNetworks,
  );
  if ("config" in parsed) return parsed.config;
  for (const { message } of parsed.mistakes) refuse(message);
  Deno.exit(2);
}

/** Says on stderr why the service does not start: there may be no log yet. */
function refuse(message: string): void {
  // deno-lint-ignore no-console -- the log is made from the configuration, which may be what is wrong
  console.error(`tidings: ${message}`);
}

/** The key that secrets are sealed with: given, kept beside the file, or (in memory) made for this run. */
async function secretKey({ secret_key, kv }: ServiceConfig): Promise<Uint8Array<ArrayBuffer>> {
  if (secret_key !== null) return secret_key;
  if (kv.kind === "file") return await loadOrMakeSecretKey(kv.path);
  return crypto.getRandomValues(new Uint8Array(32));
}

/** `deno task` passes on the Ctrl-C that the terminal has already sent (4 ms apart): that is not a second one. */
const SAME_INTERRUPT_MS = 100;

/** Ends cleanly on the first signal and at once on a second. */
function stopOnSignals(running: Service, log: Log): void {
  let stopping_since: number | null = null;
  const stop = (signal: string): void => {
    if (stopping_since !== null) {
      const same = signal === "SIGINT" && performance.now() - stopping_since < SAME_INTERRUPT_MS;
      if (!same) Deno.exit(1);
      return;
    }
    stopping_since = performance.now();
    log.info("stopping", { signal });
    const grace_ms = on_deploy ? SHUTDOWN.grace_ms_on_deploy : SHUTDOWN.grace_ms;
    running.stop(grace_ms).then(
      () => Deno.exit(0),
      (error) => {
        log.error("stop.failed", { error: String(error) });
        Deno.exit(1);
      },
    );
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stop(signal));
  }
}

/** A fault that nobody caught is one request's or one send's: it is logged, and the service goes on for all the others. */
function surviveFaults(log: Log): void {
  const told = (kind: string, event: Event, fault: unknown): void => {
    event.preventDefault();
    log.error("process.fault", { kind, error: fault instanceof Error ? fault.stack : String(fault) });
  };
  globalThis.addEventListener(
    "unhandledrejection",
    (event) => told("unhandled_rejection", event, event.reason),
  );
  globalThis.addEventListener("error", (event) => told("uncaught_error", event, event.error));
}

/** The database, as soon as it can be read; what keeps it from that is said in words, and tried again by the supervisor. */
async function database({ kv }: ServiceConfig, ports: { clock: Clock; log: Log }): Promise<OpenDatabase> {
  const [kind, place] = kv.kind === "file"
    ? ["file" as const, kv.path]
    : ["server" as const, kv.kind === "server" ? kv.url : kv.kind];
  const late = (): Failure => lateFailure(kind, place, KV.open_ms_max / TIME.SECOND_MS);
  try {
    return await openInTime(kv, { ...ports, late });
  } catch (error) {
    throw error instanceof Failure ? error : openFailure(error, place);
  }
}

/** What went wrong, in one line: nobody is helped by a stack who starts a service. */
function reasonOf(error: unknown): string {
  if (error instanceof Failure) return `Cannot start: ${error.message}. ${error.next_step ?? ""}`.trim();
  if (error instanceof StartError) return [error.message, error.next_step].filter(Boolean).join(". ");
  if (error instanceof AppError) return `Cannot start: ${error.message.replace(/^Cannot \w+: /, "")}`;
  return error instanceof Error ? error.message : String(error);
}

async function start(): Promise<void> {
  const config = readConfig();
  const log = createLog({ level: config.log_level, format: config.log_format, now: () => clock.now() });
  const clock = systemClock({ log });
  if (config.kv.kind === "file") await makeKvFolder(config.kv.path);
  const secret_key = await secretKey(config);
  const opened = await database(config, { clock, log });
  surviveFaults(log);
  const service = await startService({ config, database: opened, secret_key, clock, log });
  resolveStarted(service);
  stopOnSignals(service, log);
  log.info("listening", { url: service.url, version: VERSION, pid: Deno.pid });
}

try {
  await start();
} catch (error) {
  refuse(reasonOf(error));
  Deno.exit(error instanceof StartError || error instanceof SecretKeyFileError ? 2 : 1);
}
