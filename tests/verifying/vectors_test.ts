/**
 * docs/signature-vectors.json is what Tidings signs, and says of it what other implementations find.
 *
 * `UPDATE_GOLDEN=1 deno test -A tests/verifying/vectors_test.ts` writes it anew; read the difference before it is
 * committed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import { verifySignatures } from "../../lib/verify.ts";
import { signatureVectors, TOLERANCE_S, type Vector, type Vectors } from "./vectors.ts";

const FILE = new URL("../../docs/signature-vectors.json", import.meta.url);
const ADVICE = "UPDATE_GOLDEN=1 deno test -A tests/verifying/vectors_test.ts writes the file anew";

if (Deno.env.get("UPDATE_GOLDEN") === "1") {
  await Deno.writeTextFile(FILE, `${JSON.stringify(await signatureVectors(), null, 2)}\n`);
}

const read: Vectors = JSON.parse(await Deno.readTextFile(FILE));

function isHmac(given: string, key: Buffer, data: Buffer, encoding: "hex" | "base64"): boolean {
  const expected = Buffer.from(createHmac("sha256", key).update(data).digest(encoding));
  const bytes = Buffer.from(given);
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}

/** A verifier as the document describes it, made of node:crypto, from the file alone. */
function verdict(
  { secret, standard_secret, body_base64, headers, now }: Vector,
): { plain: boolean; standard: boolean } {
  const body = Buffer.from(body_base64, "base64");
  const [id, time] = [headers["webhook-id"] ?? "", headers["webhook-timestamp"] ?? ""];
  const key = Buffer.from(standard_secret.slice("whsec_".length), "base64");
  const signed = Buffer.concat([Buffer.from(`${id}.${time}.`), body]);
  const near = Math.abs(now - Number(time)) <= read.tolerance_s;
  return {
    plain: [headers["X-Webhook-Signature"], headers["X-Webhook-Signature-Previous"]].some((value = "") =>
      value.startsWith("sha256=") && isHmac(value.slice(7), Buffer.from(secret), body, "hex")
    ),
    standard: near &&
      (headers["webhook-signature"] ?? "").split(" ").some((part) =>
        part.startsWith("v1,") && isHmac(part.slice(3), key, signed, "base64")
      ),
  };
}

Deno.test("docs/signature-vectors.json is what Tidings signs today", async () => {
  assertEquals(read, await signatureVectors(), ADVICE);
  assertEquals(read.tolerance_s, TOLERANCE_S);
});

Deno.test("docs/signature-vectors.json says of each vector what another implementation finds", () => {
  for (const vector of read.vectors) {
    const { name, plain, standard, body, body_base64 } = vector;
    assertEquals({ name, ...verdict(vector) }, { name, plain, standard });
    assertEquals(Buffer.from(body_base64, "base64").toString(), body, name);
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
