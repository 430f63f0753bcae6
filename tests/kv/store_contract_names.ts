/**
 * Part of the store's contract: the names of sites.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { siteIdSchema } from "../../lib/site_id.ts";
import type { Store } from "../../lib/store.ts";
import { SAMPLE_AT, SAMPLE_SITE, sampleAcceptance, sampleEvent, sampleWebhook } from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";

const NEW = "new.example";
const UNTIL = SAMPLE_AT + 1000;

const NOTE = {
  actor: "someone",
  action: "site.renamed",
  site_id: SAMPLE_SITE,
  subject: SAMPLE_SITE,
  changes: [],
} as const;

async function rename(store: Store, to: string, site = SAMPLE_SITE): Promise<void> {
  await store.renameSite({ site, called: site, to, until: UNTIL, now: SAMPLE_AT }, NOTE);
}

async function conflict(run: () => Promise<unknown>): Promise<void> {
  assertEquals((await assertRejects(run, AppError)).code, "conflict");
}

/** Registers this part. */
export function testNames(test: ContractTest): void {
  test("renameSite() writes both names, the version and the audit, and moves nothing", async ({ store }) => {
    await store.addWebhook(sampleWebhook(1));
    await store.accept(sampleAcceptance(sampleEvent(1), []));
    const version = await store.version();
    assertEquals((await store.siteNames()).names, []);
    await rename(store, NEW);
    const { names, joined } = await store.siteNames();
    assertEquals(
      names.map(({ name, site, until }) => [name, site, until]),
      [
        [NEW, SAMPLE_SITE, null],
        [SAMPLE_SITE, SAMPLE_SITE, UNTIL],
      ].toSorted(),
    );
    const next = names.find(({ name }) => name === SAMPLE_SITE)?.next ?? "";
    assertEquals([next.startsWith(SAMPLE_SITE), siteIdSchema.safeParse(next).success], [true, false]);
    assertEquals(joined, [{ site: NEW, into: SAMPLE_SITE }]);
    assertEquals(await store.version() > version, true);
    const { entries } = await store.auditPage({ since: null, until: null, limit: 1, before: null });
    assertEquals(entries[0]?.action, "site.renamed");
    assertEquals((await store.webhooksOf(SAMPLE_SITE)).length, 1);
  });

  test("renameSite() refuses a name that has anything, and a site that is being deleted", async ({ store }) => {
    await store.addWebhook(sampleWebhook(1));
    await store.addWebhook(sampleWebhook(2, { site_id: "webhook.example" }));
    await store.accept(sampleAcceptance(sampleEvent(1, { site_id: "event.example" }), []));
    for (const to of ["webhook.example", "event.example"]) await conflict(() => rename(store, to));
    await store.beginSiteDeletion("deleted.example");
    await conflict(() => rename(store, "deleted.example"));
    await conflict(() => rename(store, "other.example", "deleted.example"));
    assertEquals((await store.siteNames()).names, []);
  });

  test("nothing is added to a site whose name was given to another", async ({ store }) => {
    await store.addWebhook(sampleWebhook(1));
    await rename(store, NEW);
    await conflict(() => store.addWebhook(sampleWebhook(2, { site_id: NEW })));
    assertEquals(await store.webhooksOf(NEW), []);
  });

  test("a webhook is added to a name or the name is given away, never both", async ({ store }) => {
    for (let round = 0; round < 10; round++) {
      const site = `site${round}.example`;
      const to = `to${round}.example`;
      await store.addWebhook(sampleWebhook(2 * round + 10, { site_id: site }));
      const [added, renamed] = await Promise.allSettled([
        store.addWebhook(sampleWebhook(2 * round + 11, { site_id: to })),
        rename(store, to, site),
      ]);
      assertEquals([added.status, renamed.status].toSorted(), ["fulfilled", "rejected"]);
    }
  });

  test("of two renames to one name at once one is refused, and none is half done", async ({ store }) => {
    await store.addWebhook(sampleWebhook(1));
    await store.addWebhook(sampleWebhook(2, { site_id: "other.example" }));
    const results = await Promise.allSettled([rename(store, NEW), rename(store, NEW, "other.example")]);
    assertEquals(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    assertEquals((await store.siteNames()).names.length, 2);
  });

  test("endSiteDeletion() leads each name of the site to one that has nothing", async ({ store }) => {
    await store.addWebhook(sampleWebhook(1));
    await rename(store, NEW);
    await store.beginSiteDeletion(SAMPLE_SITE);
    await store.wipeSite(SAMPLE_SITE);
    await store.endSiteDeletion(SAMPLE_SITE, { ...NOTE, action: "site.deleted" });
    const { names, joined } = await store.siteNames();
    assertEquals(joined, []);
    assertEquals(names.map(({ until, next }) => [until, next]), [[null, null], [null, null]]);
    const sites = new Set(names.map(({ site }) => site));
    assertEquals([sites.size, sites.has(SAMPLE_SITE), sites.has(NEW)], [2, false, false]);
  });
}
