/**
 * "Deliveries" of the contract: what they look like, how they are listed, what came of them, and redelivery.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type DeliveryJson, type PageJson, until, within } from "../helpers/api.ts";
import { startRawReceiver, startReceiver } from "../helpers/receiver.ts";
import { assertLike, FORM, NOBODY, section, type Stage } from "./section.ts";

const HOUR_MS = 3_600_000;

/** The fields of a delivery that was taken at the first attempt. */
const DELIVERED = {
  id: FORM.delivery_id,
  site_id: FORM.text,
  webhook_id: FORM.webhook_id,
  event_id: FORM.event_id,
  event: "goal_completion",
  status: "delivered",
  created_at: FORM.time,
  next_attempt_at: null,
  attempts_total: 1,
  attempts: [{
    number: 1,
    trigger: "automatic",
    at: FORM.time,
    duration_ms: (value: unknown) => typeof value === "number" && value >= 0,
    status_code: 200,
    outcome: "delivered",
    error: null,
    response_body: "thanks",
  }],
};

/** What became of the one event posted to a webhook of this URL. */
async function outcome(stage: Stage, url: string, fields = {}): Promise<DeliveryJson> {
  await stage.webhook(url, { max_retries: 0, ...fields });
  await stage.ask(202, "POST", "/v1/events", stage.event());
  return await stage.delivery(({ status }) => status !== "pending");
}

function redeliver({ ask, path }: Stage, { id }: DeliveryJson): Promise<DeliveryJson> {
  return ask<DeliveryJson>(202, "POST", path(`/deliveries/${id}/redeliver`));
}

section("deliveries", {
  "a delivery has exactly these fields, and payload where it is asked for alone": async (stage) => {
    await using receiver = startReceiver({ respond: new Response("thanks") });
    const delivery = await outcome(stage, receiver.url);
    assertLike(delivery, DELIVERED);
    const one = await stage.ask(200, "GET", stage.path(`/deliveries/${delivery.id}`));
    assertEquals(one as unknown, { ...delivery, payload: stage.event() });
    const absent = `dlv_${"01JMZ0000000000000000000AA".repeat(2)}`;
    await stage.refused("not_found", "GET", stage.path(`/deliveries/${absent}`));
    await stage.refused("not_found", "POST", stage.path(`/deliveries/${absent}/redeliver`));
  },
  "they are listed newest first, 50 by default, 1-100, with a cursor": async (stage) => {
    const { webhook, ask, event, path, deliveries } = stage;
    await using receiver = startReceiver();
    await webhook(receiver.url);
    await ask(202, "POST", "/v1/events/batch", { events: Array(100).fill(event()) });
    await deliveries(100, ({ status }) => status === "delivered");
    await ask(202, "POST", "/v1/events", event());
    const list = (query: string) => ask<PageJson<DeliveryJson>>(200, "GET", path(`/deliveries${query}`));
    const [page, one, full] = [await list(""), await list("?limit=1"), await list("?limit=100")];
    assertEquals([page.data.length, one.data.length, full.data.length], [50, 1, 100]);
    const ids = full.data.map(({ id }) => id);
    assertEquals(ids, ids.toSorted().toReversed());
    assertEquals(page.data.map(({ id }) => id), ids.slice(0, 50));
    const last = await list(`?limit=100&cursor=${full.next_cursor}`);
    assertEquals([last.data.length, last.next_cursor], [1, null]);
  },
  "they are filtered by webhook_id, event, status, since, and until, which is exclusive": async (stage) => {
    const { webhook, ask, event, path, deliveries } = stage;
    await using receiver = startReceiver();
    const first = await webhook(receiver.url);
    await webhook(receiver.url, { events: ["visitor_drop"] });
    await ask(202, "POST", "/v1/events", event());
    await ask(202, "POST", "/v1/events", event({ event: "visitor_drop", data: { current_visitors: 0 } }));
    const [drop, goal] = await deliveries(2, ({ status }) => status === "delivered");
    assert(drop !== undefined && goal !== undefined);
    const table: [query: string, found: DeliveryJson[]][] = [
      [`webhook_id=${first.id}`, [goal]],
      ["event=visitor_drop", [drop]],
      ["event=custom_event", []],
      ["status=delivered", [drop, goal]],
      ...["pending", "exhausted", "cancelled", "blocked"].map((
        status,
      ): [string, DeliveryJson[]] => [`status=${status}`, []]),
      [`since=${drop.created_at}`, drop.created_at === goal.created_at ? [drop, goal] : [drop]],
      [`until=${goal.created_at}`, []],
    ];
    for (const [query, found] of table) {
      const { data } = await ask<PageJson<DeliveryJson>>(200, "GET", path(`/deliveries?${query}`));
      assertEquals(data.map(({ id }) => id), found.map(({ id }) => id), query);
    }
    for (const query of ["status=lost", "event=rain", "cursor=evt_1"]) {
      const at = [`/${query.split("=")[0]}`];
      assertEquals(await stage.refused("validation_failed", "GET", path(`/deliveries?${query}`)), at);
    }
  },
  "next_attempt_at is null while an attempt is under way": async (stage) => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using receiver = startReceiver({ respond: () => released.then(() => new Response()) });
    await stage.webhook(receiver.url);
    await stage.ask(202, "POST", "/v1/events", stage.event());
    await within(receiver.received(1), "the request");
    assertLike(await stage.delivery(() => true), {
      ...DELIVERED,
      status: "pending",
      attempts_total: 0,
      attempts: [],
    });
    release();
    await stage.delivery(({ status }) => status === "delivered");
  },
  "attempts keeps the first and the last 19; each redelivery is one more": async (stage) => {
    await using receiver = startReceiver({ respond: 500 });
    let delivery = await outcome(stage, receiver.url);
    for (let total = 2; total <= 22; total++) {
      await redeliver(stage, delivery);
      delivery = await stage.delivery(({ attempts_total }) => attempts_total === total);
    }
    const kept = [1, ...Array.from({ length: 19 }, (_, index) => index + 4)];
    assertEquals(delivery.attempts.map(({ number }) => number), kept);
    assertEquals(delivery.attempts.slice(1).every(({ trigger }) => trigger === "manual"), true);
    receiver.respond(200);
    await redeliver(stage, delivery);
    await stage.delivery(({ status, attempts_total }) => status === "delivered" && attempts_total === 23);
    receiver.respond(500);
    await redeliver(stage, delivery);
    const after = await stage.delivery(({ attempts_total }) => attempts_total === 24);
    assertEquals([after.status, after.attempts.at(-1)?.outcome], ["delivered", "failed"]);
  },
  "a webhook that is not active takes no redelivery; one that is deleted leaves its deliveries readable":
    async (stage) => {
      const { ask, path, refused } = stage;
      await using receiver = startReceiver();
      const delivery = await outcome(stage, receiver.url);
      const webhook = path(`/webhooks/${delivery.webhook_id}`);
      const again = path(`/deliveries/${delivery.id}/redeliver`);
      await ask(200, "PATCH", webhook, { enabled: false });
      await refused("webhook_not_active", "POST", again);
      await ask(204, "DELETE", webhook);
      await refused("webhook_not_active", "POST", again);
      assertEquals(
        (await ask<DeliveryJson>(200, "GET", path(`/deliveries/${delivery.id}`))).status,
        "delivered",
      );
    },
});

section("what comes of an attempt", {
  "2xx is delivered; any other answer is tried again, and without a retry left the delivery is exhausted":
    async (stage) => {
      await using receiver = startReceiver();
      const { id } = await stage.webhook(receiver.url, { max_retries: 1 });
      const table: [statuses: number[], status: string, outcomes: string[]][] = [
        [[204], "delivered", ["delivered"]],
        [[299], "delivered", ["delivered"]],
        [[500, 200], "delivered", ["retry", "delivered"]],
        [[500, 500], "exhausted", ["retry", "failed"]],
      ];
      for (const [statuses, status, outcomes] of table) {
        receiver.respond(statuses);
        const { id: event_id } = await stage.ask<{ id: string }>(202, "POST", "/v1/events", stage.event());
        const delivery = await until(async () => {
          const all = await stage.service.deliveries(`?webhook_id=${id}`, stage.site_id);
          return all.find((one) => one.event_id === event_id && one.status === status);
        }, `${statuses} is ${status}`);
        assertEquals(
          delivery.attempts.map((one) => [one.status_code, one.outcome, one.error]),
          statuses.map((code, index) => [code, outcomes[index], null]),
        );
      }
    },
  "what went wrong without a status: connect, reset, protocol, redirect, timeout": async (stage) => {
    await using redirecting = startReceiver({
      respond: new Response(null, { status: 302, headers: { Location: NOBODY } }),
    });
    await using silent = startRawReceiver((connection) => connection.closed());
    await using closing = startRawReceiver(async (connection) => void await connection.readRequest());
    await using other = startRawReceiver(async (connection) => {
      await connection.readRequest();
      await connection.write("SSH-2.0-hello\r\n");
    });
    const table = {
      connect: NOBODY,
      reset: closing.url,
      protocol: other.url,
      redirect: redirecting.url,
      timeout: silent.url,
    };
    for (const url of Object.values(table)) await stage.webhook(url, { max_retries: 0, timeout_ms: 1000 });
    await stage.ask(202, "POST", "/v1/events", stage.event());
    const all = await stage.deliveries(5, ({ status }) => status === "exhausted");
    const errors = all.map(({ attempts }) => attempts[0]?.error ?? "none");
    assertEquals(errors.toSorted(), Object.keys(table).toSorted());
  },
  "response_body is the first 1,024 bytes as text, personal data replaced": async (stage) => {
    const table: [body: string, kept: string][] = [
      ["x".repeat(1024), "x".repeat(1024)],
      ["x".repeat(1025), "x".repeat(1024)],
      ["é".repeat(600), "é".repeat(512)],
      ["no jane@example.org here", "no [removed] here"],
    ];
    await using receiver = startReceiver({ respond: table.map(([body]) => new Response(body)) });
    await stage.webhook(receiver.url);
    for (const [index, [, kept]] of table.entries()) {
      await stage.ask(202, "POST", "/v1/events", stage.event());
      const [newest] = await stage.deliveries(index + 1, ({ status }) => status === "delivered");
      assertEquals(newest?.attempts[0]?.response_body, kept);
    }
  },
  "a 2xx longer than 64 KiB is delivered, one that outlasts the deadline is a timeout": async (stage) => {
    await using long = startReceiver({ respond: () => new Response("x".repeat(10 * 1024 * 1024)) });
    assertEquals((await outcome(stage, long.url)).attempts[0]?.outcome, "delivered");
    await using dripping = startRawReceiver(async (connection) => {
      await connection.readRequest();
      await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
      await connection.closed();
    });
    await stage.webhook(dripping.url, { max_retries: 0, timeout_ms: 1000 });
    await stage.ask(202, "POST", "/v1/events", stage.event());
    const all = await stage.deliveries(3, ({ status }) => status !== "pending");
    assertEquals(all.filter(({ attempts }) => attempts[0]?.error === "timeout").length, 1);
  },
});

section("what waits", {
  "a pending delivery says when it is tried again; a redelivery keeps its schedule, success ends it": async (
    stage,
  ) => {
    await using receiver = startReceiver({ respond: 500 });
    await stage.webhook(receiver.url);
    await stage.ask(202, "POST", "/v1/events", stage.event());
    const waiting = await stage.delivery(({ next_attempt_at }) => next_attempt_at !== null);
    assertEquals([waiting.status, waiting.attempts[0]?.outcome], ["pending", "retry"]);
    const wait_ms = Date.parse(waiting.next_attempt_at ?? "") - Date.parse(waiting.attempts[0]?.at ?? "");
    assert(wait_ms >= 0.8 * HOUR_MS && wait_ms <= 1.3 * HOUR_MS, `${wait_ms} ms`);
    await redeliver(stage, waiting);
    const failed = await stage.delivery((one) => one.attempts_total === 2 && one.next_attempt_at !== null);
    assertEquals([failed.status, failed.next_attempt_at], ["pending", waiting.next_attempt_at]);
    receiver.respond(200);
    await redeliver(stage, waiting);
    const done = await stage.delivery((one) => one.attempts_total === 3);
    assertEquals([done.status, done.next_attempt_at], ["delivered", null]);
  },
  "what waits reads cancelled as soon as its webhook is disabled or deleted; only recover revives it": async (
    stage,
  ) => {
    const { ask, path } = stage;
    await using receiver = startReceiver({ respond: 500 });
    const { id } = await stage.webhook(receiver.url);
    await ask(202, "POST", "/v1/events", stage.event());
    await stage.delivery(({ next_attempt_at }) => next_attempt_at !== null);
    const now = () =>
      stage.delivery(() => true).then(({ status, next_attempt_at }) => [status, next_attempt_at]);
    await ask(200, "PATCH", path(`/webhooks/${id}`), { enabled: false });
    assertEquals(await now(), ["cancelled", null]);
    await ask(200, "PATCH", path(`/webhooks/${id}`), { enabled: true });
    assertEquals(await now(), ["cancelled", null]);
    await ask(202, "POST", path(`/webhooks/${id}/recover`), { since: "2020-01-01T00:00:00Z" });
    await stage.delivery(({ status, next_attempt_at }) => status === "pending" && next_attempt_at !== null);
    await ask(204, "DELETE", path(`/webhooks/${id}`));
    assertEquals(await now(), ["cancelled", null]);
  },
  "Retry-After is never shortened, and capped at 24 h": async (stage) => {
    await using receiver = startReceiver({
      respond: new Response(null, { status: 503, headers: { "Retry-After": "90000" } }),
    });
    await stage.webhook(receiver.url);
    await stage.ask(202, "POST", "/v1/events", stage.event());
    const { attempts, next_attempt_at } = await stage.delivery((one) => one.next_attempt_at !== null);
    const wait_ms = Date.parse(next_attempt_at ?? "") - Date.parse(attempts[0]?.at ?? "");
    assert(wait_ms >= 24 * HOUR_MS, `${wait_ms} ms`);
    assert(wait_ms <= 24 * HOUR_MS * 1.2 + HOUR_MS, `${wait_ms} ms`);
  },
}, { TIDINGS_RETRY_BASE_MS: String(HOUR_MS) });
