/**
 * A KV server for tests: the real `denokv`, on a file of its own.
 *
 * Owns the process. Where the program is not installed the tests that need it are ignored, and say how to get it.
 *
 * @module
 */
import { until } from "./api.ts";

/** The token of the servers of tests: the client wants at least twelve characters. */
const ACCESS_TOKEN = "token-of-the-tests-0123456789";

/** Where `denokv` is: `DENOKV_BIN`, or the first of that name on the PATH; null: nowhere. */
export const DENOKV: string | null = findProgram();

/** Why the tests that need it are ignored. */
export const WITHOUT_DENOKV = "needs denokv on the PATH or in DENOKV_BIN (cargo install --locked denokv)";

function findProgram(): string | null {
  const given = Deno.env.get("DENOKV_BIN");
  if (given) return given;
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => `${folder}/denokv`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  }) ?? null;
}

/** A running KV server. */
export interface KvServer extends AsyncDisposable {
  readonly url: string;
  /** What a process needs in its environment to use it. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it as a crash does. */
  crash(): Promise<void>;
  /** Starts it again, on the same file and port. */
  restart(): Promise<void>;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function answers(url: string): Promise<boolean> {
  try {
    const { body } = await fetch(url);
    await body?.cancel();
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a KV server.
 *
 * @param folder Where its file may be.
 * @returns It, answering. `await using` kills it.
 */
export async function startKvServer(folder: string): Promise<KvServer> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: Deno.ChildProcess | null = null;

  async function start(): Promise<void> {
    child = new Deno.Command(DENOKV ?? "denokv", {
      args: ["--sqlite-path", `${folder}/server.sqlite`, "serve", "--addr", `127.0.0.1:${port}`],
      env: { DENO_KV_ACCESS_TOKEN: ACCESS_TOKEN },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(() => answers(url), "the KV server answers");
  }

  async function crash(): Promise<void> {
    child?.kill("SIGKILL");
    await child?.status;
    child = null;
  }

  await start();
  return {
    url,
    env: { DENO_KV_ACCESS_TOKEN: ACCESS_TOKEN },
    crash,
    restart: start,
    [Symbol.asyncDispose]: crash,
  };
}
