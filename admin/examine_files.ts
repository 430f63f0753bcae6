/**
 * Whether files and disk are as a database with secrets needs them.
 *
 * Owns how much room is enough, and who may read what.
 *
 * @module
 */
import { dirname } from "node:path";
import { statfs } from "node:fs/promises";
import { type Check, fail, ok, warn } from "./checks.ts";

/** A file or a folder. */
export interface FileInfo {
  /** Permission bits; null where there are none (Windows). */
  readonly mode: number | null;
  /** Whose it is; null where nobody owns files (Windows). */
  readonly uid: number | null;
  readonly bytes: number;
  readonly is_folder: boolean;
  /** Milliseconds since the Unix epoch; null where it is not known. */
  readonly written_at: number | null;
}

/** The disk, as it is looked at. */
export interface Disk {
  /** Null if there is none. @throws If it can't be looked at. */
  info(path: string): Promise<FileInfo | null>;
  /** What is left of the disk that a folder is on, for this user. @throws If it can't be looked at. */
  freeBytes(folder: string): Promise<number>;
  /** Which file system a folder is on, by the number that Linux has for it. @throws If it can't be looked at. */
  fileSystem(folder: string): Promise<number>;
}

/** The disk of this machine. */
export const SYSTEM_DISK: Disk = {
  async info(path) {
    try {
      const { mode, uid, size, mtime, isDirectory } = await Deno.stat(path);
      const bits = Deno.build.os === "windows" ? null : mode;
      const written_at = mtime === null ? null : mtime.getTime();
      return { mode: bits, uid, bytes: size, is_folder: isDirectory, written_at };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  },
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async fileSystem(folder) {
    return (await statfs(folder)).type;
  },
};

const NETWORK = "locks of a network file system are not to be relied on, and SQLite's file may break";
const NETWORK_ADVICE = "Put TIDINGS_KV on a disk of this machine, or give it the URL of a KV server.";
const LOST_ADVICE = "Put TIDINGS_KV on a disk, or a volume that stays.";

/** File systems that no database should be on: statfs(2). */
const UNFIT: Readonly<Record<number, readonly [name: string, why: string, advice: string]>> = {
  0x01021994: ["tmpfs", "it is memory, and what is on it is lost when the machine restarts", LOST_ADVICE],
  0x858458f6: ["ramfs", "it is memory, and what is on it is lost when the machine restarts", LOST_ADVICE],
  0x794c7630: ["overlay", "it is a layer of a container, and lost with that", LOST_ADVICE],
  0x6969: ["NFS", NETWORK, NETWORK_ADVICE],
  0x517b: ["SMB", NETWORK, NETWORK_ADVICE],
  0xff534d42: ["CIFS", NETWORK, NETWORK_ADVICE],
  0xfe534d42: ["SMB", NETWORK, NETWORK_ADVICE],
  0x01021997: ["9p", NETWORK, NETWORK_ADVICE],
};

/**
 * Looks at whether the file is where a database can be.
 *
 * @param path Of the database's file; it need not be there.
 * @param disk Where.
 * @returns A check for each trouble.
 */
export async function placeChecks(path: string, disk: Disk): Promise<Check[]> {
  const folder = dirname(path);
  const type = await disk.fileSystem(folder).catch(() => 0);
  const [name, why, advice] = UNFIT[type] ?? [];
  const unfit = name === undefined || why === undefined || advice === undefined
    ? []
    : [warn("files", `${folder} is on ${name}: ${why}`, advice)];
  const files = [folder, path, `${path}-wal`, `${path}-shm`, `${path}.key`];
  const owned = await Promise.all(files.map(async (file) => ({ file, uid: (await disk.info(file))?.uid })));
  const [first, ...others] = owned.filter(({ uid }) => uid !== undefined && uid !== null);
  const strange = others.filter(({ uid }) => uid !== first?.uid).map(({ file }) => file);
  return [
    ...unfit,
    ...(strange.length === 0 ? [] : [warn(
      "files",
      `${strange.join(" and ")} belong${strange.length === 1 ? "s" : ""} to another user than ${folder}`,
      `Commands of another user made them, and the service may not read them: chown --reference=${folder} ${
        strange.join(" ")
      }`,
    )]),
  ];
}

const OTHERS = 0o077;
const MIB = 1024 * 1024;
/** Below it the next hours may fill the disk. */
const FREE_BYTES_WARN = 1024 * MIB;
/** Below it SQLite may fail to write within minutes. */
const FREE_BYTES_FAIL = 64 * MIB;

/**
 * Looks at who may read the database and its key.
 *
 * @param path Of the database's file.
 * @param options Where, and whether the configuration brings a key of its own.
 * @returns One check, or one for each file that others may read.
 */
export async function modeChecks(
  path: string,
  { disk, key_given }: { readonly disk: Disk; readonly key_given: boolean },
): Promise<Check[]> {
  const key_path = `${path}.key`;
  const folder = await disk.info(dirname(path));
  // What is in a folder that nobody else may enter is safe, whatever its own mode.
  const enclosed = folder !== null && folder.mode !== null && (folder.mode & OTHERS) === 0;
  const open = enclosed ? [] : await readableByOthers([path, `${path}-wal`, key_path], disk);
  const unused = key_given && await disk.info(key_path) !== null
    ? [warn(
      "secret key",
      `${key_path} is not used, because TIDINGS_SECRET_KEY is set`,
      "Keep it where backups of that time are, and remove it here.",
    )]
    : [];
  const files = open.length === 0
    ? [ok("files", "no other user of this machine may read the database")]
    : open.map(({ file, mode }) => {
      const advice = `chmod 600 ${file}, or chmod 700 ${dirname(path)}`;
      const detail = `other users of this machine may read ${file} (mode ${
        mode.toString(8).padStart(4, "0")
      })`;
      return file === key_path ? fail("files", detail, advice) : warn("files", detail, advice);
    });
  return [...unused, ...files];
}

async function readableByOthers(
  files: readonly string[],
  disk: Disk,
): Promise<{ file: string; mode: number }[]> {
  const infos = await Promise.all(files.map((file) => disk.info(file)));
  return files.flatMap((file, index) => {
    const mode = (infos[index]?.mode ?? 0) & 0o777;
    return (mode & OTHERS) === 0 ? [] : [{ file, mode }];
  });
}

/**
 * Looks at the room that is left.
 *
 * @param path Of the database's file; it need not be there.
 * @param disk Where.
 * @returns One check.
 */
export async function diskChecks(path: string, disk: Disk): Promise<Check[]> {
  const folder = dirname(path);
  try {
    const free = await disk.freeBytes(folder);
    const used = (await disk.info(path))?.bytes ?? 0;
    const detail = `${mib(free)} MiB free at ${folder}, the database takes ${mib(used)} MiB`;
    const advice =
      "Make room, or give the database another disk: when it is full, events are refused with 503.";
    if (free < FREE_BYTES_FAIL) return [fail("disk", detail, advice)];
    return free < Math.max(FREE_BYTES_WARN, used) ? [warn("disk", detail, advice)] : [ok("disk", detail)];
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return [warn("disk", `the room that is left can't be told: ${reason}`, `Look with df -h ${folder}.`)];
  }
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
