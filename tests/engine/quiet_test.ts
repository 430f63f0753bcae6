/**
 * Lanes that must be quiet: the breaker, the rate limit, and webhooks that are given up.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { breakerState } from "../../lib/breaker.ts";
import { deliveryId } from "../../lib/delivery.ts";
import { LANE_AT_FIRST } from "../../lib/lane_state.ts";
import { TIME } from "../../lib/limits.ts";
import { redeliver } from "../../lib/redeliver.ts";
import { type Webhook, webhookStatus } from "../../lib/webhook.ts";
import { indexFaults } from "../kv/store_contract_state.ts";
import { answer, makeStage, type Stage, stageEvent, type StageProcess, stageWebhook } from "./stage.ts";

const { SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS } = TIME;

async function accept(stage: Stage, process: StageProcess, count: number, first = 1): Promise<void> {
  const webhooks = await process.directory.webhooksOf("example.com");
  const told = webhooks.filter((webhook) => webhookStatus(webhook) === "active");
  for (let n = first; n < first + count; n++) {
    const accepted = process.accept(stageEvent(stage, n), told.slice(0, 1));
    await stage.clock.advance(0);
    await accepted;
  }
}

/** A person has the newest delivery sent again. */
async function sendAgain(stage: Stage, process: StageProcess, webhook: Webhook): Promise<void> {
  const event_id = stage.sent.at(-1)?.event_id ?? "";
  const ports = { ...process, clock: stage.clock, instance: process.name, actor: "key_1" };
  await redeliver(webhook.site_id, deliveryId(event_id, webhook.id), ports);
}

function stateOf(stage: Stage, { engine }: StageProcess, webhook_id: string): string {
  return breakerState((engine.laneState(webhook_id) ?? LANE_AT_FIRST).breaker, stage.clock.now());
}

Deno.test("five failures in a row open the breaker: what waits is held back and loses no attempt, a probe closes it", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1, { max_retries: 1 });
  await stage.store.addWebhook(webhook);
  const process = await stage.process("a");
  stage.respond = () => answer(500);
  await accept(stage, process, 5);
  await stage.advance(SECOND_MS);
  assertEquals(stage.sent.length, 5);
  assertEquals(stateOf(stage, process, webhook.id), "open");

  await accept(stage, process, 20, 100);
  await stage.advance(28 * SECOND_MS);
  assertEquals(stage.sent.length, 5, "retries that came due and events that came new are held back");

  stage.respond = () => null;
  await stage.advance(5 * SECOND_MS);
  assertEquals(stage.sent.length, 6, "one probe, and nothing else while it is under way");
  assertEquals(stateOf(stage, process, webhook.id), "half_open");
  stage.sent[5]?.answer(answer(500));
  await stage.advance(50 * SECOND_MS);
  assertEquals([stage.sent.length, stateOf(stage, process, webhook.id)], [6, "open"]);

  stage.respond = () => answer(200);
  await stage.advance(15 * SECOND_MS);
  assertEquals(stateOf(stage, process, webhook.id), "closed");
  const { deliveries } = await stage.store.deliveryPage("example.com", {
    webhook_id: null,
    event: null,
    status: null,
    since: null,
    until: null,
    limit: 100,
    after: null,
  });
  const held_back = deliveries.filter(({ delivery }) => delivery.attempts_total < 2);
  assertEquals(deliveries.length, 25);
  assertGreaterOrEqual(held_back.length, 19);
  // One was the probe that failed: it had one retry left at most.
  const lost = deliveries.filter(({ delivery }) => delivery.status !== "delivered");
  assertLessOrEqual(lost.length, 1);
  assertEquals(await indexFaults(stage.db, new Map()), []);
});

Deno.test("an open breaker survives the process, and so does its count of openings", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const first = await stage.process("a");
  stage.respond = () => answer(500);
  await accept(stage, first, 5);
  await stage.advance(100);
  assertEquals(stateOf(stage, first, webhook.id), "open");
  first.db.crash();
  first.sleep();
  const second = await stage.process("b");
  await accept(stage, second, 5, 100);
  await stage.advance(20 * SECOND_MS);
  assertEquals(stage.sent.filter(({ by }) => by === "b").length, 0);
  await stage.advance(12 * SECOND_MS);
  assertEquals(stage.sent.filter(({ by }) => by === "b").length, 1, "the probe");
  assertEquals(second.engine.laneState(webhook.id)?.breaker.openings, 2);
});

Deno.test("an answer that is no sign of a dead receiver never opens the breaker", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const process = await stage.process("a");
  stage.respond = () => answer(400);
  await accept(stage, process, 20);
  await stage.advance(SECOND_MS);
  assertEquals([stage.sent.length, stateOf(stage, process, webhook.id)], [20, "closed"]);
});

Deno.test("a person's redelivery that succeeds closes the breaker, and what was held back goes at once", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const process = await stage.process("a");
  stage.respond = () => answer(500);
  await accept(stage, process, 5);
  await stage.advance(SECOND_MS);
  // Held for minutes: the markers lie at the end of the hold.
  for (let n = 0; n < 4; n++) await stage.advance(((2 ** n) * 30 + 10) * SECOND_MS);
  const waiting = stage.sent.length;
  await accept(stage, process, 3, 100);
  await stage.advance(SECOND_MS);
  assertEquals([stage.sent.length, stateOf(stage, process, webhook.id)], [waiting, "open"]);

  stage.respond = () => answer(200);
  await sendAgain(stage, process, webhook);
  await stage.advance(2 * SECOND_MS);
  assertEquals(stateOf(stage, process, webhook.id), "closed");
  assertGreaterOrEqual(stage.sent.length, waiting + 4);
});

Deno.test("a rate limit holds within any minute; what it holds back is sent as soon as it may, in two processes together", async () => {
  for (const names of [["a"], ["a", "b"]]) {
    const stage = makeStage();
    const webhook = stageWebhook(1, { rate_limit_per_minute: 6 });
    await stage.store.addWebhook(webhook);
    const processes = await stage.processes(...names);
    await stage.advance(3 * SECOND_MS);
    for (const [index, process] of processes.entries()) {
      await accept(stage, process, 20 / processes.length, 100 * index);
    }
    await stage.advance(4 * MINUTE_MS);
    assertEquals(stage.sent.length, 20);
    for (const { at } of stage.sent) {
      const within = stage.sent.filter((other) => other.at >= at && other.at < at + MINUTE_MS);
      assertLessOrEqual(within.length, 6);
    }
    assertEquals(stage.sent.filter(({ attempt }) => attempt > 1), []);
  }
});

Deno.test("a person's redelivery passes the rate limit, and counts for it", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1, { rate_limit_per_minute: 2 });
  await stage.store.addWebhook(webhook);
  const process = await stage.process("a");
  await accept(stage, process, 3);
  await stage.advance(SECOND_MS);
  assertEquals(stage.sent.length, 2);
  await sendAgain(stage, process, webhook);
  await stage.advance(SECOND_MS);
  assertEquals(stage.sent.length, 3);
  await stage.advance(62 * SECOND_MS);
  assertEquals(stage.sent.length, 4);
});

Deno.test("24 hours of failures pause a webhook, once, and tell the site's others that take errors", async () => {
  const stage = makeStage();
  const dead = stageWebhook(1, { url: "https://dead.example.com/in", max_retries: 10 });
  const told = stageWebhook(2, { events: ["error_condition"] });
  const not_told = stageWebhook(3, { events: ["goal_completion"] });
  for (const webhook of [dead, told, not_told]) await stage.store.addWebhook(webhook);
  const process = await stage.process("a");
  stage.respond = (request) =>
    request.url === dead.url ? { kind: "error", error: "connect", detail: "" } : answer(200);
  const started = stage.clock.now();
  let paused_at = 0;
  for (let n = 1; paused_at === 0 && n < 200; n++) {
    await process.accept(stageEvent(stage, n), [dead]);
    await stage.clock.advance(HOUR_MS / 4);
    const now = await stage.store.webhook("example.com", dead.id);
    if (now !== null && webhookStatus(now) === "paused") paused_at = stage.clock.now();
  }
  assertGreaterOrEqual(paused_at - started, DAY_MS);
  assertLessOrEqual(paused_at - started, DAY_MS + HOUR_MS);
  const webhook = await stage.store.webhook("example.com", dead.id);
  assertEquals([webhook?.enabled, webhook?.pause_reason], [false, "failing"]);
  await stage.advance(MINUTE_MS);

  const notices = stage.sent.filter(({ url }) => url !== dead.url);
  assertEquals(notices.map(({ url }) => url), [told.url]);
  const { entries } = await stage.store.auditPage({ since: null, until: null, limit: 10, before: null });
  assertEquals(entries.map(({ action, actor, subject }) => [action, actor, subject]), [
    ["webhook.paused", "tidings", dead.id],
  ]);
  assertEquals(await indexFaults(stage.db, new Map()), [], "what waited for it is cancelled");
  assertEquals(process.logged.filter(({ message }) => message === "webhook.paused").length, 1);
});

Deno.test("a webhook that another process serves well is not paused by this one's memory of failures", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1, { max_retries: 0 });
  await stage.store.addWebhook(webhook);
  const process = await stage.process("a");
  stage.respond = () => answer(400);
  await accept(stage, process, 9);
  await stage.advance(SECOND_MS);
  const state = process.engine.laneState(webhook.id);
  assert(state !== null);
  const before = stage.clock.now();
  await stage.advance(2 * SECOND_MS);
  const well = { ...state, consecutive_failures: 0, last_success_at: before + 1, failing_since: null };
  await stage.store.writeLaneState("example.com", webhook.id, well);
  while (stage.clock.now() < before + DAY_MS + 2 * HOUR_MS) await stage.clock.advance(MINUTE_MS * 10);
  await accept(stage, process, 1, 100);
  await stage.advance(SECOND_MS);
  const now = await stage.store.webhook("example.com", webhook.id);
  assertEquals(now === null ? null : webhookStatus(now), "active");
});

Deno.test("a receiver that is gone pauses its webhook with a notice in the same commit", async () => {
  const stage = makeStage();
  const gone = stageWebhook(1, { url: "https://gone.example.com/in" });
  const told = stageWebhook(2, { events: ["error_condition"] });
  for (const webhook of [gone, told]) await stage.store.addWebhook(webhook);
  const process = await stage.process("a");
  const bodies: unknown[] = [];
  stage.respond = (request) => {
    if (request.url === gone.url) return answer(410);
    bodies.push(JSON.parse(new TextDecoder().decode(request.body)));
    return answer(200);
  };
  await accept(stage, process, 8);
  await stage.advance(2 * SECOND_MS);
  assertEquals(bodies, [{
    event: "error_condition",
    site_id: "example.com",
    timestamp: new Date((await stage.store.webhook("example.com", gone.id))?.cancelled_until ?? 0)
      .toISOString(),
    data: {
      error_type: "webhook_paused",
      message:
        "A webhook was paused. The receiver answered that it is gone (410; from Slack or Discord also 404)",
      details: { webhook_id: gone.id, reason: "gone" },
    },
  }]);
});
