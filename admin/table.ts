/**
 * Tables for people: columns two spaces apart, cut to the terminal where they must be, and below one another where even
 * that is not enough.
 *
 * Owns the layout. It must never show a value in the raw: every cell goes through `safeText`.
 *
 * @module
 */
import { safeText } from "./terminal_text.ts";
import { cutText, textWidth } from "./text_width.ts";

/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** The value: text, number, boolean, a list of those, or nothing. */
  readonly cell: (row: Row) => unknown;
  /** Never cut: ids are there to be copied, and half a moment or number says nothing. */
  readonly whole?: boolean;
}

const GAP = "  ";
/** Stands where there is nothing. */
const NOTHING = "-";
/** A column that is cut keeps at least this many columns of the terminal: of URLs and kinds of event less says nothing. */
const CUT_WIDTH_MIN = 12;
/** What stands under the beginning of a row. */
const INDENT = "    ";

/**
 * A value as a person reads it.
 *
 * @param value Of JSON, or undefined.
 * @returns Safe text; lists are joined by commas, `-` stands for null, nothing and an empty list.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cellText } from "./table.ts";
 * assertEquals([cellText(["a", "b"]), cellText(null), cellText(0)], ["a, b", "-", "0"]);
 * ```
 */
export function cellText(value: unknown): string {
  if (value === null || value === undefined || value === "") return NOTHING;
  if (Array.isArray(value)) return value.length === 0 ? NOTHING : value.map(cellText).join(", ");
  return safeText(typeof value === "object" ? JSON.stringify(value) : String(value));
}

/**
 * A moment as it stands in a table.
 *
 * @param iso RFC 3339 in UTC, or null.
 * @returns Date and minute; null stays.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { minuteOf } from "./table.ts";
 * assertEquals(minuteOf("2026-02-25T12:34:56.789Z"), "2026-02-25 12:34Z");
 * ```
 */
export function minuteOf(iso: string | null): string | null {
  return iso === null ? null : iso.replace(/^(\S{10})T(\d\d:\d\d).*$/, "$1 $2Z");
}

/** A column as it is laid out. */
interface Laid {
  /** Its place among the columns. */
  readonly index: number;
  /** Of its longest text. */
  readonly width: number;
  readonly width_min: number;
}

/** Shares the columns out among the lines of one row: as many on each as have room when they are cut. */
function folded(columns: readonly Laid[], width_max: number): Laid[][] {
  const lines: Laid[][] = [];
  let used = 0;
  for (const column of columns) {
    const line = lines.at(-1);
    used += GAP.length + column.width_min;
    if (line !== undefined && used <= width_max) {
      line.push(column);
    } else {
      lines.push([column]);
      used = (line === undefined ? 0 : INDENT.length) + column.width_min;
    }
  }
  return lines;
}

/** Takes from the widest column that may be cut, one by one, until all fit or nothing more can be taken. */
function fitted(columns: readonly Laid[], width_max: number): number[] {
  const fit = columns.map(({ width }) => width);
  let excess = fit.reduce((sum, width) => sum + width, GAP.length * (fit.length - 1)) - width_max;
  while (excess > 0) {
    const spare = fit.map((width, index) => width > (columns[index]?.width_min ?? 0) ? width : 0);
    const widest = Math.max(...spare);
    if (widest === 0) break;
    fit[spare.indexOf(widest)] = widest - 1;
    excess--;
  }
  return fit;
}

/**
 * A table.
 *
 * @param rows One a line; several lines, all but the first indented, where the terminal is too narrow for that.
 * @param columns Left to right.
 * @param width_max Columns of the terminal; null where nothing has to be cut, e.g. in a pipe.
 * @returns Lines under a line of titles.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { table } from "./table.ts";
 * const columns = [
 *   { title: "ID", cell: (row: { id: number }) => row.id },
 *   { title: "NAME", cell: (row: { name: string }) => row.name },
 * ];
 * assertEquals(table([{ id: 10, name: "Sales channels" }], columns, 17), "ID  NAME\n10  Sales channe…");
 * assertEquals(table([{ id: 10, name: "Sales" }], columns, 8), "ID\n    NAME\n10\n    Sales");
 * ```
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width_max: number | null,
): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cellText(cell(row)))),
  ];
  const laid = columns.map(({ whole = false }, index): Laid => {
    const width = cells.reduce((widest, texts) => Math.max(widest, textWidth(texts[index] ?? "")), 0);
    return { index, width, width_min: whole ? width : Math.min(width, CUT_WIDTH_MIN) };
  });
  const width = width_max ?? Infinity;
  const lines = folded(laid, width).map((columns, line) => {
    const indent = line === 0 ? "" : INDENT;
    const widths = fitted(columns, width - indent.length);
    return (texts: readonly string[]) =>
      indent +
      columns.map(({ index }, place) => padded(texts[index] ?? "", widths[place] ?? 0)).join(GAP).trimEnd();
  });
  return cells.flatMap((texts) => lines.map((lineOf) => lineOf(texts))).join("\n");
}

function padded(text: string, width: number): string {
  const cut = cutText(text, width);
  return cut + " ".repeat(Math.max(0, width - textWidth(cut)));
}

/**
 * One thing with all its fields, nested ones by their path.
 *
 * @param value An object of JSON.
 * @returns One line a field. Nothing is cut: whoever looks at one thing wants it whole.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { record } from "./table.ts";
 * assertEquals(record({ id: "wh_1", spike: { silent_until: null } }), "id                  wh_1\nspike.silent_until  -");
 * ```
 */
export function record(value: object): string {
  const fields = fieldsOf(value, "");
  const width = Math.max(0, ...fields.map(([name]) => textWidth(name)));
  return fields.map(([name, text]) => `${padded(name, width)}${GAP}${text}`).join("\n");
}

function fieldsOf(value: object, prefix: string): [name: string, text: string][] {
  return Object.entries(value).flatMap(([key, inner]): [string, string][] => {
    const name = prefix + safeText(key);
    const nested = typeof inner === "object" && inner !== null && !Array.isArray(inner);
    if (nested && Object.keys(inner).length > 0) return fieldsOf(inner, `${name}.`);
    return [[name, nested ? NOTHING : cellText(inner)]];
  });
}
