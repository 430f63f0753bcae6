/**
 * Deno Deploy as the service meets it: a process for each request or tick of the cron, stopped right after its answer.
 *
 * Owns starting and stopping. Between two processes nothing runs, so only what is stored goes on.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Api, until, within } from "./api.ts";
import { type SpawnedProcess, spawnProcess } from "./service.ts";

/** From SIGINT to SIGKILL: the platform's five seconds. */
const PATIENCE_MS = 5000;

/** How a process of the platform ended. */
export interface Stopped {
  /** Whether it had to be killed. */
  readonly killed: boolean;
}

/** A platform with one app. */
export interface Platform {
  /** Starts the app for a request, and stops it after the answer. */
  request<T>(call: (api: Api) => Promise<T>): Promise<T>;
  /** The same, but the machine fails right after the answer. */
  requestThenCrash<T>(call: (api: Api) => Promise<T>): Promise<T>;
  /** Starts the app for its cron, and stops it when the handler is done. */
  tick(): Promise<Stopped>;
}

/**
 * Makes a platform.
 *
 * @param kv The file that plays the linked database.
 * @param env Of the app, beyond the usual.
 * @returns It; nothing runs.
 */
export function makePlatform(kv: string, env: Readonly<Record<string, string>> = {}): Platform {
  function start(tick: boolean): SpawnedProcess {
    return spawnProcess({
      kv: "",
      preload: "tests/helpers/deploy_preload.ts",
      env: {
        DENO_DEPLOYMENT_ID: "deployment-of-the-tests",
        PLATFORM_KV: kv,
        PLATFORM_TICK: tick ? "1" : "",
        TIDINGS_LOG: "info",
        ...env,
      },
    });
  }

  async function stop(app: SpawnedProcess): Promise<Stopped> {
    let killed = false;
    app.kill("SIGINT");
    const timer = setTimeout(() => {
      killed = true;
      app.kill("SIGKILL");
    }, PATIENCE_MS);
    const { code, stderr } = await within(app.ended, "the app to end");
    clearTimeout(timer);
    if (!killed) assertEquals([code, stderr], [0, ""]);
    return { killed };
  }

  return {
    async request(call) {
      await using app = start(false);
      const answer = await call(await within(app.listening, "the app to listen"));
      await stop(app);
      return answer;
    },
    async requestThenCrash(call) {
      await using app = start(false);
      const answer = await call(await within(app.listening, "the app to listen"));
      app.kill("SIGKILL");
      await app.ended;
      return answer;
    },
    async tick() {
      await using app = start(true);
      await within(app.listening, "the app to listen");
      await until(() => app.lines.some((line) => line.includes("platform.tick_over")), "the tick is over");
      return await stop(app);
    },
  };
}
