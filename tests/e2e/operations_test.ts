/**
 * The files for operators: what the unit and the container run starts with nothing but what they bring, and a backup is
 * enough to go on.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { SHUTDOWN, TIME } from "../../lib/limits.ts";
import { ADMIN_KEY, countOf, goal, within } from "../helpers/api.ts";
import { codeBlocks } from "../helpers/code_blocks.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { gather } from "../helpers/lines.ts";
import { startProcess, temporaryFolder } from "../helpers/service.ts";

const ROOT = new URL("../../", import.meta.url);
const OPERATIONS = new URL("docs/operations/", ROOT);

function read(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, OPERATIONS));
}

/** The values of a directive of a unit. */
function directives(unit: string, name: string): string[] {
  return unit.split("\n").filter((line) => line.startsWith(`${name}=`)).map((line) =>
    line.slice(name.length + 1)
  );
}

async function run(args: readonly string[], cwd: string, env: Record<string, string>): Promise<string> {
  const [program = "", ...rest] = args;
  const { code, stdout, stderr } = await new Deno.Command(program, { args: rest, cwd, env }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text + new TextDecoder().decode(stderr));
  return text;
}

/** Copies what the container file copies, and nothing else. */
async function copyAsContainer(containerfile: string, to: string): Promise<void> {
  for (const [, words = ""] of containerfile.matchAll(/^COPY (.+)$/gm)) {
    for (const name of words.split(" ").slice(0, -1)) {
      await run(["cp", "-R", new URL(name, ROOT).pathname, `${to}/${name}`], to, {});
    }
  }
}

/** Starts a command line of Tidings, asks whether it is ready, and stops it as a supervisor does. */
async function startsAndStops(args: readonly string[], cwd: string, env: Record<string, string>) {
  await using child = new Deno.Command(Deno.execPath(), {
    args: args.slice(1),
    cwd,
    env: { ...env, PORT: "0", TIDINGS_LOG: "info" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { promise: first, resolve, reject } = Promise.withResolvers<string>();
  const read = gather(child.stdout, resolve).then(() => reject(new Error("It ended before it listened")));
  const { url } = JSON.parse(await within(first, "the first line"));
  assertEquals((await (await fetch(`${url}/readyz`)).json()).status, "ready");
  child.kill("SIGTERM");
  assertEquals((await within(child.status, "the end")).code, 0);
  await read;
}

Deno.test("the systemd unit runs the service with its folder and no other, and waits longer than it takes to stop", async () => {
  await using folder = await temporaryFolder();
  const unit = await read("tidings.service");
  const [start = ""] = directives(unit, "ExecStart");
  assertMatch(start, /^\/usr\/local\/bin\/deno run /);
  // What differs here: where the data is, and that the cache of this machine is used.
  const moved = (text: string): string => text.replaceAll("/var/lib/tidings", folder.path);
  const settings = directives(unit, "Environment").flatMap((line) => moved(line).split(" "))
    .map((pair): [string, string] => [pair.replace(/=.*/, ""), pair.replace(/^[^=]*=/, "")])
    .filter(([name]) => name !== "DENO_DIR");
  await startsAndStops(moved(start).split(" "), ROOT.pathname, Object.fromEntries(settings));
  assert((await Deno.stat(`${folder.path}/tidings.db.key`)).isFile);
  const [wait = ""] = directives(unit, "TimeoutStopSec");
  assert(Number(wait) * TIME.SECOND_MS > SHUTDOWN.grace_ms);
  assertEquals(directives(unit, "MemoryDenyWriteExecute"), ["no"], "V8 needs it");
});

Deno.test("the unit, the container and the binary run the service with the memory that deno task start gives it", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))) as {
    tasks: Record<string, { command: string }>;
  };
  const [flags = "none"] = /--v8-flags=\S+/.exec(tasks["start"]?.command ?? "") ?? [];
  for (const text of [await read("tidings.service"), await read("Containerfile")]) {
    assertStringIncludes(text, flags);
  }
  assertStringIncludes(tasks["compile"]?.command ?? "", flags);
});

Deno.test("what the container file copies is all that the service and its administration need", async () => {
  await using folder = await temporaryFolder();
  const containerfile = await read("Containerfile");
  const version = (await Deno.readTextFile(new URL(".dvmrc", ROOT))).trim();
  assertStringIncludes(containerfile, `\nFROM docker.io/denoland/deno:${version}\n`);
  const app = `${folder.path}/app`;
  await Deno.mkdir(app);
  await copyAsContainer(containerfile, app);
  const [, command = "[]"] = /^CMD (\[.*\])$/m.exec(containerfile) ?? [];
  const data = `${folder.path}/data`;
  await Deno.mkdir(data);
  const args = (JSON.parse(command) as string[]).map((word) => word.replace("=/data", `=${data}`));
  const env = { TIDINGS_KV: `${data}/tidings.db` };
  await startsAndStops(args, app, env);
  const doctor = [Deno.execPath(), "task", "--quiet", "admin", "doctor"];
  assertMatch(await run(doctor, app, { ...env, TIDINGS_ADMIN_KEY: "" }), /database: it can be read/);
});

Deno.test("tidings-admin of docs/self-hosting.md works as printed, from any folder", async () => {
  await using folder = await temporaryFolder();
  const document = await Deno.readTextFile(new URL("docs/self-hosting.md", ROOT));
  const [block] = codeBlocks(document, "sh").filter(({ marker }) => marker === "tested: tidings-admin");
  assert(block !== undefined);
  const settings = `${folder.path}/tidings.env`;
  await Deno.writeTextFile(settings, `TIDINGS_ADMIN_KEY=${ADMIN_KEY}\n`);
  const script = block.code.replaceAll("/etc/tidings/tidings.env", settings)
    .replaceAll("/var/lib/tidings", folder.path)
    .replaceAll("DENO_DIR=/opt/tidings/.deno ", "")
    .replaceAll("/opt/tidings", ROOT.pathname)
    .replaceAll("exec deno", `exec ${Deno.execPath()}`);
  const file = `${folder.path}/tidings-admin`;
  await Deno.writeTextFile(file, script, { mode: 0o755 });
  assertEquals(JSON.parse(await run([file, "keys", "list", "--json"], folder.path, {})), { data: [] });
  assert((await Deno.stat(`${folder.path}/tidings.db`)).isFile);
});

Deno.test("a backup made under load goes on where it was: with its key, what was pending is delivered", async () => {
  await using folder = await temporaryFolder();
  let refuses = true;
  await using receiver = startReceiver({
    respond: () => new Response(null, { status: refuses ? 503 : 200 }),
  });
  const kv = `${folder.path}/tidings.db`;
  const backup = `${folder.path}/backup.db`;
  const env = { TIDINGS_SECRET_KEY: "", TIDINGS_RETRY_BASE_MS: "200" };
  {
    await using service = await startProcess({ kv, env });
    await service.webhook(receiver.url, { max_retries: 10 });
    for (let number = 1; number <= 20; number++) await service.post(goal(number));
    // Others are posted while it is copied.
    const posts = Array.from({ length: 20 }, (_, index) => service.post(goal(21 + index)));
    const deno = [Deno.execPath(), "task", "--quiet", "admin", "backup", backup];
    await run(deno, ROOT.pathname, { TIDINGS_KV: kv, TIDINGS_SECRET_KEY: "" });
    await Promise.all(posts);
  }
  // Killed, and the disk is lost but for the copy and the key.
  for (const name of ["", "-wal", "-shm"]) await Deno.remove(kv + name).catch(() => {});
  await Deno.copyFile(backup, kv);
  refuses = false;
  const before = receiver.requests.length;
  await using service = await startProcess({ kv, env });
  const due = (await service.deliveries()).length;
  assert(due >= 20, "everything accepted before the copy is in it");
  await receiver.received(before + due);
  const counts = new Set(receiver.requests.slice(before).map(countOf));
  for (let number = 1; number <= 20; number++) assert(counts.has(number), `${number} is lost`);
});
