/**
 * A program that was started, to its end.
 *
 * @module
 */

/** What a program said, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Waits until a program has ended.
 *
 * @param child Started with its output piped, and its input as well if it gets any.
 * @param stdin What it reads.
 */
export async function ended(child: Deno.ChildProcess, stdin?: string): Promise<Ended> {
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
