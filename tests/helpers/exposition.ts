/**
 * Prometheus' text format, read strictly: what Prometheus would only warn of is a failure here.
 *
 * Owns the grammar and its rules, written from the specification of the format and not from the library that makes it:
 * https://prometheus.io/docs/instrumenting/exposition_formats/.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

/** One sample. */
export interface Sample {
  /** With its suffix: `_bucket`, `_sum`, `_count`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all its samples. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/;
/** As Go's ParseFloat() reads it: "not a number" in upper or lower case. */
const VALUE = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|[+-]inf)$/i;

function numberOf(text: string): number {
  assert(VALUE.test(text), `${text} must be a number`);
  return Number(text.replace("Inf", "Infinity"));
}

function sampleOf(line: string): Sample {
  const name = NAME.exec(line)?.[0] ?? "";
  assert(name !== "", `${line} must begin with a name`);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    while (!rest.startsWith("}")) {
      const [whole = "", label = "", value = ""] = LABEL.exec(rest) ?? [];
      assert(whole !== "", `${line} must have labels of the form name="value"`);
      assert(!(label in labels), `${line} must have each label once`);
      labels[label] = value.replace(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
      rest = rest.slice(whole.length).replace(/^,/, "");
    }
    rest = rest.slice(1);
  }
  assert(rest.startsWith(" "), `${line} must have a blank before its value`);
  return { name, labels, value: numberOf(rest.slice(1)) };
}

/** The labels without `le`, as a text that is the same for the same labels. */
function seriesOf({ labels: { le: _, ...others } }: Sample): string {
  return JSON.stringify(Object.entries(others).toSorted());
}

/** The rules of a histogram, for each set of its labels. */
function assertHistogram({ name, samples }: Family): void {
  for (const [series, of_series = []] of Map.groupBy(samples, seriesOf)) {
    const buckets = of_series.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => numberOf(labels["le"] ?? ""));
    assertEquals(bounds, bounds.toSorted((a, b) => a - b), `${name}${series}: bounds must rise`);
    assertEquals(new Set(bounds).size, bounds.length, `${name}${series}: each bound once`);
    assertEquals(bounds.at(-1), Infinity, `${name}${series}: the last bucket must be +Inf`);
    const counts = buckets.map(({ value }) => value);
    assertEquals(counts, counts.toSorted((a, b) => a - b), `${name}${series}: buckets must be cumulative`);
    const others = of_series.filter((sample) => sample.name !== `${name}_bucket`);
    assertEquals(others.map((sample) => sample.name).toSorted(), [`${name}_count`, `${name}_sum`]);
    const total = others.find((sample) => sample.name === `${name}_count`);
    assertEquals(counts.at(-1), total?.value, `${name}${series}: +Inf must be the count`);
  }
}

/** The rules of names: base units last, and what counts ends in `_total`. */
function assertFamily(family: Family): void {
  const { name, help, type, samples } = family;
  assert(help.length > 5, `${name} must say what it is`);
  assert(["counter", "gauge", "histogram"].includes(type), `${name} must have a type`);
  assertEquals(name.endsWith("_total"), type === "counter", `${name}: what counts ends in _total`);
  assert(!/_(?:ms|milliseconds|minutes|kb|mb|percent)\b/.test(name), `${name} must be in a base unit`);
  if (type === "histogram") return assertHistogram(family);
  assert(samples.every((sample) => sample.name === name), `${name} must have samples of its own name only`);
  if (type === "counter") assert(samples.every(({ value }) => value >= 0), `${name} must not be negative`);
}

/**
 * Reads what `/metrics` answers.
 *
 * @param text The body.
 * @returns Its metrics by name.
 * @throws {Error} If it is not in the format, or breaks one of its rules.
 */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  assert(text.endsWith("\n"), "the last line must end in a line feed");
  const families = new Map<string, Family & { samples: Sample[] }>();
  let help: { name: string; text: string } | null = null;
  let current: (Family & { samples: Sample[] }) | null = null;
  for (const line of text.split("\n")) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === "HELP") help = { name, text: rest };
    if (keyword === "TYPE") {
      assertEquals(help?.name, name, `${name} must have its help before its type`);
      assert(!families.has(name), `${name} must be there once`);
      current = { name, help: help?.text ?? "", type: rest, samples: [] };
      families.set(name, current);
    }
    if (line === "" || line.startsWith("#")) continue;
    const sample = sampleOf(line);
    assert(current !== null && sample.name.startsWith(current.name), `${line} must be below its type`);
    current.samples.push(sample);
  }
  for (const family of families.values()) {
    assertFamily(family);
    const names = family.samples.map(({ name, labels }) =>
      name + JSON.stringify(Object.entries(labels).toSorted())
    );
    assertEquals(new Set(names).size, names.length, `${family.name} must have each series once`);
  }
  return families;
}

/**
 * The value of one series.
 *
 * @param families What was read.
 * @param name Of the sample.
 * @param labels All of its labels.
 * @returns Its value; undefined if there is none.
 */
export function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).toSorted());
  return [...families.values()].flatMap(({ samples }) => samples).find((sample) =>
    sample.name === name && JSON.stringify(Object.entries(sample.labels).toSorted()) === wanted
  )?.value;
}
