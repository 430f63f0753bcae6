/**
 * The backoff and the reading of `Retry-After`, sentence by sentence of the requirements ("Retries").
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { RETRY, TIME } from "../../lib/limits.ts";
import { parseRetryAfter, retryDelay } from "../../lib/retry.ts";

const { SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS } = TIME;
const BASE_MS = 10 * SECOND_MS;
/** `Math.random()` with its bounds: [0, 1). */
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const retries = fc.integer({ min: 1, max: 11 });

/** The table of the requirements, without jitter. */
const BACKOFF_MS = [
  10 * SECOND_MS,
  MINUTE_MS,
  6 * MINUTE_MS,
  36 * MINUTE_MS,
  3.6 * HOUR_MS,
  21.6 * HOUR_MS,
  DAY_MS,
  DAY_MS,
  DAY_MS,
  DAY_MS,
];

function ownDelay(retry: number, at_random: number, base_ms = BASE_MS): number {
  return retryDelay({ retry, base_ms, retry_after_ms: null, random: at_random });
}

Deno.test("retryDelay() waits 10 s, 1 min, 6 min, 36 min, 3.6 h, 21.6 h and then 24 h", () => {
  const delays = BACKOFF_MS.map((_, index) => ownDelay(index + 1, 0.5));
  assertEquals(delays, BACKOFF_MS);
});

Deno.test("retryDelay() takes a fifth off at the least random number and adds a fifth at the largest", () => {
  for (const [index, delay_ms] of BACKOFF_MS.entries()) {
    assertEquals(ownDelay(index + 1, 0), Math.round(delay_ms * 0.8));
    assertEquals(ownDelay(index + 1, 1 - Number.EPSILON), Math.round(delay_ms * 1.2));
  }
});

Deno.test("retryDelay() stays within a fifth of the table and answers whole milliseconds", () => {
  fc.assert(fc.property(retries, random, (retry, at_random) => {
    const delay_ms = ownDelay(retry, at_random);
    const table_ms = Math.min(BASE_MS * 6 ** (retry - 1), DAY_MS);
    assert(Number.isInteger(delay_ms));
    assertGreaterOrEqual(delay_ms, Math.floor(table_ms * 0.8));
    assertLessOrEqual(delay_ms, Math.ceil(table_ms * 1.2));
  }));
});

Deno.test("retryDelay() grows with the random number, so that retries really spread", () => {
  fc.assert(fc.property(retries, random, random, (retry, one, other) => {
    const [less, more] = one < other ? [one, other] : [other, one];
    assertLessOrEqual(ownDelay(retry, less), ownDelay(retry, more));
  }));
  assert(ownDelay(1, 0.1) < ownDelay(1, 0.9));
});

Deno.test("retryDelay() scales with the configured base", () => {
  assertEquals([1, 2, 3].map((retry) => ownDelay(retry, 0.5, 10)), [10, 60, 360]);
});

Deno.test("retryDelay() honours Retry-After above its own delay", () => {
  const asked = { retry: 1, base_ms: BASE_MS, retry_after_ms: 120 * SECOND_MS };
  assertEquals(retryDelay({ ...asked, random: 0 }), 120 * SECOND_MS);
});

Deno.test("retryDelay() keeps its own delay where Retry-After asks for less", () => {
  const asked = { retry: 3, base_ms: BASE_MS, retry_after_ms: SECOND_MS };
  assertEquals(retryDelay({ ...asked, random: 0.5 }), 6 * MINUTE_MS);
});

Deno.test("retryDelay() never shortens Retry-After, and jitter adds a fifth at most", () => {
  const asked_ms = fc.integer({ min: 0, max: RETRY.retry_after_ms_max });
  const base_ms = fc.integer({ min: 1, max: MINUTE_MS });
  fc.assert(fc.property(retries, random, asked_ms, base_ms, (retry, at_random, retry_after_ms, base) => {
    const delay_ms = retryDelay({ retry, base_ms: base, retry_after_ms, random: at_random });
    const own_ms = ownDelay(retry, at_random, base);
    assert(Number.isInteger(delay_ms));
    assertGreaterOrEqual(delay_ms, retry_after_ms);
    assertGreaterOrEqual(delay_ms, own_ms);
    assertLessOrEqual(delay_ms, Math.max(own_ms, Math.ceil(retry_after_ms * 1.2)));
  }));
});

Deno.test("retryDelay() spreads the deliveries that were told the same Retry-After", () => {
  const asked = { retry: 4, base_ms: BASE_MS, retry_after_ms: HOUR_MS };
  assert(retryDelay({ ...asked, random: 0 }) < retryDelay({ ...asked, random: 0.9 }));
});

Deno.test("retryDelay() spreads a long Retry-After by no more than a fifth of its own delay", () => {
  const asked = { retry: 1, base_ms: BASE_MS, retry_after_ms: DAY_MS };
  assertEquals(retryDelay({ ...asked, random: 1 - Number.EPSILON }), DAY_MS + 2 * SECOND_MS);
});

const NOW_MS = Date.parse("1994-11-06T08:48:37.000Z");
const HTTP_DATES = {
  "IMF-fixdate": "Sun, 06 Nov 1994 08:49:37 GMT",
  "RFC 850": "Sunday, 06-Nov-94 08:49:37 GMT",
  "asctime": "Sun Nov  6 08:49:37 1994",
};

for (const [form, header] of Object.entries(HTTP_DATES)) {
  Deno.test(`parseRetryAfter() reads the ${form} form of RFC 9110`, () => {
    assertEquals(parseRetryAfter(header, NOW_MS), MINUTE_MS);
  });
}

Deno.test("parseRetryAfter() reads an asctime date of two digits", () => {
  assertEquals(
    parseRetryAfter("Wed Nov 16 08:49:37 1994", Date.parse("1994-11-16T08:49:07Z")),
    30 * SECOND_MS,
  );
});

Deno.test("parseRetryAfter() reads back every date that an HTTP server can write", () => {
  const second = fc.integer({ min: 0, max: DAY_MS / SECOND_MS });
  const now = fc.date({ min: new Date("2000-01-01"), max: new Date("2090-01-01"), noInvalidDate: true });
  fc.assert(fc.property(now, second, (date, ahead_s) => {
    const now_ms = Math.floor(date.getTime() / SECOND_MS) * SECOND_MS;
    const header = new Date(now_ms + ahead_s * SECOND_MS).toUTCString();
    assertEquals(parseRetryAfter(header, now_ms), ahead_s * SECOND_MS);
  }));
});

Deno.test("parseRetryAfter() takes a date gone by for no wait at all", () => {
  assertEquals(parseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", NOW_MS + DAY_MS), 0);
});

Deno.test("parseRetryAfter() reads seconds, whatever surrounds them", () => {
  const table: [header: string, wait_ms: number][] = [
    ["0", 0],
    ["1", SECOND_MS],
    ["120", 2 * MINUTE_MS],
    [" 120 ", 2 * MINUTE_MS],
    ["007", 7 * SECOND_MS],
  ];
  for (const [header, wait_ms] of table) assertEquals(parseRetryAfter(header, NOW_MS), wait_ms, header);
});

Deno.test("parseRetryAfter() caps at 24 hours, in both forms", () => {
  assertEquals(parseRetryAfter("86399", NOW_MS), DAY_MS - SECOND_MS);
  assertEquals(parseRetryAfter("86400", NOW_MS), DAY_MS);
  assertEquals(parseRetryAfter("86401", NOW_MS), DAY_MS);
  assertEquals(parseRetryAfter("9".repeat(400), NOW_MS), DAY_MS);
  assertEquals(parseRetryAfter("Mon, 07 Nov 1994 08:48:36 GMT", NOW_MS), DAY_MS - SECOND_MS);
  assertEquals(parseRetryAfter("Mon, 07 Nov 1994 08:48:38 GMT", NOW_MS), DAY_MS);
  assertEquals(parseRetryAfter("Fri, 31 Dec 9999 23:59:59 GMT", NOW_MS), DAY_MS);
});

Deno.test("parseRetryAfter() makes nothing of what is neither seconds nor a date of HTTP", () => {
  const garbage = [
    null,
    "",
    " ",
    "soon",
    "soon 2099",
    "foo 1",
    "-1",
    "+5",
    "1.5",
    "1e3",
    "0x10",
    "120s",
    "120, 240",
    "١٢",
    "NaN",
    "Infinity",
    "1994-11-06T08:49:37Z",
    "06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 +0200",
    "Sun, 06 Nov 1994 25:49:37 GMT",
    "Sun, 06 Xyz 1994 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994 CET",
  ];
  for (const header of garbage) assertEquals(parseRetryAfter(header, NOW_MS), null, String(header));
});

Deno.test("parseRetryAfter() answers null or a wait of 0 to 24 hours, whatever a receiver sends", () => {
  // Texts of any kind, and dates with one character replaced: near enough to tempt a careless parser.
  const spoilt = fc.tuple(
    fc.constantFrom(...Object.values(HTTP_DATES)),
    fc.nat(40),
    fc.string({ maxLength: 2 }),
  )
    .map(([date, at, other]) => date.slice(0, at) + other + date.slice(at + 1));
  fc.assert(fc.property(fc.oneof(fc.string(), spoilt), fc.nat(4_000_000_000_000), (header, now_ms) => {
    const wait_ms = parseRetryAfter(header, now_ms);
    assert(wait_ms === null || (wait_ms >= 0 && wait_ms <= DAY_MS));
  }));
});
