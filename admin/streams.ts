/**
 * The streams and files of the command's process.
 *
 * Owns reading what a person names, and writing all of what is said.
 *
 * @module
 */
import { resolve } from "node:path";
import { WrongUse } from "./failure.ts";

/**
 * A file as the user means it: a task runs in the project's folder, but the path is said in the one it was called from.
 *
 * @param file As said.
 * @returns An absolute path.
 */
export function pathOf(file: string): string {
  return resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), file);
}

/**
 * Reads a text.
 *
 * @param file Its name; `-` is stdin.
 * @returns All of it.
 * @throws {WrongUse} If it can't be read.
 */
export async function readText(file: string): Promise<string> {
  if (file === "-") return await new Response(Deno.stdin.readable).text();
  try {
    return await Deno.readTextFile(pathOf(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new WrongUse(`read ${file}: there is no such file`);
    const outside = error instanceof Deno.errors.NotCapable
      ? "only files below the current folder can be read by name"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new WrongUse(`read ${file}: ${outside}; give it as --body - < ${file}`);
  }
}

/**
 * Writes all of a text. Whoever reads only the beginning (`| head`) is no failure.
 *
 * @param stream Where to.
 * @returns A function that writes.
 */
export function writeTo(stream: { writeSync(bytes: Uint8Array): number }): (text: string) => void {
  return (text) => {
    let rest = new TextEncoder().encode(text);
    try {
      while (rest.byteLength > 0) rest = rest.subarray(stream.writeSync(rest));
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  };
}

/**
 * Asks the person at the terminal.
 *
 * @param question What.
 * @returns What was typed; null if nobody can be asked.
 */
export function ask(question: string): string | null {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() ? prompt(question) ?? "" : null;
}
