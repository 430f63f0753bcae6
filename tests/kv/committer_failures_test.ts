/**
 * The committer when the database fails: a locked file, a full disk, a server that doesn't answer, too much to do.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertLessOrEqual, assertRejects } from "@std/assert";
import { CommitError } from "../../kv/commit_error.ts";
import { createCommitter } from "../../kv/committer.ts";
import type { Member } from "../../kv/member.ts";
import { AppError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/ports.ts";
import { blind, check, create, many, openBench, set, value, watch, writes } from "../helpers/commits.ts";
import { diskFullError, lockedError } from "../helpers/fake_kv.ts";

const LOCKED = { kind: "throw", error: lockedError() } as const;

function assertUnavailable(
  error: unknown,
  outcome: "not_committed" | "unknown",
): asserts error is CommitError {
  assertInstanceOf(error, CommitError);
  assertInstanceOf(error, AppError);
  assertEquals([error.code, error.outcome], ["unavailable", outcome]);
  assert((error.retry_after_s ?? 0) >= 1);
}

Deno.test("commit() tries a locked file again as the same group, after 1 to 20 ms, and nobody notices", async () => {
  const randoms = [0, 0.999_999, 0.5];
  const { clock, db, committer, reports } = openBench({ random: () => randoms.shift() ?? 0 });
  const tries: number[] = [];
  db.onCommit = (n) => {
    tries.push(clock.now());
    return n <= 3 ? LOCKED : undefined;
  };
  const start = clock.now();
  const group = many(5, (n) => committer.commit(create(["a", n])));
  await clock.advance(0);
  assertEquals(committer.failing_since, start);
  const later = committer.commit(create(["later"]));
  await clock.advance(50);
  assertEquals((await Promise.all([...group, later])).every(({ ok }) => ok), true);
  assertEquals(tries.slice(0, 4).map((at) => Math.round(at - start)), [0, 1, 21, 32]);
  assertEquals(reports.map(({ members, outcome }) => [members, outcome]), [[5, "committed"], [
    1,
    "committed",
  ]]);
  assertEquals([committer.failing_since, committer.stats().locked_retries, clock.pending], [null, 3, 0]);
});

Deno.test("commit() gives a locked file up after 10 s, for all who wait, and goes on when it is free", async () => {
  const { clock, db, committer } = openBench();
  db.onCommit = () => LOCKED;
  const start = clock.now();
  const group = watch(committer.commit(create(["a"])));
  await clock.advance(5000);
  const queued = watch(committer.commit(create(["b"])));
  await clock.advance(4999);
  assertEquals([group.state, queued.state], ["pending", "pending"]);
  await clock.advance(1);
  for (const { error } of [group, queued]) {
    assertUnavailable(error, "not_committed");
    assertEquals(error.cause, LOCKED.error);
  }
  assertEquals(committer.failing_since, start);

  const next = watch(committer.commit(create(["c"]))); // tried, not refused: how else would it end?
  await clock.advance(1000);
  db.onCommit = null;
  await clock.advance(50);
  assertEquals([next.state, committer.failing_since], ["resolved", null]);
  assertEquals([(await db.get(["a"])).value, (await db.get(["b"])).value], [null, null]);
  await committer.idle();
});

Deno.test("commit() rejects a group as unavailable when the disk fails, with the cause, and tries the next", async () => {
  const { clock, db, committer } = openBench();
  const full = diskFullError();
  db.onCommit = (n) => n === 1 ? { kind: "throw", error: full, delay_ms: 5 } : undefined;
  const group = many(3, (n) => watch(committer.commit(create(["a", n]))));
  await clock.advance(1);
  const next = committer.commit(create(["b"]));
  const failing: (number | null)[] = [];
  void next.then(() => failing.push(committer.failing_since));
  await clock.advance(4);
  for (const { error } of group) {
    assertUnavailable(error, "unknown");
    assertEquals(error.cause, full);
  }
  assertEquals((await next).ok, true);
  assertEquals([failing, db.commits, committer.stats().unavailable], [[null], 2, 3]);
});

Deno.test("commit() tells since when commits fail, until one succeeds; a failing check isn't one", async () => {
  const { clock, db, committer } = openBench();
  await committer.commit(create(["a"]));
  db.onCommit = () => ({ kind: "throw", error: diskFullError() });
  await clock.advance(1000);
  const since = clock.now();
  for (let round = 0; round < 3; round++) {
    await assertRejects(() => committer.commit(create(["b"])), CommitError);
    assertEquals(committer.failing_since, since);
    await clock.advance(1000);
  }
  db.onCommit = null;
  assertEquals((await committer.commit(create(["a"]))).ok, false);
  assertEquals(committer.failing_since, since, "a check may fail on a disk that is full");
  await committer.commit(create(["c"]));
  assertEquals(committer.failing_since, null);
});

Deno.test("commit() finds the member that Deno refuses, and rejects only that one with what Deno said", async () => {
  const { db, committer } = openBench();
  const refusal = new TypeError("a refusal of a kind nobody knew of");
  db.onCommit = (_n, write) => writes(write, ["a", 33]) ? { kind: "throw", error: refusal } : undefined;
  const group = many(64, (n) => watch(committer.commit(create(["a", n]))));
  await committer.idle();
  assertEquals(group.map(({ state }) => state), many(64, (n) => n === 33 ? "rejected" : "resolved"));
  assertEquals(group[33]?.error, refusal);
  assertLessOrEqual(db.commits, 1 + 2 * 6);
  assertEquals([committer.failing_since, committer.stats().faults], [null, 1]);
});

Deno.test("commit() doesn't repeat what may have been written", async () => {
  const { db, committer } = openBench();
  db.onCommit = () => ({ kind: "commit_then_throw", error: new Error("connection reset") });
  const group = many(3, (n) => watch(committer.commit(create(["a", n]))));
  await committer.idle();
  for (const { error } of group) assertUnavailable(error, "unknown");
  assertEquals(db.commits, 1);
  assertEquals((await db.get(["a", 0])).value, value(0));
});

Deno.test("commit() whose answer was lost on the way from a KV server is ok: false for the member that checks", async () => {
  const { db, committer } = openBench();
  db.onCommit = (n) => n === 1 ? { kind: "lost" } : undefined;
  const [checking, writing] = await Promise.all([
    committer.commit(create(["a"])),
    committer.commit(blind(set(["b"]))),
  ]);
  assertEquals([checking.ok, writing.ok], [false, true]);
  assertEquals((await db.get(["a"])).value, value(0), "so whoever gets ok: false reads again");
});

Deno.test("commit() gives a database up that doesn't answer for 10 s, and refuses at once until it does", async () => {
  const { clock, db, committer } = openBench();
  db.onCommit = (n) => n === 1 ? { delay_ms: 20_000, answer_delay_ms: 15_000 } : undefined;
  const start = clock.now();
  const group = many(3, (n) => watch(committer.commit(create(["a", n]))));
  await clock.advance(5000);
  const queued = watch(committer.commit(create(["b"])));
  assertEquals(committer.failing_since, null);
  await clock.advance(5000);
  for (const { error } of group) assertUnavailable(error, "unknown");
  assertUnavailable(queued.error, "not_committed");
  assertEquals(committer.failing_since, start);

  const refused = watch(committer.commit(create(["c"])));
  await clock.advance(0);
  assertUnavailable(refused.error, "not_committed");
  const idle = watch(committer.idle());
  await clock.advance(24_999);
  assertEquals(idle.state, "pending", "the answer is still out, and may be a yes");
  await clock.advance(1);
  assertEquals([idle.state, committer.failing_since], ["resolved", null]);
  assertEquals((await db.get(["a", 2])).value, value(0));
  assertEquals((await committer.commit(create(["d"]))).ok, true);
  assertEquals([db.commits, clock.pending], [2, 0]);
});

Deno.test("commit() doesn't bisect a group whose no came after everybody was told", async () => {
  const { clock, db, committer } = openBench();
  await committer.commit(create(["a", 0]));
  db.onCommit = () => ({ delay_ms: 11_000 });
  const group = many(4, (n) => watch(committer.commit(create(["a", n]))));
  await clock.advance(30_000);
  for (const { error } of group) assertUnavailable(error, "unknown");
  assertEquals(db.commits, 2);
});

Deno.test("commit() bisects for 10 s at most, and the settled keep their answers", async () => {
  const { clock, db, committer } = openBench();
  await committer.commit(create(["a", 3]));
  db.onCommit = () => ({ delay_ms: 4000 });
  const group = many(4, (n) => watch(committer.commit(create(["a", n]))));
  await clock.advance(60_000);
  assertEquals(group.map(({ result }) => result?.ok), [true, true, undefined, undefined]);
  for (const { error } of group.slice(2)) assertUnavailable(error, "unknown");
  assertEquals(db.commits, 4, "one, four, the left half, the third");
});

Deno.test("commit() refuses at once when too many members wait, and takes more when they are through", async () => {
  const { clock, db, committer } = openBench({ limits: { queued_members_max: 10 } });
  db.onCommit = () => ({ delay_ms: 5 });
  const first = watch(committer.commit(create(["first"])));
  await clock.advance(1);
  const waiting = many(10, (n) => watch(committer.commit(create(["a", n]))));
  const refused = watch(committer.commit(create(["b"])));
  await clock.advance(0);
  assertUnavailable(refused.error, "not_committed");
  await clock.advance(4);
  const next = watch(committer.commit(create(["c"])));
  await clock.advance(10);
  assertEquals([first, ...waiting, next].every(({ state }) => state === "resolved"), true);
  assertEquals(committer.stats().unavailable, 1);
});

Deno.test("commit() counts the bytes that wait, not those under way or turned away", async () => {
  const { clock, db, committer } = openBench({ limits: { queued_bytes_max: 100_000 } });
  db.onCommit = () => ({ delay_ms: 5 });
  const member = (n: number): Member => blind(set([n], 0, 40_000));
  for (let round = 0; round < 3; round++) {
    const under_way = watch(committer.commit(member(0)));
    await clock.advance(1);
    const results = many(3, (n) => watch(committer.commit(member(n))));
    await clock.advance(9);
    assertEquals([under_way, ...results].map(({ state }) => state), [
      "resolved",
      "resolved",
      "resolved",
      "rejected",
    ]);
    assertUnavailable(results[2]?.error, "not_committed");
  }
});

Deno.test("commit() forgets the bytes of those it gave up", async () => {
  const { clock, db, committer } = openBench({ limits: { queued_bytes_max: 100_000 } });
  db.onCommit = () => LOCKED;
  const lost = [watch(committer.commit(create(["under way"])))];
  await clock.advance(1);
  lost.push(...many(2, (n) => watch(committer.commit(blind(set([n], 0, 40_000))))));
  await clock.advance(10_050);
  assertEquals(lost.map(({ state }) => state), many(3, () => "rejected"));
  db.onCommit = null;
  const results = many(2, (n) => committer.commit(blind(set([n], 0, 40_000))));
  assertEquals((await Promise.all(results)).map(({ ok }) => ok), [true, true]);
});

Deno.test("commit() survives a database that was closed", async () => {
  const { db, committer } = openBench();
  db.close();
  const error = await assertRejects(() => committer.commit(create(["a"])), CommitError);
  assertUnavailable(error, "unknown");
  await committer.idle();
});

const wall_clock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  after: (delay_ms, run) => {
    const timer = setTimeout(run, delay_ms);
    return () => clearTimeout(timer);
  },
};

Deno.test("commit() of two committers on one file, both busy, never fails, and no update is lost", async () => {
  const folder = await Deno.makeTempDir();
  const handles = await Promise.all(many(2, () => Deno.openKv(`${folder}/kv.sqlite3`)));
  const committers = handles.map((db) => createCommitter({ db, clock: wall_clock, random: Math.random }));
  let counted = 0;
  /** Counts up by reading and writing, checked, until it got through. */
  async function countUp(which: number): Promise<void> {
    for (let ok = false; !ok;) {
      const [kv, committer] = [handles[which], committers[which]];
      assert(kv !== undefined && committer !== undefined);
      const { value: old, versionstamp } = await kv.get<Uint8Array<ArrayBuffer>>(["counter"]);
      const next = value((old?.[0] ?? 0) + 1);
      const mutations = [{ kind: "set", key: ["counter"], value: next }] as const;
      ({ ok } = await committer.commit({ checks: [check(["counter"], versionstamp)], mutations }));
    }
    counted += 1;
  }
  async function insert(which: number, run: number): Promise<void> {
    for (let n = 0; n < 60; n++) {
      const result = await committers[which]?.commit(create(["row", which, run, n]));
      assertEquals(result?.ok, true);
    }
  }
  await Promise.all([0, 1].flatMap((which) => [
    ...many(20, (run) => insert(which, run)),
    ...many(20, () => countUp(which)),
  ]));
  const rows = await Array.fromAsync(handles[0]?.list({ prefix: ["row"] }) ?? []);
  assertEquals([rows.length, counted, (await handles[1]?.get(["counter"]))?.value], [2400, 40, value(40)]);
  assertEquals(
    committers.map((committer) => [committer.failing_since, committer.stats().unavailable]),
    many(2, () => [null, 0]),
  );
  for (const handle of handles) handle.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("commit() is durable when it resolves: another handle reads it at once", async () => {
  const folder = await Deno.makeTempDir();
  const handles = await Promise.all(many(2, () => Deno.openKv(`${folder}/kv.sqlite3`)));
  const [first, second] = handles;
  assert(first !== undefined && second !== undefined);
  const committer = createCommitter({ db: first, clock: wall_clock, random: Math.random });
  await Promise.all(many(50, async (n) => {
    const result = await committer.commit(create(["a", n]));
    assertEquals((await second.get(["a", n])).versionstamp, result.ok ? result.versionstamp : "none");
  }));
  for (const handle of handles) handle.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("commit() waits 30 s more for an answer that may never come, then goes on without it", async () => {
  const { clock, db, committer } = openBench();
  db.onCommit = (n) => n === 1 ? { kind: "hang", written: true } : undefined;
  const first = watch(committer.commit(create(["a"])));
  await clock.advance(10_000);
  assertUnavailable(first.error, "unknown");
  await clock.advance(29_999);
  const refused = watch(committer.commit(create(["b"])));
  await clock.advance(0);
  assertUnavailable(refused.error, "not_committed");
  await clock.advance(1);
  assertEquals((await committer.commit(create(["c"]))).ok, true);
  assertEquals([db.commits, committer.failing_since, clock.pending], [2, null, 0]);
});

Deno.test("commit() tells why commits fail, in words, until one succeeds", async () => {
  const { clock, db, committer } = openBench();
  const faults = [
    [{ kind: "throw", error: diskFullError() }, "the disk is full"],
    [LOCKED, "another process holds the database"],
    [{ kind: "throw", error: new TypeError("disk I/O error") }, "the disk fails, or is full"],
    [{ kind: "throw", error: new Error("marker of an error") }, "the database failed"],
  ] as const;
  for (const [fault, because] of faults) {
    db.onCommit = () => fault;
    const failed = watch(committer.commit(create(["a"])));
    await clock.advance(12_000);
    assertInstanceOf(failed.error, CommitError);
    assertEquals([failed.error.message, committer.failing_because], [`Cannot write: ${because}`, because]);
  }
  db.onCommit = null;
  await clock.advance(1000);
  await committer.commit(create(["b"]));
  assertEquals(committer.failing_because, null);
});
