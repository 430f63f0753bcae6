/**
 * How long records are kept: no record outlives what it refers to, and not all end at once.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import fc from "fast-check";
import { createRetention } from "../../kv/retention.ts";
import { INPUT, RETRY, TIME } from "../../lib/limits.ts";
import { SAMPLE_AT, sampleEventId } from "../helpers/sample.ts";

const { DAY_MS, MINUTE_MS } = TIME;
/** What `TIDINGS_RETENTION_DAYS` may be. */
const days = fc.integer({ min: 7, max: 365 });
const eventId = fc.nat(100 * 365 * DAY_MS).map((at) => sampleEventId(7, at));
/** Its end is the earliest that there is. */
const FIRST = sampleEventId(1, 0);

Deno.test("Retention.delivery() keeps at least what is configured, and at most a tenth more", () => {
  fc.assert(fc.property(days, eventId, (days, id) => {
    const kept_ms = createRetention(days).delivery(id, SAMPLE_AT, SAMPLE_AT);
    assertGreaterOrEqual(kept_ms, days * DAY_MS);
    assertLessOrEqual(kept_ms, 1.1 * days * DAY_MS);
  }));
});

Deno.test("Retention.delivery() counts from when the delivery was made, however late it ends", () => {
  const retention = createRetention(30);
  assertEquals(retention.delivery(FIRST, SAMPLE_AT, SAMPLE_AT), 30 * DAY_MS);
  assertEquals(retention.delivery(FIRST, SAMPLE_AT, SAMPLE_AT + 29 * DAY_MS), DAY_MS);
  assertEquals(retention.delivery(FIRST, SAMPLE_AT, SAMPLE_AT + 30 * DAY_MS), MINUTE_MS);
  assertEquals(retention.delivery(FIRST, SAMPLE_AT, SAMPLE_AT + 90 * DAY_MS), MINUTE_MS);
});

Deno.test("Retention.event() outlasts every delivery of the event, and the longest wait of a pending one", () => {
  fc.assert(fc.property(days, eventId, fc.nat(60 * DAY_MS), (days, id, since_ms) => {
    const retention = createRetention(days);
    const now = SAMPLE_AT + since_ms;
    const kept_ms = retention.event(id, SAMPLE_AT, true, now);
    assertGreaterOrEqual(kept_ms, retention.delivery(id, SAMPLE_AT, now));
    assertGreater(retention.event(id, SAMPLE_AT, true, SAMPLE_AT), RETRY.pending_ms_max);
  }));
});

Deno.test("Retention.event() of an event nobody was told about is a week at most, plus its spread", () => {
  assertEquals(createRetention(30).event(FIRST, SAMPLE_AT, false, SAMPLE_AT), 7 * DAY_MS);
  assertEquals(createRetention(365).event(FIRST, SAMPLE_AT, false, SAMPLE_AT + DAY_MS), 6 * DAY_MS);
  fc.assert(fc.property(days, eventId, (days, id) => {
    const kept_ms = createRetention(days).event(id, SAMPLE_AT, false, SAMPLE_AT);
    assertGreaterOrEqual(kept_ms, INPUT.idempotency_key_ms, "its idempotency key answers with it");
    assertLessOrEqual(kept_ms, 7.7 * DAY_MS);
  }));
});

Deno.test("Retention.tombstone() outlasts whatever was accepted up to the deletion", () => {
  fc.assert(fc.property(days, eventId, (days, id) => {
    const retention = createRetention(days);
    assertGreater(retention.tombstone(), retention.event(id, SAMPLE_AT, true, SAMPLE_AT));
  }));
});

Deno.test("Retention gives whole milliseconds, as KV takes them, also for times with fractions", () => {
  fc.assert(
    fc.property(days, eventId, fc.double({ min: 0, max: 40 * DAY_MS, noNaN: true }), (days, id, since_ms) => {
      const retention = createRetention(days);
      const [at, now] = [SAMPLE_AT + 0.25, SAMPLE_AT + since_ms];
      const all = [
        retention.event(id, at, true, now),
        retention.event(id, at, false, now),
        retention.delivery(id, at, now),
        retention.tombstone(),
        retention.idempotency(),
      ];
      assert(all.every((kept_ms) => Number.isSafeInteger(kept_ms) && kept_ms >= MINUTE_MS), String(all));
    }),
  );
});

Deno.test("Retention spreads the ends of what is accepted in a minute evenly over a tenth of their time", () => {
  const retention = createRetention(30);
  const ends = Array.from({ length: 60_000 }, (_, ms) => {
    const at = SAMPLE_AT + ms;
    return retention.delivery(sampleEventId(1, at), at, at);
  });
  assertGreater(Math.max(...ends), 32.99 * DAY_MS);
  assertLess(Math.min(...ends), 30.01 * DAY_MS);
  const per_hour = new Map<number, number>();
  for (const end of ends) {
    const hour = Math.floor(end / TIME.HOUR_MS);
    per_hour.set(hour, (per_hour.get(hour) ?? 0) + 1);
  }
  assertEquals(per_hour.size, 72);
  assertLessOrEqual(Math.max(...per_hour.values()), 1.3 * ends.length / 72);
});

Deno.test("Retention ends together what is accepted within a tenth of a second, whatever else is in the ids", () => {
  const retention = createRetention(30);
  const ends = (from: number): Set<number> =>
    new Set(
      Array.from({ length: 100 }, (_, ms) =>
        retention.delivery(sampleEventId(ms, from + ms), SAMPLE_AT, SAMPLE_AT)),
    );
  assertEquals(ends(SAMPLE_AT).size, 1);
  assertEquals(ends(SAMPLE_AT + 50).size, 2);
});

Deno.test("Retention.idempotency() is the day that the contract promises", () => {
  assertEquals(createRetention(7).idempotency(), DAY_MS);
});
