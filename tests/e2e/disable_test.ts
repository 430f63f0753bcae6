/**
 * Disabling a webhook: what waits is cancelled in that moment, and never sent again unless its owner recovers it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  countOf,
  type DeliveryJson,
  goal,
  sitePath,
  until,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { holdAlarm } from "../helpers/held_alarm.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

/** Long enough that nothing becomes due while a test disables the webhook. */
const RETRY_BASE = { TIDINGS_RETRY_BASE_MS: "2000" };

Deno.test("what waits reads cancelled at once, and is not sent although the webhook is enabled at once", async () => {
  const alarm = holdAlarm();
  const { database, clock } = alarm;
  await using service = await startTestService({ env: RETRY_BASE, database, clock });
  await using receiver = startReceiver({ respond: 500 });
  const { id } = await service.webhook(receiver.url);
  for (const count of [1, 2, 3]) await service.post(goal(count));
  const waiting = await service.settledAs(({ attempts_total }) => attempts_total === 1, 3);
  assertEquals(waiting.map(({ status }) => status), ["pending", "pending", "pending"]);

  const path = sitePath(`/webhooks/${id}`);
  const disabled = await service.call<WebhookJson>("PATCH", path, { enabled: false });
  assertEquals([disabled.json.status, disabled.json.health.pending], ["disabled", 0]);
  for (const query of ["", "?status=cancelled", `?webhook_id=${id}`]) {
    const found = await service.deliveries(query);
    assertEquals(found.map(({ status, next_attempt_at }) => [status, next_attempt_at]), [
      ["cancelled", null],
      ["cancelled", null],
      ["cancelled", null],
    ]);
  }
  assertEquals(await service.deliveries("?status=pending"), []);
  const one = await service.call<DeliveryJson>("GET", sitePath(`/deliveries/${waiting[0]?.id}`));
  assertEquals(one.json.status, "cancelled");

  const enabled = await service.call<WebhookJson>("PATCH", path, { enabled: true });
  assertEquals(enabled.json.status, "active");
  receiver.respond(200);
  assertEquals((await service.deliveries("?status=cancelled")).length, 3);

  // Their time comes, the alarm rings, the sweep runs: none of it revives them.
  const due_at = Math.max(...waiting.map(({ next_attempt_at }) => Date.parse(next_attempt_at ?? "")));
  await until(() => Date.now() > due_at, "their retries would be due");
  await alarm.release();
  alarm.sweep();
  await until(async () => {
    const { json } = await service.call<WebhookJson>("GET", path);
    return json.health.pending === 0;
  }, "nothing of them is left in the schedule");
  await service.post(goal(4));
  await within(receiver.received(4), "an event after it");
  await until(async () => (await service.deliveries("?status=delivered")).length === 1, "it is recorded");
  assertEquals(receiver.requests.map(countOf), [1, 2, 3, 4]);
  const last = await service.deliveries();
  assertEquals(last.map(({ status }) => status), ["delivered", "cancelled", "cancelled", "cancelled"]);
});

Deno.test("what waits in memory for its turn is cancelled too; what is under way is finished and recorded", async () => {
  await using service = await startTestService();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using receiver = startReceiver({
    respond: async () => {
      await released;
      return new Response();
    },
  });
  const { id } = await service.webhook(receiver.url, { timeout_ms: 30_000 });
  for (let count = 1; count <= 6; count++) await service.post(goal(count));
  await within(receiver.received(2), "the first two, which is all that may be under way");
  await service.call("PATCH", sitePath(`/webhooks/${id}`), { enabled: false });
  const before = await service.deliveries();
  assertEquals(before.map(({ status }) => status), Array(6).fill("cancelled"));
  release();
  await until(
    async () => (await service.deliveries("?status=delivered")).length === 2,
    "the two are recorded",
  );
  await service.call("PATCH", sitePath(`/webhooks/${id}`), { enabled: true });
  await service.post(goal(7));
  await within(receiver.received(3), "an event after it");
  assertEquals(receiver.requests.map(countOf).toSorted(), [1, 2, 7]);
  assertEquals((await service.deliveries("?status=cancelled")).length, 4);
});

Deno.test("a webhook disabled for a while and recovered gets exactly what it missed, once, and no other is disturbed", async () => {
  // So long that no retry is due: what waits when it is disabled is missed too.
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "60000" } });
  const taken: number[] = [];
  let works = true;
  await using receiver = startReceiver({
    respond: (request) => {
      if (works) taken.push(countOf(request));
      return new Response(null, { status: works ? 200 : 500 });
    },
  });
  await using other = startReceiver();
  const { id } = await service.webhook(receiver.url, { filters: { goals: ["Signup"] } });
  const undisturbed = await service.webhook(other.url);
  const path = sitePath(`/webhooks/${id}`);
  const mine = `?webhook_id=${id}`;
  const recover = async (): Promise<unknown> => {
    const { status, json } = await service.call("POST", `${path}/recover`, { since: "2020-01-01T00:00:00Z" });
    assertEquals(status, 202);
    return json;
  };

  for (const count of [1, 2, 3]) await service.post(goal(count));
  await service.settled("delivered", 3, mine);
  works = false;
  for (const count of [4, 5]) await service.post(goal(count));
  await service.settledAs(({ attempts_total }) => attempts_total === 1, 5, mine);
  await service.call("PATCH", path, { enabled: false });
  for (const count of [6, 7, 8]) await service.post(goal(count));
  await service.post(goal(9, { data: { goal_name: "Purchase", visitor_count: 9 } }));
  works = true;
  await service.call("PATCH", path, { enabled: true });
  await service.post(goal(10));
  await until(() => taken.length === 4, "an event after it");
  assertEquals(taken, [1, 2, 3, 10]);

  assertEquals(await recover(), { recovered: 5, next_since: null });
  const found = await service.settled("delivered", 9, mine);
  const by_trigger = found.map(({ attempts }) => attempts.map(({ trigger }) => trigger).join());
  assertEquals(by_trigger.toSorted(), [
    ...Array(4).fill("automatic"),
    ...Array(2).fill("automatic,recover"),
    ...Array(3).fill("recover"),
  ]);
  assertEquals(await recover(), { recovered: 0, next_since: null }, "nothing is missing any more");

  const others = await service.settled("delivered", 10, `?webhook_id=${undisturbed.id}`);
  assertEquals(others.map(({ attempts_total }) => attempts_total), Array(10).fill(1));
  assertEquals(other.requests.map(countOf).toSorted((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals(taken.toSorted((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 10]);
});
