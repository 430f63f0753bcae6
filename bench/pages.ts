/**
 * How long a page of deliveries takes where a million are stored, and how many records are looked at for it, on a file.
 *
 * Run with `deno run --allow-all bench/pages.ts [--deliveries N] [--runs N]`. Owns no claim: machines differ. The file is
 * written as the store writes it, record for record, but in large commits; what is measured is the store itself. One
 * site with 20 webhooks has six of ten deliveries, 50 webhooks of ten other sites have the rest.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { createCommitter } from "../kv/committer.ts";
import type { Database } from "../kv/database.ts";
import { keys } from "../kv/keys.ts";
import type { Mutation } from "../kv/member.ts";
import { deliveryRecord, eventRecord } from "../kv/records.ts";
import { createRetention } from "../kv/retention.ts";
import { createSecretBox } from "../kv/secret_box.ts";
import { createStore } from "../kv/store.ts";
import { type Delivery, newDelivery } from "../lib/delivery.ts";
import { withAttempt } from "../lib/delivery_moves.ts";
import { TIME } from "../lib/limits.ts";
import { systemClock } from "../lib/outbound/clock.ts";
import { systemIds } from "../lib/outbound/ids.ts";
import { createLog } from "../lib/outbound/log.ts";
import type { DeliveryQuery, Store, StoredEvent } from "../lib/store.ts";
import type { Webhook } from "../lib/webhook.ts";
import { parseSettings } from "../lib/webhook_settings.ts";

const SITE = "example.com";
const SITE_WEBHOOKS = 20;
const OTHER_SITES = 10;
const OTHER_WEBHOOKS = 5;
/** Webhooks that one event of the site goes to; one of another site goes to two. */
const FAN_OUT = 3;
/** Events are this far apart, so a million deliveries are of about ten days. */
const STEP_MS = 2000;
/** One commit of the file: within what an atomic operation may hold. */
const MUTATIONS_PER_MEMBER = 400;
const PAGE = 50;
const PAGES_DEEP = 1000;

const clock = systemClock();
const ids = systemIds();
/** Of events, which are of the past: an id never sorts before another of its source. */
const event_ids = systemIds();
const retention = createRetention(30);
const encoder = new TextEncoder();
const log = createLog({ level: "error", format: "json", now: Date.now, write: (line) => void print([line]) });

/** What the store read since it was last asked. */
interface Read {
  /** Deliveries looked at. */
  records: number;
  /** Entries of the logs that list them. */
  listed: number;
}

/** A database that counts what is read of it. */
function counting(db: Database, read: Read): Database {
  const getMany = (wanted: readonly Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> => {
    read.records += wanted.filter(([kind]) => kind === "delivery").length;
    return db.getMany<unknown[]>([...wanted]);
  };
  const list = (...given: Parameters<Database["list"]>): ReturnType<Database["list"]> => {
    const entries = db.list(...given);
    const next = entries.next.bind(entries);
    entries.next = async () => {
      const result = await next();
      if (!result.done && result.value.key[0] === "log") read.listed++;
      return result;
    };
    return entries;
  };
  return new Proxy(db, {
    get(target, name) {
      if (name === "getMany") return getMany;
      if (name === "list") return list;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function openStore(db: Database): Promise<Store> {
  return createStore({
    db,
    clock,
    committer: createCommitter({ db, clock, random: Math.random }),
    box: await createSecretBox(ids.secretBytes(32)),
    retention,
    newId: ids.ulid,
    idPrefixAt: (at_ms) => `evt_${ids.ulidPrefix(at_ms)}`,
    log,
  });
}

/** Adds webhooks to a site. */
async function addWebhooks(store: Store, site_id: string, count: number): Promise<string[]> {
  const settings = parseSettings({ url: "https://hooks.example.com/in", events: ["goal_completion"] }, {
    timeout_ms: 10_000,
  });
  const made: string[] = [];
  for (let n = 0; n < count; n++) {
    const now = clock.now();
    const webhook: Webhook = {
      ...settings,
      id: `wh_${ids.ulid(now)}`,
      site_id,
      secrets: [{ value: "secret-of-the-benchmark-0123456789", expires_at: null }],
      pause_reason: null,
      cancelled_until: null,
      resumed_at: null,
      deleted_at: null,
      created_at: now,
      updated_at: now,
    };
    await store.addWebhook(webhook);
    made.push(webhook.id);
  }
  return made;
}

/** A delivery as it is stored once it is over: one in fifty failed, the others arrived at the first attempt. */
function overDelivery(event: StoredEvent, webhook_id: string, failed: boolean): Delivery {
  const { id, site_id, accepted_at } = event;
  const times = { created_at: accepted_at, queued_at: accepted_at };
  const parts = {
    event_id: id,
    webhook_id,
    site_id,
    event: event.event,
    trigger: "automatic",
    ...times,
  } as const;
  const attempt = {
    trigger: "automatic",
    at: accepted_at + 3,
    duration_ms: 12.4,
    status_code: failed ? 500 : 200,
    error: null,
    response_body: failed ? "no" : "ok",
  } as const;
  const by = { owner: null, now_ms: accepted_at + 16 };
  return withAttempt(newDelivery(parts), attempt, { outcome: failed ? "failed" : "delivered" }, by);
}

/** One event of a site with its deliveries, as its commit and those of its attempts leave them. */
function eventMutations(
  site_id: string,
  at: number,
  { n, told }: { n: number; told: readonly string[] },
): Mutation[] {
  const event: StoredEvent = {
    id: `evt_${event_ids.ulid(at)}`,
    site_id,
    // One kind in ten, and one in ten thousand: what a filter finds often, and hardly ever.
    event: n % 10_000 === 0 ? "visitor_drop" : n % 10 === 0 ? "custom_event" : "goal_completion",
    accepted_at: at,
    timestamp: new Date(at).toISOString(),
    body: encoder.encode(
      JSON.stringify({ event: "goal_completion", site_id, data: { path: "/".padEnd(300, "p") } }),
    ),
    decisions: told.map((webhook_id) => ({ webhook_id, reason: null })),
  };
  const expire_in_ms = retention.event(event.id, at, true, clock.now());
  const set = (key: Deno.KvKey, value = new Uint8Array(0)): Mutation => ({
    kind: "set",
    key,
    value,
    expire_in_ms,
  });
  return [
    set(keys.event(event.id), eventRecord.encode(event)),
    set(keys.siteEvent(site_id, event.id)),
    ...told.flatMap((webhook_id) => [
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

/** Fills the file. @returns How many deliveries are of the site, and when the first event was. */
async function fill(
  db: Database,
  store: Store,
  deliveries: number,
): Promise<{ of_site: number; begin: number }> {
  const own = await addWebhooks(store, SITE, SITE_WEBHOOKS);
  const others: { site_id: string; webhooks: string[] }[] = [];
  for (let n = 0; n < OTHER_SITES; n++) {
    const site_id = `other-${n}.example`;
    others.push({ site_id, webhooks: await addWebhooks(store, site_id, OTHER_WEBHOOKS) });
  }
  const committer = createCommitter({ db, clock, random: Math.random });
  const events = Math.ceil(deliveries / (FAN_OUT + 2)) * 2;
  const begin = clock.now() - events * STEP_MS;
  let of_site = 0;
  let mutations: Mutation[] = [];
  for (let n = 0; n < events; n++) {
    const at = begin + n * STEP_MS;
    if (n % 2 === 0) {
      of_site += FAN_OUT;
      mutations.push(...eventMutations(SITE, at, { n: n / 2, told: some(own, n / 2 * 7, FAN_OUT) }));
    } else {
      const other = others[(n >> 1) % others.length] ?? { site_id: SITE, webhooks: own };
      mutations.push(...eventMutations(other.site_id, at, { n, told: some(other.webhooks, n, 2) }));
    }
    if (mutations.length < MUTATIONS_PER_MEMBER && n < events - 1) continue;
    await committer.commit({ checks: [], mutations });
    mutations = [];
  }
  return { of_site, begin };
}

function queryOf(given: Partial<DeliveryQuery>): DeliveryQuery {
  const all = {
    webhook_id: null,
    event: null,
    status: null,
    since: null,
    until: null,
    limit: PAGE,
    after: null,
  };
  return { ...all, ...given };
}

/** Goes through pages to where the next one starts. */
async function afterPages(store: Store, pages: number): Promise<DeliveryQuery["after"]> {
  let after: DeliveryQuery["after"] = null;
  for (let page = 0; page < pages; page++) {
    ({ next: after } = await store.deliveryPage(SITE, queryOf({ after })));
    if (after === null) break;
  }
  return after;
}

/** What is measured: each returns how many deliveries it showed. */
async function casesOf(store: Store, begin: number): Promise<[name: string, run: () => Promise<number>][]> {
  const [webhook] = await store.webhooksOf(SITE);
  const webhook_id = webhook?.id ?? "";
  const middle = (begin + clock.now()) / 2;
  const deep = await afterPages(store, PAGES_DEEP - 1);
  const { deliveries: [newest] } = await store.deliveryPage(SITE, queryOf({}));
  const one = newest?.delivery ?? { event_id: "", webhook_id };
  const page = (given: Partial<DeliveryQuery>) => async () =>
    (await store.deliveryPage(SITE, queryOf(given))).deliveries.length;
  return [
    [`the newest ${PAGE}`, page({})],
    [`page ${PAGES_DEEP}, by its cursor`, page({ after: deep })],
    ["of one webhook", page({ webhook_id })],
    ["of an hour in the middle", page({ since: middle, until: middle + TIME.HOUR_MS })],
    ["before the middle", page({ until: middle })],
    ["of a kind that is one in ten", page({ event: "custom_event" })],
    ["of a status that is one in fifty", page({ status: "exhausted" })],
    ["of a status that nothing has", page({ status: "blocked" })],
    ["the same, of one webhook", page({ status: "blocked", webhook_id })],
    ["of a kind that nothing is", page({ event: "test" })],
    ["one delivery, with its event", async () => {
      const [delivery] = await Promise.all([
        store.delivery(one.event_id, one.webhook_id),
        store.event(one.event_id),
      ]);
      return delivery === null ? 0 : 1;
    }],
  ];
}

async function print(cells: readonly string[]): Promise<void> {
  await Deno.stdout.write(encoder.encode(cells.join("  ") + "\n"));
}

/** Runs one case so often, and prints its row. */
async function measure(
  name: string,
  runs: number,
  { run, read }: { run: () => Promise<number>; read: Read },
) {
  const times: number[] = [];
  let shown = 0;
  for (let n = 0; n < runs; n++) {
    read.records = read.listed = 0;
    const started = performance.now();
    shown = await run();
    times.push(performance.now() - started);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const cells = [sorted[runs >> 1], sorted[runs - 1]].map((ms) => (ms ?? 0).toFixed(2).padStart(9));
  const counts = [shown, read.records, read.listed].map((count) => String(count).padStart(8));
  await print([name.padEnd(34), ...cells, ...counts]);
}

async function main(deliveries: number, runs: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/pages.sqlite3`;
    const kv = await Deno.openKv(path);
    const read: Read = { records: 0, listed: 0 };
    const store = await openStore(counting(kv, read));
    const started = performance.now();
    const { of_site, begin } = await fill(kv, store, deliveries);
    const filled_s = (performance.now() - started) / 1000;
    const mebibytes = ((await Deno.stat(path)).size / 2 ** 20).toFixed(0);
    await print([
      `${deliveries} deliveries, ${of_site} of the site; ${mebibytes} MiB, written in ${
        filled_s.toFixed(0)
      } s`,
    ]);
    await print(["".padEnd(34), "median ms", " worst ms", "   shown", "examined", "  listed"]);
    for (const [name, run] of await casesOf(store, begin)) await measure(name, runs, { run, read });
    kv.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      deliveries: { type: "string", default: "1000000" },
      runs: { type: "string", default: "101" },
    },
  });
  await main(Number(values.deliveries), Number(values.runs));
}
