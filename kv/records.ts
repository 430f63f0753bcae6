/**
 * The stored form of every record: UTF-8 JSON with a schema version, checked when written and when read.
 *
 * Owns the schemas of what is on disk. Values are bytes, so the committer knows their exact size before they join a
 * group. It must never put a record's content into an error.
 *
 * @module
 */
import { z } from "zod";
import { type ApiKey, SCOPES } from "../lib/api_key.ts";
import type { AuditEntry } from "../lib/audit.ts";
import { BrokenRecord } from "../lib/errors.ts";
import { EVENT_NAMES } from "../lib/event_types.ts";
import type { LaneState } from "../lib/lane_state.ts";
import { isJsonObject } from "../lib/merge_patch.ts";
import type { IdempotencyEntry } from "../lib/store.ts";
import type { Webhook } from "../lib/webhook.ts";
import { FORMATS } from "../lib/webhook_settings.ts";
import { recordBytes } from "./record_block.ts";
import {
  DUE_MIGRATIONS,
  type Json,
  LANE_MIGRATIONS,
  migrated,
  type Migration,
  versionAfter,
} from "./migrations.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Turns one kind of record into bytes and back. */
export interface Codec<Value> {
  /** Written into every record. A reader refuses a later one, and brings an earlier one to this. */
  readonly version: number;
  encode(value: Value): Uint8Array<ArrayBuffer>;
  /** @throws {BrokenRecord} */
  decode(bytes: unknown): Value;
}

function parseJson(kind: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // Without the cause: the parser quotes what it could not read.
    throw new BrokenRecord(`Cannot read a ${kind} record: it must be JSON`);
  }
}

/** The version that a record says it is of; null if it says none. */
function versionOf(json: unknown): number | null {
  const v = isJsonObject(json) ? json["v"] : null;
  return typeof v === "number" && Number.isSafeInteger(v) && v > 0 ? v : null;
}

/** What of a kind of record is left out, because it goes without saying. */
export interface Shortening<Value> {
  /** What of a value is written. */
  short(value: Value): Json;
  /** What was written, with what was left out. */
  whole(json: Json): Json;
}

/** What a kind of record is, and was. */
export interface Form<Value> {
  readonly kind: string;
  readonly schema: z.ZodType<Value>;
  readonly migrations: readonly Migration[];
  /** Null or left out where all of it is written. */
  readonly shortening?: Shortening<Value> | undefined;
}

/**
 * Reads the JSON of a record, whatever version it is of.
 *
 * @param form What the kind of record is, and was.
 * @param bytes UTF-8 JSON.
 * @throws {BrokenRecord}
 */
export function parseVersioned<Value>(
  { kind, schema, migrations, shortening }: Form<Value>,
  bytes: Uint8Array,
): Value {
  const json = parseJson(kind, bytes);
  const v = versionOf(json);
  if (v === null) throw new BrokenRecord(`Cannot read a ${kind} record: it must have a version`);
  const latest = versionAfter(migrations);
  if (v > latest) {
    throw new BrokenRecord(
      `Cannot read a ${kind} record: its version must be at most ${latest}, ` +
        `current value is ${v}: it was written by a later release`,
    );
  }
  const newest = v === latest ? json : migrated(json, migrations.slice(v - 1));
  const whole = shortening !== undefined && isJsonObject(newest) ? shortening.whole(newest) : newest;
  const parsed = schema.safeParse(whole);
  if (parsed.success) return parsed.data;
  // Fields of the record only: what lies deeper may be an owner's, such as the name of a header.
  const fields = new Set(parsed.error.issues.map((issue) => String(issue.path[0])));
  throw new BrokenRecord(`Cannot read a ${kind} record: not valid at ${[...fields].join(", ")}`);
}

/**
 * Makes a codec.
 *
 * @param kind What the record is called in errors.
 * @param schema What is in it.
 * @param how What brings a record of an earlier release to it, one step for each version; what of it is left out.
 */
export function codec<Value extends object>(
  kind: string,
  schema: z.ZodType<Value>,
  how: Partial<Pick<Form<Value>, "migrations" | "shortening">> = {},
): Codec<Value> {
  const { migrations = [], shortening } = how;
  const form = { kind, schema, migrations, shortening };
  const version = versionAfter(migrations);
  return {
    version,
    encode(value) {
      const parsed = schema.parse(value);
      return recordBytes(JSON.stringify({ v: version, ...(shortening?.short(parsed) ?? parsed) }));
    },
    decode(bytes) {
      if (!(bytes instanceof Uint8Array)) throw new BrokenRecord(`Cannot read a ${kind} record: not bytes`);
      return parseVersioned(form, bytes);
    },
  };
}

const at = z.number();
const eventName = z.enum([...EVENT_NAMES, "test"]);

const filters = z.object({
  goals: z.array(z.string()),
  custom_events: z.array(z.string()),
  error_types: z.array(z.string()),
  visitor_spike: z.object({
    threshold: z.number(),
    percent_over_baseline: z.number().nullable(),
    readings: z.int(),
    cooldown_hours: z.number(),
  }),
  visitor_drop: z.object({ threshold: z.number(), readings: z.int(), cooldown_hours: z.number() }),
});

/** A webhook at rest: secrets and header values are sealed. */
export const webhookRecord = codec<Webhook>(
  "webhook",
  z.object({
    id: z.string(),
    site_id: z.string(),
    name: z.string(),
    url: z.string(),
    format: z.enum(FORMATS),
    events: z.array(z.enum(EVENT_NAMES)),
    filters,
    headers: z.record(z.string(), z.string()),
    enabled: z.boolean(),
    max_retries: z.int(),
    timeout_ms: z.int(),
    rate_limit_per_minute: z.int().nullable(),
    secrets: z.array(z.object({ value: z.string(), expires_at: at.nullable() })),
    pause_reason: z.enum(["gone", "failing"]).nullable(),
    cancelled_until: at.nullable(),
    resumed_at: at.nullable(),
    deleted_at: at.nullable(),
    created_at: at,
    updated_at: at,
  }),
);

/** What a lane must not forget at a restart. */
export const laneRecord = codec<LaneState>(
  "lane",
  z.object({
    consecutive_failures: z.int(),
    last_success_at: at.nullable(),
    last_failure_at: at.nullable(),
    failing_since: at.nullable(),
    hold_until: at.nullable(),
    breaker: z.object({ failures: z.int(), openings: z.int(), open_until: at.nullable() }),
    updated_at: at,
  }),
  { migrations: LANE_MIGRATIONS },
);

/** What an idempotency key stands for. */
export const idempotencyRecord = codec<IdempotencyEntry>(
  "idempotency",
  z.object({ event_id: z.string(), digest: z.string(), expires_at: at }),
);

/** An API key: its hash and what it may do. */
export const apiKeyRecord = codec<ApiKey>(
  "API key",
  z.object({
    id: z.string(),
    hash: z.string(),
    name: z.string(),
    scope: z.enum(SCOPES),
    sites: z.array(z.string()),
    expires_at: at.nullable(),
    created_at: at,
    last_used_at: at.nullable(),
  }),
);

/** An entry of the audit. */
export const auditRecord = codec<AuditEntry>(
  "audit",
  z.object({
    id: z.string(),
    at,
    actor: z.string(),
    action: z.string(),
    site_id: z.string().nullable(),
    subject: z.string(),
    changes: z.array(z.string()),
  }),
);

/** A due entry; when, for whom and of what is in its key. */
export const dueRecord = codec(
  "due",
  z.object({
    site_id: z.string(),
    owner: z.string().nullable(),
    /** What else is to be known of a delivery without a record of its own. */
    unwritten: z.object({ event: eventName, created_at: at }).nullable(),
  }),
  { migrations: DUE_MIGRATIONS },
);
/** A group lease: of which deliveries, by event and then webhook. */
export const groupLeaseRecord = codec(
  "group lease",
  z.object({
    owner: z.string(),
    deliveries: z.array(z.object({ event_id: z.string(), webhook_ids: z.array(z.string()) })),
  }),
);
/** Several events of a list, the newest of which is in the key. */
export const listBlockRecord = codec("list block", z.object({ event_ids: z.array(z.string()) }));
/** The way from an API key's id to its hash. */
export const apiKeyIdRecord = codec("API key id", z.object({ hash: z.string() }));
/** The last beat of a process. */
export const beatRecord = codec("instance", z.object({ at }));
/** When a site's set of webhooks last changed. */
export const guardRecord = codec("site", z.object({ changed_at: at }));
/** A known text, sealed with the secret key of this database. */
export const sealRecord = codec("secret check", z.object({ sealed: z.string() }));
