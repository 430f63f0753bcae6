/**
 * What a process writes, line by line.
 *
 * @module
 */

/**
 * Gathers the lines of a stream.
 *
 * @param stream What a process writes.
 * @param onLine Called with each line.
 * @returns Resolves at the end of the stream.
 */
export async function gather(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
