/**
 * The committer's promise, over random members: grouped or not, they do what they would have done one by one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { CommitResult } from "../../kv/commit_result.ts";
import type { Check, Member, Mutation } from "../../kv/member.ts";
import { blind, openBench, set, value, watch } from "../helpers/commits.ts";
import { type CommitFault, lockedError } from "../helpers/fake_kv.ts";
import type { FakeWrite } from "../helpers/fake_kv_store.ts";

const KEYS = 4;

/** What a member is to check of a key: as it is now, as it was once, or that it is absent. */
type Expectation = "current" | "stale" | "absent";

interface Plan {
  readonly checks: readonly (readonly [key: number, Expectation])[];
  readonly mutations: readonly (readonly [kind: Mutation["kind"], key: number])[];
}

const key = fc.nat(KEYS - 1);
const plan: fc.Arbitrary<Plan> = fc.record({
  checks: fc.array(fc.tuple(key, fc.constantFrom<Expectation>("current", "stale", "absent")), {
    maxLength: 2,
  }),
  mutations: fc.array(
    fc.tuple(fc.constantFrom<Mutation["kind"]>("set", "set", "delete", "mark"), key),
    { minLength: 1, maxLength: 3 },
  ),
});

const fault: fc.Arbitrary<CommitFault | undefined> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  fc.record({ delay_ms: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ answer_delay_ms: fc.integer({ min: 1, max: 5 }) }),
  fc.constant({ kind: "throw" as const, error: lockedError() }),
);

/** Members that arrive together, after so many milliseconds. */
const wave = fc.record({ plans: fc.array(plan, { minLength: 1, maxLength: 12 }), wait_ms: fc.nat(4) });

const limits = fc.record({
  checks_max: fc.constantFrom(2, 10, 100),
  mutations_max: fc.constantFrom(5, 20, 1000),
  passed_over_max: fc.constantFrom(1, 3, 256),
});

/** The database as it would be if every member had been alone: for each key, who wrote it last, and what. */
type Model = Map<number, {
  readonly writer: number;
  readonly fill: number | "mark";
  /** Those who marked it since it was anything else. */
  readonly markers: readonly number[];
}>;

function applyToModel(
  model: Model,
  plan: Plan,
  expected: readonly (number | null)[],
  index: number,
): boolean {
  const holds = plan.checks.every(([key], n) => (model.get(key)?.writer ?? null) === expected[n]);
  if (!holds) return false;
  for (const [kind, key] of plan.mutations) {
    if (kind === "delete") model.delete(key);
    else if (kind === "set") model.set(key, { writer: index, fill: index % 256, markers: [] });
    else model.set(key, { writer: index, fill: "mark", markers: [...model.get(key)?.markers ?? [], index] });
  }
  return true;
}

function mutationOf([kind, key]: Plan["mutations"][number], index: number): Mutation {
  if (kind === "set") return set([key], index % 256);
  return kind === "mark" ? { kind, key: [key] } : { kind: "delete", key: [key] };
}

interface Run {
  /** The versionstamp that each committed member reported. */
  readonly stamps: Map<number, string>;
  readonly model: Model;
  count: number;
}

/** What a check expects, as the writer for the model and as the versionstamp for the committer. */
function expectationOf(
  run: Run,
  [key, expectation]: Plan["checks"][number],
): readonly [number | null, Check] {
  const current = run.model.get(key)?.writer ?? null;
  const writer = expectation === "absent" ? null : expectation === "current" ? current : -1;
  const versionstamp = writer === null ? null : run.stamps.get(writer) ?? "f".repeat(20);
  return [writer, { key: [key], versionstamp }];
}

/** Two members of one wave may not know each other's versionstamp: what was written in this wave counts as unknown. */
function memberOf(run: Run, plan: Plan, index: number): { member: Member; expected: (number | null)[] } {
  const expectations = plan.checks.map((check) => expectationOf(run, check));
  return {
    expected: expectations.map(([writer]) => writer),
    member: {
      checks: expectations.map(([, check]) => check),
      mutations: [...plan.mutations.map((each) => mutationOf(each, index)), set(["id", index])],
    },
  };
}

function membersIn(write: FakeWrite): number {
  return write.mutations.filter(({ key }) => key[0] === "id").length;
}

Deno.test("commit() of random members does what they would have done one by one, in the order they arrived", async () => {
  const faults = fc.array(fault, { maxLength: 30 });
  const spurious = fc.array(fc.boolean(), { maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(wave, { minLength: 1, maxLength: 5 }),
      limits,
      faults,
      spurious,
      async (...given) => {
        const [waves, limits, faults, spurious] = given;
        const { clock, db, committer } = openBench({ limits });
        db.onCommit = (n, write) => {
          // A check that seems to fail must cost nobody anything as long as its member isn't alone.
          if (membersIn(write) > 1 && spurious[n]) return { kind: "conflict" };
          return faults[n];
        };
        const run: Run = { stamps: new Map(), model: new Map(), count: 0 };
        for (const { plans, wait_ms } of waves) {
          const before = new Map(run.model);
          const expected: boolean[] = [];
          const watched = plans.map((plan) => {
            const index = run.count++;
            const made = memberOf({ ...run, model: before }, plan, index);
            expected.push(applyToModel(run.model, plan, made.expected, index));
            return [index, watch(committer.commit(made.member))] as const;
          });
          await clock.advance(wait_ms);
          const rest = watch(committer.commit(blind(set(["id", -1])))); // arrives while the wave may be under way
          while (
            committer.stats().queued > 0 || rest.state === "pending" ||
            watched.some(([, each]) => each.state === "pending")
          ) {
            await clock.advance(5);
          }
          const results = watched.map(([index, { result }]): boolean | undefined => {
            noteStamp(run, index, result);
            return result?.ok;
          });
          assertEquals(results, expected);
          for (let key = 0; key < KEYS; key++) assertLikeModel(run, key, await db.get([key]));
        }
        db.onCommit = null;
        await committer.commit(blind()); // a failing check is no proof that writing works again, this is
        assertEquals([clock.pending, committer.stats().queued, committer.failing_since], [0, 0, null]);
      },
    ),
    { numRuns: 1000 },
  );
});

/** The key holds what the model says, from the member that the model says; for marks, from any that marked it last. */
function assertLikeModel(run: Run, key: number, entry: Deno.KvEntryMaybe<unknown>): void {
  const wanted = run.model.get(key);
  if (wanted === undefined) return assertEquals(entry.value, null);
  assertEquals(entry.value, wanted.fill === "mark" ? new Uint8Array(0) : value(wanted.fill));
  if (wanted.fill !== "mark") return assertEquals(entry.versionstamp, run.stamps.get(wanted.writer));
  // Marks are interchangeable and may overtake each other, so the versionstamp is that of any mark in a row.
  const writer = wanted.markers.find((index) => run.stamps.get(index) === entry.versionstamp);
  assert(writer !== undefined, `the mark ${key} comes from nobody who marked it`);
  run.model.set(key, { ...wanted, writer });
}

function noteStamp(run: Run, index: number, result: CommitResult | undefined): void {
  if (result?.ok) run.stamps.set(index, result.versionstamp);
}
