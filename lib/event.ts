/**
 * An event: what a caller posted, checked once, and the bytes every receiver gets.
 *
 * Owns the door through which an event enters. After it the event is trusted: its kind, its site, its strings, and
 * that it holds no personal data.
 *
 * @module
 */
import { z } from "zod";
import { AppError } from "./errors.ts";
import { EVENT_DATA, EVENT_NAMES, type EventName, type EventPayload } from "./event_types.ts";
import { INPUT } from "./limits.ts";
import { isJsonObject, type JsonObject } from "./merge_patch.ts";
import { findPersonalData, stripQuery } from "./privacy/personal_data.ts";
import { siteIdSchema } from "./site_id.ts";
import { fieldErrors, validate, validationError } from "./validate.ts";

const encoder = new TextEncoder();

const eventName = z.enum(EVENT_NAMES);
/** A time that is passed on as it was written. */
export const timestamp: z.ZodISODateTime = z.iso.datetime({
  offset: true,
  error: "must be an RFC 3339 date and time with an offset, such as 2026-02-25T12:00:00Z",
});

const envelope = z.strictObject({
  event: eventName,
  site_id: siteIdSchema,
  timestamp,
  data: z.unknown(),
});

/**
 * The whole of one kind's event, as a caller may post it: {@linkcode parseEvent} checks envelope and `data` one by one,
 * so that it can name the faults of both.
 *
 * @param name The kind.
 * @returns The schema of the body.
 */
export function eventSchema<Name extends EventName>(name: Name): EventSchema<Name> {
  return envelope.extend({ event: z.literal(name), data: EVENT_DATA[name] });
}

/** What {@linkcode eventSchema} makes. */
export type EventSchema<Name extends EventName> = z.ZodObject<
  Omit<typeof envelope.shape, "event" | "data"> & {
    event: z.ZodLiteral<Name>;
    data: typeof EVENT_DATA[Name];
  },
  z.core.$strict
>;

/** An event that passed the door. */
export interface AcceptableEvent {
  readonly payload: EventPayload;
  /** What receivers get and what is signed: UTF-8 JSON with exactly the four keys, in their order. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Cuts query string and fragment off `path` and the pages of `top_pages`: they may hold what a visitor typed, and the
 * contract cuts them before it looks for personal data.
 *
 * @param data The data of an event, or what has such fields.
 * @returns The same, cut.
 */
export function withoutQueries(data: unknown): unknown {
  if (!isJsonObject(data)) return data;
  const { path, top_pages } = data;
  return {
    ...data,
    ...(typeof path === "string" ? { path: stripQuery(path) } : {}),
    ...(Array.isArray(top_pages) ? { top_pages: top_pages.map(withoutPageQuery) } : {}),
  };
}

function withoutPageQuery(entry: unknown): unknown {
  if (!isJsonObject(entry) || typeof entry["page"] !== "string") return entry;
  return { ...entry, page: stripQuery(entry["page"]) };
}

/**
 * Refuses what holds personal data.
 *
 * @param input A JSON value.
 * @throws {AppError} `personal_data`, naming the place and never the value.
 */
export function refusePersonalData(input: unknown): void {
  const found = findPersonalData(input);
  if (found === null) return;
  const message = `must not contain personal data (found: ${found.kind.replaceAll("_", " ")})`;
  throw new AppError("personal_data", `Cannot accept ${found.path || "the body"}: it ${message}`, {
    errors: [{ path: found.path, message }],
  });
}

/**
 * Parses a posted event.
 *
 * @param input The JSON value of the body, without an item's `idempotency_key`.
 * @param now_ms The time, to refuse timestamps more than 24 h ahead.
 * @returns The event and the bytes that receivers get.
 * @throws {AppError} `personal_data`, `validation_failed` or `payload_too_large`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseEvent } from "./event.ts";
 * const { payload } = parseEvent({
 *   event: "goal_completion",
 *   site_id: "Example.com",
 *   timestamp: "2026-02-25T12:00:00Z",
 *   data: { goal_name: "Signup", visitor_count: 1, path: "/signup?ref=1" },
 * }, Date.parse("2026-02-25T12:00:01Z"));
 * assertEquals(payload.site_id, "example.com");
 * assertEquals(payload.data, { goal_name: "Signup", visitor_count: 1, path: "/signup" });
 * ```
 */
export function parseEvent(input: unknown, now_ms: number): AcceptableEvent {
  if (!isJsonObject(input)) {
    throw validationError([{
      path: "",
      message: "must be an object with event, site_id, timestamp and data",
    }]);
  }
  const cut = { ...input, ...("data" in input ? { data: withoutQueries(input["data"]) } : {}) };
  // The site's id has rules of its own, stricter than these.
  const { site_id: _, ...rest }: JsonObject = cut;
  refusePersonalData(rest);
  const head = envelope.safeParse(cut);
  const kind = eventName.safeParse(input["event"]);
  const data = kind.success ? EVENT_DATA[kind.data].safeParse(cut.data) : undefined;
  if (!head.success || data === undefined || !data.success) {
    // Everything at once: the envelope's faults and the data's.
    throw validationError([
      ...(head.success ? [] : fieldErrors(head.error)),
      ...(data === undefined || data.success ? [] : fieldErrors(data.error, "/data")),
    ]);
  }
  if (Date.parse(head.data.timestamp) > now_ms + INPUT.timestamp_ahead_ms_max) {
    throw validationError([{ path: "/timestamp", message: "must be at most 24 hours ahead" }]);
  }
  const { event, site_id, timestamp } = head.data;
  // The schema of `data` was chosen by `event`, so the pair fits; the compiler can't see that.
  const payload = { event, site_id, timestamp, data: data.data } as EventPayload;
  const body = encodeBody(payload);
  if (body.byteLength > INPUT.event_bytes_max) {
    throw new AppError(
      "payload_too_large",
      `Cannot accept the event: it must be at most ${INPUT.event_bytes_max} bytes as stored, ` +
        `current value is ${body.byteLength}`,
    );
  }
  return { payload, body };
}

/**
 * The bytes a receiver gets.
 *
 * @param payload The four keys; other properties are left out.
 * @returns UTF-8 JSON with the keys in the documented order.
 */
export function encodeBody(
  payload: { event: string; site_id: string; timestamp: string; data: unknown },
): Uint8Array<ArrayBuffer> {
  const { event, site_id, timestamp, data } = payload;
  return encoder.encode(JSON.stringify({ event, site_id, timestamp, data }));
}

/** A body as stored. What was accepted once is shown, whatever would be accepted today. */
export const stored = z.object({
  event: z.string(),
  site_id: z.string(),
  timestamp: z.string(),
  data: z.unknown(),
});

/** A payload as it is shown: also that of a test event. */
export type ShownPayload = z.output<typeof stored>;

/**
 * Reads a stored body again, to show it.
 *
 * @param body Bytes made by {@linkcode encodeBody}.
 * @returns The four keys.
 * @throws {AppError} Never for a body that Tidings wrote.
 */
export function decodeBody(body: Uint8Array): ShownPayload {
  return validate(stored, JSON.parse(new TextDecoder().decode(body)));
}
