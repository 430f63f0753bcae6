/**
 * The document that an import reads: the one an export writes, with what a person may leave out of it.
 *
 * Owns its outer form. What the settings of a webhook may be is `webhook_settings.ts`.
 *
 * @module
 */
import { z } from "zod";
import { withAnyNames } from "./any_names.ts";
import { DOCUMENT_VERSION } from "./export.ts";
import { INPUT } from "./limits.ts";
import type { JsonObject } from "./merge_patch.ts";
import { siteIdSchema } from "./site_id.ts";

const sealed = z.strictObject({
  secrets: z.array(z.strictObject({ value: z.string(), expires_at: z.iso.datetime().nullable() }))
    .min(1).max(INPUT.secrets_max)
    .refine((secrets) => secrets.every(({ expires_at }, index) => (expires_at === null) === (index === 0)), {
      error: "must be newest first: the first without expires_at, the others with it",
    }),
  headers: withAnyNames(z.record(z.string(), z.string())),
});

const ignored = z.string().nullish().meta({ description: "Not read" });

/** What a webhook of the document has besides its settings. */
export const documentFields = {
  id: z.string().regex(/^wh_[0-9A-Z]{26}$/, "must be the id of a webhook"),
  sealed: sealed.nullish(),
  status: ignored,
  status_reason: ignored,
  created_at: ignored,
  updated_at: ignored,
};

/** What the document has besides its sites. */
export const frameFields = {
  version: z.literal(DOCUMENT_VERSION),
  exported_at: ignored,
  keys: z.array(z.unknown()).nullish().meta({ description: "Not read: keys are not imported" }),
};

const site = z.strictObject({
  site_id: siteIdSchema,
  webhooks: z.array(withAnyNames(z.looseObject(documentFields))),
});

/** The document, with settings still to be read; no site and no webhook is in it twice. */
export const documentSchema = z.strictObject({ ...frameFields, sites: z.array(site) }).superRefine(
  ({ sites }, context) => {
    const known_sites = new Set<string>();
    const known_ids = new Set<string>();
    const once = (known: Set<string>, text: string, path: (string | number)[]): void => {
      if (known.has(text)) {
        context.addIssue({ code: "custom", path, message: "must be in the document once" });
      }
      known.add(text);
    };
    for (const [index, { site_id, webhooks }] of sites.entries()) {
      once(known_sites, site_id, ["sites", index, "site_id"]);
      for (const [place, { id }] of webhooks.entries()) {
        once(known_ids, id, ["sites", index, "webhooks", place, "id"]);
      }
    }
  },
);

/**
 * The settings in a webhook of the document.
 *
 * @param webhook The webhook.
 * @returns Everything in it that is no field of the document itself, valid or not.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { settingsIn } from "./import_document.ts";
 * assertEquals(settingsIn({ id: "wh_…", status: "active", max_retries: 3 }), { max_retries: 3 });
 * ```
 */
export function settingsIn(webhook: object): JsonObject {
  return Object.fromEntries(Object.entries(webhook).filter(([name]) => !Object.hasOwn(documentFields, name)));
}
