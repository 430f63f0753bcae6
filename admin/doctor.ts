/**
 * `deno task admin doctor`: is everything as it must be, and if not, what to do.
 *
 * Owns what is asked of a running service; what is looked at on this machine is `examine.ts`'.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import type { Backend, Listed } from "./backend.ts";
import { type Check, checksText, fail, ok, warn } from "./checks.ts";
import { examineContents } from "./examine_contents.ts";
import { Failure } from "./failure.ts";
import type { Verb } from "./verb.ts";

interface Readiness {
  readonly status: string;
  readonly problems?: readonly string[];
}

/**
 * Looks at a running service from outside.
 *
 * @param service Its API.
 * @param now_ms The time.
 * @returns Whether it lives, works, which version it is, and whether the key is accepted.
 */
async function examineService(service: Backend, now_ms: number): Promise<Check[]> {
  const { place } = service;
  const reached = await looked("service", async () => {
    await service.call("GET", "/healthz");
    return ok("service", `it answers at ${place}`);
  });
  if (reached.status === "fail") return [reached];
  const key = await looked("key", () => examineKey(service));
  return [
    reached,
    await looked("version", async () => {
      const { name, version } = await service.call<{ name: string; version: string }>("GET", "/");
      return ok("version", `${name} ${version}`);
    }),
    await looked("readiness", async () => {
      const { problems = [], status } = await service.call<Readiness>("GET", "/readyz", {
        answered_with: 503,
      });
      return status === "ready" ? ok("readiness", "it can read, write and send") : fail(
        "readiness",
        problems.join("; "),
        "Run `deno task admin doctor` on its machine; its log says more.",
      );
    }),
    key,
    // With another key than an administrator's not all of it can be read.
    ...(key.status === "ok" ? await contentChecks(service, now_ms) : []),
  ];
}

async function contentChecks(service: Backend, now_ms: number): Promise<readonly Check[]> {
  try {
    return (await examineContents(service, now_ms)).checks;
  } catch (error) {
    return [failedLook("contents", error)];
  }
}

async function examineKey(service: Backend): Promise<Check> {
  try {
    const { data } = await service.call<Listed<unknown>>("GET", "/v1/keys");
    return ok("key", `accepted, as admin; there are ${data.length} keys`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "forbidden") {
      return warn(
        "key",
        "accepted, but not as admin",
        "It can't manage keys and sites; for those use another.",
      );
    }
    if (error.code !== "unauthorized") throw error;
    return fail(
      "key",
      "the service does not accept it",
      "Check --key: it may be mistyped, revoked or expired. `keys list` shows the keys there are.",
    );
  }
}

/** A check that always comes to something. */
async function looked(subject: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    return failedLook(subject, error);
  }
}

function failedLook(subject: string, error: unknown): Check {
  const message = error instanceof Error ? error.message : String(error);
  const next_step = error instanceof Failure ? error.next_step : null;
  return fail(subject, message, next_step ?? "The service's log says more.");
}

/** The command that looks whether all is well. */
export const DOCTOR: Verb = {
  name: "doctor",
  summary: "look at configuration, database, disk, clock, secret key and outbound guard, and say what to do",
  doing: "look",
  takes_service: true,
  examples: ["doctor", "doctor --url http://127.0.0.1:8080 --key -"],
  async runHere({ machine, service, now_ms }) {
    const checks = service === null ? await machine.examine() : await examineService(service, now_ms);
    const failed = checks.some(({ status }) => status === "fail");
    return { answer: { ok: !failed, checks }, failed, text: () => checksText(checks) };
  },
};
