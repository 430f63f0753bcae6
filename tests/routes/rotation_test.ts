/**
 * Rotating a secret without losing a delivery: both secrets verify for a while, then only the new one.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch, assertNotEquals } from "@std/assert";
import { type Api, type CreatedWebhook, goal, sitePath, type WebhookJson, within } from "../helpers/api.ts";
import { type RecordedRequest, startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";
import { assertSigned, passesStandard } from "../helpers/signatures.ts";

const HOUR_MS = 3_600_000;

async function rotate(service: Api, { id }: { id: string }, body?: unknown): Promise<CreatedWebhook> {
  const path = sitePath(`/webhooks/${id}/rotate-secret`);
  const { status, json } = await service.call<CreatedWebhook>("POST", path, body);
  assertEquals(status, 200, JSON.stringify(json));
  return json;
}

Deno.test("after a rotation the next delivery verifies under both secrets, for 24 hours by default", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const old = await service.webhook(receiver.url);
  const before_ms = Date.now();
  const fresh = await rotate(service, old);
  assertMatch(fresh.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assertNotEquals(fresh.secret, old.secret);
  const expires_at = Date.parse(fresh.previous_secret_expires_at ?? "");
  // The service's clock may be a rounding behind this one.
  assert(expires_at >= before_ms + 24 * HOUR_MS - 10 && expires_at <= Date.now() + 24 * HOUR_MS + 10);

  await service.post(goal());
  const request = await within(receiver.received(1), "the delivery");
  await assertSigned(request, fresh);
  await assertSigned(request, old, "X-Webhook-Signature-Previous");
  assertEquals(request.headers.get("webhook-signature")?.split(" ").length, 2);
  const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${old.id}`));
  assertEquals(json.previous_secret_expires_at, fresh.previous_secret_expires_at);
});

Deno.test("with overlap_hours 0 the old secret ends at once", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const old = await service.webhook(receiver.url);
  const fresh = await rotate(service, old, { overlap_hours: 0 });
  assertEquals(fresh.previous_secret_expires_at, null);
  await service.post(goal());
  const request = await within(receiver.received(1), "the delivery");
  await assertSigned(request, fresh);
  assertFalse(passesStandard(request, old));
  assertEquals(request.headers.get("X-Webhook-Signature-Previous"), null);
  assertEquals(request.headers.get("webhook-signature")?.split(" ").length, 1);
});

Deno.test("when the overlap is over the old secret signs no more", async () => {
  let ahead_ms = 0;
  await using service = await startTestService({
    clock: (real) => ({ ...real, now: () => real.now() + ahead_ms, after: real.after }),
  });
  await using receiver = startReceiver();
  const old = await service.webhook(receiver.url);
  const fresh = await rotate(service, old, { overlap_hours: 2 });
  const tested = async (count: number): Promise<RecordedRequest> => {
    await service.call("POST", sitePath(`/webhooks/${old.id}/test`));
    return await within(receiver.received(count), "the test");
  };
  ahead_ms = 2 * HOUR_MS - 60_000;
  const just_before = await tested(1);
  // The library would refuse a time that far from its own, so only the number of signatures is looked at.
  assertEquals(just_before.headers.get("webhook-signature")?.split(" ").length, 2);
  ahead_ms = 2 * HOUR_MS + 60_000;
  const after = await tested(2);
  assertEquals(after.headers.get("webhook-signature")?.split(" ").length, 1);
  assertEquals(after.headers.get("X-Webhook-Signature-Previous"), null);
  assertNotEquals(fresh.secret, old.secret);
});

Deno.test("a retry is signed with the secrets of its own time", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: [500, 200] });
  const old = await service.webhook(receiver.url, { max_retries: 10 });
  await service.post(goal());
  await within(receiver.received(1), "the first attempt");
  receiver.respond(500);
  const fresh = await rotate(service, old, { overlap_hours: 0 });
  const rotated_after = receiver.requests.length;
  receiver.respond(200);
  await service.settled("delivered", 1);
  assert(receiver.requests.length > rotated_after);
  const last = receiver.requests.at(-1);
  assert(last !== undefined);
  await assertSigned(last, fresh);
  assertFalse(passesStandard(last, old));
});

Deno.test("an owner may bring the new secret, but not the one that is in use", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const old = await service.webhook(receiver.url);
  const own = "my-new-secret-0123456789abcdef";
  const fresh = await rotate(service, old, { secret: own });
  assertEquals(fresh.secret, own);
  assertEquals(fresh.standard_secret, `whsec_${btoa(own)}`);
  const path = sitePath(`/webhooks/${old.id}/rotate-secret`);
  for (const secret of [own, "short", 1]) {
    const { status, json, text } = await service.call("POST", path, { secret });
    assertEquals([status, json.errors?.map((error) => error.path)], [422, ["/secret"]]);
    assertFalse(text.includes(own));
  }
  await service.post(goal());
  await assertSigned(await within(receiver.received(1), "the delivery"), fresh);
});

Deno.test("several rotations in a row: five secrets sign at most, the newest first", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const secrets = [await service.webhook(receiver.url)];
  const [webhook] = secrets;
  assert(webhook !== undefined);
  for (let time = 0; time < 6; time++) secrets.unshift(await rotate(service, webhook));
  await service.post(goal());
  const request = await within(receiver.received(1), "the delivery");
  const passing = secrets.map((secret) => passesStandard(request, secret));
  assertEquals(passing, [true, true, true, true, true, false, false]);
  const [newest, previous] = secrets;
  assert(newest !== undefined && previous !== undefined);
  await assertSigned(request, newest);
  await assertSigned(request, previous, "X-Webhook-Signature-Previous");
});

Deno.test("an overlap beyond its limits, or anything unknown, is refused and rotates nothing", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const webhook = await service.webhook(receiver.url);
  const path = sitePath(`/webhooks/${webhook.id}/rotate-secret`);
  const bodies: [body: unknown, pointer: string][] = [
    [{ overlap_hours: -1 }, "/overlap_hours"],
    [{ overlap_hours: 168.5 }, "/overlap_hours"],
    [{ overlap_hours: "1" }, "/overlap_hours"],
    [{ hours: 1 }, "/hours"],
    [[], ""],
  ];
  for (const [body, pointer] of bodies) {
    const { status, json } = await service.call("POST", path, body);
    assertEquals([status, json.errors?.map((error) => error.path)], [422, [pointer]]);
  }
  assertEquals((await rotate(service, webhook, { overlap_hours: 168 })).id, webhook.id);
});
