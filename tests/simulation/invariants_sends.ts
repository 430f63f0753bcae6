/**
 * What must hold of every request that goes out: it is explained, once, and its receiver's pace is kept.
 *
 * @module
 */
import { LANE, LEASE, TIME } from "../../lib/limits.ts";
import { type Webhook, webhookStatus } from "../../lib/webhook.ts";
import type { Invariant } from "./invariant.ts";
import { STALE_MS, versionsSince } from "./invariants_stored.ts";
import { inside, nameOf } from "./mirror.ts";
import type { SimProcess } from "./sim_process.ts";
import type { Send, World } from "./world.ts";

/** How long an attempt may be without its record while nothing is wrong. */
const RECORD_MS = 20 * TIME.SECOND_MS;
/** How long something due may wait while nothing keeps it: two sweeps, and the longest pause of a pump. */
const WAIT_MS = 45 * TIME.SECOND_MS;

function described(world: World, { by, event_id, webhook_id, number }: Send): string {
  return `${by.name} sends ${world.short(event_id)} ${world.short(webhook_id)}, attempt ${number},`;
}

/** Whether its webhook was active within the last two seconds. */
function activeSince(world: World, { webhook_id, world_at }: Send): boolean {
  const recent = versionsSince(world, webhook_id, world_at - STALE_MS);
  return recent.some(({ webhook }) => webhookStatus(webhook) === "active");
}

/**
 * Whether a process that was hurt during a send of the same, and lost its lease by that, put what came of it on record since
 * the sender took the delivery up: who sends doesn't look once more.
 */
function recordedMeanwhile(world: World, send: Send): boolean {
  const earlier = world.sends.get(nameOf(send)) ?? [];
  return earlier.some(({ by, world_at, attempt }) =>
    by !== send.by && attempt !== null && attempt.number >= send.number && !by.soundSince(world_at)
  );
}

function sendIsOfSomethingDue(): Invariant {
  return {
    name: "send_is_of_something_due",
    says: "what is sent is pending, or a person wished for it",
    onSend(world, send) {
      const delivery = world.mirror.deliveries.get(nameOf(send));
      if (delivery === undefined) return `${described(world, send)} which was never accepted`;
      if (delivery.status === "pending" || delivery.wishes > 0 || !send.by.soundSince(send.world_at)) {
        return null;
      }
      // Cancelled by a change that this process has not seen yet.
      if (delivery.status === "cancelled" && activeSince(world, send)) return null;
      if (recordedMeanwhile(world, send)) return null;
      return `${described(world, send)} which is ${delivery.status}`;
    },
  };
}

function senderHoldsTheLease(): Invariant {
  return {
    name: "sender_holds_the_lease",
    says: "who sends holds the lease, and for long enough that the send is over before it",
    onSend(world, send) {
      const { by, at, timeout_ms, world_at } = send;
      const delivery = world.mirror.deliveries.get(nameOf(send));
      if (delivery === undefined || !by.soundSince(world_at)) return null;
      if (delivery.status === "cancelled" && activeSince(world, send)) return null;
      if (delivery.lease?.owner !== by.instance) {
        return recordedMeanwhile(world, send) ? null : `${described(world, send)} and does not hold it`;
      }
      const left_ms = (delivery.due_at ?? 0) - at;
      return left_ms >= timeout_ms + LEASE.send_margin_ms
        ? null
        : `${described(world, send)} and holds it for ${left_ms} ms only`;
    },
  };
}

/** Whether something that happened to one of the two explains that both were made. */
function excused(earlier: Send, later: Send): boolean {
  return !earlier.by.soundSince(earlier.world_at) || !later.by.soundSince(earlier.world_at);
}

function noAttemptTwice(): Invariant {
  return {
    name: "no_attempt_twice",
    says:
      "no attempt is sent twice, and none while another is under way, unless a process was hurt between the two",
    onSend(world, send) {
      const earlier = world.sends.get(nameOf(send)) ?? [];
      const twin = earlier.find((each) =>
        (each.number === send.number || world.in_flight.has(each)) && !excused(each, send)
      );
      return twin === undefined ? null : `${described(world, send)} and ${described(world, twin)} before`;
    },
  };
}

function receiverIsActive(): Invariant {
  return {
    name: "receiver_is_active",
    says: "two seconds after a webhook is switched off nothing is sent to it any more",
    onSend(world, send) {
      if (!send.by.soundSince(send.world_at - STALE_MS)) return null;
      return activeSince(world, send) ? null : `${described(world, send)} whose webhook is not active`;
    },
  };
}

function sameSettings(a: Webhook, b: Webhook): boolean {
  return a.url === b.url && a.timeout_ms === b.timeout_ms &&
    a.secrets.map(({ value }) => value).join() === b.secrets.map(({ value }) => value).join();
}

function sendFollowsTheSettings(): Invariant {
  return {
    name: "send_follows_the_settings",
    says: "a request goes to the URL, and is signed with the secrets, of the last two seconds",
    onSign(world: World, process: SimProcess, webhook: Webhook) {
      const since = world.clock.now() - STALE_MS;
      if (!process.soundSince(since)) return null;
      const recent = versionsSince(world, webhook.id, since);
      const fits = recent.some((version) => sameSettings(version.webhook, webhook));
      return fits ? null : `${process.name} sends to ${world.short(webhook.id)} by settings of before`;
    },
  };
}

/** The most that a lane's cap can be, from what came of its sends. */
interface Pace {
  cap: number;
  in_flight: number;
  touched_at: number;
}

function laneWithinItsCap(): Invariant {
  const paces = new Map<string, Pace>();
  const paceOf = ({ by, webhook_id }: Send): Pace =>
    inside(paces, `${by.name} ${webhook_id}`, () => ({ cap: LANE.cap_start, in_flight: 0, touched_at: 0 }));
  return {
    name: "lane_within_its_cap",
    says:
      "a lane sends at most two at a time at first, one more for every quick answer, half for every timeout",
    onSend(world, send) {
      const pace = paceOf(send);
      // An idle lane is forgotten and begins anew.
      const idle = send.world_at - pace.touched_at > TIME.MINUTE_MS || world.jumped_at >= pace.touched_at;
      if (idle) pace.cap = Math.max(pace.cap, LANE.cap_start);
      pace.touched_at = send.world_at;
      pace.in_flight++;
      if (send.wished || pace.in_flight <= pace.cap) return null;
      return `${described(world, send)} as one of ${pace.in_flight}, allowed are ${pace.cap}`;
    },
    onAnswer(world, send) {
      const pace = paceOf(send);
      pace.in_flight--;
      const timed_out = send.result.kind === "error" && send.result.error === "timeout";
      const quick = world.clock.now() - send.world_at < TIME.SECOND_MS;
      if (timed_out) pace.cap = Math.max(Math.floor(pace.cap / 2), 1);
      else if (quick) pace.cap = Math.min(pace.cap + 1, LANE.cap_max);
    },
  };
}

function sendIsRecorded(): Invariant {
  return {
    name: "send_is_recorded",
    says: "what was sent is on record soon after its answer",
    afterStep(world) {
      const now = world.clock.now();
      for (const send of world.owed) {
        if (send.by.state !== "running") continue;
        const since = Math.max(send.answered_at ?? now, send.by.troubled_until);
        if (now - since > RECORD_MS) return `${described(world, send)} and it is not on record`;
      }
      return null;
    },
  };
}

/** Whether every process is awake and has been well for so long. */
function allWell(world: World, for_ms: number): boolean {
  const since = world.clock.now() - for_ms;
  const well = world.processes.every((process) => process.state === "running" && process.soundSince(since));
  return world.processes.length > 0 && well && world.changed_at < since && world.jumped_at < since;
}

function nothingWaitsForNothing(): Invariant {
  return {
    name: "nothing_waits_for_nothing",
    says: "what is due is taken up, unless its lane is on hold or busy",
    afterStep(world) {
      if (!allWell(world, WAIT_MS)) return null;
      const late = world.wall - WAIT_MS;
      const busy = new Set([...world.in_flight].map(({ webhook_id }) => webhook_id));
      for (const { until } of world.mirror.leases.values()) {
        if (until < late && busy.size === 0) return `a group lease ran out ${world.wall - until} ms ago`;
      }
      for (const [webhook_id, dues] of world.mirror.dues) {
        if (busy.has(webhook_id) || (world.held_until.get(webhook_id) ?? -Infinity) > late) continue;
        for (const [event_id, times] of dues) {
          for (const at of times.keys()) {
            if (at >= late) continue;
            return `${world.short(event_id)} ${world.short(webhook_id)} is due since ${world.wall - at} ms`;
          }
        }
      }
      return null;
    },
  };
}

/** The invariants of this module, fresh for one run. */
export function invariantsOfSends(): Invariant[] {
  return [
    sendIsOfSomethingDue(),
    senderHoldsTheLease(),
    noAttemptTwice(),
    receiverIsActive(),
    sendFollowsTheSettings(),
    laneWithinItsCap(),
    sendIsRecorded(),
    nothingWaitsForNothing(),
  ];
}
