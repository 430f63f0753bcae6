/**
 * Part of the store's contract: sites as a whole.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { LANE_AT_FIRST } from "../../lib/lane_state.ts";
import type { Directory } from "../../lib/directory.ts";
import { SiteNames } from "../../lib/site_names.ts";
import { AppError } from "../../lib/errors.ts";
import { deleteSite, type SitePorts } from "../../lib/sites.ts";
import { NO_COUNTS } from "../../lib/stats.ts";
import type { Store } from "../../lib/store.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleApiKey,
  sampleEvent,
  sampleTombstone,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { allEntries, indexFaults } from "./store_contract_state.ts";

const OTHER = "other.example";

function portsOver(store: Store): SitePorts {
  const directory: Pick<Directory, "invalidate" | "names"> = { names: new SiteNames(), invalidate() {} };
  return { store, directory, stats: null, clock: { now: () => SAMPLE_AT }, actor: "someone" };
}

/** One of everything that is stored for a site. */
async function populate(store: Store, site_id: string, first: number): Promise<void> {
  const ids = [first, first + 1].map(sampleWebhookId);
  for (const n of [first, first + 1, first + 2]) await store.addWebhook(sampleWebhook(n, { site_id }));
  await store.changeWebhook(
    site_id,
    sampleWebhookId(first + 2),
    (webhook) => sampleTombstone(webhook, SAMPLE_AT),
  );
  for (let n = 0; n < 70; n++) {
    const event = sampleEvent(first * 100 + n, { site_id, accepted_at: SAMPLE_AT + n });
    const acceptance = sampleAcceptance(event, n % 7 === 0 ? [] : ids);
    const entry = { event_id: event.id, digest: "0", expires_at: SAMPLE_AT + 1_000_000 };
    await store.accept({
      ...acceptance,
      // What is on no list is a test, which always has a delivery.
      listed: n % 5 !== 0 || n % 7 === 0,
      idempotency: { key: `k${n}`, entry, seen: null },
    });
    const known = n % 3 === 0 ? await store.delivery(event.id, ids[0] ?? "") : null;
    if (known === null) continue;
    // One that is over, and one that waits.
    const due_at = n % 2 === 0 ? null : SAMPLE_AT + 60_000;
    const status = due_at === null ? "delivered" : "pending";
    await store.move(known, (delivery) => ({ ...delivery, status, due_at }));
  }
  await store.writeLaneState(site_id, ids[0] ?? "", { ...LANE_AT_FIRST, consecutive_failures: 1 });
  await store.writeStats([{ site_id, webhook_id: null, hour: 1, counter: "one", counts: NO_COUNTS }]);
  await store.addKey(sampleApiKey(first, { sites: [site_id] }));
}

/** Registers this part. */
export function testSites(test: ContractTest): void {
  test("sitePage() lists sites of webhooks and of events, once, with what they have", async ({ store }) => {
    assertEquals(await store.sitePage(10, null), { sites: [], next: null });
    await populate(store, SAMPLE_SITE, 1);
    await store.accept(sampleAcceptance(sampleEvent(999, { site_id: OTHER }), []));
    await store.addWebhook(sampleWebhook(500, { site_id: "third.example" }));
    const all = [
      { site_id: SAMPLE_SITE, webhooks: 2, last_event_at: SAMPLE_AT + 69 },
      { site_id: OTHER, webhooks: 0, last_event_at: SAMPLE_AT },
      { site_id: "third.example", webhooks: 1, last_event_at: null },
    ];
    assertEquals(await store.sitePage(3, null), { sites: all, next: null });
    assertEquals(await store.sitePage(2, null), { sites: all.slice(0, 2), next: OTHER });
    assertEquals(await store.sitePage(2, OTHER), { sites: all.slice(2), next: null });
    assertEquals(await store.sitePage(2, "zzz"), { sites: [], next: null });
  });

  test("a deleted site leaves its audit and markers that lead nowhere, and the other site as it was", async (opened) => {
    const { store, other, db } = opened;
    await populate(store, OTHER, 50);
    const others = await allEntries(db);
    await populate(store, SAMPLE_SITE, 1);
    await deleteSite(SAMPLE_SITE, portsOver(other));
    const kept = new Map(others.map((entry) => [entry.key.join(" "), entry]));
    const left = (await allEntries(db)).filter(({ key }) =>
      !kept.has(key.join(" ")) && key[0] !== "audit" && key[0] !== "agenda"
    );
    assertEquals(left.map(({ key }) => key), []);
    for (const { key, versionstamp } of await allEntries(db)) {
      const before = kept.get(key.join(" "));
      if (before === undefined || ["version", "ring", "agenda"].includes(String(key[0]))) continue;
      assertEquals(versionstamp, before.versionstamp, `untouched: ${key.join(" ")}`);
    }
    assertEquals(await indexFaults(db), []);
    assertEquals(await store.siteExists(SAMPLE_SITE), false);
    assertEquals(await store.siteExists(OTHER), true);
  });

  test("a deletion that is cut short anywhere can be begun again, and ends", async ({ store, other, db }) => {
    const steps = ["beginSiteDeletion", "changeWebhook", "wipeSite", "endSiteDeletion"] as const;
    for (const [index, step] of steps.entries()) {
      await populate(store, SAMPLE_SITE, 1 + index * 10);
      const cut = {
        ...other,
        [step]: () => Promise.reject(new AppError("unavailable", "cut short")),
      };
      const result = await deleteSite(SAMPLE_SITE, portsOver(cut)).catch(({ code }) => code);
      assertEquals(result, "unavailable", step);
      assertEquals(await store.siteExists(SAMPLE_SITE), true, step);
      await deleteSite(SAMPLE_SITE, portsOver(store));
      assertEquals(await store.siteExists(SAMPLE_SITE), false, step);
      const left = (await allEntries(db)).filter(({ key }) => key.includes(SAMPLE_SITE));
      assertEquals(left.map(({ key }) => key), [], step);
    }
    const { entries } = await store.auditPage({ since: null, until: null, limit: 100, before: null });
    assertEquals(entries.filter(({ action }) => action === "site.deleted").length, steps.length);
  });

  test("an event that is accepted while its site goes leaves nothing that is due for ever", async ({ store, other, db }) => {
    await populate(store, SAMPLE_SITE, 1);
    let n = 5000;
    const late = {
      ...store,
      async wipeSite(site_id: string): Promise<number> {
        const removed = await store.wipeSite(site_id);
        // Decided before the webhook was gone, committed now.
        const event = sampleEvent(n++, { site_id, accepted_at: SAMPLE_AT + 100 });
        if (n < 5003) await other.accept(sampleAcceptance(event, [sampleWebhookId(1)]));
        return removed;
      },
    };
    await deleteSite(SAMPLE_SITE, portsOver(late));
    const left = (await allEntries(db)).filter(({ key }) => key.includes(SAMPLE_SITE) || key[0] === "due");
    assertEquals(left.map(({ key }) => key), []);
  });
}
