/**
 * The committer in good weather and under load: groups, conflicts, order, fairness, limits.
 *
 * What happens when the database fails is in `committer_failures_test.ts`; the proof over random members is in
 * `committer_serial_test.ts`.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { ATOMIC_LIMITS } from "../../kv/commit_limits.ts";
import type { GroupReport } from "../../kv/commit_stats.ts";
import type { CommitResult } from "../../kv/commit_result.ts";
import { createCommitter } from "../../kv/committer.ts";
import { measureKey, measureMember, type Member } from "../../kv/member.ts";
import { blind, check, create, many, openBench, set, value, watch } from "../helpers/commits.ts";
import { createManualClock } from "../helpers/manual_clock.ts";

function sizes(reports: readonly GroupReport[]): number[] {
  return reports.map(({ members }) => members);
}

function oks(results: readonly CommitResult[]): boolean[] {
  return results.map(({ ok }) => ok);
}

Deno.test("commit() of an idle committer commits at once, without a timer", async () => {
  const { clock, db, committer, reports } = openBench();
  const result = await committer.commit(create(["a"], 7)); // the clock stands still
  assert(result.ok);
  assertEquals(await db.get(["a"]), { key: ["a"], value: value(7), versionstamp: result.versionstamp });
  assertEquals([sizes(reports), clock.pending], [[1], 0]);
});

Deno.test("commit() groups what arrives while an operation is under way, and what arrives within one turn", async () => {
  const { clock, db, committer, reports } = openBench();
  db.onCommit = () => ({ delay_ms: 5 });
  const first = many(3, (n) => committer.commit(create(["a", n])));
  await clock.advance(1);
  const meanwhile = many(40, (n) => committer.commit(create(["b", n])));
  await clock.advance(1);
  meanwhile.push(committer.commit(create(["c"])));
  await clock.advance(10);
  assertEquals(oks(await Promise.all([...first, ...meanwhile])), many(44, () => true));
  assertEquals(sizes(reports), [3, 41]);
  assertEquals(
    new Set((await Promise.all(meanwhile)).map((result) => result.ok && result.versionstamp)).size,
    1,
  );
});

Deno.test("commit() of one idempotency key twice at once lets the first one pass only", async () => {
  const { committer, reports } = openBench();
  const results = await Promise.all([
    committer.commit(create(["key"], 1)),
    committer.commit(create(["key"], 2)),
  ]);
  assertEquals([oks(results), sizes(reports)], [[true, false], [1, 1]]);
});

Deno.test("commit() keeps members apart of which one checks what the other writes, and no others", async () => {
  const touch: Record<string, Member> = {
    checks: { checks: [check(["k"])], mutations: [] },
    sets: blind(set(["k"])),
    deletes: blind({ kind: "delete", key: ["k"] }),
    marks: blind({ kind: "mark", key: ["k"] }),
  };
  const apart = (a: string, b: string): boolean => (a === "checks") !== (b === "checks");
  for (const [a, first] of Object.entries(touch)) {
    for (const [b, second] of Object.entries(touch)) {
      const { committer, reports } = openBench();
      await Promise.all([committer.commit(first), committer.commit(second)]);
      assertEquals(sizes(reports), apart(a, b) ? [1, 1] : [2], `one ${a}, then one ${b}`);
    }
  }
});

Deno.test("commit() passes over members that conflict, and lets the others join", async () => {
  const { committer, reports } = openBench();
  const results = await Promise.all([
    committer.commit(create(["hot"], 1)),
    ...many(10, (n) => committer.commit(create(["a", n]))),
    committer.commit(create(["hot"], 2)),
    ...many(10, (n) => committer.commit(create(["b", n]))),
  ]);
  assertEquals(oks(results), many(22, (n) => n !== 11));
  assertEquals(sizes(reports), [21, 1]);
});

Deno.test("commit() lets nobody overtake a member that waits, on any key of it", async () => {
  const { db, committer, reports } = openBench();
  await Promise.all([
    committer.commit({ checks: [check(["hot"])], mutations: [] }),
    committer.commit(blind(set(["x"], 0))),
    committer.commit(blind(set(["hot"]), set(["x"], 1), { kind: "mark", key: ["m"] })), // waits
    committer.commit(blind(set(["x"], 2))), // blind, but after it
    committer.commit(blind(set(["x"], 3))),
    committer.commit(blind({ kind: "delete", key: ["m"] })), // must not come before the mark
    committer.commit({ checks: [check(["x"])], mutations: [] }), // must see it: fails
    committer.commit(blind({ kind: "mark", key: ["n"] })), // touches nothing of it
  ]);
  assertEquals(sizes(reports), [3, 4, 1]);
  assertEquals([(await db.get(["x"])).value, (await db.get(["m"])).value], [value(3), null]);
  assertEquals(committer.stats().conflicts, 1);
});

Deno.test("commit() lets marks overtake marks: a lane's deliveries don't wait for each other", async () => {
  const { committer, reports } = openBench();
  const mark = { kind: "mark", key: ["agenda", 1, "lane"] } as const;
  await Promise.all([
    committer.commit({ checks: [check(["hot"])], mutations: [set(["hot"]), mark] }),
    committer.commit({ checks: [check(["hot"])], mutations: [set(["hot"]), mark] }),
    ...many(20, (n) => committer.commit({ checks: [check(["d", n])], mutations: [set(["d", n]), mark] })),
  ]);
  assertEquals(sizes(reports), [21, 1]);
});

Deno.test("commit() settles members of one hot key in the order they arrived, one per group", async () => {
  const { committer, reports } = openBench({ limits: { passed_over_max: 8 } });
  const settled: number[] = [];
  const members = many(30, async (n) => {
    const { ok } = await committer.commit(create(["hot"], n));
    settled.push(n);
    return ok;
  });
  assertEquals(await Promise.all(members), many(30, (n) => n === 0));
  assertEquals(settled, many(30, (n) => n));
  assertEquals(sizes(reports), many(30, () => 1));
});

Deno.test("commit() looks no further than so many members that conflict: a queue of them isn't walked every time", async () => {
  for (const [passed_over_max, expected] of [[1, [1, 2, 1, 1]], [2, [2, 1]]] as const) {
    const { committer, reports } = openBench({ limits: { passed_over_max } });
    const members = [create(["hot"]), create(["hot"]), create(["other"])];
    assertEquals(oks(await Promise.all(members.map((each) => committer.commit(each)))), [true, false, true]);
    assertEquals(sizes(reports), expected as unknown as number[]);
  }
});

Deno.test("commit() applies blind writes of one key in the order they arrived, in one group", async () => {
  const { db, committer, reports } = openBench();
  await Promise.all(many(50, (n) => committer.commit(blind(set(["last"], n)))));
  await Promise.all([
    committer.commit(blind(set(["gone"]))),
    committer.commit(blind({ kind: "delete", key: ["gone"] })),
  ]);
  assertEquals([(await db.get(["last"])).value, (await db.get(["gone"])).value], [value(49), null]);
  assertEquals(sizes(reports), [50, 2]);
});

Deno.test("commit() writes one mark per key and group, and keeps its place among other writes of the key", async () => {
  const { db, committer } = openBench();
  const seen: string[][] = [];
  db.onCommit = (_n, write) => {
    seen.push(write.mutations.map(({ type, key }) => `${type} ${key.join(" ")}`));
    return undefined;
  };
  const mark = (...key: Deno.KvKeyPart[]): Promise<CommitResult> =>
    committer.commit(blind({ kind: "mark", key }));
  await Promise.all([
    mark("m", 1),
    mark("m", 2),
    mark("m", 1),
    committer.commit(blind({ kind: "delete", key: ["m", 1] })),
    mark("m", 1),
    mark("m", 2),
  ]);
  assertEquals(seen, [["set m 1", "set m 2", "delete m 1", "set m 1"]]);
  assertEquals((await db.get(["m", 1])).value, new Uint8Array(0));
});

Deno.test("commit() writes both marks of two keys whose fingerprints collide, and keeps members on them apart", async () => {
  const [a, b] = collidingKeys();
  const { db, committer, reports } = openBench();
  const marks = blind({ kind: "mark", key: a }, { kind: "mark", key: b });
  await committer.commit(marks);
  assertEquals([(await db.get(a)).value, (await db.get(b)).value], many(2, () => new Uint8Array(0)));
  const results = await Promise.all([
    committer.commit({ checks: [check(["c"])], mutations: [set(a)] }),
    committer.commit({ checks: [check(b, (await db.get(b)).versionstamp)], mutations: [set(["d"])] }),
  ]);
  assertEquals([oks(results), sizes(reports)], [[true, true], [1, 1, 1]]);
});

/** Two keys with one fingerprint: among a few hundred thousand there are some. */
function collidingKeys(): [Deno.KvKey, Deno.KvKey] {
  const seen = new Map<number, Deno.KvKey>();
  for (let n = 0; n < 2_000_000; n++) {
    const key = ["k", Math.imul(n, 0x9e37_79b1).toString(36), n];
    const { print } = measureKey(key);
    const other = seen.get(print);
    if (other !== undefined) return [other, key];
    seen.set(print, key);
  }
  throw new Error("no two prints of two million collide: they aren't 32 bits long");
}

Deno.test("commit() tells only the one at fault when a check of a group fails, after few operations", async () => {
  for (const culprits of [[0], [99], [37], [3, 4], [0, 50, 99]]) {
    const { db, committer } = openBench();
    await Promise.all(culprits.map((n) => committer.commit(create(["k", n], 1))));
    const before = db.commits;
    const results = await Promise.all(many(100, (n) => committer.commit(create(["k", n], 2))));
    assertEquals(oks(results), many(100, (n) => !culprits.includes(n)));
    assertLessOrEqual(db.commits - before, 1 + 2 * 7 * culprits.length, `${culprits}`);
    assertEquals((await db.get(["k", culprits[0] ?? 0])).value, value(1));
    assertEquals(committer.stats().conflicts, culprits.length);
  }
});

Deno.test("commit() settles the halves of a group before what arrived meanwhile", async () => {
  const { clock, db, committer, reports } = openBench();
  await committer.commit(create(["k", 5]));
  db.onCommit = () => ({ delay_ms: 1 });
  const order: string[] = [];
  const note = (name: string) => (): number => order.push(name);
  const group = many(8, (n) => committer.commit(create(["k", n])).then(note("group")));
  await clock.advance(0.5);
  const later = many(8, (n) => committer.commit(create(["later", n])).then(note("later")));
  await clock.advance(100);
  await Promise.all([...group, ...later]);
  assertEquals(order, [...many(8, () => "group"), ...many(8, () => "later")]);
  // The whole; its left half; the right one is known to fail and not tried whole: its halves, the first in singles.
  assertEquals(sizes(reports).slice(1), [8, 4, 2, 1, 1, 2, 8]);
});

Deno.test("commit() commits a sum alone, so that a spoilt one spoils nobody", async () => {
  using kv = await Deno.openKv(":memory:"); // the real one keeps what stood before a sum that fails
  const committer = createCommitter({ db: kv, clock: createManualClock(), random: Math.random });
  await kv.set(["spoilt"], value(1));
  const [before, sum, spoilt, after] = [
    committer.commit(create(["before"])),
    committer.commit(blind({ kind: "sum", key: ["n"], amount: 2n }, { kind: "sum", key: ["n"], amount: 3n })),
    committer.commit(blind({ kind: "sum", key: ["spoilt"], amount: 1n })),
    committer.commit(create(["after"])),
  ];
  await assertRejects(() => spoilt, TypeError, "non-U64 value");
  assertEquals(oks(await Promise.all([before, sum, after])), [true, true, true]);
  assertEquals((await kv.get<Deno.KvU64>(["n"])).value, new Deno.KvU64(5n));
  const { groups, faults, bisections } = committer.stats();
  assertEquals([groups, faults, bisections, committer.failing_since], [3, 1, 0, null]);
});

Deno.test("commit() holds a single event up by no more than a chunk of somebody's 50,000", async () => {
  const { clock, db, committer } = openBench();
  db.onCommit = () => ({ delay_ms: 5 });
  let handed_in = 0;
  async function batch(): Promise<void> {
    while (handed_in < 50_000) {
      await Promise.all(many(100, () => committer.commit(create(["batch", handed_in++]))));
    }
  }
  void batch();
  const waits: number[] = [];
  for (let event = 0; event < 20; event++) {
    await clock.advance(7.3);
    const before = db.commits;
    const single = watch(committer.commit(create(["single", event])));
    while (single.state === "pending") await clock.advance(1);
    waits.push(db.commits - before);
  }
  assertLess(handed_in, 10_000, "the batch is still at work");
  assertLessOrEqual(Math.max(...waits), 2, "the chunk that waits already, and its own");
});

Deno.test("commit() packs groups to each limit of a real KV, and none is refused", async () => {
  const loads: Record<string, (n: number) => Member> = {
    checks: (n) => create(["c", n]),
    mutations: (n) => blind(...many(7, (i) => set(["m", n, i]))),
    bytes: (n) => blind(set(["v", n], 0, n * 7919 % 65_536), set(["w", n], 0, n * 104_729 % 3000)),
    key_bytes: (n) => blind(set(["k", n, "x".repeat(n * 7919 % 2000)])),
    mixed: (n) => ({
      checks: many(n % 3, (i) => check(["absent", n, i])),
      mutations: many(n % 9, (i) => set(["x", n, "y".repeat(n * i % 700)], 0, n * i * 31 % 20_000)),
    }),
  };
  for (const [limit, load] of Object.entries(loads)) {
    using kv = await Deno.openKv(":memory:");
    const reports: GroupReport[] = [];
    const onGroup = (report: GroupReport): unknown => reports.push(report);
    const committer = createCommitter({ db: kv, clock: createManualClock(), random: Math.random, onGroup });
    const members = many(1500, load);
    const results = await Promise.all(members.map((member) => committer.commit(member)));
    assertEquals(results.filter(({ ok }) => !ok), [], limit);
    assertEquals(reports.filter(({ outcome }) => outcome !== "committed"), [], limit);
    assertFull(members, sizes(reports), limit);
  }
});

/** No group could have taken the member after it. */
function assertFull(members: readonly Member[], sizes: readonly number[], limit: string): void {
  const measured = members.map((member) => measureMember(member));
  let start = 0;
  for (const size of sizes.slice(0, -1)) {
    const group = measured.slice(start, start + size + 1);
    const sum = (of: (member: typeof group[number]) => number): number =>
      group.reduce((all, each) => all + of(each), 0);
    const over = sum(({ check_prints }) => check_prints.length) > ATOMIC_LIMITS.checks_max ||
      sum(({ mutation_prints }) => mutation_prints.length) > ATOMIC_LIMITS.mutations_max ||
      sum(({ bytes }) => bytes) > ATOMIC_LIMITS.bytes_max ||
      sum(({ key_bytes_total }) => key_bytes_total) > ATOMIC_LIMITS.key_bytes_total_max;
    assert(over, `${limit}: a group of ${size} from ${start} had room for one more`);
    start += size;
  }
}

Deno.test("commit() keeps to the 10 checks of a KV server where it is told to", async () => {
  const { committer, reports } = openBench({
    limits: { checks_max: 10 },
    kv: { checks_max: 10, queue: false },
  });
  const results = await Promise.all(many(95, (n) => committer.commit(create(["a", n]))));
  assertEquals([oks(results).every(Boolean), sizes(reports)], [true, [...many(9, () => 10), 5]]);
});

Deno.test("commit() refuses a member that no operation could hold at once, and the others don't notice", async () => {
  const { committer, reports } = openBench();
  const good = many(3, (n) => committer.commit(create(["a", n])));
  const bad = committer.commit(blind(set(["b"], 0, 65_537)));
  const more = many(3, (n) => committer.commit(create(["c", n])));
  await assertRejects(() => bad, AssertionError, "at most 65536 bytes in a value, current value is 65537");
  assertEquals(oks(await Promise.all([...good, ...more])), many(6, () => true));
  assertEquals([sizes(reports), committer.stats().faults], [[6], 0]);
});

Deno.test("commit() takes a member of checks only, and one of nothing", async () => {
  const { committer } = openBench();
  await committer.commit(create(["a"]));
  const results = await Promise.all([
    committer.commit({ checks: [check(["b"])], mutations: [] }),
    committer.commit({ checks: [check(["a"])], mutations: [] }),
    committer.commit({ checks: [], mutations: [] }),
  ]);
  assertEquals(oks(results), [true, false, true]);
});

Deno.test("commit() passes expire_in_ms on, and a set without it is permanent", async () => {
  const { clock, db, committer } = openBench();
  const passing = { kind: "set", key: ["a"], value: value(1), expire_in_ms: 1000 } as const;
  await committer.commit(blind(passing, { ...passing, key: ["b"] }));
  await committer.commit(blind(set(["b"], 2)));
  await clock.advance(1000);
  assertEquals([(await db.get(["a"])).value, (await db.get(["b"])).value], [null, value(2)]);
});

Deno.test("idle() resolves when nothing waits or is under way", async () => {
  const { clock, db, committer } = openBench();
  await committer.idle();
  db.onCommit = () => ({ delay_ms: 5 });
  void committer.commit(create(["a"]));
  await clock.advance(1);
  void committer.commit(create(["b"]));
  const [idle, another] = [watch(committer.idle()), watch(committer.idle())];
  await clock.advance(8);
  assertEquals(idle.state, "pending");
  await clock.advance(1);
  assertEquals([idle.state, another.state, clock.pending], ["resolved", "resolved", 0]);
});

Deno.test("stats() and onGroup() count what was done", async () => {
  const { clock, db, committer, reports } = openBench();
  await committer.commit(create(["k", 1]));
  db.onCommit = () => ({ delay_ms: 3 });
  const members = many(4, (n) => create(["k", n]));
  const group = members.map((member) => committer.commit(member));
  assertEquals(committer.stats().queued, 4);
  await clock.advance(100);
  await Promise.all(group);
  const bytes = measureMember(members[0] ?? blind()).bytes;
  const report = (members: number, outcome: string, duration_ms: number): unknown => {
    return { members, bytes: members * bytes, duration_ms, outcome };
  };
  assertEquals(reports as unknown[], [
    report(1, "committed", 0),
    report(4, "conflict", 3),
    report(2, "conflict", 3),
    report(1, "committed", 3),
    report(1, "conflict", 3),
    report(2, "committed", 3),
  ]);
  assertEquals(committer.stats(), {
    groups: 3,
    members: 4,
    conflicts: 1,
    faults: 0,
    unavailable: 0,
    bisections: 2,
    locked_retries: 0,
    queued: 0,
  });
});
