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
import { runProcess, startProcess, temporaryFolder } from "../helpers/service.ts";

async function run(command: string, ...args: readonly string[]): Promise<boolean> {
  const ran = new Deno.Command(command, { args: [...args], stdout: "null", stderr: "null" });
  return await ran.output().then(({ success }) => success, () => false);
}

/** A disk, or what stands for one. */
interface SmallDisk extends AsyncDisposable {
  /** A folder on it. */
  readonly path: string;
  /** Shell commands that the service is started with. */
  readonly under: string;
  /** Leaves no room for the process. */
  fill(pid: number): Promise<void>;
  free(pid: number): Promise<void>;
}

/** Makes a disk of 16 MiB; null where that is not permitted. */
async function mountDisk(): Promise<SmallDisk | null> {
  const folder = await Deno.makeTempDir({ prefix: "tidings-disk-" });
  if (!await run("mount", "-t", "tmpfs", "-o", "size=16m", "tidings-test", folder)) {
    await Deno.remove(folder);
    return null;
  }
  const ballast = `${folder}/ballast`;
  return {
    path: folder,
    under: ":",
    async fill() {
      using file = await Deno.open(ballast, { create: true, append: true });
      const block = new Uint8Array(4096);
      try {
        for (;;) await file.write(block);
      } catch {
        // No byte is left.
      }
    },
    free: () => Deno.remove(ballast),
    async [Symbol.asyncDispose]() {
      await run("umount", folder);
      await Deno.remove(folder);
    },
  };
}

/** A folder whose files may not grow while the disk is "full". A process that ignores SIGXFSZ gets an error instead. */
async function limitFiles(): Promise<SmallDisk> {
  const folder = await temporaryFolder();
  return {
    path: folder.path,
    under: "trap '' XFSZ",
    async fill(pid) {
      assert(await run("prlimit", `--pid=${pid}`, "--fsize=4096:unlimited"));
    },
    async free(pid) {
      assert(await run("prlimit", `--pid=${pid}`, "--fsize=unlimited:unlimited"));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

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

const mounted = await mountDisk();
await mounted?.[Symbol.asyncDispose]();

Deno.test({
  name:
    "a full disk: 503 with the reason, reads go on, attempts are recorded when there is room, nothing is sent twice" +
    (mounted === null ? " (needs the right to mount)" : ""),
  ignore: mounted === null,
  async fn() {
    await using disk = await mountDisk();
    assert(disk !== null);
    await fillsAndFrees(disk, /: the disk is full$/);
  },
});

Deno.test({
  name: "a start on a full disk fails with exit code 1 and says why" +
    (mounted === null ? " (needs the right to mount)" : ""),
  ignore: mounted === null,
  async fn() {
    await using disk = await mountDisk();
    assert(disk !== null);
    await disk.fill(0);
    const { code, stderr } = await runProcess({ kv: `${disk.path}/tidings.db` });
    assertEquals(code, 1);
    assertMatch(stderr, /^tidings: Cannot start: the disk .* is full/);
  },
});

const limited = Deno.build.os === "linux" && await run("prlimit", "--version");

Deno.test({
  name: "files that can't grow: the same, for a disk that fails in its own way" +
    (limited ? "" : " (needs prlimit of util-linux)"),
  ignore: !limited,
  async fn() {
    await using disk = await limitFiles();
    await fillsAndFrees(disk, /: the disk (?:is full|fails, or is full)$/);
  },
});
