/**
 * The house keeps its rules; and the rules, held against planted violations, find what they should and nothing else.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { LINES_MAX, LONG_FILES, ROOMS, violations, WORKSHOPS } from "./helpers/house_rules.ts";
import { importsOf } from "./helpers/source_text.ts";

const BEGIN = "/** Owns nothing.\n * @module\n */\n";

/** What a file with this code, on its fourth line, is told. */
function planted(path: string, code: string): string[] {
  return violations(path, `${BEGIN}${code}\n`);
}

Deno.test("violations() finds what a room may not import, in every form of an import", () => {
  const table: [path: string, code: string][] = [
    ["lib/retry.ts", 'import { Hono } from "hono";'],
    ["lib/retry.ts", 'import type { Context } from "hono";'],
    ["lib/retry.ts", 'import "undici";'],
    ["lib/retry.ts", 'export * from "../kv/keys.ts";'],
    ["lib/retry.ts", 'export { keys } from "../kv/keys.ts";'],
    ["lib/retry.ts", 'import {\n  a,\n  b,\n} from "../kv/keys.ts";'],
    ["lib/retry.ts", 'const keys = await import("../kv/keys.ts");'],
    ["lib/retry.ts", 'let keys: typeof import("../kv/keys.ts");'],
    ["lib/retry.ts", "import { keys } from '../kv/keys.ts'"],
    ["lib/retry.ts", 'import ip from "ipaddr.js"; // allowed in lib/outbound/'],
    ["lib/retry.ts", 'import { createHmac } from "node:crypto";'],
    ["lib/retry.ts", 'import { systemClock } from "./outbound/clock.ts";'],
    ["lib/retry.ts", 'import { watch } from "./plausible/watch.ts";'],
    ["lib/retry.ts", 'import { startService } from "../service.ts";'],
    ["lib/retry.ts", 'import manifest from "../deno.json" with { type: "json" };'],
    ["lib/retry.ts", 'import { manualClock } from "../tests/helpers/manual_clock.ts";'],
    ["lib/retry.ts", 'import secrets from "../../elsewhere/secrets.ts";'],
    ["lib/retry.ts", 'import { z } from "zodiac";'],
    ["lib/engine/lane.ts", 'import { systemClock } from "../outbound/clock.ts";'],
    ["lib/formats/slack.ts", 'import { systemClock } from "../outbound/clock.ts";'],
    ["lib/formats/slack.ts", 'import { WebClient } from "@slack/web-api";'],
    ["lib/std/assert.ts", 'import { retryDelay } from "../retry.ts";'],
    ["lib/std/assert.ts", 'import { z } from "zod";'],
    ["lib/outbound/clock.ts", 'import { keys } from "../../kv/keys.ts";'],
    ["lib/outbound/clock.ts", 'import { Hono } from "hono";'],
    ["lib/plausible/client.ts", 'import { Agent } from "undici";'],
    ["kv/keys.ts", 'import { app } from "../routes/app.ts";'],
    ["kv/keys.ts", 'import { systemClock } from "../lib/outbound/clock.ts";'],
    ["kv/keys.ts", 'import { Hono } from "hono";'],
    ["routes/events.ts", 'import { keys } from "../kv/keys.ts";'],
    ["routes/events.ts", 'import { createPinnedSender } from "../lib/outbound/pinned_sender.ts";'],
    ["routes/events.ts", 'import { run } from "../admin/run.ts";'],
    ["admin/webhooks.ts", 'import { createStore } from "../kv/store.ts";'],
    ["admin/webhooks.ts", 'import { app } from "../routes/app.ts";'],
    ["admin/webhooks.ts", 'import { main } from "./main.ts";'],
  ];
  for (const [path, code] of table) {
    const [fault, ...others] = planted(path, code);
    assertMatch(
      fault ?? "",
      /^[a-z/_]+\.ts:[47] imports "[^"]+", which [a-z/]+ may not$/,
      `${path}: ${code}`,
    );
    assertEquals(others, []);
  }
});

Deno.test("violations() finds an import whose target only running it would tell", () => {
  for (const code of ["await import(name);", "await import(`./${name}.ts`);", 'await import("./" + name);']) {
    const found = planted("lib/retry.ts", code);
    assertEquals(found.length, 1, code);
  }
});

Deno.test("violations() finds packages from anywhere but the import map, in the workshops and in main.ts as well", () => {
  const specifiers = [
    "jsr:@std/assert@1",
    "https://deno.land/x/mod.ts",
    "http://example.com/x.ts",
    "npm:zod@4",
    "data:,",
  ];
  for (
    const path of ["lib/retry.ts", "main.ts", "admin/main.ts", "tests/lib/retry_test.ts", "bench/load.ts"]
  ) {
    for (const specifier of specifiers) {
      assertEquals(planted(path, `import "${specifier}";`).length, 1, `${path}, ${specifier}`);
      assertEquals(planted(path, `await import("${specifier}");`).length, 1, `${path}, ${specifier}`);
    }
  }
});

Deno.test("violations() lets every room import what is its own", () => {
  const table: [path: string, ...specifiers: string[]][] = [
    [
      "lib/retry.ts",
      "./limits.ts",
      "./privacy/personal_data.ts",
      "./engine/lane.ts",
      "zod",
      "zod/mini",
      "@std/assert",
    ],
    ["lib/engine/lane.ts", "../limits.ts", "./pump.ts", "@std/crypto"],
    ["lib/formats/slack.ts", "../event.ts", "./clip.ts", "zod"],
    ["lib/std/assert.ts", "./equal.ts", "node:assert/strict"],
    [
      "lib/outbound/ids.ts",
      "../ports.ts",
      "./clock.ts",
      "ulid",
      "undici",
      "ipaddr.js",
      "node:net",
      "@std/assert",
    ],
    ["lib/plausible/client.ts", "../ports.ts", "./watch.ts", "zod"],
    ["kv/store.ts", "../lib/store.ts", "./keys.ts", "@std/assert", "zod"],
    [
      "routes/app.ts",
      "../lib/accept.ts",
      "./events.ts",
      "hono",
      "hono/cors",
      "@hono/zod-openapi",
      "hono-openapi",
      "zod",
    ],
    ["admin/webhooks.ts", "../lib/store.ts", "./table.ts", "commander"],
    [
      "admin/main.ts",
      "../kv/open.ts",
      "../lib/outbound/clock.ts",
      "./webhooks.ts",
      "commander",
      "../service.ts",
    ],
    ["main.ts", "./kv/open.ts", "./routes/app.ts", "./deno.json", "hono", "node:process"],
    [
      "tests/kv/store_test.ts",
      "../../kv/store.ts",
      "fast-check",
      "node:buffer",
      "../../lib/outbound/clock.ts",
    ],
    ["bench/load.ts", "../kv/store.ts", "undici"],
  ];
  for (const [path, ...specifiers] of table) {
    for (const specifier of specifiers) assertEquals(planted(path, `import "${specifier}";`), []);
  }
});

Deno.test("violations() finds the world in the domain", () => {
  const uses = [
    'Deno.readTextFile("x");',
    "const { env } = Deno;",
    'await fetch("https://example.com");',
    "fetch (url);",
    "Date.now();",
    "const now = Date.now;",
    "Date . now();",
    "new Date();",
    "new Date ( );",
    "new Date(/* now */);",
    "const at = new Date;",
    "const text = Date();",
    "performance.now();",
    "Math.random();",
    "const { random } = { random: Math.random };",
    "crypto.randomUUID();",
    "crypto.getRandomValues(bytes);",
    "setTimeout(run, 5);",
    "setInterval(run, 5);",
    "const later = setTimeout;",
    "AbortSignal.timeout(5);",
    'console.log("x");',
    "process.exit(1);",
    "globalThis.fetch(url);",
    'globalThis["fetch"](url);',
    "const text = `at ${Date.now()}`;",
    "const text = `a ${`b ${Math.random()}`} c`;",
    "const half = total / 2; Date.now(); const third = total / 3;",
  ];
  for (const code of uses) {
    for (const path of ["lib/retry.ts", "lib/engine/lane.ts", "lib/std/assert.ts"]) {
      const found = planted(path, code);
      assertGreater(found.length, 0, code);
      assert(found.every((fault) => fault.startsWith(`${path}:4 uses `)), found.join("\n"));
    }
    for (
      const path of ["lib/outbound/clock.ts", "lib/plausible/client.ts", "kv/store.ts", "tests/x_test.ts"]
    ) {
      assertEquals(planted(path, code), [], path);
    }
  }
});

Deno.test("violations() is not deceived by comments, strings, templates, regular expressions and look-alikes", () => {
  const innocent = [
    "// Deno.env, fetch(url), Date.now()",
    "/* console.log(new Date()) */",
    'const text = "Date.now() and https://example.com";',
    "const text = 'it\\'s // Deno.env';",
    "const text = `Deno.env ${name} Math.random() \\` fetch(x)`;",
    "const pattern = /Deno\\.env|[/\"'`]fetch\\(/;",
    'if (/["\']/.test(text)) return; // "Deno.env"',
    'const quarter = (a + b) / 4; const text = "fetch(x)"; const eighth = a / 8;',
    "new Date(at).toISOString(); new Date (at); new Date(\n  at,\n); new Date(Date.parse(text));",
    "const days = Date.UTC(2026, 1, 1);",
    "sender.fetch(url); app.console.log(x); clock.setTimeout(run); site.performance; this.process.run();",
    "const fetched = prefetch(url); const isDeno = DenoLike; const consoles = 1;",
    'const type = { import: "hono", from: "undici" };',
    '// import { Hono } from "hono";',
    'const example = `\nimport { Hono } from "hono";\n`;',
    'Array.from("hono"); queue.import("hono"); Uint8Array.from ("x");',
    "crypto.subtle.sign(name, key, bytes);",
  ];
  for (const code of innocent) assertEquals(planted("lib/retry.ts", code), [], code);
});

Deno.test("violations() keeps listenQueue, openKv and the environment at their places", () => {
  const table: [code: string, allowed: string[], refused: string[]][] = [
    ["void db.listenQueue(run);", ["kv/alarm.ts", "kv/alarm_queue.ts", "tests/kv/alarm_test.ts"], [
      "kv/store.ts",
      "main.ts",
      "service.ts",
      "admin/main.ts",
      "kv/not_alarm.ts",
    ]],
    ["await Deno.openKv(path);", [
      "kv/open.ts",
      "main.ts",
      "admin/main.ts",
      "tests/x_test.ts",
      "bench/load.ts",
    ], [
      "kv/store.ts",
      "routes/app.ts",
      "admin/backup.ts",
    ]],
    ['Deno.env.get("PORT");', ["main.ts", "admin/main.ts", "admin/doctor.ts", "tests/x_test.ts"], [
      "service.ts",
      "kv/open.ts",
      "routes/app.ts",
      "lib/outbound/log.ts",
    ]],
  ];
  for (const [code, allowed, refused] of table) {
    for (const path of allowed) assertEquals(planted(path, code), [], path);
    for (const path of refused) assertEquals(planted(path, code).length, 1, path);
  }
});

Deno.test("violations() wants a module comment at the beginning of every file", () => {
  const comment = "does not begin with a module comment";
  const missing = [
    "",
    "const a = 1;\n",
    "// @module\n",
    "/* @module */\n",
    "/** Owns nothing. */\n/** @module */\n",
    `\n${BEGIN}`,
  ];
  for (const path of ["lib/retry.ts", "main.ts", "tests/lib/retry_test.ts", "bench/load.ts"]) {
    for (const source of missing) {
      assertEquals(violations(path, source).filter((fault) => fault.includes(comment)).length, 1, source);
    }
    assertEquals(violations(path, `#!/usr/bin/env -S deno run\n${BEGIN}`), []);
  }
});

Deno.test("violations() wants names that say something, in snake_case, in a room of the house", () => {
  for (const name of ["utils", "helpers", "types", "common"]) {
    for (const path of [`lib/${name}.ts`, `kv/${name}.ts`, `lib/${name}/retry.ts`, `admin/${name}.ts`]) {
      assertEquals(planted(path, "").length, 1, path);
    }
    assertEquals(planted(`tests/helpers/${name}.ts`, ""), []);
  }
  for (
    const path of ["lib/RetryDelay.ts", "lib/retry-delay.ts", "lib/retry.test.ts", "tests/Retry_test.ts"]
  ) {
    assertEquals(planted(path, "").length, 1, path);
  }
  for (const path of ["other.ts", "src/retry.ts", "library/retry.ts"]) {
    assertEquals(planted(path, "").length, 1, path);
  }
  assertEquals(planted("lib/event_types.ts", ""), []);
});

Deno.test("violations() wants files of at most 300 lines, but for the few that say why not, and the workshops", () => {
  const advice = "split it, or say in LONG_FILES why it is better in one piece";
  const lines = (count: number): string => BEGIN + "//\n".repeat(count - 3);
  assertEquals(violations("lib/retry.ts", lines(300)), []);
  assertEquals(violations("lib/retry.ts", lines(301)), [`lib/retry.ts has 301 lines: ${advice}`]);
  assertEquals(violations("main.ts", lines(301)), [`main.ts has 301 lines: ${advice}`]);
  for (const path of [...Object.keys(LONG_FILES), "tests/x_test.ts"]) {
    assertEquals(violations(path, lines(301)), []);
  }
});

const ROOT = new URL("../", import.meta.url);

async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(new URL(`./${folder}`, ROOT))) {
    if (isDirectory) files.push(...await filesIn(`${folder}${name}/`));
    if (isFile && name.endsWith(".ts")) files.push(folder + name);
  }
  return files.sort();
}

/** Every TypeScript file of the project: what is in its rooms and workshops, and what lies at its root. */
async function filesOfProject(): Promise<string[]> {
  const folders = new Set(
    [...ROOMS.map(({ folder }) => folder), ...WORKSHOPS].map((path) => path.replace(/\/.*/, "/")),
  );
  const files = (await Promise.all([...folders].map(filesIn))).flat();
  for await (const { name, isFile } of Deno.readDir(ROOT)) {
    if (isFile && name.endsWith(".ts")) files.push(name);
  }
  return files;
}

function textOf(path: string): Promise<string> {
  return Deno.readTextFile(new URL(`./${path}`, ROOT));
}

Deno.test("the house keeps its rules", async () => {
  const files = await filesOfProject();
  const found = await Promise.all(files.map(async (path) => violations(path, await textOf(path))));
  assertEquals(found.flat(), []);
});

Deno.test("the files that may be long are there and are long", async () => {
  for (const path of Object.keys(LONG_FILES)) {
    assertGreater((await textOf(path)).split("\n").length, LINES_MAX, path);
  }
});

/** What Deno itself finds in the files of the project: the specifiers of each. */
async function specifiersByDeno(files: readonly string[]): Promise<Map<string, string[]>> {
  const folder = await Deno.makeTempDir();
  try {
    const imports = files.map((path) => `import ${JSON.stringify(new URL(`./${path}`, ROOT).href)};`);
    await Deno.writeTextFile(`${folder}/all.ts`, imports.join("\n"));
    const config = new URL("./deno.json", ROOT).pathname;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", "--config", config, `${folder}/all.ts`],
      stderr: "null",
    }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
      modules: { specifier: string; dependencies?: { specifier: string }[] }[];
    };
    return new Map(modules.map(({ specifier, dependencies = [] }) => [
      specifier.startsWith(ROOT.href) ? specifier.slice(ROOT.href.length) : specifier,
      dependencies.map((dependency) => dependency.specifier).sort(),
    ]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("importsOf() finds in every file of the project what Deno itself finds", async () => {
  const files = await filesOfProject();
  const byDeno = await specifiersByDeno(files);
  for (const path of files) {
    const specifiers = importsOf(await textOf(path)).flatMap(({ specifier }) => specifier ?? []);
    assertEquals([...new Set(specifiers)].sort(), byDeno.get(path), path);
  }
});

/** What is loaded before the service listens: everything that is imported, but for what is imported in the course of it. */
async function loadedAtStart(): Promise<Set<string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL("./main.ts", ROOT).pathname],
    cwd: ROOT,
    stderr: "null",
  }).output();
  const { roots, modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    roots: string[];
    modules: {
      specifier: string;
      dependencies?: { specifier: string; code?: { specifier?: string }; isDynamic?: boolean }[];
    }[];
  };
  const by_specifier = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const waiting = [...roots];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (loaded.has(next)) continue;
    loaded.add(next);
    for (const { code, isDynamic = false } of by_specifier.get(next)?.dependencies ?? []) {
      if (!isDynamic && code?.specifier !== undefined) waiting.push(code.specifier);
    }
  }
  return loaded;
}

Deno.test("the service loads at its start nothing large that it may never use", async () => {
  const loaded = [...await loadedAtStart()];
  const large = /undici|opentelemetry|node:(?:net|tls)|openapi|docs|text_width/;
  assertEquals(loaded.filter((specifier) => large.test(specifier)), []);
  assert(loaded.some((specifier) => specifier.endsWith("/routes/app.ts")));
  assert(loaded.some((specifier) => specifier.includes("hono")));
});
