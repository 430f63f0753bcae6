/**
 * What this program takes for granted of a Deno KV: one suite over the fake, over memory and over a file.
 *
 * Owns the behaviour that the real one was seen to have (Deno 2.9.6). A test that only the fake passes proves nothing.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import type { Database } from "../../kv/database.ts";

/** What a fake imitates whole: also the cursor of a list, which nothing uses. */
export type WholeDatabase = Pick<Deno.Kv, keyof Database>;

/** A database under test. */
export interface OpenedDatabase extends AsyncDisposable {
  readonly db: WholeDatabase;
  /** Lets so much time pass, where it is a test's to let. */
  elapse(ms: number): Promise<void>;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Bytes for a value.
 *
 * @param length How many.
 * @param fill Each of them.
 * @returns Fresh bytes.
 */
export function bytes(length: number, fill = 0): Bytes {
  return new Uint8Array(length).fill(fill);
}

async function keysOf(list: AsyncIterable<{ key: Deno.KvKey }>): Promise<Deno.KvKey[]> {
  return (await Array.fromAsync(list)).map(({ key }) => key);
}

async function setAll(db: WholeDatabase, keys: readonly Deno.KvKey[]): Promise<void> {
  const atomic = db.atomic();
  for (const key of keys) atomic.set(key, bytes(1));
  await atomic.commit();
}

/**
 * Registers the suite.
 *
 * @param name What is tested.
 * @param open Opens it, empty.
 */
export function testDatabaseContract(name: string, open: () => Promise<OpenedDatabase>): void {
  function test(behaviour: string, run: (db: WholeDatabase, opened: OpenedDatabase) => Promise<void>): void {
    Deno.test(`${name} ${behaviour}`, async () => {
      await using opened = await open();
      await run(opened.db, opened);
    });
  }

  testWrites(test);
  testLimits(test);
  testLists(test);
  testQueue(test);
}

type Test = (behaviour: string, run: (db: WholeDatabase, opened: OpenedDatabase) => Promise<void>) => void;

function testWrites(test: Test): void {
  test("reads what was written, as a copy", async (db) => {
    const value = bytes(2, 7);
    const committed = db.atomic().set(["a"], value).commit();
    value[0] = 1; // too late
    const result = await committed;
    assert(result.ok);
    const entry = await db.get<Bytes>(["a"]);
    assertEquals(entry, { key: ["a"], value: bytes(2, 7), versionstamp: result.versionstamp });
    entry.value?.fill(0);
    assertEquals((await db.get(["a"])).value, bytes(2, 7));
    assertEquals(await db.get(["b"]), { key: ["b"], value: null, versionstamp: null });
  });

  test("gives versionstamps of 20 hexadecimal digits that rise with every commit", async (db) => {
    const stamps: string[] = [];
    for (let round = 0; round < 20; round++) {
      const result = await db.atomic().set(["a"], bytes(1)).set(["b"], bytes(1)).commit();
      assert(result.ok && /^[0-9a-f]{20}$/.test(result.versionstamp));
      stamps.push(result.versionstamp);
    }
    assertEquals(stamps, [...new Set(stamps)].sort());
    const [a, b] = await db.getMany([["a"], ["b"]]);
    assertEquals([a.versionstamp, b.versionstamp], [stamps.at(-1), stamps.at(-1)]);
  });

  test("writes nothing of an operation whose check fails", async (db) => {
    const first = await db.atomic().check({ key: ["a"], versionstamp: null }).set(["a"], bytes(1)).commit();
    assert(first.ok);
    const absent = db.atomic().check({ key: ["a"], versionstamp: null }).set(["b"], bytes(1)).delete(["a"]);
    assertEquals(await absent.commit(), { ok: false });
    const stale = db.atomic().check({ key: ["a"], versionstamp: "0".repeat(20) }).set(["b"], bytes(1));
    assertEquals(await stale.commit(), { ok: false });
    assertEquals((await db.get(["b"])).value, null);
    assertEquals((await db.get(["a"])).versionstamp, first.versionstamp);
    const fresh = db.atomic().check({ key: ["a"], versionstamp: first.versionstamp }).delete(["a"]);
    assertEquals((await fresh.commit()).ok, true);
    assertEquals((await db.get(["a"])).value, null);
  });

  test("checks the state before the operation, so two checks of one key in it both pass", async (db) => {
    const twice = db.atomic()
      .check({ key: ["a"], versionstamp: null }).set(["a"], bytes(1, 1))
      .check({ key: ["a"], versionstamp: null }).set(["a"], bytes(1, 2));
    assertEquals((await twice.commit()).ok, true);
    assertEquals((await db.get(["a"])).value, bytes(1, 2)); // and the later write wins
  });

  test("commits the same operation again", async (db) => {
    const atomic = db.atomic().set(["a"], bytes(1)).sum(["n"], 2n);
    const [first, second] = [await atomic.commit(), await atomic.commit()];
    assert(first.ok && second.ok);
    assertGreater(second.versionstamp, first.versionstamp);
    assertEquals((await db.get<Deno.KvU64>(["n"])).value?.value, 4n);
  });

  test("sums modulo 2^64, and knows min and max", async (db) => {
    await db.atomic().sum(["n"], 0xffff_ffff_ffff_ffffn).sum(["n"], 3n).commit();
    assertEquals((await db.get<Deno.KvU64>(["n"])).value, new Deno.KvU64(2n));
    await db.atomic().max(["n"], 9n).min(["n"], 5n).commit();
    assertEquals((await db.get<Deno.KvU64>(["n"])).value, new Deno.KvU64(5n));
    assertThrows(() => db.atomic().sum(["n"], -1n), RangeError);
    assertThrows(() => db.atomic().sum(["n"], 1n << 64n), RangeError);
  });

  test("refuses a sum over anything but a sum, and writes nothing that comes after it", async (db) => {
    await db.atomic().set(["bytes"], bytes(8)).commit();
    const spoilt = db.atomic().sum(["bytes"], 1n).set(["after"], bytes(1));
    await assertRejects(() => spoilt.commit(), TypeError, "non-U64 value");
    assertEquals((await db.get(["after"])).value, null);
    assertEquals((await db.get(["bytes"])).value, bytes(8));
  });

  test("takes an operation without mutations, and one without anything", async (db) => {
    assertEquals((await db.atomic().check({ key: ["a"], versionstamp: null }).commit()).ok, true);
    assertEquals((await db.atomic().commit()).ok, true);
  });

  test("takes a lone surrogate for U+FFFD", async (db) => {
    await db.atomic().set(["\ufffd"], bytes(1, 1)).set(["\ud800"], bytes(1, 2)).commit();
    assertEquals(await keysOf(db.list({ prefix: [] })), [["\ufffd"]]);
    assertEquals((await db.get(["\udfff"])).value, bytes(1, 2));
  });

  test("fails every call once it is closed", async (db) => {
    db.close();
    await assertRejects(() => db.get(["a"]), Deno.errors.BadResource);
    await assertRejects(() => db.getMany([["a"]]), Deno.errors.BadResource);
    await assertRejects(() => Array.fromAsync(db.list({ prefix: [] })), Deno.errors.BadResource);
    await assertRejects(() => db.atomic().set(["a"], bytes(1)).commit(), Deno.errors.BadResource);
    await assertRejects(() => db.listenQueue(() => {}), Error, "Queue already closed");
    assertThrows(() => db.close(), Deno.errors.BadResource);
  });

  test("notices an operation that is awaited instead of committed", async (db) => {
    await assertRejects(async () => await db.atomic().set(["a"], bytes(1)), TypeError, "not a promise");
  });
}

function testLimits(test: Test): void {
  /** Commits an operation that is at a limit, and one that is beyond. */
  async function edge(
    db: WholeDatabase,
    refusal: string,
    fill: (extra: number) => Deno.AtomicOperation,
  ): Promise<void> {
    await assertRejects(() => fill(1).commit(), TypeError, refusal);
    assertEquals(await keysOf(db.list({ prefix: [] })), [], "nothing of the refused one is written");
    assertEquals((await fill(0).commit()).ok, true);
  }

  function repeat(count: number, add: (index: number) => void): void {
    for (let index = 0; index < count; index++) add(index);
  }

  test("takes 1,000 mutations", (db) =>
    edge(db, "Too many mutations (max 1000)", (extra) => {
      const atomic = db.atomic();
      repeat(1000 + extra, (index) => atomic.set([index], bytes(0)));
      return atomic;
    }));

  test("takes 100 checks", (db) =>
    edge(db, "Too many checks (max 100)", (extra) => {
      const atomic = db.atomic().set(["a"], bytes(0));
      repeat(100 + extra, (index) => atomic.check({ key: [index], versionstamp: null }));
      return atomic;
    }));

  test("takes a key of 2,048 bytes", (db) =>
    edge(db, "Key too large for write (max 2048 bytes)", (extra) => {
      return db.atomic().set(["é".repeat(1023) + "x".repeat(extra)], bytes(0));
    }));

  test("takes a value of 65,536 bytes", (db) =>
    edge(db, "Value too large (max 65536 bytes)", (extra) => db.atomic().set(["a"], bytes(65_536 + extra))));

  test("takes 81,920 bytes of keys that are set, however many are deleted", (db) =>
    edge(db, "Total key size too large (max 81920 bytes)", (extra) => {
      const atomic = db.atomic().delete(["x".repeat(2000)]);
      repeat(40, (index) => atomic.set([index, "x".repeat(2037)], bytes(0)));
      if (extra > 0) atomic.sum([true], 1n);
      return atomic;
    }));

  test("takes 819,200 bytes: values, keys, and keys of what has a value once more", (db) =>
    edge(db, "Total mutation size too large (max 819200 bytes)", (extra) => {
      const atomic = db.atomic().check({ key: [true], versionstamp: null }).delete([false]).sum(
        [true, true],
        1n,
      );
      repeat(12, (index) => atomic.set([index], bytes(65_536)));
      const used = 1 + 1 + (2 + 2 + 8) + 12 * (9 + 9 + 65_536);
      return atomic.set([false, false], bytes(819_200 - used - 4 + extra));
    }));

  test("refuses an empty key and a malformed versionstamp when it commits", async (db) => {
    await assertRejects(() => db.atomic().set([], bytes(1)).commit(), TypeError, "key cannot be empty");
    const check = db.atomic().check({ key: ["a"], versionstamp: "x" });
    await assertRejects(() => check.commit(), TypeError, "Invalid check");
    const unknown = { key: ["a"], versionstamp: undefined } as unknown as Deno.AtomicCheck;
    assertEquals((await db.atomic().check(unknown).commit()).ok, true, "without one it checks for absence");
  });

  test("refuses an expireIn that is no whole number of milliseconds", (db) => {
    for (const expireIn of [-1, 1.5, NaN, Infinity]) {
      assertThrows(() => db.atomic().set(["a"], bytes(1), { expireIn }), TypeError, "expireIn");
    }
    return Promise.resolve();
  });

  test("reads 10 keys at a time", async (db) => {
    const keys = Array.from({ length: 11 }, (_, index) => [index]);
    assertEquals((await db.getMany(keys.slice(1))).length, 10);
    assertEquals(await db.getMany([]), []);
    await assertRejects(() => db.getMany(keys), TypeError, "Too many ranges (max 10)");
  });

  test("refuses to read a key that couldn't be written", async (db) => {
    assertEquals((await db.get(["x".repeat(2046)])).value, null);
    await assertRejects(() => db.get(["x".repeat(2047)]), TypeError, "Key too large for read");
  });
}

function testLists(test: Test): void {
  const SORTED: readonly Deno.KvKey[] = [
    [new Uint8Array([])],
    [new Uint8Array([0])],
    [new Uint8Array([0, 0])],
    [new Uint8Array([0, 1])],
    [new Uint8Array([1])],
    [new Uint8Array([255])],
    [""],
    ["", ""],
    ["\0"],
    ["A"],
    ["a"],
    ["a", 1],
    ["a", 1, true],
    ["a\0"],
    ["a\0b"],
    ["aa"],
    ["b"],
    ["é"],
    ["\uffff"], // after which UTF-16 would sort what comes next, UTF-8 doesn't
    ["😀"],
    [-(2n ** 70n)],
    [-256n],
    [-255n],
    [-1n],
    [0n],
    [1n],
    [255n],
    [256n],
    [2n ** 64n],
    [2n ** 70n],
    [-Infinity],
    [-1.5],
    [-0],
    [0],
    [1],
    [2],
    [10],
    [1e300],
    [Infinity],
    [NaN],
    [false],
    [true],
  ];

  test("sorts bytes, strings by UTF-8, bigints, numbers, booleans", async (db) => {
    await setAll(db, SORTED.toReversed());
    assertEquals(await keysOf(db.list({ prefix: [] })), SORTED as Deno.KvKey[]);
    assertEquals(await keysOf(db.list({ prefix: [] }, { reverse: true })), SORTED.toReversed());
  });

  test("lists what is under a prefix, without the prefix itself", async (db) => {
    await setAll(db, [["a"], ["a", 1], ["a", 1, 2], ["a", 2], ["ab", 1], ["b", 1]]);
    assertEquals(await keysOf(db.list({ prefix: ["a"] })), [["a", 1], ["a", 1, 2], ["a", 2]]);
    assertEquals(await keysOf(db.list({ prefix: ["a", 1] })), [["a", 1, 2]]);
    assertEquals(await keysOf(db.list({ prefix: ["a"], start: ["a", 1, 2] })), [["a", 1, 2], ["a", 2]]);
    assertEquals(await keysOf(db.list({ prefix: ["a"], end: ["a", 2] })), [["a", 1], ["a", 1, 2]]);
    assertEquals(await keysOf(db.list({ start: ["a", 2], end: ["b", 1] })), [["a", 2], ["ab", 1]]);
    assertEquals(await keysOf(db.list({ start: ["a", 2], end: ["a", 2] })), []);
  });

  test("refuses a selector it can't follow", async (db) => {
    const start_only = { start: ["a"] } as unknown as Deno.KvListSelector;
    assertThrows(() => db.list(start_only), TypeError, "Selector must specify");
    const all = { prefix: ["a"], start: ["a", 1], end: ["a", 2] };
    assertThrows(() => db.list(all), TypeError, "Selector can not specify both");
    for (const selector of [{ prefix: ["a"], start: ["b"] }, { prefix: ["a"], end: ["a"] }]) {
      await assertRejects(() => keysOf(db.list(selector)), TypeError, "not in the keyspace");
    }
    await assertRejects(() => keysOf(db.list({ start: ["b"], end: ["a"] })), TypeError, "greater than end");
    await assertRejects(() => keysOf(db.list({ prefix: ["a"] }, { batchSize: 1001 })), TypeError, "Too many");
    await assertRejects(() => keysOf(db.list({ prefix: ["a"] }, { cursor: "%%" })), TypeError, "cursor");
    assertThrows(() => db.list({ prefix: [] }, { limit: 0 }), Error, "Limit");
  });

  test("goes on where a cursor stands, in both directions", async (db) => {
    const keys = Array.from({ length: 25 }, (_, index) => ["p", index, "x"]);
    await setAll(db, [["o"], ...keys, ["q"]]);
    for (const selector of [{ prefix: ["p"] }, { start: ["p", 0], end: ["q"] }]) {
      for (const reverse of [false, true]) {
        const found: Deno.KvKey[] = [];
        let cursor = "";
        do {
          const page = db.list(selector, { limit: 10, cursor, reverse });
          found.push(...await keysOf(page));
          cursor = page.cursor;
        } while (found.length % 10 === 0);
        assertEquals(found, reverse ? keys.toReversed() : keys);
        assertEquals(cursor, "", "the cursor after the end is empty, and would begin anew");
      }
    }
  });

  test("writes cursors as Deno does, and has none before the first entry", async (db) => {
    await setAll(db, [["b", 1]]);
    const page = db.list({ prefix: ["b"] }, { limit: 1 });
    assertThrows(() => page.cursor, Error, "before first iteration");
    await keysOf(page);
    assertEquals(page.cursor, "Ib_wAAAAAAAA");
    const outside = db.list({ start: ["b", 3], end: ["b", 4] }, { cursor: btoa("\0") });
    await assertRejects(() => keysOf(outside), TypeError, "cursor out of bounds");
  });

  test("shows what was written meanwhile from the next batch on", async (db) => {
    await setAll(db, [[1], [2], [3], [4]]);
    const found: Deno.KvKey[] = [];
    for await (const { key } of db.list({ prefix: [] }, { batchSize: 2 })) {
      if (found.length === 0) await db.atomic().delete([2]).delete([3]).set([5], bytes(1)).commit();
      found.push(key);
    }
    assertEquals(found, [[1], [2], [4], [5]]);
    const last: Deno.KvKey[] = []; // a batch that isn't full is the last one
    for await (const { key } of db.list({ prefix: [] }, { batchSize: 5 })) {
      if (last.length === 0) await setAll(db, [[6]]);
      last.push(key);
    }
    assertEquals(last, [[1], [4], [5]]);
  });
}

function testQueue(test: Test): void {
  test("delivers what was enqueued by operations whose checks held", async (db, { elapse }) => {
    const seen: unknown[] = [];
    const all = Promise.withResolvers<void>();
    const listening = db.listenQueue((message) => {
      seen.push(message);
      if (seen.length === 2) all.resolve();
    });
    await db.atomic().set(["a"], bytes(1)).commit();
    await db.atomic().check({ key: ["a"], versionstamp: null }).enqueue("never").commit();
    await db.enqueue({ text: "one" });
    await db.atomic().enqueue("two", { delay: 10 }).commit();
    await elapse(200);
    await all.promise;
    assertEquals(new Set(seen), new Set([{ text: "one" }, "two"]));
    db.close();
    await listening;
  });

  test("delivers again what a handler failed on", async (db, { elapse }) => {
    let calls = 0;
    const again = Promise.withResolvers<void>();
    const listening = db.listenQueue(() => {
      calls += 1;
      if (calls === 1) throw new Error("this failure is part of a test");
      again.resolve();
    });
    await db.enqueue("x", { backoffSchedule: [1] });
    await elapse(200);
    await again.promise;
    assertEquals(calls, 2);
    db.close();
    await listening;
  });

  test("refuses a delay below zero or above 30 days, and what can't be cloned", async (db) => {
    await assertRejects(() => db.enqueue("x", { delay: -1 }), TypeError, "Delay");
    await assertRejects(() => db.enqueue("x", { delay: 30 * 86_400_000 + 1 }), TypeError, "Delay");
    await assertRejects(() => db.enqueue(() => {}), TypeError, "could not be cloned");
  });
}
