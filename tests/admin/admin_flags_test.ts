/**
 * From the command line to bodies, connections and times, and back from a refused field to its flag.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connectionOf, readKey } from "../../admin/connection.ts";
import { WrongUse } from "../../admin/failure.ts";
import {
  bodyOf,
  count,
  each,
  type FieldFlag,
  flagFor,
  flagName,
  type FlagReader,
  headers,
  json,
  list,
  moment,
  momentBefore,
  number,
  numberOrNone,
  oneOf,
  resets,
  text,
  trueOrFalse,
} from "../../admin/field_flags.ts";
import { parseBody } from "../../admin/json_body.ts";
import { WEBHOOK_FLAGS } from "../../admin/webhook_flags.ts";
import { INPUT } from "../../lib/limits.ts";
import { parseSettings } from "../../lib/webhook_settings.ts";

const NOW = Date.UTC(2026, 1, 25, 12);

function flag(name: string, path: string[], read: FlagReader, required = false): FieldFlag {
  return { flag: `--${name} <x>`, path, summary: `the ${name}`, read, required };
}

/** What was given, by the names of flags. */
function given(texts: Record<string, string[]>): (flag: FieldFlag) => readonly string[] | undefined {
  return (flag) => texts[flagName(flag)];
}

function linesOf(run: () => unknown): readonly string[] {
  return assertThrows(run, WrongUse).lines;
}

Deno.test("bodyOf() nests fields by their paths and leaves out what was not given", () => {
  const flags = [
    flag("url", ["url"], text),
    flag("goal", ["filters", "goals"], each),
    flag("threshold", ["filters", "visitor_spike", "threshold"], number),
    flag("readings", ["filters", "visitor_spike", "readings"], number),
    flag("name", ["name"], text),
  ];
  const texts = {
    "--url": ["https://a.example"],
    "--goal": ["A", "B, C"],
    "--threshold": ["5"],
    "--readings": ["2"],
  };
  assertEquals(bodyOf(flags, given(texts), NOW), {
    url: "https://a.example",
    filters: { goals: ["A", "B, C"], visitor_spike: { threshold: 5, readings: 2 } },
  });
  assertEquals(bodyOf(flags, given({}), NOW), {});
});

Deno.test("bodyOf() says everything that is missing or can't be read at once, and no value of it", () => {
  const flags = [
    flag("url", ["url"], text, true),
    flag("retries", ["retries"], number),
    flag("header", ["headers"], headers),
    flag("name", ["name"], text),
  ];
  const texts = {
    "--retries": ["my-secret"],
    "--header": ["my-secret"],
    "--name": ["my-secret", "my-secret"],
  };
  assertEquals(linesOf(() => bodyOf(flags, given(texts), NOW)), [
    "--url must be given: the url",
    "--retries must be a number",
    '--header must have the form "Name: value"',
    "--name must be given only once",
  ]);
});

Deno.test("readers of flags take what they say and nothing else", () => {
  const table: [name: string, read: FlagReader, texts: string[], value: unknown][] = [
    ["text", text, ["a,b "], "a,b "],
    ["text", text, [""], ""],
    ["each", each, ["a,b", ""], ["a,b", ""]],
    ["list", list, ["a, b,,", "c"], ["a", "b", "c"]],
    ["list", list, [""], []],
    ["number", number, ["-1.5"], -1.5],
    ["number", number, ["010"], 10],
    ["numberOrNone", numberOrNone, ["none"], null],
    ["numberOrNone", numberOrNone, ["0"], 0],
    ["count", count, ["1"], 1],
    ["count", count, ["100000000"], 100_000_000],
    ["json", json, ['{"a": [1]}'], { a: [1] }],
    ["json", json, ["null"], null],
    ["trueOrFalse", trueOrFalse, ["true"], true],
    ["trueOrFalse", trueOrFalse, ["false"], false],
    ["oneOf", oneOf(["a", "b"]), ["b"], "b"],
    ["headers", headers, ["X-A: b: c", "Authorization:Bearer x"], {
      "X-A": "b: c",
      Authorization: "Bearer x",
    }],
    ["headers", headers, ["X-A:"], { "X-A": "" }],
  ];
  for (const [name, read, texts, value] of table) {
    assertEquals(read(texts, NOW), { value }, `${name} ${texts}`);
  }
  const refused: [name: string, read: FlagReader, texts: string[]][] = [
    ...["", " ", "1e3", "0x10", "Infinity", "NaN", "none", "1.", ".5", "1 000"].map((
      word,
    ): [string, FlagReader, string[]] => ["number", number, [word]]),
    ...["0", "01", "-1", "1.5", "", "all"].map((
      word,
    ): [string, FlagReader, string[]] => ["count", count, [word]]),
    ["json", json, ["{a: 1}"]],
    ["json", json, [""]],
    ["json", json, ["1", "2"]],
    ["resets", resets, [""]],
    ["resets", resets, ["headers."]],
    ["resets", resets, ["filters..goals"]],
    ["momentBefore", momentBefore, ["12"]],
    ["numberOrNone", numberOrNone, ["null"]],
    ["numberOrNone", numberOrNone, ["1", "2"]],
    ["trueOrFalse", trueOrFalse, ["yes"]],
    ["oneOf", oneOf(["a", "b"]), ["A"]],
    ["headers", headers, ["no colon"]],
    ["headers", headers, [": value"]],
    ["headers", headers, ["X-A: 1", "X-A: 2"]],
  ];
  for (const [name, read, texts] of refused) {
    assertEquals(Object.keys(read(texts, NOW)), ["problem"], `${name} ${texts}`);
  }
});

Deno.test("moment() reads dates, moments and spans from now", () => {
  const table: [string, string | null][] = [
    ["2027-01-31", "2027-01-31T00:00:00Z"],
    ["2027-01-31T12:00:00+02:00", "2027-01-31T12:00:00+02:00"],
    ["2027-01-31T12:00:00.5Z", "2027-01-31T12:00:00.5Z"],
    ["12h", "2026-02-26T00:00:00.000Z"],
    ["90d", "2026-05-26T12:00:00.000Z"],
    ["99999d", "2299-12-10T12:00:00.000Z"],
    ["999999d", null],
    ["-1d", null],
    ["1w", null],
    ["2027-01-31T12:00:00", null],
    ["tomorrow", null],
    ["", null],
  ];
  for (const [word, value] of table) {
    const read = moment([word], NOW);
    assertEquals("value" in read ? read.value : null, value, word);
  }
});

Deno.test("momentBefore() reads spans back from now", () => {
  assertEquals(momentBefore(["12h"], NOW), { value: "2026-02-25T00:00:00.000Z" });
  assertEquals(momentBefore(["1d"], NOW), { value: "2026-02-24T12:00:00.000Z" });
  assertEquals(momentBefore(["2026-01-31"], NOW), { value: "2026-01-31T00:00:00Z" });
});

Deno.test("resets() reads paths, and the name of a header as one word", () => {
  const texts = ["name", "filters.visitor_spike.threshold", "headers.X-a.b"];
  const nulls = [["name"], ["filters", "visitor_spike", "threshold"], ["headers", "X-a.b"]];
  assertEquals(resets(texts), { nulls });
});

Deno.test("flagFor() finds the flag of a field and of what is inside it, and of no neighbour", () => {
  const table: [string, string | null][] = [
    ["/url", "--url"],
    ["/events/0", "--events"],
    ["/headers/X-Team", "--header at /X-Team"],
    ["/filters/visitor_spike/threshold", "--spike-threshold"],
    ["/filters/visitor_spike", null],
    ["/filters", null],
    ["/urls", null],
    ["", null],
  ];
  for (const [pointer, name] of table) assertEquals(flagFor(WEBHOOK_FLAGS, pointer), name, pointer);
});

/** The JSON pointers of all leaves; what a filter or the headers hold is a leaf. */
function leaves(value: unknown, path: string): string[] {
  const nested = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!nested || path === "/headers") return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}/${key}`));
}

Deno.test("webhooks have a flag for every field that can be set, and none for any other", () => {
  const settings = parseSettings({ url: "https://a.example", events: ["visitor_drop"] }, {
    timeout_ms: 10_000,
  });
  const paths = WEBHOOK_FLAGS.map(({ path }) => `/${path.join("/")}`);
  assertEquals(paths.toSorted(), leaves(settings, "").toSorted());
  assertEquals(new Set(WEBHOOK_FLAGS.map(flagName)).size, WEBHOOK_FLAGS.length);
});

const NONE = { url: undefined, key: undefined };
const SERVICE = { url: "http://127.0.0.1:8080", key: "k" };

Deno.test("connectionOf() takes the flags after the verb before those in front of the noun", () => {
  assertEquals(connectionOf(NONE, NONE, { url_is_field: false }), null);
  assertEquals(connectionOf(SERVICE, NONE, { url_is_field: true }), SERVICE);
  assertEquals(connectionOf(NONE, SERVICE, { url_is_field: false }), SERVICE);
  assertEquals(connectionOf(SERVICE, { url: "http://b", key: "l" }, { url_is_field: false }), {
    url: "http://b",
    key: "l",
  });
  assertEquals(connectionOf(SERVICE, { url: undefined, key: "l" }, { url_is_field: true }), {
    ...SERVICE,
    key: "l",
  });
});

Deno.test("connectionOf() refuses one flag without the other, and says where --url stands if it is a field", () => {
  const url = { url: "http://b", key: undefined };
  const key = { url: undefined, key: "k" };
  for (const [common, own] of [[url, NONE], [NONE, url]] as const) {
    assertThrows(() => connectionOf(common, own, { url_is_field: false }), WrongUse, "--url needs --key");
  }
  assertThrows(() => connectionOf(NONE, key, { url_is_field: false }), WrongUse, "--key needs --url");
  assertThrows(() => connectionOf(NONE, key, { url_is_field: true }), WrongUse, "the service's stands first");
});

Deno.test("connectionOf() takes http(s) URLs with a path, and no credentials, queries and fragments", () => {
  const table: [string, string | null][] = [
    ["https://tidings.example.com", "https://tidings.example.com"],
    ["http://[::1]:8080/", "http://[::1]:8080"],
    ["https://example.com/tidings//", "https://example.com/tidings"],
    ["localhost:8080", null],
    ["127.0.0.1:8080", null],
    ["ftp://example.com", null],
    ["https://user@example.com", null],
    ["https://:secret@example.com", null],
    ["https://example.com/?a=b", null],
    ["https://example.com/#a", null],
    ["", null],
  ];
  for (const [url, expected] of table) {
    const connect = () => connectionOf({ url, key: "k" }, NONE, { url_is_field: false })?.url;
    if (expected === null) assertEquals(linesOf(connect).length, 1, url);
    else assertEquals(connect(), expected);
  }
});

Deno.test("readKey() reads - from stdin, and refuses what no header can hold without showing it", async () => {
  assertEquals(await readKey("-", () => Promise.resolve("tdk_a_b\n")), "tdk_a_b");
  assertEquals(await readKey("tdk_a_b", () => Promise.reject(new Error("stdin is not read"))), "tdk_a_b");
  for (const bad of ["", "secret\nkey", "secret key", "secrét"]) {
    const error = await assertRejects(() => readKey("-", () => Promise.resolve(bad)), WrongUse);
    assertEquals([error.message, ...error.lines].join(" ").includes("secr"), false);
  }
});

Deno.test("parseBody() reads JSON, with a byte order mark too, and quotes nothing of what is none", () => {
  assertEquals(parseBody('\ufeff{"a": [1]}', "hook.json"), { a: [1] });
  const error = assertThrows(() => parseBody('{"secret": "my-secret"', "hook.json"), WrongUse);
  assertEquals(error.message, "use hook.json: it must be JSON");
  const long = `"${"é".repeat(INPUT.body_bytes_max / 2)}"`;
  assertThrows(() => parseBody(long, "stdin"), WrongUse, `at most ${INPUT.body_bytes_max} bytes`);
});
