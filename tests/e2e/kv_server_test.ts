/**
 * Two services over a real KV server, which has no queue and takes ten checks a commit; one dies, or the server does.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import {
  type AcceptedJson,
  type Api,
  countOf,
  goal,
  sitePath,
  until,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { admin } from "../helpers/admin_command.ts";
import { DENOKV, type KvServer, startKvServer, WITHOUT_DENOKV } from "../helpers/kv_server.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { SECRET_KEY, startProcess, temporaryFolder } from "../helpers/service.ts";

function test(behaviour: string, run: (server: KvServer) => Promise<void>): void {
  Deno.test({
    // Whoever runs the tests must know what was not tested, and why.
    name: DENOKV === null ? `${behaviour} (${WITHOUT_DENOKV})` : behaviour,
    ignore: DENOKV === null,
    async fn() {
      await using folder = await temporaryFolder();
      await using server = await startKvServer(folder.path);
      await run(server);
    },
  });
}

/** A receiver that turns the first request with every tenth event away. */
function startUnwilling(): Receiver {
  const refused = new Set<number>();
  return startReceiver({
    respond: (request) => {
      const count = countOf(request);
      const fails = count % 10 === 0 && !refused.has(count);
      refused.add(count);
      return new Response(null, { status: fails ? 500 : 200 });
    },
  });
}

/**
 * Posts events with several callers at each service at once; a caller whose service is gone stops.
 * @returns The numbers that were answered with 202, as long as they come.
 */
function postToAll(
  services: readonly Api[],
  numbers: readonly number[],
): { readonly accepted: number[]; readonly over: Promise<void> } {
  const left = [...numbers];
  const accepted: number[] = [];
  const callers = [...services, ...services, ...services, ...services];
  const over = Promise.all(callers.map(async (service) => {
    for (let number = left.shift(); number !== undefined; number = left.shift()) {
      const answer = await service.call<AcceptedJson>("POST", "/v1/events", goal(number)).catch(() => null);
      if (answer === null) return;
      assertEquals([answer.status, answer.json.queued], [202, 1]);
      accepted.push(number);
    }
  })).then(() => {});
  return { accepted, over };
}

function numbersFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** Waits until the webhook has nothing to do. */
function nothingPending(service: Api, id: string): Promise<unknown> {
  return until(async () => {
    const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`));
    return json.health.pending === 0;
  }, "nothing is pending any more");
}

async function knowsWebhook(service: Api): Promise<void> {
  await until(async () => {
    const { json } = await service.call<{ data: unknown[] }>("GET", sitePath("/webhooks"));
    return json.data.length === 1;
  }, "the service knows the webhook");
}

test("over a KV server two services share the work, each thing done once, and one goes on when the other dies", async (server) => {
  const env = { ...server.env, TIDINGS_LOG: "warn" };
  await using one = await startProcess({ kv: server.url, env });
  await using other = await startProcess({ kv: server.url, env });
  await using receiver = startUnwilling();
  const { id } = await one.webhook(receiver.url, { timeout_ms: 2000 });
  await knowsWebhook(other);

  const first = numbersFrom(0, 200);
  const healthy = postToAll([one, other], first);
  await healthy.over;
  assertEquals(healthy.accepted.length, first.length);
  await nothingPending(one, id);
  const twice = first.filter((number) => number % 10 === 0);
  const sorted = (): number[] => receiver.requests.map(countOf).toSorted((a, b) => a - b);
  assertEquals(sorted(), [...first, ...twice].toSorted((a, b) => a - b));
  assertEquals([...one.lines, ...other.lines].filter((line) => !line.includes('"listening"')), []);

  const before = receiver.requests.length;
  const second = numbersFrom(1001, 400).filter((number) => number % 10 !== 0);
  const broken = postToAll([one, other], second);
  await within(receiver.received(before + 40), "work under way");
  other.kill("SIGKILL");
  await broken.over;
  assertGreater(broken.accepted.length, 40);
  await nothingPending(one, id);
  const received = new Set(receiver.requests.map(countOf));
  assertEquals(broken.accepted.filter((number) => !received.has(number)), []);
  const deliveries = await one.deliveries("?limit=100");
  for (const { status, attempts } of deliveries) {
    assertEquals(status, "delivered");
    assert(attempts.every(({ error }) => error === null || error === "interrupted"));
  }
});

test("over a KV server one idempotency key posted to two services at once is one event", async (server) => {
  await using one = await startProcess({ kv: server.url, env: server.env });
  await using other = await startProcess({ kv: server.url, env: server.env });
  for (let round = 0; round < 5; round++) {
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

test("over a KV server a batch told to as many webhooks as a site may have is taken, and known the second time", async (server) => {
  await using service = await startProcess({ kv: server.url, env: server.env });
  await using receiver = startReceiver();
  const webhooks = 50;
  for (let count = 0; count < webhooks; count++) await service.webhook(receiver.url);
  const events = numbersFrom(0, 40).map((number) => ({
    ...goal(number),
    idempotency_key: `batch-${number}`,
  }));
  const { status, json } = await service.call<{ accepted: number }>("POST", "/v1/events/batch", { events });
  assertEquals([status, json.accepted], [202, events.length]);
  await within(receiver.received(events.length * webhooks), "every delivery");
  const again = await service.call<{ duplicates: number }>("POST", "/v1/events/batch", { events });
  assertEquals([again.status, again.json.duplicates], [202, events.length]);
});

test("while the KV server is away every call is answered with 503 in seconds, and work goes on when it is back", async (server) => {
  await using service = await startProcess({ kv: server.url, env: { ...server.env, TIDINGS_LOG: "error" } });
  await using receiver = startReceiver();
  const { id } = await service.webhook(receiver.url);
  await service.post(goal(1));
  await within(receiver.received(1), "a delivery");
  await server.crash();

  const headers = { "Idempotency-Key": "away" };
  const started = performance.now();
  const answers = await within(
    Promise.all([
      service.call("POST", "/v1/events", goal(2), { headers }),
      service.call("POST", "/v1/events", goal(3)),
      service.call("GET", sitePath(`/webhooks/${id}`)),
      service.call("GET", sitePath("/deliveries")),
      service.call("GET", "/readyz"),
    ]),
    "answers while storage is away",
  );
  assertEquals(answers.map(({ status }) => status), [503, 503, 503, 503, 503]);
  assertLess(performance.now() - started, 30_000);
  assertEquals((await service.call("GET", "/healthz")).status, 200);

  await server.restart();
  await until(async () => (await service.call("GET", "/readyz")).status === 200, "it is ready again");
  // Whether the commit of what was answered with 503 went through, the caller can't know: its key tells.
  const { status } = await until(async () => {
    const answer = await service.call("POST", "/v1/events", goal(2), { headers });
    return answer.status === 503 ? null : answer;
  }, "the event is taken");
  assert(status === 200 || status === 202, `${status}`);
  await until(() => receiver.requests.some((request) => countOf(request) === 2), "it is delivered");
  await nothingPending(service, id);
  assertEquals(receiver.requests.filter((request) => countOf(request) === 2).length, 1);
});

test("administration works on a KV server beside the running services", async (server) => {
  await using service = await startProcess({ kv: server.url, env: server.env });
  await using receiver = startReceiver({ respond: [500, 200] });
  const env = { ...server.env, TIDINGS_KV: server.url, TIDINGS_SECRET_KEY: SECRET_KEY };
  await using folder = await temporaryFolder();
  const options = { kv: `${folder.path}/none.db`, env };
  const run = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await admin([...args, "--json"], options);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    return stdout === "" ? null : JSON.parse(stdout);
  };
  const site = ["--site", "example.com"];
  const hook = await run(
    "webhooks",
    "create",
    ...site,
    "--url",
    receiver.url,
    "--events",
    "goal_completion",
  ) as {
    id: string;
  };
  await knowsWebhook(service);
  const data = JSON.stringify({ goal_name: "Signup", visitor_count: 1 });
  await run("events", "send", ...site, "--event", "goal_completion", "--data", data);
  const [delivery] = await service.settled("delivered", 1);
  assertEquals(receiver.requests.length, 2);
  await run("deliveries", "redeliver", delivery?.id ?? "", ...site);
  await within(receiver.received(3), "the redelivery");
  await run("webhooks", "disable", hook.id, ...site);
  await until(
    async () => (await service.post(goal(2))).queued === 0,
    "the service knows that it is disabled",
  );
  for (
    const command of [
      "sites list",
      "webhooks list --site example.com",
      "audit",
      "stats",
      "keys list",
      "export",
    ]
  ) {
    assertGreater(JSON.stringify(await run(...command.split(" "))).length, 2, command);
  }
  const doctor = await admin(["doctor"], options);
  assertEquals(doctor.code, 0, doctor.stdout + doctor.stderr);
});
