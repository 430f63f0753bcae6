/**
 * Disks that can be filled: a small one (where mounting is permitted), and a limit on how large a process's files may
 * grow, which needs no permission and fails in another way (EFBIG in place of ENOSPC).
 *
 * Owns mounting and unmounting. It must never fill a disk that others use.
 *
 * @module
 */
import { assert } from "@std/assert";
import { succeeds } from "./installed.ts";
import { temporaryFolder } from "./service.ts";

/** A disk, or what stands for one. */
export interface SmallDisk extends AsyncDisposable {
  /** A folder on it. */
  readonly path: string;
  /** Shell commands that the service is started with. */
  readonly under: string;
  /** Leaves no room for the process. */
  fill(pid: number): Promise<void>;
  free(pid: number): Promise<void>;
}

/** Makes a disk of 16 MiB; null where that is not permitted. */
export async function mountDisk(): Promise<SmallDisk | null> {
  const folder = await Deno.makeTempDir({ prefix: "tidings-disk-" });
  if (!await succeeds("mount", "-t", "tmpfs", "-o", "size=16m", "tidings-test", folder)) {
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
      await succeeds("umount", folder);
      await Deno.remove(folder);
    },
  };
}

/** A folder whose files may not grow while the disk is "full". A process that ignores SIGXFSZ gets an error instead. */
export async function limitFiles(): Promise<SmallDisk> {
  const folder = await temporaryFolder();
  return {
    path: folder.path,
    under: "trap '' XFSZ",
    async fill(pid) {
      assert(await succeeds("prlimit", `--pid=${pid}`, "--fsize=4096:unlimited"));
    },
    async free(pid) {
      assert(await succeeds("prlimit", `--pid=${pid}`, "--fsize=unlimited:unlimited"));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const mounted = await mountDisk();
await mounted?.[Symbol.asyncDispose]();

/** Whether {@linkcode mountDisk} is permitted here. */
export const MOUNTS: boolean = mounted !== null;

/** Whether {@linkcode limitFiles} works here. */
export const LIMITS: boolean = Deno.build.os === "linux" && await succeeds("prlimit", "--version");
