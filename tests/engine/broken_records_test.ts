/**
 * Records that can't be read: altered, or written by a later release. Each is its own trouble alone; nothing is deleted,
 * nothing else waits for it, and the operator is told.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Key, keys, slotOf } from "../../kv/keys.ts";
import { BrokenRecord } from "../../lib/errors.ts";
import { LEASE, TIME } from "../../lib/limits.ts";
import type { StoredEvent } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { SAMPLE_SITE } from "../helpers/sample.ts";
import { indexFaults } from "../kv/store_contract_state.ts";
import { answer, makeStage, type Stage, stageEvent, stageWebhook } from "./stage.ts";

const BROKEN = new TextEncoder().encode(`{"v":1,"oh":"no"}`);
const LATER = new TextEncoder().encode(`{"v":99}`);

/** Replaces a record, and gives back what puts it right again. */
async function spoil({ db }: Stage, key: Key, value: Uint8Array): Promise<() => Promise<void>> {
  const before = await db.get<Uint8Array>(key);
  assert(before.versionstamp !== null, "there is nothing to spoil");
  await db.atomic().set(key, value).commit();
  return async () => void await db.atomic().set(key, before.value).commit();
}

/** Sees to it that a delivery has a record: until something happens to it, it has none. */
async function written({ store }: Stage, { id }: StoredEvent, webhook: Webhook): Promise<void> {
  const known = await store.delivery(id, webhook.id);
  assert(known !== null);
  await store.move(known, (delivery) => ({ ...delivery }));
}

async function dueEntries({ db }: Stage): Promise<Key[]> {
  const found = await Array.fromAsync(db.list({ prefix: keys.dueAll() }));
  return found.map(({ key }) => key);
}

Deno.test("a delivery that can't be read holds up no other, stays as it is, and is sent once it is repaired", async () => {
  for (const broken of [BROKEN, LATER]) {
    const stage = makeStage();
    const webhook = stageWebhook(1);
    await stage.store.addWebhook(webhook);
    const [bad, good] = [stageEvent(stage, 1), stageEvent(stage, 2)];
    await stage.put(bad, [webhook.id]);
    await stage.put(good, [webhook.id]);
    await written(stage, bad, webhook);
    const key = keys.delivery(bad.id, webhook.id);
    const repair = await spoil(stage, key, broken);
    const process = await stage.process("a");
    await stage.advance(2 * TIME.SECOND_MS);
    assertEquals(stage.sent.map(({ event_id }) => event_id), [good.id]);
    assertEquals((await stage.db.get(key)).value, broken, "it is neither deleted nor changed");
    assertEquals((await dueEntries(stage)).length, 1, "it is looked at again");
    const told = process.logged.filter(({ message }) => message === "record.broken");
    assertEquals(told.map(({ level, fields }) => [level, fields["record"]]), [
      ["error", `delivery ${bad.id} ${webhook.id}`],
    ]);
    const looks = async (): Promise<number> => Number((await dueEntries(stage))[0]?.[2]);
    const next_look = await looks();
    assertEquals(next_look > stage.clock.now() + TIME.MINUTE_MS, true, "it is not looked at again and again");

    const page = await stage.store.deliveryPage(SAMPLE_SITE, {
      webhook_id: null,
      event: null,
      status: null,
      since: null,
      until: null,
      limit: 10,
      after: null,
    });
    assertEquals(page.deliveries.map(({ delivery }) => delivery.event_id), [good.id]);
    await assertRejects(() => stage.store.delivery(bad.id, webhook.id), BrokenRecord);

    await repair();
    for (let n = 0; n < 70; n++) await stage.clock.advance(TIME.MINUTE_MS);
    const after = await stage.delivery(bad, webhook);
    assertEquals(after?.status, "delivered");
    assertEquals(await indexFaults(stage.db, new Map()), []);
  }
});

Deno.test("an event that can't be read puts off its deliveries alone", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const [bad, good] = [stageEvent(stage, 1), stageEvent(stage, 2)];
  await stage.put(bad, [webhook.id]);
  await stage.put(good, [webhook.id]);
  const repair = await spoil(stage, keys.event(bad.id), BROKEN);
  await stage.process("a");
  await stage.advance(2 * TIME.SECOND_MS);
  assertEquals(stage.sent.map(({ event_id }) => event_id), [good.id]);
  assertEquals((await stage.delivery(bad, webhook))?.status, "pending");
  assertEquals(await indexFaults(stage.db, new Map()), []);
  const query = { event: null, since: null, until: null, limit: 10, before: null };
  const { events } = await stage.store.eventPage(SAMPLE_SITE, query);
  assertEquals(events.map(({ id }) => id), [good.id]);
  await repair();
  for (let n = 0; n < 65; n++) await stage.clock.advance(TIME.MINUTE_MS);
  assertEquals((await stage.delivery(bad, webhook))?.status, "delivered");
});

Deno.test("a webhook that can't be read is sent nothing and loses nothing; its site's others go on", async () => {
  const stage = makeStage();
  const [bad, good] = [stageWebhook(1), stageWebhook(2)];
  await stage.store.addWebhook(bad);
  await stage.store.addWebhook(good);
  const waiting = stageEvent(stage, 1);
  await stage.put(waiting, [bad.id, good.id]);
  const repair = await spoil(stage, keys.webhook(bad.site_id, bad.id), BROKEN);
  const process = await stage.process("a");
  await stage.advance(5 * TIME.SECOND_MS);
  assertEquals(stage.sent.map(({ url }) => url), [good.url]);
  assertEquals((await stage.delivery(waiting, bad))?.status, "pending", "not cancelled");
  assertEquals((await process.directory.webhooksOf(SAMPLE_SITE)).map(({ id }) => id), [good.id]);
  await assertRejects(() => process.directory.webhook(SAMPLE_SITE, bad.id), BrokenRecord);
  await repair();
  process.directory.invalidate();
  await stage.advance(2 * TIME.MINUTE_MS);
  assertEquals((await stage.delivery(waiting, bad))?.status, "delivered");
});

Deno.test("a due entry that can't be read is passed over, and the walk makes it anew", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const [bad, good] = [stageEvent(stage, 1), stageEvent(stage, 2)];
  await stage.put(bad, [webhook.id]);
  await stage.put(good, [webhook.id]);
  await spoil(stage, keys.due(webhook.id, bad.accepted_at, bad.id), BROKEN);
  const { due } = await stage.store.look(webhook.id, stage.clock.now(), 10);
  assertEquals(due.map(({ event_id }) => event_id), [good.id]);
  await stage.store.repairAgenda();
  const repaired = await stage.store.look(webhook.id, stage.clock.now(), 10);
  assertEquals(repaired.due.map(({ event_id }) => event_id), [bad.id, good.id]);
});

Deno.test("the state of a lane that can't be read counts as none", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  await stage.db.atomic().set(keys.lane(webhook.site_id, webhook.id), BROKEN).commit();
  const event = stageEvent(stage, 1);
  await stage.put(event, [webhook.id]);
  await stage.process("a");
  await stage.advance(2 * TIME.SECOND_MS);
  assertEquals((await stage.delivery(event, webhook))?.status, "delivered");
});

Deno.test("an idempotency key that can't be read is used anew, and keys and audit leave out what is broken", async () => {
  const stage = makeStage();
  const { store, db } = stage;
  await db.atomic().set(keys.idempotency(SAMPLE_SITE, "k"), BROKEN).commit();
  const seen = await store.idempotency(SAMPLE_SITE, "k");
  assert(seen !== null && seen.value.expires_at <= stage.clock.now());
  await db.atomic()
    .set(keys.apiKey("hash"), BROKEN)
    .set(keys.apiKeyId("id"), BROKEN)
    .set(keys.audit("01KDVDNA000000000000000001"), BROKEN)
    .set(keys.stat(SAMPLE_SITE, 1, "", "c"), BROKEN)
    .commit();
  assertEquals([await store.keyByHash("hash"), await store.keys()], [null, []]);
  const page = await store.auditPage({ since: null, until: null, limit: 10, before: null });
  assertEquals(page, { entries: [], next: null });
  const stats = await store.statPage({ site_id: null, since_hour: 0, limit: 10, after: null });
  assertEquals(stats.rows.map(({ counts }) => counts.accepted), [0]);
});

Deno.test("a marker that leads nowhere is gone after its slot", async () => {
  const stage = makeStage();
  await stage.db.atomic().set(keys.agenda(slotOf(stage.clock.now()), "wh_unknown"), BROKEN).commit();
  await stage.process("a");
  await stage.advance(2 * LEASE.slot_ms);
  assertEquals(await stage.store.markers(stage.clock.now(), 10, null), []);
});

Deno.test("a dead process is taken over once, though an event of its group lease can't be read, and that is put off", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const [a, b] = await stage.processes("a", "b");
  assert(a !== undefined && b !== undefined);
  stage.respond = (_, { by }) => by === "a" ? null : answer(200);
  const [bad, good] = [stageEvent(stage, 1), stageEvent(stage, 2)];
  for (const event of [bad, good]) {
    const accepted = a.accept(event, [webhook]);
    await stage.clock.advance(0);
    await accepted;
  }
  a.db.crash();
  a.sleep();
  const repair = await spoil(stage, keys.event(bad.id), BROKEN);
  await stage.advance(2 * TIME.MINUTE_MS);
  assertEquals((await stage.delivery(good, webhook))?.status, "delivered");
  const told = b.logged.filter(({ message }) => message === "instance.taken_over");
  assertEquals(told.map(({ fields }) => fields["deliveries"]), [1]);
  const beats = await Array.fromAsync(stage.db.list({ prefix: keys.instances() }));
  assertEquals(beats.map(({ key }) => key[1]), ["b"], "it is forgotten");
  await repair();
  for (let n = 0; n < 70; n++) await stage.clock.advance(TIME.MINUTE_MS);
  assertEquals((await stage.delivery(bad, webhook))?.status, "delivered");
  assertEquals(await stage.store.groupLeases(Number.MAX_SAFE_INTEGER), []);
});
