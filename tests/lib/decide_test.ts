/**
 * Who is told about an event, and why the others are not: every kind, every reason, and which reason comes first.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decide, type Matchable, SKIP_REASONS, type SkipReason } from "../../lib/decide.ts";
import { EVENT_EXAMPLES, EVENT_NAMES, type EventName, type EventPayload } from "../../lib/event_types.ts";
import type { JsonObject } from "../../lib/merge_patch.ts";
import { parseSettings } from "../../lib/webhook_settings.ts";

/** An event of a kind: its published example with some fields changed. */
function payloadOf(event: EventName, data: JsonObject = {}): EventPayload {
  const envelope = { site_id: "example.com", timestamp: "2026-02-25T12:00:00Z" };
  return { ...envelope, event, data: { ...EVENT_EXAMPLES[event], ...data } } as EventPayload;
}

/** A webhook that takes every kind, with some settings changed. */
function webhookOf(settings: JsonObject = {}, fields: Partial<Matchable> = {}): Matchable {
  const complete = parseSettings(
    { url: "https://example.com/in", events: [...EVENT_NAMES], ...settings },
    { timeout_ms: 10_000 },
  );
  return { ...complete, id: "wh_1", pause_reason: null, ...fields };
}

function reasonFor(payload: EventPayload, webhook: Matchable): SkipReason | null {
  const [decision, ...others] = decide(payload, [webhook]);
  assert(decision !== undefined && others.length === 0);
  return decision.reason;
}

/** The field that each named kind is filtered by, and the filter. */
const NAMED = [
  ["goal_completion", "goal_name", "goals"],
  ["custom_event", "event_name", "custom_events"],
  ["error_condition", "error_type", "error_types"],
] as const;

for (const event of EVENT_NAMES) {
  Deno.test(`decide() tells a webhook about ${event} if it subscribed to it, and only then`, () => {
    // Visitors are so that no threshold stands against it.
    const visitors = event === "visitor_spike" ? { current_visitors: 10 } : {};
    const payload = payloadOf(event, visitors);
    assertEquals(reasonFor(payload, webhookOf({ events: [event] })), null);
    const others = EVENT_NAMES.filter((name) => name !== event);
    assertEquals(reasonFor(payload, webhookOf({ events: others })), "not_subscribed");
  });
}

for (const [event, field, filter] of NAMED) {
  Deno.test(`decide() filters ${event} by ${filter}: an empty list is all, else an exact match`, () => {
    const table: [wanted: string[], name: string, reason: SkipReason | null][] = [
      [[], "Signup", null],
      [["Signup"], "Signup", null],
      [["Purchase", "Signup"], "Signup", null],
      [["Purchase"], "Signup", "filtered"],
      [["signup"], "Signup", "filtered"],
      [["Signup "], "Signup", "filtered"],
      [["Sign"], "Signup", "filtered"],
      [["Sign*"], "Signup", "filtered"],
    ];
    for (const [wanted, name, reason] of table) {
      const webhook = webhookOf({ filters: { [filter]: wanted } });
      assertEquals(reasonFor(payloadOf(event, { [field]: name }), webhook), reason, `${wanted} for ${name}`);
    }
  });

  Deno.test(`decide() looks at no other filter for ${event}`, () => {
    const others = Object.fromEntries(
      NAMED.filter(([, , name]) => name !== filter).map(([, , name]) => [name, ["x"]]),
    );
    const thresholds = { visitor_spike: { threshold: 1e9 }, visitor_drop: { threshold: 1 } };
    const webhook = webhookOf({ filters: { ...others, ...thresholds } });
    assertEquals(reasonFor(payloadOf(event), webhook), null);
  });
}

Deno.test("decide() tells about a spike when current visitors reach the threshold", () => {
  const webhook = webhookOf({ filters: { visitor_spike: { threshold: 100 } } });
  for (
    const [current_visitors, reason] of [[0, "below_threshold"], [99, "below_threshold"], [100, null], [
      101,
      null,
    ]]
  ) {
    assertEquals(reasonFor(payloadOf("visitor_spike", { current_visitors }), webhook), reason);
  }
});

Deno.test("decide() tells about a drop when visitors are fewer than the threshold", () => {
  const webhook = webhookOf({ filters: { visitor_drop: { threshold: 5 } } });
  for (
    const [current_visitors, reason] of [[0, null], [4, null], [5, "below_threshold"], [6, "below_threshold"]]
  ) {
    assertEquals(reasonFor(payloadOf("visitor_drop", { current_visitors }), webhook), reason);
  }
});

Deno.test("decide() goes by the webhook's threshold and not by the one the event states", () => {
  const data = { current_visitors: 50, threshold: 10 };
  assertEquals(
    reasonFor(payloadOf("visitor_spike", data), webhookOf({ filters: { visitor_spike: { threshold: 60 } } })),
    "below_threshold",
  );
  assertEquals(
    reasonFor(payloadOf("visitor_drop", data), webhookOf({ filters: { visitor_drop: { threshold: 60 } } })),
    null,
  );
});

Deno.test("decide() applies the default thresholds: 10 for a spike, 1 for a drop", () => {
  const webhook = webhookOf();
  const spike = [9, 10].map((current_visitors) =>
    reasonFor(payloadOf("visitor_spike", { current_visitors }), webhook)
  );
  const drop = [0, 1].map((current_visitors) =>
    reasonFor(payloadOf("visitor_drop", { current_visitors }), webhook)
  );
  assertEquals(spike, ["below_threshold", null]);
  assertEquals(drop, [null, "below_threshold"]);
});

Deno.test("decide() skips a webhook that its owner disabled, and one that Tidings paused", () => {
  const payload = payloadOf("goal_completion");
  assertEquals(reasonFor(payload, webhookOf({ enabled: false })), "disabled");
  assertEquals(reasonFor(payload, webhookOf({ enabled: false }, { pause_reason: "gone" })), "paused");
  assertEquals(reasonFor(payload, webhookOf({ enabled: false }, { pause_reason: "failing" })), "paused");
});

Deno.test("decide() names subscription first, then the filter, and inactivity last: recover brings only those", () => {
  const payload = payloadOf("goal_completion", { goal_name: "Signup" });
  const unsubscribed = { events: ["custom_event"] };
  const filtering = { filters: { goals: ["Purchase"] } };
  const table: [settings: JsonObject, fields: Partial<Matchable>, reason: SkipReason | null][] = [
    [{ ...unsubscribed, ...filtering, enabled: false }, { pause_reason: "gone" }, "not_subscribed"],
    [{ ...unsubscribed, ...filtering }, {}, "not_subscribed"],
    [{ ...unsubscribed, enabled: false }, {}, "not_subscribed"],
    [{ ...filtering, enabled: false }, { pause_reason: "gone" }, "filtered"],
    [{ ...filtering, enabled: false }, {}, "filtered"],
    [{ enabled: false }, { pause_reason: "gone" }, "paused"],
    [{ enabled: false }, {}, "disabled"],
    [{}, {}, null],
  ];
  for (const [settings, fields, reason] of table) {
    assertEquals(reasonFor(payload, webhookOf(settings, fields)), reason, JSON.stringify(settings));
  }
  const quiet = webhookOf({ enabled: false, filters: { visitor_spike: { threshold: 100 } } });
  assertEquals(reasonFor(payloadOf("visitor_spike", { current_visitors: 5 }), quiet), "below_threshold");
});

Deno.test("decide() decides for every webhook of the site, in their order, each on its own", () => {
  const settings = fc.record({
    events: fc.uniqueArray(fc.constantFrom(...EVENT_NAMES), { minLength: 1 }),
    enabled: fc.boolean(),
    filters: fc.record({ goals: fc.constantFrom([], ["Signup"], ["Purchase"]) }),
  });
  const event = fc.constantFrom(...EVENT_NAMES);
  fc.assert(fc.property(fc.array(settings, { maxLength: 50 }), event, (all, name) => {
    const webhooks = all.map((fields, index) => webhookOf(fields, { id: `wh_${index}` }));
    const payload = payloadOf(name);
    const decisions = decide(payload, webhooks);
    assertEquals(decisions.map(({ webhook_id }) => webhook_id), webhooks.map(({ id }) => id));
    assertEquals(decisions, webhooks.flatMap((webhook) => decide(payload, [webhook])));
    assert(decisions.every(({ reason }) => reason === null || SKIP_REASONS.includes(reason)));
  }));
});

Deno.test("decide() has nothing to decide for a site without webhooks", () => {
  assertEquals(decide(payloadOf("custom_event"), []), []);
});

Deno.test("SKIP_REASONS are those of the contract", () => {
  assertEquals([...SKIP_REASONS].sort(), [
    "below_threshold",
    "cooldown",
    "disabled",
    "filtered",
    "no_baseline",
    "not_subscribed",
    "paused",
    "readings",
  ]);
});
