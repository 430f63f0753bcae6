/**
 * docs/signature-vectors.json is what Tidings signs, and says of it what other implementations find.
 *
 * `UPDATE_GOLDEN=1 deno test -A tests/verifying/vectors_test.ts` writes it anew; read the difference before it is
 * committed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { verifySignatures } from "../../lib/verify.ts";
import { signatureVectors, TOLERANCE_S, type Vector, type Vectors } from "./vectors.ts";

const FILE = new URL("../../docs/signature-vectors.json", import.meta.url);
const ADVICE = "UPDATE_GOLDEN=1 deno test -A tests/verifying/vectors_test.ts writes the file anew";

if (Deno.env.get("UPDATE_GOLDEN") === "1") {
  await Deno.writeTextFile(FILE, `${JSON.stringify(signatureVectors(), null, 2)}\n`);
}

const read: Vectors = JSON.parse(await Deno.readTextFile(FILE));

const encoder = new TextEncoder();

type Bytes = Uint8Array<ArrayBuffer>;

async function hmac(key: Bytes, data: Bytes): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

/** A verifier as the document describes it, made of Web Crypto (Tidings signs with node:crypto), from the file alone. */
async function verdict(
  { secret, standard_secret, body_base64, headers, now }: Vector,
): Promise<{ plain: boolean; standard: boolean }> {
  const body = Uint8Array.fromBase64(body_base64);
  const [id, time] = [headers["webhook-id"] ?? "", headers["webhook-timestamp"] ?? ""];
  const key = Uint8Array.fromBase64(standard_secret.slice("whsec_".length));
  const signed = new Uint8Array([...encoder.encode(`${id}.${time}.`), ...body]);
  const plain = `sha256=${(await hmac(encoder.encode(secret), body)).toHex()}`;
  const standard = `v1,${(await hmac(key, signed)).toBase64()}`;
  const near = Math.abs(now - Number(time)) <= read.tolerance_s;
  return {
    plain: [headers["X-Webhook-Signature"], headers["X-Webhook-Signature-Previous"]].includes(plain),
    standard: near && (headers["webhook-signature"] ?? "").split(" ").includes(standard),
  };
}

Deno.test("docs/signature-vectors.json is what Tidings signs today", () => {
  assertEquals(read, signatureVectors(), ADVICE);
  assertEquals(read.tolerance_s, TOLERANCE_S);
});

Deno.test("docs/signature-vectors.json says of each vector what another implementation finds", async () => {
  for (const vector of read.vectors) {
    const { name, plain, standard, body, body_base64 } = vector;
    assertEquals({ name, ...await verdict(vector) }, { name, plain, standard });
    assertEquals(Uint8Array.fromBase64(body_base64), encoder.encode(body), name);
  }
  for (const kind of ["plain", "standard"] as const) {
    for (const valid of [true, false]) assert(read.vectors.some((vector) => vector[kind] === valid));
  }
});

Deno.test("verify-signature says the same of each vector of docs/signature-vectors.json", async () => {
  for (const { name, secret, body_base64, headers, now, plain, standard } of read.vectors) {
    const signatures = await verifySignatures({
      secret,
      body: Uint8Array.fromBase64(body_base64),
      headers,
      now_ms: now * 1000,
    });
    const valid = (header: RegExp): boolean =>
      signatures.some((signature) => header.test(signature.header) && signature.valid);
    assertEquals({ name, plain: valid(/^X-/), standard: valid(/^webhook-/) }, { name, plain, standard });
  }
});
