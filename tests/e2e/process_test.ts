/**
 * The program as its operator meets it: exit codes, what it says on stderr, and a clean end.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertMatch, assertStringIncludes } from "@std/assert";
import { countOf, goal, until, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { runProcess, SECRET_KEY, startProcess, temporaryFile } from "../helpers/service.ts";

Deno.test("every mistake in the configuration is told at once, by name, and the exit code is 2", async () => {
  await using file = await temporaryFile();
  const env = {
    PORT: "http",
    TIDINGS_HOST: "a b",
    TIDINGS_ADMIN_KEY: "marker-key",
    TIDINGS_SECRET_KEY: "marker-secret",
    TIDINGS_ALLOW_NETWORKS: "10.0.0.0/33",
    TIDINGS_ALLOW_HTTP: "maybe",
    TIDINGS_RETENTION_DAYS: "6",
    TIDINGS_RETRY_BASE_MS: "-1",
    TIDINGS_SENDER: "pigeon",
    TIDINGS_TIMEOUT_MS: "999",
    TIDINGS_LOG: "loud",
    TIDINGS_LOG_FORMAT: "xml",
    TIDINGS_RETENTION_DAY: "marker-typo",
  };
  const { code, stdout, stderr } = await runProcess({ kv: file.path, env });
  assertEquals([code, stdout], [2, ""]);
  const lines = stderr.trim().split("\n");
  assertEquals(lines.length, Object.keys(env).length, stderr);
  for (const [index, name] of Object.keys(env).entries()) {
    assert(
      lines.some((line) => line.startsWith(`tidings: ${name} `)),
      `${index}: ${name} is not in ${stderr}`,
    );
  }
  assertEquals(stderr.includes("marker"), false, stderr);
  assertEquals(await Deno.stat(file.path).catch(() => null), null, "nothing was opened");
});

Deno.test("a secret key that is not the one of the database is refused with exit code 2 and a way out", async () => {
  await using file = await temporaryFile();
  {
    await using service = await startProcess({ kv: file.path });
    await service.webhook("http://127.0.0.1:9/");
    service.kill("SIGTERM");
    assertEquals((await within(service.ended, "the first process")).code, 0);
  }
  const other = btoa("another-key-of-32-bytes-01234567");
  const { code, stdout, stderr } = await runProcess({ kv: file.path, env: { TIDINGS_SECRET_KEY: other } });
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^tidings: .*TIDINGS_SECRET_KEY/);
  assertStringIncludes(stderr, "TIDINGS_SECRET_KEY_PREVIOUS");
  assertEquals(stderr.includes(other) || stderr.includes(SECRET_KEY), false);

  // With the old one as the previous key it starts, and what was sealed can be used.
  const env = { TIDINGS_SECRET_KEY: other, TIDINGS_SECRET_KEY_PREVIOUS: SECRET_KEY };
  await using service = await startProcess({ kv: file.path, env });
  assertEquals((await service.post(goal())).queued, 1);
});

Deno.test("without a secret key one is made beside the file, for the owner's eyes only, and used again", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  const env = { TIDINGS_SECRET_KEY: "" };
  {
    await using service = await startProcess({ kv: file.path, env });
    await service.webhook(receiver.url);
    service.kill("SIGTERM");
    assertEquals((await within(service.ended, "the first process")).code, 0);
  }
  const { mode } = await Deno.stat(`${file.path}.key`);
  assertEquals((mode ?? 0) & 0o777, 0o600);
  await using service = await startProcess({ kv: file.path, env });
  await service.post(goal());
  await within(receiver.received(1), "a delivery signed with what was sealed before");
});

Deno.test("it says where it listens whatever TIDINGS_LOG says, and nothing else at that level", async () => {
  await using file = await temporaryFile();
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "error" } });
  const [line = "", ...rest] = service.lines;
  const { level, message, url } = JSON.parse(line);
  assertEquals([level, message, url, rest], ["info", "listening", service.url, []]);
  assertMatch(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assertEquals((await service.call("GET", "/readyz")).status, 200);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal}: what is under way is finished, what waits is handed back, nothing is sent twice, exit code 0`, async () => {
    await using file = await temporaryFile();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using receiver = startReceiver({
      respond: async () => {
        await released;
        return new Response();
      },
    });
    const events = 8;
    await using first = await startProcess({ kv: file.path });
    await first.webhook(receiver.url, { timeout_ms: 30_000 });
    for (let count = 1; count <= events; count++) await first.post(goal(count));
    await within(receiver.received(2), "two requests under way");
    first.kill(signal);
    await until(async () => {
      const answered = await fetch(`${first.url}/healthz`).then(
        ({ body }) => body?.cancel(),
        () => "refused",
      );
      return answered === "refused";
    }, "it stops accepting");
    release();
    const { code, stderr } = await within(first.ended, "the end of the process");
    assertEquals([code, stderr], [0, ""]);
    const sent = receiver.requests.length;
    assert(sent < events, "something was left for the next process");

    await using second = await startProcess({ kv: file.path });
    const deliveries = await second.settled("delivered", events);
    assertEquals(receiver.requests.map(countOf).toSorted(), [1, 2, 3, 4, 5, 6, 7, 8]);
    for (const { attempts } of deliveries) assertEquals(attempts.map(({ error }) => error), [null]);
  });
}

Deno.test("a receiver that never answers holds the end up for the ten seconds of grace, and no longer", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: () => new Promise(() => {}) });
  await using service = await startProcess({ kv: file.path });
  await service.webhook(receiver.url, { timeout_ms: 30_000 });
  await service.post(goal());
  await within(receiver.received(1), "a request that is never answered");
  service.kill("SIGTERM");
  const { code, stderr } = await within(service.ended, "the end of the process");
  assertEquals([code, stderr], [0, ""]);
  const lines = service.lines.map((line) => JSON.parse(line));
  const { message, cut_short } = lines.at(-1) ?? {};
  assertEquals([message, cut_short], ["engine.stopped", 1]);
  // The request's own deadline is three times the grace: nobody waited until it was over.
  assertEquals(lines.filter((line) => line.message === "delivery.attempted"), []);
});

Deno.test("a second signal ends it at once", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: () => new Promise(() => {}) });
  await using service = await startProcess({ kv: file.path });
  await service.webhook(receiver.url, { timeout_ms: 30_000 });
  await service.post(goal());
  await within(receiver.received(1), "a request that is never answered");
  service.kill("SIGTERM");
  await until(() => service.lines.some((line) => line.includes('"stopping"')), "it heard the first signal");
  let end: { code: number } | null = null;
  service.ended.then((how) => end = how);
  // Two signals right after each other are one to the system, so it is sent until it is heard.
  const { code } = await until(() => {
    try {
      if (end === null) service.kill("SIGTERM");
    } catch (error) {
      // It has ended, and nobody has told this process yet.
      assertInstanceOf(error, TypeError);
    }
    return end;
  }, "the end of the process");
  assertEquals(code, 1);
  assertEquals(service.lines.some((line) => line.includes('"engine.stopped"')), false, "it did not wait");
});
