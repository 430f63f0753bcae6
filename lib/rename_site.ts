/**
 * Renaming a site, as when its domain changes: everything stays as it is, found and told under the new name.
 *
 * Owns the answer and what is told of it. Nothing is moved (docs/decisions/0011-renamed-sites.md), so there is nothing to be
 * cut short.
 *
 * @module
 */
import { z } from "zod";
import type { Directory } from "./directory.ts";
import { AppError } from "./errors.ts";
import { INPUT, TIME } from "./limits.ts";
import type { Clock } from "./ports.ts";
import { siteIdSchema } from "./site_id.ts";
import type { Store } from "./store.ts";
import { validate } from "./validate.ts";

/** The body of a rename. */
export const renameRequest = z.strictObject({
  to: siteIdSchema,
  accept_old_for_days: z.int().min(0).max(INPUT.old_name_days_max).default(INPUT.old_name_days_default),
});

/** What a site is called, as the API shows it. */
export interface RenamedSite {
  readonly site_id: string;
  /** Those that are still accepted. */
  readonly old_names: readonly { readonly site_id: string; readonly accepted_until: string }[];
}

/** What renaming needs. */
export interface RenamePorts {
  readonly store: Pick<Store, "siteExists" | "renameSite">;
  readonly directory: Pick<Directory, "names" | "invalidate">;
  readonly clock: Pick<Clock, "now">;
  /** Who does it. */
  readonly actor: string;
}

/**
 * Renames a site. Repeated, it changes nothing but, under the old name, how long that is accepted.
 *
 * @param site_id Which, as it is stored.
 * @param called The name in the request: today's, or an old one.
 * @param input The body.
 * @param ports What it needs.
 * @returns What the site is called after it.
 * @throws {AppError} `validation_failed`, `not_found`; `conflict` if the name is another site's.
 */
export async function renameSite(
  { site_id, called }: { readonly site_id: string; readonly called: string },
  input: unknown,
  { store, directory, clock, actor }: RenamePorts,
): Promise<RenamedSite> {
  const { to, accept_old_for_days: days } = validate(renameRequest, input);
  const { names } = directory;
  if (names.oldNamesOf(site_id).length === 0 && !await store.siteExists(site_id)) {
    throw new AppError("not_found", "Not found: nothing is stored for this site");
  }
  const now = clock.now();
  const from = names.nameOf(site_id);
  await store.renameSite({ site: site_id, called, to, until: now + days * TIME.DAY_MS, now }, {
    actor,
    action: "site.renamed",
    site_id,
    subject: site_id,
    changes: [`from=${from === to ? called : from}`, `to=${to}`, `accept_old_for_days=${days}`],
  });
  await names.read();
  directory.invalidate();
  return {
    site_id: to,
    old_names: names.oldNamesOf(site_id).map(({ name, until }) => ({
      site_id: name,
      accepted_until: new Date(until).toISOString(),
    })),
  };
}
