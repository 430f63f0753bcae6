/**
 * What a receiver may ask for: `Retry-After` is waited for and never shortened, and a receiver that is overloaded slows
 * its whole webhook. All claims are lower bounds: nothing here fails because the machine is slow.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { countOf, goal, until, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

function refusal(status: number, retry_after: string): Response {
  return new Response("busy", { status, headers: { "Retry-After": retry_after } });
}

Deno.test("Retry-After in seconds is waited for, never less, whatever the status it comes with", async () => {
  await using service = await startTestService();
  await Promise.all([429, 503, 500].map(async (status) => {
    const respond = [refusal(status, "3"), 200];
    await using receiver = startReceiver({ respond, now: () => performance.now() });
    const webhook = await service.webhook(receiver.url, {}, `site-${status}.example`);
    await service.post(goal(1, { site_id: webhook.site_id }));
    await within(receiver.received(2), "the second attempt");
    const [first, second] = receiver.requests;
    // The first request had arrived before it was answered, so three seconds lie between these two.
    assertGreaterOrEqual((second?.at_ms ?? 0) - (first?.at_ms ?? 0), 3000, `with a ${status}`);
    const [delivery] = await service.deliveries("", webhook.site_id);
    assertEquals(delivery?.attempts[0]?.response_body, "busy");
  }));
});

Deno.test("Retry-After as an HTTP date is waited for, never less", async () => {
  await using service = await startTestService();
  // Whole seconds only: what is asked for is this moment, two to three seconds ahead.
  const date = new Date(Date.now() + 3000).toUTCString();
  await using receiver = startReceiver({ respond: [refusal(503, date), 200] });
  await service.webhook(receiver.url);
  await service.post(goal());
  await service.settled("delivered", 1);
  const [first, second] = receiver.requests;

  assertEquals(receiver.requests.length, 2);
  assert((first?.at_ms ?? Infinity) < Date.parse(date), "the test was too slow to show anything");
  assertGreaterOrEqual(second?.at_ms, Date.parse(date));
});

Deno.test("after a 503 without Retry-After the whole webhook waits that delivery's retry delay", async () => {
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "1500" } });
  await using receiver = startReceiver({ respond: [503, 200] });
  await service.webhook(receiver.url);
  const { id } = await service.post(goal(1));
  const waiting = await until(async () => {
    const [delivery] = await service.deliveries();
    return delivery?.attempts_total === 1 ? delivery : null;
  }, "the first attempt is recorded");
  await service.post(goal(2));
  await service.post(goal(3));
  const deliveries = await service.settled("delivered", 3);

  assertEquals(waiting.event_id, id);
  assertEquals(receiver.requests.map(countOf).toSorted(), [1, 1, 2, 3]);
  const hold_until = Date.parse(waiting.next_attempt_at ?? "");
  for (const delivery of deliveries) {
    const last = delivery.attempts.at(-1);
    assertEquals(delivery.attempts_total, delivery.event_id === id ? 2 : 1);
    assertGreaterOrEqual(Date.parse(last?.at ?? ""), hold_until);
  }
});

Deno.test("a 500 without Retry-After holds nothing else back", async () => {
  await using service = await startTestService({ env: { TIDINGS_RETRY_BASE_MS: "3600000" } });
  await using receiver = startReceiver({ respond: [500, 200] });
  await service.webhook(receiver.url);
  await service.post(goal(1));
  await within(receiver.received(1), "the failure");
  await service.post(goal(2));
  await within(receiver.received(2), "the event after it");
  assertEquals(receiver.requests.map(countOf), [1, 2]);
});

Deno.test("what one webhook's receiver asks for holds no other webhook of the site", async () => {
  await using service = await startTestService();
  await using busy = startReceiver({ respond: refusal(429, "3600") });
  await using free = startReceiver();
  const held = await service.webhook(busy.url);
  await service.webhook(free.url);
  await service.post(goal(1));
  await until(async () => {
    const [delivery] = await service.deliveries(`?webhook_id=${held.id}`);
    return delivery?.attempts_total === 1;
  }, "the refusal is recorded");
  for (const count of [2, 3, 4]) await service.post(goal(count));
  await within(free.received(4), "all events at the other webhook");

  assertEquals(free.requests.map(countOf).toSorted(), [1, 2, 3, 4]);
  assertEquals(busy.requests.length, 1);
  const waiting = await service.deliveries(`?webhook_id=${held.id}`);
  assertEquals(waiting.map(({ status, attempts_total }) => [status, attempts_total]), [
    ["pending", 0],
    ["pending", 0],
    ["pending", 0],
    ["pending", 1],
  ]);
});
