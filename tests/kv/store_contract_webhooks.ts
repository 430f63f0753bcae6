/**
 * Part of the store's contract: webhooks, their secrets, and the version that other processes poll.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { slotOf } from "../../kv/keys.ts";
import { AppError } from "../../lib/errors.ts";
import { INPUT } from "../../lib/limits.ts";
import type { LaneState } from "../../lib/lane_state.ts";
import {
  SAMPLE_AT,
  SAMPLE_SECRET,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleApiKey,
  sampleEvent,
  sampleTombstone,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { allEntries, keysBelow, rawText } from "./store_contract_state.ts";

const ID = sampleWebhookId(1);

/** Registers this part. */
export function testWebhooks(test: ContractTest): void {
  testReading(test);
  testLimit(test);
  testChanges(test);
  testSecrets(test);
  testVersion(test);
  testLanes(test);
}

function testReading(test: ContractTest): void {
  test("webhook() and webhooksOf() give back what was added, oldest first, to its site only", async ({ store }) => {
    const [a, b] = [sampleWebhook(1), sampleWebhook(2, { rate_limit_per_minute: 60, headers: {} })];
    const elsewhere = sampleWebhook(3, { site_id: "other.example" });
    for (const webhook of [b, elsewhere, a]) await store.addWebhook(webhook);
    assertEquals(await store.webhook(SAMPLE_SITE, a.id), a);
    assertEquals(await store.webhook(SAMPLE_SITE, b.id), b);
    assertEquals(await store.webhooksOf(SAMPLE_SITE), [a, b]);
    assertEquals(await store.webhook(SAMPLE_SITE, elsewhere.id), null);
    assertEquals(await store.webhooksOf("other.example"), [elsewhere]);
    assertEquals(await store.webhooksOf("example.co"), [], "no prefix of a site's name is that site");
  });
}

function testLimit(test: ContractTest): void {
  const max = INPUT.webhooks_per_site_max;

  test("addWebhook() lets exactly 50 of 60 concurrent creations through, by two processes", async ({ store, other }) => {
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? store : other).addWebhook(sampleWebhook(n))),
    );
    const refused = results.filter((result) => result.status === "rejected");
    assertEquals(refused.length, 60 - max);
    for (const { reason } of refused) {
      assert(reason instanceof AppError, String(reason));
      assertEquals(reason.code, "limit_reached");
    }
    assertEquals((await store.webhooksOf(SAMPLE_SITE)).length, max);
  });

  test("addWebhook() counts neither deleted webhooks nor those of other sites", async ({ store }) => {
    for (let n = 0; n < max; n++) await store.addWebhook(sampleWebhook(n));
    await store.addWebhook(sampleWebhook(100, { site_id: "other.example" }));
    const error = await assertRejects(() => store.addWebhook(sampleWebhook(101)), AppError);
    assertEquals(error.code, "limit_reached");
    await store.changeWebhook(SAMPLE_SITE, ID, (webhook) => sampleTombstone(webhook, SAMPLE_AT));
    await store.addWebhook(sampleWebhook(101));
    assertEquals((await store.webhooksOf(SAMPLE_SITE)).length, max + 1);
  });

  test("changeWebhook() that brings a deleted one back keeps the limit, beside creations by two processes", async ({ store, other }) => {
    const tombstones = Array.from({ length: 10 }, (_, n) => sampleWebhook(100 + n));
    for (const webhook of tombstones) {
      await store.addWebhook(webhook);
      await store.changeWebhook(SAMPLE_SITE, webhook.id, (now) => sampleTombstone(now, SAMPLE_AT));
    }
    for (let n = 0; n < max - 5; n++) await store.addWebhook(sampleWebhook(n));
    const back = tombstones.map((webhook) =>
      other.changeWebhook(SAMPLE_SITE, webhook.id, (now) => ({ ...now, ...webhook }))
    );
    const created = Array.from({ length: 10 }, (_, n) => store.addWebhook(sampleWebhook(200 + n)));
    const results = await Promise.allSettled([...back, ...created]);
    const refused = results.filter((result) => result.status === "rejected");
    assertEquals(refused.length, 15);
    for (const { reason } of refused) {
      assert(reason instanceof AppError, String(reason));
      assertEquals(reason.code, "limit_reached");
    }
    const kept = (await store.webhooksOf(SAMPLE_SITE)).filter(({ deleted_at }) => deleted_at === null);
    assertEquals(kept.length, max);
    const some = kept[0]?.id ?? "";
    const renamed = await store.changeWebhook(SAMPLE_SITE, some, (now) => ({ ...now, name: "Renamed" }));
    assertEquals(renamed?.name, "Renamed", "what is there already may change at the limit");
  });

  test("addWebhook() and changeWebhook() refuse a record that is too large, and write nothing", async ({ store, db }) => {
    const goals = Array.from({ length: 100 }, (_, n) => String(n).padEnd(500, "x"));
    const filters = { ...sampleWebhook().filters, goals };
    const large = await assertRejects(() => store.addWebhook(sampleWebhook(1, { filters })), AppError);
    assertEquals([large.code, large.errors.map(({ path }) => path)], ["validation_failed", [""]]);
    assertEquals(await allEntries(db), []);
    await store.addWebhook(sampleWebhook(1));
    const before = await allEntries(db);
    const change = (): Promise<unknown> =>
      store.changeWebhook(SAMPLE_SITE, ID, (webhook) => ({ ...webhook, filters }));
    assertEquals((await assertRejects(change, AppError)).code, "validation_failed");
    assertEquals(await allEntries(db), before);
  });
}

function testChanges(test: ContractTest): void {
  test("changeWebhook() returns the webhook after it, and null if there is none or it is left", async ({ store, db }) => {
    assertEquals(await store.changeWebhook(SAMPLE_SITE, ID, (webhook) => webhook), null);
    await store.addWebhook(sampleWebhook(1));
    assertEquals(await store.changeWebhook("other.example", ID, (webhook) => webhook), null);
    const before = await allEntries(db);
    assertEquals(await store.changeWebhook(SAMPLE_SITE, ID, () => null), null);
    assertEquals(await allEntries(db), before);
    const expected = sampleWebhook(1, {
      name: "renamed",
      secrets: [{ value: "another-secret", expires_at: 7 }],
    });
    const changed = await store.changeWebhook(
      SAMPLE_SITE,
      ID,
      (webhook) => ({ ...webhook, name: expected.name, secrets: expected.secrets }),
    );
    assertEquals(changed, expected);
    assertEquals(await store.webhook(SAMPLE_SITE, ID), expected);
  });

  test("changeWebhook() by many at once loses no update, in one process and in two", async ({ store, other }) => {
    await store.addWebhook(sampleWebhook(1));
    const changes = Array.from(
      { length: 24 },
      (_, n) =>
        (n % 2 === 0 ? store : other).changeWebhook(SAMPLE_SITE, ID, (webhook) => ({
          ...webhook,
          filters: { ...webhook.filters, goals: [...webhook.filters.goals, `goal ${n}`] },
        })),
    );
    assert((await Promise.all(changes)).every((changed) => changed !== null));
    const { goals } = (await store.webhook(SAMPLE_SITE, ID))?.filters ?? { goals: [] };
    assertEquals(goals.toSorted(), Array.from({ length: 24 }, (_, n) => `goal ${n}`).toSorted());
  });

  test("changeWebhook() passes on what `change` throws, and writes nothing", async ({ store, db }) => {
    await store.addWebhook(sampleWebhook(1));
    const before = await allEntries(db);
    const refusal = new AppError("validation_failed", "no");
    const error = await assertRejects(() =>
      store.changeWebhook(SAMPLE_SITE, ID, () => {
        throw refusal;
      })
    );
    assertEquals(error, refusal);
    assertEquals(await allEntries(db), before);
  });

  test("changeWebhook() has the work of a webhook looked at now if it is not active after it", async (opened) => {
    const { store, db, clock } = opened;
    await store.addWebhook(sampleWebhook(1));
    await store.changeWebhook(SAMPLE_SITE, ID, (webhook) => ({ ...webhook, name: "renamed" }));
    assertEquals(await keysBelow(db, "agenda"), []);
    await clock.advance(33_000);
    await store.changeWebhook(SAMPLE_SITE, ID, (webhook) => ({ ...webhook, enabled: false }));
    assertEquals(await keysBelow(db, "agenda"), [[slotOf(SAMPLE_AT + 33_000), ID]]);
  });
}

function testSecrets(test: ContractTest): void {
  test("secrets and header values are nowhere in the clear in what is stored", async ({ store, db }) => {
    const secrets = [{ value: "whsec_bmV3ZXN0LXNlY3JldA==", expires_at: null }, {
      value: SAMPLE_SECRET,
      expires_at: 9,
    }];
    const headers = { Authorization: "Bearer hush-hush", "X-Token": "t0ken-in-a-header" };
    await store.addWebhook(sampleWebhook(1, { secrets, headers }));
    await store.changeWebhook(SAMPLE_SITE, ID, (webhook) => ({ ...webhook, name: "renamed" }));
    await store.accept(sampleAcceptance(sampleEvent(1), [ID]));
    const known = await store.delivery(sampleEvent(1).id, ID);
    assert(known !== null);
    await store.move(known, (delivery) => ({ ...delivery, trigger: "manual" }), {
      reason: "gone",
      at: SAMPLE_AT,
      notice: null,
    });
    const stored = await rawText(db);
    assertStringIncludes(stored, "renamed", "the search finds what is in the clear");
    const hidden = [...secrets.map(({ value }) => value), ...Object.values(headers)];
    for (const text of hidden.flatMap((text) => [text, btoa(text).slice(0, 12), text.slice(-8)])) {
      assertEquals(stored.includes(text), false, text);
    }
    assertEquals(await store.webhook(SAMPLE_SITE, ID).then((webhook) => webhook?.headers), headers);
  });

  test("the same secret is sealed differently each time, so that nobody sees who shares one", async ({ store, db }) => {
    for (const n of [1, 2]) await store.addWebhook(sampleWebhook(n));
    const sealed = (await rawText(db)).match(/"1\.[A-Za-z0-9+/=]+"/g) ?? [];
    assertEquals(sealed.length, 4);
    assertEquals(new Set(sealed).size, 4);
  });

  test("a deleted webhook leaves a tombstone without credentials", async ({ store, db }) => {
    await store.addWebhook(sampleWebhook(1));
    const at = SAMPLE_AT + 1000;
    await store.changeWebhook(SAMPLE_SITE, ID, (webhook) => sampleTombstone(webhook, at));
    const tombstone = sampleTombstone(sampleWebhook(1), at);
    assertEquals(await store.webhook(SAMPLE_SITE, ID), tombstone);
    assertEquals(await store.webhooksOf(SAMPLE_SITE), [tombstone]);
    assertEquals((await rawText(db)).match(/"1\.[A-Za-z0-9+/=]+"/g), null, "no sealed value is left either");
  });
}

function testVersion(test: ContractTest): void {
  test("version() is bumped by every change of configuration, for every process, and by nothing else", async (opened) => {
    const { store, other } = opened;
    assertEquals(await store.version(), 0n);
    const changes: (() => Promise<unknown>)[] = [
      () => store.addWebhook(sampleWebhook(1)),
      () => other.changeWebhook(SAMPLE_SITE, ID, (webhook) => ({ ...webhook, name: "renamed" })),
      () => store.addKey(sampleApiKey(1)),
      () => other.removeKey(sampleApiKey(1).id),
      () => store.changeWebhook(SAMPLE_SITE, ID, (webhook) => sampleTombstone(webhook, SAMPLE_AT)),
    ];
    for (const change of changes) {
      const before = await store.version();
      await change();
      assertNotEquals(await store.version(), before);
      assertEquals(await store.version(), await other.version());
    }
    const before = await store.version();
    await store.accept(sampleAcceptance(sampleEvent(1), [ID]));
    await store.beat("one", SAMPLE_AT);
    await store.removeKey("nothing");
    assertEquals(await store.version(), before);
  });
}

function testLanes(test: ContractTest): void {
  test("laneState() gives back what was written last", async ({ store }) => {
    assertEquals(await store.laneState(SAMPLE_SITE, ID), null);
    const state: LaneState = {
      consecutive_failures: 3,
      last_success_at: null,
      last_failure_at: SAMPLE_AT,
      failing_since: SAMPLE_AT - 1,
      hold_until: SAMPLE_AT + 30_000,
      breaker: { failures: 6, openings: 2, open_until: SAMPLE_AT + 60_000 },
      updated_at: SAMPLE_AT,
    };
    await store.writeLaneState(SAMPLE_SITE, ID, { ...state, consecutive_failures: 2 });
    await store.writeLaneState(SAMPLE_SITE, ID, state);
    assertEquals(await store.laneState(SAMPLE_SITE, ID), state);
    assertEquals(await store.laneState("other.example", ID), null);
  });

  test("pendingCount() counts a webhook's pending deliveries, up to a bound", async ({ store }) => {
    for (let n = 0; n < 12; n++) {
      await store.accept(sampleAcceptance(sampleEvent(n), [ID, sampleWebhookId(n + 2)]));
    }
    assertEquals(await store.pendingCount(ID, 1000), 12);
    assertEquals(await store.pendingCount(ID, 5), 5);
    assertEquals(await store.pendingCount(sampleWebhookId(2), 1000), 1);
    assertEquals(await store.pendingCount(sampleWebhookId(99), 1000), 0);
  });
}
