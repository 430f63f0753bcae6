/**
 * A rate limit over any sixty seconds.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { RateWindow } from "../../lib/engine/rate_window.ts";

Deno.test("as many as the limit may be sent at once, and the next when the first of them is a minute old", () => {
  const rate = new RateWindow();
  const start = 1_000_000_500;
  for (let n = 0; n < 3; n++) {
    assertEquals([rate.left(start + n, 3), rate.freeAt(start + n, 3)], [3 - n, null]);
    rate.note(start + n);
  }
  const free_at = rate.freeAt(start + 3, 3);
  assertEquals(free_at, 1_000_061_000);
  assertEquals(rate.left(1_000_060_999, 3), 0);
  assertEquals(rate.left(1_000_061_000, 3), 3);
});

Deno.test("a limit that was lowered waits until enough of what was sent is a minute old", () => {
  const rate = new RateWindow();
  for (let n = 0; n < 10; n++) rate.note(n * 1000);
  assertEquals(rate.freeAt(9000, 10), 61_000);
  assertEquals(rate.freeAt(9000, 5), 66_000);
  assertEquals(rate.freeAt(9000, 1), 70_000);
  assertEquals(rate.freeAt(66_000, 5), null);
});

Deno.test("never more than the limit within any sixty seconds, and never a wait of more than 61", () => {
  const step = fc.integer({ min: 0, max: 20_000 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 80 }), (limit, gaps) => {
    const rate = new RateWindow();
    const sent: number[] = [];
    let now = 0;
    for (const gap of gaps) {
      now += gap;
      const free_at = rate.freeAt(now, limit);
      assertEquals(free_at === null, rate.left(now, limit) > 0);
      if (free_at !== null) {
        assert(free_at > now);
        assertLessOrEqual(free_at - now, 61_000);
        now = free_at;
      }
      rate.note(now);
      sent.push(now);
      assertLessOrEqual(sent.filter((at) => at > now - 60_000).length, limit);
    }
  }));
});
