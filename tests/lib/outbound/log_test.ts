/**
 * The log: its two forms, its levels, what it hides, and that nothing on the other end of stdout stops it.
 *
 * Owns the tests of `lib/outbound/log.ts`.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { createLog, type LogOptions } from "../../../lib/outbound/log.ts";
import type { Log, LogFields, LogLevel } from "../../../lib/ports.ts";

const AT = Date.UTC(2026, 1, 25, 12);
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Text of any UTF-16 units, halves of characters and control characters among them. */
const ANY_TEXT = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
});

/** What a log writes while `use` uses it. */
function linesOf(options: Partial<LogOptions>, use: (log: Log) => void): string[] {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  use(createLog({ level: "info", format: "json", color: false, now: () => AT, write, ...options }));
  return lines;
}

function jsonLine(message: string, fields?: LogFields): string {
  return linesOf({}, (log) => log.info(message, fields)).join("");
}

function prettyLine(message: string, fields?: LogFields): string {
  return linesOf({ format: "pretty" }, (log) => log.warn(message, fields)).join("");
}

Deno.test("createLog() writes level, time and message first, then the fields as they come", () => {
  assertEquals(
    jsonLine("listening", { url: "http://127.0.0.1:8080", port: 8080, secure: false, by: null }),
    '{"level":"info","at":"2026-02-25T12:00:00.000Z","message":"listening","url":"http://127.0.0.1:8080","port":8080,' +
      '"secure":false,"by":null}\n',
  );
});

Deno.test("createLog() leaves undefined fields out", () => {
  assertEquals(
    jsonLine("a", { one: undefined, two: 2 }),
    '{"level":"info","at":"2026-02-25T12:00:00.000Z","message":"a","two":2}\n',
  );
});

Deno.test("createLog() lets no field take the place of level, time or message", () => {
  assertEquals(
    jsonLine("a", { message: "b", at: 1, level: "error" }),
    '{"level":"info","at":"2026-02-25T12:00:00.000Z","message":"a","_message":"b","_at":1,"_level":"error"}\n',
  );
});

Deno.test("createLog() writes the level asked for and above, and always that it listens", () => {
  for (const [index, level] of LEVELS.entries()) {
    const lines = linesOf({ level }, (log) => {
      for (const each of LEVELS) log[each]("happened");
      log.info("listening");
    });
    const levels = lines.map((line) => JSON.parse(line)).map((line) => [line.level, line.message]);
    assertEquals(levels, [...LEVELS.slice(index).map((each) => [each, "happened"]), ["info", "listening"]]);
  }
});

Deno.test("createLog() writes exactly one line of JSON, whatever the fields hold", () => {
  const value = fc.oneof(
    ANY_TEXT,
    fc.double(),
    fc.boolean(),
    fc.constantFrom(null, undefined),
  );
  fc.assert(
    fc.property(ANY_TEXT, fc.dictionary(ANY_TEXT, value), (message, fields) => {
      const line = jsonLine(message, fields);
      assertEquals(line.indexOf("\n"), line.length - 1);
      assertEquals(JSON.parse(line).level, "info");
    }),
  );
});

Deno.test("createLog() writes exactly one pretty line, and nothing in it that a terminal obeys", () => {
  const text = fc.oneof(
    ANY_TEXT,
    fc.constantFrom("\x1b[2J", "\x9b31m", "\r\n", "\u202egpj.exe"),
  );
  fc.assert(fc.property(text, text, (message, value) => {
    const line = prettyLine(message, { value, [value]: message });
    assertEquals(line.indexOf("\n"), line.length - 1);
    assertFalse(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u.test(line.slice(0, -1)), JSON.stringify(line));
  }));
});

Deno.test("createLog() writes pretty lines for people", () => {
  assertEquals(
    prettyLine("delivery.attempted", {
      url: "http://127.0.0.1:8080",
      attempt: 2,
      error: null,
      note: undefined,
    }),
    "12:00:00.000 warn  delivery.attempted url=http://127.0.0.1:8080 attempt=2 error=null\n",
  );
  assertEquals(
    prettyLine("a", { why: 'it is "so"', empty: "", line: "1\n2", sum: "1=1" }),
    '12:00:00.000 warn  a why="it is \\"so\\"" empty="" line="1\\n2" sum="1=1"\n',
  );
});

Deno.test("createLog() colours a pretty line where it may, and JSON never", () => {
  const lines: string[] = [];
  const log = (options: Partial<LogOptions>): string =>
    linesOf(options, (log) => log.error("a", { b: "c" })).join("");
  assertEquals(
    log({ format: "pretty", color: true }),
    "\x1b[2m12:00:00.000\x1b[0m \x1b[31merror\x1b[0m a \x1b[2mb=\x1b[0mc\n",
  );
  const bySystem = createLog({
    level: "info",
    format: "pretty",
    now: () => AT,
    write: (line) => lines.push(line),
  });
  bySystem.info("a");
  assertEquals(lines.join("").includes("\x1b"), !Deno.noColor);
  assertFalse(log({ format: "pretty", color: false }).includes("\x1b"));
  assertFalse(log({ format: "json", color: true }).includes("\x1b"));
});

const SECRETS = [
  "tdk_01ABC_s3cr3t",
  "whsec_C2FtcGxlIHNlY3JldA==",
  "Authorization: Bearer tdk_a_b",
  '{"secret":"whsec_+/x"}',
  "https://hooks.example.com/?key=tdk_Z",
];

Deno.test("createLog() replaces every text in which there is a secret, in both forms", () => {
  for (const secret of SECRETS) {
    for (const line of [jsonLine(secret, { text: secret }), prettyLine(secret, { text: secret })]) {
      assertFalse(/tdk_|whsec_/.test(line), line);
      assertEquals(line.split("[secret]").length, 3, line);
    }
  }
});

Deno.test("createLog() leaves a text alone that only speaks of secrets", () => {
  for (const text of ["a key begins with tdk_", "must be whsec_ + base64", "tdk", "wh_01ABC"]) {
    assertEquals(JSON.parse(jsonLine("a", { text })).text, text);
  }
});

Deno.test("createLog() replaces any key or secret that could be made", () => {
  const secret = fc.oneof(
    fc.tuple(fc.stringMatching(/^[A-Za-z0-9]+$/), fc.stringMatching(/^[A-Za-z0-9]+$/)).map(([a, b]) =>
      `tdk_${a}_${b}`
    ),
    fc.uint8Array({ minLength: 24, maxLength: 64 }).map((bytes) =>
      `whsec_${btoa(String.fromCharCode(...bytes))}`
    ),
  );
  fc.assert(fc.property(secret, fc.string(), fc.string(), (value, before, after) => {
    assertEquals(JSON.parse(jsonLine("a", { text: before + value + after })).text, "[secret]");
  }));
});

Deno.test("createLog() writes a line even when the clock shows no time", () => {
  const lines = linesOf({ now: () => NaN }, (log) => log.info("a"));
  assertEquals(lines, ['{"level":"info","at":"1970-01-01T00:00:00.000Z","message":"a"}\n']);
});

Deno.test("createLog() survives a reader that is too slow, and says how many lines were lost", () => {
  const written: string[] = [];
  let full = true;
  const write = (line: string): void => {
    if (full) throw new Deno.errors.WouldBlock("full");
    written.push(line);
  };
  const log = createLog({ level: "info", format: "json", now: () => AT, write });
  log.info("one");
  log.info("two");
  full = false;
  log.info("three");
  log.info("four");
  const [blank, ...lines] = written.join("").split("\n");
  assertEquals(blank, ""); // ends a line that was written in part
  assertEquals(
    lines.slice(0, -1).map((line) => JSON.parse(line)).map(({ message, lines }) => [message, lines]),
    [
      ["log.lines_lost", 2],
      ["three", undefined],
      ["four", undefined],
    ],
  );
});

Deno.test("createLog() stops writing when its reader has gone", () => {
  let writes = 0;
  const write = (): void => {
    writes++;
    throw new Deno.errors.BrokenPipe("gone");
  };
  const log = createLog({ level: "info", format: "json", now: () => AT, write });
  for (let line = 0; line < 3; line++) log.error("a");
  assertEquals(writes, 1);
});

/** A program that logs `count` lines to stdout, and says on stderr that it came to its end. */
function startLogger(count: number): Deno.ChildProcess {
  const module = JSON.stringify(import.meta.resolve("../../../lib/outbound/log.ts"));
  const code = `import { createLog } from ${module};
    const log = createLog({ level: "info", format: "json", now: () => 0 });
    for (let number = 0; number < ${count}; number++) log.info("line", { number });
    console.error("came to its end");
    Deno.exit(3);`;
  const config = fileURLToPath(import.meta.resolve("../../../deno.json"));
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--no-lock", `--config=${config}`, code],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("createLog() has written every line when the process exits", async () => {
  const { code, stdout } = await startLogger(5000).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assertEquals(code, 3);
  assertEquals(
    lines.map((line) => JSON.parse(line).number),
    Array.from({ length: 5000 }, (_, number) => number),
  );
});

Deno.test("createLog() does not stop a process whose stdout is closed", async () => {
  const process = startLogger(5000);
  const reader = process.stdout.getReader();
  assertMatch(new TextDecoder().decode((await reader.read()).value), /^\{"level":"info"/);
  await reader.cancel();
  const stderr = await new Response(process.stderr).text();
  assertStringIncludes(stderr, "came to its end");
  assertFalse(stderr.includes("error"), stderr);
  const { code } = await process.status;
  assert(code === 3);
});
