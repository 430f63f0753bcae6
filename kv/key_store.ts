/**
 * API keys in Deno KV, found by the hash of the key.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import type { KeyStore } from "../lib/store.ts";
import { createAuditRecords } from "./audit_store.ts";
import { keys } from "./keys.ts";
import { apiKeyIdRecord, apiKeyRecord } from "./records.ts";
import type { StoreParts } from "./webhook_store.ts";

/**
 * Makes this part of the store.
 *
 * @param parts What the parts of the room share.
 * @returns The API keys.
 */
/** Conflicts in a row after which something is wrong: each of them means that someone else got through. */
const CONFLICTS_MAX = 100;

export function createKeyStore(parts: StoreParts): KeyStore {
  const { db, committer, reader } = parts;
  const audit = createAuditRecords(parts);

  async function byHash(hash: string): Promise<ReturnType<typeof apiKeyRecord.decode> | null> {
    return reader.read(apiKeyRecord, await db.get<Uint8Array>(keys.apiKey(hash)));
  }

  return {
    async addKey(key, note) {
      const added = await audit.commit({
        checks: [{ key: keys.apiKeyId(key.id), versionstamp: null }],
        mutations: [
          { kind: "set", key: keys.apiKey(key.hash), value: apiKeyRecord.encode(key) },
          { kind: "set", key: keys.apiKeyId(key.id), value: apiKeyIdRecord.encode({ hash: key.hash }) },
          { kind: "sum", key: keys.version(), amount: 1n },
        ],
      }, { entry: audit.begin(), note });
      // The caller is about to show a key: never one that was not stored.
      if (!added) throw new AppError("conflict", "Cannot add the key: its id is taken");
    },

    keyByHash: byHash,

    async keys() {
      const hashes: string[] = [];
      for await (const entry of db.list<Uint8Array>({ prefix: keys.apiKeyIds() })) {
        const id = reader.read(apiKeyIdRecord, entry);
        if (id !== null) hashes.push(id.hash);
      }
      const found = await Promise.all(hashes.map(byHash));
      return found.filter((key) => key !== null);
    },

    async removeKey(id, note) {
      const entry = await db.get<Uint8Array>(keys.apiKeyId(id));
      if (entry.versionstamp === null) return false;
      const { hash } = apiKeyIdRecord.decode(entry.value);
      // A failed check: someone else removed it at the same moment.
      return await audit.commit({
        checks: [{ key: keys.apiKeyId(id), versionstamp: entry.versionstamp }],
        mutations: [
          { kind: "delete", key: keys.apiKey(hash) },
          { kind: "delete", key: keys.apiKeyId(id) },
          { kind: "sum", key: keys.version(), amount: 1n },
        ],
      }, { entry: audit.begin(), note });
    },

    async changeKey(id, change, note) {
      const id_entry = await db.get<Uint8Array>(keys.apiKeyId(id));
      if (id_entry.versionstamp === null) return;
      const key = keys.apiKey(apiKeyIdRecord.decode(id_entry.value).hash);
      const entry = audit.begin();
      for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
        const found = await db.get<Uint8Array>(key);
        const changed = found.versionstamp === null ? null : change(apiKeyRecord.decode(found.value));
        if (changed === null) return;
        const written = await audit.commit({
          checks: [{ key, versionstamp: found.versionstamp }],
          mutations: [
            { kind: "set", key, value: apiKeyRecord.encode(changed) },
            { kind: "sum", key: keys.version(), amount: 1n },
          ],
        }, { entry, note });
        if (written) return;
      }
      throw new AppError("conflict", `Cannot change key ${id}: it keeps changing`);
    },

    async touchKey(hash, at) {
      const key = keys.apiKey(hash);
      const entry = await db.get<Uint8Array>(key);
      if (entry.versionstamp === null) return;
      const value = apiKeyRecord.encode({ ...apiKeyRecord.decode(entry.value), last_used_at: at });
      // Checked, so that a key revoked at this moment does not come back.
      await committer.commit({
        checks: [{ key, versionstamp: entry.versionstamp }],
        mutations: [{ kind: "set", key, value }],
      });
    },
  };
}
