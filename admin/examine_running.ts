/**
 * Whether a service runs where this machine's configuration says, and which.
 *
 * Owns telling Tidings from whatever else listens there.
 *
 * @module
 */
import { isJsonObject } from "../lib/merge_patch.ts";
import type { Fetch } from "./backend.ts";
import { type Check, fail, ok, warn } from "./checks.ts";

/** Longer than a service under full load has been seen to take. */
const ANSWER_MS_MAX = 3000;

/** What was found, and whether it is Tidings. */
export interface Running {
  readonly check: Check;
  readonly is_running: boolean;
  /** Which of its processes answered; null where none did, or an earlier release. */
  readonly instance: string | null;
}

/**
 * Asks who listens.
 *
 * @param where Of the configuration.
 * @param ports How to ask, and the version of this command.
 * @returns One check; null where nobody can be asked: any free port is taken, or one that no client dials.
 */
export async function examineRunning(
  { host, port }: { readonly host: string; readonly port: number },
  { fetch, version }: { readonly fetch: Fetch; readonly version: string },
): Promise<Running | null> {
  if (port === 0) return null;
  const url = `http://${dialled(host)}:${port}`;
  const answer = await ask(`${url}/`, fetch);
  if (answer === undefined) return null;
  if (answer === null) {
    return {
      check: ok("service", `none runs at ${url}: deno task start`),
      is_running: false,
      instance: null,
    };
  }
  if (answer === "silent") {
    return {
      check: fail(
        "service",
        `what listens at ${url} does not answer within ${ANSWER_MS_MAX / 1000} s`,
        "If it is the service, it was stopped (kill -CONT goes on) or hangs: restart it. Else set PORT to another one.",
      ),
      is_running: false,
      instance: null,
    };
  }
  if (answer["name"] !== "Tidings") {
    return {
      check: fail(
        "service",
        `something that is not Tidings listens at ${url}, so the service can't start there`,
        "Set PORT to another one, or end what listens there.",
      ),
      is_running: false,
      instance: null,
    };
  }
  const { instance } = answer;
  const other = answer["version"] !== version;
  return {
    check: other
      ? warn(
        "service",
        `version ${String(answer["version"])} runs at ${url}, this command is of ${version}`,
        "Restart the service, so that both are of the same version.",
      )
      : ok("service", `it runs at ${url}, version ${version}`),
    is_running: true,
    instance: typeof instance === "string" ? instance : null,
  };
}

/** Where to dial for what listens on every address. */
function dialled(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

/** What `GET /` answers; empty for what is no JSON, null where nobody listens, undefined where the platform does not ask
 * (ports of other protocols). */
async function ask(
  url: string,
  fetch: Fetch,
): Promise<Readonly<Record<string, unknown>> | "silent" | null | undefined> {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const answer: unknown = await response.json();
    return isJsonObject(answer) ? answer : {};
  } catch (error) {
    if (!(error instanceof Error)) return {};
    if (/are blocked/.test(error.message)) return undefined;
    if (error.name === "TimeoutError") return "silent";
    const cause = error.cause instanceof Error ? error.cause.message : "";
    return /refused/i.test(cause) ? null : {};
  }
}
