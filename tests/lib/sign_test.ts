/**
 * Both signatures, checked by code that is not ours: the official Standard Webhooks library, `openssl`, and
 * `node:crypto`.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { generateSecret, parseSecret, standardSecret } from "../../lib/secret.ts";
import { type Signable, signatureHeaders, SigningKey } from "../../lib/sign.ts";
import { succeeds } from "../helpers/installed.ts";

/** Secrets as owners have them; the first two are also the vectors below. */
const GENERATED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const OWN = "my-own-secret-of-24-char";
const EVENT_ID = "evt_01JMZ0000000000000000000AA";
const BODY_TEXT =
  '{"event":"goal_completion","site_id":"exämple.com","timestamp":"2026-02-25T12:00:00Z","data":{"goal_name":"✓"}}';

const encoder = new TextEncoder();
const generatedSecret = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) =>
  generateSecret(() => bytes)
);
const broughtSecret = fc.uint8Array({ minLength: 24, maxLength: 64 })
  .map((bytes) => parseSecret("whsec_" + Buffer.from(bytes).toString("base64")));
const ownSecret = fc.string({ unit: "grapheme-ascii", minLength: 24, maxLength: 64 })
  .filter((text) => /^[\x21-\x7e]+$/.test(text) && !text.startsWith("whsec_"));
const anySecret = fc.oneof(generatedSecret, broughtSecret, ownSecret);
const jsonText = fc.json();

function signable(body: string, timestamp_s = 1_772_020_800): Signable {
  return { webhook_id: EVENT_ID, timestamp_s, body: encoder.encode(body) };
}

function signed(secrets: readonly string[], what: Signable): Record<string, string> {
  return signatureHeaders(secrets.map((secret) => new SigningKey(secret)), what);
}

/** What `hmac_sha256(secret, body)` is in any language. */
function plainSignature(secret: string, body: string): string {
  return "sha256=" + createHmac("sha256", secret).update(body, "utf8").digest("hex");
}

/** The official library looks at the clock, so what it verifies is signed now. */
function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

Deno.test("signatureHeaders() names the event, the attempt's second, and one signature of each kind", () => {
  const headers = signed([GENERATED], signable("{}", 7));
  assertEquals(Object.keys(headers).sort(), [
    "X-Webhook-Signature",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
  ]);
  assertEquals(headers["webhook-id"], EVENT_ID);
  assertEquals(headers["webhook-timestamp"], "7");
  assertMatch(headers["X-Webhook-Signature"] ?? "", /^sha256=[0-9a-f]{64}$/);
  assertMatch(headers["webhook-signature"] ?? "", /^v1,[A-Za-z0-9+/]{43}=$/);
});

Deno.test("signatureHeaders() keeps to its known answers, computed with openssl", () => {
  // printf '%s' "$BODY" | openssl dgst -sha256 -hmac "$SECRET"
  // printf '%s' "$ID.1772020800.$BODY" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary | base64
  assertEquals(signed([GENERATED], signable(BODY_TEXT)), {
    "X-Webhook-Signature": "sha256=354a23063179fbd229b4e12409f3ebd57d733decb6f842fcaaa3180ad51ce3da",
    "webhook-id": EVENT_ID,
    "webhook-timestamp": "1772020800",
    "webhook-signature": "v1,rbgzyMoS0O/W/UGJqsPWxBp658SPDfolVMab9PNMXK4=",
  });
  assertEquals(signed([OWN], signable(BODY_TEXT)), {
    "X-Webhook-Signature": "sha256=42b5fa4d3300678e0744ee84cdec0e625488a47b376c576ba0c8a1fa4337f1a8",
    "webhook-id": EVENT_ID,
    "webhook-timestamp": "1772020800",
    "webhook-signature": "v1,Zyz9CeeI6Ftc3Z7VC+zDbD2DxfItMW7A/rM0hg7O+2I=",
  });
});

Deno.test("signatureHeaders() keeps to the published example of Standard Webhooks", () => {
  // The test vector of the specification's reference libraries.
  const key = new SigningKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  const headers = signatureHeaders([key], {
    webhook_id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp_s: 1_614_265_330,
    body: encoder.encode('{"test": 2432232314}'),
  });
  assertEquals(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
});

Deno.test("X-Webhook-Signature is keyed by the UTF-8 bytes of the secret as shown, whsec_ included", () => {
  fc.assert(fc.property(anySecret, jsonText, (secret, body) => {
    const headers = signed([secret], signable(body));
    assertEquals(headers["X-Webhook-Signature"], plainSignature(secret, body));
  }));
});

Deno.test("X-Webhook-Signature covers every byte of the body and not the attempt's time", () => {
  const first = signed([GENERATED], signable(BODY_TEXT, 1));
  const later = signed([GENERATED], signable(BODY_TEXT, 2));
  const other = signed([GENERATED], signable(BODY_TEXT + " ", 1));
  assertEquals(first["X-Webhook-Signature"], later["X-Webhook-Signature"]);
  assert(first["X-Webhook-Signature"] !== other["X-Webhook-Signature"]);
  assert(first["webhook-signature"] !== later["webhook-signature"]);
});

const openssl = await succeeds("openssl", "version");

async function opensslSignature(secret: string, body: string): Promise<string> {
  const args = ["dgst", "-sha256", "-hmac", secret];
  const child = new Deno.Command("openssl", { args, stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(encoder.encode(body));
  await writer.close();
  const { stdout } = await child.output();
  return "sha256=" + new TextDecoder().decode(stdout).trim().split(" ").at(-1);
}

Deno.test({
  name: "X-Webhook-Signature verifies with openssl dgst -sha256 -hmac",
  ignore: !openssl,
  async fn(): Promise<void> {
    for (const secret of [GENERATED, OWN, "$pecial'chars\"and`more*~!~"]) {
      const headers = signed([secret], signable(BODY_TEXT));
      assertEquals(headers["X-Webhook-Signature"], await opensslSignature(secret, BODY_TEXT));
    }
  },
});

Deno.test("webhook-signature verifies with the official library, for every kind of secret", () => {
  fc.assert(fc.property(anySecret, jsonText, (secret, body) => {
    const headers = signed([secret], signable(body, nowSeconds()));
    new Webhook(standardSecret(secret)).verify(body, headers);
  }));
});

Deno.test("webhook-signature of a generated secret verifies under the secret exactly as shown", () => {
  const headers = signed([GENERATED], signable(BODY_TEXT, nowSeconds()));
  assertEquals(new Webhook(GENERATED).verify(BODY_TEXT, headers), JSON.parse(BODY_TEXT));
});

Deno.test("webhook-signature covers id, time and body: the official library refuses any of them changed", () => {
  const headers = signed([GENERATED], signable(BODY_TEXT, nowSeconds()));
  const verifier = new Webhook(GENERATED);
  const changed: [what: string, body: string, headers: Record<string, string>][] = [
    ["body", BODY_TEXT.replace("goal", "gaol"), headers],
    ["id", BODY_TEXT, { ...headers, "webhook-id": EVENT_ID + "A" }],
    ["time", BODY_TEXT, { ...headers, "webhook-timestamp": String(nowSeconds() - 60) }],
    ["signature", BODY_TEXT, { ...headers, "webhook-signature": `v1,${"A".repeat(43)}=` }],
  ];
  for (const [what, body, received] of changed) {
    assertThrows(() => verifier.verify(body, received), WebhookVerificationError, "", what);
  }
  assertThrows(() => new Webhook(standardSecret(OWN)).verify(BODY_TEXT, headers), WebhookVerificationError);
});

Deno.test("signatureHeaders() during a rotation verifies under the new secret and under the old one", () => {
  fc.assert(fc.property(anySecret, anySecret, jsonText, (newest, previous, body) => {
    const headers = signed([newest, previous], signable(body, nowSeconds()));
    assertEquals(headers["X-Webhook-Signature"], plainSignature(newest, body));
    assertEquals(headers["X-Webhook-Signature-Previous"], plainSignature(previous, body));
    assertEquals(headers["webhook-signature"]?.split(" ").length, 2);
    for (const secret of [newest, previous]) new Webhook(standardSecret(secret)).verify(body, headers);
  }));
});

Deno.test("signatureHeaders() names the newest secret's signature first", () => {
  const both = signed([GENERATED, OWN], signable("{}"));
  const alone = signed([GENERATED], signable("{}"));
  const old = signed([OWN], signable("{}"));
  assertEquals(both["webhook-signature"], `${alone["webhook-signature"]} ${old["webhook-signature"]}`);
});

Deno.test("signatureHeaders() after two rotations signs with all three, and Previous is the second", () => {
  const secrets = [GENERATED, OWN, "x".repeat(24)];
  const headers = signed(secrets, signable("{}", nowSeconds()));
  assertEquals(headers["X-Webhook-Signature-Previous"], plainSignature(OWN, "{}"));
  for (const secret of secrets) new Webhook(standardSecret(secret)).verify("{}", headers);
});

Deno.test("signatureHeaders() without a rotation has no previous signature", () => {
  assertFalse("X-Webhook-Signature-Previous" in signed([OWN], signable("{}")));
});

Deno.test("a SigningKey shows nothing of its secret, however it is written out", () => {
  const key = new SigningKey(GENERATED);
  assertEquals(JSON.stringify(key), "{}");
  assertEquals(Deno.inspect(key, { showHidden: true, depth: 9 }).replaceAll(/\s/g, ""), "SigningKey{}");
});
