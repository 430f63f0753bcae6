/**
 * Part of the store's contract: a delivery's moves, which its due entry and its marker follow.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { keys, slotOf } from "../../kv/keys.ts";
import type { Delivery } from "../../lib/delivery.ts";
import { ended, leased, withAttempt } from "../../lib/delivery_moves.ts";
import type { EventStore, KnownDelivery } from "../../lib/store.ts";
import { webhookStatus } from "../../lib/webhook.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleApiKey,
  sampleAttempt,
  sampleEvent,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { allEntries, indexFaults, keysBelow } from "./store_contract_state.ts";

const WEBHOOK = sampleWebhookId(1);

/** Accepts one event for one webhook. */
async function accepted(store: EventStore, n = 1): Promise<KnownDelivery> {
  const acceptance = sampleAcceptance(sampleEvent(n), [WEBHOOK]);
  const versionstamp = await store.accept(acceptance);
  const [first] = acceptance.deliveries;
  assert(versionstamp !== null && first !== undefined);
  return { value: first.delivery, versionstamp, written: false };
}

/** Enters a failed attempt that is to be made again at `due_at`. */
function retried(number: number, due_at: number): (delivery: Delivery) => Delivery {
  const attempt = sampleAttempt(SAMPLE_AT + number);
  return (delivery) =>
    withAttempt(delivery, attempt, { outcome: "retry", due_at }, { owner: null, now_ms: attempt.at });
}

/** Registers this part. */
export function testMoves(test: ContractTest): void {
  testFollowing(test);
  testUntouched(test);
  testConflicts(test);
  testPause(test);
}

function testFollowing(test: ContractTest): void {
  test("move() takes due entry and marker along in the same commit", async ({ store, db }) => {
    const known = await accepted(store);
    const until_ms = SAMPLE_AT + 40_000;
    const held = await store.move(known, (delivery) => leased(delivery, { owner: "one", until_ms }));
    assert(held !== null);
    assertEquals(await store.delivery(known.value.event_id, WEBHOOK), held);
    assertEquals(held.value, leased(known.value, { owner: "one", until_ms }));
    assertEquals(await keysBelow(db, "due"), [[WEBHOOK, until_ms, known.value.event_id]]);
    for (
      const key of [keys.due(WEBHOOK, until_ms, known.value.event_id), keys.agenda(slotOf(until_ms), WEBHOOK)]
    ) {
      assertEquals((await db.get(key)).versionstamp, held.versionstamp);
    }
    const { due } = await store.look(WEBHOOK, until_ms, 1);
    assertEquals(due[0]?.owner, "one");
    assertEquals(await indexFaults(db), []);
  });

  test("move() tells the due entry who holds it, also when the time stays the same", async ({ store, db }) => {
    const known = await accepted(store);
    const until_ms = SAMPLE_AT + 40_000;
    const held = await store.move(known, (delivery) => leased(delivery, { owner: "one", until_ms }));
    assert(held !== null);
    await store.move(held, (delivery) => leased(delivery, { owner: "two", until_ms }));
    assertEquals((await store.look(WEBHOOK, until_ms, 1)).due[0]?.owner, "two");
    assertEquals(await indexFaults(db), []);
  });

  test("move() to an end removes the due entry, and a revival makes one again", async ({ store, db }) => {
    const known = await accepted(store);
    const over = await store.move(known, (delivery) => ended(delivery, "cancelled"));
    assert(over !== null);
    assertEquals(await keysBelow(db, "due"), []);
    assertEquals((await store.delivery(known.value.event_id, WEBHOOK))?.value.status, "cancelled");
    const due_at = SAMPLE_AT + 60_000;
    await store.move(over, (delivery) => ({ ...delivery, status: "pending", due_at, queued_at: due_at }));
    assertEquals(await keysBelow(db, "due"), [[WEBHOOK, due_at, known.value.event_id]]);
    assertEquals(await indexFaults(db), []);
  });

  test("move() that neither reschedules nor changes hands leaves the due entry alone", async ({ store, db }) => {
    const untouched = await accepted(store);
    const key = keys.due(WEBHOOK, SAMPLE_AT, untouched.value.event_id);
    const known = await store.move(untouched, (delivery) => ({ ...delivery, trigger: "test" }));
    assert(known !== null);
    const before = await db.get(key);
    await store.move(known, (delivery) => ({ ...delivery, trigger: "manual" }));
    assertEquals(await db.get(key), before);
    assertEquals((await store.delivery(known.value.event_id, WEBHOOK))?.value.trigger, "manual");
  });

  test("move() writes nothing if the delivery is left as it is", async ({ store, db }) => {
    const known = await accepted(store);
    const before = await allEntries(db);
    assertEquals(await store.move(known, () => null), null);
    assertEquals(await allEntries(db), before);
  });

  test("move() of a delivery that is gone returns null and does not bring it back", async ({ store, db }) => {
    const untouched = await accepted(store, 1);
    const moved = await store.move(await accepted(store, 2), retried(1, SAMPLE_AT + 5000));
    assert(moved !== null);
    for (const known of [untouched, moved]) {
      const { event_id, due_at } = known.value;
      const key = keys.delivery(event_id, WEBHOOK);
      await db.atomic().delete(key).delete(keys.due(WEBHOOK, due_at ?? 0, event_id)).commit();
      assertEquals(await store.move(known, (delivery) => ended(delivery, "exhausted")), null);
      assertEquals((await db.get(key)).versionstamp, null);
    }
  });
}

function testUntouched(test: ContractTest): void {
  test("a delivery has no record until something happens to it, and is there for whoever asks", async ({ store, db }) => {
    const until_ms = SAMPLE_AT + 40_000;
    for (const lease of [undefined, { owner: "one", until_ms }]) {
      const event = sampleEvent(lease === undefined ? 1 : 2);
      const acceptance = sampleAcceptance(event, [WEBHOOK], lease);
      const versionstamp = await store.accept(acceptance);
      const value = acceptance.deliveries[0]?.delivery;
      assert(versionstamp !== null && value !== undefined);
      const known = { value, versionstamp, written: false };
      assertEquals(await store.delivery(event.id, WEBHOOK), known);
      const { due } = await store.look(WEBHOOK, until_ms, 10);
      const entry = due.find(({ event_id }) => event_id === event.id);
      assertEquals(entry === undefined, lease !== undefined, "one that is held is in a group lease");
      assertEquals(await store.deliveries([entry ?? value, value]), [known, known]);
      assertEquals((await db.get(keys.delivery(event.id, WEBHOOK))).versionstamp, null);

      const moved = await store.move(known, (delivery) => ended(delivery, "cancelled"));
      assertEquals(await store.delivery(event.id, WEBHOOK), moved);
      assertEquals([moved?.written, moved?.value.status], [true, "cancelled"]);
      assertEquals(await indexFaults(db), []);
    }
  });

  test("what changes an untouched delivery without moving it is not lost on who knew it so", async ({ store, other, db }) => {
    const known = await accepted(store);
    const wished = await other.move(known, (delivery) => ({ ...delivery, wishes: 1 }));
    assertEquals(wished?.value.due_at, known.value.due_at);
    const after = await store.move(known, retried(1, SAMPLE_AT + 5000));
    assertEquals([after?.value.wishes, after?.value.attempts_total], [1, 1]);
    assertEquals(await indexFaults(db), []);
  });

  test("an untouched delivery whose due entry is gone is no delivery, though its event is there", async ({ store, db }) => {
    const { value } = await accepted(store);
    await db.atomic().delete(keys.due(WEBHOOK, SAMPLE_AT, value.event_id)).commit();
    assertEquals(await store.delivery(value.event_id, WEBHOOK), null);
    assertEquals(await store.deliveries([value]), [null]);
  });

  test("the walk makes a due entry anew that can't be read and stood for a delivery", async ({ store, db }) => {
    const known = await accepted(store);
    const key = keys.due(WEBHOOK, SAMPLE_AT, known.value.event_id);
    await db.atomic().set(key, new Uint8Array([1, 2, 3])).commit();
    assertEquals(await store.delivery(known.value.event_id, WEBHOOK), null);
    await store.repairAgenda();
    assertEquals((await store.delivery(known.value.event_id, WEBHOOK))?.value, known.value);
    assertEquals(await indexFaults(db), []);
  });
}

function testConflicts(test: ContractTest): void {
  test("move() decides again when the delivery was moved meanwhile", async ({ store, other, db }) => {
    const stale = await accepted(store);
    const moved = await other.move(stale, retried(1, SAMPLE_AT + 5000));
    const seen: (number | null)[] = [];
    const after = await store.move(stale, (delivery) => {
      seen.push(delivery.due_at);
      return retried(2, SAMPLE_AT + 90_000)(delivery);
    });
    assertEquals(seen, [SAMPLE_AT, moved?.value.due_at ?? null]);
    assertEquals(after?.value.attempts.map(({ at }) => at), [SAMPLE_AT + 1, SAMPLE_AT + 2]);
    assertEquals(await store.delivery(stale.value.event_id, WEBHOOK), after);
    assertEquals(await indexFaults(db), []);
  });

  test("move() by two at once keeps both attempts, in one process and in two", async ({ store, other, db }) => {
    for (const [n, second] of [store, other].entries()) {
      const known = await accepted(store, n);
      await Promise.all([
        store.move(known, retried(1, SAMPLE_AT + 30_000)),
        second.move(known, retried(2, SAMPLE_AT + 70_000)),
      ]);
      const after = await store.delivery(known.value.event_id, WEBHOOK);
      assertEquals(
        new Set(after?.value.attempts.map(({ at }) => at)),
        new Set([SAMPLE_AT + 1, SAMPLE_AT + 2]),
      );
      assertEquals(after?.value.attempts.map(({ number }) => number), [1, 2]);
    }
    assertEquals(await indexFaults(db), []);
  });

  test("move() by many at once over many deliveries loses nothing", async ({ store, other, db }) => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => accepted(store, n)));
    await Promise.all(
      all.flatMap((known) =>
        Array.from(
          { length: 6 },
          (_, number) =>
            (number % 2 === 0 ? store : other).move(known, retried(number, SAMPLE_AT + 10_000 * number)),
        )
      ),
    );
    const found = await store.deliveries(all.map(({ value }) => value));
    assertEquals(found.map((known) => known?.value.attempts_total), all.map(() => 6));
    assertEquals((await keysBelow(db, "due")).length, 20);
    assertEquals(await indexFaults(db), []);
  });

  test("move() lets one of many claim a delivery", async ({ store, other, db }) => {
    const known = await accepted(store);
    const claims = await Promise.all(
      Array.from(
        { length: 10 },
        (_, n) =>
          (n % 2 === 0 ? store : other).move(
            known,
            (delivery) =>
              delivery.due_at === known.value.due_at
                ? leased(delivery, { owner: `p${n}`, until_ms: SAMPLE_AT + 40_000 })
                : null,
          ),
      ),
    );
    const won = claims.filter((claim) => claim !== null);
    assertEquals(won.length, 1);
    assertEquals(await store.delivery(known.value.event_id, WEBHOOK), won[0] ?? null);
    assertEquals(await indexFaults(db), []);
  });
}

function testPause(test: ContractTest): void {
  const at = SAMPLE_AT + 25_000;
  const gone = (delivery: Delivery): Delivery =>
    withAttempt(delivery, sampleAttempt(at, { status_code: 410 }), { outcome: "gone" }, {
      owner: null,
      now_ms: at,
    });

  test("move() with a pause changes the webhook in the same commit, and bumps the version", async (opened) => {
    const { store, db, clock } = opened;
    await store.addWebhook(sampleWebhook(1));
    const known = await accepted(store);
    await accepted(store, 2);
    const version = await store.version();
    await clock.advance(25_000);
    const after = await store.move(known, gone, { reason: "gone", at, notice: null });
    const webhook = await store.webhook(SAMPLE_SITE, WEBHOOK);
    assert(webhook !== null);
    const { enabled, pause_reason, cancelled_until, updated_at } = webhook;
    assertEquals([enabled, pause_reason, cancelled_until, updated_at], [false, "gone", at, at]);
    assertEquals(webhook.secrets, sampleWebhook(1).secrets);
    const entry = await db.get(keys.webhook(SAMPLE_SITE, WEBHOOK));
    assertEquals(entry.versionstamp, after?.versionstamp ?? "none");
    assertEquals(after?.value.status, "exhausted");
    assertNotEquals(await store.version(), version);
    const markers = await store.markers(at, 10, null);
    assertEquals(
      markers.map(({ slot }) => slot),
      [slotOf(SAMPLE_AT), slotOf(at)],
      "what waits is looked at now",
    );
  });

  test("move() with a pause leaves a webhook that is off already, and needs none", async ({ store, clock }) => {
    await store.addWebhook(sampleWebhook(1, { enabled: false, cancelled_until: SAMPLE_AT }));
    const known = await accepted(store);
    const version = await store.version();
    await clock.advance(25_000);
    assertEquals(
      (await store.move(known, gone, { reason: "gone", at, notice: null }))?.value.status,
      "exhausted",
    );
    const webhook = await store.webhook(SAMPLE_SITE, WEBHOOK);
    assertEquals([webhook?.pause_reason, webhook?.cancelled_until], [null, SAMPLE_AT]);
    assertEquals(await store.version(), version);

    const orphan = sampleAcceptance(sampleEvent(9), [sampleWebhookId(9)]);
    const versionstamp = await store.accept(orphan) ?? "";
    for (const { delivery } of orphan.deliveries) {
      const after = await store.move({ value: delivery, versionstamp, written: false }, gone, {
        reason: "gone",
        at,
        notice: null,
      });
      assertEquals(after?.value.status, "exhausted");
    }
  });

  test("move() with a pause loses no change that its owner makes at the same moment", async (opened) => {
    const { store, other } = opened;
    for (const [n, who] of [store, other, store, other].entries()) {
      const id = sampleWebhookId(n);
      await store.addWebhook(sampleWebhook(n));
      await store.accept(sampleAcceptance(sampleEvent(n), [id]));
      const known = await store.delivery(sampleEvent(n).id, id);
      assert(known !== null);
      // Each of these is a commit of its own, so that the pause is decided well before it can be written.
      const before = Array.from({ length: 10 }, (_, index) => store.addKey(sampleApiKey(10 * n + index)));
      await Promise.all([
        ...before,
        store.move(known, gone, { reason: "gone", at, notice: null }),
        who.changeWebhook(SAMPLE_SITE, id, (webhook) => ({ ...webhook, name: "renamed" })),
      ]);
      const webhook = await store.webhook(SAMPLE_SITE, id);
      assert(webhook !== null);
      assertEquals([webhook.name, webhookStatus(webhook)], ["renamed", "paused"]);
      assertEquals((await store.delivery(sampleEvent(n).id, id))?.value.attempts_total, 1);
    }
  });
}
