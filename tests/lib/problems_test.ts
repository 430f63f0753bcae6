/**
 * What `/readyz` says: each part that fails by its name, and nothing about those that work.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { problemsOf, type ProblemsPorts } from "../../lib/problems.ts";
import { createManualClock } from "../helpers/manual_clock.ts";

const STORE: ProblemsPorts["store"] = {
  version: () => Promise.resolve(1n),
  failing_since: null,
  failing_because: null,
};
const ENGINE = { ready: true, storageWorks: true };
const FAILING = { failing_since: Date.UTC(2026, 1, 25), failing_because: "the disk is full" };

Deno.test("problemsOf() names each part that fails, with why", async () => {
  const clock = createManualClock();
  assertEquals(await problemsOf({ store: STORE, engine: ENGINE, clock }), []);
  const store = {
    ...STORE,
    ...FAILING,
    version: () => Promise.reject(new AppError("unavailable", "Cannot read: the database does not answer")),
  };
  assertEquals(await problemsOf({ store, engine: { ready: false, storageWorks: false }, clock }), [
    "Storage takes no writes since 2026-02-25T00:00:00.000Z: the disk is full",
    "Storage can't be read: the database does not answer",
    "The beats of this process fail: it could not say lately that it lives, so it starts no send",
  ]);
  assertEquals(clock.pending, 0);
});

Deno.test("problemsOf() takes no notice of writes that fail for less than a second, and of no other fault's text", async () => {
  const store = { ...STORE, ...FAILING, version: () => Promise.reject(new Error("marker of an error")) };
  const problems = await problemsOf({ store, engine: ENGINE, clock: createManualClock() });
  assertEquals(problems, ["Storage can't be read: it failed"]);
});

Deno.test("problemsOf() waits a second for a read, and no longer", async () => {
  const clock = createManualClock();
  const store = { ...STORE, version: () => new Promise<never>(() => {}) };
  const looking = problemsOf({ store, engine: ENGINE, clock });
  await clock.advance(1000);
  assertEquals(await looking, ["Storage can't be read: it does not answer in time"]);
});
