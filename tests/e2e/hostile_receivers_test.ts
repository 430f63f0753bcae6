/**
 * Receivers that would like more than their share: of the service's trust, time, memory, or of its other receivers.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { goal, sitePath, type WebhookJson, within } from "../helpers/api.ts";
import { startRawReceiver, startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

const MiB = 1024 * 1024;

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`a redirect (${status}) is not followed`, async () => {
    await using service = await startTestService();
    await using target = startReceiver();
    const respond = new Response(null, { status, headers: { Location: target.url } });
    await using receiver = startReceiver({ respond });
    await service.webhook(receiver.url, { max_retries: 1 });
    await service.post(goal());
    const [delivery] = await service.settled("exhausted", 1);

    assertEquals(delivery?.attempts.map(({ status_code, error }) => [status_code, error]), [
      [status, "redirect"],
      [status, "redirect"],
    ]);
    assertEquals([receiver.requests.length, target.requests.length], [2, 0]);
  });
}

Deno.test("a receiver that drips its answer is cut at the deadline", async () => {
  await using service = await startTestService();
  let dripped = 0;
  await using receiver = startRawReceiver(async (connection) => {
    await connection.readRequest();
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    // For ever, as far as the receiver goes: a write fails once the service has hung up.
    for (;;) {
      await connection.write(".");
      dripped++;
      await new Promise((resolve) => void setTimeout(resolve, 100));
    }
  });
  await service.webhook(receiver.url, { timeout_ms: 1000, max_retries: 0 });
  await service.post(goal());
  const connection = await within(receiver.accepted(1), "the connection");
  const [delivery] = await service.settled("exhausted", 1);
  await within(connection.closed(), "the service to hang up");

  assertEquals(delivery?.attempts.map(({ status_code, error }) => [status_code, error]), [[null, "timeout"]]);
  assertGreaterOrEqual(delivery?.attempts[0]?.duration_ms, 1000);
  assert(dripped > 1, "the receiver had begun to answer");
});

Deno.test("a receiver that never answers is cut at the deadline, and so is one that stops in its headers", async () => {
  await using service = await startTestService();
  await using receiver = startRawReceiver(async (connection, number) => {
    await connection.readRequest();
    if (number > 0) await connection.write("HTTP/1.1 200 OK\r\nX-Slow:");
    await connection.closed();
  });
  await service.webhook(receiver.url, { timeout_ms: 1000, max_retries: 1 });
  await service.post(goal());
  const [delivery] = await service.settled("exhausted", 1);
  assertEquals(delivery?.attempts.map(({ error }) => error), ["timeout", "timeout"]);
});

Deno.test("twenty answers of 20 MB are delivered and take less than 50 MB of memory", async () => {
  const answers = 20;
  const answer_bytes = 20 * MiB;
  const chunk = new Uint8Array(64 * 1024).fill(0x61);
  let most_bytes = 0;
  const endless = (): Response => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        most_bytes = Math.max(most_bytes, Deno.memoryUsage().rss);
        if (sent >= answer_bytes) return controller.close();
        controller.enqueue(chunk);
        sent += chunk.byteLength;
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/plain" } });
  };
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: endless });
  await service.webhook(receiver.url);
  await service.post(goal(0));
  await service.settled("delivered", 1);
  const before_bytes = Deno.memoryUsage().rss;
  most_bytes = before_bytes;
  for (let count = 1; count < answers; count++) await service.post(goal(count));
  const deliveries = await service.settled("delivered", answers);

  for (const { attempts } of deliveries) assertEquals(attempts[0]?.response_body, "a".repeat(1024));
  assertLess(most_bytes - before_bytes, 50 * MiB);
});

Deno.test("one of fifty webhooks hangs: the other forty-nine have the event meanwhile", async () => {
  await using service = await startTestService();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using hanging = startReceiver({
    respond: async () => {
      await released;
      return new Response();
    },
  });
  await using prompt = startReceiver();
  for (let index = 0; index < 50; index++) {
    const url = index === 17 ? hanging.url : `${prompt.url}/${index}`;
    await service.webhook(url, { timeout_ms: 30_000 });
  }
  const { queued } = await service.post(goal());
  assertEquals(queued, 50);
  await within(hanging.received(1), "the request that hangs");
  await within(prompt.received(49), "the others");

  // Nothing has been answered there yet: what came, came meanwhile.
  assertEquals(hanging.requests.length, 1);
  assertEquals(new Set(prompt.requests.map(({ path }) => path)).size, 49);
  release();
  await service.settled("delivered", 50);
  assertEquals([hanging.requests.length, prompt.requests.length], [1, 49]);
});

Deno.test("a receiver that refuses connections is retried, and its webhook's health says so", async () => {
  await using service = await startTestService();
  const receiver = startReceiver();
  await receiver[Symbol.asyncDispose]();
  const webhook = await service.webhook(receiver.url, { max_retries: 1 });
  await service.post(goal());
  const [delivery] = await service.settled("exhausted", 1);
  assertEquals(
    delivery?.attempts.map(({ error, status_code, response_body }) => [error, status_code, response_body]),
    [
      ["connect", null, null],
      ["connect", null, null],
    ],
  );
  const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${webhook.id}`));
  assertEquals([json.health.consecutive_failures, json.health.last_success_at], [2, null]);
  assert(json.health.last_failure_at !== null);
});

Deno.test("an answer with personal data is kept without it", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({
    respond: new Response("unknown user jane@example.org from 203.0.113.7\n", { status: 400 }),
  });
  await service.webhook(receiver.url, { max_retries: 0 });
  await service.post(goal());
  const [delivery] = await service.settled("exhausted", 1);
  assertEquals(delivery?.attempts[0]?.response_body, "unknown user [removed] from [removed]\n");
});
