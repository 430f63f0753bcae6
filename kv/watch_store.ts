/**
 * Watches in Deno KV: what is set, and what is remembered between rounds.
 *
 * Owns that a site's API key is sealed before it is written, and that a state changes only of what was read, in the commit
 * of the event it brings. Settings and state are two records, so that a round never writes what an owner set.
 *
 * @module
 */
import { z } from "zod";
import { AppError, BrokenRecord } from "../lib/errors.ts";
import { watchKeyPlace } from "../lib/secret.ts";
import type { StoredWatch, WatchChange, WatchStore } from "../lib/store.ts";
import { BUDGET_AT_FIRST, type WatchBudget, type WatchSettings, type WatchState } from "../lib/watch.ts";
import { createAuditRecords } from "./audit_store.ts";
import { keys } from "./keys.ts";
import type { Member } from "./member.ts";
import { stillItself } from "./name_store.ts";
import { codec } from "./records.ts";
import { SealError } from "./secret_box.ts";
import type { StoreParts } from "./webhook_store.ts";

const at = z.number();

/** What an owner set; the key is sealed. */
export const watchRecord = codec<WatchSettings>(
  "watch",
  z.object({
    visitors: z.boolean(),
    goals: z.boolean(),
    custom_events: z.boolean(),
    errors: z.boolean(),
    api_key: z.string().nullable(),
    interval_s: z.int().nullable(),
    updated_at: at,
  }),
);

const progress = z.object({
  from: at.nullable(),
  open: z.object({ start: at, end: at, told_to: z.string() }).nullable(),
});
const trouble = z.object({ failures: z.int(), told: z.boolean() });

/** What is remembered between rounds. */
export const watchStateRecord = codec<WatchState>(
  "watch state",
  z.object({
    lease: z.object({ owner: z.string(), until: at }).nullable(),
    next_round_at: at,
    last_round_at: at.nullable(),
    last_error: z.string().nullable(),
    goals: progress,
    custom_events: progress,
    troubles: z.object({ stats_api: trouble, plausible_health: trouble }),
  }),
);

/** The requests to Plausible. */
export const watchBudgetRecord = codec<WatchBudget>(
  "watch budget",
  z.object({
    minutes: z.array(z.tuple([z.int(), z.int()])),
    refusals: z.int(),
    held_until: at.nullable(),
  }),
);

/**
 * The part of a commit that changes the state of a watch.
 *
 * @param change The change.
 * @returns Its check and its write.
 */
export function watchWriting({ site_id, seen, watch }: WatchChange): Member {
  const key = keys.watchState(site_id);
  return {
    checks: [{ key, versionstamp: seen }],
    mutations: [{ kind: "set", key, value: watchStateRecord.encode(watch) }],
  };
}

/** No record has it. */
const NO_VERSIONSTAMP = "";
/** Conflicts in a row after which something is wrong: each of them means that someone else got through. */
const CONFLICTS_MAX = 100;

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share.
 * @returns Watches, their keys in the clear.
 */
export function createWatchStore(parts: StoreParts): WatchStore {
  const { db, committer, box, reader } = parts;
  const audit = createAuditRecords(parts);

  async function opened(site_id: string, settings: WatchSettings): Promise<WatchSettings> {
    if (settings.api_key === null) return settings;
    try {
      return { ...settings, api_key: await box.open(settings.api_key, watchKeyPlace(site_id)) };
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      throw new BrokenRecord("Cannot read a watch record: its API key can't be opened");
    }
  }

  async function sealed(site_id: string, settings: WatchSettings): Promise<WatchSettings> {
    if (settings.api_key === null) return settings;
    return { ...settings, api_key: await box.seal(settings.api_key, watchKeyPlace(site_id)) };
  }

  async function read(site_id: string): Promise<{ found: StoredWatch; versionstamp: string } | null> {
    const [settings, state] = await db.getMany<[Uint8Array, Uint8Array]>([
      keys.watch(site_id),
      keys.watchState(site_id),
    ]);
    if (settings.versionstamp === null || state.versionstamp === null) return null;
    const found = {
      site_id,
      settings: await opened(site_id, watchRecord.decode(settings.value)),
      state: { value: watchStateRecord.decode(state.value), versionstamp: state.versionstamp },
    };
    return { found, versionstamp: settings.versionstamp };
  }

  function budgetWriting({ value, versionstamp }: Awaited<ReturnType<WatchStore["watchBudget"]>>): Member {
    const key = keys.watchBudget();
    return {
      checks: [{ key, versionstamp: versionstamp === NO_VERSIONSTAMP ? null : versionstamp }],
      mutations: [{ kind: "set", key, value: watchBudgetRecord.encode(value) }],
    };
  }

  async function written(...members: readonly Member[]): Promise<string | null> {
    const result = await committer.commit({
      checks: members.flatMap(({ checks }) => checks),
      mutations: members.flatMap(({ mutations }) => mutations),
    });
    return result.ok ? result.versionstamp : null;
  }

  return {
    async watch(site_id) {
      return (await read(site_id))?.found ?? null;
    },

    async watches() {
      const states = new Map<string, StoredWatch["state"]>();
      for await (const entry of db.list<Uint8Array>({ prefix: keys.watchStates() })) {
        const value = reader.read(watchStateRecord, entry);
        if (value !== null) states.set(String(entry.key[1]), { value, versionstamp: entry.versionstamp });
      }
      const found: StoredWatch[] = [];
      for await (const entry of db.list<Uint8Array>({ prefix: keys.watchSites() })) {
        const site_id = String(entry.key[1]);
        const [settings, state] = [reader.read(watchRecord, entry), states.get(site_id)];
        if (settings !== null && state !== undefined) found.push({ site_id, settings, state });
      }
      return found;
    },

    async setWatch(site_id, decide) {
      const entry = audit.begin();
      const [key, state_key] = [keys.watch(site_id), keys.watchState(site_id)];
      for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
        const before = await read(site_id);
        const { settings, state, note } = decide(before?.found ?? null);
        const itself = await stillItself(db, site_id);
        const done = await audit.commit({
          checks: [
            { key, versionstamp: before?.versionstamp ?? null },
            { key: state_key, versionstamp: before?.found.state.versionstamp ?? null },
            itself,
          ],
          mutations: [
            { kind: "set", key, value: watchRecord.encode(await sealed(site_id, settings)) },
            { kind: "set", key: state_key, value: watchStateRecord.encode(state) },
          ],
        }, { entry, note });
        const after = done ? await read(site_id) : null;
        // Removed again, or moved on, since: what was set is the answer.
        if (done) {
          return { ...(after?.found ?? { site_id, state: { value: state, versionstamp: "" } }), settings };
        }
      }
      throw new AppError("conflict", "Cannot set the watch: it keeps changing");
    },

    async removeWatch(site_id, note) {
      const key = keys.watch(site_id);
      const entry = audit.begin();
      for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
        const { versionstamp } = await db.get(key);
        if (versionstamp === null) return false;
        const done = await audit.commit({
          checks: [{ key, versionstamp }],
          mutations: [{ kind: "delete", key }, { kind: "delete", key: keys.watchState(site_id) }],
        }, { entry, note });
        if (done) return true;
      }
      throw new AppError("conflict", "Cannot remove the watch: it keeps changing");
    },

    async moveWatch(change, budget) {
      return await written(watchWriting(change), ...(budget === undefined ? [] : [budgetWriting(budget)]));
    },

    async watchBudget() {
      const entry = await db.get<Uint8Array>(keys.watchBudget());
      return {
        value: reader.read(watchBudgetRecord, entry) ?? BUDGET_AT_FIRST,
        versionstamp: entry.versionstamp ?? NO_VERSIONSTAMP,
      };
    },

    async moveBudget(budget) {
      return await written(budgetWriting(budget)) !== null;
    },
  };
}
