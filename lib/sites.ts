/**
 * Sites as a whole: which there are, and removing all of one for good, as when a domain changes hands.
 *
 * Owns the order in which a site goes: first nothing more is sent, then nobody has access, then everything is removed.
 * Cut short at any point it can be begun again, and the site exists until the last of it is gone.
 *
 * @module
 */
import { z } from "zod";
import type { ApiKey } from "./api_key.ts";
import type { Directory } from "./directory.ts";
import { AppError } from "./errors.ts";
import { isoOrNull } from "./iso.ts";
import { pageFields } from "./page.ts";
import type { Clock } from "./ports.ts";
import { storedSiteSchema } from "./site_names.ts";
import type { Stats } from "./stats.ts";
import type { Store } from "./store.ts";
import { validate } from "./validate.ts";
import { deleteWebhook } from "./webhooks.ts";

/** A site as the API shows it. */
export interface ShownSite {
  readonly site_id: string;
  /** How many webhooks it has. */
  readonly webhooks: number;
  /** When the newest of its events that are kept was accepted. */
  readonly last_event_at: string | null;
}

/** The query parameters of the list. */
export const siteQuery = z.strictObject({ limit: pageFields.limit, cursor: storedSiteSchema.optional() });

/**
 * Lists the sites that something is stored for.
 *
 * @param query The query parameters as received.
 * @param store Where.
 * @returns A page in the order of their ids; `next_cursor` is null at the end. A page may be short while it is set.
 * @throws {AppError} `validation_failed` for an unknown parameter or a bad value.
 */
export async function listSites(
  query: Readonly<Record<string, string>>,
  store: Pick<Store, "sitePage">,
): Promise<{ data: ShownSite[]; next_cursor: string | null }> {
  const { limit, cursor } = validate(siteQuery, query);
  const { sites, next } = await store.sitePage(limit, cursor ?? null);
  const data = sites.map((site) => ({ ...site, last_event_at: isoOrNull(site.last_event_at) }));
  return { data, next_cursor: next };
}

/** While events keep coming there is always something left: the second pass finds what came during the first. */
const PASSES_MAX = 3;

/** What deleting a site needs. */
export interface SitePorts {
  readonly store: Pick<
    Store,
    | "siteExists"
    | "beginSiteDeletion"
    | "wipeSite"
    | "endSiteDeletion"
    | "webhookIdsOf"
    | "changeWebhook"
    | "keys"
    | "changeKey"
    | "removeKey"
  >;
  readonly directory: Pick<Directory, "invalidate" | "names">;
  /** Null outside the service: then there are no counters in memory. */
  readonly stats: Pick<Stats, "forget"> | null;
  readonly clock: Pick<Clock, "now">;
  /** Who does it. */
  readonly actor: string;
}

/**
 * Deletes a site: its webhooks, events, deliveries, counters, and the access that keys have to it.
 *
 * @param site_id Which.
 * @param ports What it needs.
 * @throws {AppError} `not_found` if there is nothing of it; `unavailable`: what is done is done, and repeating the call
 * goes on.
 */
export async function deleteSite(site_id: string, ports: SitePorts): Promise<void> {
  const { store, directory, stats, actor } = ports;
  if (directory.names.oldNamesOf(site_id).length === 0 && !await store.siteExists(site_id)) {
    throw new AppError("not_found", "Not found: nothing is stored for this site");
  }
  await store.beginSiteDeletion(site_id);
  await deleteWebhooks(site_id, ports);
  await takeFromKeys(site_id, ports);
  // An event may have been accepted meanwhile, by who knew the webhooks as they were. One that comes even later belongs
  // to whoever has the site then; should it have a delivery, that finds no webhook and ends.
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const removed = await store.wipeSite(site_id);
    // After the deliveries: nothing more is recorded, so nothing more is counted. What was written is found next.
    await stats?.forget(site_id);
    if (removed === 0) break;
  }
  await store.endSiteDeletion(site_id, {
    actor,
    action: "site.deleted",
    site_id,
    subject: site_id,
    changes: [],
  });
  await directory.names.read();
  directory.invalidate();
}

/** Marks all webhooks as deleted, so that nothing is sent while the rest goes. */
async function deleteWebhooks(site_id: string, ports: SitePorts): Promise<void> {
  for (const webhook_id of await ports.store.webhookIdsOf(site_id)) {
    try {
      await deleteWebhook({ site_id, webhook_id }, ports);
    } catch (error) {
      // It is deleted already: by its owner, or before this was cut short.
      if (!(error instanceof AppError && error.code === "not_found")) throw error;
    }
  }
}

/** Takes a site out of the lists of keys: whoever owns the domain next must not be read by who owned it before. */
async function takeFromKeys(site_id: string, { store, directory, actor }: SitePorts): Promise<void> {
  const means = (site: string): boolean => directory.names.meant([site]).includes(site_id);
  const without = ({ sites }: ApiKey): string[] => sites.filter((site) => !means(site));
  for (const key of await store.keys()) {
    if (!key.sites.some(means)) continue;
    const by_site = key.scope !== "admin" && key.scope !== "metrics";
    if (by_site && without(key).length === 0) {
      const note = { actor, action: "key.revoked", site_id, subject: key.id, changes: [] } as const;
      await store.removeKey(key.id, note);
    } else {
      const note = { actor, action: "key.changed", site_id, subject: key.id, changes: ["sites"] } as const;
      await store.changeKey(key.id, (now) => ({ ...now, sites: without(now) }), note);
    }
  }
}
