/**
 * Watchers of several sites over the fake Plausible, on a real store: of one process or of several.
 *
 * Owns the wiring that `service.ts` does for a service, without its engine: an event is accepted with its watch, and
 * nobody is told.
 *
 * @module
 */
import { parseEvent } from "../../lib/event.ts";
import { SiteNames } from "../../lib/site_names.ts";
import type { EventPayload } from "../../lib/event_types.ts";
import { limitsOf } from "../../lib/plausible/budget.ts";
import { createStatsClient } from "../../lib/plausible/client.ts";
import { Watcher, type WatcherPorts } from "../../lib/plausible/watcher.ts";
import type { Store } from "../../lib/store.ts";
import { newWatchState, type WatchSettings } from "../../lib/watch.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { type FakePlausible, startFakePlausible } from "../helpers/fake_plausible.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";
import { type Logged, recordingLog } from "../helpers/recording_log.ts";
import { sampleAcceptance, sampleEvent } from "../helpers/sample.ts";
import { storeOver } from "../kv/store_contract.ts";
import { SETTINGS, START } from "./round_stage.ts";

/** See the module. */
export interface WatcherStage extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly plausible: FakePlausible;
  readonly store: Store;
  readonly logged: readonly Logged[];
  readonly payloads: readonly EventPayload[];
  /** Sites of which readings were taken, in order. */
  readonly readings: readonly string[];
  /** A watcher of another process. `hosted` gives it the limits of plausible.io. */
  watcher(options?: { hosted?: boolean; ports?: Partial<WatcherPorts> }): Promise<Watcher>;
  watch(site_id: string, settings?: Partial<WatchSettings>): Promise<void>;
}

/** Sets a stage without sites. */
export async function setWatcherStage(): Promise<WatcherStage> {
  const clock = createManualClock(START);
  const plausible = startFakePlausible({ clock });
  const db = new FakeKv({ clock });
  const store = await storeOver(db, clock);
  const logged: Logged[] = [];
  const payloads: EventPayload[] = [];
  const readings: string[] = [];
  const watchers: Watcher[] = [];
  let made = 0;

  return {
    clock,
    plausible,
    store,
    logged,
    payloads,
    readings,
    async watcher({ hosted = false, ports = {} } = {}) {
      const own = await storeOver(db, clock);
      const watcher = new Watcher({
        store: own,
        client: createStatsClient({ base_url: plausible.origin, clock, names: new SiteNames() }),
        clock,
        log: recordingLog(logged),
        instance: `instance-${watchers.length}`,
        limits: limitsOf(hosted ? "https://plausible.io" : plausible.origin),
        api_key: "the-key",
        interval_s: hosted ? 300 : 60,
        takeReading: (site_id) => Promise.resolve(void readings.push(site_id)),
        wouldSpike: () => Promise.resolve(false),
        async accept(payload, change) {
          const { body } = parseEvent(payload, clock.now());
          const event = sampleEvent(++made, { site_id: payload.site_id, event: payload.event, body });
          const stamp = await own.acceptWith(change, [sampleAcceptance(event, [])]);
          if (stamp !== null) payloads.push(payload);
          return stamp;
        },
        ...ports,
      });
      watchers.push(watcher);
      return watcher;
    },
    async watch(site_id, settings = {}) {
      if (!plausible.goals.has(site_id)) plausible.goals.set(site_id, [{ name: "Signup", event: "Signup" }]);
      await store.setWatch(site_id, () => ({
        settings: { ...SETTINGS, ...settings },
        state: newWatchState(clock.now()),
        note: { actor: "cli", action: "watch.set", site_id, subject: site_id, changes: [] },
      }));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(watchers.map((watcher) => watcher.stop()));
      await plausible[Symbol.asyncDispose]();
    },
  };
}
