/**
 * "Events" of the contract: posting one, posting again, batches, how large they may be, and reading them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type AcceptedJson, ADMIN_KEY, type PageJson } from "../helpers/api.ts";
import { assertLike, FORM, NOBODY, section, type Stage, words } from "./section.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

function withKey(key: string): { headers: Record<string, string> } {
  return { headers: { "Idempotency-Key": key } };
}

/** A text of exactly so many bytes that is this JSON. */
function padded(value: unknown, bytes: number): string {
  return JSON.stringify(value).padEnd(bytes);
}

/** An event that is stored as exactly so many bytes: as many euros, of three bytes each, as fit; the rest in `path`. */
function ofStoredBytes({ event }: Stage, bytes: number): Record<string, unknown> {
  const euros = "€".repeat(500);
  const props = Object.fromEntries(words(20).map((name) => [name, euros]));
  const of = (path: string) =>
    event({ event: "custom_event", data: { event_name: euros, visitor_count: 1, path, props } });
  const rest = bytes - new TextEncoder().encode(JSON.stringify(of(""))).byteLength;
  const more = Math.ceil((rest - 500) / 2);
  return of("€".repeat(more) + "x".repeat(rest - more * 3));
}

section("posting events", {
  "an event is answered 202 with its id, how many are told, and for each other webhook a reason": async (
    stage,
  ) => {
    const { webhook, ask, event } = stage;
    await webhook();
    await webhook();
    const skipped = {
      not_subscribed: await webhook(NOBODY, { events: ["visitor_drop"] }),
      filtered: await webhook(NOBODY, { filters: { goals: ["signup", "Sign"] } }),
      disabled: await webhook(NOBODY, { enabled: false }),
    };
    const answer = await ask<AcceptedJson>(202, "POST", "/v1/events", event());
    assertLike(answer, {
      id: FORM.event_id,
      queued: 2,
      skipped: (list) => Array.isArray(list) && list.length === 3,
    });
    for (const [reason, { id }] of Object.entries(skipped)) {
      assert(answer.skipped.some((one) => one.webhook_id === id && one.reason === reason), reason);
    }
    const matching = await webhook(NOBODY, { filters: { goals: ["Signup"] } });
    assertEquals((await ask<AcceptedJson>(202, "POST", "/v1/events", event())).queued, 3);
    assert(matching.enabled);
  },
  "filters match exactly, per kind, and an empty one is all": async ({ webhook, ask, event }) => {
    const fields = {
      events: ["custom_event", "error_condition"],
      filters: { custom_events: ["Download"], error_types: ["stats_api"] },
    };
    await webhook(NOBODY, fields);
    await webhook(NOBODY, { events: fields.events });
    const custom = (event_name: string) =>
      event({ event: "custom_event", data: { event_name, visitor_count: 1 } });
    const error = (error_type: string) =>
      event({ event: "error_condition", data: { error_type, message: "m" } });
    const table: [posted: unknown, queued: number][] = [
      [custom("Download"), 2],
      [custom("download"), 1],
      [error("stats_api"), 2],
      [error("stats"), 1],
    ];
    for (const [posted, queued] of table) {
      assertEquals((await ask<AcceptedJson>(202, "POST", "/v1/events", posted)).queued, queued);
    }
  },
  "below the threshold of a spike, and not below that of a drop, nobody is told": async (
    { webhook, ask, event },
  ) => {
    const { id } = await webhook(NOBODY, { events: ["visitor_spike", "visitor_drop"] });
    const table: [kind: string, current_visitors: number, queued: number][] = [
      ["visitor_spike", 9, 0],
      ["visitor_spike", 10, 1],
      ["visitor_drop", 1, 0],
      ["visitor_drop", 0, 1],
    ];
    for (const [kind, current_visitors, queued] of table) {
      const posted = event({ event: kind, data: { current_visitors } });
      const answer = await ask<AcceptedJson>(202, "POST", "/v1/events", posted);
      const skipped = queued === 1 ? [] : [{ webhook_id: id, reason: "below_threshold" }];
      assertEquals([answer.queued, answer.skipped], [queued, skipped], `${kind} ${current_visitors}`);
    }
  },
  'the same key again for the site is 200, the same body and a duplicate; "k" in quotes equals k': async (
    stage,
  ) => {
    const { webhook, call, ask, event, service } = stage;
    await webhook();
    const first = await ask<AcceptedJson>(202, "POST", "/v1/events", event(), withKey("k"));
    for (const key of ["k", '"k"']) {
      const { status, json } = await call("POST", "/v1/events", event(), withKey(key));
      assertEquals([status, json as unknown], [200, { ...first, duplicate: true }]);
    }
    const others = [
      event({ data: { goal_name: "Other", visitor_count: 1 } }),
      event({ event: "visitor_drop", data: { current_visitors: 0 } }),
    ];
    for (const other of others) {
      await stage.refused("idempotency_key_reused", "POST", "/v1/events", other, withKey("k"));
    }
    const elsewhere = await service.call(
      "POST",
      "/v1/events",
      event({ site_id: `x.${stage.site_id}` }),
      withKey("k"),
    );
    assertEquals(elsewhere.status, 202);
  },
  "a key is 1-255 visible ASCII, and a refused request uses none up": async ({ ask, event, refused }) => {
    for (const key of ["!", "~".repeat(255)]) await ask(202, "POST", "/v1/events", event(), withKey(key));
    for (const key of ["~".repeat(256), "a b", "é", '""']) {
      assertEquals(await refused("validation_failed", "POST", "/v1/events", event(), withKey(key)), [
        "/Idempotency-Key",
      ]);
    }
    await refused("validation_failed", "POST", "/v1/events", event({ data: {} }), withKey("once"));
    await ask(202, "POST", "/v1/events", event(), withKey("once"));
  },
  "a body is at most 64 KiB, an event as stored at most 32 KiB": async (stage) => {
    await stage.ask(202, "POST", "/v1/events", padded(stage.event(), 64 * KiB));
    await stage.refused("payload_too_large", "POST", "/v1/events", padded(stage.event(), 64 * KiB + 1));
    await stage.ask(202, "POST", "/v1/events", ofStoredBytes(stage, 32 * KiB));
    await stage.refused("payload_too_large", "POST", "/v1/events", ofStoredBytes(stage, 32 * KiB + 1));
  },
});

section("batches", {
  "results come in order: accepted, duplicate, error, each item with its own key": async (stage) => {
    const { webhook, ask, event, service, site_id } = stage;
    await webhook();
    const key = await service.key("ingest", [site_id]);
    const events = [
      event({ idempotency_key: "a" }),
      event({ idempotency_key: "a" }),
      event({ idempotency_key: "a", data: { goal_name: "Other", visitor_count: 1 } }),
      event({ data: {} }),
      event({ site_id: "foreign.example" }),
      event({ data: { goal_name: "jane@example.org", visitor_count: 1 } }),
      event({ idempotency_key: "k".repeat(256) }),
      7,
    ];
    const error = (code: string, at: readonly string[]) => ({
      error: {
        code,
        detail: FORM.text,
        errors: (list: unknown) =>
          JSON.stringify((list as { path: string }[]).map(({ path }) => path)) === JSON.stringify(at),
      },
    });
    const answer = await ask<{ results: { id: string }[] }>(202, "POST", "/v1/events/batch", { events }, {
      key,
    });
    assertLike(answer, {
      accepted: 1,
      duplicates: 1,
      rejected: 6,
      results: [
        { id: FORM.event_id, queued: 1 },
        { id: FORM.event_id, queued: 1, duplicate: true },
        error("idempotency_key_reused", []),
        error("validation_failed", ["/events/3/data/goal_name", "/events/3/data/visitor_count"]),
        error("forbidden", []),
        error("personal_data", ["/events/5/data/goal_name"]),
        error("validation_failed", ["/events/6/idempotency_key"]),
        error("validation_failed", ["/events/7"]),
      ],
    });
    assertEquals(answer.results[0]?.id, answer.results[1]?.id);
  },
  "1-1,000 items, and 422 only when none is valid": async ({ ask, refused, event }) => {
    const post = "/v1/events/batch";
    const all = await ask<{ accepted: number }>(202, "POST", post, { events: Array(1000).fill(event()) });
    assertEquals(all.accepted, 1000);
    assertEquals(await refused("validation_failed", "POST", post, { events: Array(1001).fill(event()) }), [
      "/events",
    ]);
    assertEquals(await refused("validation_failed", "POST", post, { events: [] }), ["/events"]);
    assertEquals(await refused("validation_failed", "POST", post, {}), ["/events"]);
    assertEquals(await refused("validation_failed", "POST", post, { events: [event()], more: 1 }), ["/more"]);
    assertEquals(await refused("validation_failed", "POST", post, { events: [7, event({ more: 1 })] }), [
      "/events/0",
      "/events/1/more",
    ]);
    await ask(202, "POST", post, { events: [7, event()] });
  },
  "a batch is at most 4 MiB, and takes no Idempotency-Key header": async ({ ask, refused, event }) => {
    const body = { events: [event()] };
    await ask(202, "POST", "/v1/events/batch", padded(body, 4 * MiB));
    await refused("payload_too_large", "POST", "/v1/events/batch", padded(body, 4 * MiB + 1));
    assertEquals(await refused("validation_failed", "POST", "/v1/events/batch", body, withKey("k")), [
      "/Idempotency-Key",
    ]);
  },
});

interface EventJson {
  readonly id: string;
  readonly event: string;
  readonly accepted_at: string;
}

section("reading events", {
  "events are listed newest first with these fields, 50 of them by default": async (
    { ask, path, event, webhook },
  ) => {
    await webhook();
    await webhook(NOBODY, { events: ["visitor_drop"] });
    await ask(202, "POST", "/v1/events/batch", { events: Array(101).fill(event()) });
    const { data, next_cursor } = await ask<PageJson<EventJson>>(200, "GET", path("/events"));
    assertEquals(data.length, 50);
    assertEquals(data.map(({ id }) => id), data.map(({ id }) => id).toSorted().toReversed());
    const fields = { event: "goal_completion", timestamp: "2026-02-25T12:00:00Z", accepted_at: FORM.time };
    assertLike(data[0], { id: FORM.event_id, ...fields, queued: 1, skipped: 1 });
    const page = await ask<PageJson<EventJson>>(200, "GET", path(`/events?limit=100&cursor=${next_cursor}`));
    assertEquals([page.data.length, page.next_cursor], [51, null]);
    const full = await ask<PageJson<EventJson>>(200, "GET", path("/events?limit=100"));
    assertEquals([full.data.length, full.next_cursor === null], [100, false]);
    const one = await ask<PageJson<EventJson>>(200, "GET", path("/events?limit=1"));
    assertEquals(one.data.length, 1);
  },
  "they are filtered by event, since and until, which is exclusive": async ({ ask, path, event }) => {
    await ask(202, "POST", "/v1/events", event());
    await ask(202, "POST", "/v1/events", event({ event: "visitor_drop", data: { current_visitors: 0 } }));
    const list = async (query: string) =>
      (await ask<PageJson<EventJson>>(200, "GET", path(`/events?${query}`))).data;
    assertEquals((await list("event=visitor_drop")).map((one) => one.event), ["visitor_drop"]);
    const [newest] = await list("limit=1");
    const time = newest?.accepted_at ?? "";
    assertEquals((await list(`since=${time}`))[0]?.id, newest?.id);
    assertEquals((await list(`until=${time}`)).some(({ id }) => id === newest?.id), false);
  },
  "one event has its payload and what was decided for every webhook": async (stage) => {
    const { ask, path, event, webhook, refused } = stage;
    const told = await webhook();
    const other = await webhook(NOBODY, { events: ["visitor_drop"] });
    const { id } = await ask<AcceptedJson>(202, "POST", "/v1/events", event());
    const { data: [listed] } = await ask<PageJson<Record<string, string>>>(200, "GET", path("/events"));
    const one = await ask<Record<string, unknown>>(200, "GET", path(`/events/${id}`));
    const { payload, decisions, ...fields } = one;
    assertEquals([fields, payload], [listed, event()]);
    assertLike(decisions, [{ webhook_id: told.id, delivery_id: FORM.delivery_id }, {
      webhook_id: other.id,
      reason: "not_subscribed",
    }]);
    await refused("not_found", "GET", path("/events/evt_01JMZ0000000000000000000AA"));
  },
  "limits beyond 1-100, bad cursors and unknown parameters are 422": async ({ refused, path }) => {
    const queries = ["limit=0", "limit=101", "cursor=x", "since=now", "until=1", "event=test", "colour=red"];
    for (const list of ["/events", "/deliveries"]) {
      for (const query of queries.filter((query) => list === "/events" || query !== "event=test")) {
        const pointer = `/${query.split("=")[0]}`;
        assertEquals(await refused("validation_failed", "GET", path(`${list}?${query}`)), [pointer], query);
      }
    }
  },
  "event types have a name, a description, a JSON Schema and an example that is accepted": async (
    { ask, event },
  ) => {
    interface Types {
      readonly data: readonly {
        readonly name: string;
        readonly schema: { readonly type: string };
        readonly example: unknown;
      }[];
    }
    const { data } = await ask<Types>(200, "GET", "/v1/event-types", undefined, { key: null });
    const names = ["goal_completion", "visitor_spike", "visitor_drop", "custom_event", "error_condition"];
    assertEquals(data.map(({ name }) => name), names);
    for (const type of data) {
      assertEquals(Object.keys(type).toSorted(), ["description", "example", "name", "schema"]);
      assertEquals(type.schema.type, "object");
      await ask(202, "POST", "/v1/events", event({ event: type.name, data: type.example }), {
        key: ADMIN_KEY,
      });
    }
  },
});
