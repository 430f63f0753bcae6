/**
 * Which processes work on the database, and whether their clocks and ours agree.
 *
 * Owns the judgement of both. What counts is that a beat changes while it is watched: a process that died or was stopped
 * leaves one behind that never does, and its age says nothing about a clock.
 *
 * @module
 */
import { LEASE, TIME } from "../lib/limits.ts";
import type { InstanceBeat } from "../lib/store.ts";
import { type Check, fail, ok, warn } from "./checks.ts";
import type { Running } from "./examine_running.ts";

/** A process that once said that it lives. */
export interface ProcessBeat extends InstanceBeat {
  /** When it was started, by its own clock: the time in its id. */
  readonly started_at: number;
}

/** A process that lives. */
export interface Process {
  readonly id: string;
  readonly started_at: number;
  /** How far its clock is ahead of ours at least; negative: behind; 0: no difference can be told. */
  readonly ahead_ms: number;
}

/** What watching came to. */
export interface Processes {
  /** Those whose beats changed meanwhile. */
  readonly living: readonly Process[];
  /** All that left a beat, dead or alive. */
  readonly ids: ReadonlySet<string>;
}

/** What watching needs. */
export interface WatchBeatsPorts {
  readonly beats: () => Promise<readonly ProcessBeat[]>;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/** Three beats: one may be late. */
const WATCH_MS_MAX = 3 * LEASE.beat_ms;
const LOOK_MS = 250;

/**
 * Watches until every process that left a beat has left another, or was given the time to.
 *
 * @param ports Where beats are, and the time.
 * @returns Who lives. At once, if nobody ever did.
 */
export async function watchBeats({ beats, now, wait }: WatchBeatsPorts): Promise<Processes> {
  let since = now();
  const until = since + WATCH_MS_MAX;
  const first = new Map((await beats()).map(({ id, versionstamp }) => [id, versionstamp]));
  const ids = new Set(first.keys());
  const living = new Map<string, Process>();
  while (living.size < ids.size && now() < until) {
    await wait(LOOK_MS);
    const looked_at = now();
    const found = await beats();
    const by = now();
    for (const { id, versionstamp, at, started_at } of found) {
      ids.add(id);
      if (living.has(id) || first.get(id) === versionstamp) continue;
      // By our clock it was written after the look before this one and before the end of this one.
      living.set(id, { id, started_at, ahead_ms: Math.max(at - by, 0) - Math.max(since - at, 0) });
    }
    since = looked_at;
  }
  return { living: [...living.values()], ids };
}

/**
 * Who works on the database, and who answers where the configuration says.
 *
 * @param answering Who answered a moment ago; null if that can't be told.
 * @param ports What watching needs, and how to ask again: it may have been started anew since.
 * @returns Both, as they were at the same time.
 */
export async function whoWorks(
  answering: Running | null,
  { ask, ...ports }: WatchBeatsPorts & { readonly ask: () => Promise<Running | null> },
): Promise<{ processes: Processes; answering: Running | null }> {
  const processes = await watchBeats(ports);
  const instance = answering?.instance ?? null;
  if (instance === null || processes.ids.has(instance)) return { processes, answering };
  const again = await ask();
  return { processes: await watchBeats(ports), answering: again };
}

/** A beat is stamped before it is committed, and a commit may wait for a lock: less than that tells nothing. */
const AHEAD_MS_WARN = 10 * TIME.SECOND_MS;
/** Beyond it leases end before their time, and two processes send the same. */
const AHEAD_MS_FAIL = LEASE.margin_ms;

/**
 * What is wrong with those who work on the database.
 *
 * @param processes Who they are.
 * @param context Which database it is, and who listens where the configuration says; null if that can't be told.
 * @returns One check at least if anybody works on it.
 */
export function processChecks(
  { living, ids }: Processes,
  { place, running }: { readonly place: string; readonly running: Running | null },
): Check[] {
  const clocks = living.flatMap(clockTrouble);
  const instance = running?.instance ?? null;
  if (instance !== null && !ids.has(instance)) return [...clocks, elsewhere(place)];
  if (instance !== null && !living.some(({ id }) => id === instance)) {
    return [
      ...clocks,
      warn(
        "processes",
        `the service has not said for ${WATCH_MS_MAX / TIME.SECOND_MS} s that it lives, so it starts no send`,
        "It can't write, or has just ended: ask it GET /readyz, and look again.",
      ),
    ];
  }
  if (living.length === 0 || clocks.length > 0) return clocks;
  return [ok("processes", `${living.length} on this database, by the same clock`)];
}

/**
 * What to say where the service that was asked works on another database.
 *
 * @param place The database that was looked at.
 * @returns One check.
 */
export function elsewhere(place: string): Check {
  return fail(
    "service",
    `the one that answers works on another database than ${place}, where this command looks`,
    "Both must have the same TIDINGS_KV, best an absolute path: another begins at the folder that each is started in.",
  );
}

function clockTrouble({ id, ahead_ms }: Process): Check[] {
  const apart_ms = Math.abs(ahead_ms);
  if (apart_ms <= AHEAD_MS_WARN) return [];
  const apart_s = Math.round(apart_ms / TIME.SECOND_MS);
  const detail = `that of the process ${id} on this database is ${apart_s} s ${
    ahead_ms > 0 ? "ahead of" : "behind"
  } this machine's`;
  return [
    (apart_ms > AHEAD_MS_FAIL ? fail : warn)(
      "clock",
      detail,
      "Let NTP keep the clocks of all machines. If it runs on this one, the clock was set back while it did: restart it.",
    ),
  ];
}
