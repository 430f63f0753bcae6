/**
 * The store over Deno KV in memory, in a file, and over the fake; and what only a clock that a test moves can show: what
 * expires and what never does.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Database } from "../../kv/database.ts";
import { CommitError } from "../../kv/commit_error.ts";
import type { Delivery } from "../../lib/delivery.ts";
import { ended } from "../../lib/delivery_moves.ts";
import { INPUT, KV, TIME } from "../../lib/limits.ts";
import { NO_COUNTS } from "../../lib/stats.ts";
import { diskFullError, FakeKv, type FakeKvOptions } from "../helpers/fake_kv.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleEvent,
  sampleTombstone,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import { type OpenedStore, RETENTION_DAYS, storeOver, testStoreContract } from "./store_contract.ts";
import { indexFaults, keysBelow } from "./store_contract_state.ts";
import { eventQuery } from "./store_contract_history.ts";
import { numbersOn, pageQuery } from "./store_contract_pages.ts";

async function openMemory(): Promise<OpenedStore> {
  return await opened(await Deno.openKv(":memory:"));
}

async function openFile(): Promise<OpenedStore> {
  const folder = await Deno.makeTempDir();
  const db = await Deno.openKv(`${folder}/kv.sqlite3`);
  return await opened(db, () => Deno.remove(folder, { recursive: true }));
}

async function opened(
  db: Database,
  afterwards = (): Promise<void> => Promise.resolve(),
): Promise<OpenedStore> {
  const clock = createManualClock(SAMPLE_AT);
  return {
    store: await storeOver(db, clock),
    other: await storeOver(db, clock),
    db,
    clock,
    async [Symbol.asyncDispose](): Promise<void> {
      db.close();
      await afterwards();
    },
  };
}

/** A fake whose second store is another process with a handle of its own. */
async function openFake(
  options: Partial<FakeKvOptions> = {},
): Promise<OpenedStore & { readonly db: FakeKv }> {
  const clock = createManualClock(SAMPLE_AT);
  const db = new FakeKv({ clock, ...options });
  const limits = options.checks_max === undefined ? {} : { checks_max: options.checks_max };
  return {
    store: await storeOver(db, clock, limits),
    other: await storeOver(db.sibling(), clock, limits),
    db,
    clock,
    [Symbol.asyncDispose]: () => Promise.resolve(db.close()),
  };
}

testStoreContract("Store over Deno.Kv in memory", openMemory, 25);
testStoreContract("Store over Deno.Kv in a file", openFile, 5);
testStoreContract("Store over FakeKv", openFake, 150);
testStoreContract(
  "Store over FakeKv as a KV server",
  () => openFake({ queue: false, checks_max: KV.atomic_checks_max_on_server }),
  50,
);

const WEBHOOK = sampleWebhookId(1);

Deno.test("Store keeps a pending delivery for ever, and one that is over for the retention with its history", async () => {
  await using opened = await openFake();
  const { store, db, clock } = opened;
  await store.addWebhook(sampleWebhook(1));
  await store.accept(sampleAcceptance(sampleEvent(1), [WEBHOOK]));
  await store.accept(sampleAcceptance(sampleEvent(2), [WEBHOOK]));
  const known = await store.delivery(sampleEvent(1).id, WEBHOOK);
  assert(known !== null);
  await store.move(known, (delivery) => ended(delivery, "exhausted"));

  await clock.advance(RETENTION_DAYS * TIME.DAY_MS - 1);
  assertEquals(numbersOn(await store.deliveryPage(SAMPLE_SITE, pageQuery())), [[2, 1], [1, 1]]);
  await clock.advance(0.1 * RETENTION_DAYS * TIME.DAY_MS + 1);
  assertEquals(await keysBelow(db, "delivery"), []);
  assertEquals(await keysBelow(db, "due"), [[WEBHOOK, SAMPLE_AT, sampleEvent(2).id]]);
  assertEquals(await keysBelow(db, "event"), []);
  assertEquals(await keysBelow(db, "site_event"), []);
  assertEquals(await keysBelow(db, "log"), []);
  await clock.advance(1000 * TIME.DAY_MS);
  const { due } = await store.look(WEBHOOK, clock.now(), 10);
  assertEquals((await store.deliveries(due)).map((found) => found?.value.status), ["pending"]);
  assertEquals(await indexFaults(db), []);
  assertEquals((await store.webhooksOf(SAMPLE_SITE)).length, 1);
});

Deno.test("Store lets a delivery that ends late expire soon, and makes a revived one permanent again", async () => {
  await using opened = await openFake();
  const { store, clock } = opened;
  await store.accept(sampleAcceptance(sampleEvent(1), [WEBHOOK]));
  const known = await store.delivery(sampleEvent(1).id, WEBHOOK);
  assert(known !== null);
  await clock.advance(50 * TIME.DAY_MS);
  const over = await store.move(known, (delivery) => ended(delivery, "exhausted"));
  assert(over !== null);
  const due_at = clock.now();
  const again = await store.move(
    over,
    (delivery) => ({ ...delivery, status: "pending", due_at, queued_at: due_at }),
  );
  assert(again !== null);
  await clock.advance(TIME.DAY_MS);
  assertEquals(await store.delivery(sampleEvent(1).id, WEBHOOK), again);
  await store.move(again, (delivery) => ended(delivery, "exhausted"));
  await clock.advance(TIME.HOUR_MS);
  assertEquals(await store.delivery(sampleEvent(1).id, WEBHOOK), null);
});

Deno.test("Store keeps an event that nobody was told about for a week, and an idempotency key for a day", async () => {
  await using opened = await openFake();
  const { store, clock } = opened;
  const acceptance = sampleAcceptance(sampleEvent(1), []);
  const entry = {
    event_id: acceptance.event.id,
    digest: "0",
    expires_at: SAMPLE_AT + INPUT.idempotency_key_ms,
  };
  await store.accept({ ...acceptance, idempotency: { key: "k", entry, seen: null } });
  await clock.advance(INPUT.idempotency_key_ms - 1);
  assert(await store.idempotency(SAMPLE_SITE, "k") !== null);
  await clock.advance(1);
  assertEquals(await store.idempotency(SAMPLE_SITE, "k"), null);
  await clock.advance(6 * TIME.DAY_MS - 1);
  assert(await store.event(acceptance.event.id) !== null);
  await clock.advance(0.7 * TIME.DAY_MS + 1);
  assertEquals(await store.event(acceptance.event.id), null);
});

Deno.test("Store keeps a tombstone until the last of its history is gone, and no longer", async () => {
  await using opened = await openFake();
  const { store, db, clock } = opened;
  await store.addWebhook(sampleWebhook(1));
  // Their ends are spread: among so many is one that is kept nearly as long as any can be.
  for (let n = 0; n < 100; n++) {
    await clock.advance(100);
    await store.accept(sampleAcceptance(sampleEvent(n, { accepted_at: clock.now() }), [WEBHOOK]));
  }
  await store.changeWebhook(SAMPLE_SITE, WEBHOOK, (webhook) => sampleTombstone(webhook, clock.now()));
  for (let days = 0; (await keysBelow(db, "log")).length > 0; days++) {
    assert(days < 40, "history ends");
    assert(await store.webhook(SAMPLE_SITE, WEBHOOK) !== null, `the tombstone is there after ${days} days`);
    await clock.advance(TIME.DAY_MS);
  }
  await clock.advance(2 * TIME.DAY_MS);
  assertEquals(await store.webhooksOf(SAMPLE_SITE), []);
});

Deno.test("Store says unavailable while the disk is full, since when, and that it is over", async () => {
  await using opened = await openFake();
  const { store, db, clock } = opened;
  db.onCommit = () => ({ kind: "throw", error: diskFullError() });
  const error = await assertRejects(
    () => store.accept(sampleAcceptance(sampleEvent(1), [WEBHOOK])),
    CommitError,
  );
  assertEquals(error.code, "unavailable");
  await clock.advance(5000);
  await assertRejects(() => store.beat("one", SAMPLE_AT), CommitError);
  assertEquals(store.failing_since, SAMPLE_AT);
  db.onCommit = null;
  await store.beat("one", SAMPLE_AT);
  assertEquals(store.failing_since, null);
});

Deno.test("Store.repairAgenda() passes a failure on, and leaves no rejection behind", async () => {
  await using opened = await openFake();
  const { store, db } = opened;
  const webhook_ids = Array.from({ length: 50 }, (_, n) => sampleWebhookId(n));
  for (let n = 0; n < 6; n++) {
    const event = sampleEvent(n, { accepted_at: SAMPLE_AT + n * 10_000 });
    await store.accept(sampleAcceptance(event, webhook_ids));
  }
  db.onCommit = () => ({ kind: "throw", error: diskFullError() });
  await assertRejects(() => store.repairAgenda(), CommitError);
});

Deno.test("Store.move() finds its own move when only the answer of the commit was lost", async () => {
  await using opened = await openFake({ queue: false });
  const { store, db } = opened;
  await store.accept(sampleAcceptance(sampleEvent(1), [WEBHOOK]));
  const known = await store.delivery(sampleEvent(1).id, WEBHOOK);
  assert(known !== null);
  const [before] = [db.commits];
  db.onCommit = (n) => n === before + 1 ? { kind: "lost" } : undefined;
  const seen: string[] = [];
  const after = await store.move(known, (delivery) => {
    seen.push(delivery.status);
    return delivery.status === "pending" ? ended(delivery, "exhausted") : null;
  });
  assertEquals([after, seen], [null, ["pending", "exhausted"]]);
  assertEquals((await store.delivery(sampleEvent(1).id, WEBHOOK))?.value.status, "exhausted");
});

Deno.test("Store.accept() names all that is held also when the answer was lost and some of it is written again", async () => {
  await using opened = await openFake({ queue: false });
  const { store, db } = opened;
  const lease = { owner: "one", until_ms: SAMPLE_AT + 40_000 };
  const plain = sampleAcceptance(sampleEvent(1), [WEBHOOK], lease);
  const entry = { event_id: sampleEvent(2).id, digest: "ab".repeat(32), expires_at: SAMPLE_AT + TIME.DAY_MS };
  const keyed = {
    ...sampleAcceptance(sampleEvent(2), [WEBHOOK], lease),
    idempotency: { key: "order 7", entry, seen: null },
  };
  db.onCommit = (n) => n === 1 ? { kind: "lost" } : undefined;
  const [versionstamp, used] = await Promise.all([store.accept(plain), store.accept(keyed)]);
  assert(versionstamp !== null);
  assertEquals(used, null, "its key was written the first time");
  const [first] = plain.deliveries;
  assert(first !== undefined);
  await store.move(
    { value: first.delivery, versionstamp, written: false },
    (delivery) => ended(delivery, "exhausted"),
  );
  await store.beat("one", SAMPLE_AT);
  assertEquals(await indexFaults(db), []);
  const { events } = await store.eventPage(SAMPLE_SITE, eventQuery());
  assertEquals(events.map(({ id }) => id), [sampleEvent(2).id, sampleEvent(1).id], "each is listed once");
});

Deno.test("Store takes two commits for a delivery that is over with its first attempt", async () => {
  await using opened = await openFake({ queue: false });
  const { store, db } = opened;
  const lease = { owner: "one", until_ms: SAMPLE_AT + 40_000 };
  const acceptance = sampleAcceptance(sampleEvent(1), [WEBHOOK], lease);
  const before = db.commits;
  const versionstamp = await store.accept(acceptance);
  const [first] = acceptance.deliveries;
  assert(versionstamp !== null && first !== undefined);
  await store.move(
    { value: first.delivery, versionstamp, written: false },
    (delivery) => ended(delivery, "exhausted"),
  );
  assertEquals([db.commits - before, await store.groupLeases(Infinity)], [2, []]);
});

Deno.test("Store.moveAudited() is not decided again when only the answer of the commit was lost", async () => {
  await using opened = await openFake({ queue: false });
  const { store, db } = opened;
  await store.accept(sampleAcceptance(sampleEvent(1), [WEBHOOK]));
  const known = await store.delivery(sampleEvent(1).id, WEBHOOK);
  assert(known !== null);
  const [before] = [db.commits];
  db.onCommit = (n) => n === before + 1 ? { kind: "lost" } : undefined;
  const note = { actor: "a", site_id: SAMPLE_SITE, subject: "dlv_1", changes: [] };
  const wish = (delivery: Delivery): Delivery => ({ ...delivery, wishes: delivery.wishes + 1 });
  const after = await store.moveAudited(known, wish, { ...note, action: "delivery.redelivered" });
  assertEquals([after?.value.wishes, after], [1, await store.delivery(sampleEvent(1).id, WEBHOOK)]);
  const { entries } = await store.auditPage({ since: null, until: null, limit: 10, before: null });
  assertEquals(entries.length, 1);
});

Deno.test("Store.changeWebhook() finds its own change when only the answer of the commit was lost, and tells of it once", async () => {
  await using opened = await openFake({ queue: false });
  const { store, db } = opened;
  await store.addWebhook(sampleWebhook(1));
  const [before] = [db.commits];
  db.onCommit = (n) => n === before + 1 ? { kind: "lost" } : undefined;
  const seen: string[] = [];
  const changed = await store.changeWebhook(SAMPLE_SITE, WEBHOOK, (webhook) => {
    seen.push(webhook.name);
    return { ...webhook, name: "after" };
  }, () => ({ actor: "a", action: "webhook.changed", site_id: SAMPLE_SITE, subject: WEBHOOK, changes: [] }));
  assertEquals([changed?.name, seen], ["after", ["Webhook 1"]]);
  const { entries } = await store.auditPage({ since: null, until: null, limit: 10, before: null });
  assertEquals(entries.length, 1);
});

Deno.test("Store keeps the audit and counters for the retention", async () => {
  await using opened = await openFake();
  const { store, db, clock } = opened;
  const note = { actor: "a", action: "webhook.created", site_id: SAMPLE_SITE, subject: WEBHOOK, changes: [] };
  await store.addWebhook(sampleWebhook(1), { ...note, action: "webhook.created" });
  await store.writeStats([
    { site_id: SAMPLE_SITE, webhook_id: null, hour: 1, counter: "one", counts: NO_COUNTS },
  ]);
  await clock.advance(RETENTION_DAYS * TIME.DAY_MS - 1);
  assertEquals([(await keysBelow(db, "audit")).length, (await keysBelow(db, "stat")).length], [1, 1]);
  await clock.advance(TIME.HOUR_MS);
  assertEquals([(await keysBelow(db, "audit")).length, (await keysBelow(db, "stat")).length], [0, 0]);
});
