/**
 * What an owner does with a watch: set, look, remove.
 *
 * Owns that a key is taken in and never given out, and that a change takes effect at once: a round that is under way ends
 * without a trace, and the next one is due now.
 *
 * @module
 */
import { type AuditAction, type AuditNote, changedFields } from "./audit.ts";
import { AppError } from "./errors.ts";
import type { PlausibleTarget } from "./plausible_target.ts";
import type { Clock } from "./ports.ts";
import type { StoredWatch, WatchStore } from "./store.ts";
import { validate } from "./validate.ts";
import { newWatchState, type ShownWatch, showWatch, watchInput, type WatchSettings } from "./watch.ts";

/** What these use cases need. */
export interface WatchPorts {
  readonly store: Pick<WatchStore, "watch" | "setWatch" | "removeWatch">;
  readonly clock: Pick<Clock, "now">;
  /** Null: none is set. */
  readonly plausible: Pick<PlausibleTarget, "interval_s"> | null;
  /** Has the watcher of this process look at once; other processes look within seconds. */
  wake(): void;
  /** Who does it. */
  readonly actor: string;
}

/** Why no site can be watched. */
export const NO_PLAUSIBLE = "must not be set while there is no Plausible to watch: set TIDINGS_PLAUSIBLE_URL";

function notWatched(): AppError {
  return new AppError("not_found", "Not found: this site is not watched");
}

function shown(watch: StoredWatch, { plausible }: Pick<WatchPorts, "plausible">): ShownWatch {
  const state = watch.state.value;
  return showWatch(watch.site_id, { settings: watch.settings, state }, plausible?.interval_s ?? null);
}

function note(action: AuditAction, site_id: string, actor: string, changes: readonly string[]): AuditNote {
  return { actor, action, site_id, subject: site_id, changes };
}

/** What an owner can see change. */
function fieldsOf(settings: WatchSettings | null): Record<string, unknown> {
  if (settings === null) return {};
  const { updated_at: _, ...fields } = settings;
  return fields;
}

/**
 * Sets the watch of a site, in place of the one it has. A key that is left out stays.
 *
 * @param site_id Whose.
 * @param input The body as received.
 * @param ports What it needs.
 * @returns The watch.
 * @throws {AppError} `validation_failed`, also while there is no Plausible to watch.
 */
export async function setWatch(site_id: string, input: unknown, ports: WatchPorts): Promise<ShownWatch> {
  const { api_key, ...wanted } = validate(watchInput, input);
  if (ports.plausible === null) {
    throw new AppError("validation_failed", "Cannot watch the site: there is no Plausible to watch", {
      errors: [{ path: "", message: NO_PLAUSIBLE }],
    });
  }
  const now = ports.clock.now();
  const watch = await ports.store.setWatch(site_id, (before) => {
    const settings = {
      ...wanted,
      api_key: api_key === undefined ? before?.settings.api_key ?? null : api_key,
      updated_at: now,
    };
    const changes = changedFields(fieldsOf(before?.settings ?? null), fieldsOf(settings));
    const state = before?.state.value ?? newWatchState(now);
    return {
      settings,
      state: changes.length === 0 ? state : { ...state, lease: null, next_round_at: now },
      note: note("watch.set", site_id, ports.actor, changes),
    };
  });
  ports.wake();
  return shown(watch, ports);
}

/**
 * Shows the watch of a site.
 *
 * @param site_id Whose.
 * @param ports What it needs.
 * @returns The watch.
 * @throws {AppError} `not_found`.
 */
export async function findWatch(
  site_id: string,
  ports: Pick<WatchPorts, "plausible"> & { readonly store: Pick<WatchStore, "watch"> },
): Promise<ShownWatch> {
  const watch = await ports.store.watch(site_id);
  if (watch === null) throw notWatched();
  return shown(watch, ports);
}

/**
 * Ends the watch of a site, and forgets how far it had come.
 *
 * @param site_id Whose.
 * @param ports What it needs.
 * @throws {AppError} `not_found`.
 */
export async function removeWatch(
  site_id: string,
  { store, actor }: Pick<WatchPorts, "actor"> & { readonly store: Pick<WatchStore, "removeWatch"> },
): Promise<void> {
  if (!await store.removeWatch(site_id, note("watch.removed", site_id, actor, []))) throw notWatched();
}
