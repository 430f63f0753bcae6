/**
 * One round of one site: a reading, the goals and custom events of a window, and what Plausible fails at.
 *
 * Owns the order in which a round goes on, so that a crash at any line tells nothing twice and leaves nothing out: each
 * event is accepted in one commit with the state that says so, and every such commit checks that nobody else moved the
 * state. It must never tell anything with personal data in it.
 *
 * @module
 */
import type { EventPayload } from "../event_types.ts";
import { WATCH } from "../limits.ts";
import { PROGRESS_AT_FIRST, type WatchSettings, type WatchState } from "../watch.ts";
import type { StatsError, StatsRow } from "./client.ts";
import type { ClaimedWatch, RoundBounds, RoundEnd, RoundPorts, WatchReading } from "./round_ports.ts";
import { afterFindings, dueNotice, type Findings, untoldTroubles } from "./trouble.ts";
import {
  afterWindow,
  baselineAt,
  nextWindow,
  tellable,
  tellablePath,
  untold,
  WINDOW_KINDS,
  windowEvent,
  type WindowKind,
} from "./window.ts";

/** The requests that a round makes at most, but for those at a spike. */
export function requestsOf({ visitors, goals, custom_events, errors }: WatchSettings): number {
  return (visitors ? 2 : 0) + Number(goals) + Number(custom_events) + Number(errors);
}

/** Requests at a spike. */
const TOPS_REQUESTS = 2;

/** What a step of a round came to. */
type StepEnd = "done" | "lost" | StatsError;

/** The state in which a round begins: what is told by windows begins now where it was not told before. */
function begun(state: WatchState, settings: WatchSettings, now: number): WatchState {
  let next = state;
  for (const kind of WINDOW_KINDS) {
    // Should what is off be set again, it begins anew.
    if (!settings[kind]) next = { ...next, [kind]: PROGRESS_AT_FIRST };
    else if (next[kind].from === null) next = { ...next, [kind]: baselineAt(now) };
  }
  return next;
}

class Round {
  readonly #site_id: string;
  readonly #settings: WatchSettings;
  readonly #ports: RoundPorts;
  readonly #bounds: RoundBounds;
  readonly #started: number;
  #state: WatchState;
  #versionstamp: string;
  #left_out_ms = 0;

  constructor(claimed: ClaimedWatch, ports: RoundPorts, bounds: RoundBounds) {
    this.#site_id = claimed.site_id;
    this.#settings = claimed.settings;
    this.#versionstamp = claimed.versionstamp;
    this.#ports = ports;
    this.#bounds = bounds;
    this.#started = ports.clock.now();
    this.#state = begun(claimed.state, claimed.settings, this.#started);
  }

  async run(): Promise<RoundEnd> {
    let error: StatsError | null = null;
    for (const step of this.#steps()) {
      const end = await step();
      if (end === "lost") return { kind: "lost" };
      if (end === "done") continue;
      error ??= end;
      // About something else there may be an answer; otherwise the next request fails too, or does harm.
      if (end.kind !== "malformed" && end.kind !== "bad_query") break;
    }
    if (this.#bounds.stopping.aborted) return await this.#handBack();
    const findings = await this.#findings(error);
    if (this.#bounds.stopping.aborted) return await this.#handBack();
    return await this.#end(error, findings);
  }

  #steps(): (() => Promise<StepEnd>)[] {
    const steps = [
      ...(this.#settings.visitors ? [() => this.#read()] : []),
      ...WINDOW_KINDS.filter((kind) => this.#settings[kind]).map((kind) => () => this.#tellWindow(kind)),
    ];
    // A step that always fails must not keep the others from their turn for ever.
    const first = this.#state.troubles.stats_api.failures % Math.max(steps.length, 1);
    return [...steps.slice(first), ...steps.slice(0, first)];
  }

  async #read(): Promise<StepEnd> {
    const { api, clock, wouldSpike, takeReading, reserve } = this.#ports;
    const current = await api.currentVisitors();
    if (!current.ok) return current.error;
    const at = clock.now();
    const twelve = await api.visitors({ start: at - WATCH.drop_ms, end: at });
    if (!twelve.ok) return twelve.error;
    const spike = await wouldSpike(this.#site_id, current.value, at) && await reserve(TOPS_REQUESTS);
    const tops = spike ? await this.#tops(at) : {};
    await takeReading(this.#site_id, {
      at,
      current_visitors: current.value,
      visitors_12h: twelve.value,
      ...tops,
    });
    return "done";
  }

  /** Where the visitors of a spike came from. It is told without, if that can't be learnt. */
  async #tops(at: number): Promise<Pick<WatchReading, "top_sources" | "top_pages">> {
    const range = { start: at - WATCH.current_ms, end: at };
    const { api } = this.#ports;
    const [sources, pages] = [await api.topSources(range), await api.topPages(range)];
    const some = (rows: readonly StatsRow[]) => rows.slice(0, WATCH.tops);
    return {
      ...(sources.ok
        ? {
          top_sources: some(sources.value).map(({ name, visitors }) => ({
            source: tellable(name),
            visitors,
          })),
        }
        : {}),
      ...(pages.ok
        ? {
          top_pages: some(pages.value).map(({ name, visitors }) => ({ page: tellablePath(name), visitors })),
        }
        : {}),
    };
  }

  async #tellWindow(kind: WindowKind): Promise<StepEnd> {
    const { window, left_out_ms } = nextWindow(this.#state[kind], this.#ports.clock.now());
    if (window === null) return "done";
    const { api } = this.#ports;
    const asked = await (kind === "goals" ? api.goals(window) : api.customEvents(window));
    if (!asked.ok) return asked.error;
    this.#left_out_ms = Math.max(this.#left_out_ms, left_out_ms);
    const rest = untold(asked.value, window.told_to);
    for (const [index, { row, place }] of rest.entries()) {
      // What is told so far is durable: the next round goes on from there.
      if (this.#bounds.over.aborted) return "done";
      const told = index === rest.length - 1
        ? afterWindow(window)
        : { from: window.start, open: { ...window, told_to: place } };
      const payload = windowEvent(kind, row, { site_id: this.#site_id, window });
      if (!await this.#commit({ ...this.#state, [kind]: told }, payload)) return "lost";
    }
    if (rest.length === 0) this.#state = { ...this.#state, [kind]: afterWindow(window) };
    return "done";
  }

  async #findings(error: StatsError | null): Promise<Findings> {
    const stats_api = {
      reason: error?.kind ?? null,
      sentence: error === null ? "" : `It ${error.detail}.`,
    };
    if (!this.#settings.errors) return { stats_api };
    const health = await this.#ports.health();
    if (health.ok) {
      const { failing } = health.value;
      return {
        stats_api,
        plausible_health: failing.length === 0
          ? { reason: null, sentence: "" }
          : { reason: "not_ready", sentence: `Not well: ${failing.join(", ")}.` },
      };
    }
    // A Plausible that can't be reached at all is one trouble, and told as one.
    if (error !== null) return { stats_api };
    return {
      stats_api,
      plausible_health: { reason: health.error.kind, sentence: `It ${health.error.detail}.` },
    };
  }

  async #end(error: StatsError | null, findings: Findings): Promise<RoundEnd> {
    const now = this.#ports.clock.now();
    const troubles = afterFindings(this.#state.troubles, findings);
    const wait_ms = this.#bounds.waitAfter(troubles.stats_api.failures);
    let next: WatchState = {
      ...this.#state,
      lease: null,
      next_round_at: this.#started + wait_ms,
      last_round_at: now,
      last_error: error === null ? null : `The Stats API ${error.detail}`,
      troubles: this.#settings.errors ? troubles : untoldTroubles(troubles),
    };
    let told = false;
    for (;;) {
      const notice = this.#settings.errors
        ? dueNotice(next.troubles, findings, { site_id: this.#site_id, now })
        : null;
      if (notice === null) break;
      next = { ...next, troubles: notice.troubles };
      if (!await this.#commit(next, notice.payload)) return { kind: "lost" };
      told = true;
    }
    if (!told && !await this.#commit(next)) return { kind: "lost" };
    return { kind: "done", error, left_out_ms: this.#left_out_ms };
  }

  /** A round that was cut short is nobody's failure: another process takes it up. */
  async #handBack(): Promise<RoundEnd> {
    const next = { ...this.#state, lease: null, next_round_at: this.#ports.clock.now() };
    if (!await this.#commit(next)) return { kind: "lost" };
    return { kind: "done", error: null, left_out_ms: this.#left_out_ms };
  }

  /** Writes the state, with an event or without; false if it is not ours any more. */
  async #commit(next: WatchState, payload?: EventPayload): Promise<boolean> {
    const change = { site_id: this.#site_id, seen: this.#versionstamp, watch: next };
    const versionstamp =
      await (payload === undefined ? this.#ports.move(change) : this.#ports.accept(payload, change));
    if (versionstamp === null) return false;
    [this.#state, this.#versionstamp] = [next, versionstamp];
    return true;
  }
}

/**
 * Makes one round of one site.
 *
 * @param claimed The site, claimed by this process.
 * @param ports What it needs.
 * @param bounds What may end it, and when the next one is.
 * @returns How it ended.
 * @throws {AppError} `unavailable` if storage can't take what it brings: the next round goes on where this one was.
 */
export async function runRound(
  claimed: ClaimedWatch,
  ports: RoundPorts,
  bounds: RoundBounds,
): Promise<RoundEnd> {
  return await new Round(claimed, ports, bounds).run();
}
