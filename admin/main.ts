/**
 * `deno task admin`: the process around the administration commands.
 *
 * Owns its arguments, environment, streams and exit code, and the opening of the database. The rest is `run.ts`.
 *
 * @module
 */
import { resolve } from "node:path";
import { openDatabase } from "../kv/open.ts";
import { parseConfig } from "../lib/config.ts";
import { Directory } from "../lib/directory.ts";
import { parseNetworks } from "../lib/outbound/address.ts";
import { systemClock } from "../lib/outbound/clock.ts";
import { systemIds } from "../lib/outbound/ids.ts";
import { createOutboundPolicy } from "../lib/outbound/policy.ts";
import { createResolver } from "../lib/outbound/resolver.ts";
import { createUrlGuard } from "../lib/outbound/url_guard.ts";
import { openStorage, type ServiceConfig, StartError, type Storage } from "../service.ts";
import type { Backend } from "./backend.ts";
import { withinDeadline } from "./deadline.ts";
import { EXIT_FAILED, Failure, lateFailure, openFailure, WrongUse } from "./failure.ts";
import { makeKvFolder } from "./kv_folder.ts";
import { localBackend } from "./local_backend.ts";
import { runAdmin } from "./run.ts";
import { loadOrMakeSecretKey, SecretKeyFileError } from "./secret_key_file.ts";

const clock = systemClock();

/** Deno waits without end for the lock of a file or the answer of a KV server (2.9.6). A service beside us holds its
 * file for milliseconds: 2.4 s was the longest to open and write beside one process that did nothing but commit. */
const OPEN_MS_MAX = 15_000;

/** The configuration that the service has too. */
function readConfig(): ServiceConfig {
  const platform = { on_deploy: false, terminal: false };
  const parsed = parseConfig(Deno.env.toObject(), platform, parseNetworks);
  if ("config" in parsed) return parsed.config;
  throw new WrongUse("use the configuration", parsed.mistakes.map(({ message }) => message));
}

/** The key that secrets are sealed with. */
async function secretKey({ secret_key, kv }: ServiceConfig): Promise<Uint8Array<ArrayBuffer>> {
  if (secret_key !== null) return secret_key;
  if (kv.kind !== "file") throw new WrongUse("use the configuration: TIDINGS_SECRET_KEY must be set");
  return await loadOrMakeSecretKey(kv.path);
}

async function openStore(config: ServiceConfig): Promise<{ storage: Storage; place: string }> {
  const { kv } = config;
  if (kv.kind === "memory" || kv.kind === "linked") {
    throw new WrongUse(
      "reach a database in the memory of another process: use --url and --key, or a file in TIDINGS_KV",
    );
  }
  const place = kv.kind === "file" ? kv.path : kv.url;
  try {
    if (kv.kind === "file") await makeKvFolder(kv.path);
    const secret_key = await secretKey(config);
    const opening = openDatabase(kv).then((database) => openStorage({ database, secret_key, clock, config }));
    const late = (): Failure => lateFailure(kv.kind, place, OPEN_MS_MAX / 1000);
    return { storage: await withinDeadline(opening, { clock, deadline_ms: OPEN_MS_MAX, late }), place };
  } catch (error) {
    if (error instanceof WrongUse || error instanceof Failure) throw error;
    if (error instanceof StartError || error instanceof SecretKeyFileError) {
      throw new WrongUse(error.message.replace(/^Cannot /, ""));
    }
    throw openFailure(error, place);
  }
}

async function openLocal(): Promise<Backend> {
  const config = readConfig();
  const { storage, place } = await openStore(config);
  const { store } = storage;
  const ids = systemIds();
  const policy = createOutboundPolicy({
    allow_networks: config.allow_networks,
    allow_http: config.allow_http,
    clock,
  });
  return localBackend({
    place,
    keys: { store, clock, ids },
    webhooks: {
      store,
      directory: new Directory(store),
      engine: { laneState: () => null },
      guard: createUrlGuard({ policy, resolver: createResolver({ clock }), clock }),
      clock,
      ids,
      defaults: { timeout_ms: config.timeout_ms },
    },
    close: () => storage.close(),
  });
}

async function readText(file: string): Promise<string> {
  if (file === "-") return await new Response(Deno.stdin.readable).text();
  // A task runs in the project's folder; the user means the one the task was called from.
  const path = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), file);
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new WrongUse(`read ${file}: there is no such file`);
    const outside = error instanceof Deno.errors.NotCapable
      ? "only files below the current folder can be read by name"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new WrongUse(`read ${file}: ${outside}; give it as --body - < ${file}`);
  }
}

/** Writes all of it. Whoever reads only the beginning (`| head`) is no failure. */
function writeTo(stream: { writeSync(bytes: Uint8Array): number }): (text: string) => void {
  return (text) => {
    let rest = new TextEncoder().encode(text);
    try {
      while (rest.byteLength > 0) rest = rest.subarray(stream.writeSync(rest));
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  };
}

const complain = writeTo(Deno.stderr);
try {
  const exit_code = await runAdmin(Deno.args, {
    openLocal,
    fetch,
    readText,
    print: writeTo(Deno.stdout),
    complain,
    columns: Deno.stdout.isTerminal() ? Deno.consoleSize().columns : null,
    now: clock.now,
  });
  Deno.exit(exit_code);
} catch (error) {
  complain(`Cannot go on: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}\n`);
  Deno.exit(EXIT_FAILED);
}
