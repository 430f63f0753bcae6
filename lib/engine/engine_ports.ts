/**
 * What the engine needs of the world, and what it promises to those who hand it work.
 *
 * @module
 */
import type { DeliverPorts } from "../deliver.ts";
import type { Directory } from "../directory.ts";
import type { AttemptCounter } from "../metrics.ts";
import type { Alarm, Clock, Ids, Log } from "../ports.ts";
import type { AgendaStore, EventStore, WebhookStore } from "../store.ts";
import type { Tracing } from "../tracing.ts";
import type { Lane } from "./lane.ts";

/** The part of storage that the engine uses. */
export type EngineStore =
  & AgendaStore
  & Pick<EventStore, "move" | "deliveries" | "event">
  & Pick<WebhookStore, "webhook" | "laneState" | "writeLaneState">;

/** What the engine needs of the world. */
export interface EnginePorts extends Omit<DeliverPorts, "directory" | "clock"> {
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly alarm: Alarm;
  readonly log: Log;
  readonly ids: Pick<Ids, "ulid">;
  readonly stats: AttemptCounter;
  /** Null or left out where nobody traces. */
  readonly tracing?: Tracing | null;
  /** This process's id, new at every start. */
  readonly instance: string;
}

/** Room kept for a delivery that is about to be committed, or where it belongs without. */
export type Reservation =
  | { readonly kept: true; readonly lane: Lane; readonly bytes: number; readonly lease_until: number }
  | { readonly kept: false; readonly due_at: number; readonly marker_at: number | null };
