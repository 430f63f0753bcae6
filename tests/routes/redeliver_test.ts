/**
 * Redelivery and recovery: one more attempt because a person asks, and everything a webhook missed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Api, type DeliveryJson, goal, SITE, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const ALL = "2020-01-01T00:00:00Z";

async function redeliver(service: Api, id: string): Promise<DeliveryJson> {
  const path = `/v1/sites/${SITE}/deliveries/${id}/redeliver`;
  const { status, json } = await service.call<DeliveryJson>("POST", path);
  assertEquals(status, 202);
  return json;
}

async function recover(service: Api, webhook_id: string, body: unknown = { since: ALL }): Promise<number> {
  const path = `/v1/sites/${SITE}/webhooks/${webhook_id}/recover`;
  const { status, json } = await service.call<{ recovered: number; next_since: string | null }>(
    "POST",
    path,
    body,
  );
  assertEquals([status, json.next_since], [202, null]);
  return json.recovered;
}

async function attempts(service: Api, id: string, count: number): Promise<DeliveryJson> {
  return await until(async () => {
    const { json } = await service.call<DeliveryJson>("GET", `/v1/sites/${SITE}/deliveries/${id}`);
    return json.attempts_total >= count ? json : null;
  }, `there are ${count} attempts`);
}

Deno.test("each redelivery is one attempt, and a failed one leaves a delivered delivery delivered", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: [200, 500, 500, 200] });
  await service.webhook(receiver.url);
  await service.post(goal());
  const [delivery] = await service.settled("delivered", 1);
  assert(delivery !== undefined);
  for (let time = 2; time <= 4; time++) {
    await redeliver(service, delivery.id);
    assertEquals((await attempts(service, delivery.id, time)).status, "delivered");
  }
  const { attempts: made } = await attempts(service, delivery.id, 4);
  assertEquals(made.map(({ trigger, outcome }) => [trigger, outcome]), [
    ["automatic", "delivered"],
    ["manual", "failed"],
    ["manual", "failed"],
    ["manual", "delivered"],
  ]);
  assertEquals(receiver.requests.map(({ headers }) => headers.get("x-webhook-attempt")), [
    "1",
    "2",
    "3",
    "4",
  ]);
});

Deno.test("a redelivery of a pending delivery keeps its schedule, goes past a throttle, and success ends it", async () => {
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "3600000" } });
  await using receiver = startReceiver({ respond: [503, 500, 200] });
  await service.webhook(receiver.url);
  await service.post(goal());
  await receiver.received(1);
  const [waiting] = await until(async () => {
    const found = await service.deliveries();
    return found[0]?.next_attempt_at ? found : null;
  }, "the delivery waits for its retry");
  assert(waiting !== undefined);
  await redeliver(service, waiting.id);
  const failed = await until(async () => {
    const found = await attempts(service, waiting.id, 2);
    return found.next_attempt_at === null ? null : found;
  }, "the schedule goes on");
  assertEquals([failed.status, failed.next_attempt_at], ["pending", waiting.next_attempt_at]);
  assertEquals(failed.attempts[1]?.outcome, "retry");
  await redeliver(service, waiting.id);
  const done = await attempts(service, waiting.id, 3);
  assertEquals([done.status, done.next_attempt_at], ["delivered", null]);
});

Deno.test("redeliveries asked for while an attempt is under way all come after it", async () => {
  await using service = await startTestService();
  const { promise: open, resolve: letGo } = Promise.withResolvers<void>();
  await using receiver = startReceiver({
    respond: [() => open.then(() => new Response(null, { status: 500 })), 500, 500, 200],
  });
  await service.webhook(receiver.url, { max_retries: 0 });
  const { id } = await service.post(goal());
  await receiver.received(1);
  const [delivery] = await service.deliveries();
  assert(delivery !== undefined && delivery.event_id === id);
  for (let time = 0; time < 3; time++) await redeliver(service, delivery.id);
  letGo();
  const done = await attempts(service, delivery.id, 4);
  assertEquals(done.attempts.map(({ trigger }) => trigger), ["automatic", "manual", "manual", "manual"]);
  assertEquals(done.status, "delivered");
  assertEquals(receiver.requests.length, 4);
});

/** A delivery whose first send hangs until it is let go and answered 500; its webhook was off meanwhile, and is on again. */
async function cancelledUnderWay(
  service: TestService,
  fields: Record<string, unknown>,
): Promise<
  AsyncDisposable & { id: string; webhook_id: string; requests: readonly unknown[]; letGo: () => void }
> {
  const { promise: open, resolve: letGo } = Promise.withResolvers<void>();
  const receiver = startReceiver({
    respond: [() => open.then(() => new Response(null, { status: 500 })), 200],
  });
  const webhook = await service.webhook(receiver.url, fields);
  await service.post(goal());
  await receiver.received(1);
  const path = `/v1/sites/${SITE}/webhooks/${webhook.id}`;
  for (const enabled of [false, true]) await service.call("PATCH", path, { enabled });
  const [delivery] = await service.deliveries();
  assertEquals(delivery?.status, "cancelled");
  return {
    id: delivery?.id ?? "",
    webhook_id: webhook.id,
    requests: receiver.requests,
    letGo,
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}

Deno.test("a redelivery of what was cancelled while it was under way comes after that, not beside it", async () => {
  await using service = await startTestService();
  await using cancelled = await cancelledUnderWay(service, {});
  assertEquals((await redeliver(service, cancelled.id)).status, "cancelled");
  assertEquals(cancelled.requests.length, 1, "nothing is sent beside it");
  cancelled.letGo();
  const done = await attempts(service, cancelled.id, 2);
  assertEquals(done.attempts.map(({ trigger, status_code }) => [trigger, status_code]), [
    ["automatic", 500],
    ["manual", 200],
  ]);
  assertEquals(done.status, "delivered");
});

Deno.test("a recovery of what was cancelled while it was under way gives it a fresh budget after that", async () => {
  await using service = await startTestService();
  await using cancelled = await cancelledUnderWay(service, { max_retries: 0 });
  assertEquals(await recover(service, cancelled.webhook_id), 1);
  assertEquals(cancelled.requests.length, 1, "nothing is sent beside it");
  cancelled.letGo();
  const done = await attempts(service, cancelled.id, 2);
  assertEquals(done.attempts.map(({ trigger, status_code }) => [trigger, status_code]), [
    ["automatic", 500],
    ["recover", 200],
  ]);
  assertEquals(done.status, "delivered");
});

Deno.test("what is recovered or redelivered while it waits behind slow sends is sent", async () => {
  await using service = await startTestService();
  const { promise: open, resolve: letGo } = Promise.withResolvers<void>();
  await using receiver = startReceiver({ respond: () => open.then(() => new Response()) });
  const webhook = await service.webhook(receiver.url);
  for (let count = 1; count <= 6; count++) await service.post(goal(count));
  await receiver.received(2);
  const path = `/v1/sites/${SITE}/webhooks/${webhook.id}`;
  for (const enabled of [false, true]) await service.call("PATCH", path, { enabled });
  const [newest] = await service.deliveries();
  assert(newest !== undefined);
  await redeliver(service, newest.id);
  assertEquals(await recover(service, webhook.id), 6);
  letGo();
  await service.settled("delivered", 6);
});

Deno.test("a webhook that is not active takes neither redelivery nor recovery", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const webhook = await service.webhook(receiver.url);
  await service.post(goal());
  const [delivery] = await service.settled("delivered", 1);
  assert(delivery !== undefined);
  const path = `/v1/sites/${SITE}/webhooks/${webhook.id}`;
  await service.call("PATCH", path, { enabled: false });
  const refused = await service.call("POST", `/v1/sites/${SITE}/deliveries/${delivery.id}/redeliver`);
  assertEquals([refused.status, refused.json.code], [409, "webhook_not_active"]);
  const recovery = await service.call("POST", `${path}/recover`, { since: ALL });
  assertEquals([recovery.status, recovery.json.code], [409, "webhook_not_active"]);
  await service.call("DELETE", path);
  const deleted = await service.call("POST", `/v1/sites/${SITE}/deliveries/${delivery.id}/redeliver`);
  assertEquals([deleted.status, deleted.json.code], [409, "webhook_not_active"]);
});

Deno.test("recovery gives exhausted and cancelled deliveries a fresh retry budget", async () => {
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "20" } });
  await using receiver = startReceiver({ respond: [500, 500, 500, 500, 200] });
  const webhook = await service.webhook(receiver.url, { max_retries: 1 });
  await service.post(goal());
  await service.settled("exhausted", 1);
  assertEquals(await recover(service, webhook.id, { since: ALL, until: "2020-01-02T00:00:00Z" }), 0);
  assertEquals(await recover(service, webhook.id), 1);
  const [again] = await until(async () => {
    const found = await service.settled("exhausted", 1);
    return found[0]?.attempts_total === 4 ? found : null;
  }, "the fresh budget is used up");
  assertEquals(again?.attempts.map(({ trigger, outcome }) => `${trigger} ${outcome}`), [
    "automatic retry",
    "automatic failed",
    "recover retry",
    "automatic failed",
  ]);
  assertEquals(await recover(service, webhook.id), 1);
  await service.settled("delivered", 1);
});

Deno.test("recover says what is wrong with its body", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url);
  const path = `/v1/sites/${SITE}/webhooks/${id}/recover`;
  for (
    const body of [{}, { since: "yesterday" }, { since: ALL, until: 7 }, {
      since: ALL,
      until: "2019-01-01T00:00:00Z",
    }]
  ) {
    assertEquals((await service.call("POST", path, body)).status, 422, JSON.stringify(body));
  }
});
