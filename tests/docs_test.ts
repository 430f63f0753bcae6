/**
 * The documents say what is true: their commands run, their examples are accepted, their versions are the stated one.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EVENT_EXAMPLES, EVENT_NAMES } from "../lib/event_types.ts";
import { ENVIRONMENT } from "../lib/environment.ts";
import { ERROR_STATUS } from "../lib/errors.ts";
import { encodeBody, parseEvent } from "../lib/event.ts";
import { summarize } from "../lib/formats/summary.ts";
import { FORMATS } from "../lib/webhook_settings.ts";
import { ADMIN_KEY } from "./helpers/api.ts";
import { codeBlocks } from "./helpers/code_blocks.ts";
import { startReceiver } from "./helpers/receiver.ts";
import { NODE_PROBE, succeeds } from "./helpers/installed.ts";
import { startTestService, temporaryFolder } from "./helpers/service.ts";

const ROOT = new URL("../", import.meta.url);

/** Those that link to others and name tasks. */
const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "docs/api.md",
  "docs/configuration.md",
  "docs/client.md",
  "docs/formats.md",
  "docs/performance.md",
  "docs/verifying.md",
  "docs/operations/README.md",
  "docs/deploy.md",
  "docs/self-hosting.md",
];

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

Deno.test("README's first webhook works as printed", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const block = codeBlocks(await read("README.md"), "sh").find(({ marker }) =>
    marker === "tested: first-webhook"
  );
  assert(block !== undefined);
  const script = block.code
    .replaceAll("http://127.0.0.1:8080", service.url)
    .replaceAll("http://127.0.0.1:9000/", receiver.url);
  // The last call comes after the delivery, as it does for a person at a terminal.
  const last = script.lastIndexOf("curl");
  const run = async (commands: string): Promise<string> => {
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-euc", commands],
      env: { KEY: ADMIN_KEY },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  assertMatch(await run(script.slice(0, last)), /"queued":1/);
  await receiver.received(1);
  assertStringIncludes(await run(script.slice(last)), `"event":"goal_completion"`);
  assertEquals(receiver.requests[0]?.headers.get("x-webhook-event"), "goal_completion");
});

Deno.test("docs/client.md's example is valid TypeScript and works as printed", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const block = codeBlocks(await read("docs/client.md"), "ts").find(({ marker }) =>
    marker === "tested: client"
  );
  assert(block !== undefined);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--check",
      "--no-prompt",
      "--allow-env",
      "--allow-net=127.0.0.1",
      "--ext=ts",
      "-",
    ],
    cwd: ROOT,
    env: { TIDINGS: service.url, KEY: ADMIN_KEY, RECEIVER: receiver.url },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  await new Blob([block.code]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await output;
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const told = new TextDecoder().decode(stdout);
  for (
    const line of [/^Keep this secret: whsec_/m, /^Told webhooks: 1$/m, /^dlv_\w+ \w+$/m, /^404 not_found /m]
  ) {
    assertMatch(told, line);
  }
  await receiver.received(1);
});

const NODE = await succeeds(...NODE_PROBE);

Deno.test({
  name: `docs/client.md's example works on Node, compiled${NODE ? "" : " (needs Node 20 or later)"}`,
  ignore: !NODE,
  async fn() {
    await using service = await startTestService();
    await using receiver = startReceiver();
    await using folder = await temporaryFolder();
    const { path } = folder;
    const block = codeBlocks(await read("docs/client.md"), "ts").find(({ marker }) =>
      marker === "tested: client"
    );
    assert(block !== undefined);
    await Deno.mkdir(`${path}/client`);
    await Deno.writeTextFile(`${path}/example.ts`, block.code);
    for (const file of ["client/call.ts", "client/tidings.ts"]) {
      await Deno.writeTextFile(`${path}/${file}`, await read(file));
    }
    const sources = ["example.ts", "client/call.ts", "client/tidings.ts"];
    const compiled = await new Deno.Command(Deno.execPath(), {
      args: ["transpile", "--quiet", "--outdir", "js", ...sources],
      cwd: path,
    }).output();
    assertEquals(compiled.code, 0, new TextDecoder().decode(compiled.stderr));
    for (const file of sources.map((source) => `${path}/js/${source.replace(/ts$/, "js")}`)) {
      const text = await Deno.readTextFile(file);
      await Deno.writeTextFile(file, text.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
    }
    await Deno.writeTextFile(`${path}/js/package.json`, '{ "type": "module" }');
    const { code, stdout, stderr } = await new Deno.Command("node", {
      args: ["js/example.js"],
      cwd: path,
      env: { TIDINGS: service.url, KEY: ADMIN_KEY, RECEIVER: receiver.url },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertMatch(new TextDecoder().decode(stdout), /^Told webhooks: 1\n(?:.*\n)*404 not_found /m);
    await receiver.received(1);
  },
});

Deno.test("docs/configuration.md names every environment variable, and no other", async () => {
  const page = await read("docs/configuration.md");
  const named = new Set(page.matchAll(/`((?:TIDINGS_[A-Z_]+|PORT))`/g).map((match) => match[1]));
  const known = ENVIRONMENT.map(({ name }) => name).filter((name) => /^(?:TIDINGS_|PORT)/.test(name));
  assertEquals([...named].toSorted(), known.toSorted());
});

Deno.test("the documents and the gate use the stated version of Deno", async () => {
  const version = (await read(".dvmrc")).trim();
  const documents = await read("README.md") + await read("docs/self-hosting.md");
  const named = documents.matchAll(/deno@(\d+\.\d+\.\d+)/g).map((match) => match[1]).toArray();
  assert(named.length > 0);
  assertEquals(new Set(named), new Set([version]));
  assertStringIncludes(await read(".ci/run"), "deno@$version");
});

Deno.test("README names every task it tells of, and they exist", async () => {
  const { tasks } = JSON.parse(await read("deno.json")) as { tasks: Record<string, unknown> };
  const documents = await Promise.all(DOCUMENTS.map(read));
  const named = new Set(
    documents.join("\n").matchAll(/deno(?:@[\d.]+)? task ([a-z]+)/g).map((match) => match[1]),
  );
  for (const name of named) assert(name !== undefined && name in tasks, `there is no task ${name}`);
});

Deno.test("the documents' examples of events are accepted as printed", async () => {
  const examples = codeBlocks(await read("docs/api.md"), "json").map(({ code }) =>
    JSON.parse(code) as unknown
  )
    .filter((json) => typeof json === "object" && json !== null && "timestamp" in json);
  assert(examples.length > 0);
  for (const example of examples) parseEvent(example, Date.parse("2026-02-25T12:00:01Z"));
});

Deno.test("docs/api.md names every kind of event, and links in the documents lead somewhere", async () => {
  const api = await read("docs/api.md");
  for (const name of EVENT_NAMES) assertStringIncludes(api, name);
  for (const path of DOCUMENTS) {
    for (const match of (await read(path)).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      await Deno.stat(new URL(match[1] ?? "", new URL(path, ROOT)));
    }
  }
});

Deno.test("docs/formats.md shows messages as they arrive, and names every format and kind of event", async () => {
  const formats = await read("docs/formats.md");
  const examples = codeBlocks(formats, "json").filter(({ marker }) => marker?.startsWith("golden: "));
  assertEquals(examples.length, 4);
  for (const { code, marker } of examples) {
    const file = marker?.slice("golden: ".length);
    assertEquals(JSON.parse(code), JSON.parse(await read(`tests/lib/formats/golden/${file}.json`)), file);
  }
  for (const name of [...FORMATS, ...EVENT_NAMES]) assertStringIncludes(formats, `\`${name}\``);
});

Deno.test("docs/formats.md says of every published example what its message says", async () => {
  const rows = (await read("docs/formats.md")).matchAll(/^\| `(\w+)` +\| (\S.*?) +\| (\S.*?) +\|.*$/gm)
    .toArray();
  for (const [name, data] of Object.entries(EVENT_EXAMPLES)) {
    const body = encodeBody({ event: name, site_id: "example.com", timestamp: "2026-02-25T12:00:00Z", data });
    const { title, text } = summarize(body, false);
    const [, , told, line = ""] = rows.find((row) => row[1] === name) ?? [];
    assertEquals(told, title);
    assert(text.startsWith(`example.com: ${line.replace(/ …$/, "")}`), `${text} is told as ${line}`);
  }
});

Deno.test("docs/api.md names every code of an error with its status, and no other", async () => {
  const [, errors = ""] = (await read("docs/api.md")).split("\nCodes: ");
  const named = errors.matchAll(/`(\w+)`\s(\d{3})/g).map(([, code, status]) => [code, Number(status)])
    .toArray();
  assertEquals(named, Object.entries(ERROR_STATUS).map(([code, [status]]) => [code, status]));
});

Deno.test("docs/deploy.md has the platform do what deno.json's section says, on the stated file", async () => {
  const { deploy } = JSON.parse(await read("deno.json")) as {
    deploy: { install: string; runtime: { entrypoint: string } };
  };
  const create = await read("docs/deploy.md");
  assertStringIncludes(create, `--install-command "${deploy.install}"`);
  assertStringIncludes(create, `--entrypoint ${deploy.runtime.entrypoint} `);
  await Deno.stat(new URL(deploy.runtime.entrypoint, ROOT));
});

Deno.test("CONTRIBUTING.md and SECURITY.md name files that are there, and the workflow runs the gate", async () => {
  for (const path of ["CONTRIBUTING.md", "SECURITY.md"]) {
    const named = (await read(path)).matchAll(/`((?:lib|kv|routes|admin|tests|docs)\/[\w./]+)`/g);
    for (const [, file = ""] of named) await Deno.stat(new URL(file, ROOT));
  }
  const workflow = await read(".github/workflows/ci.yml");
  assertStringIncludes(workflow, "run: bash .ci/run\n");
  for (const [, action] of workflow.matchAll(/uses: (.*)/g)) assertMatch(action ?? "", /@v\d+\.\d+\.\d+$/);
});
