/**
 * The administration command in a process of its own, with no permission beyond what `deno task admin` gives.
 *
 * Owns running it. It must never read what the command works on.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { kvFolder } from "../../admin/kv_folder.ts";
import { type Ended, ended } from "./ended.ts";
import { inheritedEnvironment } from "./inherited.ts";

const PROJECT = new URL("../../", import.meta.url);

/** What a command is run on. */
export interface AdminOptions {
  /** The KV file, in a folder of its own; `TIDINGS_KV` may say otherwise. */
  readonly kv: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Where the task was called from, and so what may be read by name; the folder of the KV file by default. */
  readonly called_from?: string;
}

/**
 * Runs a command as the task does.
 *
 * @param args Everything after `deno task admin`.
 * @param options What it works on.
 * @returns How it ended.
 */
export async function admin(args: readonly string[], options: AdminOptions): Promise<Ended> {
  const folder = kvFolder(options.kv);
  const { env = {}, stdin, called_from = folder } = options;
  const permissions = [
    "--no-prompt",
    "-P=admin",
    `--allow-read=${folder},${called_from},.env`,
    `--allow-write=${folder}`,
  ];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...permissions, "admin/main.ts", ...args],
    cwd: PROJECT,
    clearEnv: true,
    env: {
      ...inheritedEnvironment(),
      INIT_CWD: called_from,
      // Whoever listens at the usual one is nobody of the test's.
      PORT: "0",
      TIDINGS_KV: options.kv,
      TIDINGS_ALLOW_NETWORKS: "127.0.0.0/8",
      ...env,
    },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return await ended(child, stdin);
}

/**
 * Runs a command that must succeed.
 *
 * @param args Everything after `deno task admin`, without `--json`.
 * @param options What it works on.
 * @returns What it prints with `--json`.
 */
export async function adminJson<Answer>(args: readonly string[], options: AdminOptions): Promise<Answer> {
  const { code, stdout, stderr } = await admin([...args, "--json"], options);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}
