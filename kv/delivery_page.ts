/**
 * Reads one page of a site's deliveries, newest first, with bounded work.
 *
 * Owns the merge: a site's history is the merge of its webhooks' logs, each read backward in small batches from where the
 * page before ended, so that pages neither skip nor repeat while new deliveries arrive at the front.
 *
 * @module
 */
import { type Delivery, effectiveStatus } from "../lib/delivery.ts";
import { INPUT, KV } from "../lib/limits.ts";
import type { DeliveryPage, DeliveryQuery } from "../lib/store.ts";
import type { Webhook } from "../lib/webhook.ts";
import type { Database } from "./database.ts";
import { ListReader, type ListSource } from "./event_list.ts";
import { FIRST_ID, keys, LAST_ID, textAfter } from "./keys.ts";
import { deliveryRecord, recordFilter } from "./delivery_record.ts";
import { webhookRecord } from "./records.ts";
import { type DeliveriesReader, readDeliveries } from "./unwritten.ts";
import { sealedWebhooks } from "./webhook_store.ts";

/** What a page is read with. */
export interface DeliveryPageReader extends Omit<DeliveriesReader, "db">, ListSource {
  readonly db: Database;
}

interface Position {
  readonly event_id: string;
  readonly webhook_id: string;
}

/** One webhook's log, read backward. */
class LogReader extends ListReader {
  constructor(readonly webhook: Webhook, ...of: ConstructorParameters<typeof ListReader>) {
    super(...of);
  }
}

/** Entries that are worth an attempt to read their deliveries as one range. */
const TOGETHER_MIN = 20;

/**
 * Reads the deliveries of log entries: as one range where they lie together, which takes half the time of reading each,
 * and one by one where those of other sites lie between them.
 */
class PageDeliveries {
  readonly #reader: DeliveryPageReader;
  readonly #mayBeShown: ((record: Uint8Array) => boolean) | null;
  #together: boolean;

  constructor(reader: DeliveryPageReader, query: DeliveryQuery) {
    this.#reader = reader;
    this.#mayBeShown = isFiltered(query) ? recordFilter(query) : null;
    // Between those of one webhook lie those of its site's others.
    this.#together = query.webhook_id === null;
  }

  /**
   * @param taken In the order of a page.
   * @returns Those that may be shown; null in the place of others.
   */
  async read(taken: readonly Position[]): Promise<(Delivery | null)[]> {
    if (this.#together && taken.length >= TOGETHER_MIN) {
      const deliveries = await this.#readRange(taken);
      if (deliveries !== null) return deliveries;
      this.#together = false;
    }
    return await this.#readEach(taken);
  }

  /** The deliveries, or null if too many others lie between them. */
  async #readRange(taken: readonly Position[]): Promise<(Delivery | null)[] | null> {
    const [newest, oldest] = [taken[0], taken.at(-1)];
    if (newest === undefined || oldest === undefined) return [];
    const { db, reader } = this.#reader;
    const limit = 2 * taken.length;
    const start = keys.delivery(oldest.event_id, oldest.webhook_id);
    const end = keys.delivery(newest.event_id, textAfter(newest.webhook_id));
    const batchSize = Math.min(limit, KV.list_batch_max);
    const entries = await Array.fromAsync(db.list<Uint8Array>({ start, end }, { limit, batchSize }));
    if (entries.length === limit) return null;
    let at = entries.length - 1;
    const deliveries = taken.map((position) => {
      while (isBehind(entries[at], position)) at--;
      const entry = entries[at];
      if (entry?.key[1] !== position.event_id || entry.key[2] !== position.webhook_id) return undefined;
      return this.#mayBeShown?.(entry.value) === false ? null : reader.read(deliveryRecord, entry);
    });
    // Those that nothing has happened to yet are not there, and those that retention took.
    const missing = taken.filter((_, index) => deliveries[index] === undefined);
    const others = (await this.#readEach(missing)).values();
    return deliveries.map((delivery) => delivery === undefined ? others.next().value ?? null : delivery);
  }

  async #readEach(taken: readonly Position[]): Promise<(Delivery | null)[]> {
    return (await readDeliveries(this.#reader, taken)).map((found) => found?.value ?? null);
  }
}

/** Whether an entry comes after a position in the order of keys. */
function isBehind(entry: Deno.KvEntry<unknown> | undefined, { event_id, webhook_id }: Position): boolean {
  if (entry === undefined) return false;
  const [, event, webhook] = entry.key;
  return String(event) > event_id || (event === event_id && String(webhook) > webhook_id);
}

/**
 * Where a webhook's log is read from, exclusive: strictly after the cursor in the order (event, webhook), newest first,
 * and before `until`.
 */
function endOf(webhook_id: string, query: DeliveryQuery, reader: DeliveryPageReader): string {
  const ends = [LAST_ID];
  if (query.until !== null) ends.push(reader.idPrefixAt(query.until));
  if (query.after !== null) {
    const { event_id, webhook_id: last } = query.after;
    ends.push(webhook_id < last ? textAfter(event_id) : event_id);
  }
  return ends.reduce((least, end) => end < least ? end : least);
}

/** Whether deliveries are passed over for what they are. */
function isFiltered({ event, status }: DeliveryQuery): boolean {
  return event !== null || status !== null;
}

/** The webhooks of a site, or the one that is asked for; deleted ones have a history too. */
async function readWebhooks(
  from: DeliveryPageReader,
  site_id: string,
  only: string | null,
): Promise<Webhook[]> {
  if (only === null) return await sealedWebhooks(from, site_id);
  const webhook = from.reader.read(webhookRecord, await from.db.get<Uint8Array>(keys.webhook(site_id, only)));
  return webhook === null ? [] : [webhook];
}

async function openLogs(
  reader: DeliveryPageReader,
  site_id: string,
  query: DeliveryQuery,
): Promise<LogReader[]> {
  const first = query.since === null ? FIRST_ID : reader.idPrefixAt(query.since);
  const webhooks = await readWebhooks(reader, site_id, query.webhook_id);
  // A filter passes over much, however small the page is.
  const wanted = isFiltered(query) ? INPUT.page_max : query.limit;
  const sizes = {
    // Twice its part of the page, and one for whether there is more: most logs are then read once.
    first: Math.max(5, Math.ceil((webhooks.length === 1 ? 1 : 2) * wanted / webhooks.length) + 1),
    // Every read of a log costs as much as many entries: half of its part at once.
    later: Math.max(10, Math.ceil(INPUT.page_examined_max / (2 * webhooks.length))),
  };
  return webhooks.flatMap((webhook) => {
    const end = endOf(webhook.id, query, reader);
    if (end <= first) return [];
    return [new LogReader(webhook, reader, { list: keys.logOf(site_id, webhook.id), first, end }, sizes)];
  });
}

/** Takes the newest entries over all logs, at most `most`. */
async function takeNewest(
  logs: readonly LogReader[],
  most: number,
): Promise<(Position & { webhook: Webhook })[]> {
  const taken: (Position & { webhook: Webhook })[] = [];
  await fillEmpty(logs);
  while (taken.length < most) {
    const newest = newestOf(logs);
    if (newest === null || newest.head === null) break;
    const { webhook, head: event_id } = newest;
    newest.take();
    taken.push({ event_id, webhook_id: webhook.id, webhook });
    if (newest.needs_filling && taken.length < most) await newest.fill();
  }
  return taken;
}

/** Reads on where a log has come to the end of its batch. */
async function fillEmpty(logs: readonly LogReader[]): Promise<void> {
  const empty = logs.filter(({ needs_filling }) => needs_filling);
  if (empty.length > 0) await Promise.all(empty.map((log) => log.fill()));
}

/** The log whose head comes first on the page, or null if all are at their end. */
function newestOf(logs: readonly LogReader[]): LogReader | null {
  let newest: LogReader | null = null;
  for (const log of logs) {
    if (log.head === null) continue;
    const later = newest === null || newest.head === null || log.head > newest.head ||
      (log.head === newest.head && log.webhook.id > newest.webhook.id);
    if (later) newest = log;
  }
  return newest;
}

async function anyLeft(logs: readonly LogReader[]): Promise<boolean> {
  await fillEmpty(logs);
  return newestOf(logs) !== null;
}

/** Whether a delivery is on the page. Another site's record never is, whatever its key says. */
function isShown(delivery: Delivery, webhook: Webhook, site_id: string, query: DeliveryQuery): boolean {
  return delivery.site_id === site_id &&
    (query.event === null || delivery.event === query.event) &&
    (query.status === null || effectiveStatus(delivery, webhook) === query.status);
}

/**
 * Reads one page.
 *
 * @param reader The database and how deliveries are read.
 * @param site_id Whose deliveries.
 * @param query Which of them, and where to start.
 * @returns At most `query.limit` deliveries; `next` is set while there may be more, even on a short page.
 */
export async function deliveryPage(
  reader: DeliveryPageReader,
  site_id: string,
  query: DeliveryQuery,
): Promise<DeliveryPage> {
  const logs = await openLogs(reader, site_id, query);
  const stored = new PageDeliveries(reader, query);
  const deliveries: { delivery: Delivery; webhook: Webhook }[] = [];
  let examined = 0;
  let last: Position | null = query.after;
  // Without filters the first batch is the page; a filter that matches little is looked through in larger ones.
  let batch_size = query.limit;
  while (examined < INPUT.page_examined_max) {
    const taken = await takeNewest(logs, Math.min(batch_size, INPUT.page_examined_max - examined));
    if (taken.length === 0) return { deliveries, next: null };
    const found = await stored.read(taken);
    for (const [index, { webhook, event_id, webhook_id }] of taken.entries()) {
      last = { event_id, webhook_id };
      const delivery = found[index] ?? null;
      // A log entry outlives its delivery by a little.
      if (delivery === null || !isShown(delivery, webhook, site_id, query)) continue;
      deliveries.push({ delivery, webhook });
      if (deliveries.length < query.limit) continue;
      const more = index < taken.length - 1 || await anyLeft(logs);
      return { deliveries, next: more ? last : null };
    }
    examined += taken.length;
    // Larger ones took as long, and held up everybody else for longer at once.
    batch_size = INPUT.page_max;
  }
  return { deliveries, next: await anyLeft(logs) ? last : null };
}
