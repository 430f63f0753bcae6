/**
 * Part of the store's contract: what a process holds since it accepted it is named by a group lease until it has a record.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Delivery } from "../../lib/delivery.ts";
import { ended, interrupted, leased, wished } from "../../lib/delivery_moves.ts";
import { namesOf } from "../../lib/group_lease_names.ts";
import { LEASE, RETENTION_DAYS, TIME } from "../../lib/limits.ts";
import type { GroupLease, KnownDelivery, Store } from "../../lib/store.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleEvent,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { allEntries, indexFaults, keysBelow } from "./store_contract_state.ts";

const [FIRST, SECOND] = [sampleWebhookId(1), sampleWebhookId(2)];
const OWNER = "one";
const UNTIL_MS = SAMPLE_AT + 40_000;
const ALWAYS = Number.MAX_SAFE_INTEGER;

/** Accepts an event whose deliveries a process holds. */
async function acceptHeld(
  store: Store,
  n: number,
  webhook_ids: readonly string[],
  until_ms = UNTIL_MS,
): Promise<KnownDelivery[]> {
  const acceptance = sampleAcceptance(sampleEvent(n), webhook_ids, { owner: OWNER, until_ms });
  const versionstamp = await store.accept(acceptance);
  assert(versionstamp !== null);
  return acceptance.deliveries.map(({ delivery }) => ({ value: delivery, versionstamp, written: false }));
}

async function onlyLease(store: Store): Promise<GroupLease> {
  const [lease, ...more] = await store.groupLeases(ALWAYS);
  assert(lease !== undefined && more.length === 0);
  return lease;
}

function cancel(delivery: Delivery): Delivery {
  return ended(delivery, "cancelled");
}

/** Registers this part. */
export function testLeases(test: ContractTest): void {
  testTaking(test);
  testEnding(test);
  testOldAndDeleted(test);
}

function testTaking(test: ContractTest): void {
  test("accept() of what a process holds writes a group lease in place of due entries and markers", async ({ store, db }) => {
    const held = await acceptHeld(store, 1, [FIRST, SECOND]);
    const { id } = sampleEvent(1);
    assertEquals(await keysBelow(db, "due"), []);
    assertEquals(await keysBelow(db, "agenda"), []);
    assertEquals(new Set((await allEntries(db)).map(({ versionstamp }) => versionstamp)).size, 1);
    const lease = await onlyLease(store);
    assertEquals([lease.owner, lease.until], [OWNER, UNTIL_MS]);
    assertEquals(lease.deliveries, [{ event_id: id, webhook_ids: [FIRST, SECOND] }]);
    for (const known of held) assertEquals(await store.delivery(id, known.value.webhook_id), known);
    assertEquals(await store.pendingCount(FIRST, 10), 1);
    assertEquals(await store.countDue(SAMPLE_AT, 10), { due: 0, later: 2 });
    assertEquals(await store.countDue(SAMPLE_AT, 1), { due: 0, later: 1 });
    assertEquals(await store.groupLeases(UNTIL_MS - 1), []);
    assertEquals((await store.groupLeases(UNTIL_MS)).length, 1);
    assertEquals(await indexFaults(db), []);
  });

  test("accept() of an event that is held for some and waits for others writes both", async ({ store, db }) => {
    const acceptance = sampleAcceptance(sampleEvent(1), [FIRST, SECOND]);
    const [first, second] = acceptance.deliveries;
    assert(first !== undefined && second !== undefined);
    const held = leased(second.delivery, { owner: OWNER, until_ms: UNTIL_MS });
    await store.accept({ ...acceptance, deliveries: [first, { ...second, delivery: held }] });
    assertEquals(await keysBelow(db, "due"), [[FIRST, SAMPLE_AT, sampleEvent(1).id]]);
    assertEquals(namesOf(await onlyLease(store)).map(({ webhook_id }) => webhook_id), [SECOND]);
    assertEquals((await store.delivery(sampleEvent(1).id, FIRST))?.value, first.delivery);
    assertEquals((await store.delivery(sampleEvent(1).id, SECOND))?.value, held);
    assertEquals(await indexFaults(db), []);
  });

  test("what is accepted at once shares group leases, each until the last of its leases ends", async ({ store, db }) => {
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    await Promise.all(numbers.map((n) => acceptHeld(store, n, [FIRST], UNTIL_MS + n)));
    const leases = await store.groupLeases(ALWAYS);
    assert(leases.length < numbers.length / 4, `${leases.length} group leases`);
    assertEquals(leases.flatMap(namesOf).length, numbers.length);
    assertEquals(await indexFaults(db), []);
    assertEquals(await store.pendingCount(FIRST, 100), numbers.length);
    assertEquals(await store.pendingCount(FIRST, 7), 7);
  });
}

function testEnding(test: ContractTest): void {
  test("a group lease goes with the last of its deliveries that gets a record, not before", async ({ store, db }) => {
    const [first, second] = await acceptHeld(store, 1, [FIRST, SECOND]);
    assert(first !== undefined && second !== undefined);
    await store.move(first, cancel);
    assertEquals((await store.groupLeases(ALWAYS)).length, 1);
    assertEquals(await store.pendingCount(FIRST, 10), 0);
    assertEquals(await store.pendingCount(SECOND, 10), 1);
    await store.move(second, cancel);
    assertEquals(await store.groupLeases(ALWAYS), [], "it goes in the same commit");
    assertEquals(await indexFaults(db), []);
  });

  test("a group lease of which all get a record at once goes with the commit after it", async ({ store, db }) => {
    const known = await acceptHeld(store, 1, [FIRST, SECOND]);
    await Promise.all(known.map((each) => store.move(each, cancel)));
    // Nobody waits for it.
    await store.beat(OWNER, SAMPLE_AT);
    assertEquals(await store.groupLeases(ALWAYS), []);
    assertEquals(await indexFaults(db), []);
  });

  test("who moves a held delivery from elsewhere wins once, and whoever held it finds out", async ({ store, other, db }) => {
    const [known] = await acceptHeld(store, 1, [FIRST]);
    const read = await other.delivery(sampleEvent(1).id, FIRST);
    assert(known !== undefined && read !== null);
    const after = await other.move(read, (delivery) => interrupted(delivery, SAMPLE_AT + 1));
    assertEquals([after?.value.due_at, after?.value.lease], [SAMPLE_AT + 1, null]);
    const seen: (number | null)[] = [];
    const moved = await store.move(known, (delivery) => {
      seen.push(delivery.due_at);
      return cancel(delivery);
    });
    assertEquals(seen, [UNTIL_MS, SAMPLE_AT + 1]);
    assertEquals(moved?.value.status, "cancelled");
    await store.beat(OWNER, SAMPLE_AT);
    assertEquals(await store.groupLeases(ALWAYS), [], "it was the last of its group lease");
    assertEquals(await indexFaults(db), []);
  });

  test("a wish for what is held gives it a record and a due entry at the end of its lease", async ({ store, other, db }) => {
    const [known, beside] = await acceptHeld(store, 1, [FIRST, SECOND]);
    const read = await other.delivery(sampleEvent(1).id, FIRST);
    assert(known !== undefined && beside !== undefined && read !== null);
    const asked = await other.move(read, (delivery) => wished(delivery, SAMPLE_AT));
    assertEquals([asked?.value.wishes, asked?.value.lease?.owner], [1, OWNER]);
    assertEquals(await keysBelow(db, "due"), [[FIRST, UNTIL_MS, sampleEvent(1).id]]);
    assertEquals(await indexFaults(db), []);
    const after = await store.move(known, (delivery) => ({ ...delivery, trigger: "manual" }));
    assertEquals([after?.value.wishes, after?.value.trigger], [1, "manual"]);
    await store.move(beside, cancel);
    await store.beat(OWNER, SAMPLE_AT);
    assertEquals(await store.groupLeases(ALWAYS), []);
    assertEquals(await indexFaults(db), []);
  });

  test("endGroupLease() removes one whose deliveries have records, and puts off what can't be read", async ({ store, other, db, clock }) => {
    await acceptHeld(store, 1, [FIRST]);
    await acceptHeld(store, 2, [FIRST]);
    for (const n of [1, 2]) {
      const known = await other.delivery(sampleEvent(n).id, FIRST);
      assert(known !== null);
      if (n === 1) await other.move(known, cancel);
    }
    const [over, open] = await other.groupLeases(ALWAYS);
    assert(over !== undefined && open !== undefined);
    await other.endGroupLease(over);
    await other.endGroupLease(open);
    const lease = await onlyLease(other);
    assertEquals(namesOf(lease), [{ event_id: sampleEvent(2).id, webhook_id: FIRST, leased: true }]);
    assertEquals(lease.until, clock.now() + LEASE.broken_again_ms);
    assertEquals(await indexFaults(db), []);
    // As it was read, it is there no longer.
    await other.endGroupLease(open);
    assertEquals(await onlyLease(other), lease);
  });
}

function testOldAndDeleted(test: ContractTest): void {
  test("a held delivery is not taken from an event that may outlive records, unless a group lease names it", async ({ store, clock }) => {
    await acceptHeld(store, 1, [FIRST]);
    const name = { event_id: sampleEvent(1).id, webhook_id: FIRST };
    await clock.advance(RETENTION_DAYS.min * TIME.DAY_MS - 1);
    assert(await store.delivery(name.event_id, FIRST) !== null);
    await clock.advance(1);
    assertEquals(await store.delivery(name.event_id, FIRST), null);
    const [lease] = await store.groupLeases(ALWAYS);
    assert(lease !== undefined);
    const [known] = await store.deliveries(namesOf(lease));
    assertEquals(known?.value.lease?.owner, OWNER);
  });

  test("whoever records what was held when its site was deleted leaves nothing behind", async ({ store, other, db }) => {
    await store.addWebhook(sampleWebhook(1));
    await store.addWebhook({ ...sampleWebhook(2), site_id: "other.example" });
    const [known] = await acceptHeld(store, 1, [FIRST]);
    const theirs = sampleAcceptance(
      sampleEvent(2, { site_id: "other.example" }),
      [SECOND],
      { owner: OWNER, until_ms: UNTIL_MS },
    );
    const stamp = await store.accept(theirs);
    const [kept] = theirs.deliveries;
    assert(known !== undefined && kept !== undefined && stamp !== null);
    await other.beginSiteDeletion(SAMPLE_SITE);
    assert(await other.wipeSite(SAMPLE_SITE) > 0);
    assertEquals(await other.wipeSite(SAMPLE_SITE), 0);
    assertEquals((await other.groupLeases(ALWAYS)).flatMap(namesOf).map(({ webhook_id }) => webhook_id), [
      SECOND,
    ]);
    assertEquals(await store.move(known, cancel), null);
    assertEquals(await store.delivery(sampleEvent(1).id, FIRST), null);
    assertEquals(await store.deliveries([{ event_id: sampleEvent(1).id, webhook_id: FIRST }]), [null]);
    assertEquals(await keysBelow(db, "due"), []);
    const moved = await store.move({ value: kept.delivery, versionstamp: stamp, written: false }, cancel);
    assertEquals(moved?.value.status, "cancelled");
  });
}
