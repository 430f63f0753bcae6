/**
 * What callers were told and what receivers got, noted as it happens, over all the lives of the service.
 *
 * Owns the notes. It must never judge them: that is `verdict.ts`, when it is over.
 *
 * @module
 */

import { targetsOf } from "./targets.ts";

/** What the caller of an event knows: it was accepted, or nobody told. */
export interface Posted {
  readonly number: number;
  readonly idempotency_key: string | null;
  /** In which life of the service it was posted first. */
  readonly round: number;
  /** The id it was answered with; null: the connection broke, or the answer was 5xx. */
  event_id: string | null;
}

/** One request to a receiver. */
export interface Arrival {
  readonly target: string;
  readonly number: number;
  readonly event_id: string;
  readonly round: number;
  readonly at_ms: number;
  /** What it is answered with, sooner or later. */
  readonly status: number;
  /** When it was; null: not yet. */
  answered_ms: number | null;
}

/** How one life of the service went. */
export interface Round {
  readonly round: number;
  readonly signal: "SIGKILL" | "SIGTERM" | null;
  readonly spawned_ms: number;
  listening_ms: number | null;
  signalled_ms: number | null;
}

/** See the module. */
export class Ledger {
  readonly posted = new Map<number, Posted>();
  readonly rounds: Round[] = [];
  /** What was seen to be wrong at once, in words. */
  readonly faults: string[] = [];
  readonly #arrivals = new Map<string, Map<number, Arrival[]>>();
  readonly #first_of_round: Arrival[] = [];
  #arrived = 0;
  #wanted = 0;

  /** How many requests receivers got. */
  get arrived_total(): number {
    return this.#arrived;
  }

  /** How many deliveries may still be to come. */
  get outstanding(): number {
    return this.#wanted - this.#arrived;
  }

  /** A new life of the service begins: what arrives from now on is its doing. */
  begin(signal: Round["signal"]): Round {
    const round: Round = {
      round: this.rounds.length,
      signal,
      spawned_ms: performance.now(),
      listening_ms: null,
      signalled_ms: null,
    };
    this.rounds.push(round);
    return round;
  }

  /** An event is about to be posted. */
  post(number: number, idempotency_key: string | null): Posted {
    const posted: Posted = { number, idempotency_key, round: this.rounds.length - 1, event_id: null };
    this.posted.set(number, posted);
    this.#wanted += targetsOf(number).length;
    return posted;
  }

  /**
   * A request arrived.
   * @returns To be called when it is answered.
   */
  arrived(what: Pick<Arrival, "target" | "number" | "event_id" | "status">): () => void {
    const round = this.rounds.length - 1;
    const arrival: Arrival = { ...what, round, at_ms: performance.now(), answered_ms: null };
    const of_target = this.#arrivals.get(what.target) ?? new Map<number, Arrival[]>();
    this.#arrivals.set(what.target, of_target);
    of_target.set(what.number, [...of_target.get(what.number) ?? [], arrival]);
    this.#first_of_round[round] ??= arrival;
    this.#arrived++;
    return () => {
      arrival.answered_ms = performance.now();
    };
  }

  /** The requests with one event to one receiver, in order. */
  arrivalsOf(target: string, number: number): readonly Arrival[] {
    return this.#arrivals.get(target)?.get(number) ?? [];
  }

  /** Every request. */
  *allArrivals(): Generator<Arrival> {
    for (const of_target of this.#arrivals.values()) for (const some of of_target.values()) yield* some;
  }

  /** The first request of a life of the service. */
  firstArrival(round: number): Arrival | null {
    return this.#first_of_round[round] ?? null;
  }
}
