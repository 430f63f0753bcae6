/**
 * The stored form of a delivery: what is usual is left out.
 *
 * Owns what is usual. Most deliveries are over with their first attempt, and there is no record of which more are written
 * and read: without what goes without saying it takes three fifths of the bytes.
 *
 * @module
 */
import { z } from "zod";
import {
  type Attempt,
  ATTEMPT_ERRORS,
  type Delivery,
  DELIVERY_STATUSES,
  type DeliveryStatus,
  OUTCOMES,
  TRIGGERS,
} from "../lib/delivery.ts";
import { EVENT_NAMES } from "../lib/event_types.ts";
import { KV } from "../lib/limits.ts";
import { isJsonObject } from "../lib/merge_patch.ts";
import { DELIVERY_MIGRATIONS, type Json } from "./migrations.ts";
import { type Codec, codec } from "./records.ts";

const at = z.number();

const attempt = z.object({
  number: z.int(),
  trigger: z.enum(TRIGGERS),
  at,
  duration_ms: z.number().nullable(),
  status_code: z.int().nullable(),
  outcome: z.enum(OUTCOMES),
  error: z.enum(ATTEMPT_ERRORS).nullable(),
  response_body: z.string().nullable(),
});

const schema = z.object({
  event_id: z.string(),
  webhook_id: z.string(),
  site_id: z.string(),
  event: z.enum([...EVENT_NAMES, "test"]),
  status: z.enum(DELIVERY_STATUSES),
  trigger: z.enum(TRIGGERS),
  created_at: at,
  queued_at: at,
  due_at: at.nullable(),
  lease: z.object({ owner: z.string() }).nullable(),
  wishes: z.int(),
  scheduled_at: at.nullable(),
  failures: z.int(),
  attempts_total: z.int(),
  attempts: z.array(attempt),
});

/** What a delivery is unless its record says otherwise. */
const USUAL = {
  trigger: "automatic",
  due_at: null,
  lease: null,
  wishes: 0,
  scheduled_at: null,
  failures: 0,
} as const satisfies Partial<Delivery>;

/** What an attempt is unless its record says otherwise. */
const USUAL_ATTEMPT = {
  trigger: "automatic",
  error: null,
  response_body: null,
} as const satisfies Partial<Attempt>;

const USUAL_FIELDS = Object.entries(USUAL) as [keyof typeof USUAL, unknown][];
const USUAL_ATTEMPT_FIELDS = Object.entries(USUAL_ATTEMPT) as [keyof typeof USUAL_ATTEMPT, unknown][];

function shortAttempt(attempt: Attempt, usual_number: number): Json {
  const { number, at, duration_ms, status_code, outcome } = attempt;
  const json: Record<string, unknown> = { at, duration_ms, status_code, outcome };
  if (number !== usual_number) json["number"] = number;
  for (const [field, usual] of USUAL_ATTEMPT_FIELDS) {
    if (attempt[field] !== usual) json[field] = attempt[field];
  }
  return json;
}

function shortDelivery(delivery: Delivery): Json {
  const { event_id, webhook_id, site_id, event, status, created_at, queued_at } = delivery;
  const { attempts, attempts_total } = delivery;
  const json: Record<string, unknown> = { event_id, webhook_id, site_id, event, status, created_at };
  if (queued_at !== created_at) json["queued_at"] = queued_at;
  for (const [field, usual] of USUAL_FIELDS) {
    if (delivery[field] !== usual) json[field] = delivery[field];
  }
  if (attempts_total !== attempts.length) json["attempts_total"] = attempts_total;
  if (attempts.length > 0) json["attempts"] = attempts.map((each, index) => shortAttempt(each, index + 1));
  return json;
}

function wholeDelivery(json: Json): Json {
  const { created_at: queued_at, attempts = [] } = json;
  if (!Array.isArray(attempts)) return json;
  return {
    ...USUAL,
    queued_at,
    attempts_total: attempts.length,
    ...json,
    attempts: attempts.map((each, index) =>
      isJsonObject(each) ? { ...USUAL_ATTEMPT, number: index + 1, ...each } : each
    ),
  };
}

const anyDelivery = codec<Delivery>("delivery", schema, {
  migrations: DELIVERY_MIGRATIONS,
  shortening: { short: shortDelivery, whole: wholeDelivery },
});

const decoder = new TextDecoder();

/**
 * Makes a filter of records by their text: passing over a record so takes a fraction of reading it.
 *
 * @param wanted The kind of event and the status as its owner should read it (`effectiveStatus()`); null for any.
 * @returns Whether a record may be of a delivery that is wanted; it has to be read to know.
 */
export function recordFilter(
  { event, status }: { readonly event: string | null; readonly status: DeliveryStatus | null },
): (bytes: Uint8Array) => boolean {
  const of_event = `"event":"${event}"`;
  const of_status = `"status":"${status}"`;
  // What was pending when its webhook was paused is cancelled, whatever its record says.
  const may_be_pending = status === "cancelled";
  return (bytes) => {
    const text = decoder.decode(bytes);
    return (event === null || text.includes(of_event)) &&
      (status === null || text.includes(of_status) ||
        (may_be_pending && text.includes('"status":"pending"')));
  };
}

/** A delivery without what its receiver answered, except to the last attempt. */
function withLastAnswerOnly(delivery: Delivery): Delivery {
  const attempts = delivery.attempts.map((attempt, index, { length }) =>
    index === length - 1 ? attempt : { ...attempt, response_body: null }
  );
  return { ...delivery, attempts };
}

/**
 * A delivery. Receivers choose what they answer, and JSON writes a control character in six bytes: what they chose must
 * never make a record too large for KV, since an attempt that can't be recorded would be made again and again.
 */
export const deliveryRecord: Codec<Delivery> = {
  version: anyDelivery.version,
  encode(delivery) {
    const bytes = anyDelivery.encode(delivery);
    return bytes.byteLength <= KV.value_bytes_max ? bytes : anyDelivery.encode(withLastAnswerOnly(delivery));
  },
  decode: anyDelivery.decode,
};
