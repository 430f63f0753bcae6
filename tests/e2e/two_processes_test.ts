/**
 * Two services on one file at once: either takes anything, each thing is done once.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Api, countOf, goal, sitePath, until, type WebhookJson, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, startTestService, temporaryFile } from "../helpers/service.ts";

Deno.test("events posted to either of two processes are all delivered, each exactly once", async () => {
  await using file = await temporaryFile();
  await using one = await startProcess({ kv: file.path });
  await using other = await startProcess({ kv: file.path });
  // Every tenth event fails once, so that retries are claimed as well.
  const failed = new Set<number>();
  await using receiver = startReceiver({
    respond: (request) => {
      const count = countOf(request);
      const fails = count % 10 === 0 && !failed.has(count);
      failed.add(count);
      return new Response(null, { status: fails ? 500 : 200 });
    },
  });
  const events = 100;
  await one.webhook(receiver.url);
  await until(async () => {
    const { json } = await other.call<{ data: unknown[] }>("GET", sitePath("/webhooks"));
    return json.data.length === 1;
  }, "the other process knows the webhook");
  const services = [one, other];
  await Promise.all(
    Array.from({ length: events }, async (_, index) => {
      const { queued } = await (services[index % 2] ?? one).post(goal(index));
      assertEquals(queued, 1);
    }),
  );
  const deliveries = await one.settled("delivered", events);

  const expected = Array.from({ length: events }, (_, index) => index % 10 === 0 ? [index, index] : [index])
    .flat();
  assertEquals(receiver.requests.map(countOf).toSorted((a, b) => a - b), expected);
  for (const { attempts } of deliveries) {
    assertEquals(attempts.filter(({ error }) => error !== null), []);
  }
});

Deno.test("a webhook created, changed or deleted through one process is so for the other", async () => {
  await using file = await temporaryFile();
  await using one = await startTestService({ kv: file.path });
  await using other = await startTestService({ kv: file.path });
  await using before = startReceiver();
  await using after = startReceiver();
  let count = 0;
  const queued = async (service: Api): Promise<number> => (await service.post(goal(count++))).queued;
  assertEquals(await queued(other), 0);

  const { id } = await one.webhook(before.url);
  await until(async () => await queued(other) === 1, "the other process tells the new webhook");
  await within(before.received(1), "its event");

  const path = sitePath(`/webhooks/${id}`);
  await one.call("PATCH", path, { url: after.url });
  await until(async () => {
    await queued(other);
    return after.requests.length > 0;
  }, "the other process sends to the new address");

  await one.call("PATCH", path, { enabled: false });
  await until(async () => await queued(other) === 0, "the other process tells it nothing");
  const shown = await other.call<WebhookJson>("GET", path);
  assertEquals(shown.json.status, "disabled");

  await one.call("DELETE", path);
  assertEquals((await other.call("GET", path)).status, 404);
});

Deno.test("a key made or revoked through one process is so for the other", async () => {
  await using file = await temporaryFile();
  await using one = await startTestService({ kv: file.path });
  await using other = await startTestService({ kv: file.path });
  const { json } = await one.call<{ id: string; key: string }>("POST", "/v1/keys", {
    name: "x",
    scope: "read",
    sites: ["*"],
  });
  const status = async (): Promise<number> =>
    (await other.call("GET", sitePath("/webhooks"), undefined, { key: json.key })).status;
  assertEquals(await status(), 200);
  assertEquals((await one.call("DELETE", `/v1/keys/${json.id}`)).status, 204);
  await until(async () => await status() === 401, "the other process knows it no more");
});

Deno.test("one idempotency key posted to both processes at once is one event", async () => {
  await using file = await temporaryFile();
  await using one = await startTestService({ kv: file.path });
  await using other = await startTestService({ kv: file.path });
  for (let round = 0; round < 10; round++) {
    const headers = { "Idempotency-Key": `round-${round}` };
    const answers = await Promise.all(
      [one, other, one, other].map((service) =>
        service.call<{ id: string }>("POST", "/v1/events", goal(round), { headers })
      ),
    );
    assertEquals(answers.map(({ status }) => status).toSorted(), [200, 200, 200, 202]);
    assertEquals(new Set(answers.map(({ json: { id } }) => id)).size, 1);
  }
});
