/**
 * Deno Deploy's conditions: no queue, no process between requests, and a cron once a minute. Everything arrives.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { type Api, countOf, goal, sitePath, type WebhookJson } from "../helpers/api.ts";
import { makePlatform, type Platform } from "../helpers/deploy.ts";
import { type RecordedRequest, startReceiver } from "../helpers/receiver.ts";
import { temporaryFile } from "../helpers/service.ts";

/** What the platform is told of the cron. */
const CRON = { message: "platform.cron", name: "sweep what is due", schedule: "* * * * *" };

/** Ticks until nothing is left to do. @returns How many. */
async function tickUntilDone(platform: Platform, id: string, most: number): Promise<number> {
  for (let ticks = 0;; ticks++) {
    const pending = await platform.request(async (api: Api) => {
      const { json } = await api.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`));
      return json.health.pending;
    });
    if (pending === 0) return ticks;
    assertLessOrEqual(ticks, most, `${pending} are pending after ${ticks} ticks`);
    await platform.tick();
  }
}

/** Turns the first `times` requests with every `every`th event away. */
function refusing(times: number, every: number): (request: RecordedRequest) => Response {
  const seen = new Map<number, number>();
  return (request) => {
    const count = countOf(request);
    seen.set(count, (seen.get(count) ?? 0) + 1);
    const refused = count % every === 0 && (seen.get(count) ?? 0) <= times;
    return new Response(null, { status: refused ? 500 : 200 });
  };
}

Deno.test("on Deno Deploy the cron is found although the configuration is wrong, and the mistakes are told", async () => {
  await using file = await temporaryFile();
  const wrong = makePlatform(file.path, { TIDINGS_SECRET_KEY: "", TIDINGS_LOG: "loud" });
  const { code, stdout, stderr } = await wrong.evaluate();
  assertEquals(stdout, `${JSON.stringify(CRON)}\n`);
  assertEquals(code, 2);
  assertMatch(stderr, /^tidings: TIDINGS_SECRET_KEY must be set on Deno Deploy.*\ntidings: TIDINGS_LOG /);
});

Deno.test("on Deno Deploy a process ends before it is killed, however long a receiver takes, and its event waits", async () => {
  await using file = await temporaryFile();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using receiver = startReceiver({
    respond: async () => {
      await released;
      return new Response();
    },
  });
  const platform = makePlatform(file.path);
  await platform.request((api) => api.webhook(receiver.url, { timeout_ms: 30_000 }));
  // The platform asserts that it need not kill.
  await platform.request(async (api) => {
    await api.post(goal(1));
    await receiver.received(1);
  });
  release();
  const pending = await platform.request(async (api) => (await api.deliveries())[0]?.status);
  assertEquals(pending, "pending");
});

Deno.test("on Deno Deploy what a process that is stopped after its answer left undone is done by the ticks of the cron", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: refusing(2, 1) });
  const platform = makePlatform(file.path);
  const { id } = await platform.request((api) => api.webhook(receiver.url));
  const numbers = [1, 2, 3, 4];
  for (const number of numbers) {
    const { queued } = await platform.request((api) => api.post(goal(number)));
    assertEquals(queued, 1);
  }
  const ticks = await tickUntilDone(platform, id, 3);
  const received = receiver.requests.map(countOf).toSorted();
  assertEquals(received, numbers.flatMap((number) => [number, number, number]), `after ${ticks} ticks`);
});

Deno.test("on Deno Deploy one tick stays until the retries that come due meanwhile are made", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: refusing(3, 25) });
  const platform = makePlatform(file.path);
  const { id } = await platform.request((api) => api.webhook(receiver.url));
  // Fifty posted at once: the process ends while some of them wait. Two need three retries each.
  const events = Array.from({ length: 50 }, (_, index) => goal(index));
  await platform.request((api) => api.call("POST", "/v1/events/batch", { events }));
  assertEquals(await tickUntilDone(platform, id, 1), 1);
  assertEquals(receiver.requests.length, events.length + 2 * 3);
});

Deno.test("on Deno Deploy what a machine that failed had taken up is made when its leases have run out", async () => {
  await using file = await temporaryFile();
  let hangs = true;
  await using receiver = startReceiver({
    respond: async () => {
      if (hangs) await new Promise<void>((resolve) => void setTimeout(resolve, 500));
      return new Response();
    },
  });
  const platform = makePlatform(file.path);
  const { id } = await platform.request((api) => api.webhook(receiver.url, { timeout_ms: 1000 }));
  await platform.requestThenCrash(async (api) => {
    await api.post(goal(1));
    await receiver.received(1);
  });
  hangs = false;
  const ticks = await tickUntilDone(platform, id, 20);
  assert(ticks > 0);
  assertEquals(receiver.requests.map(countOf), [1, 1]);
  const [delivery] = await platform.request((api) => api.deliveries());
  assertEquals(delivery?.attempts.map(({ error }) => error), ["interrupted", null]);
});
