/**
 * The folder that the service may read and write, as a function and as the program that `deno task start` runs.
 *
 * Owns the tests of `admin/kv_folder.ts`.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { kvFolder, makeKvFolder } from "../../admin/kv_folder.ts";

const ON_WINDOWS = Deno.build.os === "windows";

Deno.test({
  name: "kvFolder() is the absolute folder of the file that TIDINGS_KV means",
  ignore: ON_WINDOWS,
  fn() {
    const folders: [text: string | undefined, folder: string][] = [
      [undefined, "/srv/tidings/data"],
      ["", "/srv/tidings/data"],
      ["./data/tidings.db", "/srv/tidings/data"],
      ["tidings.db", "/srv/tidings"],
      ["../x/y z/tidings.db", "/srv/x/y z"],
      ["/var/lib/tidings/tidings.db", "/var/lib/tidings"],
      ["/tidings.db", "/"],
      ["/var/lib/a,b.db", "/var/lib"],
    ];
    for (const [text, folder] of folders) assertEquals(kvFolder(text, "/srv/tidings"), folder, text);
  },
});

Deno.test({
  name: "kvFolder() is the default folder where there is no file, or a path that the service will refuse",
  ignore: ON_WINDOWS,
  fn() {
    for (
      const text of [
        ":memory:",
        "https://kv.example.com",
        "http://",
        "postgres://x/y",
        "/",
        "/etc/",
        "~/x.db",
      ]
    ) {
      assertEquals(kvFolder(text, "/srv/tidings"), "/srv/tidings/data", text);
    }
  },
});

Deno.test("kvFolder() never has a comma, which a list of permissions would split", () => {
  for (const text of [undefined, "./data/tidings.db", "/var/a,b/x.db", "a,b/x.db", "a,b.db"]) {
    for (const cwd of ["/srv/tidings", "/srv/Acme, Inc"]) assert(!kvFolder(text, cwd).includes(","), text);
  }
  assertEquals(kvFolder(undefined, "/srv/Acme, Inc"), "./data");
});

async function printed(kv: string | undefined, cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-config",
      "--allow-env=TIDINGS_KV",
      fileURLToPath(import.meta.resolve("../../admin/kv_folder.ts")),
    ],
    cwd,
    env: { TIDINGS_KV: kv ?? "" },
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout);
}

Deno.test("kv_folder.ts prints one line and needs no permission but for TIDINGS_KV", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    assertEquals(await printed("a b/tidings.db", folder), `${join(folder, "a b")}\n`);
    assertEquals(await printed(undefined, folder), `${join(folder, "data")}\n`);
    assertEquals(await Array.fromAsync(Deno.readDir(folder)), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("makeKvFolder() makes a missing folder for this user only, and leaves one that is there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await makeKvFolder(join(folder, "a", "b", "tidings.db"));
    const { isDirectory, mode } = await Deno.stat(join(folder, "a", "b"));
    assert(isDirectory);
    if (!ON_WINDOWS) {
      assertEquals((mode ?? 0) & 0o777, 0o700);
      await Deno.chmod(join(folder, "a", "b"), 0o755);
    }
    await makeKvFolder(join(folder, "a", "b", "tidings.db"));
    if (!ON_WINDOWS) assertEquals(((await Deno.stat(join(folder, "a", "b"))).mode ?? 0) & 0o777, 0o755);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("makeKvFolder() names the folder that it can't make", async () => {
  const file = await Deno.makeTempFile();
  try {
    const path = join(file, "data", "tidings.db");
    await assertRejects(
      () => makeKvFolder(path),
      Error,
      `Cannot make the folder ${join(file, "data")} of TIDINGS_KV: `,
    );
  } finally {
    await Deno.remove(file);
  }
});
