/**
 * Part of the store's contract: API keys.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { SiteNames } from "../../lib/site_names.ts";
import { createKey } from "../../lib/keys.ts";
import { SAMPLE_AT, sampleApiKey, sampleUlid } from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { allEntries, keysBelow, rawText } from "./store_contract_state.ts";

/** Registers this part. */
export function testKeys(test: ContractTest): void {
  test("keyByHash() finds a key that was added, and no other", async ({ store }) => {
    const key = sampleApiKey(1, { expires_at: SAMPLE_AT + 1000, scope: "read", sites: ["*"] });
    await store.addKey(key);
    assertEquals(await store.keyByHash(key.hash), key);
    assertEquals(await store.keyByHash(sampleApiKey(2).hash), null);
  });

  test("keys() lists all, oldest first", async ({ store }) => {
    assertEquals(await store.keys(), []);
    for (const n of [3, 1, 2]) await store.addKey(sampleApiKey(n, { hash: `${9 - n}`.repeat(64) }));
    assertEquals((await store.keys()).map(({ name }) => name), ["Key 1", "Key 2", "Key 3"]);
  });

  test("addKey() refuses an id that is taken, and leaves the key that has it", async ({ store, db }) => {
    await store.addKey(sampleApiKey(1));
    const before = await allEntries(db);
    const twin = sampleApiKey(1, { hash: "f".repeat(64), scope: "admin" });
    assertEquals((await assertRejects(() => store.addKey(twin), AppError)).code, "conflict");
    assertEquals(await allEntries(db), before);
  });

  test("removeKey() removes a key once, by one of two at once", async ({ store, other, db }) => {
    const key = sampleApiKey(1);
    await store.addKey(key);
    await store.addKey(sampleApiKey(2));
    const removed = await Promise.all([
      store.removeKey(key.id),
      store.removeKey(key.id),
      other.removeKey(key.id),
    ]);
    assertEquals(removed.filter((done) => done).length, 1);
    assertEquals(await store.removeKey(key.id), false);
    assertEquals(await store.keyByHash(key.hash), null);
    assertEquals(await store.keys(), [sampleApiKey(2)]);
    assertEquals((await keysBelow(db, "api_key")).length, 1);
  });

  test("touchKey() notes when a key was last used", async ({ store }) => {
    const key = sampleApiKey(1);
    await store.addKey(key);
    await store.touchKey(key.hash, SAMPLE_AT + 5);
    assertEquals(await store.keyByHash(key.hash), { ...key, last_used_at: SAMPLE_AT + 5 });
  });

  test("touchKey() never brings a revoked key back, not even at the same moment", async ({ store, other, db }) => {
    for (let n = 0; n < 6; n++) {
      const key = sampleApiKey(n);
      await store.addKey(key);
      // Each of these is a commit of its own, so that the touch is decided well before it can be written.
      const before = Array.from({ length: 10 }, (_, index) => store.addKey(sampleApiKey(100 + index)));
      const remover = n % 2 === 0 ? store : other;
      await Promise.all([...before, store.touchKey(key.hash, SAMPLE_AT + n), remover.removeKey(key.id)]);
      await store.touchKey(key.hash, SAMPLE_AT + n);
      assertEquals(await store.keyByHash(key.hash), null);
      for (let index = 0; index < 10; index++) await store.removeKey(sampleApiKey(100 + index).id);
    }
    assertEquals(await keysBelow(db, "api_key"), []);
  });

  test("an API key is not in what is stored, only its hash", async ({ store, db }) => {
    const secret = new Uint8Array(24).fill(0xab);
    const ids = { ulid: () => sampleUlid(1), ulidPrefix: () => "", secretBytes: () => secret };
    const input = { name: "Deploys", scope: "admin" };
    const made = await createKey(input, {
      store,
      ids,
      names: new SiteNames(),
      clock: { now: () => SAMPLE_AT },
      actor: "cli",
    });
    const stored = await rawText(db);
    assertEquals(stored.includes("Deploys"), true);
    for (const text of [made.key, secret.toHex(), secret.toBase64()]) {
      assertEquals(stored.includes(text), false);
    }
  });
}
