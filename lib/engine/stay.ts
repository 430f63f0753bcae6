/**
 * Staying while there is something to do: where a process lives only as long as it is asked something.
 *
 * Owns the end of a tick on Deno Deploy, which stops an idle process within seconds: retries that come due before the next
 * tick would all be a minute late. It must never do the work itself; the engine does, as long as the process is kept.
 *
 * @module
 */
import { TIME } from "../limits.ts";
import type { Clock } from "../ports.ts";
import type { Marker, Store } from "../store.ts";
import type { Engine } from "./engine.ts";

/** What staying needs. */
export interface StayPorts {
  readonly engine: Pick<Engine, "sweep" | "ready" | "busy">;
  readonly store: Pick<Store, "markers" | "look" | "groupLeases">;
  readonly clock: Pick<Clock, "now" | "elapsed" | "after">;
}

/** Between two looks. */
const LOOK_MS = TIME.SECOND_MS / 2;
/** Markers looked behind; where there are more, something will be due. */
const MARKERS = 200;

/**
 * Looks for what is overdue, and returns when nothing is under way or comes due until `most_ms` are over.
 *
 * @param ports What it needs.
 * @param most_ms The longest it stays.
 */
export async function stayWhileDue(ports: StayPorts, most_ms: number): Promise<void> {
  const { engine, clock } = ports;
  const end = clock.elapsed() + most_ms;
  for (;;) {
    await engine.sweep();
    const left_ms = end - clock.elapsed();
    if (left_ms <= 0 || !engine.ready) return;
    if (!engine.busy && !await isDue(ports, clock.now() + left_ms)) return;
    await new Promise<void>((resolve) => void clock.after(Math.min(LOOK_MS, left_ms), resolve));
  }
}

/** Whether something comes due until then, for a lane that is not on hold for longer. */
async function isDue({ store }: StayPorts, until: number): Promise<boolean> {
  const markers: Marker[] = await store.markers(until, MARKERS, null);
  if (markers.length === MARKERS || (await store.groupLeases(until)).length > 0) return true;
  // A marker stays for a while after its work is done, so the lane behind it is asked.
  const webhooks = new Set(markers.map(({ webhook_id }) => webhook_id));
  for (const webhook_id of webhooks) {
    if ((await store.look(webhook_id, until, 1)).due.length > 0) return true;
  }
  return false;
}
