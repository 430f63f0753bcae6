/**
 * The fake network: receivers that answer, fail, hang, drip, or are gone, each in its mood, which changes.
 *
 * Owns what a receiver answers and when. It must never send anything anywhere.
 *
 * @module
 */
import type { SendErrorKind, SendResult } from "../../lib/ports.ts";
import type { Chance } from "./chance.ts";

/** How a receiver behaves until something changes. */
export const MOODS = [
  "well",
  "slow",
  "failing",
  "overloaded",
  "unreachable",
  "hanging",
  "dripping",
  "unsteady",
  "gone",
  "forbidden",
] as const;
/** How a receiver behaves until something changes. */
export type Mood = typeof MOODS[number];

/** What a request comes to, and after how long. */
export interface Reply {
  readonly result: SendResult;
  readonly after_ms: number;
}

const ERRORS: readonly SendErrorKind[] = ["dns", "connect", "tls", "reset", "protocol"];
const STATUSES = [200, 201, 204, 299, 301, 400, 404, 410, 418, 429, 500, 502, 503, 504, 599] as const;

function answer(status_code: number, retry_after: string | null = null): SendResult {
  return { kind: "answer", status_code, retry_after, snippet: new Uint8Array(0) };
}

function failure(error: SendErrorKind): SendResult {
  return { kind: "error", error, detail: "" };
}

/** What every sender promises of a receiver that takes too long. */
function timedOut(timeout_ms: number): Reply {
  return { result: failure("timeout"), after_ms: timeout_ms };
}

/**
 * What a receiver answers to one request.
 *
 * @param mood How it behaves.
 * @param timeout_ms The request's deadline.
 * @param chance Where the details come from.
 * @returns The reply; never later than the deadline.
 */
export function reply(mood: Mood, timeout_ms: number, chance: Chance): Reply {
  const soon = chance.happens(0.7) ? 0 : chance.whole(1, 200);
  switch (mood) {
    case "well":
      return { result: answer(200), after_ms: soon };
    case "slow":
      return { result: answer(200), after_ms: chance.whole(500, timeout_ms - 1) };
    case "failing":
      return { result: answer(500), after_ms: soon };
    case "overloaded": {
      const asked = chance.happens(0.5) ? String(chance.whole(1, 200)) : null;
      return { result: answer(chance.pick([429, 502, 503, 504]), asked), after_ms: soon };
    }
    case "unreachable":
      return { result: failure(chance.pick(ERRORS)), after_ms: soon };
    case "hanging":
      return timedOut(timeout_ms);
    case "dripping":
      return chance.happens(0.5)
        ? timedOut(timeout_ms)
        : { result: answer(chance.pick([200, 500])), after_ms: timeout_ms - 1 };
    case "unsteady":
      if (chance.happens(0.5)) return { result: answer(200), after_ms: soon };
      if (chance.happens(0.2)) return timedOut(timeout_ms);
      return { result: answer(chance.pick(STATUSES)), after_ms: soon };
    case "gone":
      return { result: answer(410), after_ms: soon };
    case "forbidden":
      return { result: failure("blocked_address"), after_ms: 0 };
  }
}

/**
 * Whether an answer says that the event arrived.
 *
 * @param result The answer.
 * @returns Whether it is a 2xx.
 */
export function arrived(result: SendResult): boolean {
  return result.kind === "answer" && result.status_code >= 200 && result.status_code < 300;
}
