/**
 * Ids in order, whatever the time does, and secrets.
 *
 * Owns the tests of `lib/outbound/ids.ts`.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeTime, TIME_MAX } from "ulid";
import { systemIds } from "../../../lib/outbound/ids.ts";

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const NOW = Date.UTC(2026, 1, 25);

Deno.test("ulid() carries its time in its first ten characters", () => {
  const ids = systemIds();
  for (const at_ms of [1, NOW, NOW + 1, TIME_MAX - 1]) {
    const id = ids.ulid(at_ms);
    assertMatch(id, ULID);
    assertEquals(decodeTime(id), at_ms);
    assertEquals(id.slice(0, 10), ids.ulidPrefix(at_ms));
  }
});

Deno.test("ulid() is larger than every one before, whether time repeats, runs backward or stands at fractions", () => {
  const time = fc.oneof(
    fc.integer({ min: 0, max: TIME_MAX - 1 }),
    fc.double({ min: 0, max: 1e13, noNaN: true }),
  );
  fc.assert(fc.property(fc.array(fc.oneof(time, fc.constantFrom(0, NOW, NOW + 0.5))), (times) => {
    const ids = systemIds();
    let before = "";
    let latest_ms = 1;
    for (const at_ms of times) {
      const id = ids.ulid(at_ms);
      assertMatch(id, ULID);
      assertLess(before, id);
      latest_ms = Math.max(latest_ms, Math.floor(at_ms));
      assertEquals(decodeTime(id), latest_ms);
      before = id;
    }
  }));
});

Deno.test("ulid() never takes the wall clock in the place of the time 0", () => {
  const ids = systemIds();
  assertEquals(decodeTime(ids.ulid(0)), 1);
  assertEquals(decodeTime(ids.ulid(5)), 5);
});

Deno.test("ulid() goes on in the next millisecond when the ids of one are used up", () => {
  const ids = systemIds(() => 1 - Number.EPSILON); // the last of all
  const made = [ids.ulid(NOW), ids.ulid(NOW), ids.ulid(NOW), ids.ulid(NOW + 1), ids.ulid(NOW + 9)];
  assertEquals(made.map((id) => decodeTime(id) - NOW), [0, 1, 2, 3, 9]);
  assertEquals([...made].sort(), made);
});

Deno.test("ulid() of a clock that is set back goes on by the millisecond, so that none has an hour of ids", () => {
  const ids = systemIds();
  const made = [ids.ulid(NOW), ...Array.from({ length: 999 }, (_, n) => ids.ulid(NOW - 3_600_000 + n))];
  assertEquals([...made].sort(), made);
  const times = Map.groupBy(made, (id) => decodeTime(id) - NOW);
  assertEquals([...times.keys()], Array.from({ length: 16 }, (_, ms) => ms));
  assert([...times.values()].every(({ length }) => length <= 64));
  assertEquals(decodeTime(ids.ulid(NOW + 20)) - NOW, 20, "the clock has caught up");
});

Deno.test("ulid() refuses what is no time, and works on after that", () => {
  const ids = systemIds();
  for (const at_ms of [NaN, -1, TIME_MAX, Infinity]) {
    assertThrows(() => ids.ulid(at_ms), Error, "the time of an id is a time");
  }
  assertEquals(decodeTime(ids.ulid(NOW)), NOW);
});

Deno.test("ulid() differs between two sources at the same time", () => {
  assertNotEquals(systemIds().ulid(NOW), systemIds().ulid(NOW));
});

Deno.test("ulidPrefix() sorts as time does and begins no id of another millisecond", () => {
  const ids = systemIds();
  const id = ids.ulid(NOW);
  assertLess(ids.ulidPrefix(NOW - 1), ids.ulidPrefix(NOW));
  assertLess(ids.ulidPrefix(NOW), id);
  assertLess(id, ids.ulidPrefix(NOW + 1));
  assertEquals(ids.ulidPrefix(NOW + 0.9), ids.ulidPrefix(NOW));
});

Deno.test("ulidPrefix() reads times that no id can have as the nearest that one can", () => {
  const ids = systemIds();
  assertEquals(ids.ulidPrefix(-62_135_596_800_000), "0000000000");
  assertEquals(ids.ulidPrefix(1e300), "7ZZZZZZZZZ");
  assertThrows(() => ids.ulidPrefix(NaN), Error, "the time of a prefix is a number");
});

Deno.test("secretBytes() gives as many bytes as asked for, other ones each time", () => {
  const ids = systemIds();
  for (const length of [1, 32, 65_536]) assertEquals(ids.secretBytes(length).byteLength, length);
  assertNotEquals(ids.secretBytes(32), ids.secretBytes(32));
  assert(new Set(ids.secretBytes(65_536)).size > 200, "all bytes occur");
});

Deno.test("secretBytes() refuses a length that makes no secret", () => {
  for (const length of [0, -1, 1.5, NaN, 65_537]) {
    assertThrows(() => systemIds().secretBytes(length), Error, "a secret has a length");
  }
});
