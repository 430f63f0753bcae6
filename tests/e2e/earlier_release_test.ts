/**
 * A file that an earlier release left behind, with work under way: today's service serves it as if it were its own.
 *
 * Each `tests/fixtures/format_<n>.db` was written by a release of that format (`tests/fixtures/write.ts`).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DATABASE_FORMAT } from "../../kv/migrations.ts";
import { TIME } from "../../lib/limits.ts";
import type { Clock } from "../../lib/ports.ts";
import type { Written } from "../fixtures/write.ts";
import {
  type AcceptedJson,
  countOf,
  type DeliveryJson,
  goal,
  type PageJson,
  sitePath,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService, temporaryFile, type TestService } from "../helpers/service.ts";
import { opensslSignature } from "../helpers/signatures.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);
/** So long was nothing started on the file. */
const DOWN_MS = TIME.HOUR_MS;

type Kind = keyof Written["webhooks"];

/** A service on a copy of the file, an hour after it was left behind, whenever the test is run. */
async function startOn(format: number, path: string): Promise<TestService & { readonly written: Written }> {
  await Deno.copyFile(new URL(`format_${format}.db`, FIXTURES), path);
  const written: Written = JSON.parse(await Deno.readTextFile(new URL(`format_${format}.json`, FIXTURES)));
  const behind_ms = Date.now() - (written.written_at + DOWN_MS);
  const clock = (real: Clock): Clock => ({ ...real, now: () => real.now() - behind_ms });
  return { ...await startTestService({ kv: path, clock }), written };
}

/** What became of the deliveries of the webhooks that failed, were tried once, and so on. */
function told(deliveries: readonly DeliveryJson[]): (number | string | null)[][] {
  return deliveries.map(({ status, attempts }) => [
    status,
    ...attempts.flatMap(({ status_code, error, response_body }) => [status_code ?? error, response_body]),
  ]);
}

const formats = Array.from({ length: DATABASE_FORMAT - 1 }, (_, index) => index + 1);

for (const format of formats) {
  Deno.test(`a file of format ${format} is read as it was left: webhooks, keys, history`, async () => {
    await using file = await temporaryFile();
    await using service = await startOn(format, file.path);
    const { written: { webhooks, ingest_key, idempotency_key, first_event } } = service;
    const listed = await service.call<PageJson<WebhookJson>>("GET", sitePath("/webhooks"));
    assertEquals(listed.json.data.map(({ id, name }) => [name, id]), Object.entries(webhooks));
    const states = Object.fromEntries(listed.json.data.map(({ name, status }) => [name, status]));
    assertEquals([states["working"], states["disabled"]], ["active", "disabled"]);
    assertEquals(listed.json.data[0]?.headers, { "X-Team": "********" });
    assertEquals(listed.json.data[0]?.health.last_success_at === null, false, "the state of the lane");

    const of = async (kind: Kind): Promise<(number | string | null)[][]> =>
      told(await service.deliveries(`?webhook_id=${webhooks[kind]}`));
    assertEquals(await of("working"), [
      ["delivered", 200, "answered 200"],
      ["delivered", 200, "answered 200"],
      ["delivered", 200, "answered 200"],
    ]);
    assertEquals(await of("failed"), [["exhausted", 500, "answered 500"], [
      "exhausted",
      500,
      "answered 500",
    ]]);
    assertEquals(await of("disabled"), []);
    const event = await service.call<{ payload: unknown }>("GET", sitePath(`/events/${first_event}`));
    assertEquals(event.json.payload, goal(1));

    const again = await service.call<AcceptedJson>("POST", "/v1/events", goal(1), {
      key: ingest_key,
      headers: { "Idempotency-Key": idempotency_key },
    });
    assertEquals([again.status, again.json.id, again.json.duplicate], [200, first_event, true]);
    assertEquals(service.logs.filter((line) => line.includes("record.broken")), []);
  });

  Deno.test(`what was under way in a file of format ${format} is delivered, and nothing that was done again`, async () => {
    await using file = await temporaryFile();
    await using receiver = startReceiver();
    await using service = await startOn(format, file.path);
    const { written: { webhooks, secret } } = service;
    for (const kind of ["working", "waiting", "hanging", "failed"] as const) {
      const path = sitePath(`/webhooks/${webhooks[kind]}`);
      const changed = await service.call("PATCH", path, { url: `${receiver.origin}/${kind}` });
      assertEquals(changed.status, 200);
    }
    // The first format did not tell of a pause yet.
    const notices = format === 1 ? 0 : 1;
    // Two that were to be tried again, and one that was under way when the process was killed.
    await within(receiver.received(3 + notices), "what was left behind");
    const goals = receiver.requests.filter(({ headers }) =>
      headers.get("X-Webhook-Event") === "goal_completion"
    );
    const got = goals.map((request) => [request.path, countOf(request)]);
    assertEquals(got.toSorted(), [["/hanging", 3], ["/waiting", 1], ["/waiting", 2]]);
    for (const [kind, count] of [["waiting", 2 + notices], ["hanging", 1]] as const) {
      await service.settled("delivered", count, `?webhook_id=${webhooks[kind]}`);
    }
    const [hung] = await service.deliveries(`?webhook_id=${webhooks.hanging}`);
    assertEquals(hung?.attempts[0]?.error, "interrupted");

    await service.post(goal(4));
    const request = await within(
      (async () => {
        for (let count = 4 + notices;; count++) {
          const latest = await receiver.received(count);
          if (latest.path === "/working") return latest;
        }
      })(),
      "an event of today",
    );
    assertEquals(request.headers.get("X-Team"), "sales", "header values were opened");
    assertEquals(request.headers.get("X-Webhook-Signature"), await opensslSignature(secret, request.body));
  });
}
