/**
 * The reader of Prometheus' text format reads what is in the format and refuses what is not.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { readExposition, valueOf } from "./exposition.ts";

const COUNTER = "# HELP a_total What a is\n# TYPE a_total counter\n";
const HISTOGRAM = "# HELP b_seconds What b is\n# TYPE b_seconds histogram\n";

Deno.test("readExposition() reads values, labels with what is escaped in them, and histograms", () => {
  const read = readExposition(
    `${COUNTER}a_total{x="1",y="a\\"b\\\\c\\nd"} 2.5e3\n\n${HISTOGRAM}b_seconds_bucket{le="0.1"} 1\n` +
      `b_seconds_bucket{le="+Inf"} 2\nb_seconds_sum 3\nb_seconds_count 2\n`,
  );
  assertEquals(valueOf(read, "a_total", { y: 'a"b\\c\nd', x: "1" }), 2500);
  assertEquals(valueOf(read, "b_seconds_count"), 2);
  assertEquals(read.get("b_seconds")?.type, "histogram");
});

Deno.test("readExposition() refuses what breaks the rules of the format or of its names", () => {
  const broken = {
    "no line feed at the end": `${COUNTER}a_total 1`,
    "no type": "a_total 1\n",
    "no help": "# TYPE a_total counter\na_total 1\n",
    "the same metric twice": `${COUNTER}a_total 1\n${COUNTER}a_total 1\n`,
    "the same series twice": `${COUNTER}a_total{x="1"} 1\na_total{x="1"} 1\n`,
    "the same label twice": `${COUNTER}a_total{x="1",x="2"} 1\n`,
    "a value that is no number": `${COUNTER}a_total one\n`,
    "a label without quotes": `${COUNTER}a_total{x=1} 1\n`,
    "a negative counter": `${COUNTER}a_total -1\n`,
    "a counter that does not say so": "# HELP a What a is\n# TYPE a counter\na 1\n",
    "milliseconds": "# HELP a_ms What a is\n# TYPE a_ms gauge\na_ms 1\n",
    "buckets that are not cumulative": `${HISTOGRAM}b_seconds_bucket{le="1"} 2\n` +
      `b_seconds_bucket{le="+Inf"} 1\nb_seconds_sum 1\nb_seconds_count 1\n`,
    "no last bucket": `${HISTOGRAM}b_seconds_bucket{le="1"} 1\nb_seconds_sum 1\nb_seconds_count 1\n`,
    "a count that is not the last bucket": `${HISTOGRAM}b_seconds_bucket{le="+Inf"} 1\n` +
      "b_seconds_sum 1\nb_seconds_count 2\n",
  };
  for (const [what, text] of Object.entries(broken)) {
    assertThrows(() => readExposition(text), Error, "", what);
  }
});
