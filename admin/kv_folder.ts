/**
 * The folder of the KV file: the only one that the service may read and write.
 *
 * Owns what `deno task start` asks before it starts the service: run as a program it prints that folder, which becomes a
 * permission of the service. It needs nothing but `TIDINGS_KV` itself. It must never fail: a shell that reads its output
 * doesn't notice, and the service reports a bad value with all others.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { KV_FILE_DEFAULT, kvFile } from "../lib/kv_target.ts";

/**
 * The folder that `TIDINGS_KV` means.
 *
 * @param text The variable; undefined or empty: unset.
 * @param cwd The working directory.
 * @returns An absolute path; a relative one where the working directory has a comma in its name, which Deno's lists of
 * paths can't express. The folder of the default file where the variable means no file.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { kvFolder } from "./kv_folder.ts";
 * assertEquals(kvFolder("/var/lib/tidings/tidings.db"), "/var/lib/tidings");
 * assertEquals(kvFolder(":memory:", "/srv/tidings"), "/srv/tidings/data");
 * ```
 */
export function kvFolder(text: string | undefined, cwd: string = Deno.cwd()): string {
  const folder = dirname(kvFile(text) ?? KV_FILE_DEFAULT);
  const absolute = resolve(cwd, folder);
  return absolute.includes(",") ? folder : absolute;
}

/**
 * Makes the folder of a KV file if it is missing, for this user only. Needs no permission beyond that folder.
 *
 * @param kv_path The path of the KV file.
 * @throws {Error} If it can't be made; the message names the folder.
 */
export async function makeKvFolder(kv_path: string): Promise<void> {
  const folder = dirname(kv_path);
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot make the folder ${folder} of TIDINGS_KV: ${reason}`, { cause });
  }
}

if (import.meta.main) {
  // deno-lint-ignore no-console
  console.log(kvFolder(Deno.env.get("TIDINGS_KV")));
}
