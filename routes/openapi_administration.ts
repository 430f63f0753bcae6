/**
 * Sites as a whole, the audit and the counters in the OpenAPI document: their answers and operations.
 *
 * @module
 */
import { z } from "zod";
import { auditQuery, type ShownAuditEntry } from "../lib/audit.ts";
import { type RenamedSite, renameRequest } from "../lib/rename_site.ts";
import { type ShownSite, siteQuery } from "../lib/sites.ts";
import { type ShownStats, statQuery } from "../lib/stat_page.ts";
import { EXAMPLE_AUDIT, EXAMPLE_EVENT, EXAMPLE_IDS, EXAMPLE_STATS } from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { answer, answerOf, count, nextCursor, request, time, timeOrNull } from "./openapi_schema.ts";

const site = answerOf<ShownSite>()(
  "Site",
  z.strictObject({ site_id: z.string(), webhooks: count, last_event_at: timeOrNull }),
);
/** A page of sites. */
const sites = answer("SitePage", z.strictObject({ data: z.array(site), next_cursor: nextCursor }));

const newName = request("Rename", renameRequest);

/** What a site is called. */
const renamed = answerOf<RenamedSite>()(
  "RenamedSite",
  z.strictObject({
    site_id: z.string(),
    old_names: z.array(z.strictObject({ site_id: z.string(), accepted_until: time })).meta({
      description: "Those that are still accepted",
    }),
  }),
);

const entry = answerOf<ShownAuditEntry>()(
  "AuditEntry",
  z.strictObject({
    at: time,
    actor: z.string().meta({ description: "The id of a key, or environment, cli, tidings" }),
    action: z.string(),
    site_id: z.string().nullable(),
    subject: z.string(),
    changes: z.array(z.string()).meta({
      description: "The names of the fields that changed; of a recovery since=…, until=…, recovered=…",
    }),
  }),
);
/** A page of the audit. */
const audit = answer("AuditPage", z.strictObject({ data: z.array(entry), next_cursor: nextCursor }));

const row = answerOf<ShownStats>()(
  "Stats",
  z.strictObject({
    hour: time,
    site_id: z.string(),
    webhook_id: z.string().nullable().meta({ description: "Null: events of the site, whoever was told" }),
    accepted: count,
    attempts: count,
    delivered: count,
    retried: count,
    failed: count,
    blocked: count,
    gone: count,
    duration_ms_total: z.number().min(0),
  }),
);
/** A page of counters. */
const stats = answer("StatPage", z.strictObject({ data: z.array(row), next_cursor: nextCursor }));

const RENAMED: RenamedSite = {
  site_id: "new.example",
  old_names: [{ site_id: EXAMPLE_IDS.site_id, accepted_until: "2026-03-27T12:00:00.000Z" }],
};

/** What there is for administrators. */
export const ADMINISTRATION_OPERATIONS: Operations = {
  "GET /v1/sites": {
    id: "listSites",
    tag: "Administration",
    summary: "List the sites that something is stored for",
    access: "admin",
    query: siteQuery,
    answers: {
      200: {
        description: "A page, by name",
        body: {
          schema: sites,
          example: {
            data: [{ site_id: "example.com", webhooks: 1, last_event_at: EXAMPLE_EVENT.accepted_at }],
            next_cursor: null,
          },
        },
      },
    },
  },
  "DELETE /v1/sites/{site_id}": {
    id: "deleteSite",
    tag: "Administration",
    summary: "Remove all of a site for good",
    description:
      "Webhooks, events, deliveries, counters, and the access that keys have to it. Should it be cut " +
      "short, repeat it: it goes on.",
    access: "admin",
    answers: { 204: { description: "Nothing of it is stored any more" } },
    errors: ["nothing_stored", "old_name", "webhook_keeps_changing"],
  },
  "POST /v1/sites/{site_id}/rename": {
    id: "renameSite",
    tag: "Administration",
    summary: "Rename a site whose domain changes",
    description:
      "Webhooks with their secrets, history, counters, watch and keys stay as they are, under the new name. The old one is " +
      "accepted in every call but deletion for as long as is said. Repeated under the old name, it sets that time anew.",
    access: "admin",
    body: {
      schema: newName,
      refused: "missing_to",
      examples: { moved: { to: "new.example", accept_old_for_days: 30 } },
    },
    answers: { 200: { description: "What the site is called", body: { schema: renamed, example: RENAMED } } },
    errors: ["nothing_stored", "name_taken", "names_keep_changing"],
  },
  "GET /v1/audit": {
    id: "listAudit",
    tag: "Administration",
    summary: "List who changed what, newest first",
    access: "admin",
    query: auditQuery,
    answers: {
      200: {
        description: "A page",
        body: { schema: audit, example: { data: [EXAMPLE_AUDIT], next_cursor: null } },
      },
    },
  },
  "GET /v1/stats": {
    id: "listStats",
    tag: "Administration",
    summary: "Count events and attempts by the hour",
    description:
      "Of the last 24 hours, unless since says otherwise. Without site_id: of all sites, for admin only.",
    access: "read",
    query: statQuery,
    answers: {
      200: {
        description: "A page, by site, hour and webhook",
        body: { schema: stats, example: { data: [EXAMPLE_STATS], next_cursor: null } },
      },
    },
    errors: ["foreign_site"],
  },
};
