/**
 * Tables fit the terminal, and nothing in them can act on it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { cellText, type Column, minuteOf, record, table } from "../../admin/table.ts";
import { run, words } from "./fake_world.ts";
import { oneLine, safeText } from "../../admin/terminal_text.ts";
import { cutText, textWidth } from "../../admin/text_width.ts";

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
  const rows = [{ id: "12345678", name: "abcdefghijklmn" }, { id: "1", name: "x" }];
  assertEquals(
    table(rows, COLUMNS, 42),
    [
      "ID        NAME            AGAIN",
      "12345678  abcdefghijklmn  abcdefghijklmn,…",
      "1         x               x, x",
    ].join("\n"),
  );
  assertEquals(
    table(rows, COLUMNS, 36),
    [
      "ID        NAME          AGAIN",
      "12345678  abcdefghijk…  abcdefghijk…",
      "1         x             x, x",
    ].join("\n"),
  );
});

Deno.test("table() goes on below, indented, where a row would be cut to nothing", () => {
  const rows = [{ id: "12345678", name: "abcdefghijklmn" }, { id: "1", name: "x" }];
  assertEquals(
    table(rows, COLUMNS, 35),
    [
      "ID        NAME",
      "    AGAIN",
      "12345678  abcdefghijklmn",
      "    abcdefghijklmn, abcdefghijklmn",
      "1         x",
      "    x, x",
    ].join("\n"),
  );
  assertEquals(table(rows.slice(1), COLUMNS, 6), "ID\n    NAME\n    AGAIN\n1\n    x\n    x, x");
});

Deno.test("table() cuts nothing where there is no terminal", () => {
  const name = "n".repeat(500);
  assert(table([{ id: "1", name }], COLUMNS, null).includes(`${name}, ${name}`));
});

Deno.test("table() cuts no id, and leaves twelve columns of the rest, in a terminal too narrow for anything", () => {
  const lines = table([{ id: "12345678", name: "abcdefghijklmn" }], COLUMNS, 1).split("\n");
  assertEquals(lines.slice(3), ["12345678", "    abcdefghijk…", "    abcdefghijk…"]);
});

Deno.test("table() has its titles without rows", () => {
  assertEquals(table([], COLUMNS, 80), "ID  NAME  AGAIN");
});

Deno.test("table() fits any text into any terminal, and lets none of it act on the terminal", () => {
  const id = fc.string({ maxLength: ID_WIDTH, unit: fc.constantFrom("a", "7", "_") });
  const rows = fc.array(fc.record({ id, name: fc.string({ unit: "binary", maxLength: 20 }) }), {
    maxLength: 5,
  });
  fc.assert(fc.property(rows, fc.integer({ min: 16, max: 120 }), (rows, width) => {
    const text = table(rows, COLUMNS, width);
    assert(!ACTS.test(text));
    const lines = text.split("\n");
    assertEquals(lines.length % (rows.length + 1), 0);
    for (const { id } of rows) assert(lines.some((line) => line.startsWith(id)), `${id} is cut`);
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

const WEBHOOK_ID = "wh_01M85TQ1J7T1B1DA3W383G0Y3P";
const EVENT_ID = "evt_01M85TQ4GZ8KEV1PETHBX44CMD";
const DELIVERY_ID = "dlv_01M85TQ4GZ8KEV1PETHBX44CMD01M85TQ1J7T1B1DA3W383G0Y3P";
const AT = "2026-02-25T12:34:56.789Z";
const SITE = `${"sub.".repeat(30)}bücher.example`;
const MINUTE = "2026-02-25 12:34Z";

/** What lists answer, with what stands in each of their rows in full. */
const LISTS: readonly { command: string; line: string; row: Record<string, unknown>; whole: string[] }[] = [
  {
    command: "webhooks list --site example.com",
    line: "GET /v1/sites/example.com/webhooks",
    row: {
      id: WEBHOOK_ID,
      name: "日本語のサイト".repeat(9),
      status: "active",
      events: ["goal_completion", "custom_event", "visitor_spike"],
      url: `https://hooks.example.com/${"x".repeat(1000)}`,
      health: { pending: 10_000 },
    },
    whole: [WEBHOOK_ID, "active", "10000"],
  },
  {
    command: "events list --site example.com",
    line: "GET /v1/sites/example.com/events",
    row: { id: EVENT_ID, event: "goal_completion", accepted_at: AT, timestamp: AT, queued: 12, skipped: 3 },
    whole: [EVENT_ID, MINUTE, AT],
  },
  {
    command: "deliveries list --site example.com",
    line: "GET /v1/sites/example.com/deliveries",
    row: {
      id: DELIVERY_ID,
      event: "goal_completion",
      status: "exhausted",
      created_at: AT,
      next_attempt_at: AT,
      attempts_total: 4,
      attempts: [{ status_code: 503, error: null }],
    },
    whole: [DELIVERY_ID, MINUTE, "exhausted"],
  },
  {
    command: "keys list",
    line: "GET /v1/keys",
    row: {
      id: "01M85TNXWHRNN861RXKSAK6D6Z",
      name: "n".repeat(100),
      scope: "metrics",
      sites: [SITE, SITE],
      expires_at: "2027-02-25T12:34:56.789Z",
      last_used_at: AT,
    },
    whole: ["01M85TNXWHRNN861RXKSAK6D6Z", MINUTE],
  },
  {
    command: "stats",
    line: "GET /v1/stats",
    row: {
      hour: "2026-02-25T12:00:00.000Z",
      site_id: SITE,
      webhook_id: WEBHOOK_ID,
      accepted: 123_456,
      attempts: 123_456,
      delivered: 123_456,
      retried: 1,
      failed: 2,
      gone: 3,
      blocked: 4,
      duration_ms_total: 123_456_789,
    },
    whole: [WEBHOOK_ID],
  },
  {
    command: "audit",
    line: "GET /v1/audit",
    row: {
      at: AT,
      actor: "01M85TNXWHRNN861RXKSAK6D6Z",
      action: "webhook.secret_rotated",
      site_id: SITE,
      subject: WEBHOOK_ID,
      changes: ["filters.visitor_spike.percent_over_baseline", "headers", "url"],
    },
    whole: [WEBHOOK_ID, AT, "01M85TNXWHRNN861RXKSAK6D6Z"],
  },
];

for (const { command, line, row, whole } of LISTS) {
  Deno.test(`${command} fits terminals of 60, 80 and 120 columns, with every id whole`, async () => {
    for (const columns of [60, 80, 120]) {
      const answers = { [line]: { data: [row, row], next_cursor: null } };
      const { code, stdout, stderr } = await run(words(command), { answers, columns });
      assertEquals([code, stderr], [0, ""]);
      for (const text of stdout.trimEnd().split("\n")) {
        assert(textWidth(text) <= columns, `${textWidth(text)} columns of ${columns}: ${text}`);
      }
      for (const text of whole) assert(stdout.split(text).length > 2, `${text} is not in both rows`);
    }
  });
}
