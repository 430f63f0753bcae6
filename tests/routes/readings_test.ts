/**
 * Readings and posted alerts over HTTP: who is told, what a receiver gets, and that nobody is told twice, whatever comes at
 * once.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { sitePath, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, startTestService, temporaryFile, type TestService } from "../helpers/service.ts";

interface TakenJson {
  readonly triggered: { webhook_id: string; event: string; event_id: string }[];
  readonly skipped: { webhook_id: string; event: string; reason: string }[];
}

interface AlertsJson {
  readonly spike: { last_triggered_at: string | null; silent_until: string | null };
  readonly drop: { last_triggered_at: string | null; silent_until: string | null };
}

const ALERTS = { events: ["visitor_spike", "visitor_drop"] };

async function read(service: Pick<TestService, "call">, body: unknown): Promise<TakenJson> {
  const answer = await service.call<TakenJson>("POST", sitePath("/readings"), body);
  assertEquals(answer.status, 202, answer.text);
  return answer.json;
}

function spike(timestamp: string, current_visitors = 50): unknown {
  return { event: "visitor_spike", site_id: "example.com", timestamp, data: { current_visitors } };
}

Deno.test("a reading becomes one event for all webhooks it concerns, and says why the others are not told", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const one = await service.webhook(receiver.url, ALERTS);
  const two = await service.webhook(receiver.url, ALERTS);
  const high = await service.webhook(receiver.url, {
    ...ALERTS,
    filters: { visitor_spike: { threshold: 1000 } },
  });
  const other = await service.webhook(receiver.url, { events: ["goal_completion"] });
  const at = new Date(Date.now() - 60_000).toISOString();
  const { triggered, skipped } = await read(service, {
    current_visitors: 123,
    visitors_12h: 900,
    at,
    top_pages: [{ page: "/a?x=1", visitors: 3 }],
  });
  assertEquals(triggered.map(({ webhook_id, event }) => [webhook_id, event]), [
    [one.id, "visitor_spike"],
    [two.id, "visitor_spike"],
  ]);
  assertEquals(new Set(triggered.map(({ event_id }) => event_id)).size, 1);
  assertEquals(skipped, [
    { webhook_id: high.id, event: "visitor_spike", reason: "below_threshold" },
    { webhook_id: other.id, event: "visitor_spike", reason: "not_subscribed" },
    { webhook_id: one.id, event: "visitor_drop", reason: "below_threshold" },
    { webhook_id: two.id, event: "visitor_drop", reason: "below_threshold" },
    { webhook_id: high.id, event: "visitor_drop", reason: "below_threshold" },
    { webhook_id: other.id, event: "visitor_drop", reason: "not_subscribed" },
  ]);
  await within(receiver.received(2), "the spike at both");
  const expected = {
    event: "visitor_spike",
    site_id: "example.com",
    timestamp: at,
    data: { current_visitors: 123, threshold: 10, top_pages: [{ page: "/a", visitors: 3 }] },
  };
  for (const { text } of receiver.requests) assertEquals(JSON.parse(text), expected);

  const shown = await service.call<AlertsJson>("GET", sitePath(`/webhooks/${one.id}`));
  const until = new Date(Date.parse(at) + 12 * 3_600_000).toISOString();
  assertEquals([shown.json.spike, shown.json.drop], [
    { last_triggered_at: at, silent_until: until },
    { last_triggered_at: null, silent_until: null },
  ]);
  const page = await service.call<{ data: { event: string; queued: number; skipped: number }[] }>(
    "GET",
    sitePath("/events"),
  );
  assertEquals(page.json.data.map(({ event, queued, skipped }) => [event, queued, skipped]), [
    ["visitor_spike", 2, 2],
  ]);
});

Deno.test("a posted spike passes threshold and cooldown of each webhook, by its own time", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook("http://127.0.0.1:9/", ALERTS);
  const start = Date.now() - 20 * 3_600_000;
  const post = async (after_s: number, visitors?: number): Promise<string | undefined> => {
    const timestamp = new Date(start + after_s * 1000).toISOString();
    const answer = await service.call<{ queued: number; skipped: { reason: string }[] }>(
      "POST",
      "/v1/events",
      spike(timestamp, visitors),
    );
    assertEquals(answer.status, 202, answer.text);
    return answer.json.queued === 1 ? "told" : answer.json.skipped[0]?.reason;
  };
  assertEquals(await post(0, 9), "below_threshold");
  assertEquals(await post(1), "told");
  assertEquals(await post(2), "cooldown");
  assertEquals(await post(1 + 12 * 3600 - 1), "cooldown");
  const explained = await service.call<{ decisions: { reason: string | null }[] }>(
    "POST",
    sitePath("/explain"),
    spike(new Date(start + 1000 * (1 + 12 * 3600)).toISOString()),
  );
  assertEquals(explained.json.decisions.map(({ reason }) => reason), [null], "explaining begins no silence");
  assertEquals(await post(1 + 12 * 3600), "told");
  const reading = await read(service, {
    current_visitors: 50,
    at: new Date(start + 1000 * (2 + 12 * 3600)).toISOString(),
  });
  assertEquals(reading.skipped.map(({ webhook_id, reason }) => [webhook_id, reason]), [[id, "cooldown"]]);
});

Deno.test("an alert posted twice under one key is told once, and answered as the first time", async () => {
  await using service = await startTestService();
  await service.webhook("http://127.0.0.1:9/", ALERTS);
  const headers = { "Idempotency-Key": "spike-1" };
  const body = spike(new Date().toISOString());
  const first = await service.call<{ id: string; queued: number }>("POST", "/v1/events", body, { headers });
  const again = await service.call<{ id: string; queued: number }>("POST", "/v1/events", body, { headers });
  assertEquals([first.status, again.status], [202, 200]);
  assertEquals([again.json.id, again.json.queued], [first.json.id, 1]);
});

Deno.test("of many readings and alerts at once exactly one tells each webhook, in two processes on one file", async () => {
  await using file = await temporaryFile();
  const env = { TIDINGS_LOG: "warn" };
  await using one = await startProcess({ kv: file.path, env });
  await using other = await startProcess({ kv: file.path, env });
  await using receiver = startReceiver();
  await one.webhook(receiver.url, ALERTS);
  await one.webhook(receiver.url, ALERTS);
  const now = Date.now();
  const answers = await Promise.all(Array.from({ length: 60 }, async (_, n): Promise<number> => {
    const service = n % 2 === 0 ? one : other;
    const at = new Date(now + n).toISOString();
    if (n % 3 !== 0) return (await read(service, { current_visitors: 50, at })).triggered.length;
    const { status, json, text } = await service.call<{ queued: number }>("POST", "/v1/events", spike(at));
    assertEquals(status, 202, text);
    return json.queued;
  }));
  assertEquals(answers.reduce((sum, count) => sum + count, 0), 2);
  await within(receiver.received(2), "the spike at both");
  const ids = receiver.requests.map(({ headers }) => headers.get("webhook-id"));
  assertEquals(new Set(ids).size, 1);
});

Deno.test("a kill right after the answer neither repeats nor swallows an alert", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  const at = Date.now();
  {
    await using service = await startProcess({ kv: file.path });
    await service.webhook(receiver.url, ALERTS);
    const { triggered } = await read(service, { current_visitors: 50, at: new Date(at).toISOString() });
    assertEquals(triggered.length, 1);
    service.kill("SIGKILL");
    await service.ended;
  }
  await using service = await startProcess({ kv: file.path });
  const { skipped } = await read(service, { current_visitors: 50, at: new Date(at + 1).toISOString() });
  assertEquals(skipped.map(({ reason }) => reason), ["cooldown"]);
  await within(receiver.received(1), "the spike");
});

Deno.test("a site without webhooks does not begin to exist by being read, and a deleted site's memory is gone", async () => {
  await using service = await startTestService();
  const nothing = await read(service, { current_visitors: 50 });
  assertEquals(nothing, { triggered: [], skipped: [] });
  const sites = await service.call<{ data: unknown[] }>("GET", "/v1/sites");
  assertEquals(sites.json.data, []);
  await service.webhook("http://127.0.0.1:9/", ALERTS);
  assertEquals((await read(service, { current_visitors: 50 })).triggered.length, 1);
  assertEquals((await service.call("DELETE", "/v1/sites/example.com")).status, 204);
  await service.webhook("http://127.0.0.1:9/", ALERTS);
  const at = new Date(Date.now() - 3_600_000).toISOString();
  const fresh = await read(service, { current_visitors: 50, at });
  assertEquals(fresh.triggered.length, 1, "an older reading than the deleted site's last");
});

Deno.test("a reading that is refused names its field and is not remembered", async () => {
  await using service = await startTestService();
  await service.webhook("http://127.0.0.1:9/", ALERTS);
  const future = new Date(Date.now() + 25 * 3_600_000).toISOString();
  for (
    const [body, path] of [
      [{ current_visitors: 50, at: future }, "/at"],
      [{ current_visitors: "50" }, "/current_visitors"],
      [
        { current_visitors: 50, top_pages: [{ page: "/u/jane@example.com", visitors: 1 }] },
        "/top_pages/0/page",
      ],
    ] as const
  ) {
    const answer = await service.call("POST", sitePath("/readings"), body);
    assertEquals([answer.status, answer.json.errors?.[0]?.path], [422, path]);
    assert(!answer.text.includes("jane"));
  }
  assertEquals((await read(service, { current_visitors: 50 })).triggered.length, 1);
});
