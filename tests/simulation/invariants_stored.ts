/**
 * What must hold of what is stored, after every single commit.
 *
 * @module
 */
import { slotOf } from "../../kv/keys.ts";
import { INPUT, TIME } from "../../lib/limits.ts";
import type { StoredEvent } from "../../lib/store.ts";
import { webhookStatus } from "../../lib/webhook.ts";
import type { Commit, Invariant } from "./invariant.ts";
import { inside, nameOf } from "./mirror.ts";
import type { WebhookVersion, World } from "./world.ts";

/** A change made by another process shows within so long. */
export const STALE_MS = 2 * TIME.SECOND_MS;

/** An idempotency key is certain to be kept for so long, whatever the clocks of two processes say. */
const KEPT_MS = INPUT.idempotency_key_ms - TIME.MINUTE_MS;

/**
 * The versions of a webhook that a process may take for the current one.
 *
 * @param world The world.
 * @param webhook_id Which.
 * @param since Current at some time since then, by the world's time.
 * @returns The versions, oldest first.
 */
export function versionsSince(world: World, webhook_id: string, since: number): WebhookVersion[] {
  const versions = world.versions.get(webhook_id) ?? [];
  return versions.filter((_, index) => (versions[index + 1]?.from ?? Infinity) >= since);
}

function keptAfter(world: World, { changes }: Commit): string | null {
  const lost = changes.deliveries.find(({ after }) => after === null)?.before;
  return lost === undefined || lost === null ? null : `${world.short(lost.event_id)} was removed`;
}

function isKept(world: World, event_id: string, queued: number): string | null {
  const event = world.mirror.events.get(event_id);
  const told = event?.decisions.filter(({ reason }) => reason === null) ?? [];
  const kept = told.filter(({ webhook_id }) => world.mirror.deliveries.has(nameOf({ event_id, webhook_id })));
  if (event !== undefined && told.length === queued && kept.length === queued) return null;
  return `${world.short(event_id)} was accepted for ${queued} webhooks, stored are ${kept.length} deliveries`;
}

/** Nothing that was accepted is lost. */
function acceptedIsKept(): Invariant {
  return {
    name: "accepted_is_kept",
    says: "what a caller was told is accepted is stored, with a delivery for every webhook, and stays",
    onCommit: keptAfter,
    onPromise: isKept,
    atEnd(world) {
      for (const { event_id, queued } of world.promises) {
        const wrong = isKept(world, event_id, queued);
        if (wrong !== null) return wrong;
      }
      return null;
    },
  };
}

function oneDueEntry(): Invariant {
  return {
    name: "one_due_entry",
    says:
      "what has something to do has exactly one due entry, at its time and of its owner, or a group lease from the beginning; nothing else has one",
    onCommit(world, { changes }) {
      const { dues, deliveries } = world.mirror;
      for (const name of changes.unnamed) {
        const delivery = deliveries.get(name);
        if (delivery === undefined || !world.mirror.isHeldFirst(delivery)) continue;
        const [event_id = "", webhook_id = ""] = name.split(" ");
        if (world.mirror.leaseOf(name) !== null) continue;
        return `${world.short(event_id)} ${
          world.short(webhook_id)
        } has no record, and its group lease is gone`;
      }
      for (const { after } of changes.deliveries) {
        if (after === null) continue;
        const times = dues.get(after.webhook_id)?.get(after.event_id);
        const what = `${world.short(after.event_id)} ${world.short(after.webhook_id)}`;
        if (after.status === "pending" && after.due_at === null) return `${what} is pending and never due`;
        if (world.mirror.isHeldFirst(after)) {
          const lease = world.mirror.leaseOf(nameOf(after));
          if (lease?.owner === after.lease?.owner && (lease?.until ?? 0) >= (after.due_at ?? 0)) continue;
          return `${what} is in no group lease that lasts as long`;
        }
        if ((times?.size ?? 0) !== (after.due_at === null ? 0 : 1)) {
          return `${what} has ${times?.size ?? 0} entries`;
        }
      }
      for (const webhook_id of changes.indexed) {
        for (const [event_id, times] of dues.get(webhook_id) ?? []) {
          for (const [at, owner] of times) {
            const delivery = deliveries.get(nameOf({ event_id, webhook_id }));
            if (delivery?.due_at === at && (delivery.lease?.owner ?? null) === owner) continue;
            return `an entry of ${world.short(event_id)} ${
              world.short(webhook_id)
            } is not what its record says`;
          }
        }
      }
      return null;
    },
  };
}

function markerInTime(): Invariant {
  return {
    name: "marker_in_time",
    says: "a lane's earliest marker is not later than its earliest due entry, or than a hold it ever had",
    onCommit(world, { changes }) {
      for (const webhook_id of changes.indexed) {
        let first = Infinity;
        for (const times of world.mirror.dues.get(webhook_id)?.values() ?? []) {
          for (const at of times.keys()) first = Math.min(first, at);
        }
        if (first === Infinity) continue;
        const latest = slotOf(Math.max(first, world.held_until.get(webhook_id) ?? -Infinity));
        const slot = Math.min(Infinity, ...(world.mirror.agenda.get(webhook_id) ?? []));
        if (slot > latest) return `${world.short(webhook_id)} has its marker in ${slot}, not by ${latest}`;
      }
      return null;
    },
  };
}

function oneEventAKey(): Invariant {
  const first = new Map<string, StoredEvent>();
  return {
    name: "one_event_a_key",
    says: "within 24 hours an idempotency key stands for one event",
    onCommit(world, { changes, now }) {
      for (const { key, before, after } of changes.keys) {
        if (before === null || before.event_id === after.event_id || before.expires_at <= now) continue;
        return `${key} stands for ${world.short(before.event_id)} and for ${world.short(after.event_id)}`;
      }
      for (const event of changes.events) {
        const key = /"path":"\/once\/(\w+)"/.exec(new TextDecoder().decode(event.body))?.[1];
        if (key === undefined) continue;
        const known = inside(first, key, () => event);
        // By the time of the commit: the clocks may have jumped past the life of the key while it was under way.
        if (known === event || now - known.accepted_at >= KEPT_MS) continue;
        return `what was to be accepted once is ${world.short(known.id)} and ${world.short(event.id)}`;
      }
      return null;
    },
  };
}

function decisionFault(world: World, event: StoredEvent, since: number): string | null {
  for (const [webhook_id, versions] of world.versions) {
    const first = versions[0];
    if (first === undefined || first.webhook.site_id !== event.site_id) continue;
    const recent = versionsSince(world, webhook_id, since);
    const decision = event.decisions.find((each) => each.webhook_id === webhook_id);
    const what = `${world.short(event.id)} for ${world.short(webhook_id)}`;
    if (decision === undefined) {
      const known = first.from < since && recent.every(({ webhook }) => webhook.deleted_at === null);
      if (known) return `nothing was decided about ${what}`;
    } else if (decision.reason === null || decision.reason === "disabled" || decision.reason === "paused") {
      const status = decision.reason ?? "active";
      const was = recent.some(({ webhook }) => webhookStatus(webhook) === status);
      if (!was) return `decided about ${what} as if the webhook were ${status}`;
    }
  }
  return null;
}

function decidedByWhatIs(): Invariant {
  return {
    name: "decided_by_what_is",
    says: "every webhook of the site gets a decision, by its settings of the last two seconds",
    onCommit(world, { by, changes, world_at }) {
      const since = world_at - STALE_MS;
      if (!by.soundSince(since)) return null;
      for (const event of changes.events) {
        const wrong = decisionFault(world, event, since);
        if (wrong !== null) return wrong;
      }
      return null;
    },
  };
}

/** The invariants of this module, fresh for one run. */
export function invariantsOfWhatIsStored(): Invariant[] {
  return [acceptedIsKept(), oneDueEntry(), markerInTime(), oneEventAKey(), decidedByWhatIs()];
}
