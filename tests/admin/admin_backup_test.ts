/**
 * The backup: a whole database of one moment, beside a writer, and never anything half or written over.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { copyDatabase } from "../../admin/backup_file.ts";
import { progressLines } from "../../admin/backup.ts";
import { Failure, WrongUse } from "../../admin/failure.ts";
import { temporaryFile } from "../helpers/service.ts";
import { run, words } from "./fake_world.ts";

/** A process that writes the same number under two keys, again and again, until it is killed; it prints a line when it has begun. */
const WRITER = `
const kv = await Deno.openKv(Deno.args[0]);
for (let n = 1; ; n++) {
  await kv.atomic().set(["first"], n).set(["filler", n % 500], new Uint8Array(30_000)).set(["last"], n).commit();
  if (n === 600) console.log("begun");
}`;

async function startWriter(path: string): Promise<AsyncDisposable> {
  const script = `${path}.writer.ts`;
  await Deno.writeTextFile(script, WRITER);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-lock", "--no-config", "--unstable-kv", "--allow-all", script, path],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  assert(!(await reader.read()).done, "the writer has begun");
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

async function namesIn(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path.replace(/\/[^/]*$/, "")));
  return entries.map(({ name }) => name).sort();
}

Deno.test("copyDatabase() copies one moment of a database that another process writes to", async () => {
  await using file = await temporaryFile();
  await using _writer = await startWriter(file.path);
  const to = `${file.path}.backup`;
  const progress: number[] = [];
  const bytes = await copyDatabase(file.path, to, ({ done, total }) => progress.push(done / total));
  assertEquals((await Deno.stat(to)).size, bytes);
  assertEquals(((await Deno.stat(to)).mode ?? 0) & 0o777, 0o600);
  assert(progress.length > 1, `${progress}`);
  assert(progress.every((part, index) => part >= (progress[index - 1] ?? 0)), "it never begins anew");
  const kv = await Deno.openKv(to);
  try {
    const [first, last] = await kv.getMany<[number, number]>([["first"], ["last"]]);
    assert((first.value ?? 0) >= 600);
    assertEquals(first.value, last.value);
    // It can be worked on like any other.
    await kv.set(["first"], 0);
  } finally {
    kv.close();
  }
  assert((await namesIn(file.path)).every((name) => !name.includes(".part")));
});

Deno.test("copyDatabase() writes over nothing, and leaves nothing behind when it fails", async () => {
  await using file = await temporaryFile();
  const kv = await Deno.openKv(file.path);
  await kv.set(["a"], 1);
  kv.close();
  const to = `${file.path}.backup`;
  const refusal = async (from: string, to: string): Promise<Error> => {
    const before = await namesIn(file.path);
    const error = await assertRejects(() => copyDatabase(from, to, () => {}));
    assertEquals(await namesIn(file.path), before);
    assertInstanceOf(error, Error);
    return error;
  };
  await Deno.writeTextFile(to, "precious");
  assertMatch((await refusal(file.path, to)).message, /it is there already, and is not replaced$/);
  assertEquals(await Deno.readTextFile(to), "precious");

  const other = `${file.path}.other`;
  await Deno.writeTextFile(`${other}.part`, "under way");
  const twice = await refusal(file.path, other);
  assertInstanceOf(twice, WrongUse);
  assertEquals(await Deno.readTextFile(`${other}.part`), "under way");

  const nowhere = await refusal(file.path, `${file.path}.folder/backup`);
  assertMatch(nowhere.message, /there is no folder/);
  await Deno.writeTextFile(`${file.path}.text`, "This is a text.".repeat(1000));
  assertInstanceOf(await refusal(`${file.path}.text`, `${file.path}.copy`), Failure);
});

Deno.test("backup says where the key is, and that it is not in the file", async () => {
  const made = { file: "b.db", bytes: 4096, key_file: "/data/tidings.db.key" };
  const asked: string[] = [];
  const { code, stdout } = await run(words("backup b.db"), {
    machine: {
      backup(file) {
        asked.push(file);
        return Promise.resolve(made);
      },
    },
  });
  assertEquals([code, asked], [0, ["b.db"]]);
  assertMatch(stdout, /^b\.db holds the whole database: 4096 bytes\.\n\n.*\/data\/tidings\.db\.key only/);
  const given = await run(words("backup b.db"), {
    machine: { backup: () => Promise.resolve({ ...made, key_file: null }) },
  });
  assertMatch(given.stdout, /open with TIDINGS_SECRET_KEY only/);
});

Deno.test("backup and reencrypt don't work over the API, and say so before they do anything", async () => {
  for (const line of ["--url http://b:1 --key abc backup b.db", "--url http://b:1 --key abc reencrypt"]) {
    const { code, stderr } = await run(words(line));
    assertEquals(code, 2);
    assertMatch(stderr, /over the API: it works on this machine's database/);
  }
  assertEquals((await run(words("backup"))).code, 2);
  assertEquals((await run(words("backup b.db --url http://b:1"))).code, 2);
});

Deno.test("progressLines() says every ten percent, and nothing of what is done at once", () => {
  const lines: string[] = [];
  const tell = progressLines((line) => lines.push(line), "Copied");
  for (const done of [1, 95, 100, 105, 250, 999, 1000]) tell({ done, total: 1000 });
  assertEquals(lines, ["Copied 10 %", "Copied 25 %", "Copied 99 %"]);
  tell({ done: 5, total: 0 });
  progressLines((line) => lines.push(line), "Copied")({ done: 10, total: 10 });
  assertEquals(lines.length, 3);
});
