/**
 * The stored form of an event: a line of JSON, then the body verbatim, so that what is signed is what was stored, byte for
 * byte.
 *
 * @module
 */
import { z } from "zod";
import { SKIP_REASONS } from "../lib/decide.ts";
import { BrokenRecord } from "../lib/errors.ts";
import { EVENT_NAMES } from "../lib/event_types.ts";
import type { StoredEvent } from "../lib/store.ts";
import { EVENT_MIGRATIONS, versionAfter } from "./migrations.ts";
import { recordBytes } from "./record_block.ts";
import { type Codec, parseVersioned } from "./records.ts";

const eventHead = z.object({
  id: z.string(),
  site_id: z.string(),
  event: z.enum([...EVENT_NAMES, "test"]),
  accepted_at: z.number(),
  timestamp: z.string(),
  decisions: z.array(z.object({ webhook_id: z.string(), reason: z.enum(SKIP_REASONS).nullable() })),
  first_due: z.array(z.number().nullable()).optional(),
  first_lease: z.object({ owner: z.string(), until: z.array(z.number().nullable()) }).optional(),
});

const NEWLINE = 0x0a;

const eventForm = { kind: "event", schema: eventHead, migrations: EVENT_MIGRATIONS };

/** An event, and where the deliveries are that were made with it and have no record yet. */
export interface EventRecord extends StoredEvent {
  /** When the due entry of each is, in the order of the decisions. */
  readonly first_due?: readonly (number | null)[] | undefined;
  /** Who holds those that have no due entry, and until when each, in the same order. */
  readonly first_lease?:
    | { readonly owner: string; readonly until: readonly (number | null)[] }
    | undefined;
}

/** See the module. */
export const eventRecord: Codec<EventRecord> = {
  version: versionAfter(eventForm.migrations),
  encode({ body, ...head }) {
    const line = JSON.stringify({ v: eventRecord.version, ...eventHead.parse(head) });
    return recordBytes(`${line}\n`, body);
  },
  decode(bytes) {
    if (!(bytes instanceof Uint8Array)) throw new BrokenRecord("Cannot read an event record: not bytes");
    const end = bytes.indexOf(NEWLINE);
    if (end < 0) throw new BrokenRecord("Cannot read an event record: it has no body");
    const head = parseVersioned(eventForm, bytes.subarray(0, end));
    return { ...head, body: new Uint8Array(bytes.subarray(end + 1)) };
  },
};
