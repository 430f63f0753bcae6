/**
 * Where the records are: what the text of `TIDINGS_KV` means.
 *
 * Owns the kinds of targets and the rules for a path. It must never open one: that is the KV room's.
 *
 * @module
 */

/** Where the records are. */
export type KvTarget =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "memory" }
  | { readonly kind: "server"; readonly url: string; readonly access_token: string }
  /** The database that Deno Deploy links to the app. */
  | { readonly kind: "linked" };

/** The file where nothing else is said. */
export const KV_FILE_DEFAULT = "./data/tidings.db";

/**
 * The file that `TIDINGS_KV` means.
 *
 * @param text The variable; undefined or empty: unset, outside Deno Deploy.
 * @returns A path, relative to the working directory unless it is absolute; null where it means no file: `:memory:`, a
 * URL, and what {@linkcode kvFileProblem} refuses.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { kvFile } from "./kv_target.ts";
 * assertEquals(kvFile(undefined), "./data/tidings.db");
 * assertEquals(kvFile(":memory:"), null);
 * ```
 */
export function kvFile(text: string | undefined): string | null {
  if (!text) return KV_FILE_DEFAULT;
  return text === ":memory:" || isKvServer(text) || kvFileProblem(text) !== null ? null : text;
}

/**
 * Whether `TIDINGS_KV` means a KV server, be the rest of the URL valid or not.
 *
 * @param text The variable.
 * @returns Whether it begins as a URL of http or https does.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isKvServer } from "./kv_target.ts";
 * assert(isKvServer("https://kv.example.com") && !isKvServer("./http.db"));
 * ```
 */
export function isKvServer(text: string): boolean {
  return /^https?:/i.test(text);
}

/**
 * Why a text can't be the path of a KV file.
 *
 * @param text The variable, neither `:memory:` nor a KV server.
 * @returns What it must be, as the rest of a sentence that begins with the variable's name; null for a path.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { kvFileProblem } from "./kv_target.ts";
 * assertEquals(kvFileProblem("/var/lib/tidings/"), "must be the path of a file, not of a folder");
 * ```
 */
export function kvFileProblem(text: string): string | null {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return "must be a path, :memory: or an http(s) URL";
  if (text.startsWith(":")) return "must be a path, :memory: or an http(s) URL";
  if (/[/\\]\.{0,2}$|^\.{1,2}$/.test(text)) return "must be the path of a file, not of a folder";
  if (text.startsWith("~")) return "must be written out, because no shell replaces the ~ here";
  // The folder becomes a permission of the process, and Deno takes those as a list that knows no escape.
  if (/,.*[/\\]/s.test(text)) {
    return "must be in a folder whose name has no comma (Deno reads it as two folders)";
  }
  return null;
}
