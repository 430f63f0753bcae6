/**
 * Reads of a KV server that does not answer: they end, and they don't pile up.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Database } from "../../kv/database.ts";
import { withReadDeadline } from "../../kv/read_deadline.ts";
import { AppError } from "../../lib/errors.ts";
import { KV } from "../../lib/limits.ts";
import { diskFullError, FakeKv, lockedError } from "../helpers/fake_kv.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";

/** A database whose reads answer when the test says so, and until then never. */
class Silent {
  asked = 0;
  readonly #waiting: (() => void)[] = [];

  readonly db = Object.assign(new FakeKv({ clock: createManualClock() }), {
    get: () => this.#wait({ key: [], value: null, versionstamp: null }),
    getMany: () => this.#wait([]),
    list: () => ({
      [Symbol.asyncIterator]: () => ({ next: () => this.#wait({ done: true, value: undefined }) }),
    }),
  }) as unknown as Database;

  /** The server is back. */
  answer(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #wait<T>(answer: T): Promise<T> {
    this.asked++;
    return new Promise((resolve) => void this.#waiting.push(() => resolve(answer)));
  }
}

function stage(): { silent: Silent; db: Database; clock: ManualClock } {
  const silent = new Silent();
  const clock = createManualClock();
  return { silent, db: withReadDeadline(silent.db, clock), clock };
}

async function assertUnavailable(read: Promise<unknown>): Promise<void> {
  const error = await read.then(() => null, (error) => error);
  assertInstanceOf(error, AppError);
  assertEquals([error.code, error.retry_after_s], ["unavailable", 5]);
}

/** As many reads as may be without an answer, all of them given up. */
async function askInVain({ db, clock }: ReturnType<typeof stage>): Promise<void> {
  const reads = Array.from({ length: KV.overdue_reads_max }, () => assertUnavailable(db.get(["a"])));
  await clock.advance(KV.read_ms_max);
  await Promise.all(reads);
}

Deno.test("a read that nobody answers is given up after five seconds, each kind of it", async () => {
  const { db, clock } = stage();
  const reads = [db.get(["a"]), db.getMany([["a"]]), Array.fromAsync(db.list({ prefix: [] }))];
  let given_up = 0;
  const all = Promise.all(reads.map((read) => assertUnavailable(read).then(() => given_up++)));
  await clock.advance(KV.read_ms_max - 1);
  assertEquals(given_up, 0);
  await clock.advance(1);
  await all;
});

Deno.test("a read that is answered in time is what it was, and leaves no timer", async () => {
  const clock = createManualClock();
  const fake = new FakeKv({ clock });
  const db = withReadDeadline(fake, clock);
  await db.atomic().set(["a", 1], new Uint8Array([1])).set(["a", 2], new Uint8Array([2])).commit();
  assertEquals(await db.get(["a", 1]), await fake.get(["a", 1]));
  assertEquals(await db.getMany([["a", 1], ["b"]]), await fake.getMany([["a", 1], ["b"]]));
  const list = { prefix: ["a"] };
  for (
    const options of [{}, { limit: 1 }, { limit: 2 }, { batchSize: 1 }, { batchSize: 2 }, { batchSize: 3 }]
  ) {
    assertEquals(
      await Array.fromAsync(db.list(list, options)),
      await Array.fromAsync(fake.list(list, options)),
    );
  }
});

/** What a read comes to that the database answers with this error. */
function failing(cause: Error): Promise<unknown> {
  const clock = createManualClock();
  const kv = Object.assign(new FakeKv({ clock }), { get: () => Promise.reject(cause) });
  return withReadDeadline(kv, clock).get(["a"]);
}

Deno.test("a read that fails says why storage is not available, with the cause for the log only", async () => {
  const faults = [
    [new Error("KV Connect failed"), "Cannot read: the database failed"],
    [lockedError(), "Cannot read: another process holds the database"],
    [diskFullError(), "Cannot read: the disk is full"],
  ] as const;
  for (const [cause, message] of faults) {
    const error = await assertRejects(() => failing(cause), AppError);
    assertEquals([error.code, error.message, error.cause], ["unavailable", message, cause]);
  }
});

Deno.test("a read that is refused for itself is no outage", async () => {
  const refusal = new TypeError("Key too large for read (max 2049 bytes)");
  assertEquals(await assertRejects(() => failing(refusal), TypeError), refusal);
});

Deno.test("in a long outage only so many reads are asked of the server, and all again when it is back", async () => {
  const staged = stage();
  const { silent, db, clock } = staged;
  await askInVain(staged);
  await assertUnavailable(db.get(["a"]));
  assertEquals(silent.asked, KV.overdue_reads_max);
  silent.answer();
  await clock.advance(0);
  const read = db.get(["a"]);
  silent.answer();
  assertEquals((await read).value, null);
});

Deno.test("reads that never end, because their connection is gone, keep nobody from reading after a minute", async () => {
  const staged = stage();
  const { silent, db, clock } = staged;
  await askInVain(staged);
  await clock.advance(KV.overdue_read_ms_max);
  const read = db.get(["a"]);
  assertEquals(silent.asked, KV.overdue_reads_max + 1);
  silent.answer();
  assertEquals((await read).value, null);
});
