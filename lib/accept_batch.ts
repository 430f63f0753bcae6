/**
 * Accepts a batch of events: each item by itself, in order, with a result of its own.
 *
 * Owns the pace at which a batch is taken in: some dozens of deliveries at a time, so that one batch does not hold up
 * the single event that arrives while it is under way.
 *
 * @module
 */
import { z } from "zod";
import { accept, type AcceptPorts, type AcceptResult } from "./accept.ts";
import { AppError, type ErrorCode, type FieldError } from "./errors.ts";
import { parseEvent } from "./event.ts";
import { parseIdempotencyKey } from "./idempotency_key.ts";
import { INPUT } from "./limits.ts";
import { isJsonObject } from "./merge_patch.ts";
import { parseSiteId } from "./site_id.ts";
import type { Origin } from "./tracing.ts";
import { validate, validationError } from "./validate.ts";

/** What came of one item. */
export type BatchResult =
  | { readonly id: string; readonly queued: number; readonly duplicate?: true }
  | {
    readonly error: {
      readonly code: ErrorCode;
      readonly detail: string;
      readonly errors: readonly FieldError[];
    };
  };

/** What came of a batch; the results are in the order of the items. */
export interface BatchAnswer {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly results: readonly BatchResult[];
}

/** What accepting a batch needs. */
export interface BatchPorts extends AcceptPorts {
  /** The request that brought it. */
  readonly origin?: Origin;
}

/** Deliveries that a batch hands to storage before it lets others have a turn. */
const DELIVERIES_AT_ONCE = 64;

/**
 * The body of a batch.
 *
 * @param item What an item must be for the batch to be taken.
 * @returns The schema of the body.
 */
export function batchSchema<Item extends z.ZodType>(
  item: Item,
): z.ZodObject<{ events: z.ZodArray<Item> }, z.core.$strict> {
  return z.strictObject({ events: z.array(item).min(1).max(INPUT.batch_events_max) });
}

/** What an item is, is the item's own matter: a bad one gets an error of its own. */
const envelope = batchSchema(z.unknown());

/**
 * Accepts a batch.
 *
 * @param input The body.
 * @param mayPostFor Whether the caller may post for a site.
 * @param ports What accepting needs, and the request that brought it.
 * @returns A result for each item.
 * @throws {AppError} `validation_failed` if no item is valid, `unavailable` if none could be stored, `rate_limited` if
 * none was because its site is too fast.
 */
export async function acceptBatch(
  input: unknown,
  mayPostFor: (site_id: string) => boolean,
  ports: BatchPorts,
): Promise<BatchAnswer> {
  const { events } = validate(envelope, input);
  const results: BatchResult[] = [];
  while (results.length < events.length) {
    const size = await turnSize(events[results.length], ports);
    const turn = events.slice(results.length, results.length + size);
    const first = results.length;
    const accepting = inOrderOfKeys(
      turn,
      (item, index) => acceptItem(item, first + index, { mayPostFor, ports }),
    );
    results.push(...await Promise.all(accepting));
  }
  return counted(results);
}

/** Runs a turn's items side by side, but those with the same key one after the other: the first of them is the first. */
function inOrderOfKeys<Result>(
  turn: readonly unknown[],
  run: (item: unknown, index: number) => Promise<Result>,
): Promise<Result>[] {
  const latest = new Map<unknown, Promise<unknown>>();
  return turn.map((item, index) => {
    const key = isJsonObject(item) ? item["idempotency_key"] : undefined;
    const result = (latest.get(key) ?? Promise.resolve()).then(() => run(item, index));
    if (key !== undefined) latest.set(key, result);
    return result;
  });
}

/** How many items make a turn, judged by how many webhooks the next one's site has. */
async function turnSize(item: unknown, { directory }: AcceptPorts): Promise<number> {
  const site = isJsonObject(item) && typeof item["site_id"] === "string"
    ? parseSiteId(item["site_id"])
    : null;
  const webhooks = site?.ok ? (await directory.webhooksOf(directory.names.siteOf(site.site_id))).length : 0;
  return Math.max(Math.floor(DELIVERIES_AT_ONCE / Math.max(webhooks, 1)), 1);
}

async function acceptItem(
  item: unknown,
  index: number,
  { mayPostFor, ports }: { mayPostFor: (site_id: string) => boolean; ports: BatchPorts },
): Promise<BatchResult> {
  try {
    if (!isJsonObject(item)) throw validationError([{ path: "", message: "must be an object" }]);
    const { idempotency_key: key, ...rest } = item;
    if (key !== undefined && typeof key !== "string") {
      throw validationError([{ path: "/idempotency_key", message: "must be a string" }]);
    }
    const site = typeof rest["site_id"] === "string" ? parseSiteId(rest["site_id"]) : null;
    if (site?.ok && !mayPostFor(site.site_id)) {
      throw new AppError("forbidden", "This key is not for that site");
    }
    const event = parseEvent(rest, ports.clock.now());
    const idempotency_key = key === undefined ? null : parseIdempotencyKey(key, "/idempotency_key");
    return shown(await accept({ ...event, origin: ports.origin }, idempotency_key, ports));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const errors = error.errors.map(({ path, message }) => ({ path: `/events/${index}${path}`, message }));
    return { error: { code: error.code, detail: error.message, errors } };
  }
}

function shown({ id, queued, duplicate }: AcceptResult): BatchResult {
  return duplicate ? { id, queued, duplicate } : { id, queued };
}

function counted(results: readonly BatchResult[]): BatchAnswer {
  const errors = results.flatMap((result) => "error" in result ? [result.error] : []);
  const duplicates = results.filter((result) => "duplicate" in result).length;
  if (errors.length === results.length) {
    // Something was valid and could not be stored: the whole batch is worth another try.
    for (const code of ["unavailable", "rate_limited"] as const) {
      if (!errors.some((error) => error.code === code)) continue;
      throw new AppError(code, "Cannot accept the batch: nothing of it could be stored just now", {
        retry_after_s: 1,
      });
    }
    const first = errors.flatMap((error, index) =>
      error.errors.length > 0 ? error.errors : [{ path: `/events/${index}`, message: error.detail }]
    );
    throw validationError(first);
  }
  return {
    accepted: results.length - errors.length - duplicates,
    duplicates,
    rejected: errors.length,
    results,
  };
}
