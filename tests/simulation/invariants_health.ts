/**
 * What must hold of receivers in trouble: quiet, breaker and rate are kept, and a webhook is paused when it is due to be.
 *
 * Owns a model of each, made of the contract alone and of what receivers answered.
 *
 * @module
 */
import { breakerState } from "../../lib/breaker.ts";
import { BREAKER, PAUSE, TIME } from "../../lib/limits.ts";
import { PAUSED_ERROR_TYPE } from "../../lib/pause.ts";
import { webhookStatus } from "../../lib/webhook.ts";
import type { Commit, Invariant } from "./invariant.ts";
import { STALE_MS, versionsSince } from "./invariants_stored.ts";
import { inside, nameOf } from "./mirror.ts";
import { RETRY_BASE_MS } from "./sim_process.ts";
import type { Send, World } from "./world.ts";

/** How one receiver did, as one process saw it. */
interface Trouble {
  failures: number;
  openings: number;
  /** Until when its breaker is open, by the clock of the process; null while closed. */
  open_until: number | null;
  quiet_until: number;
  /** When that was last changed, by the world's time. */
  since: number;
}

function described(world: World, { by, event_id, webhook_id, number }: Send): string {
  return `${by.name} sends ${world.short(event_id)} ${world.short(webhook_id)}, attempt ${number},`;
}

/** Whether a send says that its receiver is down, and not just that it does not want this event. */
function isDown({ result }: Send): boolean {
  if (result.kind === "error") return result.error !== "blocked_address";
  return result.status_code === 429 || result.status_code >= 500;
}

/** Whether the webhook was made active again since then: what was before counts no more. */
function resumedSince(world: World, webhook_id: string, since: number): boolean {
  const resumed = new Set(versionsSince(world, webhook_id, since).map(({ webhook }) => webhook.resumed_at));
  return resumed.size > 1;
}

function troubles(): { of(send: Send): Trouble; learn(world: World, send: Send): void } {
  const known = new Map<string, Trouble>();
  const of = ({ by, webhook_id }: Send): Trouble =>
    inside(known, `${by.name} ${webhook_id}`, () => ({
      failures: 0,
      openings: 0,
      open_until: null,
      quiet_until: 0,
      since: -Infinity,
    }));
  function learn(world: World, send: Send): void {
    const trouble = of(send);
    const now = send.ended_at;
    if (resumedSince(world, send.webhook_id, trouble.since)) {
      Object.assign(trouble, { failures: 0, openings: 0, open_until: null, quiet_until: 0 });
    }
    trouble.since = world.clock.now();
    const { result } = send;
    const throttles = result.kind === "answer" && [429, 502, 503, 504].includes(result.status_code);
    const asked_ms = throttles ? Number(result.retry_after ?? 0) * TIME.SECOND_MS : 0;
    trouble.quiet_until = Math.max(trouble.quiet_until, now + asked_ms);
    if (!isDown(send)) return void Object.assign(trouble, { failures: 0, openings: 0, open_until: null });
    if (trouble.open_until !== null && trouble.open_until > now) return;
    trouble.failures++;
    if (trouble.openings === 0 && trouble.failures < BREAKER.failures_to_open) return;
    const factor = Math.min(BREAKER.first_factor * 2 ** trouble.openings, BREAKER.longest_factor);
    trouble.openings++;
    trouble.open_until = now + factor * RETRY_BASE_MS;
  }
  return { of, learn };
}

function quietIsKept(): Invariant {
  const { of, learn } = troubles();
  return {
    name: "quiet_is_kept",
    says:
      "a receiver that asked for quiet, or whose breaker is open, gets nothing before that is over, but for persons",
    onAnswer: learn,
    onSend(world, send) {
      const { quiet_until, open_until, since } = of(send);
      // Of a breaker one process may know more than its own sends tell: it began with what others had stored.
      const alone = world.all_processes.size === 1;
      const until = Math.max(quiet_until, alone ? open_until ?? 0 : 0);
      // What began at the moment of the answer did not know it yet.
      if (send.wished || send.at >= until || send.world_at === since) return null;
      if (resumedSince(world, send.webhook_id, since)) return null;
      return `${described(world, send)} ${until - send.at} ms before its receiver's quiet is over`;
    },
  };
}

function oneProbe(): Invariant {
  return {
    name: "one_probe",
    says:
      "while a breaker is open nothing goes out; when its time is over one probe does, and nothing beside it",
    onSend(world, send) {
      const { by, webhook_id, at } = send;
      const lane = by.engine.laneState(webhook_id);
      const state = lane === null ? "closed" : breakerState(lane.breaker, at);
      // What began at the moment of an answer did not know it yet.
      if (send.wished || state === "closed" || lane?.updated_at === at) return null;
      if (state === "open") return `${described(world, send)} and its breaker is open`;
      const beside = [...world.in_flight].some((other) => other.by === by && other.webhook_id === webhook_id);
      return beside ? `${described(world, send)} beside another, and its breaker is half open` : null;
    },
  };
}

/** Whether its process closed the breaker since it started: by what a person asked for, and has not stored that yet. */
function hasClosed(world: World, { by, webhook_id }: Send): boolean {
  return [...world.sends.values()].flat().some((other) =>
    other.by === by && other.webhook_id === webhook_id && other.answered_at !== null && !isDown(other)
  );
}

function quietOutlivesAProcess(): Invariant {
  return {
    name: "quiet_outlives_a_process",
    says: "a process that starts keeps the quiet and the open breakers that were stored before",
    onSend(world, send) {
      const stored = world.mirror.lanes.get(send.webhook_id);
      if (stored === undefined || send.wished || stored.written_at >= send.by.started_at) return null;
      const { hold_until, breaker, updated_at } = stored.state;
      const held = send.at < (hold_until ?? 0);
      const open = send.at < (breaker.open_until ?? 0) && !hasClosed(world, send);
      const versions = world.versions.get(send.webhook_id) ?? [];
      const resumed = versions.some(({ webhook }) => (webhook.resumed_at ?? 0) > updated_at);
      return (held || open) && !resumed ? `${described(world, send)} and forgets a stored hold` : null;
    },
  };
}

/** The most that may be sent within a minute, over all settings of that minute; null for no limit. */
function limitOf(world: World, webhook_id: string): number | null {
  const since = world.clock.now() - TIME.MINUTE_MS - 2 * STALE_MS;
  const limits = versionsSince(world, webhook_id, since).map(({ webhook }) => webhook.rate_limit_per_minute);
  return limits.includes(null) ? null : Math.max(...limits.map(Number));
}

function rateIsKept(): Invariant {
  return {
    name: "rate_is_kept",
    says: "a process sends no more to a webhook within any minute than its rate allows, but for persons",
    onSend(world, send) {
      const limit = limitOf(world, send.webhook_id);
      const since = send.world_at - TIME.MINUTE_MS;
      // A minute of wall time is not a minute, when the wall clock is set.
      if (limit === null || send.wished || world.jumped_at > since || send.by.clock.jumped_at > since) {
        return null;
      }
      let sent = 1;
      for (const sends of world.sends.values()) {
        for (const { by, webhook_id, world_at } of sends) {
          if (by === send.by && webhook_id === send.webhook_id && world_at > since) sent++;
        }
      }
      return sent <= limit
        ? null
        : `${described(world, send)} the ${sent}. within a minute, allowed are ${limit}`;
    },
  };
}

/** What is on record of a webhook since its last success, or since it was last made active. */
interface Failing {
  failed: number;
  since: number;
  /** Who made those attempts. */
  readonly by: Set<string>;
}

function pausedWhenDue(): Invariant {
  const failing = new Map<string, Failing>();
  const fresh = (): Failing => ({ failed: 0, since: Infinity, by: new Set() });
  function learn(world: World, { changes, by }: Commit): void {
    for (const { before, after } of changes.deliveries) {
      const entered = after !== null && after.attempts_total > (before?.attempts_total ?? 0);
      const send = entered
        ? world.sends.get(nameOf(after))?.find(({ attempt }) => attempt === after.attempts.at(-1))
        : undefined;
      if (send === undefined) continue;
      const known = inside(failing, send.webhook_id, fresh);
      if (send.attempt?.outcome === "delivered") Object.assign(known, fresh());
      else {
        known.failed++;
        known.since = Math.min(known.since, send.ended_at);
        known.by.add(by.name);
      }
    }
  }
  return {
    name: "paused_when_due",
    says:
      "a webhook is paused after 24 hours and ten failures without a success, or by a 410, and not otherwise",
    onCommit(world, commit) {
      const { changes, now } = commit;
      learn(world, commit);
      const outcomes = changes.deliveries.map(({ after }) => after?.attempts.at(-1)?.outcome);
      for (const { before, after } of changes.webhooks) {
        if (after === null) continue;
        const what = `${world.short(after.id)} is ${webhookStatus(after)}`;
        const known = inside(failing, after.id, fresh);
        if (after.enabled && before?.enabled === false) failing.set(after.id, fresh());
        if (before?.enabled !== true || after.enabled || after.pause_reason === null) continue;
        const for_ms = now - known.since;
        if (after.pause_reason === "gone" && !outcomes.includes("gone")) return `${what} without a 410`;
        // Another process may have had a success that this one has not seen.
        const early = known.failed < PAUSE.failures_min || for_ms < PAUSE.after_ms - STALE_MS;
        if (after.pause_reason === "failing" && early) {
          return `${what} after ${known.failed} failures within ${for_ms} ms`;
        }
      }
      return notPaused(world, commit, failing);
    },
  };
}

/** A webhook that one process alone knows to be failing, and that an attempt just recorded did not pause. */
function notPaused(world: World, { changes, by, now }: Commit, failing: Map<string, Failing>): string | null {
  if (world.all_processes.size > 1 || !by.storageSound) return null;
  for (const { after } of changes.deliveries) {
    const last = after?.attempts.at(-1);
    const known = after === null ? undefined : failing.get(after.webhook_id);
    if (after === null || known === undefined || last === undefined || last.outcome === "delivered") continue;
    const active = world.mirror.webhooks.get(after.webhook_id)?.enabled === true;
    const due = known.failed >= PAUSE.failures_min && now - known.since >= PAUSE.after_ms;
    const entered = after.lease === null || after.due_at === null;
    if (active && due && entered) {
      return `${world.short(after.webhook_id)} is not paused after ${known.failed} failures`;
    }
  }
  return null;
}

function pauseIsTold(): Invariant {
  return {
    name: "pause_is_told",
    says:
      "a pause is told in its own commit, once, to every other webhook of the site that takes error_condition",
    onCommit(world, { changes, by, world_at }) {
      const notices = changes.events.filter(({ event, body }) =>
        event === "error_condition" && new TextDecoder().decode(body).includes(PAUSED_ERROR_TYPE)
      );
      const paused = changes.webhooks.flatMap(({ before, after }) =>
        after !== null && before?.enabled === true && !after.enabled && after.pause_reason !== null
          ? [after]
          : []
      );
      if (notices.length !== paused.length) return `${paused.length} pauses are told ${notices.length} times`;
      const [webhook] = paused;
      const [notice] = notices;
      if (webhook === undefined || notice === undefined) return null;
      const since = world_at - STALE_MS;
      for (const { id, site_id, events } of world.mirror.webhooks.values()) {
        if (site_id !== webhook.site_id || id === webhook.id || !events.includes("error_condition")) continue;
        const recent = versionsSince(world, id, since);
        const surely = by.soundSince(since) && recent.every((version) =>
          webhookStatus(version.webhook) === "active"
        ) &&
          (recent[0]?.from ?? Infinity) < since;
        const told = world.mirror.deliveries.has(nameOf({ event_id: notice.id, webhook_id: id }));
        if (surely && !told) {return `${world.short(id)} is not told that ${
            world.short(webhook.id)
          } is paused`;}
      }
      return null;
    },
  };
}

/** The invariants of this module, fresh for one run. */
export function invariantsOfHealth(): Invariant[] {
  return [quietIsKept(), oneProbe(), quietOutlivesAProcess(), rateIsKept(), pausedWhenDue(), pauseIsTold()];
}
