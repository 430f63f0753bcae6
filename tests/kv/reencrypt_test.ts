/**
 * Sealing anew: everything opens with the new key alone after it, whatever happens beside it.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { createCommitter } from "../../kv/committer.ts";
import { keys } from "../../kv/keys.ts";
import { secretKeyFits } from "../../kv/open.ts";
import { reencrypt } from "../../kv/reencrypt.ts";
import { createRetention } from "../../kv/retention.ts";
import { createSecretBox, type SecretBox } from "../../kv/secret_box.ts";
import { BrokenRecord } from "../../lib/errors.ts";
import { createStore } from "../../kv/store.ts";
import type { AuditNote } from "../../lib/audit.ts";
import type { Store } from "../../lib/store.ts";
import { newWatchState } from "../../lib/watch.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { recordingLog } from "../helpers/recording_log.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleTombstone,
  sampleUlid,
  sampleUlidPrefix,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";

const OLD = new Uint8Array(32).fill(1);
const NEW = new Uint8Array(32).fill(2);
const NOTE: AuditNote = {
  actor: "cli",
  action: "webhook.created",
  site_id: null,
  subject: "wh",
  changes: [],
};

function stage() {
  const clock = createManualClock(SAMPLE_AT);
  const db = new FakeKv({ clock });
  const committer = createCommitter({ db, clock, random: () => 0.5 });
  let made = 0;
  const storeWith = (box: SecretBox): Store =>
    createStore({
      log: recordingLog(),
      db,
      committer,
      box,
      clock,
      retention: createRetention(30),
      newId: (at_ms) => sampleUlid(made++, at_ms),
      idPrefixAt: (at_ms) => `evt_${sampleUlidPrefix(at_ms)}`,
    });
  return { db, committer, storeWith };
}

/** A database that three webhooks of two sites were written to with the old key. */
async function oldStage() {
  const parts = stage();
  const old = await createSecretBox(OLD);
  await secretKeyFits(parts.db, parts.committer, old);
  const store = parts.storeWith(old);
  await store.addWebhook(sampleWebhook(1), NOTE);
  await store.addWebhook(sampleWebhook(2, { site_id: "a.example", headers: {} }), NOTE);
  await store.addWebhook(sampleWebhook(3), NOTE);
  await store.changeWebhook(
    SAMPLE_SITE,
    sampleWebhookId(3),
    (webhook) => sampleTombstone(webhook, SAMPLE_AT),
    () => NOTE,
  );
  return {
    ...parts,
    old_store: store,
    box: await createSecretBox(NEW, OLD),
    new_box: await createSecretBox(NEW),
  };
}

Deno.test("reencrypt() leaves everything opening with the new key alone, and nothing with the old", async () => {
  const { box, new_box, db, committer, storeWith, old_store } = await oldStage();
  assertEquals(await secretKeyFits(db, committer, new_box), false);
  const progress: string[] = [];
  const done = await reencrypt(
    { db, committer, box, new_box },
    ({ done, total }) => progress.push(`${done}/${total}`),
  );
  assertEquals(done, { webhooks: 3, watches: 0, resealed: 2, unopened: [] });
  assertEquals(progress, ["1/3", "2/3", "3/3"]);
  assertEquals(await secretKeyFits(db, committer, new_box), true);
  const now = storeWith(new_box);
  assertEquals(await now.webhook(SAMPLE_SITE, sampleWebhookId(1)), sampleWebhook(1));
  assertEquals((await now.webhooksOf("a.example"))[0]?.secrets, sampleWebhook(2).secrets);
  await assertRejects(() => old_store.webhook(SAMPLE_SITE, sampleWebhookId(1)), BrokenRecord);

  // Again: there is nothing left to do.
  assertEquals((await reencrypt({ db, committer, box, new_box })).resealed, 0);
});

Deno.test("reencrypt() writes nothing over what someone else changed meanwhile", async () => {
  const { box, new_box, db, committer, storeWith } = await oldStage();
  const both = storeWith(box);
  let interfered = false;
  const done = await reencrypt({
    db,
    box,
    new_box,
    committer: {
      async commit(member) {
        if (!interfered) {
          interfered = true;
          await both.changeWebhook(
            "a.example",
            sampleWebhookId(2),
            (webhook) => ({ ...webhook, name: "B" }),
            () => NOTE,
          );
          await both.changeWebhook(
            SAMPLE_SITE,
            sampleWebhookId(1),
            (webhook) => ({ ...webhook, name: "A" }),
            () => NOTE,
          );
        }
        return await committer.commit(member);
      },
    },
  });
  assertEquals([interfered, done.unopened], [true, []]);
  const now = storeWith(new_box);
  assertEquals((await now.webhook(SAMPLE_SITE, sampleWebhookId(1)))?.name, "A");
  assertEquals((await now.webhook("a.example", sampleWebhookId(2)))?.name, "B");
});

Deno.test("reencrypt() names what neither key opens, does the rest, and keeps a start with the new key refused", async () => {
  const { db, committer, box, new_box } = await oldStage();
  const other = await createSecretBox(new Uint8Array(32).fill(3));
  await stageStore(db, committer, other).addWebhook(sampleWebhook(4), NOTE);
  const done = await reencrypt({ db, committer, box, new_box });
  assertEquals(done, { webhooks: 4, watches: 0, resealed: 2, unopened: [sampleWebhookId(4)] });
  assertEquals(await secretKeyFits(db, committer, new_box), false);
  const before = (await db.get(keys.webhook(SAMPLE_SITE, sampleWebhookId(4)))).versionstamp;
  await reencrypt({ db, committer, box, new_box });
  assertEquals((await db.get(keys.webhook(SAMPLE_SITE, sampleWebhookId(4)))).versionstamp, before);
});

function stageStore(db: FakeKv, committer: ReturnType<typeof createCommitter>, box: SecretBox): Store {
  return createStore({
    log: recordingLog(),
    db,
    committer,
    box,
    clock: createManualClock(SAMPLE_AT),
    retention: createRetention(30),
    newId: (at_ms) => sampleUlid(900, at_ms),
    idPrefixAt: (at_ms) => `evt_${sampleUlidPrefix(at_ms)}`,
  });
}

Deno.test("the keys of watched sites are sealed anew, and open with the new key alone", async () => {
  const { db, committer, storeWith, old_store, box, new_box } = await oldStage();
  const settings = {
    visitors: true,
    goals: true,
    custom_events: false,
    errors: true,
    interval_s: null,
    updated_at: SAMPLE_AT,
  };
  for (const [site_id, api_key] of [["a.example", "stats-key"], ["b.example", null]] as const) {
    await old_store.setWatch(site_id, () => ({
      settings: { ...settings, api_key },
      state: newWatchState(SAMPLE_AT),
      note: { ...NOTE, action: "watch.set" },
    }));
  }
  const done = await reencrypt({ db, committer, box, new_box });
  assertEquals([done.watches, done.resealed, done.unopened], [2, 3, []]);
  const store = storeWith(new_box);
  assertEquals((await store.watch("a.example"))?.settings.api_key, "stats-key");
  assertEquals((await reencrypt({ db, committer, box, new_box })).resealed, 0);
});
