/**
 * Events over HTTP: who is told and who is not, batches, the history of a site's events, and asking beforehand.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type AcceptedJson, type Api, goal, type PageJson, SITE, sitePath } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

interface EventJson {
  readonly id: string;
  readonly event: string;
  readonly timestamp: string;
  readonly accepted_at: string;
  readonly queued: number;
  readonly skipped: number;
  readonly payload?: unknown;
  readonly decisions?: readonly {
    readonly webhook_id: string;
    readonly delivery_id?: string;
    readonly reason?: string;
  }[];
}

interface BatchJson {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly results: readonly {
    readonly id?: string;
    readonly queued?: number;
    readonly duplicate?: boolean;
    readonly error?: {
      readonly code: string;
      readonly detail: string;
      readonly errors: readonly { readonly path: string }[];
    };
  }[];
}

/** An event of each kind that is accepted as it is. */
const EVENTS: Readonly<Record<string, Record<string, unknown>>> = {
  goal_completion: { goal_name: "Signup", visitor_count: 1 },
  visitor_spike: { current_visitors: 50 },
  visitor_drop: { current_visitors: 0 },
  custom_event: { event_name: "Download", visitor_count: 1 },
  error_condition: { error_type: "stats_api", message: "It answered 502" },
};

function eventOf(event: string, data: Record<string, unknown>): Record<string, unknown> {
  return { event, site_id: SITE, timestamp: "2026-02-25T12:00:00Z", data };
}

Deno.test("an event tells whom it matches, and says of every other webhook why not", async () => {
  await using service = await startTestService();
  const url = "http://127.0.0.1:9/";
  const told = await service.webhook(url, { filters: { goals: ["Signup", "Purchase"] } });
  const filtered = await service.webhook(url, { filters: { goals: ["signup"] } });
  const other = await service.webhook(url, { events: ["visitor_drop"] });
  const disabled = await service.webhook(url, { enabled: false });
  const { id, queued, skipped } = await service.post(goal());
  assertMatch(id, /^evt_[0-9A-Z]{26}$/);
  assertEquals([queued, skipped], [1, [
    { webhook_id: filtered.id, reason: "filtered" },
    { webhook_id: other.id, reason: "not_subscribed" },
    { webhook_id: disabled.id, reason: "disabled" },
  ]]);
  const { json } = await service.call<EventJson>("GET", sitePath(`/events/${id}`));
  assertEquals(json.decisions?.[0], {
    webhook_id: told.id,
    delivery_id: `dlv_${id.slice(4)}${told.id.slice(3)}`,
  });
  assertEquals(json.decisions?.slice(1), [...skipped]);
  assertEquals([json.payload, json.queued, json.skipped], [goal(), 1, 3]);
});

Deno.test("every kind of event is accepted and delivered", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url, { events: Object.keys(EVENTS) });
  for (const [event, data] of Object.entries(EVENTS)) {
    assertEquals((await service.post(eventOf(event, data))).queued, 1, event);
  }
  await service.settled("delivered", 5);
  const received = receiver.requests.map(({ text }) => JSON.parse(text));
  assertEquals(received.map(({ event }) => event).toSorted(), Object.keys(EVENTS).toSorted());
});

Deno.test("a spike below the threshold, and a drop above it, are told to nobody", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/", {
    events: ["visitor_spike", "visitor_drop"],
    filters: { visitor_spike: { threshold: 50 }, visitor_drop: { threshold: 5 } },
  });
  const below = [{ webhook_id: id, reason: "below_threshold" }];
  const posted = async (event: string, current_visitors: number): Promise<AcceptedJson> =>
    await service.post(eventOf(event, { current_visitors }));
  assertEquals((await posted("visitor_spike", 49)).skipped, below);
  assertEquals((await posted("visitor_drop", 5)).skipped, below);
  assertEquals((await posted("visitor_spike", 50)).queued, 1);
  assertEquals((await posted("visitor_drop", 4)).queued, 1);
});

Deno.test("a site's events are listed newest first, in pages, by kind and time", async () => {
  await using service = await startTestService();
  const posted: string[] = [];
  for (const [event, data] of Object.entries(EVENTS)) {
    posted.push((await service.post(eventOf(event, data))).id);
  }
  await service.post(goal(1, { site_id: "other.example" }));
  const walk = async (query: string): Promise<EventJson[]> => {
    const found: EventJson[] = [];
    let cursor: string | null = null;
    do {
      const path: string = sitePath(`/events?${query}${cursor === null ? "" : `&cursor=${cursor}`}`);
      const { status, json } = await service.call<PageJson<EventJson>>("GET", path);
      assertEquals(status, 200, path);
      found.push(...json.data);
      cursor = json.next_cursor;
    } while (cursor !== null);
    return found;
  };
  for (const limit of [1, 2, 5, 100]) {
    assertEquals((await walk(`limit=${limit}`)).map(({ id }) => id), posted.toReversed(), `limit ${limit}`);
  }
  const [spike] = await walk("event=visitor_spike");
  assertEquals(spike?.id, posted[1]);
  const at = encodeURIComponent(spike?.accepted_at ?? "");
  const all = await walk("");
  assertEquals(
    (await walk(`until=${at}`)).map(({ id }) => id),
    all.filter(({ accepted_at }) => accepted_at < (spike?.accepted_at ?? "")).map(({ id }) => id),
  );
  for (const query of ["cursor=x", "limit=0", "event=test", "status=delivered"]) {
    assertEquals((await service.call("GET", sitePath(`/events?${query}`))).status, 422, query);
  }
});

Deno.test("explaining says who would be told and why not, and neither stores nor sends anything", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const told = await service.webhook(receiver.url, { name: "Told" });
  const other = await service.webhook(receiver.url, { name: "Other", events: ["visitor_drop"] });
  const { site_id: _, ...without_site } = goal();
  for (const body of [goal(), without_site]) {
    const { status, json } = await service.call("POST", sitePath("/explain"), body);
    assertEquals<unknown>([status, json], [200, {
      decisions: [
        { webhook_id: told.id, name: "Told", told: true, reason: null },
        { webhook_id: other.id, name: "Other", told: false, reason: "not_subscribed" },
      ],
    }]);
  }
  const foreign = await service.call("POST", sitePath("/explain"), goal(1, { site_id: "other.example" }));
  assertEquals([foreign.status, foreign.json.errors?.map(({ path }) => path)], [422, ["/site_id"]]);
  assertEquals((await service.call<PageJson<unknown>>("GET", sitePath("/events"))).json.data, []);
  assertEquals(await service.deliveries(), []);
  assertEquals(receiver.requests.length, 0);
});

function batch(service: Api, events: unknown, key?: string) {
  return service.call<BatchJson>("POST", "/v1/events/batch", { events }, key === undefined ? {} : { key });
}

Deno.test("a batch tells of each item what became of it, in order", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  await service.webhook(receiver.url);
  const ingest = await service.key("ingest");
  const first = await batch(service, [{ ...goal(1), idempotency_key: "one" }], ingest);
  assertEquals([first.status, first.json.accepted], [202, 1]);
  const { status, json } = await batch(service, [
    goal(2),
    { ...goal(1), idempotency_key: '"one"' },
    { ...goal(3), idempotency_key: "one" },
    goal(4, { data: {} }),
    goal(5, { site_id: "foreign.example" }),
    "text",
    { ...goal(6), idempotency_key: "two" },
    { ...goal(7), idempotency_key: "a b" },
  ], ingest);
  assertEquals(status, 202);
  assertEquals([json.accepted, json.duplicates, json.rejected], [2, 1, 5]);
  assertEquals(json.results.map(({ queued, duplicate, error }) => error?.code ?? [queued, duplicate]), [
    [1, undefined],
    [1, true],
    "idempotency_key_reused",
    "validation_failed",
    "forbidden",
    "validation_failed",
    [1, undefined],
    "validation_failed",
  ]);
  assertEquals(json.results[1]?.id, first.json.results[0]?.id);
  assertEquals(json.results[3]?.error?.errors.map(({ path }) => path), [
    "/events/3/data/goal_name",
    "/events/3/data/visitor_count",
  ]);
  assertEquals(json.results[7]?.error?.errors.map(({ path }) => path), ["/events/7/idempotency_key"]);
  await service.settled("delivered", 3);
  assertEquals(receiver.requests.length, 3);
});

Deno.test("a batch of which nothing is valid, or that is none, is refused as a whole", async () => {
  await using service = await startTestService();
  const bodies: unknown[] = [
    { events: [] },
    { events: Array(1001).fill(goal()) },
    { events: [goal(1, { data: {} })] },
    { events: {} },
    [],
    { events: [goal()], more: 1 },
  ];
  for (const body of bodies) {
    const { status, json } = await service.call("POST", "/v1/events/batch", body);
    assertEquals([status, json.code], [422, "validation_failed"]);
  }
  const headers = { "Idempotency-Key": "k" };
  const { status, json } = await service.call("POST", "/v1/events/batch", { events: [goal()] }, { headers });
  assertEquals([status, json.errors?.map(({ path }) => path)], [422, ["/Idempotency-Key"]]);
  assertEquals((await service.call<PageJson<unknown>>("GET", sitePath("/events"))).json.data, []);
});

Deno.test("a batch of a thousand events is taken whole, and repeated it is all duplicates", async () => {
  await using service = await startTestService();
  const events = Array.from(
    { length: 1000 },
    (_, index) => ({ ...goal(index), idempotency_key: `k${index}` }),
  );
  const first = await batch(service, events);
  assertEquals([first.status, first.json.accepted, first.json.rejected], [202, 1000, 0]);
  const again = await batch(service, events);
  assertEquals([again.status, again.json.accepted, again.json.duplicates], [202, 0, 1000]);
  assertEquals(again.json.results.map(({ id }) => id), first.json.results.map(({ id }) => id));
  assert(first.json.results.every(({ queued }) => queued === 0));
});

Deno.test("the signature debugger says of each header whether it is valid, and what to do", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const { id, secret } = await service.webhook(receiver.url);
  await service.call("POST", sitePath(`/webhooks/${id}/test`));
  const [request] = receiver.requests;
  const headers = Object.fromEntries(request?.headers ?? []);
  const verify = async (given: Record<string, unknown>): Promise<unknown> => {
    const body = { secret, body: request?.text, headers, ...given };
    const { status, json } = await service.call<
      { signatures: { header: string; valid: boolean; reason?: string }[] }
    >(
      "POST",
      "/v1/verify-signature",
      body,
    );
    assertEquals(status, 200);
    return json.signatures.map(({ header, valid, reason }) => [header, valid, reason]);
  };
  assertEquals(await verify({}), [["X-Webhook-Signature", true, undefined], [
    "webhook-signature",
    true,
    undefined,
  ]]);
  assertEquals(await verify({ secret: "another-secret-0123456789" }), [
    ["X-Webhook-Signature", false, "wrong_secret_or_body"],
    ["webhook-signature", false, "wrong_secret_or_body"],
  ]);
  assertEquals(await verify({ headers: {} }), [
    ["X-Webhook-Signature", false, "missing"],
    ["webhook-signature", false, "missing"],
  ]);
  assertEquals(service.logs.some((line) => line.includes(secret.slice(6))), false);
});
