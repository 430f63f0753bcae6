/**
 * Starts the service: crons, configuration, database, server, and a clean end.
 *
 * Owns the process: its environment, its signals, its exit codes (0 stopped, 1 failed, 2 wrong configuration).
 *
 * @module
 */
import { makeKvFolder } from "./admin/kv_folder.ts";
import { loadOrMakeSecretKey, SecretKeyFileError } from "./admin/secret_key_file.ts";
import { openDatabase } from "./kv/open.ts";
import { parseConfig } from "./lib/config.ts";
import { SHUTDOWN } from "./lib/limits.ts";
import type { Log } from "./lib/ports.ts";
import { parseNetworks } from "./lib/outbound/address.ts";
import { systemClock } from "./lib/outbound/clock.ts";
import { createLog } from "./lib/outbound/log.ts";
import { type Service, type ServiceConfig, StartError, startService, VERSION } from "./service.ts";

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

async function start(): Promise<void> {
  const config = readConfig();
  const log = createLog({ level: config.log_level, format: config.log_format, now: () => clock.now() });
  const clock = systemClock({ log });
  if (config.kv.kind === "file") await makeKvFolder(config.kv.path);
  const secret_key = await secretKey(config);
  const database = await openDatabase(config.kv);
  surviveFaults(log);
  const service = await startService({ config, database, secret_key, clock, log });
  resolveStarted(service);
  stopOnSignals(service, log);
  log.info("listening", { url: service.url, version: VERSION, pid: Deno.pid });
}

try {
  await start();
} catch (error) {
  refuse(error instanceof Error ? error.message : String(error));
  Deno.exit(error instanceof StartError || error instanceof SecretKeyFileError ? 2 : 1);
}
