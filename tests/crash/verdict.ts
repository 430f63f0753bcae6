/**
 * What became of everything: whether a promise was broken, and what the kills cost.
 *
 * Owns the judgement, as a pure function of what callers were told, what receivers got and what the service has on
 * record.
 *
 * @module
 */
import type { DeliveryJson } from "../helpers/api.ts";
import { LANE } from "../../lib/limits.ts";
import type { Arrival, Ledger, Round } from "./ledger.ts";
import { TARGETS, targetsOf } from "./targets.ts";

/**
 * How long after its answer a request may still count as under way: its record is being committed. The engine starts no
 * send while commits have failed for this long.
 */
const RECORDED_WITHIN_MS = 1000;

/** What one life of the service brought. */
export interface RoundReport {
  readonly round: number;
  readonly signal: string;
  /** From its start until it listened, and until its first request reached a receiver. */
  readonly listening_ms: number | null;
  readonly first_delivery_ms: number | null;
  /** From its start until it was told to end. */
  readonly lived_ms: number | null;
  readonly posted: number;
  readonly accepted: number;
  readonly deliveries: number;
  /** Requests that receivers had not answered when it was told to end. */
  readonly in_flight: number;
  /** Requests of this life that a later one made again although the receiver had taken them. */
  readonly duplicates: number;
}

/** What became of everything. */
export interface Verdict {
  /** What was wrong, in words; empty: every promise was kept. */
  readonly faults: readonly string[];
  readonly rounds: readonly RoundReport[];
}

/** A delivery on record: as the API shows it, with the name of its webhook's receiver. */
export type Recorded = Pick<DeliveryJson, "event_id" | "status" | "attempts" | "attempts_total"> & {
  readonly target: string;
};

/**
 * Judges a run that is over.
 *
 * @param ledger What callers and receivers noted.
 * @param history Every delivery on record.
 * @returns The verdict.
 */
export function judgeRun(ledger: Ledger, history: readonly Recorded[]): Verdict {
  const faults = [...ledger.faults];
  const duplicates = new Map<number, number>();
  for (const { number, event_id } of ledger.posted.values()) {
    faults.push(...deliveryFaults(ledger, number, event_id));
    for (const { name } of TARGETS) {
      const arrivals = ledger.arrivalsOf(name, number);
      for (const [index, arrival] of arrivals.entries()) {
        const again = arrivals[index + 1];
        if (again === undefined || arrival.status !== 200) continue;
        duplicates.set(arrival.round, (duplicates.get(arrival.round) ?? 0) + 1);
        const why = unexcused(arrival, again, ledger.rounds[arrival.round]);
        if (why !== null) faults.push(`event ${number} was sent to ${name} again ${why}`);
      }
    }
  }
  faults.push(...historyFaults(ledger, history));
  const rounds = reportRounds(ledger, duplicates);
  for (const { round, in_flight } of rounds) {
    if (in_flight > LANE.cap_max * TARGETS.length) {
      faults.push(`round ${round} had ${in_flight} sends in flight`);
    }
  }
  return { faults, rounds };
}

/** Whether an event reached all who must get it, or, where its caller heard nothing, maybe none. */
function deliveryFaults(ledger: Ledger, number: number, event_id: string | null): string[] {
  const faults: string[] = [];
  const wanted = targetsOf(number).map(({ name }) => name);
  const got = TARGETS.map(({ name }) => name).filter((name) =>
    ledger.arrivalsOf(name, number).some(({ status }) => status === 200)
  );
  const missing = wanted.filter((name) => !got.includes(name));
  if (event_id !== null && missing.length > 0) {
    faults.push(`event ${number} was accepted and never reached ${missing}`);
  }
  if (event_id === null && missing.length > 0 && got.length > 0) {
    faults.push(`half of event ${number} is there: ${got}, not ${missing}`);
  }
  for (const name of got) if (!wanted.includes(name)) faults.push(`event ${number} reached ${name} unasked`);
  const ids = new Set(
    got.flatMap((name) => ledger.arrivalsOf(name, number).map((arrival) => arrival.event_id)),
  );
  if (event_id !== null) ids.add(event_id);
  if (ids.size > 1) faults.push(`event ${number} has ${ids.size} ids`);
  return faults;
}

/** Why a request must not have been made again, or null if a kill excuses it. */
function unexcused(first: Arrival, again: Arrival, round: Round | undefined): string | null {
  if (first.round === again.round) return `by the same process, in round ${first.round}`;
  if (round?.signal !== "SIGKILL" || round.signalled_ms === null) {
    return `after the clean end of round ${first.round}`;
  }
  const over_ms = round.signalled_ms - (first.answered_ms ?? Infinity);
  if (over_ms > RECORDED_WITHIN_MS) {
    return `although it was answered ${Math.round(over_ms)} ms before the kill`;
  }
  return null;
}

/** Whether the service has on record what happened, and nothing is left to do. */
function historyFaults(ledger: Ledger, history: readonly Recorded[]): string[] {
  const faults: string[] = [];
  const numbers = new Map([...ledger.allArrivals()].map(({ event_id, number }) => [event_id, number]));
  const recorded = new Map<string, Set<string>>();
  for (const { event_id, target, status, attempts } of history) {
    const number = numbers.get(event_id);
    recorded.set(event_id, (recorded.get(event_id) ?? new Set()).add(target));
    if (number === undefined) {
      faults.push(`${event_id} is on record as ${status} and reached nobody`);
      continue;
    }
    if (status !== "delivered") faults.push(`event ${number} to ${target} is ${status}`);
    const made = ledger.arrivalsOf(target, number).length;
    const answered = attempts.filter(({ status_code }) => status_code !== null).length;
    const interrupted = attempts.filter(({ error }) => error === "interrupted").length;
    if (answered > made || made - answered > interrupted) {
      faults.push(
        `event ${number} reached ${target} ${made} times; on record are ${answered} and ${interrupted} interrupted`,
      );
    }
  }
  for (const [event_id, targets] of recorded) {
    const number = numbers.get(event_id);
    if (number !== undefined && targets.size !== targetsOf(number).length) {
      faults.push(`event ${number} has ${targets.size} deliveries on record`);
    }
  }
  for (const { number, event_id } of ledger.posted.values()) {
    if (event_id !== null && !recorded.has(event_id)) faults.push(`event ${number} is not on record`);
  }
  return faults;
}

function reportRounds(ledger: Ledger, duplicates: ReadonlyMap<number, number>): RoundReport[] {
  const arrivals = Map.groupBy(ledger.allArrivals(), ({ round }) => round);
  const posted = Map.groupBy(ledger.posted.values(), ({ round }) => round);
  return ledger.rounds.map(({ round, signal, spawned_ms, listening_ms, signalled_ms }) => {
    const since = (at_ms: number | null | undefined): number | null =>
      at_ms === null || at_ms === undefined ? null : Math.round(at_ms - spawned_ms);
    const of_round = arrivals.get(round) ?? [];
    const unanswered = of_round.filter(({ answered_ms }) =>
      signalled_ms !== null && (answered_ms === null || answered_ms > signalled_ms)
    );
    return {
      round,
      signal: signal ?? "-",
      listening_ms: since(listening_ms),
      first_delivery_ms: since(ledger.firstArrival(round)?.at_ms),
      lived_ms: since(signalled_ms),
      posted: posted.get(round)?.length ?? 0,
      accepted: (posted.get(round) ?? []).filter(({ event_id }) => event_id !== null).length,
      deliveries: of_round.length,
      in_flight: unanswered.length,
      duplicates: duplicates.get(round) ?? 0,
    };
  });
}
