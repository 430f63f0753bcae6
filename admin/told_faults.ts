/**
 * What went wrong inside, told to whoever has the database at hand: a service answers 500 without a word, but here there is
 * nobody to hide it from.
 *
 * @module
 */
import type { Log } from "../lib/ports.ts";
import type { Fetch } from "./backend.ts";
import { Failure } from "./failure.ts";

/** A log that keeps what a service would write down when it answers 500. */
export function createFaultLog(): { log: Log; faultOf: () => string } {
  let fault = "something went wrong";
  return {
    log: {
      debug() {},
      info() {},
      warn() {},
      error(_message, { stack } = {}) {
        fault = String(stack).split("\n")[0] ?? fault;
      },
    },
    faultOf: () => fault,
  };
}

/** Says what went wrong where a service would answer 500: here, who asks may know. */
export function toldFaults(fetch: Fetch, faultOf: () => string): Fetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.status === 500) throw new Failure(faultOf());
    return response;
  };
}
