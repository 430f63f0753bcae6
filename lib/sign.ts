/**
 * The two signatures every delivery carries.
 *
 * Owns how a body is signed (requirements: "Signature details"). It must never see an expired secret: the caller
 * passes the valid ones.
 *
 * @module
 */
import { standardKey } from "./secret.ts";

/** A secret with both of its HMAC keys imported, ready to sign. */
export interface SigningKey {
  readonly plain: CryptoKey;
  readonly standard: CryptoKey;
}

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;
const encoder = new TextEncoder();

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign"]);
}

/**
 * Imports a secret's keys, once for many deliveries.
 *
 * @param secret A valid secret as shown to its owner.
 * @returns Its two keys.
 */
export async function importSigningKey(secret: string): Promise<SigningKey> {
  const [plain, standard] = await Promise.all([
    importKey(encoder.encode(secret)),
    importKey(standardKey(secret)),
  ]);
  return { plain, standard };
}

/** What is signed. */
export interface Signable {
  /** The event's id: unchanged on retries. */
  readonly webhook_id: string;
  /** The attempt's time in whole seconds. */
  readonly timestamp_s: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Signs one attempt with every valid secret.
 *
 * @param keys The valid secrets' keys, newest first, at least one.
 * @param signable What is signed.
 * @returns The signature headers: `X-Webhook-Signature` under the newest secret, `-Previous` under the one before,
 * and the three of Standard Webhooks with one signature a secret.
 */
export async function signatureHeaders(
  keys: readonly SigningKey[],
  { webhook_id, timestamp_s, body }: Signable,
): Promise<Record<string, string>> {
  const signed = concat(encoder.encode(`${webhook_id}.${timestamp_s}.`), body);
  const [plain, standard] = await Promise.all([
    Promise.all(keys.slice(0, 2).map((key) => hmac(key.plain, body))),
    Promise.all(keys.map((key) => hmac(key.standard, signed))),
  ]);
  const [newest, previous] = plain.map((mac) => `sha256=${mac.toHex()}`);
  return {
    ...(newest === undefined ? {} : { "X-Webhook-Signature": newest }),
    ...(previous === undefined ? {} : { "X-Webhook-Signature-Previous": previous }),
    "webhook-id": webhook_id,
    "webhook-timestamp": String(timestamp_s),
    "webhook-signature": standard.map((mac) => `v1,${mac.toBase64()}`).join(" "),
  };
}

async function hmac(key: CryptoKey, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.byteLength + second.byteLength);
  joined.set(first);
  joined.set(second, first.byteLength);
  return joined;
}
