/**
 * "Sites and webhooks" of the contract: what is done with a webhook, its status, and which answers it gives.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type CreatedWebhook, type DeliveryJson, until, type WebhookJson, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { assertLike, FORM, NOBODY, section, type Stage } from "./section.ts";

const HOUR_MS = 3_600_000;
/** The service's clock may be a rounding behind this one. */
const ROUNDING_MS = 50;

interface Tried extends DeliveryJson {
  readonly payload: Record<string, unknown>;
  readonly remedy: string | null;
}

/** Everything of a site's time. */
const ALL = { since: "2020-01-01T00:00:00Z" };

async function assertNow({ ask, path }: Stage, id: string, expected: Readonly<Record<string, unknown>>) {
  const webhook = await ask<Record<string, unknown>>(200, "GET", path(`/webhooks/${id}`));
  for (const [name, value] of Object.entries(expected)) assertEquals(webhook[name], value, name);
}

section("what is done with a webhook", {
  "creation answers 201 with Location, ETag, secret and standard_secret; the secrets only here": async (
    stage,
  ) => {
    const { call, path, ask } = stage;
    const body = { url: NOBODY, events: ["goal_completion"] };
    const { status, headers, json } = await call<CreatedWebhook>("POST", path("/webhooks"), body);
    assertEquals([status, headers.get("Location")], [201, path(`/webhooks/${json.id}`)]);
    assertMatch(headers.get("ETag") ?? "", /^"\S+"$/);
    assertEquals(json.standard_secret, json.secret);
    const shown = await ask<Record<string, unknown>>(200, "GET", headers.get("Location") ?? "");
    assertEquals(["secret" in shown, "standard_secret" in shown], [false, false]);
  },
  "a merge patch: null resets an optional field, arrays replace, objects merge": async (
    { webhook, ask, path, refused },
  ) => {
    const given = {
      name: "Sales",
      filters: { goals: ["a", "b"], custom_events: ["c"], visitor_spike: { threshold: 99, readings: 3 } },
      headers: { "X-A": "1", "X-B": "2" },
      max_retries: 7,
      timeout_ms: 2000,
      rate_limit_per_minute: 60,
      enabled: false,
    };
    const { id } = await webhook(NOBODY, given);
    const patch = <Answer>(body: unknown) => ask<Answer>(200, "PATCH", path(`/webhooks/${id}`), body);
    const changed = await patch<CreatedWebhook & { filters: Record<string, unknown> }>({
      filters: { goals: ["z"], visitor_spike: { readings: null } },
      headers: { "X-B": null },
      events: ["custom_event"],
    });
    assertEquals([changed.filters["goals"], changed.filters["custom_events"]], [["z"], ["c"]]);
    const spike = { threshold: 99, percent_over_baseline: null, readings: 1, cooldown_hours: 12 };
    assertEquals(changed.filters["visitor_spike"], spike);
    assertEquals([changed.headers, changed.events], [{ "X-A": "********" }, ["custom_event"]]);
    const optional = [
      "name",
      "format",
      "filters",
      "headers",
      "enabled",
      "max_retries",
      "timeout_ms",
      "rate_limit_per_minute",
    ];
    const reset = await patch<Record<string, unknown>>(
      Object.fromEntries(optional.map((name) => [name, null])),
    );
    const fresh = await webhook();
    for (const name of optional) assertEquals(reset[name], Reflect.get(fresh, name), name);
    for (const name of ["url", "events"]) {
      assertEquals(await refused("validation_failed", "PATCH", path(`/webhooks/${id}`), { [name]: null }), [
        `/${name}`,
      ]);
    }
    assertEquals(await refused("validation_failed", "PATCH", path(`/webhooks/${id}`), { colour: "red" }), [
      "/colour",
    ]);
  },
  "a patch is application/json or application/merge-patch+json": async ({ webhook, call, path }) => {
    const { id } = await webhook();
    const table = {
      "application/json": 200,
      "application/merge-patch+json": 200,
      "text/plain": 415,
      "application/json-patch+json": 415,
    };
    for (const [type, expected] of Object.entries(table)) {
      const { status } = await call("PATCH", path(`/webhooks/${id}`), { name: type }, {
        headers: { "Content-Type": type },
      });
      assertEquals(status, expected, type);
    }
  },
  "an ETag names what was seen, and If-Match changes only that": async ({ webhook, call, path, refused }) => {
    const { id } = await webhook();
    const one = path(`/webhooks/${id}`);
    const seen = (await call("GET", one)).headers.get("ETag") ?? "";
    const matching = { headers: { "If-Match": seen } };
    const changed = await call("PATCH", one, { name: "x" }, matching);
    assertEquals(changed.status, 200);
    assertNotEquals(changed.headers.get("ETag"), seen);
    await refused("precondition_failed", "PATCH", one, { name: "y" }, matching);
    await refused("precondition_failed", "POST", `${one}/rotate-secret`, {}, matching);
    await refused("precondition_failed", "DELETE", one, undefined, matching);
    const now = changed.headers.get("ETag") ?? "";
    assertEquals((await call("DELETE", one, undefined, { headers: { "If-Match": now } })).status, 204);
  },
  "a deleted webhook is gone": async ({ webhook, call, path, refused, ask }) => {
    const { id } = await webhook();
    const { status, text } = await call("DELETE", path(`/webhooks/${id}`));
    assertEquals([status, text], [204, ""]);
    await refused("not_found", "GET", path(`/webhooks/${id}`));
    await refused("not_found", "DELETE", path(`/webhooks/${id}`));
    assertEquals(await ask<unknown>(200, "GET", path("/webhooks")), { data: [] });
  },
  "a rotation answers the webhook and both secrets; the one before ends after overlap_hours, 24 by default":
    async (stage) => {
      const { webhook, ask, path, refused } = stage;
      const { id, secret: _secret, standard_secret: _standard, ...shown } = await webhook();
      const rotate = path(`/webhooks/${id}/rotate-secret`);
      const table: [body: unknown, overlap_hours: number | null][] = [
        [undefined, 24],
        [{}, 24],
        [{ overlap_hours: 168 }, 168],
        [{ overlap_hours: 0.5 }, 0.5],
        [{ overlap_hours: 0 }, null],
      ];
      for (const [body, overlap_hours] of table) {
        const before_ms = Date.now();
        const fresh = await ask<CreatedWebhook>(200, "POST", rotate, body);
        assertMatch(fresh.secret, FORM.secret);
        assertEquals(
          Object.keys(fresh).toSorted(),
          ["id", ...Object.keys(shown), "secret", "standard_secret"].toSorted(),
        );
        if (overlap_hours === null) {
          assertEquals(fresh.previous_secret_expires_at, null);
          continue;
        }
        const overlap_ms = Date.parse(fresh.previous_secret_expires_at ?? "") - before_ms;
        assert(overlap_ms >= overlap_hours * HOUR_MS - ROUNDING_MS, `${overlap_ms} ms`);
        assert(
          overlap_ms <= overlap_hours * HOUR_MS + (Date.now() - before_ms) + ROUNDING_MS,
          `${overlap_ms} ms`,
        );
      }
      for (const overlap_hours of [-0.1, 168.1]) {
        assertEquals(await refused("validation_failed", "POST", rotate, { overlap_hours }), [
          "/overlap_hours",
        ]);
      }
      assertEquals(await refused("validation_failed", "POST", rotate, { secret: "s".repeat(23) }), [
        "/secret",
      ]);
      assertEquals(await refused("validation_failed", "POST", rotate, { hours: 1 }), ["/hours"]);
      const own = "s".repeat(24);
      assertEquals((await ask<CreatedWebhook>(200, "POST", rotate, { secret: own })).secret, own);
    },
  "explain says who would be told and why not; nothing is stored or sent": async (stage) => {
    const { webhook, ask, path, event } = stage;
    await using receiver = startReceiver();
    const told = await webhook(receiver.url);
    const other = await webhook(receiver.url, { events: ["visitor_drop"] });
    assertLike(await ask(200, "POST", path("/explain"), event()), {
      decisions: [
        { webhook_id: told.id, name: told.name, told: true, reason: null },
        { webhook_id: other.id, name: other.name, told: false, reason: "not_subscribed" },
      ],
    });
    assertEquals(await ask<unknown>(200, "GET", path("/events")), { data: [], next_cursor: null });
    assertEquals(receiver.requests.length, 0);
  },
});

section("a webhook is tried out, paused and recovered", {
  "a test without an event is `test` with a message, with one that type's published example": async (
    stage,
  ) => {
    const { webhook, ask, path, refused } = stage;
    await using receiver = startReceiver();
    const { id } = await webhook(receiver.url, { events: ["visitor_drop"] });
    const types = await ask<{ data: { name: string; example: unknown }[] }>(200, "GET", "/v1/event-types");
    const cases: [body: unknown, event: string, data: unknown][] = [
      [undefined, "test", undefined],
      ...types.data.map(({ name, example }): [unknown, string, unknown] => [{ event: name }, name, example]),
    ];
    for (const [index, [body, event, data]] of cases.entries()) {
      const tried = await ask<Tried>(200, "POST", path(`/webhooks/${id}/test`), body);
      const { headers, text } = await receiver.received(index + 1);
      assertEquals([headers.get("X-Webhook-Test"), headers.get("X-Webhook-Event")], ["true", event]);
      const sent = JSON.parse(text);
      assertEquals([sent.event, tried.event, tried.status, tried.remedy], [event, event, "delivered", null]);
      if (data === undefined) assertLike(sent.data, { message: FORM.text });
      else assertEquals(sent.data, data);
      assertEquals(tried.attempts.map(({ trigger, outcome }) => [trigger, outcome]), [["test", "delivered"]]);
    }
    assertEquals(await refused("validation_failed", "POST", path(`/webhooks/${id}/test`), { event: "x" }), [
      "/event",
    ]);
    const listed = await ask<{ data: DeliveryJson[] }>(200, "GET", path("/deliveries"));
    assertEquals(listed.data.map(({ attempts }) => attempts[0]?.trigger), cases.map(() => "test"));
  },
  "a test works while disabled, is never retried, changes no health, and names the likely remedy": async (
    stage,
  ) => {
    const { webhook, ask, path } = stage;
    await using receiver = startReceiver({ respond: 500 });
    const { id, health } = await webhook(receiver.url, { enabled: false, filters: { goals: ["None"] } });
    const tried = await ask<Tried>(200, "POST", path(`/webhooks/${id}/test`));
    assertEquals([tried.status, tried.next_attempt_at, tried.attempts_total], ["exhausted", null, 1]);
    assertMatch(tried.remedy ?? "", FORM.text);
    await assertNow(stage, id, { health, status: "disabled" });
    receiver.respond(410);
    assertEquals((await ask<Tried>(200, "POST", path(`/webhooks/${id}/test`))).attempts[0]?.outcome, "gone");
    await assertNow(stage, id, { health, status: "disabled", status_reason: null });
  },
  "disabled by the owner; enabled again it is active": async (stage) => {
    const { webhook, ask, path, event } = stage;
    const { id } = await webhook();
    const patch = (enabled: boolean) => ask<WebhookJson>(200, "PATCH", path(`/webhooks/${id}`), { enabled });
    const disabled = await patch(false);
    assertEquals([disabled.status, disabled.enabled, disabled.status_reason], ["disabled", false, null]);
    const { skipped } = await ask<{ skipped: unknown }>(202, "POST", "/v1/events", event());
    assertEquals(skipped, [{ webhook_id: id, reason: "disabled" }]);
    assertEquals((await patch(true)).status, "active");
  },
  "paused after a 410 with a reason; enabled again it is active and its failures are cleared": async (
    stage,
  ) => {
    const { webhook, ask, path, event, delivery } = stage;
    await using receiver = startReceiver({ respond: 410 });
    const { id } = await webhook(receiver.url);
    await ask(202, "POST", "/v1/events", event());
    const gone = await delivery(({ attempts_total }) => attempts_total === 1);
    assertEquals([gone.status, gone.attempts[0]?.outcome], ["exhausted", "gone"]);
    const paused = await until(async () => {
      const now = await ask<WebhookJson>(200, "GET", path(`/webhooks/${id}`));
      return now.status === "paused" ? now : null;
    }, "the webhook is paused");
    assertEquals([paused.status, paused.enabled, paused.health.consecutive_failures], ["paused", false, 1]);
    assertMatch(paused.status_reason ?? "", /410/);
    const { skipped } = await ask<{ skipped: unknown }>(202, "POST", "/v1/events", event());
    assertEquals(skipped, [{ webhook_id: id, reason: "paused" }]);
    const active = await ask<WebhookJson>(200, "PATCH", path(`/webhooks/${id}`), { enabled: true });
    assertEquals([active.status, active.status_reason, active.health.consecutive_failures], [
      "active",
      null,
      0,
    ]);
    const audit = await ask<{ data: { action: string; actor: string; subject: string }[] }>(
      200,
      "GET",
      "/v1/audit",
    );
    const told = audit.data.filter(({ subject }) => subject === id).map(({ action, actor }) =>
      `${action} ${actor}`
    );
    assertEquals(told, [
      "webhook.resumed environment",
      "webhook.paused tidings",
      "webhook.created environment",
    ]);
    assert(
      stage.service.lines.some((line) => line.includes('"webhook.paused"') && line.includes(id)),
      "it is logged",
    );
  },
  "a pause is told to the site's other webhooks that take error_condition": async (stage) => {
    const { webhook, ask, event } = stage;
    await using gone = startReceiver({ respond: 410 });
    await using other = startReceiver();
    const { id } = await webhook(gone.url, { events: ["goal_completion", "error_condition"] });
    await webhook(other.url, { events: ["error_condition"] });
    await ask(202, "POST", "/v1/events", event());
    const { text } = await within(other.received(1), "the event of the pause");
    const told = JSON.parse(text);
    assertEquals([told.event, told.site_id, told.data.error_type], [
      "error_condition",
      stage.site_id,
      "webhook_paused",
    ]);
    assert(text.includes(id), "it says which");
    assertEquals(gone.requests.length, 1, "the paused one is not told");
  },
  "recover revives what ended without success, and sends what was skipped while it was not active": async (
    stage,
  ) => {
    const { webhook, ask, path, event, deliveries } = stage;
    await using receiver = startReceiver({ respond: 500 });
    const { id } = await webhook(receiver.url, { max_retries: 0 });
    const are = (status: string) => ({ status: now, next_attempt_at }: DeliveryJson) =>
      now === status && next_attempt_at === null;
    await ask(202, "POST", "/v1/events", event());
    await deliveries(1, are("exhausted"));
    receiver.respond(200);
    await ask(200, "PATCH", path(`/webhooks/${id}`), { enabled: false });
    await ask(202, "POST", "/v1/events", event());
    const recover = path(`/webhooks/${id}/recover`);
    assertEquals(await stage.refused("webhook_not_active", "POST", recover, ALL), []);
    await ask(200, "PATCH", path(`/webhooks/${id}`), { enabled: true });
    const over = { ...ALL, until: "2020-01-02T00:00:00Z" };
    assertEquals(await ask<unknown>(202, "POST", recover, over), { recovered: 0, next_since: null });
    assertEquals(await ask<unknown>(202, "POST", recover, ALL), { recovered: 2, next_since: null });
    const all = await deliveries(2, are("delivered"));
    assertEquals(all.map(({ attempts }) => attempts.at(-1)?.trigger), ["recover", "recover"]);
    assertEquals(await ask<unknown>(202, "POST", recover, ALL), { recovered: 0, next_since: null });
    for (
      const [body, pointer] of [[{}, "/since"], [{ since: "x" }, "/since"], [
        { ...ALL, more: 1 },
        "/more",
      ]] as const
    ) {
      assertEquals(await stage.refused("validation_failed", "POST", recover, body), [pointer]);
    }
  },
});
