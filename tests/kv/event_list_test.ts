/**
 * Lists of events: whatever is put together into which records, each event is read once, in order, from any place on.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import {
  eventIdsOf,
  ListEntries,
  type ListRange,
  ListReader,
  type ListRecord,
  type ListSource,
  oldestIds,
} from "../../kv/event_list.ts";
import { eventTime } from "../../kv/event_time.ts";
import { FIRST_ID, keys, LAST_ID } from "../../kv/keys.ts";
import { measureMember } from "../../kv/member.ts";
import { createRecordReader } from "../../kv/record_reader.ts";
import { KV, LIST } from "../../lib/limits.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import { type Logged, recordingLog } from "../helpers/recording_log.ts";
import { SAMPLE_AT, SAMPLE_SITE, sampleEventId, sampleUlidPrefix } from "../helpers/sample.ts";

const clock = createManualClock(SAMPLE_AT);
const logged: Logged[] = [];
const source: Omit<ListSource, "db"> = {
  reader: createRecordReader({ clock, log: recordingLog(logged) }),
  idPrefixAt: (at_ms) => `evt_${sampleUlidPrefix(at_ms)}`,
};
const list = keys.siteEventsOf(SAMPLE_SITE);

/** An event some milliseconds after the first possible one. */
const id = fc.tuple(fc.nat(3), fc.nat(4 * LIST.block_span_ms)).map(([n, ms]) =>
  sampleEventId(n, SAMPLE_AT + ms)
);
/** What some group commits add, in the order in which they come to be written. */
const groups = fc.oneof(
  fc.array(fc.array(id, { minLength: 1, maxLength: 12 }), { maxLength: 8 }),
  fc.array(fc.array(id, { minLength: 1, maxLength: 2 }), { minLength: 40, maxLength: 80 }),
);

/** The records of each group, as its commit writes them. */
function recordsOf(ids: readonly string[], operation = 0, expire_in_ms = 1000): ListRecord[] {
  const entries = new ListEntries();
  for (const event_id of ids) entries.add({ key: [...list, event_id], expire_in_ms });
  return [...entries.records(operation)];
}

async function written(all: readonly (readonly string[])[]): Promise<ListSource> {
  const db = new FakeKv({ clock });
  for (const [operation, ids] of all.entries()) {
    const atomic = db.atomic();
    for (const { key, value } of recordsOf(ids, operation)) atomic.set(key, value);
    await atomic.commit();
  }
  return { ...source, db };
}

/** What is in a range, oldest first. */
function expected(all: readonly (readonly string[])[], { first, end }: ListRange): string[] {
  return [...new Set(all.flat())].filter((each) => each >= first && each < end).toSorted();
}

const range = fc.record({
  first: fc.oneof(fc.constant(FIRST_ID), id, fc.nat(200).map((ms) => source.idPrefixAt(SAMPLE_AT + ms))),
  end: fc.oneof(fc.constant(LAST_ID), id, id.map((each) => `${each}\u0000`)),
}).filter(({ first, end }) => first < end).map((ends): ListRange => ({ list, ...ends }));

Deno.test("a list is read newest first from any place on, a few or many at a time, each event once", async () => {
  const sizes = fc.record({ first: fc.integer({ min: 1, max: 5 }), later: fc.integer({ min: 1, max: 9 }) });
  await fc.assert(
    fc.asyncProperty(
      groups,
      range,
      sizes,
      fc.integer({ min: 1, max: 7 }),
      async (all, part, batches, most) => {
        const reader = new ListReader(await written(all), part, batches);
        const taken: string[] = [];
        while (await reader.anyLeft()) taken.push(...await reader.takeMany(most));
        assertEquals(taken, expected(all, part).toReversed());
        assertEquals([await reader.takeMany(1), reader.head], [[], null]);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a list of which one more than a page is read at first says without a second look whether there is more", async () => {
  const db = new FakeKv({ clock });
  const atomic = db.atomic();
  for (let n = 0; n < 20; n++) {
    atomic.set([...list, sampleEventId(n, SAMPLE_AT + 1000 * n)], new Uint8Array(0));
  }
  await atomic.commit();
  let looks = 0;
  const counting: ListSource["db"] = { list: (...asked) => (looks++, db.list(...asked)) };
  const part = { list, first: FIRST_ID, end: LAST_ID };
  const reader = new ListReader({ ...source, db: counting }, part, { first: 11, later: 11 });
  assertEquals((await reader.takeMany(10)).length, 10);
  assertEquals([await reader.anyLeft(), looks], [true, 1]);
});

Deno.test("a list is read oldest first from any place on", async () => {
  await fc.assert(
    fc.asyncProperty(groups, range, fc.integer({ min: 1, max: 9 }), async (all, part, most) => {
      assertEquals(await oldestIds(await written(all), part, most), expected(all, part).slice(0, most));
    }),
    { numRuns: 500 },
  );
});

Deno.test("what is put together is of a short time and not too much, and takes no more than was counted", () => {
  const site = fc.string({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(id, { minLength: 1, maxLength: 300 }), site, (ids, site_id) => {
      const entries = new ListEntries();
      const added = ids.map((event_id) => ({ key: keys.siteEvent(site_id, event_id), expire_in_ms: 1 }));
      for (const entry of added) entries.add(entry);
      const records = [...entries.records(7)];
      for (const { key, value } of records) {
        const found = eventIdsOf({ key, value, versionstamp: "0" }, 2, source.reader).toSorted();
        assertLessOrEqual(found.length, LIST.block_entries_max);
        assertLessOrEqual(value.byteLength, KV.value_bytes_max);
        assertEquals(found.at(-1), key[2]);
        assertLessOrEqual(
          eventTime(String(key[2])) - eventTime(found[0] ?? ""),
          LIST.block_span_ms,
        );
      }
      const counted = measureMember({
        checks: [],
        mutations: added.map((entry) => ({ kind: "entry", ...entry })),
      });
      const taken = measureMember({
        checks: [],
        mutations: records.map((record) => ({ kind: "set", ...record })),
      });
      assertLessOrEqual(taken.bytes, counted.bytes);
      assertLessOrEqual(taken.key_bytes_total, counted.key_bytes_total);
    }),
  );
});

Deno.test("an entry by itself is an empty record, and of several the longest kept decides", () => {
  const [one, two] = [sampleEventId(1), sampleEventId(2)];
  assertEquals(recordsOf([one]), [{ key: [...list, one], value: new Uint8Array(0), expire_in_ms: 1000 }]);
  const entries = new ListEntries();
  entries.add({ key: [...list, two], expire_in_ms: 5 });
  entries.add({ key: [...list, one], expire_in_ms: 7 });
  entries.add({ key: [...keys.siteEventsOf("other.example"), one], expire_in_ms: 9 });
  const [block, other] = [...entries.records(3)];
  assert(block !== undefined && other !== undefined);
  assertEquals([block.key, block.expire_in_ms], [[...list, two, 3], 7]);
  assertEquals([other.key[1], other.expire_in_ms], ["other.example", 9]);
});

Deno.test("of a block that can't be read its newest event is listed, and the operator is told", async () => {
  const db = new FakeKv({ clock });
  const [old, newest] = [sampleEventId(1), sampleEventId(9)];
  const broken = new TextEncoder().encode("{");
  await db.atomic().set([...list, newest, 0], broken).set([...list, old], new Uint8Array(0)).commit();
  const part = { list, first: FIRST_ID, end: LAST_ID };
  const reader = new ListReader({ ...source, db }, part, { first: 10, later: 10 });
  assertEquals(await reader.takeMany(10), [newest, old]);
  assertEquals(logged.map(({ message }) => message), ["record.broken"]);
});
