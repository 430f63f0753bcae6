/**
 * Recovery of more than one call takes: where a call ends, and where the next one goes on.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Database } from "../../kv/database.ts";
import { keys } from "../../kv/keys.ts";
import { ended } from "../../lib/delivery_moves.ts";
import { INPUT } from "../../lib/limits.ts";
import { recover, type RecoverPorts } from "../../lib/recover.ts";
import type { Store, StoredEvent } from "../../lib/store.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleEvent,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import { storeOver } from "../kv/store_contract.ts";

const WEBHOOK = sampleWebhookId(1);
const MAX = INPUT.recovered_max;
const EXAMINED_MAX = INPUT.recover_examined_max;

/** A site whose one webhook was disabled for a while. */
interface Stage {
  readonly store: Store;
  readonly db: Database;
  /** Accepts events from `first` on, so many of them in a millisecond; each is missed unless `fateOf` says otherwise. */
  accept(
    events: { readonly first: number; readonly count: number; readonly per_ms: number },
    fateOf?: (n: number) => "missed" | "told" | "filtered",
  ): Promise<StoredEvent[]>;
  /** Recovers from the beginning, call by call, with `between` before each call but the first. */
  recoverAll(between?: () => Promise<void>): Promise<{ calls: [number, string | null][]; events: string[] }>;
}

async function setStage(): Promise<Stage> {
  const clock = createManualClock(SAMPLE_AT);
  const db = new FakeKv({ clock });
  const store = await storeOver(db, clock);
  await store.addWebhook(sampleWebhook(1));
  /** The events of the deliveries that were made or revived, once for each time. */
  const events: string[] = [];
  const watched: RecoverPorts["store"] = {
    ...store,
    async addDelivery(delivery) {
      const added = await store.addDelivery(delivery);
      if (added) events.push(delivery.event_id);
      return added;
    },
    async move(known, next) {
      const moved = await store.move(known, next);
      if (moved !== null) events.push(moved.value.event_id);
      return moved;
    },
  };
  return {
    store,
    db,
    async accept({ first, count, per_ms }, fateOf = () => "missed") {
      const accepted = Array.from({ length: count }, (_, index) => {
        const n = first + index;
        return sampleEvent(n, {
          accepted_at: SAMPLE_AT + Math.floor(n / per_ms),
          decisions: [{ webhook_id: WEBHOOK, reason: fateOf(n) === "filtered" ? "filtered" : "disabled" }],
        });
      });
      for (let from = 0; from < count; from += 1000) {
        const some = accepted.slice(from, from + 1000);
        await Promise.all(some.map((event, index) =>
          store.accept(
            fateOf(first + from + index) === "told"
              ? sampleAcceptance(event, [WEBHOOK])
              : { ...sampleAcceptance(event, []), event },
          )
        ));
      }
      await clock.advance(10_000);
      return accepted;
    },
    async recoverAll(between = async () => {}) {
      const calls: [number, string | null][] = [];
      let since: string | null = new Date(SAMPLE_AT).toISOString();
      while (since !== null) {
        if (calls.length > 0) await between();
        const target = { site_id: SAMPLE_SITE, webhook_id: WEBHOOK };
        const done = await recover(target, { since }, { store: watched, clock, actor: "someone" });
        assertLessOrEqual(done.recovered, MAX);
        assert(done.recovered > 0 || done.next_since !== since, "each call comes further");
        calls.push([done.recovered, done.next_since]);
        since = done.next_since;
      }
      return { calls, events };
    },
  };
}

function at(ms: number): string {
  return new Date(SAMPLE_AT + ms).toISOString();
}

Deno.test("recover takes 10,000 a call, the next goes on in the middle of a millisecond, none twice and none missed", async () => {
  const { store, accept, recoverAll } = await setStage();
  // Every tenth was told: half of these wait, the others have ended.
  const accepted = await accept(
    { first: 0, count: 11_000, per_ms: 30 },
    (n) => n % 10 === 0 ? "told" : "missed",
  );
  for (const [n, { id }] of accepted.entries()) {
    if (n % 20 !== 0) continue;
    const known = await store.delivery(id, WEBHOOK);
    assert(known !== null);
    await store.move(known, (delivery) => ended(delivery, "exhausted"));
  }
  const { calls, events } = await recoverAll(async () => {
    accepted.push(...await accept({ first: 11_000, count: 10, per_ms: 30 }));
  });
  const expected = accepted.filter((_, n) => n >= 11_000 || n % 20 !== 10).map(({ id }) => id);
  const border = accepted.findIndex(({ id }) => id === expected[MAX]);
  assert(border % 30 !== 0, "the border lies within a millisecond");
  assertEquals(calls, [[MAX, at(Math.floor(border / 30))], [expected.length - MAX, null]]);
  assertEquals(events.toSorted(), expected);
  const { entries } = await store.auditPage({ since: null, until: null, limit: 10, before: null });
  assertEquals(entries.map(({ changes }) => changes.at(-1)), [
    `recovered=${expected.length - MAX}`,
    `recovered=${MAX}`,
  ]);
});

Deno.test("recover does not stay for ever in a millisecond with more events than a call looks at", async () => {
  const { accept, recoverAll } = await setStage();
  const per_ms = EXAMINED_MAX + 50;
  const accepted = await accept(
    { first: 0, count: per_ms + 150, per_ms },
    (n) => n < per_ms - 1 ? "filtered" : "missed",
  );
  const { calls, events } = await recoverAll();
  assertEquals(calls, [[51, at(1)], [100, null]]);
  assertEquals(events.toSorted(), accepted.slice(-151).map(({ id }) => id));
});

Deno.test("recover leaves the rest to another call after looking at 20,000, though it recovered nothing", async () => {
  const { accept, recoverAll } = await setStage();
  await accept({ first: 0, count: EXAMINED_MAX + 20, per_ms: 7 }, () => "filtered");
  const { calls } = await recoverAll();
  assertEquals(calls, [[0, at(Math.floor(EXAMINED_MAX / 7))], [0, null]]);
});

Deno.test("recover goes on behind events that are kept no longer, however many", async () => {
  const { db, accept, recoverAll } = await setStage();
  const missed = await accept({ first: 0, count: 520, per_ms: 3 });
  for (const { id } of missed.slice(5, 510)) await db.atomic().delete(keys.event(id)).commit();
  const { calls, events } = await recoverAll();
  assertEquals(calls, [[15, null]]);
  assertEquals(events.toSorted(), [...missed.slice(0, 5), ...missed.slice(510)].map(({ id }) => id));
});
