/**
 * Records: what is written is read again as it was, and what can't be read is refused without a word of its content.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLessOrEqual,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { deliveryRecord, recordFilter } from "../../kv/delivery_record.ts";
import { eventRecord } from "../../kv/event_record.ts";
import {
  apiKeyIdRecord,
  apiKeyRecord,
  beatRecord,
  type Codec,
  dueRecord,
  groupLeaseRecord,
  guardRecord,
  idempotencyRecord,
  laneRecord,
  listBlockRecord,
  sealRecord,
  webhookRecord,
} from "../../kv/records.ts";
import { SCOPES } from "../../lib/api_key.ts";
import { BrokenRecord } from "../../lib/errors.ts";
import { SKIP_REASONS } from "../../lib/decide.ts";
import {
  type AttemptError,
  type Delivery,
  DELIVERY_STATUSES,
  effectiveStatus,
  OUTCOMES,
  TRIGGERS,
} from "../../lib/delivery.ts";
import { EVENT_NAMES } from "../../lib/event_types.ts";
import { ANSWER, INPUT, KV } from "../../lib/limits.ts";
import {
  sampleAttempt,
  sampleDelivery,
  sampleEvent,
  sampleWebhook,
  sampleWebhookId,
} from "../helpers/sample.ts";

const text = fc.string({ unit: "grapheme", maxLength: 30 });
const at = fc.double({ min: 0, max: 4e12, noNaN: true });
const atOrNull = fc.option(at);
const count = fc.nat(1_000_000);
const eventName = fc.constantFrom(...EVENT_NAMES, "test" as const);
/** Every error by name: a new one does not compile until it is here, and fails until the schema knows it. */
const ATTEMPT_ERRORS = Object.keys(
  {
    timeout: 0,
    dns: 0,
    connect: 0,
    tls: 0,
    reset: 0,
    redirect: 0,
    blocked_address: 0,
    protocol: 0,
    interrupted: 0,
  } satisfies Record<AttemptError, 0>,
) as AttemptError[];

const attempt = fc.record({
  number: count,
  trigger: fc.constantFrom(...TRIGGERS),
  at,
  duration_ms: atOrNull,
  status_code: fc.option(fc.integer({ min: 100, max: 599 })),
  outcome: fc.constantFrom(...OUTCOMES),
  error: fc.option(fc.constantFrom(...ATTEMPT_ERRORS)),
  response_body: fc.option(text),
});

const delivery = fc.record({
  event_id: text,
  webhook_id: text,
  site_id: text,
  event: eventName,
  status: fc.constantFrom(...DELIVERY_STATUSES),
  trigger: fc.constantFrom(...TRIGGERS),
  created_at: at,
  queued_at: at,
  due_at: atOrNull,
  lease: fc.option(fc.record({ owner: text })),
  failures: count,
  attempts_total: count,
  wishes: count,
  scheduled_at: atOrNull,
  attempts: fc.array(attempt, { maxLength: 20 }),
});

const readings = { readings: count, cooldown_hours: at };
const webhook = fc.record({
  id: text,
  site_id: text,
  name: text,
  url: text,
  format: fc.constant("json" as const),
  events: fc.uniqueArray(fc.constantFrom(...EVENT_NAMES)),
  filters: fc.record({
    goals: fc.array(text),
    custom_events: fc.array(text),
    error_types: fc.array(text),
    visitor_spike: fc.record({ threshold: at, percent_over_baseline: atOrNull, ...readings }),
    visitor_drop: fc.record({ threshold: at, ...readings }),
  }),
  headers: fc.dictionary(fc.stringMatching(/^[A-Za-z-]{1,12}$/), text, { noNullPrototype: true }),
  enabled: fc.boolean(),
  max_retries: count,
  timeout_ms: count,
  rate_limit_per_minute: fc.option(count),
  secrets: fc.array(fc.record({ value: text, expires_at: atOrNull })),
  pause_reason: fc.constantFrom(null, "gone" as const, "failing"),
  cancelled_until: atOrNull,
  resumed_at: atOrNull,
  deleted_at: atOrNull,
  created_at: at,
  updated_at: at,
});

const event = fc.record({
  id: text,
  site_id: text,
  event: eventName,
  accepted_at: at,
  timestamp: text,
  body: fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
  decisions: fc.array(
    fc.record({ webhook_id: text, reason: fc.option(fc.constantFrom(...SKIP_REASONS)) }),
    { maxLength: 5 },
  ),
});

const apiKey = fc.record({
  id: text,
  hash: text,
  name: text,
  scope: fc.constantFrom(...SCOPES),
  sites: fc.array(text),
  expires_at: atOrNull,
  created_at: at,
  last_used_at: atOrNull,
});

const lane = fc.record({
  consecutive_failures: count,
  last_success_at: atOrNull,
  last_failure_at: atOrNull,
  failing_since: atOrNull,
  hold_until: atOrNull,
  breaker: fc.record({ failures: count, openings: count, open_until: atOrNull }),
  updated_at: at,
});

/** A kind of record, with what it may hold; the value's type ends here. */
interface Kind {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly roundTrip: () => void;
  readonly sample: () => Uint8Array<ArrayBuffer>;
}

function kind<Value>(name: string, codec: Codec<Value>, values: fc.Arbitrary<Value>): Kind {
  return {
    name,
    codec: codec as Codec<unknown>,
    roundTrip: () =>
      fc.assert(fc.property(values, (value) => assertEquals(codec.decode(codec.encode(value)), value))),
    sample: () => codec.encode(fc.sample(values, { numRuns: 1, seed: 1 })[0] as Value),
  };
}

const KINDS: readonly Kind[] = [
  kind("delivery", deliveryRecord, delivery),
  kind("webhook", webhookRecord, webhook),
  kind("event", eventRecord, event),
  kind("API key", apiKeyRecord, apiKey),
  kind("API key id", apiKeyIdRecord, fc.record({ hash: text })),
  kind("lane", laneRecord, lane),
  kind("idempotency", idempotencyRecord, fc.record({ event_id: text, digest: text, expires_at: at })),
  kind(
    "due",
    dueRecord,
    fc.record({
      site_id: text,
      owner: fc.option(text),
      unwritten: fc.option(fc.record({ event: fc.constantFrom("goal_completion", "test"), created_at: at })),
    }),
  ),
  kind("list block", listBlockRecord, fc.record({ event_ids: fc.array(text) })),
  kind(
    "group lease",
    groupLeaseRecord,
    fc.record({
      owner: text,
      deliveries: fc.array(fc.record({ event_id: text, webhook_ids: fc.array(text) })),
    }),
  ),
  kind("instance", beatRecord, fc.record({ at })),
  kind("site", guardRecord, fc.record({ changed_at: at })),
  kind("secret check", sealRecord, fc.record({ sealed: text })),
];

for (const { name, roundTrip } of KINDS) {
  Deno.test(`the ${name} record is read as it was written`, roundTrip);
}

/** A record's bytes with its JSON changed; what follows the first line stays. */
function changed(bytes: Uint8Array, change: (json: Record<string, unknown>) => unknown): Uint8Array {
  const newline = bytes.indexOf(0x0a);
  const end = newline < 0 ? bytes.length : newline;
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const line = new TextEncoder().encode(JSON.stringify(change(json)));
  return new Uint8Array([...line, ...bytes.subarray(end)]);
}

/** Decodes what must not be read. */
function refusal({ codec, name }: Kind, bytes: unknown): string {
  const error = assertThrows(() => codec.decode(bytes), BrokenRecord);
  assertInstanceOf(error, BrokenRecord);
  assertEquals(error.cause, undefined, "a cause would be logged with its own message");
  assertStringIncludes(error.message, `${name} record`);
  return error.message;
}

Deno.test("every record says which version wrote it, and a later one is refused", () => {
  for (const each of KINDS) {
    assertEquals(changed(each.sample(), (json) => json), each.sample(), "the test changes nothing else");
    const later = changed(each.sample(), (json) => ({ ...json, v: each.codec.version + 1 }));
    assertStringIncludes(refusal(each, later), "later release");
    for (const v of [undefined, null, "1", 0.5, 0, -1]) {
      assertStringIncludes(refusal(each, changed(each.sample(), (json) => ({ ...json, v }))), "version");
    }
  }
});

Deno.test("a later release's record is refused by its version, also if all of it has changed", () => {
  for (const each of KINDS) {
    const later = changed(each.sample(), () => ({ v: each.codec.version + 1, other: true }));
    assertStringIncludes(refusal(each, later), "later release");
  }
});

/** What is left out of a delivery's record where it is as usual. */
const USUAL_FIELDS = new Set([
  "trigger",
  "queued_at",
  "due_at",
  "lease",
  "wishes",
  "scheduled_at",
  "failures",
  "attempts_total",
  "attempts",
]);

Deno.test("a delivery's record says what is unusual", () => {
  const decoder = new TextDecoder();
  const event = sampleEvent(1);
  const fresh = sampleDelivery(event, sampleWebhookId(1));
  const { trigger: _, ...attempt } = sampleAttempt(event.accepted_at, {
    status_code: 200,
    response_body: null,
  });
  const over: Delivery = {
    ...fresh,
    status: "delivered",
    due_at: null,
    attempts_total: 1,
    attempts: [{ ...attempt, trigger: "automatic", number: 1, outcome: "delivered" }],
  };
  const { event_id, webhook_id, site_id, created_at } = over;
  const written = { v: deliveryRecord.version, event_id, webhook_id, site_id, event: event.event };
  const { at, duration_ms } = attempt;
  assertEquals(JSON.parse(decoder.decode(deliveryRecord.encode(over))), {
    ...written,
    status: "delivered",
    created_at,
    attempts: [{ at, duration_ms, status_code: 200, outcome: "delivered" }],
  });
  assertEquals(JSON.parse(decoder.decode(deliveryRecord.encode(fresh))), {
    ...written,
    status: "pending",
    created_at,
    due_at: fresh.due_at,
  });
  // Of many attempts the first and the last are kept: their numbers are not their places.
  const attempts = [over.attempts[0], { ...over.attempts[0], number: 40 }].filter((one) => one !== undefined);
  const many = { ...over, attempts_total: 40, attempts } as Delivery;
  assertEquals(deliveryRecord.decode(deliveryRecord.encode(many)), many);
});

Deno.test("a record without one of its fields, or with another type there, is refused by the field's name", () => {
  for (const each of KINDS) {
    const { name } = each;
    const seen: string[] = [];
    changed(each.sample(), (json) => seen.push(...Object.keys(json)));
    for (const field of seen.filter((name) => name !== "v")) {
      const without = changed(each.sample(), ({ [field]: _, ...rest }) => rest);
      const other = changed(each.sample(), (json) => ({ ...json, [field]: { hush: "hush" } }));
      const [may_miss, may_be_any] = [name === "delivery" && USUAL_FIELDS.has(field), field === "headers"];
      for (const broken of [...may_miss ? [] : [without], ...may_be_any ? [] : [other]]) {
        const message = refusal(each, broken);
        assertStringIncludes(message, field);
        assertEquals(message.includes("hush"), false);
      }
    }
  }
});

Deno.test("what is no record at all is refused", () => {
  const encoder = new TextEncoder();
  for (const each of KINDS) {
    const bytes = each.sample();
    const cut = bytes.slice(0, 10);
    const notUtf8 = new Uint8Array([0xff, 0xfe, 0x0a]);
    const broken = [undefined, null, "text", {}, new Deno.KvU64(1n), new Uint8Array(0), cut, notUtf8];
    for (
      const value of [
        ...broken,
        ...["null\n", "7\n", "[]\n", '"v"\n'].map((json) => encoder.encode(json)),
      ]
    ) {
      refusal(each, value);
    }
  }
});

Deno.test("a record with a byte that is no UTF-8 is refused, and an event without a body too", () => {
  const sealed = sealRecord.encode({ sealed: "x" });
  sealed[sealed.indexOf("x".charCodeAt(0))] = 0xff;
  assertThrows(() => sealRecord.decode(sealed), BrokenRecord);
  const event = eventRecord.encode(sampleEvent());
  const head = event.slice(0, event.indexOf(0x0a));
  assertThrows(() => eventRecord.decode(new Uint8Array([...head, 0x20])), BrokenRecord);
});

Deno.test("BrokenRecord never quotes what the record holds", () => {
  const hush = "hush-hush-7";
  const webhook = webhookRecord.encode(sampleWebhook(1, { name: hush, url: hush }));
  const kind = KINDS.find(({ name }) => name === "webhook");
  assert(kind !== undefined);
  const broken = [
    webhook.slice(0, -2),
    new TextEncoder().encode(hush),
    new TextEncoder().encode(`{"v":1,"${hush}":"${hush}"}`),
    changed(webhook, (json) => ({ ...json, headers: { [hush]: 7 } })),
    changed(webhook, (json) => ({ ...json, events: [hush], format: hush, pause_reason: hush })),
    changed(webhook, (json) => ({ ...json, secrets: [{ value: hush, expires_at: hush }] })),
    changed(webhook, (json) => ({ ...json, v: hush })),
  ];
  for (const bytes of broken) {
    const error = assertThrows(() => kind.codec.decode(bytes), BrokenRecord);
    assertEquals(Deno.inspect(error).includes(hush), false, Deno.inspect(error));
  }
});

Deno.test("encode() refuses what decode() would, and drops what belongs to no field", () => {
  const delivery = sampleDelivery(sampleEvent(), sampleWebhookId(1));
  assertThrows(() => deliveryRecord.encode({ ...delivery, failures: 0.5 }));
  assertThrows(() => deliveryRecord.encode({ ...delivery, due_at: NaN }));
  const more = { ...delivery, body: "hush" };
  assertEquals(deliveryRecord.decode(deliveryRecord.encode(more)), delivery);
});

Deno.test("the largest event fits a value of KV", () => {
  const event = sampleEvent(1, {
    site_id: "x".repeat(INPUT.site_id_chars_max),
    body: new Uint8Array(INPUT.event_bytes_max),
    decisions: Array.from({ length: INPUT.webhooks_per_site_max }, (_, n) => ({
      webhook_id: sampleWebhookId(n),
      reason: "not_subscribed" as const,
    })),
  });
  assertLessOrEqual(eventRecord.encode(event).byteLength, KV.value_bytes_max);
});

/** A delivery with as many attempts as are kept, all answered alike. */
function answered(response_body: string): Delivery {
  const kept = ANSWER.attempts_first_kept + ANSWER.attempts_last_kept;
  const attempts = Array.from({ length: kept }, (_, index) => ({
    ...sampleAttempt(1e12 + index / 3, { response_body, duration_ms: 30_000 / 7 }),
    number: 1_000_000 + index,
    outcome: "retry" as const,
  }));
  const event = sampleEvent(1, { site_id: "x".repeat(INPUT.site_id_chars_max) });
  return sampleDelivery(event, sampleWebhookId(1), { attempts, lease: { owner: "x".repeat(26) } });
}

Deno.test("a filter passes no record over by its text that its owner asked for", () => {
  const wanted = fc.record({
    event: fc.option(fc.constantFrom(...EVENT_NAMES)),
    status: fc.option(fc.constantFrom(...DELIVERY_STATUSES)),
  });
  const paused = fc.record({ cancelled_until: fc.option(fc.integer()) });
  fc.assert(
    fc.property(delivery, paused, wanted, (stored, of, { event, status }) => {
      const mayBeWanted = recordFilter({ event, status })(deliveryRecord.encode(stored));
      const is_wanted = (event === null || stored.event === event) &&
        (status === null || effectiveStatus(stored, of) === status);
      assert(mayBeWanted || !is_wanted);
      // And it is worth looking: what has neither of them is passed over.
      if (status !== null && status !== "cancelled" && stored.status !== status) assert(!mayBeWanted);
      if (event !== null && stored.event !== event) assert(!mayBeWanted);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a delivery keeps all its answers while they fit a value of KV, and the last one whatever it is", () => {
  const readable = answered("é".repeat(ANSWER.snippet_bytes_max));
  assertEquals(deliveryRecord.decode(deliveryRecord.encode(readable)), readable);
  // The worst that a receiver can answer: JSON writes each of these in six bytes.
  const hostile = answered("\0".repeat(ANSWER.snippet_bytes_max));
  const bytes = deliveryRecord.encode(hostile);
  assertLessOrEqual(bytes.byteLength, KV.value_bytes_max);
  const read = deliveryRecord.decode(bytes);
  assertEquals(read.attempts.map(({ response_body }) => response_body?.length ?? 0).filter((n) => n > 0), [
    ANSWER.snippet_bytes_max,
  ]);
  assertEquals(read.attempts.at(-1), hostile.attempts.at(-1));
  assertEquals(read.attempts.map(({ at }) => at), hostile.attempts.map(({ at }) => at));
});
