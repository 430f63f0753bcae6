/**
 * What a round takes from and gives to the rest of Tidings.
 *
 * @module
 */
import type { EventPayload } from "../event_types.ts";
import type { Clock } from "../ports.ts";
import type { WatchChange } from "../store.ts";
import type { WatchSettings, WatchState } from "../watch.ts";
import type { Asked, SiteStats, StatsError } from "./client.ts";

/** A reading, as a round takes it. */
export interface WatchReading {
  readonly at: number;
  readonly current_visitors: number;
  readonly visitors_12h: number;
  readonly top_sources?: readonly { readonly source: string; readonly visitors: number }[];
  readonly top_pages?: readonly { readonly page: string; readonly visitors: number }[];
}

/** What a round needs. */
export interface RoundPorts {
  readonly api: SiteStats;
  readonly clock: Pick<Clock, "now">;
  takeReading(site_id: string, reading: WatchReading): Promise<void>;
  /** Whether a reading with so many visitors would be told as a spike, so that it is worth asking where they came from. */
  wouldSpike(site_id: string, current_visitors: number, at: number): Promise<boolean>;
  /** @returns The versionstamp of the state, or null if someone else changed it: then nothing is accepted. */
  accept(payload: EventPayload, change: WatchChange): Promise<string | null>;
  /** @returns As {@linkcode RoundPorts.accept}. */
  move(change: WatchChange): Promise<string | null>;
  /** Takes requests beyond those that every round makes; false if there is no room for them. */
  reserve(requests: number): Promise<boolean>;
  /** Which parts of Plausible are not well. */
  health(): Promise<Asked<{ readonly failing: readonly string[] }>>;
}

/** A site whose round this process has taken. */
export interface ClaimedWatch {
  readonly site_id: string;
  readonly settings: WatchSettings;
  readonly state: WatchState;
  readonly versionstamp: string;
}

/** What may end a round, and when the next one is. */
export interface RoundBounds {
  /** Aborted when the round takes too long, or the process stops. */
  readonly over: AbortSignal;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
  /** How long until the next round after so many failures in a row; 0: after none. */
  waitAfter(failures: number): number;
}

/** How a round ended. */
export type RoundEnd =
  | { readonly kind: "done"; readonly error: StatsError | null; readonly left_out_ms: number }
  /** Somebody else changed the watch: settings, deletion, another process. */
  | { readonly kind: "lost" };
