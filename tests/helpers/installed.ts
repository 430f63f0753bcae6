/**
 * Whether a program is on this machine and does what a test needs of it: else the test is ignored, and says so.
 *
 * @module
 */

/**
 * Runs a program, and says no more than whether that went well.
 *
 * @param program Its name.
 * @param args Its arguments.
 * @returns Whether it is there and ended well.
 */
export async function succeeds(program: string, ...args: readonly string[]): Promise<boolean> {
  const command = new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  try {
    // A program that is not there makes this throw, before there is a promise.
    return (await command.output()).success;
  } catch {
    return false;
  }
}

/** Succeeds with Node.js: where that is not installed, Deno runs itself under its name. */
export const NODE_PROBE = [
  "node",
  "-e",
  "process.exit(process.versions.deno === undefined && parseInt(process.versions.node) >= 20 ? 0 : 1)",
] as const;
