/**
 * The watcher put together.
 *
 * Owns what rounds of watched sites are made of: the client, what that Plausible allows, the way in for what they find.
 *
 * @module
 */
import type { AcceptPorts } from "../accept.ts";
import type { PlausibleTarget } from "../plausible_target.ts";
import { acceptWatched, takeWatchedReading, wouldSpike } from "../watched.ts";
import { limitsOf } from "./budget.ts";
import { createStatsClient } from "./client.ts";
import { Watcher, type WatcherPorts } from "./watcher.ts";

/** What watching needs of the service. */
export interface WatchingParts extends Pick<WatcherPorts, "store" | "clock" | "log" | "instance"> {
  readonly config: { readonly plausible: PlausibleTarget | null };
}

/**
 * Makes the watcher.
 *
 * @param accept Where what it finds is accepted.
 * @param parts What it needs.
 * @returns What makes the rounds of watched sites; null if there is no Plausible to watch.
 */
export function createWatcher(
  accept: AcceptPorts,
  { config: { plausible }, store, clock, log, instance }: WatchingParts,
): Watcher | null {
  if (plausible === null) return null;
  return new Watcher({
    store,
    client: createStatsClient({ base_url: plausible.url, clock, names: accept.directory.names }),
    clock,
    log,
    instance,
    limits: limitsOf(plausible.url),
    api_key: plausible.api_key,
    interval_s: plausible.interval_s,
    takeReading: (site_id, reading) => takeWatchedReading(site_id, reading, accept),
    wouldSpike: (site_id, current_visitors, at) => wouldSpike(site_id, { current_visitors, at }, accept),
    accept: (payload, change) => acceptWatched(payload, change, accept),
  });
}
