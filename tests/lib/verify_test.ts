/**
 * The signature debugger: what it says of a right delivery, and of everything that goes wrong on the way.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { standardSecret } from "../../lib/secret.ts";
import { signatureHeaders, SigningKey } from "../../lib/sign.ts";
import { type VerifiedSignature, type VerifyInput, verifySignatures } from "../../lib/verify.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const OLD_SECRET = "an-old-secret-0123456789abcdef";
const BODY = new TextEncoder().encode('{"event":"goal_completion","data":{"goal_name":"Été"}}');
const TIMESTAMP_S = 1_772_020_800;
const NOW_MS = TIMESTAMP_S * 1000;

function signed(...secrets: string[]): Record<string, string> {
  const keys = secrets.map((secret) => new SigningKey(secret));
  return signatureHeaders(keys, {
    webhook_id: "evt_01JMZ0000000000000000000AA",
    timestamp_s: TIMESTAMP_S,
    body: BODY,
  });
}

/** What is said of a delivery signed with the secret, changed as the test wants. */
function verdict(given: Partial<VerifyInput> = {}): [string, true | string | undefined][] {
  const headers = given.headers ?? signed(SECRET);
  const verified = verifySignatures({ secret: SECRET, body: BODY, now_ms: NOW_MS, ...given, headers });
  return verified.map(({ header, valid, reason }) => [header, valid || reason]);
}

/** The headers with some changed, or (undefined) taken away. */
function changed(changes: Record<string, string | undefined>): Record<string, string> {
  const entries = Object.entries({ ...signed(SECRET), ...changes });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

Deno.test("verifySignatures() finds both signatures of a delivery valid", () => {
  assertEquals(verdict(), [["X-Webhook-Signature", true], ["webhook-signature", true]]);
});

Deno.test("verifySignatures() takes header names in any case", () => {
  const headers = Object.fromEntries(
    Object.entries(signed(SECRET)).map(([name, value], index) => [
      index % 2 === 0 ? name.toUpperCase() : name.toLowerCase(),
      value,
    ]),
  );
  assertEquals(verdict({ headers }), [["X-Webhook-Signature", true], ["webhook-signature", true]]);
});

Deno.test("verifySignatures() agrees with the official library on both forms of a secret", () => {
  for (const secret of [SECRET, OLD_SECRET]) {
    const official = new Webhook(standardSecret(secret));
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(TIMESTAMP_S),
      "webhook-signature": official.sign("msg_1", new Date(NOW_MS), new TextDecoder().decode(BODY)),
    };
    const [plain, standard] = verdict({ secret, headers });
    assertEquals([plain, standard], [["X-Webhook-Signature", "missing"], ["webhook-signature", true]]);
  }
});

Deno.test("verifySignatures() during a rotation: either secret verifies, each at its place", () => {
  const headers = signed(SECRET, OLD_SECRET);
  assertEquals(verdict({ headers }), [
    ["X-Webhook-Signature", true],
    ["X-Webhook-Signature-Previous", "wrong_secret_or_body"],
    ["webhook-signature", true],
  ]);
  assertEquals(verdict({ headers, secret: OLD_SECRET }), [
    ["X-Webhook-Signature", "wrong_secret_or_body"],
    ["X-Webhook-Signature-Previous", true],
    ["webhook-signature", true],
  ]);
});

Deno.test("verifySignatures() tells a wrong secret or an altered body", () => {
  const wrong = [
    ["X-Webhook-Signature", "wrong_secret_or_body"],
    ["webhook-signature", "wrong_secret_or_body"],
  ];
  assertEquals<unknown>(verdict({ secret: OLD_SECRET }), wrong);
  // As a framework that parses and writes the body again would leave it.
  const spaced = new TextEncoder().encode(
    JSON.stringify(JSON.parse(new TextDecoder().decode(BODY)), null, 1),
  );
  assertEquals<unknown>(verdict({ body: spaced }), wrong);
  assertEquals<unknown>(verdict({ body: new Uint8Array(0) }), wrong);
});

Deno.test("verifySignatures() covers id and timestamp with the standard signature only", () => {
  for (
    const headers of [
      changed({ "webhook-id": "evt_other" }),
      changed({ "webhook-timestamp": String(TIMESTAMP_S + 1) }),
    ]
  ) {
    assertEquals(verdict({ headers }), [
      ["X-Webhook-Signature", true],
      ["webhook-signature", "wrong_secret_or_body"],
    ]);
  }
});

Deno.test("verifySignatures() tolerates five minutes of difference, either way, and not a second more", () => {
  const table: [offset_s: number, expected: true | string][] = [
    [-300, true],
    [300, true],
    [-301, "timestamp_out_of_tolerance"],
    [301, "timestamp_out_of_tolerance"],
    [86_400, "timestamp_out_of_tolerance"],
  ];
  for (const [offset_s, expected] of table) {
    const now_ms = NOW_MS + offset_s * 1000;
    assertEquals(verdict({ now_ms }), [["X-Webhook-Signature", true], ["webhook-signature", expected]]);
  }
});

Deno.test("verifySignatures() says wrong before old: an attacker's timestamp proves nothing", () => {
  const headers = changed({ "webhook-timestamp": "1" });
  assertEquals((verdict({ headers })).at(-1), ["webhook-signature", "wrong_secret_or_body"]);
});

Deno.test("verifySignatures() says which header is missing", () => {
  assertEquals(verdict({ headers: {} }), [
    ["X-Webhook-Signature", "missing"],
    ["webhook-signature", "missing"],
  ]);
  for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"]) {
    const headers = changed({ [name]: undefined });
    assertEquals(verdict({ headers }), [["X-Webhook-Signature", true], [
      "webhook-signature",
      "missing",
    ]], name);
  }
});

Deno.test("verifySignatures() says what is malformed", () => {
  const right = signed(SECRET);
  const hex = (right["X-Webhook-Signature"] ?? "").slice("sha256=".length);
  for (
    const value of ["", hex, `sha1=${hex}`, `sha256=${hex.toUpperCase()}`, `sha256=${hex}0`, `sha256=${hex} `]
  ) {
    const headers = changed({ "X-Webhook-Signature": value });
    assertEquals((verdict({ headers }))[0], ["X-Webhook-Signature", "malformed"], value);
  }
  const standard = right["webhook-signature"] ?? "";
  for (
    const value of ["", "v1", "v1,", standard.slice(3), `v2${standard.slice(2)}`, `${standard}x`, "v1,short="]
  ) {
    const headers = changed({ "webhook-signature": value });
    assertEquals((verdict({ headers })).at(-1), ["webhook-signature", "malformed"], value);
  }
  for (const value of ["", "soon", "-1", "1e9", "1.5", "99999999999999", "NaN"]) {
    const headers = changed({ "webhook-timestamp": value });
    assertEquals((verdict({ headers })).at(-1), ["webhook-signature", "malformed"], value);
  }
});

Deno.test("verifySignatures() finds the right one among several standard signatures", () => {
  const { "webhook-signature": right = "" } = signed(SECRET);
  const { "webhook-signature": other = "" } = signed(OLD_SECRET);
  for (const value of [`${other} ${right}`, `v2,abc ${right}`, `v1a,xyz ${right} ${other}`]) {
    const headers = changed({ "webhook-signature": value });
    assertEquals((verdict({ headers })).at(-1), ["webhook-signature", true], value);
  }
});

Deno.test("verifySignatures() gives a hint with every failure, and none with success", () => {
  const headers = signed(SECRET, OLD_SECRET);
  const all: VerifiedSignature[] = [
    ...verifySignatures({ secret: SECRET, body: BODY, headers, now_ms: NOW_MS + 3_600_000 }),
    ...verifySignatures({ secret: SECRET, body: BODY, headers: {}, now_ms: NOW_MS }),
  ];
  for (const { valid, reason, hint } of all) {
    assertEquals(valid, reason === undefined);
    if (valid) assertEquals(hint, undefined);
    else assertMatch(hint ?? "", /\.$/);
    assert(!(hint ?? "").includes(SECRET));
  }
});

Deno.test("verifySignatures() finds valid whatever was signed, and nothing else", () => {
  const secret = fc.string({ unit: "grapheme-ascii", minLength: 24, maxLength: 64 })
    .map((text) => text.replaceAll(" ", "_")).filter((text) => !text.startsWith("whsec_"));
  fc.assert(
    fc.property(secret, fc.uint8Array({ maxLength: 200 }), fc.nat(), (own, bytes, place) => {
      const body = new Uint8Array(bytes);
      const key = new SigningKey(own);
      const headers = signatureHeaders([key], { webhook_id: "evt_1", timestamp_s: TIMESTAMP_S, body });
      const given = { secret: own, headers, now_ms: NOW_MS };
      assert(verifySignatures({ ...given, body }).every(({ valid }) => valid));
      const altered = body.length === 0 ? new Uint8Array([0]) : body.slice();
      if (body.length > 0) altered[place % body.length] = (altered[place % body.length] ?? 0) ^ 1;
      assert(verifySignatures({ ...given, body: altered }).every(({ valid }) => !valid));
    }),
    { numRuns: 50 },
  );
});
