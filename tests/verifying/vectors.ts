/**
 * The test vectors of docs/signature-vectors.json.
 *
 * Owns what they are, signed by the product itself; nothing in them depends on time or chance. It must never say what is
 * valid because the product says so: that is written here, and checked by another implementation.
 *
 * @module
 */
import { standardSecret } from "../../lib/secret.ts";
import { signatureHeaders, SigningKey } from "../../lib/sign.ts";

/** One vector, as the file has it. */
export interface Vector {
  readonly name: string;
  readonly why: string;
  readonly secret: string;
  readonly standard_secret: string;
  readonly body: string;
  readonly body_base64: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The receiver's clock, in seconds. */
  readonly now: number;
  /** What a verifier of `X-Webhook-Signature` and `-Previous` must say. */
  readonly plain: boolean;
  /** What a verifier of `webhook-signature` must say. */
  readonly standard: boolean;
}

/** The whole file. */
export interface Vectors {
  readonly about: string;
  readonly tolerance_s: number;
  readonly vectors: readonly Vector[];
}

/** How far `webhook-timestamp` may be from the receiver's clock. */
export const TOLERANCE_S = 300;

// Secrets of nobody.
const GENERATED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const NEWER = "whsec_q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
const OWN = `owner's:"secret"$with%\\signs+/=`;
const WITH_PREFIX_ONLY = "whsec.is-not-the-prefix-whsec_";
const TIME_S = 1_772_020_800;
const ID = "evt_01JMZ0000000000000000000AA";
const ASCII =
  '{"event":"goal_completion","site_id":"example.com","timestamp":"2026-02-25T12:00:00Z","data":{"goal_name":"Signup","visitor_count":1,"path":"/signup"}}';
const MANY_BYTES =
  '{"event":"custom_event","site_id":"bücher.example/läden","timestamp":"2026-02-25T13:00:00.5+01:00","data":{"event_name":"Größe ✓ 購入 🎉","visitor_count":3,"props":{"a/b":"\\"\\\\ \\u2028 <&>","n":1e21}}}';
const LITTLE = '{"event":"test","site_id":"a","timestamp":"2026-02-25T12:00:00Z","data":{}}';

/** What a vector is made of: the secrets that sign (the newest first) and the receiver's are {@linkcode GENERATED} if left out. */
interface Recipe {
  readonly why: string;
  readonly signed_with?: readonly string[];
  readonly receiver_has?: string;
  readonly body?: string;
  /** Instead of the body that was signed. */
  readonly received_body?: string;
  /** Set, or (null) taken away, after signing. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly now?: number;
  readonly plain: boolean;
  readonly standard: boolean;
}

const BOTH = { plain: true, standard: true };
const NONE = { plain: false, standard: false };

const RECIPES: Readonly<Record<string, Recipe>> = {
  "ascii": { why: "The usual case: a generated secret, a body of ASCII.", ...BOTH },
  "utf-8": {
    why: "Characters of up to four bytes, and escapes that must stay as they are.",
    body: MANY_BYTES,
    ...BOTH,
  },
  "little-data": { why: "data is an empty object.", body: LITTLE, ...BOTH },
  "empty-body": {
    why: "Nothing at all was signed; Tidings sends no such body, HMAC has one answer anyway.",
    body: "",
    ...BOTH,
  },
  "own-secret": {
    why:
      "A secret of the owner's: the plain key is its text, standard_secret is whsec_ and the base64 of the same bytes.",
    signed_with: [OWN],
    receiver_has: OWN,
    ...BOTH,
  },
  "own-secret-like-a-generated-one": {
    why: "whsec_ counts at the beginning only.",
    signed_with: [WITH_PREFIX_ONLY],
    receiver_has: WITH_PREFIX_ONLY,
    ...BOTH,
  },
  "rotation-new-secret": {
    why:
      "Both secrets sign; the receiver has the new one: X-Webhook-Signature, the first part of webhook-signature.",
    signed_with: [NEWER, GENERATED],
    receiver_has: NEWER,
    ...BOTH,
  },
  "rotation-old-secret": {
    why: "Both secrets sign; the receiver has the old one: X-Webhook-Signature-Previous, the second part.",
    signed_with: [NEWER, GENERATED],
    ...BOTH,
  },
  "rotation-from-own-secret": {
    why: "The secret before was the owner's.",
    signed_with: [NEWER, OWN],
    receiver_has: OWN,
    body: MANY_BYTES,
    ...BOTH,
  },
  "previous-only": {
    why: "X-Webhook-Signature is not there, X-Webhook-Signature-Previous is and suffices.",
    signed_with: [NEWER, GENERATED],
    headers: { "X-Webhook-Signature": null },
    ...BOTH,
  },
  "two-rotations": {
    why: "Three secrets sign; the plain headers name the newest two only, webhook-signature all of them.",
    signed_with: [NEWER, OWN, GENERATED],
    plain: false,
    standard: true,
  },
  "rotation-over": {
    why: "Only the new secret signs, the receiver has the old one.",
    signed_with: [NEWER],
    ...NONE,
  },
  "unknown-versions": {
    why: "Parts of webhook-signature that are not v1 are passed over.",
    headers: { "webhook-signature": "v9,AAAA {} v1a,BBBB" },
    ...BOTH,
  },
  "wrong-secret": { why: "Another webhook's secret.", receiver_has: NEWER, ...NONE },
  "body-changed": {
    why: "One character is another.",
    received_body: ASCII.replace("Signup", "Signuq"),
    ...NONE,
  },
  "body-reserialised": {
    why: "Parsed and written again with spaces.",
    received_body: JSON.stringify(JSON.parse(ASCII), null, 1),
    ...NONE,
  },
  "body-with-newline": { why: "A newline after the body.", received_body: `${ASCII}\n`, ...NONE },
  "id-changed": {
    why: "X-Webhook-Signature does not cover webhook-id, webhook-signature does.",
    headers: { "webhook-id": "evt_01JMZ0000000000000000000AB" },
    plain: true,
    standard: false,
  },
  "timestamp-changed": {
    why: "webhook-signature covers the time.",
    headers: { "webhook-timestamp": String(TIME_S + 1) },
    plain: true,
    standard: false,
  },
  "five-minutes-old": { why: "Just within the tolerance.", now: TIME_S + TOLERANCE_S, ...BOTH },
  "too-old": { why: "A second beyond it.", now: TIME_S + TOLERANCE_S + 1, plain: true, standard: false },
  "too-new": {
    why: "A second beyond it, ahead.",
    now: TIME_S - TOLERANCE_S - 1,
    plain: true,
    standard: false,
  },
  "plain-missing": {
    why: "No X-Webhook-Signature.",
    headers: { "X-Webhook-Signature": null },
    plain: false,
    standard: true,
  },
  "standard-missing": {
    why: "No webhook-signature.",
    headers: { "webhook-signature": null },
    plain: true,
    standard: false,
  },
  "malformed": {
    why: "Not hex of the right length, not base64: refused, without an exception.",
    headers: { "X-Webhook-Signature": "sha256=zz", "webhook-signature": "v1" },
    ...NONE,
  },
  "swapped-encodings": {
    why: "The hex of one header where the base64 of the other should be, and the other way round.",
    headers: { "X-Webhook-Signature": "{}", "webhook-signature": "sha256=00" },
    ...NONE,
  },
};

function vector(name: string, recipe: Recipe): Vector {
  const { why, signed_with = [GENERATED], body = ASCII, headers: changes = {}, now = TIME_S } = recipe;
  const secret = recipe.receiver_has ?? GENERATED;
  const keys = signed_with.map((value) => new SigningKey(value));
  const encoder = new TextEncoder();
  const headers = new Map(Object.entries(
    signatureHeaders(keys, { webhook_id: ID, timestamp_s: TIME_S, body: encoder.encode(body) }),
  ));
  const signature = headers.get("webhook-signature") ?? "";
  for (const [header, value] of Object.entries(changes)) {
    if (value === null) headers.delete(header);
    // {}: the signature of Standard Webhooks itself.
    else headers.set(header, value.replace("{}", signature));
  }
  const received = recipe.received_body ?? body;
  return {
    name,
    why,
    secret,
    standard_secret: standardSecret(secret),
    body: received,
    body_base64: encoder.encode(received).toBase64(),
    headers: Object.fromEntries(headers),
    now,
    plain: recipe.plain,
    standard: recipe.standard,
  };
}

/**
 * Signs the vectors anew.
 *
 * @returns What the file must say.
 */
export function signatureVectors(): Vectors {
  const vectors = Object.entries(RECIPES).map(([name, recipe]) => vector(name, recipe));
  return {
    about: "Test vectors for receivers of Tidings: see verifying.md",
    tolerance_s: TOLERANCE_S,
    vectors,
  };
}
