/**
 * What stands for the engine where none runs: outside the service nothing is sent, so all work is left to the services
 * beside it.
 *
 * Owns the promise that they hear of it: what is accepted here is due at once, and they are rung.
 *
 * @module
 */
import type { AcceptPorts } from "../lib/accept.ts";
import type { Clock } from "../lib/ports.ts";
import type { Store } from "../lib/store.ts";
import type { WebhookPorts } from "../lib/webhooks.ts";

/**
 * Makes the stand-in.
 *
 * @param ports Where to ring, and the time.
 * @returns What accepting an event and showing a webhook ask of the engine.
 */
export function createOutsideEngine(
  { store, clock }: { store: Pick<Store, "ring">; clock: Pick<Clock, "now"> },
): AcceptPorts["engine"] & WebhookPorts["engine"] {
  return {
    reserve: (webhooks) =>
      Promise.resolve(webhooks.map(() => ({ kept: false, due_at: clock.now(), marker_at: null }))),
    unreserve() {},
    hand(accepted) {
      // Should the ring fail, the event is stored all the same, and every service looks for what is due by itself.
      if (accepted.length > 0) store.ring().catch(() => {});
    },
    // A lane is the service's: a webhook's health is read as it was last written, at most a second ago.
    laneState: () => null,
  };
}
