/**
 * Deliveries of a real service, as they came and changed on the way, each with what a receiver must make of it.
 *
 * Owns capturing and changing them. It must never sign anything itself: what is valid here was signed by the service.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type CreatedWebhook, goal, sitePath, within } from "../helpers/api.ts";
import { type RecordedRequest, startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";
import type { ReceiverSecret } from "../helpers/signatures.ts";

/** What a receiver gets. */
export type Request = Pick<RecordedRequest, "headers" | "body">;

/** A request that is handed to a receiver, after all those before it in the list. */
export interface ReceivedCase {
  readonly name: string;
  readonly request: Request;
  /** What the receiver has. */
  readonly secret: ReceiverSecret;
  /** Whether `X-Webhook-Signature` or `X-Webhook-Signature-Previous` is valid. */
  readonly plain: boolean;
  /** Whether `webhook-signature` is valid and the time near enough. */
  readonly standard: boolean;
  /** Whether its `webhook-id` is new to the receiver. */
  readonly fresh: boolean;
  /** Not for libraries: they may read a number and pay no heed to what comes after it. */
  readonly strict: boolean;
}

const OWN_SECRET = `my-own:"secret"$of%29\\chars'&`;
const MANY_BYTES = { goal_name: "Größe ✓ 購入 🎉", visitor_count: 1, path: "/a/'b'/\\/é" };

/** A delivery of a service whose clock is so far ahead of the receiver's. */
async function delivered(
  ahead_ms: number,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<{ request: Request; secret: CreatedWebhook }> {
  await using service = await startTestService({
    clock: (real) => ({ ...real, now: () => real.now() + ahead_ms }),
  });
  await using receiver = startReceiver();
  const secret = await service.webhook(receiver.url, fields);
  await service.post(goal(1, { data: MANY_BYTES }));
  return { request: await within(receiver.received(1), "the delivery"), secret };
}

/** A delivery during a rotation. */
async function rotated(): Promise<{ request: Request; old: CreatedWebhook; secret: CreatedWebhook }> {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const old = await service.webhook(receiver.url);
  const path = sitePath(`/webhooks/${old.id}/rotate-secret`);
  const { json: secret } = await service.call<CreatedWebhook>("POST", path);
  await service.post(goal());
  const request = await within(receiver.received(1), "the delivery");
  assert(request.headers.has("X-Webhook-Signature-Previous"));
  assertEquals(request.headers.get("webhook-signature")?.split(" ").length, 2);
  return { request, old, secret };
}

/** A request with headers set, or (null) taken away. */
function changed({ headers, body }: Request, changes: Readonly<Record<string, string | null>>): Request {
  const others = new Headers(headers);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) others.delete(name);
    else others.set(name, value);
  }
  return { headers: others, body };
}

/** A request whose body is another. */
function withBody({ headers }: Request, body: Uint8Array<ArrayBuffer>): Request {
  return { headers, body };
}

/**
 * Gathers the cases.
 *
 * @returns Them, in the order in which one receiver gets them.
 */
export async function receivedCases(): Promise<ReceivedCase[]> {
  const { request, secret } = await delivered(0);
  const own = await delivered(0, { secret: OWN_SECRET });
  const rotation = await rotated();
  const [early, late] = [await delivered(-6 * 60_000), await delivered(6 * 60_000)];
  const plainly = request.headers.get("X-Webhook-Signature") ?? "";
  const standardly = request.headers.get("webhook-signature") ?? "";
  const timestamp = request.headers.get("webhook-timestamp") ?? "";
  const flipped = request.body.map((byte, index) => index === request.body.length - 3 ? byte ^ 1 : byte);
  const text = new TextDecoder().decode(request.body);
  const bytes = (body: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(body);

  const cases: ReceivedCase[] = [];
  const add = (name: string, plain: boolean, standard: boolean, given: {
    readonly request?: Request;
    readonly secret?: ReceiverSecret;
    readonly fresh?: boolean;
    readonly strict?: boolean;
  } = {}): void =>
    void cases.push({ name, plain, standard, request, secret, fresh: false, strict: false, ...given });

  add("a body changed in one bit", false, false, { request: withBody(request, flipped) });
  add("a body written anew", false, false, {
    request: withBody(request, bytes(JSON.stringify(JSON.parse(text), null, 1))),
  });
  add("a body with a newline after it", false, false, { request: withBody(request, bytes(`${text}\n`)) });
  add("no body", false, false, { request: withBody(request, bytes("")) });
  add("another webhook's secret", false, false, { secret: own.secret });
  add("a secret not yet or no more in use", false, false, { secret: rotation.secret });
  add("the id of another event", true, false, { request: changed(request, { "webhook-id": "evt_another" }) });
  add("a time that was not signed", true, false, {
    request: changed(request, { "webhook-timestamp": String(Number(timestamp) + 1) }),
  });
  const refused: Record<string, (string | null)[]> = {
    "webhook-id": [null, ""],
    "webhook-timestamp": [null, "", "soon", `-${timestamp}`, "9".repeat(30), "é"],
    "webhook-signature": [
      ...[null, "", " ", ",", "v1", "v1,", "v1,AAAA", `v1,${"A".repeat(43)}=`, `v2,${standardly.slice(3)}`],
      ...[standardly.slice(3), standardly.toLowerCase(), standardly.slice(0, -1), "v1,é", plainly],
    ],
  };
  for (const [name, values] of Object.entries(refused)) {
    for (const value of values) {
      add(`${name} ${value ?? "missing"}`, true, false, { request: changed(request, { [name]: value }) });
    }
  }
  add("a time with something after it", true, false, {
    request: changed(request, { "webhook-timestamp": `${timestamp}x` }),
    strict: true,
  });
  add("a delivery whose id was only in requests that were refused", true, true, { fresh: true });
  add("the same once more", true, true);
  const signatures = [
    null,
    "",
    "sha256=",
    plainly.slice(7),
    `sha1=${plainly.slice(7)}`,
    "sha256=é",
    standardly,
  ];
  for (const value of [...signatures, plainly.slice(0, -1), `sha256=${"0".repeat(64)}`]) {
    add(`X-Webhook-Signature ${value ?? "missing"}`, false, true, {
      request: changed(request, { "X-Webhook-Signature": value }),
    });
  }
  add("a signature of Standard Webhooks of a later version beside", true, true, {
    request: changed(request, { "webhook-signature": `v9,AAAA ${standardly} v1a,BBBB` }),
  });
  add("a secret of the owner's", true, true, { ...own, fresh: true });
  add("a rotation, to a receiver with the old secret", true, true, {
    request: rotation.request,
    secret: rotation.old,
    fresh: true,
  });
  add("a rotation, to a receiver with the new secret", true, true, rotation);
  add("a rotation, with a secret of neither", false, false, { request: rotation.request, secret });
  const previous = changed(rotation.request, { "X-Webhook-Signature": null });
  add("the previous signature alone, with the old secret", true, true, {
    request: previous,
    secret: rotation.old,
  });
  add("the previous signature alone, with the new secret", false, true, {
    request: previous,
    secret: rotation.secret,
  });
  const newest = changed(rotation.request, { "X-Webhook-Signature-Previous": null });
  add("the new signature alone, with the old secret", false, true, { request: newest, secret: rotation.old });
  add("a delivery of six minutes ago", true, false, early);
  add("a delivery of six minutes ahead", true, false, late);
  return cases;
}
