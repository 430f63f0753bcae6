/**
 * The client against a real service, and against servers that answer as a busy one or another one would.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Tidings, TidingsError, type TidingsOptions } from "../../client/tidings.ts";
import { ADMIN_KEY, SITE, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

const EVENT = {
  event: "goal_completion",
  site_id: SITE,
  timestamp: "2026-02-25T12:00:00Z",
  data: { goal_name: "Signup", visitor_count: 1 },
} as const;

/** A client that waits for nothing and says how long it would have. */
class Hasty extends Tidings {
  readonly waits: number[] = [];
  protected override wait(ms: number): Promise<void> {
    this.waits.push(ms);
    return Promise.resolve();
  }
}

interface Seen {
  readonly key: string | null;
}

/** A client of something that gives these answers one after the other, and the last one for ever. */
function clientOf(answers: readonly (Response | Error)[], options: Partial<TidingsOptions> = {}) {
  const seen: Seen[] = [];
  const send = async (...[input, init]: Parameters<typeof fetch>): Promise<Response> => {
    const { headers } = new Request(input, init);
    seen.push({ key: headers.get("Idempotency-Key") });
    const answer = answers[Math.min(seen.length, answers.length) - 1];
    if (answer instanceof Response) return await Promise.resolve(answer.clone());
    throw answer;
  };
  return { client: new Hasty({ url: "http://127.0.0.1:9/", key: "tdk_a_b", fetch: send, ...options }), seen };
}

function refusal(status: number, code: string, headers: Record<string, string> = {}): Response {
  const problem = { type: `urn:tidings:error:${code}`, title: "No", status, code, request_id: "r" };
  return new Response(JSON.stringify(problem), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

const accepted = () => Response.json({ id: "evt_1", queued: 0, skipped: [] }, { status: 202 });

Deno.test("the client creates, posts, lists, changes and deletes against the service itself", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const client = new Tidings({ url: service.url, key: ADMIN_KEY });
  const webhook = await client.createWebhook(SITE, { url: receiver.url, events: ["goal_completion"] });
  for (const idempotency_key of ["a", "b", "c"]) await client.postEvent(EVENT, { idempotency_key });
  const again = await client.postEvent(EVENT, { idempotency_key: "a" });
  assert("duplicate" in again);
  await receiver.received(3);
  const ids = await Array.fromAsync(client.iterateDeliveries(SITE, { limit: 1 }), ({ id }) => id);
  assertEquals(new Set(ids).size, 3);
  let etag = "";
  const on_headers = (headers: Headers): void => void (etag = headers.get("ETag") ?? "");
  await client.getWebhook(SITE, webhook.id, { on_headers });
  const changed = await client.changeWebhook(SITE, webhook.id, { name: "Other" }, { if_match: etag });
  assertEquals(changed.name, "Other");
  const late = await assertRejects(
    () => client.deleteWebhook(SITE, webhook.id, { if_match: etag }),
    TidingsError,
  );
  assertEquals([late.code, late.status], ["precondition_failed", 412]);
  assertEquals(await client.deleteWebhook(SITE, webhook.id), undefined);
  assertEquals((await client.listWebhooks(SITE)).data, []);
  await until(async () => (await client.listSites()).data.length === 1, "the site is listed");
});

Deno.test("an error has what the service said", async () => {
  await using service = await startTestService();
  const client = new Tidings({ url: service.url, key: ADMIN_KEY });
  const error = await assertRejects(
    () => client.createWebhook(SITE, { url: "nowhere", events: ["goal_completion"] }),
    TidingsError,
  );
  const { code, status, detail, errors, request_id } = error;
  const message = "must be an absolute http(s) URL without spaces or control characters";
  assertEquals([code, status, errors], ["validation_failed", 422, [{ path: "/url", message }]]);
  assertEquals([error.message, detail], [detail, `Cannot accept the input: /url: ${message}`]);
  assertEquals(request_id?.length, 36);
  const stranger = new Tidings({ url: service.url });
  assertEquals((await assertRejects(() => stranger.listKeys(), TidingsError)).code, "unauthorized");
});

Deno.test("a refusal for now and a broken connection are repeated, under one idempotency key, as late as was said", async () => {
  const answers = [
    refusal(429, "rate_limited", { "Retry-After": "7" }),
    refusal(503, "unavailable"),
    new TypeError("connection reset"),
    accepted(),
  ];
  const { client, seen } = clientOf(answers);
  assertEquals((await client.postEvent(EVENT)).id, "evt_1");
  assertEquals(seen.length, 4);
  assertEquals(new Set(seen.map(({ key }) => key)).size, 1);
  assertEquals(seen[0]?.key?.length, 36);
  const [first = 0, second = 0, third = 0] = client.waits;
  assert(first >= 7000 && first <= 8400, String(first));
  assert(second >= 1000 && second <= 1200, String(second));
  assert(third >= 2000 && third <= 2400, String(third));
});

Deno.test("it gives up after its retries, and at once where it is told to wait for too long", async () => {
  const busy = refusal(503, "unavailable", { "Retry-After": "1" });
  const few = clientOf([busy], { retries: 2 });
  assertEquals((await assertRejects(() => few.client.listKeys(), TidingsError)).retry_after_s, 1);
  assertEquals(few.seen.length, 3);
  const long = clientOf([refusal(503, "unavailable", { "Retry-After": "3600" })]);
  await assertRejects(() => long.client.listKeys(), TidingsError);
  assertEquals(long.seen.length, 1);
});

Deno.test("what could do harm twice is not repeated, and neither is what would be refused again", async () => {
  const busy = refusal(503, "unavailable");
  const create = clientOf([busy]);
  await assertRejects(
    () => create.client.createWebhook(SITE, { url: "https://a.example", events: ["visitor_drop"] }),
    TidingsError,
  );
  const batch = clientOf([busy]);
  await assertRejects(() => batch.client.postEvents({ events: [EVENT] }), TidingsError);
  const keyed = clientOf([busy]);
  await assertRejects(
    () => keyed.client.postEvents({ events: [{ ...EVENT, idempotency_key: "a" }] }),
    TidingsError,
  );
  const wrong = clientOf([refusal(404, "not_found")]);
  await assertRejects(() => wrong.client.getWebhook(SITE, "wh_1"), TidingsError);
  assertEquals([create, batch, keyed, wrong].map(({ seen }) => seen.length), [1, 1, 4, 1]);
});

Deno.test("a redirect and an answer of something else are errors, and the key goes nowhere", async () => {
  const moved = new Response(null, { status: 302, headers: { Location: "http://127.0.0.1:9/other" } });
  const proxy = new Response("<h1>Bad gateway</h1>", {
    status: 502,
    headers: { "Content-Type": "text/html" },
  });
  const page = new Response("<h1>Welcome</h1>", { headers: { "Content-Type": "text/html" } });
  for (const answer of [moved, proxy, page]) {
    const { client, seen } = clientOf([answer]);
    const { code, status } = await assertRejects(() => client.listKeys(), TidingsError);
    assertEquals([code, status, seen.length], ["unexpected_answer", answer.status, 1]);
  }
});

Deno.test("a call and its wait end when its signal says so", async () => {
  const busy = refusal(503, "unavailable", { "Retry-After": "50" });
  const send = () => Promise.resolve(busy.clone());
  const client = new Tidings({ url: "http://127.0.0.1:9", fetch: send });
  const started = performance.now();
  // Before it was answered, while it is, and in the wait after that.
  for (const turns of [0, 1, 5, 50]) {
    const ending = new AbortController();
    const call = client.listKeys({ signal: ending.signal });
    call.catch(() => {});
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    ending.abort(new Error("enough"));
    await assertRejects(() => call, Error, "enough");
  }
  assert(performance.now() - started < 10_000, "it does not wait for the 50 s that it was told");
  const ending = new AbortController();
  ending.abort(new Error("enough"));
  await assertRejects(() => client.listKeys({ signal: ending.signal }), Error, "enough");
});
