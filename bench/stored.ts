/**
 * A file with many deliveries that are over: as the service writes them, record for record, but in large commits.
 *
 * Owns what is in it: one site with 20 webhooks has six of ten deliveries, 50 webhooks of ten other sites have the rest;
 * besides, the ten sites that S2 posts to. The service itself makes the file, its sites and webhooks.
 *
 * @module
 */
import { createCommitter } from "../kv/committer.ts";
import { keys } from "../kv/keys.ts";
import type { Mutation } from "../kv/member.ts";
import { eventRecord } from "../kv/event_record.ts";
import { deliveryRecord } from "../kv/delivery_record.ts";
import { createRetention } from "../kv/retention.ts";
import { type Delivery, newDelivery } from "../lib/delivery.ts";
import { withAttempt } from "../lib/delivery_moves.ts";
import { systemClock } from "../lib/outbound/clock.ts";
import { systemIds } from "../lib/outbound/ids.ts";
import type { StoredEvent } from "../lib/store.ts";
import { eventText, siteName } from "./events.ts";
import { startMeasured } from "./service.ts";
import { call, type Stage } from "./stage.ts";

/** The site that has most of it. */
export const STORED_SITE = siteName(5000);
const STORED_WEBHOOKS = 20;
const OTHER_SITES = 10;
const OTHER_WEBHOOKS = 5;
const S2_SITES = 10;
/** Webhooks that one event of the site goes to; one of another site goes to two. */
const FAN_OUT = 3;
const OTHER_FAN_OUT = 2;
/** Events are this far apart, so a million deliveries are of about ten days. */
export const STEP_MS = 2000;
/** One commit of the file: within what an atomic operation may hold. */
const MUTATIONS_PER_MEMBER = 400;

const clock = systemClock();
const ids = systemIds();
const retention = createRetention(30);
const encoder = new TextEncoder();

/** A site and its webhooks. */
interface Told {
  readonly site_id: string;
  readonly webhooks: readonly string[];
}

/** When a record ends, in milliseconds from now, in place of what the service would say. */
type Expiry = (event_number: number) => number;

/** A delivery as it is stored once it is over: one in fifty failed, the others arrived at the first attempt. */
function overDelivery(event: StoredEvent, webhook_id: string, failed: boolean): Delivery {
  const { id, site_id, accepted_at } = event;
  const made = { event_id: id, webhook_id, site_id, event: event.event, trigger: "automatic" } as const;
  const attempt = {
    trigger: "automatic",
    at: accepted_at + 3,
    duration_ms: 12.4,
    status_code: failed ? 500 : 200,
    error: null,
    response_body: failed ? "no" : "ok",
  } as const;
  const delivery = newDelivery({ ...made, created_at: accepted_at, queued_at: accepted_at });
  const by = { owner: null, now_ms: accepted_at + 16 };
  return withAttempt(delivery, attempt, { outcome: failed ? "failed" : "delivered" }, by);
}

/** One event with its deliveries, as its commit and those of its attempts leave them. */
function eventMutations(
  { site_id, webhooks }: Told,
  at: number,
  { n, expire_in_ms }: { readonly n: number; readonly expire_in_ms: number | null },
): Mutation[] {
  const event: StoredEvent = {
    id: `evt_${ids.ulid(at)}`,
    site_id,
    // One kind in ten, and one in ten thousand: what a filter finds often, and hardly ever.
    event: n % 10_000 === 0 ? "visitor_drop" : n % 10 === 0 ? "custom_event" : "goal_completion",
    accepted_at: at,
    timestamp: new Date(at).toISOString(),
    body: encoder.encode(eventText(n, site_id)),
    decisions: webhooks.map((webhook_id) => ({ webhook_id, reason: null })),
  };
  const expiry = expire_in_ms ?? retention.event(event.id, at, true, clock.now());
  const set = (key: Deno.KvKey, value = new Uint8Array(0)): Mutation => ({
    kind: "set",
    key,
    value,
    expire_in_ms: expiry,
  });
  return [
    set(keys.event(event.id), eventRecord.encode(event)),
    set(keys.siteEvent(site_id, event.id)),
    ...webhooks.flatMap((webhook_id) => [
      set(
        keys.delivery(event.id, webhook_id),
        deliveryRecord.encode(overDelivery(event, webhook_id, n % 50 === 0)),
      ),
      set(keys.log(site_id, webhook_id, event.id)),
    ]),
  ];
}

/** Some of a list, beginning at a place and going around. */
function some(list: readonly string[], from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => list[(from + index) % list.length] ?? "");
}

/**
 * Writes events of two kinds of sites in turn.
 *
 * @param kv The file; no service may have it open.
 * @param sites The first has three deliveries an event, the others two.
 * @param deliveries How many, about.
 * @param expiry When they end.
 */
async function fill(
  kv: string,
  sites: readonly Told[],
  { deliveries, expiry }: { readonly deliveries: number; readonly expiry: Expiry | null },
): Promise<void> {
  using db = await Deno.openKv(kv);
  const committer = createCommitter({ db, clock, random: Math.random });
  const [own, ...others] = sites;
  const events = Math.ceil(deliveries / (FAN_OUT + OTHER_FAN_OUT)) * 2;
  const begin = clock.now() - events * STEP_MS;
  let mutations: Mutation[] = [];
  /** The commit under way: the next is made meanwhile. */
  let committing: Promise<unknown> = Promise.resolve();
  for (let n = 0; n < events; n++) {
    const [{ site_id, webhooks }, count] = n % 2 === 0
      ? [own as Told, FAN_OUT] as const
      : [others[(n >> 1) % others.length] as Told, OTHER_FAN_OUT] as const;
    const told = { site_id, webhooks: some(webhooks, (n >> 1) * 7, count) };
    mutations.push(...eventMutations(told, begin + n * STEP_MS, { n, expire_in_ms: expiry?.(n) ?? null }));
    if (mutations.length < MUTATIONS_PER_MEMBER && n < events - 1) continue;
    await committing;
    committing = committer.commit({ checks: [], mutations });
    mutations = [];
  }
  await committing;
}

async function webhookIds(url: string, site_id: string): Promise<string[]> {
  const { data } = await call(url, "GET", `/v1/sites/${site_id}/webhooks`) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

/**
 * Makes a file.
 *
 * @param stage Where.
 * @param deliveries How many are stored in it, about.
 * @param expiry When they end; null: as the service would say.
 * @returns Its path.
 */
export async function makeStored(stage: Stage, deliveries: number, expiry: Expiry | null): Promise<string> {
  const kv = stage.newFile();
  const sites: Told[] = [];
  {
    const service = await startMeasured({ kv });
    await stage.addWebhooks(service, { sites: S2_SITES });
    await stage.addWebhooks(service, { sites: 1, first_site: 5000, webhooks_each: STORED_WEBHOOKS });
    await stage.addWebhooks(service, { sites: OTHER_SITES, first_site: 5001, webhooks_each: OTHER_WEBHOOKS });
    for (let n = 0; n <= OTHER_SITES; n++) {
      const site_id = siteName(5000 + n);
      sites.push({ site_id, webhooks: await webhookIds(service.url, site_id) });
    }
    await service.stop();
  }
  stage.say(`${deliveries.toLocaleString("en")} stored deliveries`);
  await fill(kv, sites, { deliveries, expiry });
  return kv;
}

/** A file with so many deliveries, made once for all scenarios. */
export function storedFile(stage: Stage, deliveries: number): Promise<string> {
  return stage.fileOf(`stored ${deliveries}`, () => makeStored(stage, deliveries, null));
}
