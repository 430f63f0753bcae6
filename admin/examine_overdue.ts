/**
 * Deliveries that are overdue although a service runs: what holds them back, or that nothing does.
 *
 * Owns the judgement. Waiting is no fault where the receiver, the owner or the operator wanted it so; it is one where
 * nothing was tried for minutes and nothing says why.
 *
 * @module
 */
import { LANE_AT_FIRST, type LaneState, quietUntil } from "../lib/lane_state.ts";
import { TIME } from "../lib/limits.ts";
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import type { DueEntry, Store } from "../lib/store.ts";
import type { Check } from "./checks.ts";
import { told, type Trouble } from "./examine_contents.ts";
import type { Process } from "./examine_processes.ts";

/** What comes due is claimed within seconds; after a crash a lease of a minute has to end first. */
const OVERDUE_MS = 5 * TIME.MINUTE_MS;

/** What looking needs. */
export interface OverduePorts {
  readonly store: Pick<Store, "look" | "laneState">;
  readonly living: readonly Process[];
  readonly now_ms: number;
}

/**
 * Looks at what each webhook has due.
 *
 * @param webhooks All that are looked at.
 * @param ports Where, beside whom, and the time.
 * @returns One check, or one for each webhook of which deliveries are overdue; none where nobody runs to send them.
 */
export async function examineOverdue(
  webhooks: readonly ShownWebhook[],
  { store, living, now_ms }: OverduePorts,
): Promise<Check[]> {
  if (living.length === 0) return [];
  const started_at = Math.min(...living.map((process) => process.started_at));
  const troubles: Trouble[] = [];
  for (const webhook of webhooks) {
    if (webhook.health.pending === 0) continue;
    const { due: [first] } = await store.look(webhook.id, now_ms - OVERDUE_MS, 1);
    if (first === undefined) continue;
    const state = await store.laneState(first.site_id, webhook.id) ?? LANE_AT_FIRST;
    troubles.push(...overdueTrouble(webhook, { first, state, started_at, now_ms }));
  }
  return told("deliveries", troubles, "none is overdue");
}

/** A webhook's earliest overdue delivery, its lane as it was last written, and since when somebody could have sent. */
interface Overdue {
  readonly first: Pick<DueEntry, "at">;
  readonly state: LaneState;
  readonly started_at: number;
  readonly now_ms: number;
}

function overdueTrouble(webhook: ShownWebhook, overdue: Overdue): Trouble[] {
  const { first, now_ms } = overdue;
  const { id, site_id, name, health: { pending } } = webhook;
  const reason = reasonOf(webhook, overdue);
  const waiting = `${pending} of ${id} (${name}) of ${site_id} wait, the first since ${iso(first.at)}: `;
  if (reason !== null) return [{ detail: waiting + reason.why, next_step: reason.next_step }];
  if (now_ms - lastMove(webhook, overdue) < OVERDUE_MS) return [];
  return [{
    status: "fail",
    detail: `${waiting}none was tried for ${
      OVERDUE_MS / TIME.MINUTE_MS
    } min, though a service runs and nothing holds them back`,
    next_step:
      "Restart the service. Its log says more: pump.turn_failed, lane.broken, record.broken. Please report it.",
  }];
}

/** Why they wait, where it is known. */
function reasonOf(
  webhook: ShownWebhook,
  { state, now_ms }: Overdue,
): { readonly why: string; readonly next_step: string } | null {
  const { id, site_id, status, rate_limit_per_minute } = webhook;
  const at = `${id} --site ${site_id}`;
  if (status !== "active") {
    return {
      why: `it is ${status}, and they are being cancelled`,
      next_step: "Look again in a minute: that is done a hundred at a time.",
    };
  }
  if (quietUntil(state, now_ms) !== null) {
    const { breaker: { open_until }, hold_until, consecutive_failures } = state;
    return open_until !== null && open_until > now_ms
      ? {
        why: `its receiver failed ${consecutive_failures} times in a row, so the breaker is open until ${
          iso(open_until)
        }`,
        next_step: `What its receiver answers: deno task admin webhooks test ${at}`,
      }
      : {
        why: `its receiver asked for quiet (429, 503, Retry-After) until ${iso(hold_until ?? now_ms)}`,
        next_step: "It goes on by itself then. If its receiver can take more, let it say so.",
      };
  }
  const tried_at = Math.max(state.last_success_at ?? 0, state.last_failure_at ?? 0);
  if (now_ms - tried_at >= OVERDUE_MS) return null;
  return rate_limit_per_minute === null
    ? {
      why: "they are sent, but its receiver takes them slower than they come",
      next_step: `How long it takes: deno task admin webhooks test ${at}`,
    }
    : {
      why: `it is told no more than ${rate_limit_per_minute} a minute`,
      next_step:
        `If its receiver can take more: deno task admin webhooks update ${at} --rate-limit-per-minute …`,
    };
}

/** When something last happened from which on they could, or could not, be sent. */
function lastMove({ updated_at }: ShownWebhook, { first, state, started_at }: Overdue): number {
  const { last_success_at, last_failure_at, hold_until, breaker: { open_until } } = state;
  const lane = [last_success_at, last_failure_at, hold_until, open_until].map((at) => at ?? 0);
  return Math.max(first.at, started_at, Date.parse(updated_at), ...lane);
}

function iso(at_ms: number): string {
  return new Date(at_ms).toISOString();
}
