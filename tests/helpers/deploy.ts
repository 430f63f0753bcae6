/**
 * Deno Deploy as the service meets it: a process for each request or tick of the cron, stopped right after its answer.
 *
 * Owns starting and stopping. Between two processes nothing runs, so only what is stored goes on. `DEPLOY_DENO_BIN` names
 * the platform's own release of Deno, for whoever has it; without it, what is newer is taken away from ours.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Api, until, within } from "./api.ts";
import {
  type ProcessEnd,
  type ProcessOptions,
  runProcess,
  type SpawnedProcess,
  spawnProcess,
} from "./service.ts";

/** From SIGINT to SIGKILL: the platform's five seconds. */
const PATIENCE_MS = 5000;

/** A platform with one app. */
export interface Platform {
  /** Evaluates the app, which must end by itself. */
  evaluate(): Promise<ProcessEnd>;
  /** Starts the app for a request, and stops it after the answer; it must end before it is killed. */
  request<T>(call: (api: Api) => Promise<T>): Promise<T>;
  /** The same, but the machine fails right after the answer. */
  requestThenCrash<T>(call: (api: Api) => Promise<T>): Promise<T>;
  /** Starts the app for its cron, and stops it when the handler is done. */
  tick(): Promise<void>;
}

/**
 * Makes a platform.
 *
 * @param kv The file that plays the linked database.
 * @param env Of the app, beyond the usual.
 * @returns It; nothing runs.
 */
export function makePlatform(kv: string, env: Readonly<Record<string, string>> = {}): Platform {
  function app(tick: boolean): ProcessOptions {
    return {
      kv: "",
      preload: "tests/helpers/deploy_preload.ts",
      deno: Deno.env.get("DEPLOY_DENO_BIN"),
      env: {
        // Where it listens is the platform's choice.
        PORT: "",
        DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
        DENO_DEPLOYMENT_ID: "deployment-of-the-tests",
        PLATFORM_KV: kv,
        PLATFORM_TICK: tick ? "1" : "",
        TIDINGS_LOG: "info",
        ...env,
      },
    };
  }

  function start(tick: boolean): SpawnedProcess {
    return spawnProcess(app(tick));
  }

  async function stop(app: SpawnedProcess): Promise<void> {
    let killed = false;
    app.kill("SIGINT");
    const timer = setTimeout(() => {
      killed = true;
      app.kill("SIGKILL");
    }, PATIENCE_MS);
    const { code, ...ended } = await within(app.ended, "the app to end");
    clearTimeout(timer);
    // Deno 2.5's own Hmac calls itself deprecated.
    const stderr = ended.stderr.replace(/^\(node:\d+\) \[DEP\d+\].*$/m, "");
    assertEquals({ killed, code, stderr }, { killed: false, code: 0, stderr: "" });
  }

  return {
    evaluate: () => runProcess(app(false)),
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
      await stop(app);
    },
  };
}
