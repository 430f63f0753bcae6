/**
 * Part of the store's contract: entries of the audit, written with the change they tell of.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AuditNote } from "../../lib/audit.ts";
import { AppError } from "../../lib/errors.ts";
import type { AuditQuery } from "../../lib/store.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleAcceptance,
  sampleApiKey,
  sampleEvent,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";
import { keysBelow } from "./store_contract_state.ts";

const ID = sampleWebhookId(1);

function note(given: Partial<AuditNote> = {}): AuditNote {
  return {
    actor: "someone",
    action: "webhook.changed",
    site_id: SAMPLE_SITE,
    subject: ID,
    changes: ["name"],
    ...given,
  };
}

function query(given: Partial<AuditQuery> = {}): AuditQuery {
  return { since: null, until: null, limit: 100, before: null, ...given };
}

/** Registers this part. */
export function testAudit(test: ContractTest): void {
  test("a change and its entry are one commit, so that a change that fails leaves no entry", async ({ store, db }) => {
    await store.addWebhook(sampleWebhook(1), note({ action: "webhook.created", changes: [] }));
    await store.changeWebhook(SAMPLE_SITE, ID, () => null, () => note());
    await store.changeWebhook(SAMPLE_SITE, ID, (webhook) => webhook, () => note());
    await assertRejects(() => store.addWebhook(sampleWebhook(1), note()), AppError);
    await store.addKey(sampleApiKey(1), note({ action: "key.created" }));
    await assertRejects(() => store.addKey(sampleApiKey(1), note({ action: "key.created" })), AppError);
    assertEquals(await store.removeKey("nothing", note({ action: "key.revoked" })), false);
    assertEquals((await keysBelow(db, "audit")).length, 2);
    const { entries } = await store.auditPage(query());
    assertEquals(entries.map(({ action }) => action), ["key.created", "webhook.created"]);
  });

  test("an entry is given back as it was noted, with its time", async ({ store, clock }) => {
    await store.addWebhook(sampleWebhook(1));
    await clock.advance(1500);
    await store.changeWebhook(
      SAMPLE_SITE,
      ID,
      (webhook) => ({ ...webhook, name: "after" }),
      (before, after) => note({ changes: [before.name, after.name] }),
    );
    const { entries: [entry], next } = await store.auditPage(query());
    assert(entry !== undefined);
    const { id: _, ...rest } = entry;
    assertEquals(rest, { ...note({ changes: ["Webhook 1", "after"] }), at: SAMPLE_AT + 1500 });
    assertEquals(next, null);
  });

  test("of many changes at once each has one entry, by one process and by two", async ({ store, other }) => {
    await store.addWebhook(sampleWebhook(1));
    await Promise.all(Array.from({ length: 20 }, (_, n) =>
      (n % 2 === 0 ? store : other).changeWebhook(
        SAMPLE_SITE,
        ID,
        (webhook) => ({ ...webhook, name: `name ${n}` }),
        (before) => note({ changes: [before.name] }),
      )));
    const { entries } = await store.auditPage(query());
    assertEquals(entries.length, 20);
    assertEquals(new Set(entries.flatMap(({ changes }) => changes)).size, 20, "each told what it changed");
  });

  test("a pause by an attempt is told in its commit, once", async ({ store }) => {
    await store.addWebhook(sampleWebhook(1));
    await store.accept(sampleAcceptance(sampleEvent(1), [ID]));
    const known = await store.delivery(sampleEvent(1).id, ID);
    assert(known !== null);
    const pause = { reason: "gone", at: SAMPLE_AT, notice: null } as const;
    await store.move(known, (delivery) => ({ ...delivery, trigger: "manual" }), pause);
    await store.move(known, (delivery) => ({ ...delivery, trigger: "recover" }), pause);
    const { entries } = await store.auditPage(query());
    assertEquals(entries.map(({ actor, action, subject }) => [actor, action, subject]), [
      ["tidings", "webhook.paused", ID],
    ]);
    assert((await store.webhook(SAMPLE_SITE, ID))?.updated_at === SAMPLE_AT + 1, "a later state");
  });

  test("moveAudited() moves and tells of it in one commit, and of nothing that it leaves", async ({ store, db }) => {
    await store.accept(sampleAcceptance(sampleEvent(1), [ID]));
    const known = await store.delivery(sampleEvent(1).id, ID);
    assert(known !== null);
    const told = note({ action: "delivery.redelivered", subject: "dlv_1", changes: [] });
    assertEquals(await store.moveAudited(known, () => null, told), null);
    assertEquals(await keysBelow(db, "audit"), []);
    const moved = await store.moveAudited(known, (now) => ({ ...now, trigger: "manual" }), told);
    const { entries: [entry] } = await store.auditPage(query());
    assertEquals([entry?.action, entry?.subject], ["delivery.redelivered", "dlv_1"]);
    const { versionstamp } = await db.get(["audit", entry?.id ?? ""]);
    assertEquals([moved?.value.trigger, moved?.versionstamp], ["manual", versionstamp]);
  });

  test("writeAudit() writes an entry by itself, and writes it anew in its place", async ({ store, clock }) => {
    const first = await store.writeAudit(note({ changes: ["begun"] }));
    await clock.advance(5000);
    await store.writeAudit(note({ subject: "another" }));
    await store.writeAudit(note({ changes: ["begun", "done"] }), first);
    const { entries } = await store.auditPage(query());
    assertEquals(entries.map(({ at, subject, changes }) => [at, subject, changes]), [
      [SAMPLE_AT + 5000, "another", ["name"]],
      [SAMPLE_AT, ID, ["begun", "done"]],
    ]);
  });

  test("auditPage() reads newest first, by time, a page at a time", async ({ store, clock }) => {
    for (let n = 0; n < 5; n++) {
      await store.addKey(sampleApiKey(n), note({ subject: `${n}` }));
      await clock.advance(1000);
    }
    const subjects = async (given: Partial<AuditQuery>): Promise<string[]> =>
      (await store.auditPage(query(given))).entries.map(({ subject }) => subject);
    assertEquals(await subjects({}), ["4", "3", "2", "1", "0"]);
    assertEquals(await subjects({ since: SAMPLE_AT + 2000 }), ["4", "3", "2"]);
    assertEquals(await subjects({ until: SAMPLE_AT + 2000 }), ["1", "0"]);
    assertEquals(await subjects({ since: SAMPLE_AT + 1, until: SAMPLE_AT + 1001 }), ["1"]);
    assertEquals(await subjects({ since: SAMPLE_AT + 9000, until: SAMPLE_AT }), []);
    const first = await store.auditPage(query({ limit: 3 }));
    const second = await store.auditPage(query({ limit: 3, before: first.next }));
    assertEquals(first.entries.length, 3);
    assertEquals([second.entries.map(({ subject }) => subject), second.next], [["1", "0"], null]);
    const exact = await store.auditPage(query({ limit: 5 }));
    assertEquals(exact.next, null, "no empty page at the end");
  });

  test("changeKey() changes a key, and never brings a revoked one back", async ({ store, other }) => {
    const key = sampleApiKey(1);
    await store.addKey(key);
    await store.changeKey(key.id, (now) => ({ ...now, sites: ["a.example"] }), note());
    assertEquals(await store.keyByHash(key.hash), { ...key, sites: ["a.example"] });
    await store.changeKey(key.id, () => null, note());
    await Promise.all([
      store.changeKey(key.id, (now) => ({ ...now, sites: [] })),
      other.removeKey(key.id),
    ]);
    assertEquals(await store.keyByHash(key.hash), null);
    await store.changeKey("nothing", (now) => now, note());
    assertEquals((await store.auditPage(query())).entries.length, 1);
  });
}
