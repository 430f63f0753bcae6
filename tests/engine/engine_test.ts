/**
 * The engine as a whole, over the real store and the fake KV: leases that change hands, processes that sleep, die and
 * say goodbye, storage that fails.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { keys } from "../../kv/keys.ts";
import { LANE, LEASE } from "../../lib/limits.ts";
import type { StoredEvent } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { lockedError } from "../helpers/fake_kv.ts";
import { answer, makeStage, type Stage, stageEvent, type StageProcess, stageWebhook } from "./stage.ts";

async function withWebhook(stage: Stage, given: Partial<Webhook> = {}): Promise<Webhook> {
  const webhook = stageWebhook(1, given);
  await stage.store.addWebhook(webhook);
  return webhook;
}

/** Accepts numbered events in one process. */
async function acceptSome(
  stage: Stage,
  process: StageProcess,
  webhook: Webhook,
  count: number,
): Promise<StoredEvent[]> {
  const events = Array.from({ length: count }, (_, n) => stageEvent(stage, n));
  for (const event of events) {
    const accepted = process.accept(event, [webhook]);
    await stage.clock.advance(0);
    await accepted;
  }
  return events;
}

function sentBy(stage: Stage, process: StageProcess): string[] {
  return stage.sent.filter(({ by }) => by === process.name).map(({ event_id }) => event_id);
}

async function statuses(
  stage: Stage,
  events: readonly StoredEvent[],
  webhook: Webhook,
): Promise<Set<string>> {
  const found = await Promise.all(events.map((event) => stage.delivery(event, webhook)));
  return new Set(found.map((delivery) => delivery?.status ?? "absent"));
}

Deno.test("what is accepted is sent at once, from memory, without another look at storage", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage);
  const process = await stage.process("a");
  const [event] = await acceptSome(stage, process, webhook, 1);
  assert(event !== undefined);
  await stage.clock.advance(0);
  assertEquals(stage.sent.map(({ event_id, attempt }) => [event_id, attempt]), [[event.id, 1]]);
  await stage.advance(100);
  assertEquals((await stage.delivery(event, webhook))?.status, "delivered");
});

Deno.test("a process that slept too long sends nothing of what others took meanwhile", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage, { timeout_ms: 30_000 });
  stage.respond = () => null;
  const [a, b] = await stage.processes("a", "b");
  assert(a !== undefined && b !== undefined);
  const events = await acceptSome(stage, a, webhook, 12);
  await stage.advance(3000);
  assertEquals(sentBy(stage, a).length, LANE.cap_start);

  a.sleep();
  await stage.advance(LEASE.silent_dead_ms + 2 * LEASE.beat_ms);
  assertEquals(
    sentBy(stage, b).length,
    LANE.cap_start,
    "the other process took over, and its receiver hangs too",
  );
  a.wake();
  // The receiver answers the requests of both; each answer would let its lane go on.
  for (const { answer: reply } of stage.sent) reply(answer(200));
  stage.respond = () => answer(200);
  await stage.advance(60_000);

  assertEquals(sentBy(stage, a).length, LANE.cap_start, "what it held is not its own any more");
  assertEquals(new Set(sentBy(stage, b)).size, events.length);
  assertEquals(sentBy(stage, b).length, events.length);
  assertEquals(await statuses(stage, events, webhook), new Set(["delivered"]));
  const silent = a.logged.find(({ message }) => message === "engine.was_silent");
  assertEquals([silent?.fields["waiting"], silent?.fields["kept"]], [10, 0]);
});

Deno.test("a process that slept for a while goes on with what nobody took", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage, { timeout_ms: 30_000 });
  stage.respond = () => null;
  const [a, b] = await stage.processes("a", "b");
  assert(a !== undefined && b !== undefined);
  const events = await acceptSome(stage, a, webhook, 6);
  a.sleep();
  await stage.advance(10_000);
  stage.respond = () => answer(200);
  a.wake();
  for (const { answer: reply } of stage.sent) reply(answer(200));
  await stage.advance(5000);
  assertEquals([sentBy(stage, a).length, sentBy(stage, b).length], [events.length, 0]);
  assertEquals(await statuses(stage, events, webhook), new Set(["delivered"]));
  const silent = a.logged.find(({ message }) => message === "engine.was_silent");
  assertEquals([silent?.fields["waiting"], silent?.fields["kept"]], [4, 4]);
});

Deno.test("a process that dies is replaced within seconds, and what it had under way is noted as interrupted", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage);
  const [a, b] = await stage.processes("a", "b");
  assert(a !== undefined && b !== undefined);
  stage.respond = (_, { by }) => by === "a" ? null : answer(200);
  const events = await acceptSome(stage, a, webhook, 5);
  await stage.advance(2500);
  a.db.crash();
  a.sleep();
  const died_at = stage.clock.now();
  await stage.advance(LEASE.silent_dead_ms + 2 * LEASE.beat_ms);

  assertEquals(new Set(sentBy(stage, b)), new Set(events.map(({ id }) => id)));
  for (const { at } of stage.sent.filter(({ by }) => by === "b")) {
    assertGreaterOrEqual(at, died_at + LEASE.silent_dead_ms - LEASE.beat_ms);
  }
  for (const event of events) {
    const delivery = await stage.delivery(event, webhook);
    assertEquals(delivery?.attempts.map(({ error }) => error), ["interrupted", null]);
    assertEquals([delivery?.status, delivery?.failures], ["delivered", 0]);
  }
  const beats = await Array.fromAsync(stage.db.list({ prefix: keys.instances() }));
  assertEquals(beats.map(({ key }) => key[1]), ["b"], "the dead one is forgotten");
});

Deno.test("taking over a lot does not keep a process from beating and sending", async () => {
  const stage = makeStage();
  const webhooks = [1, 2, 3, 4, 5].map((n) => stageWebhook(n));
  for (const webhook of webhooks) await stage.store.addWebhook(webhook);
  const [a, b] = await stage.processes("a", "b");
  assert(a !== undefined && b !== undefined);
  stage.respond = (_, { by }) => by === "a" ? null : answer(200);
  for (let n = 0; n < 400; n++) {
    const accepted = a.accept(stageEvent(stage, n), webhooks);
    await stage.clock.advance(0);
    await accepted;
  }
  a.db.crash();
  a.sleep();
  // Every commit of the other takes half a second from now on: 2,000 leases are 20 groups a hundred each.
  b.db.onCommit = () => ({ delay_ms: 500 });
  let slowest_ms = 0;
  let beat_at = stage.clock.now();
  let stamp = "";
  for (let step = 0; step < 120; step++) {
    await stage.advance(500);
    const beat = await stage.db.get(keys.instance("b"));
    if (beat.versionstamp !== stamp) beat_at = stage.clock.now();
    stamp = beat.versionstamp ?? "";
    slowest_ms = Math.max(slowest_ms, stage.clock.now() - beat_at);
  }
  assertLess(slowest_ms, LEASE.silent_stop_ms, "others would take it for dead");
  assert(b.logged.some(({ message }) => message === "instance.taken_over"));
});

Deno.test("a process that stops gives back what waits, and another goes on with it at once", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage, { timeout_ms: 30_000 });
  stage.respond = () => null;
  const a = await stage.process("a");
  const events = await acceptSome(stage, a, webhook, 300);
  await stage.advance(100);
  const stopped = a.engine.stop(10_000);
  await stage.advance(100);
  for (const { answer: reply } of stage.sent) reply(answer(200));
  await stage.advance(100);
  await stopped;
  assertEquals(sentBy(stage, a).length, LANE.cap_start);
  assertEquals(a.logged.at(-1), { level: "info", message: "engine.stopped", fields: { cut_short: 0 } });
  assertEquals(await Array.fromAsync(stage.db.list({ prefix: keys.instances() })), []);

  stage.respond = () => answer(200);
  const b = await stage.process("b");
  await stage.advance(2000);
  assertEquals(sentBy(stage, b).length, events.length - LANE.cap_start);
  for (const event of events) {
    assertEquals((await stage.delivery(event, webhook))?.attempts.map(({ error }) => error), [null]);
  }
});

Deno.test("a stop does not wait for a send that turns out not to be one", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage);
  const a = await stage.process("a");
  let looked: (() => void) | null = null;
  const real = a.directory.webhook.bind(a.directory);
  a.directory.webhook = async (site_id, webhook_id) => {
    await new Promise<void>((resolve) => looked = resolve);
    return await real(site_id, webhook_id);
  };
  await acceptSome(stage, a, webhook, 1);
  await stage.advance(100);
  const now = stage.clock.now();
  await stage.store.changeWebhook(webhook.site_id, webhook.id, (before) => ({
    ...before,
    enabled: false,
    cancelled_until: now,
  }));
  a.directory.invalidate();
  let over = false;
  const stopped = a.engine.stop(10_000).then(() => over = true);
  await stage.advance(100);
  assertEquals(over, false);
  (looked as (() => void) | null)?.();
  await stage.advance(100);
  assertEquals(over, true);
  await stopped;
  assertEquals(stage.sent.length, 0);
});

Deno.test("a send that outlasts the grace keeps its lease, and the next process notes the interruption", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage, { timeout_ms: 30_000 });
  stage.respond = (_, { by }) => by === "a" ? null : answer(200);
  const a = await stage.process("a");
  const [event] = await acceptSome(stage, a, webhook, 1);
  assert(event !== undefined);
  const stopped = a.engine.stop(10_000);
  await stage.advance(10_100);
  await stopped;
  assertEquals(a.logged.at(-1), { level: "info", message: "engine.stopped", fields: { cut_short: 1 } });
  const b = await stage.process("b");
  await stage.advance(LEASE.silent_dead_ms + 2 * LEASE.beat_ms);
  assertEquals(sentBy(stage, b), [event.id]);
  assertEquals((await stage.delivery(event, webhook))?.attempts.map(({ error }) => error), [
    "interrupted",
    null,
  ]);
});

Deno.test("while storage fails no send starts, what was sent is recorded later, and nothing is sent twice", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage);
  const a = await stage.process("a");
  stage.respond = () => null;
  const events = await acceptSome(stage, a, webhook, 8);
  await stage.advance(100);
  assertEquals(stage.sent.length, LANE.cap_start);
  let broken = true;
  a.db.onCommit = () => broken ? { kind: "throw", error: lockedError() } : undefined;
  await stage.advance(5000);
  for (const { answer: reply } of stage.sent) reply(answer(200));
  stage.respond = () => answer(200);
  await stage.advance(5000);
  assertEquals(stage.sent.length, LANE.cap_start, "nothing new while it fails");
  assertEquals(await statuses(stage, events.slice(0, LANE.cap_start), webhook), new Set(["pending"]));
  broken = false;
  await stage.advance(2 * LEASE.longest_ms);
  assertEquals(await statuses(stage, events, webhook), new Set(["delivered"]));
  assertEquals(stage.sent.length, events.length);
});

Deno.test("an attempt whose record got no clear answer is on record once", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage);
  const a = await stage.process("a");
  const [event] = await (async () => {
    stage.respond = () => null;
    return await acceptSome(stage, a, webhook, 1);
  })();
  assert(event !== undefined);
  await stage.advance(100);
  // What Deno's client for KV servers makes of a lost answer: it was written, and the check is said to have failed.
  let lost = 1;
  a.db.onCommit = () => lost-- > 0 ? { kind: "lost" } : undefined;
  stage.sent[0]?.answer(answer(500));
  await stage.advance(1000);
  const delivery = await stage.delivery(event, webhook);
  assertEquals([delivery?.attempts_total, delivery?.failures, delivery?.status], [1, 1, "pending"]);
  stage.respond = () => answer(200);
  await stage.advance(20_000);
  assertEquals((await stage.delivery(event, webhook))?.attempts.map(({ outcome }) => outcome), [
    "retry",
    "delivered",
  ]);
});

Deno.test("what a lane has no room for is stored as due, and sent as soon as there is room", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage);
  const a = await stage.process("a");
  stage.respond = () => null;
  const count = 2 * (LEASE.margin_ms - LEASE.send_margin_ms) / 50 + 200;
  const events = await acceptSome(stage, a, webhook, count);
  const stored = await Array.fromAsync(stage.db.list({ prefix: keys.dueOf(webhook.id) }));
  assertEquals(stored.length, 200, "the others are in group leases");
  assert(stored.every(({ key }) => Number(key[2]) <= stage.clock.now()));
  assertEquals(await stage.store.pendingCount(webhook.id, 10_000), count);
  for (let answered = 0; answered < count;) {
    const open = stage.sent.slice(answered);
    assert(open.length > 0, `nothing more is sent after ${answered}`);
    for (const { answer: reply } of open) reply(answer(200));
    answered += open.length;
    await stage.advance(1);
  }
  await stage.advance(100);
  assertEquals(await statuses(stage, events, webhook), new Set(["delivered"]));
  assertEquals(stage.sent.length, count);
});

Deno.test("a slow receiver gets each delivery once, however long the queue before it", async () => {
  const stage = makeStage();
  const webhook = await withWebhook(stage, { timeout_ms: 10_000 });
  const a = await stage.process("a");
  stage.respond = () => null;
  const events = await acceptSome(stage, a, webhook, 120);
  // Each answer takes eight seconds: two at a time, 120 deliveries take eight minutes, twelve times their leases.
  for (let second = 0; second < 700; second++) {
    await stage.advance(1000);
    const now = stage.clock.now();
    for (const { at, answer: reply } of stage.sent) if (now - at >= 8000) reply(answer(200));
  }
  assertEquals(await statuses(stage, events, webhook), new Set(["delivered"]));
  assertEquals(stage.sent.length, events.length);
});
