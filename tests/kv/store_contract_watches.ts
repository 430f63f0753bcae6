/**
 * The store's contract: watches, whose state moves in the commit of what it stands for.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import type { AuditNote } from "../../lib/audit.ts";
import type { Store, StoredWatch } from "../../lib/store.ts";
import { BUDGET_AT_FIRST, newWatchState, type WatchSettings } from "../../lib/watch.ts";
import { SAMPLE_AT, SAMPLE_SITE, sampleAcceptance, sampleEvent, sampleWebhookId } from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";

const SETTINGS: WatchSettings = {
  visitors: true,
  goals: true,
  custom_events: false,
  errors: true,
  api_key: "stats-key",
  interval_s: 60,
  updated_at: SAMPLE_AT,
};
const NOTE: AuditNote = {
  actor: "cli",
  action: "watch.set",
  site_id: SAMPLE_SITE,
  subject: SAMPLE_SITE,
  changes: [],
};

function watched(store: Store, settings = SETTINGS, site_id = SAMPLE_SITE): Promise<StoredWatch> {
  return store.setWatch(site_id, () => ({ settings, state: newWatchState(SAMPLE_AT), note: NOTE }));
}

/** Registers this part of the suite. */
export function testWatches(test: ContractTest): void {
  test("setWatch() stores the key sealed, and watch() opens it", async ({ store, other, db }) => {
    assertEquals(await store.watch(SAMPLE_SITE), null);
    await watched(store);
    const found = await other.watch(SAMPLE_SITE);
    assertEquals([found?.settings, found?.state.value], [SETTINGS, newWatchState(SAMPLE_AT)]);
    const stored = await Array.fromAsync(db.list<Uint8Array>({ prefix: [] }));
    for (const { value } of stored) {
      if (value instanceof Uint8Array) assertFalse(new TextDecoder().decode(value).includes("stats-key"));
    }
    const [listed, ...none] = await store.watches();
    assertEquals([listed?.site_id, listed?.state, none], [SAMPLE_SITE, found?.state, []]);
    assertFalse(listed?.settings.api_key === "stats-key");
    assertEquals(
      (await store.auditPage({ since: null, until: null, limit: 10, before: null })).entries.length,
      1,
    );
  });

  test("setWatch() decides again when the state was moved meanwhile", async ({ store, other }) => {
    await watched(store);
    let turns = 0;
    const moved = await other.watch(SAMPLE_SITE);
    assert(moved !== null);
    const change = {
      site_id: SAMPLE_SITE,
      seen: moved.state.versionstamp,
      watch: { ...moved.state.value, last_round_at: 7 },
    };
    const moving = other.moveWatch(change);
    const after = await store.setWatch(SAMPLE_SITE, (before) => {
      turns++;
      assert(before !== null);
      return { settings: { ...SETTINGS, goals: false }, state: before.state.value, note: NOTE };
    });
    const stamp = await moving;
    assert(turns >= 1);
    assertEquals(after.settings.goals, false);
    const now = await store.watch(SAMPLE_SITE);
    assertEquals(now?.settings.goals, false);
    // Whoever came first, neither undid the other.
    assertEquals(now?.state.value.last_round_at, stamp === null ? null : 7);
  });

  test("acceptWith() moves a watch with the event, or neither", async ({ store }) => {
    const { state } = await watched(store);
    const [first, late] = [sampleEvent(1), sampleEvent(2)].map((event) =>
      sampleAcceptance(event, [sampleWebhookId(1)])
    );
    assert(first !== undefined && late !== undefined);
    const open = { from: 0, open: { start: 0, end: 1000, told_to: "ab" } };
    const change = {
      site_id: SAMPLE_SITE,
      seen: state.versionstamp,
      watch: { ...state.value, goals: open },
    };
    const stamp = await store.acceptWith(change, [first]);
    assertEquals((await store.watch(SAMPLE_SITE))?.state, { value: change.watch, versionstamp: stamp ?? "" });
    assertEquals(await store.acceptWith(change, [late]), null);
    assertEquals(await store.event(late.event.id), null);
  });

  test("of two processes that move a watch at once one does", async ({ store, other }) => {
    const { state } = await watched(store);
    const change = { site_id: SAMPLE_SITE, seen: state.versionstamp, watch: state.value };
    const moved = await Promise.all([store, other, store, other].map((each) => each.moveWatch(change)));
    assertEquals(moved.filter((stamp) => stamp !== null).length, 1);
  });

  test("a removed watch can't be moved, and is gone for all", async ({ store, other }) => {
    const { state } = await watched(store);
    const note = { ...NOTE, action: "watch.removed" } as const;
    assertEquals(await other.removeWatch(SAMPLE_SITE, note), true);
    assertEquals(await other.removeWatch(SAMPLE_SITE, note), false);
    const change = { site_id: SAMPLE_SITE, seen: state.versionstamp, watch: state.value };
    assertEquals(await store.moveWatch(change), null);
    assertEquals([await store.watch(SAMPLE_SITE), await store.watches()], [null, []]);
  });

  test("moveWatch() takes its requests off the budget, or does nothing", async ({ store, other }) => {
    const { state } = await watched(store);
    const { value, versionstamp } = await store.watchBudget();
    assertEquals([value, versionstamp], [BUDGET_AT_FIRST, ""]);
    const budget = { value: { ...BUDGET_AT_FIRST, minutes: [[1, 5] as const] }, versionstamp };
    const change = { site_id: SAMPLE_SITE, seen: state.versionstamp, watch: state.value };
    const stamp = await store.moveWatch(change, budget);
    assert(stamp !== null);
    assertEquals((await other.watchBudget()).value, budget.value);
    // The state is as it was read, but the budget is not any more.
    assertEquals(await store.moveWatch({ ...change, seen: stamp }, budget), null);
    assertFalse(await store.moveBudget(budget));
    const next = { value: BUDGET_AT_FIRST, versionstamp: (await store.watchBudget()).versionstamp };
    assert(await other.moveBudget(next));
  });

  test("a site exists while it is watched, and is wiped with its watch", async ({ store }) => {
    await watched(store);
    await watched(store, SETTINGS, `${SAMPLE_SITE}/other`);
    assert(await store.siteExists(SAMPLE_SITE));
    const { sites } = await store.sitePage(10, null);
    assertEquals(sites[0], { site_id: SAMPLE_SITE, webhooks: 0, last_event_at: null });
    assertEquals(sites.length, 2);
    await store.wipeSite(SAMPLE_SITE);
    assertFalse(await store.siteExists(SAMPLE_SITE));
    assertEquals((await store.watches()).map(({ site_id }) => site_id), [`${SAMPLE_SITE}/other`]);
    assert(await watched(store));
  });
}
