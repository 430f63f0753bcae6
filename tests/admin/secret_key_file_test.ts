/**
 * The secret key file: made once, read ever after, and refused when it is not what it should be.
 *
 * Owns the tests of `admin/secret_key_file.ts`.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { loadOrMakeSecretKey, SecretKeyFileError } from "../../admin/secret_key_file.ts";

const ON_WINDOWS = Deno.build.os === "windows";
const KEY = btoa("0123456789abcdef0123456789abcdef");

/** Runs a test with the path of a KV file in a folder of its own. */
async function withKvPath(use: (kv_path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(join(folder, "tidings.db"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeKeyFile(kv_path: string, text: string, mode = 0o600): Promise<void> {
  await Deno.writeTextFile(`${kv_path}.key`, text);
  if (!ON_WINDOWS) await Deno.chmod(`${kv_path}.key`, mode);
}

function namesBeside(kv_path: string): string[] {
  return [...Deno.readDirSync(join(kv_path, ".."))].map((entry) => entry.name);
}

async function refusalOf(kv_path: string): Promise<string> {
  const error = await assertRejects(() => loadOrMakeSecretKey(kv_path), SecretKeyFileError);
  assert(error.message.startsWith(`Cannot use the secret key file ${kv_path}.key: `), error.message);
  return error.message;
}

Deno.test("loadOrMakeSecretKey() makes a key for this user only, and reads the same ever after", async () => {
  await withKvPath(async (kv_path) => {
    const key = await loadOrMakeSecretKey(kv_path);
    assertEquals(key.byteLength, 32);
    assertEquals(await loadOrMakeSecretKey(kv_path), key);
    assertEquals(await Deno.readTextFile(`${kv_path}.key`), `${btoa(String.fromCharCode(...key))}\n`);
    if (!ON_WINDOWS) assertEquals(((await Deno.stat(`${kv_path}.key`)).mode ?? 0) & 0o777, 0o600);
    assertEquals(namesBeside(kv_path), ["tidings.db.key"]);
  });
});

Deno.test("loadOrMakeSecretKey() makes another key for another file", async () => {
  await withKvPath(async (kv_path) => {
    const [one, other] = await Promise.all([
      loadOrMakeSecretKey(kv_path),
      loadOrMakeSecretKey(`${kv_path}2`),
    ]);
    assertFalse(one.every((byte, index) => byte === other[index]));
  });
});

Deno.test("loadOrMakeSecretKey() gives all who start at once the same key", async () => {
  await withKvPath(async (kv_path) => {
    const keys = await Promise.all(Array.from({ length: 30 }, () => loadOrMakeSecretKey(kv_path)));
    assertEquals(new Set(keys.map((key) => key.join())).size, 1);
    assertEquals(namesBeside(kv_path), ["tidings.db.key"]);
  });
});

Deno.test("loadOrMakeSecretKey() takes the key of who was faster", async () => {
  await withKvPath(async (kv_path) => {
    const key = await loadOrMakeSecretKey(kv_path, async (from, to) => {
      await writeKeyFile(kv_path, `${KEY}\n`); // just before our link
      await Deno.link(from, to);
    });
    assertEquals(btoa(String.fromCharCode(...key)), KEY);
    assertEquals(namesBeside(kv_path), ["tidings.db.key"]);
  });
});

Deno.test("loadOrMakeSecretKey() works on a file system without links, and replaces nothing there either", async () => {
  const noLinks = (): Promise<void> => Promise.reject(new Deno.errors.PermissionDenied("no links here"));
  await withKvPath(async (kv_path) => {
    const key = await loadOrMakeSecretKey(kv_path, noLinks);
    assertEquals(await loadOrMakeSecretKey(kv_path), key);
    if (!ON_WINDOWS) assertEquals(((await Deno.stat(`${kv_path}.key`)).mode ?? 0) & 0o777, 0o600);
    assertEquals(namesBeside(kv_path), ["tidings.db.key"]);
  });
  await withKvPath(async (kv_path) => {
    const key = await loadOrMakeSecretKey(kv_path, async () => {
      await writeKeyFile(kv_path, `${KEY}\n`);
      await noLinks();
    });
    assertEquals(btoa(String.fromCharCode(...key)), KEY);
  });
});

Deno.test("loadOrMakeSecretKey() reads a key in any spelling of base64, with or without a line feed", async () => {
  await withKvPath(async (kv_path) => {
    for (const text of [KEY, `${KEY}\n`, `${KEY}\r\n`, KEY.replace("=", "")]) {
      await writeKeyFile(kv_path, text);
      assertEquals(btoa(String.fromCharCode(...await loadOrMakeSecretKey(kv_path))), KEY);
    }
  });
});

Deno.test("loadOrMakeSecretKey() refuses a malformed file, keeps it, and says nothing of its content", async () => {
  await withKvPath(async (kv_path) => {
    for (
      const text of [
        "",
        "\n",
        "hunter2",
        btoa("f".repeat(31)),
        `${KEY}${KEY}`,
        `${KEY}\n${KEY}`,
        "x".repeat(5000),
      ]
    ) {
      await writeKeyFile(kv_path, text);
      const message = await refusalOf(kv_path);
      assertMatch(message, /must hold the base64 of exactly 32 bytes, and it does not$/);
      assertFalse(message.includes("hunter2"));
      assertEquals(await Deno.readTextFile(`${kv_path}.key`), text);
    }
  });
});

Deno.test({
  name: "loadOrMakeSecretKey() refuses a file that others may read, and says what to do",
  ignore: ON_WINDOWS,
  async fn() {
    await withKvPath(async (kv_path) => {
      for (const mode of [0o644, 0o640, 0o604, 0o660, 0o601, 0o610]) {
        await writeKeyFile(kv_path, KEY, mode);
        const message = await refusalOf(kv_path);
        const octal = `0${mode.toString(8)}`;
        assert(
          message.endsWith(`current mode is ${octal} (chmod 600 ${kv_path}.key, or set TIDINGS_SECRET_KEY)`),
          message,
        );
      }
      await writeKeyFile(kv_path, KEY, 0o400);
      assertEquals((await loadOrMakeSecretKey(kv_path)).byteLength, 32);
    });
  },
});

Deno.test("loadOrMakeSecretKey() refuses what is no file", async () => {
  await withKvPath(async (kv_path) => {
    await Deno.mkdir(`${kv_path}.key`, { mode: 0o700 });
    // Windows can't even open it.
    if (ON_WINDOWS) await refusalOf(kv_path);
    else assertMatch(await refusalOf(kv_path), /: it is not a file$/);
  });
});

Deno.test("loadOrMakeSecretKey() names the file when its folder is missing", async () => {
  await withKvPath(async (kv_path) => {
    await refusalOf(join(kv_path, "nowhere", "tidings.db"));
  });
});

Deno.test("loadOrMakeSecretKey() makes no key for a database that is there already: it could not open it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/tidings.db`, "");
    const error = await assertRejects(() => loadOrMakeSecretKey(`${folder}/tidings.db`), SecretKeyFileError);
    assertMatch(error.message, /tidings\.db\.key: it is missing although \S+tidings\.db is there/);
    const entries = await Array.fromAsync(Deno.readDir(folder));
    assertEquals(entries.map(({ name }) => name), ["tidings.db"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
