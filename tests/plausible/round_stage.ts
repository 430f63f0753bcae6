/**
 * A watched site in memory, for rounds over the fake Plausible: its state, what was accepted, and crashes at any commit.
 *
 * Owns the promise that storage makes to a round: an event and the state that says so, together or not at all.
 *
 * @module
 */
import { assert } from "@std/assert";
import { type AcceptableEvent, parseEvent } from "../../lib/event.ts";
import { SiteNames } from "../../lib/site_names.ts";
import type { EventPayload } from "../../lib/event_types.ts";
import { createStatsClient } from "../../lib/plausible/client.ts";
import { runRound } from "../../lib/plausible/round.ts";
import type { RoundEnd, RoundPorts, WatchReading } from "../../lib/plausible/round_ports.ts";
import type { WatchChange } from "../../lib/store.ts";
import { newWatchState, type WatchSettings, type WatchState } from "../../lib/watch.ts";
import { type FakePlausible, startFakePlausible } from "../helpers/fake_plausible.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";

/** The site of these rounds. */
export const SITE = "example.com";
/** When they begin. */
export const START = Date.UTC(2026, 0, 10);

/** The process died at this commit. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** Where a commit crashes. */
export type CrashAt = "before" | "after" | null;

/** See the module. */
export interface RoundStage extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly plausible: FakePlausible;
  settings: WatchSettings;
  /** As stored. */
  readonly state: WatchState;
  readonly accepted: readonly AcceptableEvent[];
  readonly payloads: readonly EventPayload[];
  readonly readings: readonly WatchReading[];
  /** Asked at each commit. */
  crash: () => CrashAt;
  /** Above which a reading would be a spike. */
  spike_from: number;
  /** Changes the state as another process would. */
  disturb(change: (state: WatchState) => WatchState): void;
  round(
    signals?: { over?: AbortSignal; stopping?: AbortSignal; ports?: Partial<RoundPorts> },
  ): Promise<RoundEnd>;
}

/** What is watched unless a test says otherwise. */
export const SETTINGS: WatchSettings = {
  visitors: true,
  goals: true,
  custom_events: true,
  errors: true,
  api_key: null,
  interval_s: null,
  updated_at: START,
};

/** Sets a stage with an hour between failing rounds and a minute between others. */
export function setRoundStage(): RoundStage {
  const clock = createManualClock(START);
  const plausible = startFakePlausible({ clock });
  plausible.goals.set(SITE, []);
  const client = createStatsClient({ base_url: plausible.origin, clock, names: new SiteNames() });
  const accepted: AcceptableEvent[] = [];
  const readings: WatchReading[] = [];
  let state = newWatchState(START);
  let version = 1;

  function commit(change: WatchChange, event: AcceptableEvent | null): Promise<string | null> {
    const crash = stage.crash();
    if (crash === "before") throw new Crash();
    if (change.seen !== String(version)) return Promise.resolve(null);
    assert(change.site_id === SITE);
    // As it is read again from storage.
    state = structuredClone(change.watch);
    version++;
    if (event !== null) accepted.push(event);
    if (crash === "after") throw new Crash();
    return Promise.resolve(String(version));
  }

  const stage: RoundStage = {
    clock,
    plausible,
    settings: SETTINGS,
    get state() {
      return state;
    },
    accepted,
    get payloads() {
      return accepted.map(({ payload }) => payload);
    },
    readings,
    crash: () => null,
    spike_from: Infinity,
    disturb(change) {
      state = change(state);
      version++;
    },
    async round({ over, stopping, ports = {} } = {}) {
      const never = new AbortController().signal;
      const claimed = { site_id: SITE, settings: stage.settings, state, versionstamp: String(version) };
      return await runRound(claimed, {
        api: client.site(SITE, "a-key", over ?? never),
        clock,
        takeReading: (_, reading) => Promise.resolve(void readings.push(reading)),
        wouldSpike: (_, current) => Promise.resolve(current >= stage.spike_from),
        // The door refuses what no receiver may see.
        accept: (payload, change) => commit(change, parseEvent(payload, clock.now())),
        move: (change) => commit(change, null),
        reserve: () => Promise.resolve(true),
        health: () => client.health(never),
        ...ports,
      }, {
        over: over ?? never,
        stopping: stopping ?? never,
        waitAfter: (failures) => failures === 0 ? 60_000 : 3_600_000,
      });
    },
    [Symbol.asyncDispose]: () => plausible[Symbol.asyncDispose](),
  };
  return stage;
}

/** The events of one kind, as the names and counts of their windows. */
export function counted(payloads: readonly EventPayload[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { event, data } of payloads) {
    if (event !== "goal_completion" && event !== "custom_event") continue;
    const name = event === "goal_completion" ? data.goal_name : data.event_name;
    const key = `${event} ${name}`;
    sums.set(key, (sums.get(key) ?? 0) + (data.event_count ?? data.visitor_count));
  }
  return sums;
}
