/**
 * The command line of a tool: what is asked for, help, and wrong use.
 *
 * @module
 */

/** A tool. */
export interface Tool<Options> {
  readonly help: string;
  /** What is asked for; null: help. Throws a `TypeError` for anything it does not know. */
  optionsOf(args: readonly string[]): Options | null;
  /** Does it. @returns The exit code. */
  run(options: Options): Promise<number>;
  print(text: string): void;
}

/**
 * Runs a tool.
 *
 * @param tool The tool.
 * @param args Its arguments.
 * @returns The exit code: that of the run, 0 for help, 2 for wrong use.
 */
export async function runTool<Options>(tool: Tool<Options>, args: readonly string[]): Promise<number> {
  let options: Options | null;
  try {
    options = tool.optionsOf(args);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    tool.print(`${error.message}\n\n${tool.help}`);
    return 2;
  }
  if (options !== null) return await tool.run(options);
  tool.print(tool.help);
  return 0;
}
