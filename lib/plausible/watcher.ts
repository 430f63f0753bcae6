/**
 * Makes the rounds of all watched sites: which are due, which this process takes, and what bounds them.
 *
 * Owns the leases, the budget and the pace. A round is claimed in one commit that moves its next one ahead, takes its
 * requests off the budget, and says who makes it: a process that dies in the middle costs its sites one interval and no
 * more, and several processes share the sites. It must never let one site that hangs hold up the others.
 *
 * @module
 */
import { BrokenRecord } from "../errors.ts";
import { WATCH } from "../limits.ts";
import type { Clock, Log } from "../ports.ts";
import type { Store, StoredWatch } from "../store.ts";
import type { WatchBudget, WatchSettings, WatchState } from "../watch.ts";
import {
  afterAnswers,
  afterRefusal,
  type BudgetLimits,
  stretchedInterval,
  takeRequests,
  waitAfterFailure,
} from "./budget.ts";
import type { StatsClient } from "./client.ts";
import { requestsOf, runRound } from "./round.ts";
import type { ClaimedWatch, RoundEnd, RoundPorts } from "./round_ports.ts";

/** What watching needs. */
export interface WatcherPorts extends Pick<RoundPorts, "takeReading" | "wouldSpike" | "accept"> {
  readonly store: Pick<Store, "watch" | "watches" | "moveWatch" | "watchBudget" | "moveBudget">;
  readonly client: StatsClient;
  readonly clock: Clock;
  readonly log: Log;
  /** This process. */
  readonly instance: string;
  readonly limits: BudgetLimits;
  /** For sites without a key of their own. */
  readonly api_key: string | null;
  readonly interval_s: number;
}

/** Conflicts in a row after which the budget is left as it is: the next round finds out the same. */
const CONFLICTS_MAX = 20;

/** A round that this process may begin. */
interface Claim {
  readonly claimed: ClaimedWatch;
  readonly interval_ms: number;
}

/** What came of trying to claim a site. */
type Claiming = Claim | "taken" | "no_budget";

/** See the module. */
export class Watcher {
  readonly #ports: WatcherPorts;
  readonly #stopping = new AbortController();
  /** By site. */
  readonly #rounds = new Map<string, Promise<void>>();
  #look: Promise<void> | null = null;
  #look_again = false;
  /** Whether sites wait for room. */
  #full = false;
  #cancel: () => void = () => {};
  #health: { readonly at: number; readonly answer: ReturnType<StatsClient["health"]> } | null = null;

  constructor(ports: WatcherPorts) {
    this.#ports = ports;
  }

  /** Begins to look for sites that are due. */
  start(): void {
    void this.#lookNow();
  }

  /** Looks at once: a watch was set. */
  wake(): void {
    void this.#lookNow();
  }

  /** Looks for what is due, and waits until the rounds that are under way have ended. */
  async sweep(): Promise<void> {
    await this.#lookNow();
    await Promise.all(this.#rounds.values());
  }

  /** Hands back what is under way, and begins nothing any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancel();
    await this.#look;
    await Promise.all(this.#rounds.values());
  }

  /** One look at a time: who asks for one during another gets one more after it. */
  #lookNow(): Promise<void> {
    if (this.#look !== null) this.#look_again = true;
    return this.#look ??= this.#looks().finally(() => {
      this.#look = null;
      if (this.#look_again) void this.#lookNow();
    });
  }

  async #looks(): Promise<void> {
    do {
      this.#look_again = false;
      this.#cancel();
      if (this.#stopping.signal.aborted) return;
      let next_ms: number = WATCH.look_ms;
      try {
        next_ms = await this.#lookOnce();
      } catch (error) {
        // Storage can't be read or written: the next look tries again.
        this.#ports.log.warn("watch.look_failed", { error: String(error) });
      }
      if (this.#stopping.signal.aborted) return;
      this.#cancel = this.#ports.clock.after(next_ms, () => void this.#lookNow());
    } while (this.#look_again);
  }

  /** Begins the rounds that are due. @returns How long until the next look. */
  async #lookOnce(): Promise<number> {
    const { store, clock } = this.#ports;
    const watches = await store.watches();
    const shortest_ms = Math.min(...watches.map(({ settings }) => this.#intervalOf(settings)), WATCH.look_ms);
    const requests_of_all = watches.reduce((sum, { settings }) => sum + requestsOf(settings), 0);
    const waiting = watches.filter(({ site_id }) => !this.#rounds.has(site_id))
      .toSorted((one, other) => dueAt(one.state.value) - dueAt(other.state.value));
    for (const watch of waiting) {
      const due_in = dueAt(watch.state.value) - clock.now();
      if (due_in > 0) return Math.min(Math.max(due_in, WATCH.look_ms_min), shortest_ms);
      if (this.#stopping.signal.aborted) break;
      // A round that ends makes room, and looks again.
      this.#full = this.#rounds.size >= WATCH.rounds_at_once_max;
      if (this.#full) break;
      const claim = await this.#claim(watch, requests_of_all);
      // Whoever waits longest is first when there is room again.
      if (claim === "no_budget") break;
      if (claim !== "taken") this.#begin(claim);
    }
    return shortest_ms;
  }

  /** As it is set, in milliseconds. */
  #intervalOf({ interval_s }: Pick<WatchSettings, "interval_s">): number {
    return (interval_s ?? this.#ports.interval_s) * 1000;
  }

  async #claim({ site_id }: StoredWatch, requests_of_all: number): Promise<Claiming> {
    const { store, clock, limits, instance } = this.#ports;
    // Read again, with its key: it may have been claimed or set since all were listed.
    const watch = await this.#readWatch(site_id);
    const now = clock.now();
    if (watch === null || dueAt(watch.state.value) > now) return "taken";
    const { settings, state: { value, versionstamp: seen } } = watch;
    const budget = await store.watchBudget();
    const taken = takeRequests(budget.value, requestsOf(settings), { now, limits });
    if (taken === null) return "no_budget";
    const interval_ms = stretchedInterval(this.#intervalOf(settings), requests_of_all, limits);
    const state: WatchState = {
      ...value,
      lease: { owner: instance, until: now + WATCH.lease_ms },
      next_round_at: now + interval_ms,
    };
    const change = { site_id, seen, watch: state };
    const versionstamp = await store.moveWatch(change, { ...budget, value: taken });
    if (versionstamp === null) return "taken";
    return { claimed: { site_id, settings, state, versionstamp }, interval_ms };
  }

  async #readWatch(site_id: string): Promise<StoredWatch | null> {
    try {
      return await this.#ports.store.watch(site_id);
    } catch (error) {
      if (!(error instanceof BrokenRecord)) throw error;
      this.#ports.log.error("watch.unreadable", { site: site_id, error: error.message });
      return null;
    }
  }

  #begin(claim: Claim): void {
    const { site_id } = claim.claimed;
    const round = this.#round(claim).finally(() => {
      this.#rounds.delete(site_id);
      if (this.#full) this.wake();
    });
    this.#rounds.set(site_id, round);
  }

  /** Never throws: a round that breaks is told in the log, and its site's next one is due in time. */
  async #round({ claimed, interval_ms }: Claim): Promise<void> {
    const { client, clock, log, api_key, store, takeReading, wouldSpike, accept } = this.#ports;
    const { site_id, settings } = claimed;
    const late = new AbortController();
    const cancel = clock.after(WATCH.round_ms_max, () => late.abort());
    const over = AbortSignal.any([late.signal, this.#stopping.signal]);
    try {
      const end = await runRound(claimed, {
        api: client.site(site_id, settings.api_key ?? api_key, over),
        clock,
        takeReading,
        wouldSpike,
        accept,
        move: (change) => store.moveWatch(change),
        reserve: (requests) => this.#reserve(requests),
        health: () => this.#healthFor(interval_ms),
      }, {
        over,
        stopping: this.#stopping.signal,
        waitAfter: (failures) => failures === 0 ? interval_ms : waitAfterFailure(interval_ms, failures),
      });
      await this.#afterRound(site_id, end);
    } catch (error) {
      log.error("watch.round_broken", { site: site_id, error: String(error) });
    } finally {
      cancel();
    }
  }

  async #afterRound(site_id: string, end: RoundEnd): Promise<void> {
    const { log, clock } = this.#ports;
    if (end.kind === "lost") return log.debug("watch.round_lost", { site: site_id });
    const { error, left_out_ms } = end;
    if (left_out_ms > 0) log.warn("watch.time_left_out", { site: site_id, left_out_ms });
    if (error === null) log.debug("watch.round_done", { site: site_id });
    else log.warn("watch.round_failed", { site: site_id, kind: error.kind, detail: error.detail });
    if (error?.kind === "rate_limited") {
      await this.#changeBudget((budget) => afterRefusal(budget, clock.now()));
    } else if (error === null) await this.#changeBudget(afterAnswers);
  }

  async #reserve(requests: number): Promise<boolean> {
    const { clock, limits } = this.#ports;
    return await this.#changeBudget((budget) => takeRequests(budget, requests, { now: clock.now(), limits }));
  }

  /** @returns Whether it is as `change` wants it; not if that returned null. */
  async #changeBudget(change: (budget: WatchBudget) => WatchBudget | null): Promise<boolean> {
    const { store } = this.#ports;
    for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
      const budget = await store.watchBudget();
      const value = change(budget.value);
      if (value === null) return false;
      if (value === budget.value || await store.moveBudget({ ...budget, value })) return true;
    }
    return false;
  }

  /** One check for the sites whose rounds come close together: it asks nothing about a site. */
  #healthFor(interval_ms: number): ReturnType<StatsClient["health"]> {
    const { client, clock } = this.#ports;
    const now = clock.now();
    const age_ms_max = Math.min(WATCH.health_ms_max, interval_ms / 2);
    if (this.#health === null || now - this.#health.at >= age_ms_max) {
      this.#health = { at: now, answer: client.health(this.#stopping.signal) };
    }
    return this.#health.answer;
  }
}

/** When a site may be claimed. */
function dueAt({ lease, next_round_at }: WatchState): number {
  return Math.max(next_round_at, lease?.until ?? 0);
}
