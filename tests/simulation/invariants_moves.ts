/**
 * What must hold of every move of a delivery from one state to the next.
 *
 * @module
 */
import type { Attempt, Delivery } from "../../lib/delivery.ts";
import { RETRY, TIME } from "../../lib/limits.ts";
import { webhookStatus } from "../../lib/webhook.ts";
import type { Commit, Invariant } from "./invariant.ts";
import { versionsSince } from "./invariants_stored.ts";
import { inside, nameOf } from "./mirror.ts";
import { arrived } from "./receivers.ts";
import { RETRY_BASE_MS } from "./sim_process.ts";
import type { Send, World } from "./world.ts";

/** A delivery that was there before the commit and is after it. */
interface Move {
  readonly before: Delivery;
  readonly after: Delivery;
  /** What this commit put on record. */
  readonly attempt: Attempt | null;
}

function movesOf({ changes }: Commit): Move[] {
  return changes.deliveries.flatMap(({ before, after }) => {
    if (before === null || after === null) return [];
    const entered = after.attempts_total > before.attempts_total ? after.attempts.at(-1) : undefined;
    return [{ before, after, attempt: entered ?? null }];
  });
}

/** An invariant of single moves. */
function ofMoves(
  name: string,
  says: string,
  wrong: (world: World, move: Move, commit: Commit) => string | null,
): Invariant {
  return {
    name,
    says,
    onCommit(world, commit) {
      for (const move of movesOf(commit)) {
        const what = wrong(world, move, commit);
        if (what === null) continue;
        return `${world.short(move.after.event_id)} ${world.short(move.after.webhook_id)} ${what}`;
      }
      return null;
    },
  };
}

/** An attempt that says what came of a request. */
function isMade(attempt: Attempt | null): attempt is Attempt {
  return attempt !== null && attempt.error !== "interrupted";
}

function outcomeFits(result: Send["result"], outcome: Attempt["outcome"]): boolean {
  if (arrived(result)) return outcome === "delivered";
  if (result.kind === "answer" && result.status_code === 410) return outcome === "gone";
  if (result.kind === "error" && result.error === "blocked_address") return outcome === "blocked";
  return outcome === "retry" || outcome === "failed";
}

function recordTellsOfASend(): Invariant {
  const says = "every attempt on record was one request, with that answer, and is on record once";
  return ofMoves("record_tells_of_a_send", says, (world, { after, attempt }, { by }) => {
    if (!isMade(attempt)) return null;
    const send = world.sends.get(nameOf(after))?.find((each) =>
      each.by === by && each.at === attempt.at && each.attempt === null && each.answered_at !== null
    );
    if (send === undefined) return `has attempt ${attempt.number} on record, which nobody made`;
    send.attempt = attempt;
    world.unrecorded.delete(send);
    const status_code = send.result.kind === "answer" ? send.result.status_code : null;
    const fits = attempt.status_code === status_code && outcomeFits(send.result, attempt.outcome);
    return fits ? null : `has ${attempt.outcome} on record for ${status_code ?? "no answer"}`;
  });
}

function terminalStays(): Invariant {
  const says = "what is over stays so, unless a person asks to recover it or an attempt succeeds after all";
  return ofMoves("terminal_stays", says, (world, { before, after, attempt }) => {
    if (before.status === "pending" || before.status === after.status) return null;
    if (after.status === "delivered" && attempt?.outcome === "delivered") return null;
    const asked = before.status !== "delivered" && world.recovered.has(after.webhook_id);
    return after.status === "pending" && asked ? null : `was ${before.status} and is ${after.status}`;
  });
}

function wasCancelled(world: World, { after }: Move, { by, world_at }: Commit): boolean {
  const until = world.mirror.webhooks.get(after.webhook_id)?.cancelled_until ?? -Infinity;
  if (after.queued_at <= until) return true;
  const since = by.soundSince(world_at - TIME.MINUTE_MS) ? world_at - TIME.SECOND_MS : -Infinity;
  return versionsSince(world, after.webhook_id, since).some(({ webhook }) =>
    webhookStatus(webhook) !== "active"
  );
}

function endedForAReason(): Invariant {
  const says =
    "a delivery ends by what a receiver answered, by its age, or because its webhook is not active";
  return ofMoves("ended_for_a_reason", says, (world, move, commit) => {
    const { before, after, attempt } = move;
    if (before.status === after.status) return null;
    const outcome = attempt?.outcome;
    const old = commit.now - after.queued_at > RETRY.pending_ms_max;
    const reasons = {
      pending: true,
      delivered: outcome === "delivered",
      exhausted: outcome === "gone" || outcome === "failed" || old,
      blocked: outcome === "blocked",
      cancelled: wasCancelled(world, move, commit),
    };
    return reasons[after.status] ? null : `became ${after.status} for no reason`;
  });
}

function attemptsWithinAllowed(): Invariant {
  const counts = new Map<string, { queued_at: number; failed: number; excused: number }>();
  const says =
    "an event is tried as often as its webhook's max_retries says: no less, and no more but after a crash";
  return ofMoves("attempts_within_allowed", says, (world, { before, after, attempt }, { by }) => {
    const name = nameOf(after);
    const known = inside(counts, name, () => ({ queued_at: after.queued_at, failed: 0, excused: 0 }));
    const count = known.queued_at === after.queued_at
      ? known
      : { queued_at: after.queued_at, failed: 0, excused: 0 };
    counts.set(name, count);
    // Its owner may still send it, under a lease that has run out.
    const owner = before.lease?.owner ?? by.instance;
    const taken = owner !== by.instance && after.lease?.owner !== owner;
    if (taken || attempt?.error === "interrupted") count.excused++;
    if (!isMade(attempt) || attempt.trigger === "manual") return null;
    if (attempt.outcome !== "retry" && attempt.outcome !== "failed") return null;
    count.failed++;
    const retries = (world.versions.get(after.webhook_id) ?? []).map(({ webhook }) => webhook.max_retries);
    const [least, most] = [1 + Math.min(...retries), 1 + Math.max(...retries)];
    if (count.failed > most + count.excused) return `failed ${count.failed} times, allowed are ${most}`;
    const over = attempt.outcome === "failed" && before.status === "pending" && count.failed < least;
    return over ? `is given up after ${count.failed} attempts, allowed are ${least}` : null;
  });
}

/** Whether a process has, or may seem to have, ended. */
function seemsDead(world: World, instance: string, since: number): boolean {
  const owner = world.all_processes.get(instance);
  return owner === undefined || owner.state === "ended" || !owner.soundSince(since);
}

function leaseHasOneOwner(): Invariant {
  const says = "a lease is taken only when it ran out or its owner is dead";
  return ofMoves("lease_has_one_owner", says, (world, { before, after }, { by, now, world_at }) => {
    if (before.lease === null || after.due_at === null || after.lease?.owner === before.lease.owner) {
      return null;
    }
    const { owner } = before.lease;
    if (owner === by.instance || (before.due_at ?? Infinity) <= now) return null;
    if (after.status === "delivered" && before.status !== "delivered") return null;
    if (seemsDead(world, owner, world_at - TIME.MINUTE_MS)) return null;
    return `is taken from ${world.all_processes.get(owner)?.name}, which lives, by ${by.name}`;
  });
}

function claimedWhenDue(): Invariant {
  const says = "a delivery is taken up when it is due, when a person asks, or when whoever had it is dead";
  return ofMoves("claimed_when_due", says, (world, { before, after, attempt }, { by, now, world_at }) => {
    if (after.lease === null || after.lease.owner === before.lease?.owner) return null;
    if (after.wishes > before.wishes || attempt?.trigger === "manual") return null;
    if ((before.due_at ?? Infinity) <= now) return null;
    const { owner } = before.lease ?? {};
    const dead = owner !== undefined && seemsDead(world, owner, world_at - TIME.MINUTE_MS);
    return dead ? null : `is taken up by ${by.name} ${(before.due_at ?? 0) - now} ms before it is due`;
  });
}

function retryKeepsItsDistance(): Invariant {
  const says = "a retry comes after base × 6^(n-1) ± 20 %, and not before the receiver's Retry-After";
  return ofMoves("retry_keeps_its_distance", says, (world, { before, after, attempt }, { by, world_at }) => {
    const ours = before.lease?.owner === by.instance && by.soundSince(world_at - TIME.MINUTE_MS);
    if (!isMade(attempt) || attempt.outcome !== "retry" || attempt.trigger === "manual" || !ours) return null;
    if (after.due_at === null || after.lease !== null || after.wishes > 0) return null;
    const send = world.sends.get(nameOf(after))?.find((each) => each.attempt === attempt);
    if (send === undefined) return null;
    const asked = send.result.kind === "answer" ? send.result.retry_after : null;
    const asked_ms = Number(asked ?? 0) * TIME.SECOND_MS;
    const middle = Math.min(RETRY_BASE_MS * RETRY.factor ** (after.failures - 1), RETRY.delay_ms_max);
    const least = Math.max(middle * (1 - RETRY.jitter), asked_ms);
    const most = Math.max(middle * (1 + RETRY.jitter), asked_ms + Math.min(asked_ms, middle) * RETRY.jitter);
    const delay = after.due_at - send.ended_at;
    return delay >= least - 1 && delay <= most + 1 ? null : `waits ${delay} ms, not ${least} to ${most}`;
  });
}

function wishWasAsked(): Invariant {
  const granted = new Map<string, number>();
  const says = "an attempt past the schedule is made for a person who asked for it";
  return ofMoves("wish_was_asked", says, (world, { before, after }, { by, world_at }) => {
    const more = after.wishes - before.wishes;
    if (more <= 0) return null;
    const name = nameOf(after);
    // A wish whose commit came to nobody knows what may be noted twice: then it is granted twice.
    if (!by.soundSince(world_at - TIME.MINUTE_MS)) return null;
    granted.set(name, (granted.get(name) ?? 0) + more);
    const [got, asked] = [granted.get(name) ?? 0, world.wishes.get(name) ?? 0];
    return got <= asked ? null : `has ${got} wishes on record, asked for were ${asked}`;
  });
}

/** The invariants of this module, fresh for one run. */
export function invariantsOfMoves(): Invariant[] {
  return [
    recordTellsOfASend(),
    terminalStays(),
    endedForAReason(),
    attemptsWithinAllowed(),
    leaseHasOneOwner(),
    claimedWhenDue(),
    retryKeepsItsDistance(),
    wishWasAsked(),
  ];
}
