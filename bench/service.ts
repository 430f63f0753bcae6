/**
 * The service of a measurement: `deno task start` itself, with its flags and permissions.
 *
 * Owns starting and ending it. It must never start the program in a way of its own: what is measured is what an operator
 * runs. `deno task` and its shell are two more processes; the service says in its log which one it is.
 *
 * @module
 */
import { gather } from "../tests/helpers/lines.ts";
import { inheritedEnvironment } from "../tests/helpers/inherited.ts";
import { ADMIN_KEY } from "./events.ts";

const PROJECT = new URL("../", import.meta.url);

/** A service under `deno task start`. */
export interface MeasuredService extends AsyncDisposable {
  readonly url: string;
  /** Of the service itself. */
  readonly pid: number;
  /** From the start of `deno task start` to the first 200 of /readyz. */
  readonly ready_ms: number;
  /** What it logged as a warning or an error. */
  readonly complaints: readonly string[];
  /** Ends it as an operator does, by SIGTERM; `await using` does it at once. */
  stop(): Promise<void>;
}

/** What it is started with. */
export interface ServiceOptions {
  /** The path of its file. */
  readonly kv: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Services that run: whoever ends the measurement ends them. */
const running = new Set<number>();

/** Ends what runs, at once: for an interrupted measurement. */
export function killServices(): void {
  for (const pid of running) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

function environment({ kv, env = {} }: ServiceOptions): Record<string, string> {
  return {
    ...inheritedEnvironment(),
    PORT: "0",
    TIDINGS_KV: kv,
    TIDINGS_ADMIN_KEY: ADMIN_KEY,
    TIDINGS_ALLOW_NETWORKS: "127.0.0.0/8",
    TIDINGS_LOG: "warn",
    TIDINGS_LOG_FORMAT: "json",
    ...env,
  };
}

/**
 * Starts a service and waits until it is ready.
 *
 * @param options Its file and environment.
 * @returns It. `await using` ends it.
 */
export async function startMeasured(options: ServiceOptions): Promise<MeasuredService> {
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "start"],
    cwd: PROJECT,
    clearEnv: true,
    env: environment(options),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const complaints: string[] = [];
  const { promise: listening, resolve, reject } = Promise.withResolvers<{ url: string; pid: number }>();
  const read = gather(child.stdout, (line) => {
    const said = JSON.parse(line);
    if (said.message === "listening") resolve(said);
    else complaints.push(line);
  });
  const ended = Promise.all([read, child.status]).then(([, { code }]) =>
    reject(new Error(`The service ended with ${code} before it listened`))
  );
  const { url, pid } = await listening;
  running.add(pid);
  while (!await isReady(url)) await new Promise((resolve) => void setTimeout(resolve, 5));
  const ready_ms = performance.now() - started;

  async function end(signal: Deno.Signal): Promise<void> {
    if (running.delete(pid)) Deno.kill(pid, signal);
    await ended;
  }
  return {
    url,
    pid,
    ready_ms,
    complaints,
    stop: () => end("SIGTERM"),
    // Sends to a receiver that hangs would be waited for.
    [Symbol.asyncDispose]: () => end("SIGKILL"),
  };
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`).catch(() => null);
  await response?.body?.cancel();
  return response?.status === 200;
}
