/**
 * The callers of the crash test: several at once, single events and batches, with and without idempotency keys.
 *
 * Owns posting. A caller whose connection breaks knows nothing of its event, as in life; one with an idempotency key asks
 * the next life of the service.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { AcceptedJson, Api } from "../helpers/api.ts";
import type { Ledger, Posted } from "./ledger.ts";
import { numbered, targetsOf } from "./targets.ts";

const CALLERS = 4;
/** One post in so many is a batch. */
const BATCH_EVERY = 6;
const BATCH_EVENTS_MAX = 20;
/** Between two posts of a caller, at most. */
const PAUSE_MS_MAX = 50;
/** Callers wait while so many deliveries are to come, so that the last life of a long run has an end. */
const OUTSTANDING_MAX = 1000;
/** Accepted events that are posted again, in each life of the service, to see that they are known. */
const KNOWN_REPEATED = 5;

interface BatchJson {
  readonly results: readonly (AcceptedJson | { readonly error: { readonly code: string } })[];
}

/** Whether a call failed because the service is gone, and not because a claim did not hold. */
function isGone(error: unknown): boolean {
  return error instanceof TypeError;
}

/** Posts numbered events until it is told to stop or the service is gone. */
export class Callers {
  readonly #ledger: Ledger;
  readonly #random: () => number;
  #number = 0;

  /**
   * @param ledger Where everything is noted.
   * @param random Chance from the seed.
   */
  constructor(ledger: Ledger, random: () => number) {
    this.#ledger = ledger;
    this.#random = random;
  }

  /**
   * Asks again about events whose callers heard nothing, and about some that are known.
   * @returns Whether the service was there to the end.
   */
  async repeat(api: Api): Promise<boolean> {
    const with_key = [...this.#ledger.posted.values()].filter((posted) => posted.idempotency_key !== null);
    const unknown = with_key.filter(({ event_id }) => event_id === null);
    const known = with_key.filter(({ event_id }) => event_id !== null);
    for (let count = 0; count < KNOWN_REPEATED && known.length > 0; count++) {
      unknown.push(...known.splice(Math.floor(this.#random() * known.length), 1));
    }
    try {
      await Promise.all(unknown.map((posted) => this.#postOne(api, posted)));
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  /**
   * Posts until the service is gone.
   * @param isOver Whether nobody needs to go on.
   */
  async post(api: Api, isOver: () => boolean): Promise<void> {
    await Promise.all(Array.from({ length: CALLERS }, async () => {
      while (!isOver()) {
        try {
          if (this.#ledger.outstanding > OUTSTANDING_MAX) await api.call("GET", "/healthz");
          else if (this.#random() * BATCH_EVERY < 1) await this.#postBatch(api);
          else await this.#postOne(api, this.#next());
        } catch (error) {
          if (isGone(error)) return;
          throw error;
        }
        const pause_ms = this.#random() * PAUSE_MS_MAX;
        await new Promise((resolve) => void setTimeout(resolve, pause_ms));
      }
    }));
  }

  #next(): Posted {
    const number = ++this.#number;
    return this.#ledger.post(number, this.#random() < 0.5 ? `crash-${number}` : null);
  }

  async #postOne(api: Api, posted: Posted): Promise<void> {
    const headers: Record<string, string> = posted.idempotency_key === null
      ? {}
      : { "Idempotency-Key": posted.idempotency_key };
    const { status, json, text } = await api.call<AcceptedJson>(
      "POST",
      "/v1/events",
      numbered(posted.number),
      { headers },
    );
    if (status >= 500) return;
    assert(status === 200 || status === 202, `An event was answered with ${status}: ${text}`);
    this.#answered(posted, json);
  }

  async #postBatch(api: Api): Promise<void> {
    const size = 2 + Math.floor(this.#random() * (BATCH_EVENTS_MAX - 1));
    const batch = Array.from({ length: size }, () => this.#next());
    const events = batch.map(({ number, idempotency_key }) => ({
      ...numbered(number),
      ...(idempotency_key === null ? {} : { idempotency_key }),
    }));
    const { status, json, text } = await api.call<BatchJson>("POST", "/v1/events/batch", { events });
    if (status >= 500) return;
    assertEquals(status, 202, text);
    for (const [index, result] of json.results.entries()) {
      const posted = batch[index];
      assert(posted !== undefined);
      if (!("error" in result)) this.#answered(posted, result);
      else assertEquals(result.error.code, "unavailable", text);
    }
  }

  #answered(posted: Posted, { id, queued, duplicate = false }: AcceptedJson): void {
    const { number, event_id } = posted;
    if (queued !== targetsOf(number).length) {
      this.#ledger.faults.push(`event ${number} was queued ${queued} times`);
    }
    if (event_id !== null && (event_id !== id || !duplicate)) {
      this.#ledger.faults.push(`event ${number} was accepted twice under one idempotency key`);
    }
    posted.event_id = id;
  }
}
