/**
 * Two services on one file at once: either takes anything, each thing is done once.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import { type Api, countOf, goal, SITE, sitePath, until, type WebhookJson, within } from "../helpers/api.ts";
import { admin } from "../helpers/admin_command.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { SECRET_KEY, startProcess, startTestService, temporaryFile } from "../helpers/service.ts";

/** Callers at each process, and what each posts: single events, and now and then a batch. */
const CALLERS = 6;
const POSTS = 40;
const BATCH_EVERY = 10;
const BATCH_EVENTS = 20;

/** The numbers of everything that a caller posts. */
function numbersOf(caller: number): number[][] {
  let number = caller * 1_000_000;
  return Array.from({ length: POSTS }, (_, post) => {
    const size = post % BATCH_EVERY === 0 ? BATCH_EVENTS : 1;
    return Array.from({ length: size }, () => number++);
  });
}

/** Posts all of that; every answer must be 202 and every event queued. */
async function postAll(service: Api, posts: readonly number[][]): Promise<void> {
  for (const numbers of posts) {
    const [number = 0] = numbers;
    if (numbers.length === 1) {
      assertEquals((await service.post(goal(number))).queued, 1);
      continue;
    }
    const events = numbers.map((each) => goal(each));
    const answer = await service.call<{ results: { queued: number }[] }>("POST", "/v1/events/batch", {
      events,
    });
    assertEquals(answer.status, 202, answer.text);
    assertEquals(answer.json.results.map(({ queued }) => queued), numbers.map(() => 1));
  }
}

Deno.test("two processes on one file under load: no caller sees an error, each event is delivered exactly once, administration works beside them", async () => {
  await using file = await temporaryFile();
  const env = { TIDINGS_LOG: "warn" };
  await using one = await startProcess({ kv: file.path, env });
  await using other = await startProcess({ kv: file.path, env });
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
  const { id } = await one.webhook(receiver.url);
  await until(async () => {
    const { json } = await other.call<{ data: unknown[] }>("GET", sitePath("/webhooks"));
    return json.data.length === 1;
  }, "the other process knows the webhook");

  const callers = Array.from({ length: 2 * CALLERS }, (_, caller) => numbersOf(caller));
  let posting = true;
  const load = Promise.all(callers.map((posts, caller) => postAll(caller % 2 === 0 ? one : other, posts)))
    .finally(() => posting = false);
  // Where a command fails the test ends before this is waited for.
  load.catch(() => {});
  // A third process writes to the file as well.
  const env_of_admin = { TIDINGS_SECRET_KEY: SECRET_KEY };
  const site = ["--site", SITE];
  const commands = [
    ["keys", "create", "--name", "beside", "--scope", "read", ...site],
    ["webhooks", "list", ...site],
    ["webhooks", "update", id, ...site, "--name", "beside"],
    ["events", "list", ...site],
    ["deliveries", "list", ...site],
  ];
  let beside = 0;
  for (const command of commands) {
    const { code, stderr } = await admin(command, { kv: file.path, env: env_of_admin });
    assertEquals([code, stderr], [0, ""], command.join(" "));
    if (posting) beside++;
  }
  await load;
  assertGreater(beside, 0, "the load was over before administration had begun");

  await until(async () => {
    const { json } = await one.call<WebhookJson>("GET", sitePath(`/webhooks/${id}`));
    return json.health.pending === 0;
  }, "nothing is pending any more");
  const expected = callers.flat(2).flatMap((number) => number % 10 === 0 ? [number, number] : [number]);
  assertEquals(receiver.requests.map(countOf).toSorted((a, b) => a - b), expected.toSorted((a, b) => a - b));
  for (const { status, attempts } of await other.deliveries()) {
    assertEquals([status, attempts.filter(({ error }) => error !== null)], ["delivered", []]);
  }
  assertEquals([...one.lines, ...other.lines].filter((line) => !line.includes('"message":"listening"')), []);
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
