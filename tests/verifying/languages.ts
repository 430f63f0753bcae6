/**
 * The languages that docs/verifying.md has receivers in, and how to run one.
 *
 * Owns running what the document prints, unchanged, in a folder of its own. A driver of the language (`drivers/`) hands it
 * requests: on stdin one a line, of base64 fields between tabs (secret, standard secret, body, then names and values of
 * headers in turn), on stdout one line for what came of each. It must never reach beyond this machine.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { codeBlocks } from "../helpers/code_blocks.ts";
import { NODE_PROBE } from "../helpers/installed.ts";
import { temporaryFolder } from "../helpers/service.ts";
import type { ReceivedCase } from "./cases.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = await Deno.readTextFile(new URL("docs/verifying.md", ROOT));

/** One way to run a receiver. */
export interface Language {
  readonly name: string;
  /** Succeeds where what it needs is there. */
  readonly probe: readonly [program: string, ...args: string[]];
  /** The blocks of the document that are run: `<!-- tested: … -->` names the file of each. */
  readonly snippets: readonly string[];
  readonly driver: string;
  /** Run where snippets and driver are. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
}

const DENO = Deno.execPath();
/** From the standard library alone: the modules of Go are not asked for, whatever the environment says. */
const GO_ALONE = { GO111MODULE: "off", GOFLAGS: "", GOPROXY: "off", GOTOOLCHAIN: "local" };

/** Receivers written in the document. */
export const RECEIVERS: readonly Language[] = [
  {
    name: "JavaScript on Deno",
    probe: [DENO, "--version"],
    snippets: ["receiver.mjs"],
    driver: "driver.mjs",
    command: [DENO, "run", "--no-prompt", "--allow-read", "driver.mjs"],
  },
  {
    name: "JavaScript on Node.js",
    probe: NODE_PROBE,
    snippets: ["receiver.mjs"],
    driver: "driver.mjs",
    command: ["node", "driver.mjs"],
  },
  {
    name: "Python",
    probe: ["python3", "--version"],
    snippets: ["receiver.py"],
    driver: "driver.py",
    command: ["python3", "driver.py"],
  },
  {
    name: "PHP",
    probe: ["php", "--version"],
    snippets: ["signatures.php", "hook.php"],
    driver: "driver.php",
    command: ["php", "driver.php"],
  },
  {
    name: "Ruby",
    probe: ["ruby", "--version"],
    snippets: ["receiver.rb"],
    driver: "driver.rb",
    command: ["ruby", "driver.rb"],
  },
  {
    name: "Go",
    probe: ["go", "version"],
    snippets: ["receiver.go"],
    driver: "driver.go",
    command: ["go", "run", "receiver.go", "driver.go"],
    env: GO_ALONE,
  },
  {
    name: "Elixir",
    probe: ["elixir", "--version"],
    snippets: ["signature.ex", "receiver.ex"],
    driver: "driver.exs",
    command: ["elixir", "driver.exs"],
    // Without it the strings of the driver may be taken for Latin-1.
    env: { ELIXIR_ERL_OPTIONS: "+fnu" },
  },
];

/** Receivers that leave it to a library of Standard Webhooks. */
export const LIBRARIES: readonly Language[] = [
  {
    name: "the library of npm",
    probe: [DENO, "--version"],
    snippets: ["library.mjs"],
    driver: "driver_library.mjs",
    command: [
      DENO,
      "run",
      "--no-prompt",
      "--allow-read",
      "--config",
      new URL("deno.json", ROOT).pathname,
      "driver_library.mjs",
    ],
  },
  {
    name: "the library of PyPI",
    probe: ["python3", "-c", "import standardwebhooks"],
    snippets: ["library.py"],
    driver: "driver_library.py",
    command: ["python3", "driver_library.py"],
  },
];

/** A block of the document, by its marker. */
export function snippet(file: string): string {
  const blocks = ["js", "python", "php", "ruby", "go", "elixir", "sh"].flatMap((name) =>
    codeBlocks(PAGE, name)
  );
  const [found, ...others] = blocks.filter(({ marker }) => marker === `tested: ${file}`);
  assert(found !== undefined && others.length === 0, `docs/verifying.md has not one block for ${file}`);
  return `${found.code}\n`;
}

/** The names of all blocks that the document says are tested. */
export function testedSnippets(): string[] {
  return PAGE.matchAll(/<!-- tested: (\S+) -->/g).map(([, file = ""]) => file).toArray();
}

/**
 * A folder with blocks of the document and files of `drivers/`.
 *
 * @param snippets The blocks, by their markers.
 * @param drivers The files.
 * @returns The folder. `await using` removes it.
 */
export async function folderOf(
  snippets: readonly string[],
  drivers: readonly string[],
): ReturnType<typeof temporaryFolder> {
  const folder = await temporaryFolder();
  for (const file of snippets) await Deno.writeTextFile(`${folder.path}/${file}`, snippet(file));
  for (const file of drivers) {
    await Deno.copyFile(new URL(`drivers/${file}`, import.meta.url), `${folder.path}/${file}`);
  }
  return folder;
}

function base64(data: string | Uint8Array): string {
  return (typeof data === "string" ? new TextEncoder().encode(data) : data).toBase64();
}

/** A request as drivers read it. */
function lineOf({ secret, request }: ReceivedCase): string {
  const headers = [...request.headers].flat();
  return [secret.secret, secret.standard_secret, request.body, ...headers].map(base64).join("\t");
}

/**
 * Hands requests to a receiver of the document, one after the other.
 *
 * @param language What is run.
 * @param cases The requests, and the secret that the receiver has.
 * @returns What the driver said of each.
 */
export async function outcomes(
  { snippets, driver, command: [program, ...args], env = {} }: Language,
  cases: readonly ReceivedCase[],
): Promise<string[]> {
  await using folder = await folderOf(snippets, [driver]);
  const command = new Deno.Command(program, {
    args,
    env,
    cwd: folder.path,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  // A driver that fails early does not read to the end: what it wrote to stderr says more than the broken pipe.
  const written = writer.write(new TextEncoder().encode(`${cases.map(lineOf).join("\n")}\n`))
    .then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await written;
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout).trimEnd().split("\n");
}
