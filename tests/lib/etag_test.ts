/**
 * Entity tags: how a state is named and compared.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../../lib/errors.ts";
import { assertMatch, etagOf, nextUpdate } from "../../lib/etag.ts";

const time = fc.integer({ min: 0, max: 8_640_000_000_000_000 });

Deno.test("etagOf() names different states differently", () => {
  fc.assert(fc.property(time, time, (a, b) => {
    assertEquals(etagOf({ updated_at: a }) === etagOf({ updated_at: b }), a === b);
  }));
});

Deno.test("nextUpdate() is the time, but always later than the state before", () => {
  assertEquals(nextUpdate({ updated_at: 10 }, 20), 20);
  assertEquals(nextUpdate({ updated_at: 10 }, 10), 11);
  assertEquals(nextUpdate({ updated_at: 10 }, 5), 11);
});

Deno.test("assertMatch() lets through the state itself in any list, and refuses every other", () => {
  const tag = fc.stringMatching(/^(W\/)?"[!#-+\--~]{0,12}"$/);
  fc.assert(fc.property(time, fc.array(tag), fc.nat(5), (updated_at, others, place) => {
    const own = etagOf({ updated_at });
    const foreign = others.filter((other) => other !== own);
    assertMatch(foreign.toSpliced(place, 0, own).join(", "), { updated_at });
    const error = assertThrows(() => assertMatch(foreign.join(","), { updated_at }), AppError);
    assertEquals(error.code, "precondition_failed");
  }));
});

Deno.test("assertMatch() is not asked without a header, and a star matches whatever there is", () => {
  assertMatch(null, { updated_at: 1 });
  assertMatch("*", { updated_at: 1 });
});
