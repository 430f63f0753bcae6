/**
 * Another process holds the KV file, at the start and later: callers are told, nothing is lost, and all goes on by itself.
 *
 * @module
 */
import { assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { countOf, goal, type ProblemJson, until, within } from "../helpers/api.ts";
import { Intruder } from "../helpers/intruder.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { spawnProcess, startProcess, temporaryFile } from "../helpers/service.ts";

/** What the service calls it, at every place. */
const HELD = "another process holds the database";

Deno.test("a start beside a process that holds the file says so within seconds, and goes on when it lets go", async () => {
  await using file = await temporaryFile();
  {
    await using first = await startProcess({ kv: file.path });
    first.kill("SIGTERM");
    await within(first.ended, "the file to be made");
  }
  using intruder = new Intruder(file.path);
  intruder.hold();
  await using service = spawnProcess({ kv: file.path });
  const line = await until(() => service.lines[0], "it says that it waits");
  const { message, because, waited_s } = JSON.parse(line);
  assertEquals([message, because, waited_s], ["database.waiting", HELD, 5]);
  intruder.letGo();
  const api = await within(service.listening, "the service");
  assertEquals((await api.call("GET", "/readyz")).status, 200);
});

Deno.test("while another process holds the file callers wait or are told 503; what was accepted is sent once, and the rest goes on by itself", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "info" } });
  await service.webhook(receiver.url);
  using intruder = new Intruder(file.path);

  intruder.hold();
  let answered = false;
  const waiting = service.post(goal(1)).finally(() => answered = true);
  // Posts are answered in the order of asking, and this one is not held up by the file.
  assertEquals((await service.call("GET", "/healthz")).status, 200);
  assertEquals(answered, false);
  intruder.letGo();
  assertEquals((await within(waiting, "the caller who waited")).queued, 1);

  intruder.hold();
  const refused = within(service.call<ProblemJson>("POST", "/v1/events", goal(2)), "a refusal");
  refused.catch(() => {}); // Awaited below, unless the test fails before.
  await until(async () => {
    const { json } = await service.call<{ problems?: string[] }>("GET", "/readyz");
    return json.problems?.some((problem) =>
      /^Storage takes no writes since /.test(problem) && problem.endsWith(HELD)
    );
  }, "readyz says what is wrong");
  const { status, headers, json } = await refused;
  assertEquals([status, json.detail], [503, `Cannot write: ${HELD}`]);
  assertGreaterOrEqual(Number(headers.get("Retry-After")), 1);
  intruder.letGo();

  await until(async () => (await service.call("GET", "/readyz")).status === 200, "it is ready by itself");
  await service.post(goal(3));
  await until(() => receiver.requests.some((request) => countOf(request) === 3), "the newest is sent");
  const sent = receiver.requests.map(countOf);
  assertEquals(sent.filter((count) => count !== 2), [1, 3]);
  // The refused one may have been written at the very last: then it was sent, once.
  assertLessOrEqual(sent.filter((count) => count === 2).length, 1);
});
