/**
 * Who changed what: the record of every change of configuration, and of what else an owner wants on record.
 *
 * Owns what an entry says: names of fields, never their values. An entry is written in the commit of the change it
 * tells of, so that neither is ever without the other; of what is no single commit, before it begins.
 *
 * @module
 */
import { z } from "zod";
import { isoOrNull } from "./iso.ts";
import { isJsonObject, type JsonObject } from "./merge_patch.ts";
import { pageFields } from "./page.ts";
import type { AuditStore } from "./store.ts";
import { validate } from "./validate.ts";

/** What is told. */
export const AUDIT_ACTIONS = [
  "webhook.created",
  "webhook.changed",
  "webhook.secret_rotated",
  "webhook.paused",
  "webhook.resumed",
  "webhook.deleted",
  "webhook.recovered",
  "delivery.redelivered",
  "key.created",
  "key.changed",
  "key.revoked",
  "watch.set",
  "watch.removed",
  "site.renamed",
  "site.deleted",
  "secrets.exported",
] as const;
/** What was done. */
export type AuditAction = typeof AUDIT_ACTIONS[number];

/** Who acts where no API key does: Tidings itself, or whoever has the database at hand. */
export const ACTOR = { tidings: "tidings", command_line: "cli", environment: "environment" } as const;

/** What is told of a change; storage adds when and an id. */
export interface AuditNote {
  /** The id of an API key, or one of {@linkcode ACTOR}. */
  readonly actor: string;
  readonly action: AuditAction;
  /** The site it concerns; null for what belongs to no site. */
  readonly site_id: string | null;
  /** The id of what it was done to; `*` for all there is. */
  readonly subject: string;
  /**
   * The names of the fields that changed, such as `filters.goals`; empty where the action says it all. Of a recovery what
   * it was asked for and what came of it, such as `recovered=12`.
   */
  readonly changes: readonly string[];
}

/**
 * What is told of a change of a webhook.
 *
 * @param webhook The webhook.
 * @param action What was done.
 * @param by Who did it, and the names of the fields that changed.
 * @returns The note.
 */
export function webhookNote(
  { site_id, id }: { readonly site_id: string; readonly id: string },
  action: AuditAction,
  { actor, changes = [] }: { readonly actor: string; readonly changes?: readonly string[] },
): AuditNote {
  return { actor, action, site_id, subject: id, changes };
}

/** When an entry is of and what it is called. */
export interface AuditId {
  /** A ULID of its time. */
  readonly id: string;
  readonly at: number;
}

/** An entry as stored. What a later release writes may have actions that this one does not know. */
export interface AuditEntry extends Omit<AuditNote, "action">, AuditId {
  readonly action: string;
}

/** An entry as the API shows it. */
export interface ShownAuditEntry {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly site_id: string | null;
  readonly subject: string;
  readonly changes: readonly string[];
}

/** The query parameters of the list. */
export const auditQuery = z.strictObject({
  ...pageFields,
  cursor: z.string().regex(/^[0-9A-Z]{26}$/, "must be the next_cursor of a page before").optional(),
});

/**
 * Lists what was changed, newest first.
 *
 * @param query The query parameters as received.
 * @param store Where.
 * @returns A page; `next_cursor` is null at the end.
 * @throws {AppError} `validation_failed` for an unknown parameter or a bad value.
 */
export async function listAudit(
  query: Readonly<Record<string, string>>,
  store: Pick<AuditStore, "auditPage">,
): Promise<{ data: ShownAuditEntry[]; next_cursor: string | null }> {
  const { since, until, limit, cursor } = validate(auditQuery, query);
  const page = await store.auditPage({
    since: since ?? null,
    until: until ?? null,
    limit,
    before: cursor ?? null,
  });
  return { data: page.entries.map(showEntry), next_cursor: page.next };
}

function showEntry({ at, actor, action, site_id, subject, changes }: AuditEntry): ShownAuditEntry {
  return { at: isoOrNull(at) ?? "", actor, action, site_id, subject, changes };
}

/**
 * The names of the fields in which two objects differ.
 *
 * @param before What was.
 * @param after What is.
 * @returns Names in the order of `after`, then those that are gone; what lies inside an object is named with a dot, what
 * lies inside a list is not told apart.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { changedFields } from "./audit.ts";
 * const before = { url: "a", filters: { goals: ["x"] }, headers: { "X-Team": "1" } };
 * const after = { url: "a", filters: { goals: [] }, headers: {} };
 * assertEquals(changedFields(before, after), ["filters.goals", "headers.X-Team"]);
 * ```
 */
export function changedFields(before: JsonObject, after: JsonObject): string[] {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...now.keys(), ...old.keys()])].flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)];
    if (isJsonObject(was) && isJsonObject(is)) {
      return changedFields(was, is).map((inner) => `${name}.${inner}`);
    }
    return JSON.stringify(was) === JSON.stringify(is) ? [] : [name];
  });
}
