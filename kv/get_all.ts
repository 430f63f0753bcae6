/**
 * Reads of many keys: Deno KV gives ten at a time.
 *
 * @module
 */
import { KV } from "../lib/limits.ts";
import type { Database } from "./database.ts";
import type { Key } from "./keys.ts";

/**
 * Reads keys, however many.
 *
 * @param db The database.
 * @param all The keys.
 * @returns An entry for each, in their order; ten of them are of one moment, no more.
 */
export async function getAll(
  db: Pick<Database, "getMany">,
  all: readonly Key[],
): Promise<Deno.KvEntryMaybe<Uint8Array>[]> {
  const chunks: Promise<Deno.KvEntryMaybe<Uint8Array>[]>[] = [];
  for (let from = 0; from < all.length; from += KV.get_many_max) {
    chunks.push(db.getMany<Uint8Array[]>(all.slice(from, from + KV.get_many_max)));
  }
  return (await Promise.all(chunks)).flat();
}
