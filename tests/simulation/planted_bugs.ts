/**
 * Bugs to plant: each breaks one promise of the product from outside, and one invariant must catch it.
 *
 * Owns the proof that the invariants can fail. Nothing of it is ever part of a run that looks for real faults.
 *
 * @module
 */
import type { Delivery } from "../../lib/delivery.ts";
import type { Directory } from "../../lib/directory.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import { LANE_AT_FIRST } from "../../lib/lane_state.ts";
import { LEASE, TIME } from "../../lib/limits.ts";
import type { SendRequest, SendResult } from "../../lib/ports.ts";
import { changed } from "./changed.ts";
import type { Weather } from "./operations.ts";
import type { Breakage, Post } from "./sim_process.ts";

/** A bug. */
export interface PlantedBug {
  readonly name: string;
  readonly breakage: Breakage;
  /** The name of the invariant that must catch it, whatever others may see. */
  readonly caught_by: string;
  /** Where it shows soonest. */
  readonly weather?: Weather;
  /** How long a run must be for it to show, if longer than usual. */
  readonly steps?: number;
}

type Next = (delivery: Delivery) => Delivery | null;

/** A store whose moves end elsewhere. */
function moving(change: (before: Delivery, after: Delivery) => Delivery | null): Breakage {
  const elsewhere = (next: Next): Next => (before) => {
    const after = next(before);
    return after === null ? null : change(before, after);
  };
  return {
    store: (store) =>
      changed(store, {
        move: (known, next, pause) => store.move(known, elsewhere(next), pause),
        moveAudited: (known, next, note) => store.moveAudited(known, elsewhere(next), note),
      }),
  };
}

/** A process that never learns that a webhook was changed. */
const BLIND: Breakage = {
  directory(directory: Directory) {
    directory.invalidate = () => {};
    return directory;
  },
};

/** A process that sends what it accepts at once, whatever its lane says. */
const HASTY: Breakage = {
  accepting: (ports) => ({
    ...ports,
    engine: {
      reserve: ports.engine.reserve.bind(ports.engine),
      unreserve: ports.engine.unreserve.bind(ports.engine),
      hand(accepted, body) {
        ports.engine.unreserve(accepted.map(({ reservation }) => reservation));
        for (const { known } of accepted) {
          void ports.directory.webhooksOf(known.value.site_id).then((webhooks) => {
            const webhook = webhooks.find(({ id }) => id === known.value.webhook_id);
            // The port names a part of the engine, and all of it is there.
            const engine = ports.engine as Engine;
            const value = { ...known.value, due_at: ports.clock.now() + LEASE.longest_ms };
            if (webhook !== undefined) void engine.sendNow({ ...known, value }, webhook, { body });
          });
        }
      },
    },
  }),
};

const OK: SendResult = { kind: "answer", status_code: 200, retry_after: null, snippet: new Uint8Array(0) };

function sending(change: (post: Post) => Post): Breakage {
  return { sender: change };
}

/** The bugs. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "an event is accepted before it is stored",
    breakage: {
      accepting: (ports) => ({
        ...ports,
        store: changed(ports.store, {
          acceptWith: () => Promise.resolve("00000000000000010000"),
        }),
      }),
    },
    caught_by: "accepted_is_kept",
  },
  {
    name: "idempotency keys are forgotten",
    breakage: {
      accepting: (ports) => ({
        ...ports,
        store: changed(ports.store, {
          idempotency: () => Promise.resolve(null),
          acceptWith: (change, acceptances) =>
            ports.store.acceptWith(change, acceptances.map((one) => ({ ...one, idempotency: null }))),
        }),
      }),
    },
    caught_by: "one_event_a_key",
  },
  {
    name: "a retry loses its due entry",
    breakage: moving((_, after) =>
      after.status === "pending" && after.lease === null ? { ...after, due_at: null } : after
    ),
    caught_by: "one_due_entry",
  },
  {
    name: "a retry is due at once",
    breakage: moving((before, after) =>
      after.failures > before.failures && after.due_at !== null
        ? { ...after, due_at: before.created_at }
        : after
    ),
    caught_by: "retry_keeps_its_distance",
  },
  {
    name: "failures are not counted",
    breakage: moving((_, after) => ({ ...after, failures: 0 })),
    caught_by: "attempts_within_allowed",
    weather: "lasting",
    steps: 80,
  },
  {
    name: "a delivered event is pending again",
    breakage: moving((before, after) =>
      before.status === "delivered" && after.due_at !== null ? { ...after, status: "pending" } : after
    ),
    caught_by: "terminal_stays",
  },
  {
    name: "a failure ends a delivery before its retries are used",
    breakage: moving((before, after) =>
      before.status === "pending" && after.attempts.at(-1)?.outcome === "retry"
        ? { ...after, status: "exhausted", due_at: null, lease: null }
        : after
    ),
    caught_by: "ended_for_a_reason",
  },
  {
    name: "every wish is granted twice",
    breakage: moving((before, after) =>
      after.wishes > before.wishes ? { ...after, wishes: after.wishes + 1 } : after
    ),
    caught_by: "wish_was_asked",
    weather: "calm",
  },
  {
    name: "a claim is not written",
    breakage: {
      store: (store, { instance }) =>
        changed(store, {
          move(known, next: Next, ...rest) {
            const after = next(known.value);
            const claims = after?.lease?.owner === instance && known.value.lease?.owner !== instance;
            return claims && after !== null
              ? Promise.resolve({ ...known, value: after })
              : store.move(known, next, ...rest);
          },
        }),
    },
    caught_by: "sender_holds_the_lease",
  },
  {
    name: "what is due later is claimed now",
    breakage: {
      store: (store) =>
        changed(store, {
          look: (webhook_id, until, most) => store.look(webhook_id, until + TIME.HOUR_MS, most),
        }),
    },
    caught_by: "claimed_when_due",
    weather: "calm",
  },
  {
    name: "the living are taken for dead",
    breakage: {
      store: (store) =>
        changed(store, {
          async instances() {
            return (await store.instances()).map((beat) => ({ ...beat, versionstamp: "never changes" }));
          },
        }),
    },
    caught_by: "lease_has_one_owner",
    weather: "calm",
  },
  {
    name: "the dead stay known",
    breakage: { store: (store) => changed(store, { forgetInstance: () => Promise.resolve() }) },
    caught_by: "the_dead_are_forgotten",
    weather: "rough",
  },
  {
    name: "the marker of a held lane is moved too far",
    breakage: {
      store: (store) =>
        changed(store, { moveMarker: (marker, to) => store.moveMarker(marker, to + TIME.HOUR_MS) }),
    },
    caught_by: "marker_in_time",
  },
  {
    name: "a lane is taken for empty",
    breakage: { store: (store) => changed(store, { look: () => Promise.resolve({ due: [], next: null }) }) },
    caught_by: "marker_in_time",
  },
  {
    name: "nothing that is due is found",
    breakage: { store: (store) => changed(store, { markers: () => Promise.resolve([]) }) },
    caught_by: "nothing_waits_for_nothing",
  },
  {
    name: "nothing that is due is found, as it shows in the end",
    breakage: { store: (store) => changed(store, { markers: () => Promise.resolve([]) }) },
    caught_by: "everything_ends",
  },
  {
    name: "an attempt is not recorded",
    breakage: {
      store: (store) =>
        changed(store, {
          move(known, next: Next, ...rest) {
            const after = next(known.value);
            const records = after !== null && after.attempts_total > known.value.attempts_total;
            return records ? Promise.resolve(null) : store.move(known, next, ...rest);
          },
        }),
    },
    caught_by: "send_is_recorded",
    weather: "calm",
  },
  {
    name: "every request goes out twice",
    breakage: sending((post) => (request) => {
      void post(request);
      return post(request);
    }),
    caught_by: "no_attempt_twice",
    weather: "calm",
  },
  {
    name: "the request before goes out again",
    breakage: sending((post) => {
      let before: SendRequest | null = null;
      return (request) => {
        if (before !== null) void post(before);
        before = request;
        return post(request);
      };
    }),
    caught_by: "send_is_of_something_due",
  },
  {
    name: "every answer is taken for a success",
    breakage: sending((post) => async (request) => {
      await post(request);
      return OK;
    }),
    caught_by: "record_tells_of_a_send",
  },
  {
    name: "an answer is taken before it comes",
    breakage: sending((post) => (request) => {
      void post(request);
      return Promise.resolve(OK);
    }),
    caught_by: "record_tells_of_a_send",
  },
  {
    name: "caps are passed",
    breakage: HASTY,
    caught_by: "lane_within_its_cap",
  },
  {
    name: "open breakers are passed",
    breakage: HASTY,
    caught_by: "one_probe",
  },
  {
    name: "receivers in trouble are taken for choosy ones",
    breakage: sending((post) => async (request) => {
      const result = await post(request);
      return result.kind === "answer" && result.status_code >= 429
        ? { ...result, status_code: 400, retry_after: null }
        : result;
    }),
    caught_by: "quiet_is_kept",
  },
  {
    name: "webhooks are read once, and sent to although they are off",
    breakage: BLIND,
    caught_by: "receiver_is_active",
  },
  {
    name: "webhooks are read once, and sent to by old settings",
    breakage: BLIND,
    caught_by: "send_follows_the_settings",
  },
  {
    name: "webhooks are read once, and events are decided by that",
    breakage: BLIND,
    caught_by: "decided_by_what_is",
  },
  {
    name: "memory is never given back",
    breakage: {
      accepting: (ports) => ({
        ...ports,
        engine: {
          reserve: async (webhooks, bytes) => {
            await ports.engine.reserve(webhooks, bytes);
            return await ports.engine.reserve(webhooks, bytes);
          },
          unreserve: ports.engine.unreserve.bind(ports.engine),
          hand: ports.engine.hand.bind(ports.engine),
        },
      }),
    },
    caught_by: "nothing_is_held",
  },
  {
    name: "what lanes must not forget is not stored",
    breakage: {
      store: (store) => changed(store, { laneState: () => Promise.resolve(LANE_AT_FIRST) }),
    },
    caught_by: "quiet_outlives_a_process",
  },
  {
    name: "a rate is read as a hundred times as much",
    breakage: {
      directory(directory: Directory) {
        const webhooksOf = directory.webhooksOf.bind(directory);
        const webhook = directory.webhook.bind(directory);
        directory.webhooksOf = async (site_id) =>
          (await webhooksOf(site_id)).map((one) => ({ ...one, rate_limit_per_minute: null }));
        directory.webhook = async (site_id, webhook_id) => {
          const found = await webhook(site_id, webhook_id);
          return found === null ? null : { ...found, rate_limit_per_minute: null };
        };
        return directory;
      },
    },
    caught_by: "rate_is_kept",
  },
  {
    name: "a pause is told to nobody",
    breakage: {
      store: (store) =>
        changed(store, {
          move: (known, next, pause) =>
            store.move(known, next, pause === undefined ? undefined : { ...pause, notice: null }),
        }),
    },
    caught_by: "pause_is_told",
  },
  {
    name: "a webhook is paused by its first failure",
    breakage: {
      store: (store) =>
        changed(store, {
          move(known, next: Next, pause) {
            const failed = next(known.value)?.attempts.at(-1)?.outcome === "retry";
            const given = failed
              ? { reason: "failing", at: known.value.due_at ?? 0, notice: null } as const
              : pause;
            return store.move(known, next, given);
          },
        }),
    },
    caught_by: "paused_when_due",
  },
  {
    name: "a failing webhook is never paused",
    breakage: {
      store: (store) =>
        changed(store, {
          move: (known, next, pause) =>
            store.move(known, next, pause?.reason === "failing" ? undefined : pause),
        }),
    },
    caught_by: "paused_when_due",
    weather: "lasting",
    steps: 80,
  },
];
