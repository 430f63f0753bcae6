/**
 * Reads one page of a site's deliveries, newest first, with bounded work.
 *
 * Owns the merge: a site's history is the merge of its webhooks' logs, each read backward in small batches from where the
 * page before ended, so that pages neither skip nor repeat while new deliveries arrive at the front.
 *
 * @module
 */
import { type Delivery, effectiveStatus } from "../lib/delivery.ts";
import { INPUT } from "../lib/limits.ts";
import type { DeliveryPage, DeliveryQuery, Versioned } from "../lib/store.ts";
import type { Webhook } from "../lib/webhook.ts";
import type { Database } from "./database.ts";
import { type Key, keys } from "./keys.ts";
import type { RecordReader } from "./record_reader.ts";
import { webhookRecord } from "./records.ts";

/** What a page is read with. */
export interface DeliveryPageReader {
  readonly db: Database;
  readonly reader: RecordReader;
  readonly readMany: (
    ids: readonly { readonly event_id: string; readonly webhook_id: string }[],
  ) => Promise<(Versioned<Delivery> | null)[]>;
  /** The smallest id an event accepted at that time can have. */
  readonly idPrefixAt: (at_ms: number) => string;
}

interface Position {
  readonly event_id: string;
  readonly webhook_id: string;
}

/** One webhook's log, read backward a batch at a time. */
class LogReader {
  #batch: string[] = [];
  #end: Key;
  #over = false;

  constructor(
    readonly webhook: Webhook,
    private readonly db: Database,
    private readonly start: Key,
    end: Key,
    private readonly batch_size: number,
  ) {
    this.#end = end;
  }

  /** The newest event id not taken yet, or null at the end. */
  async peek(): Promise<string | null> {
    if (this.#batch.length === 0 && !this.#over) await this.#fill();
    return this.#batch[0] ?? null;
  }

  take(): void {
    this.#batch.shift();
  }

  async #fill(): Promise<void> {
    const { start, batch_size } = this;
    const options = { reverse: true, limit: batch_size, batchSize: batch_size };
    for await (const { key } of this.db.list({ start, end: this.#end }, options)) {
      this.#batch.push(String(key[3]));
      this.#end = key;
    }
    this.#over = this.#batch.length < batch_size;
  }
}

/** Before and behind every event id. */
const FIRST_ID = "";
const LAST_ID = "\u{10ffff}";

/** The next id after this one. */
function after(event_id: string): string {
  return event_id + "\u0000";
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
    ends.push(webhook_id < last ? after(event_id) : event_id);
  }
  return ends.reduce((least, end) => end < least ? end : least);
}

async function openLogs(
  reader: DeliveryPageReader,
  site_id: string,
  query: DeliveryQuery,
): Promise<LogReader[]> {
  const logs: LogReader[] = [];
  const start = query.since === null ? FIRST_ID : reader.idPrefixAt(query.since);
  // One webhook: its whole page at once; many: little of each, since most of it would not be on this page.
  const batch_size = query.webhook_id === null ? 10 : INPUT.page_max;
  for await (const entry of reader.db.list<Uint8Array>({ prefix: keys.webhooksOf(site_id) })) {
    const webhook = reader.reader.read(webhookRecord, entry);
    if (webhook === null || (query.webhook_id !== null && webhook.id !== query.webhook_id)) continue;
    const end = endOf(webhook.id, query, reader);
    // KV refuses a range that ends before it starts.
    if (end <= start) continue;
    const key = (event_id: string): Key => keys.log(site_id, webhook.id, event_id);
    logs.push(new LogReader(webhook, reader.db, key(start), key(end), batch_size));
  }
  return logs;
}

/** Takes the newest entries over all logs, at most `most`. */
async function takeNewest(
  logs: readonly LogReader[],
  most: number,
): Promise<(Position & { webhook: Webhook })[]> {
  const taken: (Position & { webhook: Webhook })[] = [];
  while (taken.length < most) {
    const heads = await Promise.all(logs.map((log) => log.peek()));
    let newest: { log: LogReader; event_id: string } | null = null;
    for (const [index, log] of logs.entries()) {
      const event_id = heads[index] ?? null;
      if (event_id === null) continue;
      const later = newest === null || event_id > newest.event_id ||
        (event_id === newest.event_id && log.webhook.id > newest.log.webhook.id);
      if (later) newest = { log, event_id };
    }
    if (newest === null) break;
    newest.log.take();
    const { webhook } = newest.log;
    taken.push({ event_id: newest.event_id, webhook_id: webhook.id, webhook });
  }
  return taken;
}

async function anyLeft(logs: readonly LogReader[]): Promise<boolean> {
  return (await Promise.all(logs.map((log) => log.peek()))).some((head) => head !== null);
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
  const deliveries: { delivery: Delivery; webhook: Webhook }[] = [];
  let examined = 0;
  let last: Position | null = query.after;
  // Without filters the first batch is the page; a filter that matches little is looked through in larger ones.
  let batch_size = query.limit;
  while (examined < INPUT.page_examined_max) {
    const taken = await takeNewest(logs, Math.min(batch_size, INPUT.page_examined_max - examined));
    if (taken.length === 0) return { deliveries, next: null };
    const found = await reader.readMany(taken);
    for (const [index, { webhook, event_id, webhook_id }] of taken.entries()) {
      last = { event_id, webhook_id };
      const delivery = found[index]?.value;
      // A log entry outlives its delivery by a little.
      if (delivery === undefined || !isShown(delivery, webhook, site_id, query)) continue;
      deliveries.push({ delivery, webhook });
      if (deliveries.length < query.limit) continue;
      const more = index < taken.length - 1 || await anyLeft(logs);
      return { deliveries, next: more ? last : null };
    }
    examined += taken.length;
    batch_size = INPUT.page_max;
  }
  return { deliveries, next: await anyLeft(logs) ? last : null };
}
