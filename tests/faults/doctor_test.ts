/**
 * The doctor beside what it is there for: a held file, a full disk, wrong settings, and a service that works. It ends by
 * itself, names what is wrong and what to do next, and never says that all is well where it is not.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { admin, type AdminOptions } from "../helpers/admin_command.ts";
import { goal, within } from "../helpers/api.ts";
import { Intruder } from "../helpers/intruder.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { SECRET_KEY, startProcess, temporaryFile } from "../helpers/service.ts";
import { mountDisk, MOUNTS } from "../helpers/small_disk.ts";

const ENV = { TIDINGS_SECRET_KEY: SECRET_KEY, TIDINGS_ALLOW_NETWORKS: "" };

/** What the doctor says of what is wrong: each failed check, and the line with what to do. */
async function findings(options: AdminOptions): Promise<string[]> {
  const ended = await within(
    admin(["doctor"], { ...options, env: { ...ENV, ...options.env } }),
    "the doctor",
  );
  const { code, stdout, stderr } = ended;
  assertEquals([code, stderr], [1, ""], stdout);
  assertMatch(stdout, /\n\d+ of \d+ checks failed\.\n$/);
  assert(!/All is well|It works|^ {4}at /m.test(stdout), stdout);
  return stdout.match(/^fail .*\n {6}.+$/gm) ?? [];
}

Deno.test("doctor beside a process that holds the file says who has to let go; then that all is well", async () => {
  await using file = await temporaryFile();
  await using _service = await startProcess({ kv: file.path });
  using intruder = new Intruder(file.path);
  intruder.hold();
  const found = await findings({ kv: file.path });
  assertEquals(found.length, 1, found.join("\n"));
  assertMatch(
    found[0] ?? "",
    /^fail {2}database: another process (?:holds|has held) the database \S+\/tidings\.db(?: for \d+ s)?\n {6}A running service does not hold it\. Look for a backup/,
  );
  intruder.letGo();
  const { code, stdout, stderr } = await admin(["doctor"], { kv: file.path, env: ENV });
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(stdout, /\nAll is well\.\n$/);
});

Deno.test({
  name: "doctor on a full disk says so and to make room, beside the service and without it" +
    (MOUNTS ? "" : " (needs the right to mount)"),
  ignore: !MOUNTS,
  async fn() {
    await using disk = await mountDisk();
    assert(disk !== null);
    const kv = `${disk.path}/tidings.db`;
    const full = [
      /^fail {2}database: the disk of the database \S+ is full, or fails\n {6}Make room on it/,
      /^fail {2}disk: 0 MiB free at \S+, .*\n {6}Make room, or/,
    ];
    async function examined(): Promise<void> {
      const found = await findings({ kv });
      assertEquals(found.length, full.length, found.join("\n"));
      for (const [index, expected] of full.entries()) assertMatch(found[index] ?? "", expected);
    }
    {
      await using service = await startProcess({ kv });
      await disk.fill(service.pid);
      await examined();
    }
    await examined();
  },
});

Deno.test("doctor beside a service at work finds nothing, and takes nothing from it", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  await using service = await startProcess({ kv: file.path });
  await service.webhook(receiver.url);
  const events_total = 20;
  async function post(): Promise<void> {
    for (let count = 1; count <= events_total; count++) await service.post(goal(count));
  }
  const looked = Promise.all([1, 2].map(() => admin(["doctor"], { kv: file.path, env: ENV })));
  const [ended] = await Promise.all([within(looked, "two doctors"), post()]);
  for (const { code, stdout, stderr } of ended) {
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /\nAll is well\.\n$/);
  }
  await service.settled("delivered", events_total);
  assertEquals(receiver.requests.length, events_total);
});

Deno.test("doctor names each setting that can't work, and what to set instead", async () => {
  await using file = await temporaryFile();
  {
    await using _service = await startProcess({ kv: file.path });
  }
  const folder = file.path.replace(/\/[^/]*$/, "");
  const garbage = `${folder}/garbage.db`;
  await Deno.writeTextFile(garbage, "no database ".repeat(1000));
  const other_key = btoa("another-key-another-key-another!");
  const table: [what: string, given: Partial<AdminOptions>, expected: RegExp[]][] = [
    ["a folder", { kv: folder }, [
      /^fail {2}database: \S+ is a folder, and no database\n {6}Set TIDINGS_KV to a file/,
    ]],
    ["below a file", { kv: `${file.path}/tidings.db` }, [
      /^fail {2}files: .*\n {6}Check TIDINGS_KV: .* must be a folder/,
      /^fail {2}clock: .*\n {6}Check TIDINGS_KV: .* must be a folder/,
    ]],
    ["no database", { kv: garbage }, [
      /^fail {2}database: \S+ is not a database of Tidings\n {6}Check TIDINGS_KV/,
    ]],
    ["another key", { env: { TIDINGS_SECRET_KEY: other_key } }, [
      /^fail {2}secret key: .* must be the one it was written with.*\n {6}Without the right key/,
    ]],
    ["no settings", { env: { TIDINGS_KV: "ftp://kv", PORT: "99999" } }, [
      /^fail {2}configuration: PORT must be .*\n {6}Change or unset PORT/,
      /^fail {2}configuration: TIDINGS_KV must be .*\n {6}Change or unset TIDINGS_KV/,
    ]],
  ];
  for (const [what, given, expected] of table) {
    const found = await findings({ kv: file.path, ...given });
    assertEquals(found.length, expected.length, `${what}: ${found.join("\n")}`);
    for (const [index, line] of expected.entries()) assertMatch(found[index] ?? "", line, what);
  }
});

Deno.test("doctor tells a KV server that is not there from one that is silent", async () => {
  await using file = await temporaryFile();
  const env = { DENO_KV_ACCESS_TOKEN: "a-token-of-some-length" };
  // Connections are made to it, and nobody ever takes them up.
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${silent.addr.port}`;
  async function finding(): Promise<string> {
    const found = await findings({ kv: file.path, env: { ...env, TIDINGS_KV: url } });
    assertEquals(found.length, 1, found.join("\n"));
    assert(!found[0]?.includes(env.DENO_KV_ACCESS_TOKEN));
    return found[0] ?? "";
  }
  const next = "\n {6}Check TIDINGS_KV and DENO_KV_ACCESS_TOKEN, and that the server runs";
  assertMatch(await finding(), new RegExp(`did not answer within 15 s${next}`));
  silent.close();
  assertMatch(await finding(), new RegExp(`can't be reached: .*${next}`));
});
