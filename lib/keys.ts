/**
 * API keys: making, listing, revoking, and finding out who calls.
 *
 * Owns authentication. It must never keep or log a key: the text leaves once, when it is made.
 *
 * @module
 */
import { timingSafeEqual } from "@std/crypto";
import {
  type ApiKey,
  coversSite,
  grants,
  keyText,
  looksLikeKey,
  newKeySchema,
  type Permission,
  type Scope,
} from "./api_key.ts";
import { ACTOR } from "./audit.ts";
import { digestOf } from "./digest.ts";
import { AppError } from "./errors.ts";
import { TIME } from "./limits.ts";
import type { Clock, Ids } from "./ports.ts";
import type { SiteNames } from "./site_names.ts";
import type { KeyStore } from "./store.ts";
import { validate, validationError } from "./validate.ts";
import { isoOrNull } from "./iso.ts";

/** Who calls: what a key stands for. */
export type Caller = Pick<ApiKey, "id" | "scope" | "sites">;

/** A key as it is shown: everything but the key. */
export interface ShownKey {
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
  readonly sites: readonly string[];
  readonly expires_at: string | null;
  readonly created_at: string;
  readonly last_used_at: string | null;
}

/** What managing keys needs. */
export interface KeyPorts {
  readonly store: Pick<KeyStore, "addKey" | "keys" | "removeKey">;
  readonly names: Pick<SiteNames, "siteOf">;
  readonly clock: Pick<Clock, "now">;
  readonly ids: Ids;
  /** Who does it: the id of an API key, or one of `ACTOR`. */
  readonly actor: string;
}

const SECRET_BYTES = 24;
/** A key's last use is noted at most this often: a write a request would be too many. */
const TOUCH_MS = TIME.MINUTE_MS;

/**
 * A key as the API shows it.
 *
 * @param key The stored key.
 * @returns Its fields, without its hash.
 */
export function showKey(key: ApiKey): ShownKey {
  return {
    id: key.id,
    name: key.name,
    scope: key.scope,
    sites: key.sites,
    expires_at: isoOrNull(key.expires_at),
    created_at: new Date(key.created_at).toISOString(),
    last_used_at: isoOrNull(key.last_used_at),
  };
}

/**
 * Makes a key.
 *
 * @param input The body of `POST /v1/keys`.
 * @param ports What it needs.
 * @returns The key as shown, and its text, which is nowhere else.
 * @throws {AppError} `validation_failed`.
 */
export async function createKey(input: unknown, ports: KeyPorts): Promise<ShownKey & { key: string }> {
  const { name, scope, sites, expires_at } = validate(newKeySchema, input);
  const now = ports.clock.now();
  const expires = expires_at === null ? null : Date.parse(expires_at);
  if (expires !== null && expires <= now) {
    throw validationError([{ path: "/expires_at", message: "must be in the future" }]);
  }
  const id = ports.ids.ulid(now);
  const text = keyText(id, ports.ids.secretBytes(SECRET_BYTES));
  const key: ApiKey = {
    id,
    hash: digestOf(text),
    name,
    scope,
    sites: [...new Set(sites.map((name) => ports.names.siteOf(name)))],
    expires_at: expires,
    created_at: now,
    last_used_at: null,
  };
  const { actor } = ports;
  await ports.store.addKey(key, { actor, action: "key.created", site_id: null, subject: id, changes: [] });
  return { ...showKey(key), key: text };
}

/**
 * Lists the keys.
 *
 * @param ports What it needs.
 * @returns All keys as shown, oldest first; expired ones too.
 */
export async function listKeys(ports: Pick<KeyPorts, "store">): Promise<ShownKey[]> {
  return (await ports.store.keys()).map(showKey);
}

/**
 * Revokes a key, in every process within two seconds.
 *
 * @param id The key's id.
 * @param ports What it needs.
 * @throws {AppError} `not_found`.
 */
export async function revokeKey(id: string, ports: KeyPorts): Promise<void> {
  // Anything else is no key's id, and may be longer than storage can be asked for.
  const known = /^[0-9A-Za-z]{1,64}$/.test(id);
  const { actor } = ports;
  const note = { actor, action: "key.revoked", site_id: null, subject: id, changes: [] } as const;
  if (!known || !await ports.store.removeKey(id, note)) {
    throw new AppError("not_found", "Cannot revoke the key: there is none with this id");
  }
}

/**
 * Makes the function that finds out who calls.
 *
 * @param ports Where keys are, and the key of the environment, if there is one.
 * @returns A function from the text after `Bearer ` to the caller, or null for nobody. A key is read at every call, so a
 * revoked one ends at once; its last use is noted at most once a minute.
 */
export function createAuthenticator(
  ports: {
    store: Pick<KeyStore, "keyByHash" | "touchKey">;
    clock: Pick<Clock, "now">;
    admin_key: string | null;
  },
): (text: string) => Promise<Caller | null> {
  const { store, clock, admin_key } = ports;
  const encoder = new TextEncoder();
  const admin_hash = admin_key === null ? null : encoder.encode(digestOf(admin_key));
  /** Keys being read: who comes with the same one meanwhile shares the look, and none is kept beyond it. */
  const reading = new Map<string, Promise<ApiKey | null>>();

  function keyOf(hash: string): Promise<ApiKey | null> {
    const under_way = reading.get(hash);
    if (under_way !== undefined) return under_way;
    const look = store.keyByHash(hash).finally(() => reading.delete(hash));
    reading.set(hash, look);
    return look;
  }

  return async (text) => {
    const hash = digestOf(text);
    // Hashes are compared and not keys: they have one length, so the time says nothing about the key.
    if (admin_hash !== null && timingSafeEqual(admin_hash, encoder.encode(hash))) {
      return { id: ACTOR.environment, scope: "admin", sites: ["*"] };
    }
    if (!looksLikeKey(text)) return null;
    const key = await keyOf(hash);
    if (key === null || !timingSafeEqual(encoder.encode(key.hash), encoder.encode(hash))) return null;
    const now = clock.now();
    if (key.expires_at !== null && key.expires_at <= now) return null;
    if (now - (key.last_used_at ?? 0) >= TOUCH_MS) {
      // Nobody waits for it, and a storage that can't take it must not refuse the caller.
      store.touchKey(hash, now).catch(() => {});
    }
    return key;
  };
}

/**
 * Refuses a caller who may not do something.
 *
 * @param caller Who calls.
 * @param permission What for.
 * @param site_id The site it concerns, if any: a foreign one does not exist for the caller.
 * @throws {AppError} `not_found` for a foreign site, `forbidden` for a missing scope.
 */
export function authorize(caller: Caller, permission: Permission, site_id: string | null): void {
  if (site_id !== null && !coversSite(caller, site_id)) {
    throw new AppError("not_found", "Not found");
  }
  if (!grants(caller.scope, permission)) {
    throw new AppError("forbidden", `This key may not do that: its scope is ${caller.scope}`);
  }
}
