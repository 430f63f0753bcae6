/**
 * The pump, in an engine over the real store and the fake KV: what is due is found, taken once, and sent; the agenda is
 * left as it should be.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import { keys, slotOf } from "../../kv/keys.ts";
import { dueRecord } from "../../kv/records.ts";
import { leased } from "../../lib/delivery_moves.ts";
import { LEASE, RETRY } from "../../lib/limits.ts";
import type { StoredEvent } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { diskFullError } from "../helpers/fake_kv.ts";
import { answer, makeStage, type Stage, stageEvent, stageWebhook } from "./stage.ts";

/** What is left of the schedule: due entries and markers. */
async function scheduleOf({ db }: Stage): Promise<{ due: number; markers: number }> {
  const due = await Array.fromAsync(db.list({ prefix: keys.dueAll() }));
  const markers = await Array.fromAsync(db.list({ prefix: keys.agendaAll() }));
  return { due: due.length, markers: markers.length };
}

/** A webhook with events that are due now and held by nobody. */
async function withBacklog(
  stage: Stage,
  count: number,
  webhook: Webhook = stageWebhook(),
): Promise<StoredEvent[]> {
  await stage.store.addWebhook(webhook);
  const events = Array.from({ length: count }, (_, n) => stageEvent(stage, n));
  for (const event of events) await stage.put(event, [webhook.id]);
  return events;
}

/** Answers what is under way, again and again: answers take a while, so lanes are full most of the time. */
async function answerAll(stage: Stage, count: number): Promise<void> {
  for (let answered = 0; answered < count;) {
    const open = stage.sent.slice(answered);
    assertGreater(open.length, 0, `nothing more is sent after ${answered}`);
    for (const { answer: reply } of open) reply(answer(200));
    answered += open.length;
    await stage.clock.advance(1);
    for (let turn = 0; turn < 3; turn++) await stage.clock.advance(0);
  }
}

function eventIds(stage: Stage): string[] {
  return stage.sent.map(({ event_id }) => event_id);
}

Deno.test("what is due at the start is sent, oldest first, each once, and nothing of the schedule is left", async () => {
  const stage = makeStage();
  const events = await withBacklog(stage, 250);
  await stage.process("a");
  await stage.advance(1000);
  assertEquals(eventIds(stage), events.map(({ id }) => id));
  assertEquals((await scheduleOf(stage)).due, 0);
  // The marker goes once its ten seconds are over: until then something may still be added to them.
  assertGreater((await scheduleOf(stage)).markers, 0);
  await stage.advance(2 * LEASE.longest_ms);
  assertEquals(await scheduleOf(stage), { due: 0, markers: 0 });
  assertEquals(stage.sent.length, 250);
});

Deno.test("more than a lane has room for is taken bit by bit, and all of it without another alarm", async () => {
  const stage = makeStage();
  const events = await withBacklog(stage, 2500);
  stage.respond = () => null;
  await stage.process("a");
  await answerAll(stage, events.length);
  assertEquals(new Set(eventIds(stage)).size, events.length);
  assertEquals(stage.sent.length, events.length);
});

Deno.test("two processes take what is due between them, each thing once", async () => {
  const stage = makeStage();
  // More than one of them has room for.
  const events = await withBacklog(stage, 1500);
  stage.respond = () => null;
  await stage.processes("a", "b");
  await answerAll(stage, events.length);
  await stage.advance(2 * LEASE.longest_ms);
  assertEquals([stage.sent.length, new Set(eventIds(stage)).size], [events.length, events.length]);
  for (const name of ["a", "b"]) assertGreater(stage.sent.filter(({ by }) => by === name).length, 0);
  assertEquals(await scheduleOf(stage), { due: 0, markers: 0 });
});

Deno.test("a retry is sent when it is due, not before, and its alarm is what brings it", async () => {
  const stage = makeStage();
  const [event] = await withBacklog(stage, 1);
  stage.respond = () => answer(stage.sent.length < 3 ? 500 : 200);
  const process = await stage.process("a");
  await stage.advance(200_000);
  const [first, second, third] = stage.sent.map(({ at }) => at);
  assertEquals(eventIds(stage), [event?.id, event?.id, event?.id]);
  // 10 s and 60 s with the jitter of a random 0.5, which is none; the queue rings within a second after it.
  const waits = [(second ?? 0) - (first ?? 0), (third ?? 0) - (second ?? 0)];
  for (const [index, asked] of [10_000, 60_000].entries()) {
    assertGreaterOrEqual(waits[index], asked);
    assert((waits[index] ?? 0) < asked + 1500, `${waits[index]} ms`);
  }
  assert(process.logged.some(({ message }) => message === "alarm.rang"));
});

Deno.test("a lane that is on hold is left alone until the end of the hold, with its marker moved there", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  const events = await withBacklog(stage, 40, webhook);
  stage.respond = () => stage.sent.length === 1 ? answer(503, "300") : answer(200);
  await stage.process("a");
  await stage.advance(60_000);
  assertEquals(stage.sent.length, 1);
  // What was in memory was forgotten and its leases are over; nothing leads to it before the end of the hold.
  const hold_until = (stage.sent[0]?.at ?? 0) + 300_000;
  const markers = await Array.fromAsync(stage.db.list({ prefix: keys.agendaAll() }));
  assertEquals(markers.map(({ key }) => key[1]), [slotOf(hold_until)]);
  await stage.advance(300_000);
  const after = stage.sent.slice(1);
  assertEquals(new Set(after.map(({ event_id }) => event_id)).size, events.length);
  for (const { at } of after) assertGreaterOrEqual(at, hold_until);
});

Deno.test("what is due for a webhook that is not active is cancelled, also far in the future", async () => {
  for (const change of ["disabled", "deleted"] as const) {
    const stage = makeStage();
    const webhook = stageWebhook();
    const events = await withBacklog(stage, 230, webhook);
    stage.respond = () => answer(500);
    await stage.process("a");
    await stage.advance(2000);
    const sends = stage.sent.length;
    assertEquals((await scheduleOf(stage)).due, 230);
    const now = stage.clock.now();
    await stage.store.changeWebhook(webhook.site_id, webhook.id, (before) => ({
      ...before,
      enabled: false,
      cancelled_until: now,
      updated_at: now,
      deleted_at: change === "deleted" ? now : null,
    }));
    await stage.advance(5000);
    assertEquals((await scheduleOf(stage)).due, 0);
    for (const event of events) {
      const delivery = await stage.delivery(event, webhook);
      assertEquals([delivery?.status, delivery?.due_at], ["cancelled", null], change);
    }
    assertEquals(stage.sent.length, sends);
  }
});

Deno.test("an event accepted right after the webhook was made active again is sent, not cancelled", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  const [old] = await withBacklog(stage, 1, webhook);
  assert(old !== undefined);
  await stage.advance(1000);
  const now = stage.clock.now();
  await stage.store.changeWebhook(
    webhook.site_id,
    webhook.id,
    (before) => ({ ...before, cancelled_until: now }),
  );
  await stage.advance(1);
  const fresh = stageEvent(stage, 9);
  await stage.put(fresh, [webhook.id]);
  await stage.process("a");
  await stage.advance(1000);
  assertEquals(eventIds(stage), [fresh.id]);
  assertEquals((await stage.delivery(old, webhook))?.status, "cancelled");
  assertEquals((await stage.delivery(fresh, webhook))?.status, "delivered");
});

Deno.test("a lease that ran out is taken over: interrupted if its process is gone, without a word if it lives", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  await stage.store.addWebhook(webhook);
  const until_ms = stage.clock.now() + 5000;
  const hold = async (n: number, owner: string): Promise<StoredEvent> => {
    const event = stageEvent(stage, n);
    await stage.put(event, [webhook.id]);
    const known = await stage.store.delivery(event.id, webhook.id);
    assert(known !== null);
    await stage.store.move(known, (delivery) => leased(delivery, { owner, until_ms }));
    return event;
  };
  const of_gone = await hold(1, "gone");
  const of_living = await hold(2, "living");
  await stage.process("a");
  for (let second = 0; second < 10; second++) {
    await stage.store.beat("living", stage.clock.now());
    await stage.advance(1000);
  }
  const attempts = async (event: StoredEvent): Promise<unknown> =>
    (await stage.delivery(event, webhook))?.attempts.map(({ outcome, error }) => [outcome, error]);
  assertEquals(await attempts(of_gone), [["retry", "interrupted"], ["delivered", null]]);
  assertEquals(await attempts(of_living), [["delivered", null]]);
  for (const { at } of stage.sent) assertGreaterOrEqual(at, until_ms);
});

Deno.test("a process that starts after a crash and after its leases ran out notes the interruption all the same", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  await stage.store.addWebhook(webhook);
  const until_ms = stage.clock.now() + webhook.timeout_ms + LEASE.margin_ms;
  const event = stageEvent(stage, 1);
  await stage.put(event, [webhook.id]);
  const known = await stage.store.delivery(event.id, webhook.id);
  assert(known !== null);
  await stage.store.beat("dead", stage.clock.now());
  await stage.store.move(known, (delivery) => leased(delivery, { owner: "dead", until_ms }));
  await stage.advance(until_ms - stage.clock.now());
  // It sees the beat of the dead for the first time, and does not wait until it may call it so.
  await stage.process("a");
  await stage.advance(1000);
  const delivery = await stage.delivery(event, webhook);
  assertEquals(delivery?.attempts.map(({ error }) => error), ["interrupted", null]);
});

Deno.test("a due entry that no delivery names is removed, and holds nothing up", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  const [event] = await withBacklog(stage, 1, webhook);
  assert(event !== undefined);
  const now = stage.clock.now();
  const value = dueRecord.encode({ site_id: event.site_id, owner: null, unwritten: null });
  // As a broken release might have left them: of a delivery that is due at another time, and of none.
  await stage.db.atomic()
    .set(keys.due(webhook.id, now - 5, event.id), value)
    .set(keys.due(webhook.id, now - 4, stageEvent(stage, 7).id), value)
    .commit();
  await stage.process("a");
  await stage.advance(2 * LEASE.longest_ms);
  assertEquals(eventIds(stage), [event.id]);
  assertEquals(await scheduleOf(stage), { due: 0, markers: 0 });
});

Deno.test("due entries whose markers are gone are found by the walk at the start, and hourly", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  const [first] = await withBacklog(stage, 1, webhook);
  assert(first !== undefined);
  const dropMarkers = async (): Promise<void> => {
    for await (const { key } of stage.db.list({ prefix: keys.agendaAll() })) {
      await stage.db.atomic().delete(key).commit();
    }
  };
  await dropMarkers();
  await stage.process("a");
  await stage.advance(1000);
  assertEquals(eventIds(stage), [first.id]);

  const second = stageEvent(stage, 2);
  await stage.put(second, [webhook.id]);
  await dropMarkers();
  await stage.advance(LEASE.walk_ms + 60_000);
  assertEquals(eventIds(stage), [first.id, second.id]);
});

Deno.test("a delivery that has been pending for two weeks is exhausted, not sent", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  const [old] = await withBacklog(stage, 1, webhook);
  assert(old !== undefined);
  await stage.clock.advance(RETRY.pending_ms_max + 1);
  const fresh = stageEvent(stage, 2);
  await stage.put(fresh, [webhook.id]);
  await stage.process("a");
  await stage.advance(1000);
  assertEquals(eventIds(stage), [fresh.id]);
  assertEquals((await stage.delivery(old, webhook))?.status, "exhausted");
});

Deno.test("what is due although it is over and nobody wished for it is ended, not sent", async () => {
  const stage = makeStage();
  const webhook = stageWebhook();
  const [event] = await withBacklog(stage, 1, webhook);
  assert(event !== undefined);
  const known = await stage.store.delivery(event.id, webhook.id);
  assert(known !== null);
  await stage.store.move(known, (delivery) => ({ ...delivery, status: "delivered" }));
  await stage.process("a");
  await stage.advance(1000);
  assertEquals(stage.sent, []);
  const { status, due_at } = await stage.delivery(event, webhook) ?? {};
  assertEquals({ status, due_at }, { status: "delivered", due_at: null });
});

Deno.test("storage that fails stops a turn and nothing else: the next sweep goes on", async () => {
  const stage = makeStage();
  const events = await withBacklog(stage, 30);
  let broken = true;
  const process = await stage.process("a");
  process.db.onCommit = () => broken ? { kind: "throw", error: diskFullError() } : undefined;
  await stage.put(stageEvent(stage, 99), [stageWebhook().id]);
  await stage.advance(30_000);
  const sent_meanwhile = stage.sent.length;
  broken = false;
  await stage.advance(2 * LEASE.longest_ms);
  assertEquals(new Set(eventIds(stage)).size, events.length + 1);
  assertEquals(await scheduleOf(stage), { due: 0, markers: 0 });
  assert(sent_meanwhile <= events.length + 1);
  assertEquals(process.engine.ready, true);
});

Deno.test("many webhooks are visited in one turn, and a slow one keeps none of the others waiting", async () => {
  const stage = makeStage();
  const webhooks = Array.from({ length: 40 }, (_, n) => stageWebhook(n + 1));
  for (const webhook of webhooks) await stage.store.addWebhook(webhook);
  const event = stageEvent(stage, 1);
  await stage.put(event, webhooks.map(({ id }) => id));
  stage.respond = ({ url }) => url.endsWith("/7") ? null : answer(200);
  await stage.process("a");
  await stage.advance(1000);
  assertEquals(stage.sent.length, 40);
  const statuses = await Promise.all(
    webhooks.map(async (webhook) => (await stage.delivery(event, webhook))?.status),
  );
  assertEquals(statuses.filter((status) => status === "delivered").length, 39);
  assertEquals(statuses[6], "pending");
});

Deno.test("a lane that is busy with one slow send is not looked at again and again meanwhile", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1, { timeout_ms: 30_000, max_retries: 0 });
  await withBacklog(stage, 20, webhook);
  stage.respond = () => null;
  const { store } = await stage.process("a");
  const { markers } = store;
  let turns = 0;
  store.markers = (...args) => {
    turns++;
    // A pump that never rests would never let this test end.
    if (turns > 1000) throw new Error("looked too often");
    return markers(...args);
  };
  // Timeouts, until the lane sends one at a time and takes in nothing that would have to wait for it.
  let answered = 0;
  for (let round = 0; answered < 14 && round < 200; round++) {
    await stage.advance(30_000);
    for (const { answer: reply } of stage.sent.slice(answered)) {
      reply({ kind: "error", error: "timeout", detail: "" });
      answered++;
    }
    await stage.advance(20_000);
  }
  while (stage.sent.length === answered) await stage.advance(10_000);
  // Work that is due in several slots of the agenda, so that several markers lead to the lane.
  for (let n = 100; n < 103; n++) {
    await stage.put(stageEvent(stage, n), [webhook.id]);
    await stage.advance(LEASE.slot_ms);
  }
  assertEquals(stage.sent.length, answered + 1, "one send is under way");
  turns = 0;
  await stage.advance(LEASE.sweep_ms);
  assert(turns < 20, `${turns} turns of the pump in ${LEASE.sweep_ms} ms`);
  stage.respond = () => answer(200);
  stage.sent.at(-1)?.answer(answer(200));
  await stage.advance(LEASE.longest_ms);
  assertEquals((await scheduleOf(stage)).due, 0, "with room again it goes on by itself");
});
