/**
 * The current webhooks of every site: cached, and never staler than promised.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Directory } from "../../lib/directory.ts";
import { AppError } from "../../lib/errors.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { collectGarbage } from "../helpers/garbage.ts";
import {
  SAMPLE_AT,
  SAMPLE_SITE,
  sampleTombstone,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";

interface Stage {
  readonly directory: Directory;
  /** What storage holds, by site. */
  readonly stored: Map<string, Webhook[]>;
  /** The sites that storage was asked for, in order. */
  readonly reads: string[];
  version: bigint;
  failure: Error | null;
  /** Makes the next reads wait until it is called; they answer what was stored when they were asked. */
  hold(): () => void;
}

function makeStage(...webhooks: Webhook[]): Stage {
  const stored = new Map<string, Webhook[]>();
  for (const webhook of webhooks) {
    stored.set(webhook.site_id, [...stored.get(webhook.site_id) ?? [], webhook]);
  }
  const reads: string[] = [];
  const stage = { version: 1n, failure: null as Error | null };
  let gate: Promise<void> = Promise.resolve();
  const directory = new Directory({
    async webhooksOf(site_id) {
      reads.push(site_id);
      const { failure } = stage;
      const found = stored.get(site_id) ?? [];
      await gate;
      if (failure !== null) throw failure;
      return found;
    },
    webhook(site_id, webhook_id) {
      const found = (stored.get(site_id) ?? []).find(({ id }) => id === webhook_id);
      return Promise.resolve(found ?? null);
    },
    version: () => Promise.resolve(stage.version),
  });
  function hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return resolve;
  }
  return Object.assign(stage, { directory, stored, reads, hold });
}

function names(webhooks: readonly Webhook[]): string[] {
  return webhooks.map(({ name }) => name);
}

const ONE = sampleWebhook(1);
const TWO = sampleWebhook(2);
const DELETED = sampleTombstone(sampleWebhook(3), SAMPLE_AT);

Deno.test("webhooksOf() shows a site's webhooks without the deleted, webhook() shows those too", async () => {
  const { directory } = makeStage(ONE, TWO, DELETED);
  assertEquals(names(await directory.webhooksOf(SAMPLE_SITE)), [ONE.name, TWO.name]);
  assertEquals((await directory.webhook(SAMPLE_SITE, DELETED.id))?.deleted_at, SAMPLE_AT);
  assertEquals(await directory.webhook(SAMPLE_SITE, sampleWebhookId(9)), null);
  assertEquals(
    await directory.webhook("other.example", ONE.id),
    null,
    "another site's webhook is none of this site's",
  );
  assertEquals(await directory.webhooksOf("other.example"), []);
});

Deno.test("a site is read once, however often and however many at once ask for it", async () => {
  const { directory, reads } = makeStage(ONE);
  await Promise.all(Array.from({ length: 10 }, () => directory.webhook(SAMPLE_SITE, ONE.id)));
  await directory.webhooksOf(SAMPLE_SITE);
  assertEquals(reads, [SAMPLE_SITE]);
});

Deno.test("a change by this process shows at once", async () => {
  const { directory, stored } = makeStage(ONE);
  await directory.webhooksOf(SAMPLE_SITE);
  stored.set(SAMPLE_SITE, [TWO]);
  assertEquals(
    names(await directory.webhooksOf(SAMPLE_SITE)),
    [ONE.name],
    "nobody said that something changed",
  );
  directory.invalidate();
  assertEquals(names(await directory.webhooksOf(SAMPLE_SITE)), [TWO.name]);
});

Deno.test("a change by another process shows with the next poll, and a poll without one reads nothing again", async () => {
  const stage = makeStage(ONE);
  const { directory, stored, reads } = stage;
  await directory.poll();
  await directory.webhooksOf(SAMPLE_SITE);
  await directory.poll();
  await directory.webhooksOf(SAMPLE_SITE);
  assertEquals(reads.length, 1);
  stored.set(SAMPLE_SITE, [TWO]);
  stage.version = 2n;
  await directory.poll();
  assertEquals(names(await directory.webhooksOf(SAMPLE_SITE)), [TWO.name]);
  await directory.poll();
  await directory.webhooksOf(SAMPLE_SITE);
  assertEquals(reads.length, 2);
});

Deno.test("a change while a site is being read makes what was read count as old", async () => {
  const { directory, stored, hold } = makeStage(ONE);
  const release = hold();
  const early = directory.webhooksOf(SAMPLE_SITE);
  stored.set(SAMPLE_SITE, [TWO]);
  directory.invalidate();
  release();
  assertEquals(names(await early), [ONE.name], "who asked before may get what was before");
  assertEquals(names(await directory.webhooksOf(SAMPLE_SITE)), [TWO.name]);
});

Deno.test("what was read before a change is not kept in memory", async () => {
  const directory = new Directory({
    webhooksOf: () => Promise.resolve([sampleWebhook(1)]),
    webhook: () => Promise.resolve(null),
    version: () => Promise.resolve(1n),
  });
  const readOne = async (): Promise<WeakRef<Webhook>> => {
    const [webhook] = await directory.webhooksOf(SAMPLE_SITE);
    assert(webhook !== undefined);
    return new WeakRef(webhook);
  };
  const kept = await readOne();
  await collectGarbage();
  assert(kept.deref() !== undefined);
  directory.invalidate();
  await collectGarbage();
  assertEquals(kept.deref(), undefined);
});

Deno.test("a read that fails is not remembered", async () => {
  const stage = makeStage(ONE);
  stage.failure = new AppError("unavailable", "Cannot read");
  await assertRejects(() => stage.directory.webhooksOf(SAMPLE_SITE), AppError);
  await assertRejects(() => stage.directory.webhook(SAMPLE_SITE, ONE.id), AppError);
  stage.failure = null;
  assertEquals(names(await stage.directory.webhooksOf(SAMPLE_SITE)), [ONE.name]);
});

Deno.test("a read that fails late does not throw away what was read after it", async () => {
  const stage = makeStage(ONE);
  const release = stage.hold();
  stage.failure = new AppError("unavailable", "Cannot read");
  const early = stage.directory.webhooksOf(SAMPLE_SITE);
  stage.directory.invalidate();
  stage.failure = null;
  const late = stage.directory.webhooksOf(SAMPLE_SITE);
  release();
  await assertRejects(() => early, AppError);
  assertEquals(names(await late), [ONE.name]);
  const reads = stage.reads.length;
  await stage.directory.webhooksOf(SAMPLE_SITE);
  assertEquals(stage.reads.length, reads);
});

Deno.test("signingKeys() are those of the secrets that are valid now, newest first, each made once", () => {
  const webhook = sampleWebhook(1, {
    secrets: [
      { value: "the-newest-secret-0123456789", expires_at: null },
      { value: "the-second-secret-0123456789", expires_at: SAMPLE_AT + 1000 },
      { value: "an-expired-secret-0123456789", expires_at: SAMPLE_AT },
    ],
  });
  const { directory } = makeStage(webhook);
  const keys = directory.signingKeys(webhook, SAMPLE_AT);
  assertEquals(keys.length, 2);
  const again = directory.signingKeys(webhook, SAMPLE_AT + 999);
  assert(again[0] === keys[0] && again[1] === keys[1], "made once");
  assertEquals(
    directory.signingKeys(webhook, SAMPLE_AT + 1000).length,
    1,
    "from its end on it signs no more",
  );
  assertEquals(directory.signingKeys(DELETED, SAMPLE_AT), []);
});

Deno.test("of very many sites the one asked for longest ago is dropped first", async () => {
  const { directory, reads } = makeStage(ONE);
  const site = (n: number): string => `site-${n}.example`;
  for (let n = 0; n < 20_000; n++) await directory.webhooksOf(site(n));
  assertEquals(reads.length, 20_000);
  await directory.webhooksOf(site(1));
  await directory.webhooksOf(site(20_000));
  assertEquals(reads.length, 20_001);
  await directory.webhooksOf(site(0));
  assertEquals(reads.at(-1), site(0), "the first had to make room");
  await directory.webhooksOf(site(1));
  assertEquals(reads.length, 20_002, "the one asked for again did not");
  await directory.webhooksOf(site(2));
  assertEquals(reads.at(-1), site(2));
});
