/**
 * The service under test: in this process, or the program itself in a process of its own.
 *
 * Owns starting and ending services. It must never look inside one: what a test learns comes from answers, log lines,
 * exit codes, and the receivers of `receiver.ts`. `await using` ends a service, whatever became of the test.
 *
 * @module
 */
import { assert } from "@std/assert";
import { type OpenDatabase, openDatabase } from "../../kv/open.ts";
import { parseConfig } from "../../lib/config.ts";
import { parseNetworks } from "../../lib/outbound/address.ts";
import { systemClock } from "../../lib/outbound/clock.ts";
import { createLog } from "../../lib/outbound/log.ts";
import type { Clock } from "../../lib/ports.ts";
import { startService } from "../../service.ts";
import { ADMIN_KEY, type Api, apiAt, within } from "./api.ts";
import { gather } from "./lines.ts";
import { inheritedEnvironment } from "./inherited.ts";

/** The secret key of a service unless a test brings another: the base64 of 32 bytes. */
export const SECRET_KEY = btoa("0123456789abcdef0123456789abcdef");

/** How a service in this process is started. */
export interface TestServiceOptions {
  /** Beyond and above the defaults; an empty text takes a default away. */
  readonly env?: Readonly<Record<string, string>>;
  /** `memory` by default, or the path of a file. */
  readonly kv?: string;
  /** What the service gets in place of its database, made of the real one. */
  readonly database?: (real: OpenDatabase) => OpenDatabase;
  /** What the service gets in place of its clock, made of the real one. */
  readonly clock?: (real: Clock) => Clock;
}

/** A service in this process. */
export interface TestService extends Api, AsyncDisposable {
  /** The lines it logged, at every level unless `env` says otherwise. */
  readonly logs: readonly string[];
  /** Stops it as a signal does; sends under way may take `grace_ms`. */
  stop(grace_ms?: number): Promise<void>;
}

/** Receivers on loopback are allowed, retries are quick, the port is free, the administrator has a key. */
function environment(kv: string, env: Readonly<Record<string, string>>): Record<string, string> {
  return {
    PORT: "0",
    TIDINGS_KV: kv,
    TIDINGS_ADMIN_KEY: ADMIN_KEY,
    TIDINGS_SECRET_KEY: SECRET_KEY,
    TIDINGS_ALLOW_NETWORKS: "127.0.0.0/8",
    TIDINGS_RETRY_BASE_MS: "50",
    TIDINGS_LOG: "debug",
    TIDINGS_LOG_FORMAT: "json",
    ...env,
  };
}

/**
 * Starts a service in this process.
 *
 * @param options How it differs from the usual.
 * @returns The service, listening. `await using` stops it.
 */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const { env = {}, kv = "memory", database = (real) => real, clock = (real) => real } = options;
  const parsed = parseConfig(
    environment(kv === "memory" ? ":memory:" : kv, env),
    { on_deploy: false, terminal: false },
    parseNetworks,
  );
  assert("config" in parsed, `The configuration of the test is wrong: ${JSON.stringify(parsed)}`);
  const { config } = parsed;
  assert(config.secret_key !== null);
  const logs: string[] = [];
  const write = (line: string): void => void logs.push(line);
  const log = createLog({ level: config.log_level, format: "json", now: Date.now, write });
  const running = await startService({
    config,
    database: database(await openDatabase(config.kv)),
    secret_key: config.secret_key,
    clock: clock(systemClock({ log })),
    log,
  });
  let stopped: Promise<void> | null = null;
  const stop = (grace_ms = 2000): Promise<void> => stopped ??= running.stop(grace_ms);
  return { ...apiAt(running.url), logs, stop, [Symbol.asyncDispose]: () => stop() };
}

/** How a service in a process of its own is started. */
export interface ProcessOptions {
  /** The path of the KV file, or the URL of a KV server. */
  readonly kv: string;
  /** Beyond and above the defaults; an empty text takes a default away. */
  readonly env?: Readonly<Record<string, string>>;
  /** A module that runs before the program. */
  readonly preload?: string;
  /** Shell commands that come before it in its process and make its world narrow: limits, mounts. */
  readonly under?: string;
  /** The Deno it runs on, if not the one of the tests. */
  readonly deno?: string | undefined;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PROJECT = new URL("../../", import.meta.url);

/** The program itself, as an operator runs it, without anything of Tidings from this environment. */
function mainProcess(
  { kv, env = {}, preload, under = ":", deno = Deno.execPath() }: ProcessOptions,
): Deno.ChildProcess {
  const program = [
    deno,
    "run",
    "--no-prompt",
    "--allow-all",
    ...(preload === undefined ? [] : ["--preload", preload]),
    "main.ts",
  ];
  return new Deno.Command("sh", {
    args: ["-c", `${under} && exec "$@"`, "sh", ...program],
    cwd: PROJECT,
    clearEnv: true,
    env: { ...inheritedEnvironment(), ...environment(kv, env) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/**
 * Runs the program to its end: for a start that must fail.
 *
 * @param options File and environment.
 * @returns How it ended.
 */
export async function runProcess(options: ProcessOptions): Promise<ProcessEnd> {
  const { code, stdout, stderr } = await within(mainProcess(options).output(), "the end of the process");
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A process that may not listen yet. */
export interface SpawnedProcess extends AsyncDisposable {
  readonly pid: number;
  /** The lines it wrote to stdout. */
  readonly lines: readonly string[];
  /** Sends a signal. */
  kill(signal: Deno.Signal): void;
  /** Its API, once it listens; rejects if it ends before. */
  readonly listening: Promise<Api>;
  /** How it ended, once it has. */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>;
}

/** A service in a process of its own. */
export interface ProcessService extends Api, Omit<SpawnedProcess, "listening"> {}

/**
 * Starts the program and does not wait for it: for a test that ends it while it starts.
 *
 * @param options File and environment.
 * @returns The process. `await using` kills it.
 */
export function spawnProcess(options: ProcessOptions): SpawnedProcess {
  const child = mainProcess(options);
  const lines: string[] = [];
  const errors: string[] = [];
  const { promise: url, resolve, reject } = Promise.withResolvers<string>();
  const out = gather(child.stdout, (line) => {
    lines.push(line);
    const { message, url } = JSON.parse(line);
    if (message === "listening") resolve(url);
  });
  const err = gather(child.stderr, (line) => errors.push(line));
  const ended = Promise.all([child.status, out, err]).then(([{ code }]) => {
    const stderr = errors.join("\n");
    reject(new Error(`The process ended with ${code} before it listened: ${stderr}`));
    return { code, stderr };
  });
  const listening = url.then(apiAt);
  // Whoever ends it while it starts does not wait for this.
  listening.catch(() => {});
  return {
    pid: child.pid,
    lines,
    ended,
    listening,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await ended;
    },
  };
}

/**
 * Starts the program and waits until it listens.
 *
 * @param options File and environment.
 * @returns The service. `await using` kills it.
 */
export async function startProcess(options: ProcessOptions): Promise<ProcessService> {
  const spawned = spawnProcess(options);
  const api = await within(spawned.listening, "the process to listen");
  return { ...api, ...spawned };
}

/** A folder of its own, removed with everything in it at the end. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "tidings-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A path for a KV file in a folder of its own, removed with everything in it at the end. */
export async function temporaryFile(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await temporaryFolder();
  return { ...folder, path: `${folder.path}/tidings.db` };
}

/**
 * The memory of a process.
 *
 * @param pid Which.
 * @returns What is resident of it, in MiB.
 */
export async function residentMiB(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] }).output();
  return Number(new TextDecoder().decode(stdout)) / 1024;
}
