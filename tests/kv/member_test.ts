/**
 * The size of a member is what Deno KV counts, to the byte, and nothing that KV would refuse gets into a group.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  AssertionError,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { buildAtomic } from "../../kv/commit_group.ts";
import { ATOMIC_LIMITS } from "../../kv/commit_limits.ts";
import { measureKey, measureMember, type Member, type Mutation, sameKey } from "../../kv/member.ts";
import { encodeKey } from "../helpers/fake_kv_key.ts";

const part: fc.Arbitrary<Deno.KvKeyPart> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constantFrom("\0", "a\0b", "\ud800", "\udfff-", "\ufffd"),
  fc.double(),
  fc.integer(),
  fc.bigInt(-(2n ** 80n), 2n ** 80n),
  fc.boolean(),
  fc.uint8Array({ maxLength: 8 }),
);
const key: fc.Arbitrary<Deno.KvKey> = fc.array(part, { minLength: 1, maxLength: 4 });
const value = fc.nat(300).map((length) => new Uint8Array(length));
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), key, value }),
  fc.record({ kind: fc.constantFrom("delete" as const, "mark"), key }),
  fc.record({
    kind: fc.constant("sum" as const),
    key: key.map((parts) => ["sum", ...parts]),
    amount: fc.constant(1n),
  }),
);
const check = fc.record({ key: key.map((parts) => ["absent", ...parts]), versionstamp: fc.constant(null) });
const member = fc.record({
  checks: fc.array(check, { maxLength: 5 }),
  // Marks of one key are counted each and written once, the only case in which the count is above KV's.
  mutations: fc.uniqueArray(mutation, { maxLength: 10, selector: ({ key }) => encodeKey(key) }),
});

function set(key: Deno.KvKey, length = 0): Mutation {
  return { kind: "set", key, value: new Uint8Array(length) };
}

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

Deno.test("measureKey() counts the bytes that KV encodes a key with", () => {
  fc.assert(fc.property(key, (key) => assertEquals(measureKey(key).bytes, encodeKey(key).length)));
});

Deno.test("measureKey() gives equal prints to what KV takes for one key, and different prints otherwise", () => {
  assertEquals(measureKey(["\ud800"]).print, measureKey(["\ufffd"]).print);
  const prints = new Map<number, string>();
  const ids = many(20_000, (index) => `01K${index.toString(32).toUpperCase().padStart(23, "0")}`);
  const keys = ids.flatMap((
    id,
  ): Deno.KvKey[] => [["event", id], ["delivery", id, "01KWEBHOOK"], ["due", id, 1.5]]);
  const shapes: Deno.KvKey[] = [
    ["a", "b"],
    ["ab"],
    ["a"],
    [1],
    [1n],
    [true],
    [false],
    [new Uint8Array([97])],
    [2 ** 32],
  ];
  let collisions = 0;
  for (const key of [...keys, ...shapes]) {
    const { print } = measureKey(key);
    if (prints.has(print)) collisions += 1;
    prints.set(print, encodeKey(key));
  }
  assert(
    collisions <= 3,
    `60,009 keys in 2^32 prints collide 0.4 times on average, these ${collisions} times`,
  );
});

Deno.test("sameKey() agrees with KV on which keys are one", () => {
  fc.assert(fc.property(key, key, (a, b) => {
    const well = (key: Deno.KvKey): boolean =>
      key.every((part) => typeof part !== "string" || part.isWellFormed());
    fc.pre(well(a) && well(b));
    assertEquals(sameKey(a, b), encodeKey(a) === encodeKey(b));
    assert(sameKey(a, structuredClone(a)));
  }));
  assert(!sameKey([0], [-0]));
  assert(sameKey([NaN], [NaN]));
});

Deno.test("measureMember() counts bytes exactly as Deno.Kv does", async () => {
  using kv = await Deno.openKv(":memory:");
  await fc.assert(
    fc.asyncProperty(member, async (member) => {
      const fill = (extra: number): Promise<unknown> => {
        const fillers = many(12, (index) => set(["filler", index], 65_536));
        const full = measureMember({ ...member, mutations: [...member.mutations, ...fillers] });
        const rest = new Uint8Array(ATOMIC_LIMITS.bytes_max - full.bytes - 2 + extra);
        return buildAtomic(kv, [full]).atomic.set([true], rest).commit();
      };
      await assertRejects(() => fill(1), TypeError, "Total mutation size too large");
      await fill(0);
    }),
    { numRuns: 60 },
  );
});

Deno.test("measureMember() counts the bytes of keys exactly as Deno.Kv does", async () => {
  using kv = await Deno.openKv(":memory:");
  await fc.assert(
    fc.asyncProperty(member, async (member) => {
      const fill = (extra: number): Promise<unknown> => {
        const { key_bytes_total } = measureMember(member);
        const rest = ATOMIC_LIMITS.key_bytes_total_max - key_bytes_total - 40 * 1900 + extra;
        const fillers = [
          ...many(40, (index) => set([index, "x".repeat(1900 - 9 - 2)])),
          ...many(Math.floor(rest / 1000) - 1, (index) => set(["y", index, "y".repeat(1000 - 3 - 9 - 2)])),
          set(["z".repeat(rest % 1000 + 1000 - 2)]),
        ];
        const { atomic } = buildAtomic(kv, [measureMember(member)]);
        for (const filler of fillers) atomic.set(filler.key, new Uint8Array(0));
        return atomic.commit();
      };
      await assertRejects(() => fill(1), TypeError, "Total key size too large");
      await fill(0);
    }),
    { numRuns: 60 },
  );
});

Deno.test("measureMember() takes a member at each limit of one operation, and refuses one beyond", () => {
  const checks = (count: number): Member => ({
    checks: many(count, (index) => ({ key: [index], versionstamp: null })),
    mutations: [],
  });
  const mutations = (...mutations: Mutation[]): Member => ({ checks: [], mutations });
  const edges: [limit: RegExp, member: (extra: number) => Member][] = [
    [/at most 100 checks.*current value is 101/, (extra) => checks(100 + extra)],
    [/at most 1000 mutations.*1001/, (extra) => mutations(...many(1000 + extra, (index) => set([index])))],
    [/at most 65536 bytes in a value.*65537/, (extra) => mutations(set(["a"], 65_536 + extra))],
    [/at most 2048 bytes in a key.*2049/, (extra) => mutations(set(["x".repeat(2046 + extra)]))],
    [
      /at most 2048 bytes in a key.*2049/,
      (extra) => mutations({ kind: "delete", key: ["x".repeat(2046 + extra)] }),
    ],
    [
      /at most 81920 bytes of keys.*81921/,
      (extra) => mutations(...many(40, (i) => set([i, "x".repeat(2037)])), ...many(extra, () => set([true]))),
    ],
    [
      /at most 819200 bytes in an atomic.*819201/,
      (extra) =>
        mutations(
          ...many(12, (i) => set([i], 65_536)),
          set([true], 819_200 - 12 * (65_536 + 18) - 2 + extra),
        ),
    ],
  ];
  for (const [limit, member] of edges) {
    measureMember(member(0));
    const error = assertThrows(() => measureMember(member(1)), AssertionError);
    assert(limit.test(error.message), error.message);
  }
});

Deno.test("measureMember() refuses what KV would refuse", () => {
  const odd = (mutation: unknown): Member => ({ checks: [], mutations: [mutation as Mutation] });
  const versionstamp = (versionstamp: unknown): Member => ({
    checks: [{ key: ["a"], versionstamp: versionstamp as string }],
    mutations: [],
  });
  const refused: Member[] = [
    odd({ kind: "delete", key: [] }),
    odd({ kind: "delete", key: [Symbol("a")] }),
    odd({ kind: "delete", key: [undefined] }),
    odd({ kind: "delete", key: [{}] }),
    odd({ kind: "set", key: ["a"], value: "text" }),
    odd({ kind: "set", key: ["a"], value: undefined }),
    odd({ kind: "set", key: ["a"], value: new Uint8Array(1), expire_in_ms: 0 }),
    odd({ kind: "set", key: ["a"], value: new Uint8Array(1), expire_in_ms: -1 }),
    odd({ kind: "set", key: ["a"], value: new Uint8Array(1), expire_in_ms: 1.5 }),
    odd({ kind: "set", key: ["a"], value: new Uint8Array(1), expire_in_ms: NaN }),
    odd({ kind: "sum", key: ["a"], amount: -1n }),
    odd({ kind: "sum", key: ["a"], amount: 1n << 64n }),
    versionstamp(undefined),
    versionstamp("00"),
    versionstamp("g".repeat(20)),
  ];
  for (const member of refused) assertThrows(() => measureMember(member), AssertionError);
});

Deno.test("measureMember() names neither key nor value when it refuses", () => {
  const member: Member = { checks: [], mutations: [set(["secret-key".repeat(300)])] };
  const error = assertThrows(() => measureMember(member), AssertionError);
  assertNotEquals(error.message, "");
  assert(!error.message.includes("secret"), error.message);
});
