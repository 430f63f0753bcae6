/**
 * The `.env` files that somebody could take for the service's.
 *
 * Owns where they are looked for, and which of them is read: the tasks read the one in the project's folder, a binary none.
 *
 * @module
 */
import { join, resolve } from "node:path";
import type { EnvFile } from "./examine_env_file.ts";

/** How this command was started. */
export type Started =
  | { readonly kind: "task"; readonly folder: string; readonly called_from: string | null }
  | { readonly kind: "binary"; readonly folder: string };

/**
 * Reads them.
 *
 * @param started How this command was started, and where.
 * @returns Those that are there; what can't be read is told as such.
 */
export async function envFilesOf(started: Started): Promise<EnvFile[]> {
  const { folder } = started;
  if (started.kind === "binary") return await envFileIn(folder, "a binary reads none");
  const { called_from } = started;
  const own = await envFileIn(folder, null);
  if (called_from === null || resolve(called_from) === resolve(folder)) return own;
  return [...own, ...await envFileIn(called_from, `only the one in ${resolve(folder)} is read`)];
}

async function envFileIn(folder: string, unread_because: string | null): Promise<EnvFile[]> {
  const path = join(folder, ".env");
  const file = { path, mode: null, unread_because };
  try {
    const { mode, isDirectory } = await Deno.stat(path);
    if (isDirectory) return [{ ...file, content: { problem: "it is a folder" } }];
    return [{
      ...file,
      mode: Deno.build.os === "windows" ? null : mode,
      content: await Deno.readFile(path),
    }];
  } catch (error) {
    // What nobody reads anyway need not be readable.
    if (error instanceof Deno.errors.NotFound || unread_because !== null) return [];
    const [problem] = (error instanceof Error ? error.message : String(error)).split("\n");
    return [{ ...file, content: { problem: problem ?? "" } }];
  }
}
