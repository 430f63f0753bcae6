/**
 * The fake KV: the contract it shares with the real one, random operations on both, and what only a fake can do.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { diskFullError, FakeKv, lockedError } from "../helpers/fake_kv.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import { bytes, type OpenedDatabase, testDatabaseContract, type WholeDatabase } from "./database_contract.ts";

function closing(db: WholeDatabase): () => Promise<void> {
  return () => {
    try {
      db.close();
    } catch {
      // the test closed it
    }
    return Promise.resolve();
  };
}

function openFake(): Promise<OpenedDatabase> {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  return Promise.resolve({ db, elapse: clock.advance, [Symbol.asyncDispose]: closing(db) });
}

async function openMemory(): Promise<OpenedDatabase> {
  const db = await Deno.openKv(":memory:");
  return { db, elapse: () => Promise.resolve(), [Symbol.asyncDispose]: closing(db) };
}

async function openFile(): Promise<OpenedDatabase> {
  const folder = await Deno.makeTempDir();
  const db = await Deno.openKv(`${folder}/kv.sqlite3`);
  return {
    db,
    elapse: () => Promise.resolve(),
    async [Symbol.asyncDispose](): Promise<void> {
      await closing(db)();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

testDatabaseContract("FakeKv", openFake);
testDatabaseContract("Deno.Kv in memory", openMemory);
testDatabaseContract("Deno.Kv in a file", openFile);

type Made<A> = A extends fc.Arbitrary<infer T> ? T : never;

const part: fc.Arbitrary<Deno.KvKeyPart> = fc.oneof(
  fc.constantFrom("", "a", "ab", "\0", "é", "😀"),
  fc.constantFrom(0, 1, -1, 1.5, -0),
  fc.constantFrom(0n, 1n, -1n, 300n),
  fc.boolean(),
  fc.constantFrom(...[[], [0], [1, 255]].map((each) => new Uint8Array(each))),
);
const recordKey = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts): Deno.KvKey => ["r", ...parts]);
const sumKey = fc.nat(3).map((n): Deno.KvKey => ["s", n]);
const mutation = fc.oneof(
  fc.record({ type: fc.constant("set" as const), key: recordKey, fill: fc.nat(255) }),
  fc.record({ type: fc.constant("delete" as const), key: fc.oneof(recordKey, sumKey) }),
  fc.record({
    type: fc.constantFrom("sum" as const, "min", "max"),
    key: sumKey,
    n: fc.bigInt(0n, 2n ** 64n - 1n),
  }),
);
const operation = fc.record({
  /** Keys to check as they are now, and whether the check is made to fail. */
  checks: fc.array(fc.tuple(recordKey, fc.nat(9).map((n) => n > 0)), { maxLength: 2 }),
  mutations: fc.array(mutation, { maxLength: 6 }),
});
const selector: fc.Arbitrary<Deno.KvListSelector> = fc.oneof(
  fc.array(part, { maxLength: 2 }).map((parts) => ({ prefix: parts })),
  fc.array(part, { maxLength: 1 }).map((parts) => ({ prefix: ["r", ...parts] })),
  fc.tuple(recordKey, recordKey).map(([start, end]) => ({ start, end })),
  fc.tuple(recordKey, recordKey).map(([start, end]) => ({ prefix: start.slice(0, 1), end })),
);
const listing = fc.record({
  selector,
  limit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  batchSize: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  reverse: fc.boolean(),
});

async function run(
  db: WholeDatabase,
  { checks, mutations }: Made<typeof operation>,
): Promise<boolean> {
  const atomic = db.atomic();
  for (const [key, holds] of checks) {
    const { versionstamp } = await db.get(key);
    atomic.check({ key, versionstamp: holds ? versionstamp : "f".repeat(20) });
  }
  for (const each of mutations) {
    if (each.type === "set") atomic.set(each.key, bytes(3, each.fill));
    else if (each.type === "delete") atomic.delete(each.key);
    else atomic[each.type](each.key, each.n);
  }
  return (await atomic.commit()).ok;
}

/** What a walk shows, the versionstamps replaced by their rank: the numbers themselves are each database's own. */
async function walk(
  db: WholeDatabase,
  { selector, ...options }: Made<typeof listing>,
): Promise<unknown> {
  const all = await Array.fromAsync(db.list({ prefix: [] }));
  const ranks = [...new Set(all.map(({ versionstamp }) => versionstamp))].sort();
  const defined = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const seen: unknown[] = [];
  try {
    const list = db.list(selector, defined);
    for await (const { key, value, versionstamp } of list) {
      seen.push([key, value, ranks.indexOf(versionstamp), list.cursor]);
    }
    return seen;
  } catch (error) {
    return [seen, error instanceof Error ? `${error.name}: ${error.message}` : error];
  }
}

Deno.test("FakeKv answers random operations and lists as Deno.Kv does", async () => {
  const steps = fc.array(fc.oneof(operation, listing), { minLength: 5, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      await using fake = await openFake();
      await using real = await openMemory();
      for (const step of steps) {
        if ("selector" in step) assertEquals(await walk(fake.db, step), await walk(real.db, step));
        else assertEquals(await run(fake.db, step), await run(real.db, step));
      }
      const everything = { selector: { prefix: [] }, limit: undefined, batchSize: 3, reverse: false };
      assertEquals(await walk(fake.db, everything), await walk(real.db, everything));
    }),
    { numRuns: 150 },
  );
});

Deno.test("FakeKv lets entries expire by its clock, late if told so", async () => {
  const clock = createManualClock();
  for (const late_ms of [0, 60_000]) {
    const db = new FakeKv({ clock, expiry_late_ms: late_ms });
    await db.atomic().set(["a"], bytes(1), { expireIn: 1000 }).commit();
    await clock.advance(999 + late_ms);
    const { versionstamp } = await db.get(["a"]);
    assert(versionstamp !== null);
    const absent = { key: ["a"], versionstamp: null };
    assertEquals((await db.atomic().check(absent).commit()).ok, false);
    await clock.advance(1);
    assertEquals((await db.get(["a"])).value, null);
    assertEquals(await Array.fromAsync(db.list({ prefix: [] })), []);
    assertEquals((await db.atomic().check({ key: ["a"], versionstamp }).commit()).ok, false);
    assertEquals((await db.atomic().check(absent).set(["a"], bytes(1)).commit()).ok, true);
    await clock.advance(1_000_000);
    assertEquals((await db.get(["a"])).value, bytes(1), "without expireIn a record is permanent");
  }
});

Deno.test("FakeKv.onCommit orders faults: before, after, and instead of the effect", async () => {
  const db = new FakeKv({ clock: createManualClock() });
  const set = (n: number): Promise<unknown> => db.atomic().set([n], bytes(1)).commit();
  const written = async (n: number): Promise<boolean> => (await db.get([n])).value !== null;
  db.onCommit = (n) =>
    [
      undefined,
      { kind: "conflict" as const },
      { kind: "lost" as const },
      { kind: "throw" as const, error: lockedError() },
      { kind: "commit_then_throw" as const, error: diskFullError() },
    ][n - 1];
  assertEquals((await db.atomic().set([1], bytes(1)).commit()).ok, true);
  assertEquals(await set(2), { ok: false });
  assertEquals(await set(3), { ok: false });
  await assertRejects(() => set(4), TypeError, "locked");
  await assertRejects(() => set(5), TypeError, "full");
  const effects = [await written(1), await written(2), await written(3), await written(4), await written(5)];
  assertEquals(effects, [true, false, true, false, true]);
  assertEquals(db.commits, 5);
});

Deno.test("FakeKv.onCommit delays effect and answer on the clock", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  db.onCommit = () => ({ delay_ms: 10, answer_delay_ms: 20 });
  let answered = false;
  void db.atomic().set(["a"], bytes(1)).commit().then(() => answered = true);
  await clock.advance(9);
  assertEquals([(await db.get(["a"])).value, answered], [null, false]);
  await clock.advance(1);
  assertEquals([(await db.get(["a"])).value, answered], [bytes(1), false]);
  await clock.advance(20);
  assertEquals(answered, true);
});

Deno.test("FakeKv.crash() loses what isn't applied yet, and a sibling sees the rest", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  await db.atomic().set(["kept"], bytes(1)).commit();
  db.onCommit = () => ({ delay_ms: 10 });
  let answered = false;
  void db.atomic().set(["lost"], bytes(1)).commit().then(() => answered = true);
  await clock.advance(5);
  db.crash();
  void db.get(["kept"]).then(() => answered = true);
  const next = db.sibling();
  await clock.advance(100);
  assertEquals(answered, false);
  assertEquals((await next.get(["kept"])).value, bytes(1));
  assertEquals((await next.get(["lost"])).value, null);
});

Deno.test("FakeKv.sibling() shares the data, FakeKv.clone() copies them", async () => {
  const db = new FakeKv({ clock: createManualClock() });
  const [sibling, copy] = [db.sibling(), db.clone()];
  await sibling.atomic().set(["a"], bytes(1)).commit();
  assertEquals((await db.get(["a"])).value, bytes(1));
  assertEquals((await copy.get(["a"])).value, null);
  db.close();
  assertEquals((await sibling.get(["a"])).value, bytes(1));
});

Deno.test("FakeKv without a queue throws on enqueue and hangs on listenQueue, as a KV server does", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock, queue: false, checks_max: 10 });
  await assertRejects(() => db.enqueue("x"), Error, "not supported in KV Connect");
  let returned = false;
  void db.listenQueue(() => {}).then(() => returned = true);
  await clock.advance(100_000);
  assertEquals(returned, false);
  const atomic = db.atomic();
  for (let n = 0; n < 11; n++) atomic.check({ key: [n], versionstamp: null });
  await assertRejects(() => atomic.commit(), TypeError, "Too many checks (max 10)");
});

Deno.test("FakeKv delivers messages by the clock, to listeners in turn, and to another process by its poll", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  const seen: string[] = [];
  void db.listenQueue((message) => void seen.push(`a${message}`));
  void db.listenQueue((message) => void seen.push(`b${message}`));
  await db.enqueue(1, { delay: 500 });
  await db.enqueue(2, { delay: 300 });
  await clock.advance(299);
  assertEquals(seen, []);
  await clock.advance(1);
  assertEquals(seen, ["a2"]);
  await clock.advance(200);
  assertEquals(seen, ["a2", "b1"]);
  await db.sibling().enqueue(3);
  await clock.advance(59_000);
  assertEquals(seen.length, 2, "nobody woke this process");
  await clock.advance(1000);
  assertEquals(seen.length, 3);
});

Deno.test("FakeKv gives a crashed process's messages to another after 5 s, and undelivered ones to their keys", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  void db.listenQueue(() => new Promise(() => {}));
  await db.enqueue("work", { backoffSchedule: [], keysIfUndelivered: [["dead", 1]] });
  await clock.advance(0);
  db.crash();
  const next = db.sibling();
  const seen: unknown[] = [];
  void next.listenQueue((message) => {
    seen.push(message);
    throw new Error("this failure is part of a test");
  });
  await clock.advance(4999);
  assertEquals(seen, []);
  await clock.advance(1);
  assertEquals(seen, ["work"]);
  assertEquals((await next.get(["dead", 1])).value, "work");
});
