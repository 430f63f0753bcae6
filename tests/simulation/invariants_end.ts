/**
 * What must hold when everything has been well for long enough.
 *
 * @module
 */
import { LANE } from "../../lib/limits.ts";
import { sampleWebhook } from "../helpers/sample.ts";
import type { Invariant } from "./invariant.ts";

function everythingEnds(): Invariant {
  return {
    name: "everything_ends",
    says: "in the end everything is delivered, or over for a reason, and nothing is scheduled",
    atEnd({ mirror }) {
      for (const { event_id, webhook_id, status, due_at, lease } of mirror.deliveries.values()) {
        if (status === "pending" || due_at !== null || lease !== null) {
          return `${event_id} ${webhook_id} is ${status}, due at ${due_at}, held by ${
            lease?.owner ?? "nobody"
          }`;
        }
      }
      if (mirror.leases.size > 0) return `${mirror.leases.size} group leases are left`;
      if (mirror.due_count > 0) return `${mirror.due_count} due entries are left`;
      return mirror.marker_count > 0 ? `${mirror.marker_count} markers are left` : null;
    },
  };
}

function theDeadAreForgotten(): Invariant {
  return {
    name: "the_dead_are_forgotten",
    says: "in the end only living processes are known",
    atEnd({ mirror, processes, all_processes }) {
      const living = new Set(processes.map(({ instance }) => instance));
      const dead = [...mirror.instances].filter((instance) => !living.has(instance));
      return dead.length === 0
        ? null
        : `${dead.map((id) => all_processes.get(id)?.name).join(", ")} still known`;
    },
  };
}

function nothingIsHeld(): Invariant {
  return {
    name: "nothing_is_held",
    says: "in the end no process has anything under way or in memory",
    async atEnd({ processes, in_flight, owed }) {
      const [open] = [...in_flight, ...owed];
      if (open !== undefined) {
        const { by, event_id, webhook_id, number } = open;
        return `attempt ${number} of ${event_id} ${webhook_id} by ${by.name} is not over`;
      }
      for (const [index, { name, engine }] of processes.entries()) {
        // All of the memory there is finds room only if nothing else takes any.
        const reserved = await engine.reserve([sampleWebhook(90 + index)], LANE.memory_bytes_max);
        if (!reserved.every(({ kept }) => kept)) return `${name} counts memory for what is over`;
        engine.unreserve(reserved);
      }
      return null;
    },
  };
}

/** The invariants of this module, fresh for one run. */
export function invariantsOfTheEnd(): Invariant[] {
  return [everythingEnds(), theDeadAreForgotten(), nothingIsHeld()];
}
