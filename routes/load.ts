/**
 * How much the service takes on at a time: requests, and bytes of their bodies.
 *
 * Owns the early refusal. Beyond what can be answered soon, a caller is told so at once, before anything of its request is
 * read, instead of waiting in memory with all others. Health, readiness and metrics are always answered: whoever watches the
 * service must not take a busy one for a dead one.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { Deadlines } from "../lib/deadlines.ts";
import { AppError } from "../lib/errors.ts";
import { REQUEST } from "../lib/limits.ts";
import type { Clock } from "../lib/ports.ts";
import type { Env } from "./context.ts";

/** Paths that are answered whatever the load. */
export const ALWAYS_ANSWERED: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** Counts what is under way. */
export class Load {
  readonly #deadlines: Deadlines;
  #requests = 0;
  #body_bytes = 0;

  /** @param clock For the time that a body may take. */
  constructor(clock: Pick<Clock, "after" | "elapsed">) {
    this.#deadlines = new Deadlines(clock);
  }

  /** Bytes of bodies in memory. */
  get body_bytes(): number {
    return this.#body_bytes;
  }

  /** Requests being answered. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Counts a request in.
   * @returns What counts it, and the bytes of its body, out again.
   * @throws {AppError} `unavailable` beyond what is taken on at a time.
   */
  begin(): RequestLoad {
    if (this.#requests >= REQUEST.at_once_max) {
      throw new AppError("unavailable", "Cannot answer just now: too many requests are under way", {
        retry_after_s: 1,
      });
    }
    this.#requests++;
    let bytes = 0;
    return {
      addBytes: (more) => {
        if (this.#body_bytes + more > REQUEST.body_bytes_max) {
          throw new AppError("unavailable", "Cannot read the body just now: too much is being read", {
            retry_after_s: 1,
          });
        }
        this.#body_bytes += more;
        bytes += more;
      },
      onBodyLate: (run) => {
        const deadline = this.#deadlines.start(REQUEST.body_ms_max);
        deadline.onPassed(run);
        return () => deadline.cancel();
      },
      end: () => {
        this.#requests--;
        this.#body_bytes -= bytes;
      },
    };
  }
}

/** One request's part of the load. */
export interface RequestLoad {
  /**
   * Counts bytes of its body in.
   * @throws {AppError} `unavailable` beyond what is held in memory at a time.
   */
  addBytes(bytes: number): void;
  /**
   * Calls `run` when its body has taken too long to arrive.
   * @returns What says that it has arrived.
   */
  onBodyLate(run: () => void): () => void;
  end(): void;
}

/**
 * Refuses requests beyond what is taken on at a time.
 *
 * @param load What counts them.
 * @returns Middleware for every route; sets `load`.
 */
export function limitedLoad(load: Load): MiddlewareHandler<Env> {
  return async (context, next) => {
    if (ALWAYS_ANSWERED.has(context.req.path)) return await next();
    const begun = load.begin();
    context.set("load", begun);
    try {
      await next();
    } finally {
      begun.end();
    }
  };
}
