/**
 * API keys: what they look like, and what each scope may do.
 *
 * Owns the rule who may do what. It must never keep a key itself: only its SHA-256 is stored.
 *
 * @module
 */
import { z } from "zod";
import { siteIdSchema } from "./site_id.ts";

/** What a key is for. */
export const SCOPES = ["read", "ingest", "manage", "metrics", "admin"] as const;
/** What a key is for. */
export type Scope = typeof SCOPES[number];

/** An API key as stored. */
export interface ApiKey {
  readonly id: string;
  /** SHA-256 of the whole key, in hex. */
  readonly hash: string;
  readonly name: string;
  readonly scope: Scope;
  /** The sites it is for; `["*"]`: all. */
  readonly sites: readonly string[];
  readonly expires_at: number | null;
  readonly created_at: number;
  readonly last_used_at: number | null;
}

/** What a caller may want to do. */
export type Permission = "read" | "manage" | "ingest" | "metrics" | "admin";

const GRANTS = {
  read: ["read"],
  ingest: ["ingest"],
  manage: ["read", "manage"],
  metrics: ["metrics"],
  admin: ["read", "manage", "ingest", "metrics", "admin"],
} as const satisfies Record<Scope, readonly Permission[]>;

/**
 * Whether a scope includes a permission.
 *
 * @param scope The key's scope.
 * @param permission What the caller wants.
 * @returns Whether it may.
 *
 * @example
 * ```ts
 * import { assert, assertFalse } from "@std/assert";
 * import { grants } from "./api_key.ts";
 * assert(grants("manage", "read"));
 * assertFalse(grants("ingest", "read"));
 * ```
 */
export function grants(scope: Scope, permission: Permission): boolean {
  return (GRANTS[scope] as readonly Permission[]).includes(permission);
}

/**
 * Whether a key is for a site. An `admin` key is for every site.
 *
 * @param key The key's scope and sites.
 * @param site_id A normalised site id.
 * @returns Whether the site exists for this caller.
 */
export function coversSite(key: Pick<ApiKey, "scope" | "sites">, site_id: string): boolean {
  return key.scope === "admin" || key.sites.includes("*") || key.sites.includes(site_id);
}

/** The body of `POST /v1/keys`. */
export const newKeySchema = z.strictObject({
  name: z.string().min(1).max(100),
  scope: z.enum(SCOPES),
  sites: z.array(z.union([z.literal("*"), siteIdSchema])).max(1000).default([]),
  expires_at: z.iso.datetime({ offset: true }).nullable().default(null),
}).superRefine(({ scope, sites }, context) => {
  const bySite = scope === "read" || scope === "ingest" || scope === "manage";
  if (bySite && sites.length === 0) {
    context.addIssue({ code: "custom", path: ["sites"], message: 'must name at least one site, or "*"' });
  }
});

const KEY_FORM = /^tdk_([A-Za-z0-9]{1,64})_([A-Za-z0-9]{1,128})$/;

/**
 * Whether a text has the form of a key, so that nothing else is hashed and looked up.
 *
 * @param text What followed `Bearer `.
 * @returns Whether it may be a key.
 */
export function looksLikeKey(text: string): boolean {
  return KEY_FORM.test(text);
}

/**
 * Writes the text of a new key.
 *
 * @param id The key's id, of `[A-Za-z0-9]`.
 * @param secret_bytes Cryptographically strong bytes.
 * @returns `tdk_<id>_<secret>`.
 */
export function keyText(id: string, secret_bytes: Uint8Array): string {
  return `tdk_${id}_${secret_bytes.toHex()}`;
}
