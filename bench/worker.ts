/**
 * A process of its own that is told what to do: the load, the receiver and the raw loop, so that none takes time on
 * another's event loop.
 *
 * Owns both ends of the talk: one line of JSON a command on stdin, one line a result on stdout.
 *
 * @module
 */
import { gather } from "../tests/helpers/lines.ts";

const PROJECT = new URL("../", import.meta.url);

type Params = Readonly<Record<string, unknown>>;

/** A running process. */
export class Worker implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ended: Promise<void>;
  #last_id = 0;

  private constructor(child: Deno.ChildProcess, name: string) {
    this.#child = child;
    this.pid = child.pid;
    this.#stdin = child.stdin.getWriter();
    const read = gather(child.stdout, (line) => this.#onLine(line));
    this.#ended = Promise.all([read, child.status]).then(([, { code }]) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended with ${code}`));
    });
  }

  /**
   * Starts a program of this folder.
   *
   * @param name Its file, without `.ts`.
   * @param permissions What it is allowed.
   * @returns It, ready for commands: its first is answered as soon as it runs.
   */
  static start(name: string, permissions: readonly string[]): Worker {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...permissions, `bench/${name}.ts`],
      cwd: PROJECT,
      stdin: "piped",
      stdout: "piped",
    });
    return new Worker(command.spawn(), name);
  }

  /**
   * Gives a command.
   *
   * @param command Its name.
   * @param params What it needs.
   * @returns What came of it.
   */
  async call<Result>(command: string, params: Params = {}): Promise<Result> {
    const id = ++this.#last_id;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    await this.#stdin.write(new TextEncoder().encode(JSON.stringify({ id, command, params }) + "\n"));
    return await answer.promise as Result;
  }

  #onLine(line: string): void {
    const { id, result, error } = JSON.parse(line);
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) answer?.resolve(result);
    else answer?.reject(new Error(error));
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#ended;
    this.#child.unref();
  }
}

/** What a process does, by the name of the command. */
export type Commands = Readonly<Record<string, (params: never) => unknown>>;

/**
 * Obeys until stdin ends, which is also what happens when the parent dies; then the process ends.
 *
 * @param commands What it can do.
 */
export async function obey(commands: Commands): Promise<void> {
  const encoder = new TextEncoder();
  async function answer(line: string): Promise<void> {
    const { id, command, params } = JSON.parse(line);
    let told: unknown;
    try {
      const run = command === "ready" ? () => null : commands[command];
      if (run === undefined) throw new Error(`There is no command ${command}`);
      told = { id, result: await run(params as never) };
    } catch (error) {
      told = { id, error: error instanceof Error ? error.stack : String(error) };
    }
    let bytes = encoder.encode(JSON.stringify(told) + "\n");
    // A line is written at once or, if the pipe is full, in parts that nothing may come between.
    while (bytes.byteLength > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
  }
  await gather(Deno.stdin.readable, (line) => void answer(line));
  Deno.exit(0);
}
