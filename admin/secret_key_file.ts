/**
 * The key that encrypts stored secrets, where the operator brings none: a file beside the KV file.
 *
 * Owns that file. It must never replace one (what an older key encrypted would be lost), use one that others can read, or
 * put its content into a message.
 *
 * @module
 */
import { dirname } from "node:path";
import { parseSecretKey } from "../lib/config.ts";

const KEY_BYTES = 32;
/** A key and a line feed are 45 bytes; what is much longer is another file. */
const FILE_BYTES_MAX = 256;
/** Owner reads and writes. */
const MODE = 0o600;
const MODE_OF_OTHERS = 0o077;

/** Why the key file can't be used: a mistake of configuration, said in words for the operator. */
export class SecretKeyFileError extends Error {
  override readonly name = "SecretKeyFileError";
}

/**
 * Reads the key file of a KV file, or makes it. Of several processes that start at once, one makes it and all read the
 * same. Its folder must exist.
 *
 * @param kv_path The path of the KV file; the key is in `<kv_path>.key`.
 * @param link Makes a hard link; can be replaced in a test.
 * @returns The 32 bytes.
 * @throws {SecretKeyFileError} If the file holds no key, others may read it, or it can't be read or made.
 */
export async function loadOrMakeSecretKey(
  kv_path: string,
  link: (from: string, to: string) => Promise<void> = Deno.link,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = `${kv_path}.key`;
  try {
    const key = await readKey(path);
    if (key !== null) return key;
    // One is made only together with the database: another key could not open what is in it. Read again after the
    // look, because a process that starts at the same time makes first the key and then the database.
    if (await isThere(kv_path)) {
      return await readKey(path) ??
        refuse(path, `it is missing although ${kv_path} is there: put it back, or set TIDINGS_SECRET_KEY`);
    }
    await makeKey(path, link);
    const made = await readKey(path);
    if (made === null) throw refusal(path, "it was removed right after it was made");
    return made;
  } catch (cause) {
    if (cause instanceof SecretKeyFileError) throw cause;
    throw refusal(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function refusal(path: string, reason: string, cause?: unknown): SecretKeyFileError {
  return new SecretKeyFileError(`Cannot use the secret key file ${path}: ${reason}`, { cause });
}

function refuse(path: string, reason: string): never {
  throw refusal(path, reason);
}

async function isThere(path: string): Promise<boolean> {
  using file = await openIfThere(path);
  return file !== null;
}

/** The key in the file; null if there is no file. */
async function readKey(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  using file = await openIfThere(path);
  if (file === null) return null;
  // Of the open file, not of the path: that may be another one by now.
  const info = await file.stat();
  if (!info.isFile) throw refusal(path, "it is not a file");
  // Windows has no such mode.
  if (info.mode !== null && Deno.build.os !== "windows" && (info.mode & MODE_OF_OTHERS) !== 0) {
    const mode = (info.mode & 0o777).toString(8).padStart(4, "0");
    throw refusal(
      path,
      `others may read it, its mode must be 0600, current mode is ${mode} (chmod 600 ${path}, or set TIDINGS_SECRET_KEY)`,
    );
  }
  const text = info.size > FILE_BYTES_MAX ? "" : await new Response(file.readable).text();
  const key = parseSecretKey(text.trim());
  if (key === null) throw refusal(path, "it must hold the base64 of exactly 32 bytes, and it does not");
  return key;
}

async function openIfThere(path: string): Promise<Deno.FsFile | null> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Makes the file, unless another process is faster. It appears under its name complete and on the disk, or not at all. */
async function makeKey(path: string, link: (from: string, to: string) => Promise<void>): Promise<void> {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const text = `${btoa(String.fromCharCode(...bytes))}\n`;
  const temporary = `${path}.${crypto.randomUUID()}.new`;
  await writeNewFile(temporary, text);
  try {
    await nameExclusively(temporary, path, text, link);
  } finally {
    await Deno.remove(temporary);
  }
  await syncFolder(dirname(path));
}

async function nameExclusively(
  temporary: string,
  path: string,
  text: string,
  link: (from: string, to: string) => Promise<void>,
): Promise<void> {
  // Fails if the name is taken, which a rename does not.
  const linked = await link(temporary, path).then(() => true, () => false);
  if (linked) return;
  // Another process was faster, or the file system has no links (FAT, some network drives). There the file is made under
  // its name at once, and a process that starts in this moment may see half a key, and refuse it.
  await writeNewFile(path, text).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  });
}

async function writeNewFile(path: string, text: string): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode: MODE });
  let rest = new TextEncoder().encode(text);
  while (rest.byteLength > 0) rest = rest.subarray(await file.write(rest));
  await file.sync();
}

/** A name is on the disk when its folder is: what is encrypted next must not outlive its key in a power cut. */
async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return; // can't open folders
  using file = await Deno.open(folder);
  await file.sync();
}
