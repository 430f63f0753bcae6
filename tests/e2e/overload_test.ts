/**
 * More than the service can take: whoever posts too much is told so at once, everybody else is served, and what was
 * accepted is delivered.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { INPUT, REQUEST } from "../../lib/limits.ts";
import { ADMIN_KEY, type ApiAnswer, countOf, goal, SITE, until } from "../helpers/api.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { type ProcessService, residentMiB, startProcess, temporaryFile } from "../helpers/service.ts";

/** Everything that waits is bounded: half as much again as was measured at the most (420 MiB). */
const RESIDENT_MIB_MAX = 640;
const OTHER = "other.example";
const FLOOD = 3000;
/** Sites with as many webhooks as a site may have; `OVERLOAD_SITES=200` makes ten thousand of them. */
const SITES = Number(Deno.env.get("OVERLOAD_SITES") ?? 40);
const WEBHOOKS = INPUT.webhooks_per_site_max;

/** Does something again and again until told to end, each time after the time before. */
async function meanwhile(isOver: () => boolean, act: () => Promise<void>): Promise<number> {
  let times = 0;
  while (!isOver()) {
    await act();
    times++;
  }
  return times;
}

function accepted(answers: readonly ApiAnswer<unknown>[]): ApiAnswer<unknown>[] {
  const refused = answers.filter(({ status }) => status !== 202);
  for (const { status, headers } of refused) {
    assert([429, 503].includes(status), `answered ${status}`);
    assert(headers.has("Retry-After"));
  }
  return answers.filter(({ status }) => status === 202);
}

function assertOnce(receiver: Receiver, count: number): void {
  const ids = receiver.requests.map(({ headers }) => headers.get("webhook-id"));
  assertEquals([ids.length, new Set(ids).size], [count, count]);
}

/** The most memory that the service took while something was done. */
async function highestMiB(service: ProcessService, done: Promise<unknown>): Promise<number> {
  let over = false;
  let highest = 0;
  done.finally(() => over = true).catch(() => {});
  await meanwhile(() => over, async () => {
    highest = Math.max(highest, await residentMiB(service.pid));
  });
  return highest;
}

Deno.test("one site's flood is refused early, and another site's events are all accepted meanwhile", async () => {
  await using flooded = startReceiver();
  await using other = startReceiver();
  await using file = await temporaryFile();
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "info" } });
  await service.webhook(flooded.url);
  await service.webhook(other.url, {}, OTHER);

  let over = false;
  const flood = Promise.all(
    Array.from({ length: FLOOD }, (_, n) => service.call<unknown>("POST", "/v1/events", goal(n))),
  ).finally(() => over = true);
  const steady = meanwhile(() => over, async () => {
    const answer = await service.call("POST", "/v1/events", goal(1, { site_id: OTHER }));
    assertEquals(answer.status, 202, answer.text);
    assertEquals((await service.call("GET", "/healthz")).status, 200);
  });
  const highest = highestMiB(service, flood);
  const taken = accepted(await flood);
  const served = await steady;
  assertGreater(taken.length, 0);
  assertGreater(served, 1, "the other site is not made to wait for the whole flood");
  assertLess(await highest, RESIDENT_MIB_MAX);

  await until(() => flooded.requests.length >= taken.length, "all that was accepted is delivered");
  await until(() => other.requests.length >= served, "all of the other site is delivered");
  await until(
    async () => (await service.deliveries("?status=pending&limit=100")).length === 0,
    "none is left",
  );
  assertOnce(flooded, taken.length);
  assertOnce(other, served);
  assertEquals(new Set(flooded.requests.map(countOf)).size, taken.length);
});

Deno.test("the largest batches are taken a few at a time: memory is bounded, and what was accepted is delivered", async () => {
  await using receiver = startReceiver();
  await using file = await temporaryFile();
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "info" } });
  await service.webhook(receiver.url, { events: ["error_condition"], filters: { error_types: ["told"] } });
  const event = (n: number, chars: number) => ({
    event: "error_condition",
    site_id: SITE,
    timestamp: "2026-02-25T12:00:00Z",
    data: {
      // Ten of a batch are delivered: this is about what is read, not about what is sent.
      error_type: n % 100 === 0 ? "told" : "untold",
      message: "x".repeat(chars),
      details: Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, "x".repeat(500)])),
    },
  });
  const bytesOf = (chars: number) =>
    new TextEncoder().encode(
      JSON.stringify({ events: Array.from({ length: 1000 }, (_, n) => event(n, chars)) }),
    );
  const chars = 1 + Math.floor((INPUT.batch_bytes_max - bytesOf(1).byteLength) / 1000);
  const body = bytesOf(Math.min(chars, INPUT.message_chars_max));
  assertGreater(body.byteLength * 64, REQUEST.body_bytes_max * 7);

  const post = async () => {
    const headers = { Authorization: `Bearer ${ADMIN_KEY}`, "Content-Type": "application/json" };
    const answer = await fetch(`${service.url}/v1/events/batch`, { method: "POST", body, headers });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: JSON.parse(text) };
  };
  const batches = Promise.all(Array.from({ length: 64 }, post));
  const highest = highestMiB(service, batches);
  const taken = accepted(await batches);
  assertGreater(taken.length, 0);
  assertLess(await highest, RESIDENT_MIB_MAX);
  assertEquals((await service.call("GET", "/readyz")).status, 200);
  const results = taken.flatMap(({ json }) => (json as { results: { queued?: number }[] }).results);
  const queued = results.reduce((sum, result) => sum + (result.queued ?? 0), 0);
  await until(() => receiver.requests.length >= queued, "all that was accepted is delivered");
  assertOnce(receiver, queued);
});

Deno.test("thousands of webhooks of many sites are each told once", async () => {
  await using receiver = startReceiver();
  await using file = await temporaryFile();
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "info" } });
  const number = (n: number) => String(n).padStart(26, "0");
  const sites = Array.from({ length: SITES }, (_, site) => ({
    site_id: `s${site}.example`,
    webhooks: Array.from({ length: WEBHOOKS }, (_, n) => ({
      id: `wh_${number(site * WEBHOOKS + n)}`,
      url: `${receiver.origin}/${site}/${n}`,
      events: ["goal_completion"],
    })),
  }));
  const { json } = await service.call<{ created: number }>("POST", "/v1/import", { version: 1, sites });
  assertEquals(json.created, SITES * WEBHOOKS);
  const answers = await Promise.all(
    sites.map(({ site_id }) => service.call("POST", "/v1/events", goal(1, { site_id }))),
  );
  assertEquals(accepted(answers).length, SITES);
  await receiver.received(SITES * WEBHOOKS);
  const highest = await residentMiB(service.pid);
  assertLess(highest, RESIDENT_MIB_MAX);
  assertEquals(new Set(receiver.requests.map(({ path }) => path)).size, SITES * WEBHOOKS);
  for (const { site_id } of sites) {
    await until(
      async () => (await service.deliveries("?status=pending", site_id)).length === 0,
      "none is left",
    );
  }
  assertEquals(receiver.requests.length, SITES * WEBHOOKS);
});
