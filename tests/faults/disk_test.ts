/**
 * A disk that fills up under the service: nothing is lost or sent again, reads go on, and all of it ends by itself.
 *
 * Two disks: a small one that is really filled (where mounting is permitted), and a limit on how large the service's
 * files may grow, which needs no permission and fails in another way (EFBIG in place of ENOSPC).
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertMatch } from "@std/assert";
import { goal, type ProblemJson, sitePath, until, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { runProcess, startProcess } from "../helpers/service.ts";
import { limitFiles, LIMITS, mountDisk, MOUNTS, type SmallDisk } from "../helpers/small_disk.ts";

async function fillsAndFrees(disk: SmallDisk, problem: RegExp): Promise<void> {
  await using receiver = startReceiver();
  const kv = `${disk.path}/tidings.db`;
  await using service = await startProcess({ kv, env: { TIDINGS_LOG: "info" }, under: disk.under });
  await service.webhook(receiver.url);
  await service.post(goal(1));
  await service.settled("delivered", 1);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  receiver.respond(async () => {
    await released;
    return new Response();
  });
  await service.post(goal(2));
  await service.post(goal(3));
  await within(receiver.received(3), "two requests under way");

  await disk.fill(service.pid);
  // Some pages may be left of a file that has grown ahead.
  const { headers, json } = await until(async () => {
    const answer = await service.call<ProblemJson>("POST", "/v1/events", goal(4));
    assert(answer.status === 202 || answer.status === 503, answer.text);
    return answer.status === 503 ? answer : null;
  }, "a post is refused");
  assertMatch(json.detail ?? "", problem);
  assertGreaterOrEqual(Number(headers.get("Retry-After")), 1);
  release();
  await until(
    () => service.lines.some((line) => JSON.parse(line).message === "delivery.not_recorded"),
    "an attempt can't be recorded",
  );
  const { problems } = await until(async () => {
    const { status, json } = await service.call<{ problems: string[] }>("GET", "/readyz");
    return status === 503 ? json : null;
  }, "readyz says what is wrong");
  assert(problems.some((text) => problem.test(text)), problems.join());
  assertEquals((await service.call("GET", sitePath("/deliveries"))).status, 200, "what is there can be read");

  await disk.free(service.pid);
  await until(async () => (await service.call("GET", "/readyz")).status === 200, "it is ready by itself");
  await service.post(goal(5));
  const all = await until(async () => {
    const found = await service.deliveries();
    return found.every(({ status }) => status === "delivered") ? found : null;
  }, "everything is delivered");
  assertEquals(all.map(({ attempts_total }) => attempts_total).filter((total) => total !== 1), []);
  assertEquals(receiver.requests.length, all.length, "one request for each, and no other");
}

Deno.test({
  name:
    "a full disk: 503 with the reason, reads go on, attempts are recorded when there is room, nothing is sent twice" +
    (MOUNTS ? "" : " (needs the right to mount)"),
  ignore: !MOUNTS,
  async fn() {
    await using disk = await mountDisk();
    assert(disk !== null);
    await fillsAndFrees(disk, /: the disk is full$/);
  },
});

Deno.test({
  name: "a start on a full disk fails with exit code 1 and says why" +
    (MOUNTS ? "" : " (needs the right to mount)"),
  ignore: !MOUNTS,
  async fn() {
    await using disk = await mountDisk();
    assert(disk !== null);
    await disk.fill(0);
    const { code, stderr } = await runProcess({ kv: `${disk.path}/tidings.db` });
    assertEquals(code, 1);
    assertMatch(stderr, /^tidings: Cannot start: the disk .* is full/);
  },
});

Deno.test({
  name: "files that can't grow: the same, for a disk that fails in its own way" +
    (LIMITS ? "" : " (needs prlimit of util-linux)"),
  ignore: !LIMITS,
  async fn() {
    await using disk = await limitFiles();
    await fillsAndFrees(disk, /: the disk (?:is full|fails, or is full)$/);
  },
});
