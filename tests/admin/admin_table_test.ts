/**
 * Tables fit the terminal, and nothing in them can act on it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { cellText, type Column, minuteOf, record, table } from "../../admin/table.ts";
import { cutText, oneLine, safeText, textWidth } from "../../admin/terminal_text.ts";

interface Row {
  readonly id: string;
  readonly name: string;
}
const ID_WIDTH = 8;
const COLUMNS: Column<Row>[] = [
  { title: "ID", cell: ({ id }) => id, whole: true },
  { title: "NAME", cell: ({ name }) => name },
  { title: "AGAIN", cell: ({ name }) => [name, name] },
];
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const ACTS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

Deno.test("table() cuts the widest columns first, with …, and never one that must be whole", () => {
  const rows = [{ id: "12345678", name: "abcdefghij" }, { id: "1", name: "x" }];
  assertEquals(
    table(rows, COLUMNS, 32),
    [
      "ID        NAME        AGAIN",
      "12345678  abcdefghij  abcdefghi…",
      "1         x           x, x",
    ].join("\n"),
  );
  assertEquals(
    table(rows, COLUMNS, 24),
    ["ID        NAME    AGAIN", "12345678  abcde…  abcde…", "1         x       x, x"].join("\n"),
  );
});

Deno.test("table() cuts nothing where there is no terminal", () => {
  const name = "n".repeat(500);
  assert(table([{ id: "1", name }], COLUMNS, null).includes(`${name}, ${name}`));
});

Deno.test("table() leaves five columns of what it cuts in a terminal that is too narrow for anything", () => {
  const [, line = ""] = table([{ id: "12345678", name: "abcdefghij" }], COLUMNS, 1).split("\n");
  assertEquals(line, "12345678  abcd…  abcd…");
});

Deno.test("table() has its titles without rows", () => {
  assertEquals(table([], COLUMNS, 80), "ID  NAME  AGAIN");
});

Deno.test("table() fits any text into any terminal, and lets none of it act on the terminal", () => {
  const id = fc.string({ maxLength: ID_WIDTH, unit: fc.constantFrom("a", "7", "_") });
  const rows = fc.array(fc.record({ id, name: fc.string({ unit: "binary", maxLength: 20 }) }), {
    maxLength: 5,
  });
  fc.assert(fc.property(rows, fc.integer({ min: ID_WIDTH + 14, max: 120 }), (rows, width) => {
    const text = table(rows, COLUMNS, width);
    assert(!ACTS.test(text));
    const lines = text.split("\n");
    assertEquals(lines.length, rows.length + 1);
    for (const line of lines) assert(textWidth(line) <= width, `${textWidth(line)} columns: ${line}`);
  }));
});

Deno.test("cutText() keeps as much of the beginning as fits", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 30 });
  fc.assert(fc.property(text, fc.integer({ min: 1, max: 40 }), (raw, width) => {
    const text = safeText(raw);
    const cut = cutText(text, width);
    assert(textWidth(cut) <= width);
    if (textWidth(text) <= width) assertEquals(cut, text);
    else assert(cut.endsWith("…") && text.startsWith(cut.slice(0, -1)));
  }));
  assertEquals(cutText("日本語のサイト", 8), "日本語…");
});

Deno.test("textWidth() counts columns of the terminal, not characters", () => {
  const table: [string, number][] = [
    ["", 0],
    ["abc", 3],
    ["bücher", 6],
    ["u\u0308", 1],
    ["例え", 4],
    ["한국", 4],
    ["ｗ", 2],
    ["🎉", 2],
    ["👩‍👩‍👧", 2],
    ["❤️", 2],
    ["\u200b", 0],
  ];
  for (const [text, width] of table) assertEquals(textWidth(text), width, JSON.stringify(text));
});

Deno.test("safeText() and oneLine() leave no way to move the cursor or to turn the text", () => {
  assertEquals(safeText("a\x1b[2Jb\u202ec\x9b"), "a\\u001b[2Jb\\u202ec\\u009b");
  assertEquals(oneLine("first line.\nsecond"), "first line");
  assertEquals(oneLine("x".repeat(600)).length, 501);
});

Deno.test("cellText() reads every kind of value of JSON", () => {
  const table: [unknown, string][] = [
    [null, "-"],
    [undefined, "-"],
    ["", "-"],
    [[], "-"],
    [0, "0"],
    [false, "false"],
    [["a", 1], "a, 1"],
    [{ a: "\x1b" }, '{"a":"\\u001b"}'],
    ["a\nb", "a\\u000ab"],
  ];
  for (const [value, text] of table) assertEquals(cellText(value), text);
});

Deno.test("minuteOf() keeps what is no moment as it is", () => {
  assertEquals([minuteOf(null), minuteOf("soon")], [null, "soon"]);
});

Deno.test("record() shows every field of one thing, however deep, and cuts nothing", () => {
  const url = `https://hooks.example.com/${"x".repeat(300)}`;
  const text = record({ url, headers: {}, filters: { goals: ["A", "B"], spike: { threshold: 3 } } });
  assertEquals(
    text,
    [
      `url                      ${url}`,
      "headers                  -",
      "filters.goals            A, B",
      "filters.spike.threshold  3",
    ].join("\n"),
  );
  assert(!ACTS.test(record({ "\x1b[2J": "\x07" })));
});
