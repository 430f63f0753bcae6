/**
 * What the order of the keys costs or saves, on a file, within one run (docs/decisions/0003-key-order.md).
 *
 * Run with `deno run --allow-all bench/key_order.ts [--webhooks N] [--deliveries N] [--rounds N]`. Owns no claim: machines
 * differ, so what counts is the ratio to the chosen layout of the same run. Every layout stores the same events in a file
 * of its own: each is accepted with its deliveries, and a while later every delivery's attempt is recorded.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { parseArgs } from "node:util";
import { encodeTime } from "ulid";
import { type Key, keys, slotOf } from "../kv/keys.ts";
import { createRetention } from "../kv/retention.ts";

/** Shared by one commit, as the committer would group them. */
const MUTATIONS_PER_COMMIT = 300;
const WEBHOOKS_PER_SITE = 10;
/** Webhooks that one event goes to. */
const FAN_OUT = 2;
/** Deliveries accepted before the first of them is recorded: what is under way. */
const UNDER_WAY = 2000;
const retention = createRetention(30);
const PAGE = 50;
/** When the first event is accepted. */
const START = Date.UTC(2026, 0, 1);

/** One delivery, by the ids that its keys are made of. */
interface Delivery {
  readonly site: string;
  readonly webhook: string;
  readonly event: string;
  readonly at: number;
}

/** Where a delivery is stored, and the keys that list it. */
interface Layout {
  readonly name: string;
  readonly delivery: (each: Delivery) => Key;
  readonly indexes: (each: Delivery) => Key[];
  /** The prefix under which one webhook's deliveries follow each other, the event's id last; null if nothing lists them. */
  readonly history: ((each: Delivery) => Key) | null;
  /** Whether each event has an end of its own, instead of the one that `kv/retention.ts` gives to its neighbours too. */
  readonly own_ends?: boolean;
}

const timeOrdered = ({ event, webhook }: Delivery): Key => keys.delivery(event, webhook);
const log = ({ site, webhook, event }: Delivery): Key => keys.log(site, webhook, event);
const logOf = ({ site, webhook }: Delivery): Key => keys.logOf(site, webhook);
const chosen = { delivery: timeOrdered, indexes: (each: Delivery) => [log(each)], history: logOf } as const;

const LAYOUTS: readonly Layout[] = [
  { ...chosen, name: "(a) by time, listed by webhook: chosen" },
  {
    name: "(b) by tenant, which lists them",
    delivery: ({ site, webhook, event }) => ["delivery", site, webhook, event],
    indexes: () => [],
    history: ({ site, webhook }) => ["delivery", site, webhook],
  },
  {
    ...chosen,
    name: "(c) as (a), one more index by webhook",
    indexes: (each) => [log(each), ["status", each.site, each.webhook, "pending", each.event]],
  },
  { ...chosen, name: "(d) by time, not listed at all", indexes: () => [], history: null },
  { ...chosen, name: "(e) as (a), each event's end its own", own_ends: true },
];

/** Values of about the size of the real ones. */
const VALUE = { event: new Uint8Array(600), delivery: new Uint8Array(330), recorded: new Uint8Array(530) };
const DUE = new Uint8Array(60);
const EMPTY = new Uint8Array(0);

/** Numbers in [0, 1) that are the same in each run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An id that sorts by its time and its number, as a ULID does. */
function idOf(prefix: string, at_ms: number, n: number): string {
  return prefix + encodeTime(at_ms) + n.toString(32).toUpperCase().padStart(16, "0");
}

/** Events a millisecond apart, the same for every layout: of random sites, each for some of the site's webhooks. */
function* eventsOf(webhooks: number, random: () => number): Generator<Delivery[]> {
  for (let n = 0;; n++) {
    const site_number = Math.floor(random() * Math.max(1, webhooks / WEBHOOKS_PER_SITE));
    const first = Math.floor(random() * WEBHOOKS_PER_SITE);
    const at = START + n;
    yield Array.from({ length: FAN_OUT }, (_, index) => ({
      site: `site-${site_number}.example.com`,
      webhook: idOf("wh_", START, site_number * WEBHOOKS_PER_SITE + (first + index) % WEBHOOKS_PER_SITE),
      event: idOf("evt_", at, n),
      at,
    }));
  }
}

/** A layout at work in its own file. */
class Trial {
  readonly rates: number[] = [];
  #deliveries = 0;
  #cpu_us = 0;
  #written_bytes = 0;
  readonly #events: Generator<Delivery[]>;
  readonly #random = createRandom(2);
  readonly #under_way: Delivery[] = [];
  #atomic: Deno.AtomicOperation;
  #mutations = 0;

  constructor(readonly layout: Layout, readonly kv: Deno.Kv, readonly path: string, webhooks: number) {
    this.#events = eventsOf(webhooks, createRandom(1));
    this.#atomic = kv.atomic();
  }

  /** Accepts and records so many deliveries, and notes how many a second that were. */
  async run(deliveries: number): Promise<void> {
    const [started, cpu, written] = [performance.now(), cpuUsage(), await writtenBytes()];
    for (let done = 0; done < deliveries; done += FAN_OUT) {
      await this.#accept(this.#events.next().value);
      while (this.#under_way.length > UNDER_WAY) await this.#record(this.#under_way.shift());
    }
    await this.#commit();
    this.rates.push(deliveries / (performance.now() - started) * 1000);
    const { user, system } = cpuUsage(cpu);
    this.#cpu_us += user + system;
    this.#written_bytes += await writtenBytes() - written;
    this.#deliveries += deliveries;
  }

  /** What one delivery took of the machine: steadier than the rate where others are at work too. */
  perDelivery(): { cpu_us: number; written_kib: number } {
    return {
      cpu_us: this.#cpu_us / this.#deliveries,
      written_kib: this.#written_bytes / this.#deliveries / 1024,
    };
  }

  async #accept(deliveries: Delivery[]): Promise<void> {
    const [first] = deliveries;
    if (first === undefined) return;
    const expireIn = this.#expireIn(first);
    await this.#set(keys.event(first.event), VALUE.event, expireIn);
    await this.#set(keys.siteEvent(first.site, first.event), EMPTY, expireIn);
    for (const each of deliveries) {
      await this.#set(this.layout.delivery(each), VALUE.delivery);
      for (const key of this.layout.indexes(each)) await this.#set(key, EMPTY, expireIn);
      await this.#set(keys.due(each.webhook, each.at, each.event), DUE);
      await this.#set(keys.agenda(slotOf(each.at), each.webhook), EMPTY);
      this.#under_way.push(each);
    }
  }

  async #record(each: Delivery | undefined): Promise<void> {
    if (each === undefined) return;
    await this.#set(this.layout.delivery(each), VALUE.recorded, this.#expireIn(each));
    this.#atomic.delete(keys.due(each.webhook, each.at, each.event));
    await this.#counted();
  }

  #expireIn({ event, at }: Delivery): number {
    const expire_in_ms = retention.event(event, at, true, at);
    return this.layout.own_ends ? Math.round(expire_in_ms * (1 + this.#random() / 10)) : expire_in_ms;
  }

  async #set(key: Key, value: Uint8Array, expireIn?: number): Promise<void> {
    this.#atomic.set(key, value, expireIn === undefined ? {} : { expireIn });
    await this.#counted();
  }

  async #counted(): Promise<void> {
    this.#mutations += 1;
    if (this.#mutations >= MUTATIONS_PER_COMMIT) await this.#commit();
  }

  async #commit(): Promise<void> {
    if (this.#mutations > 0) await this.#atomic.commit();
    this.#atomic = this.kv.atomic();
    this.#mutations = 0;
  }

  /** Milliseconds to read the newest page of one webhook's history, at the median of some webhooks. */
  async pageMs(webhooks: number): Promise<number | null> {
    const { history, delivery } = this.layout;
    if (history === null) return null;
    const times: number[] = [];
    const events = eventsOf(webhooks, createRandom(3));
    for (let n = 0; n < 200; n++) {
      const [any] = events.next().value ?? [];
      if (any === undefined) continue;
      const started = performance.now();
      const listed = this.kv.list({ prefix: history(any) }, { limit: PAGE, batchSize: PAGE, reverse: true });
      const found = (await Array.fromAsync(listed)).map(({ key }) => String(key.at(-1)));
      // The tenant's order holds the records themselves; the others are fetched one by one.
      if (history(any)[0] !== delivery(any)[0]) {
        const wanted = found.map((event) => delivery({ ...any, event }));
        const chunks = Array.from(
          { length: Math.ceil(wanted.length / 10) },
          (_, c) => wanted.slice(10 * c, 10 * c + 10),
        );
        await Promise.all(chunks.map((chunk) => this.kv.getMany(chunk)));
      }
      times.push(performance.now() - started);
    }
    return median(times);
  }

  /** Closes the database, which writes everything into its file. @returns The file's size. */
  async close(): Promise<{ mebibytes: number }> {
    this.kv.close();
    return { mebibytes: (await Deno.stat(this.path)).size / 2 ** 20 };
  }
}

/** Bytes that this process wrote so far, to files and otherwise; 0 where the system does not tell (it is Linux that does). */
async function writtenBytes(): Promise<number> {
  const text = await Deno.readTextFile("/proc/self/io").catch(() => "");
  return Number(/^wchar: (\d+)$/m.exec(text)?.[1] ?? 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function print(cells: readonly string[]): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(cells.join("  ") + "\n"));
}

async function main(webhooks: number, deliveries: number, rounds: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  const trials = await Promise.all(LAYOUTS.map(async (layout, index) => {
    const path = `${folder}/${index}.sqlite3`;
    return new Trial(layout, await Deno.openKv(path), path, webhooks);
  }));
  // In turns, so that a slow moment of the machine hits all alike; the files grow from round to round.
  for (let round = 0; round < rounds; round++) {
    for (const trial of trials) await trial.run(deliveries / rounds);
  }
  await print([`${webhooks} webhooks, ${deliveries} deliveries, ${rounds} rounds; × is the ratio to (a)`]);
  await print(["".padEnd(40), "deliveries/s", "     ×", "CPU µs", "KiB written", "MiB", "ms a page"]);
  const base = trials[0]?.rates ?? [];
  for (const trial of trials) {
    const page_ms = await trial.pageMs(webhooks);
    const { cpu_us, written_kib } = trial.perDelivery();
    const { mebibytes } = await trial.close();
    await print([
      trial.layout.name.padEnd(40),
      Math.round(median(trial.rates)).toString().padStart(12),
      median(trial.rates.map((rate, round) => rate / (base[round] ?? rate))).toFixed(2).padStart(6),
      Math.round(cpu_us).toString().padStart(6),
      written_kib.toFixed(1).padStart(11),
      mebibytes.toFixed(0).padStart(3),
      (page_ms === null ? "-" : page_ms.toFixed(2)).padStart(9),
    ]);
  }
  await Deno.remove(folder, { recursive: true });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      webhooks: { type: "string", default: "10000" },
      deliveries: { type: "string", default: "25000" },
      rounds: { type: "string", default: "5" },
    },
  });
  await main(Number(values.webhooks), Number(values.deliveries), Number(values.rounds));
}
