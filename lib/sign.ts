/**
 * The two signatures every delivery carries.
 *
 * Owns how a body is signed (requirements: "Signature details"). It must never see an expired secret: the caller
 * passes the valid ones.
 *
 * @module
 */
import { HmacKey } from "./digest.ts";
import { standardKey } from "./secret.ts";

const encoder = new TextEncoder();

/** The two keys of a secret, ready to sign. Private, so that no log or error shows them. */
export class SigningKey {
  readonly #plain: HmacKey;
  readonly #standard: HmacKey;

  /** @param secret A valid secret as shown to its owner. */
  constructor(secret: string) {
    this.#plain = new HmacKey(encoder.encode(secret));
    this.#standard = new HmacKey(standardKey(secret));
  }

  /** The HMAC-SHA256 of a body, in hex. */
  plain(body: Uint8Array): string {
    return this.#plain.sign([body]).toHex();
  }

  /**
   * The HMAC-SHA256 that Standard Webhooks asks for, in base64.
   * @param head What is signed before the body.
   * @param body The body.
   */
  standard(head: Uint8Array, body: Uint8Array): string {
    return this.#standard.sign([head, body]).toBase64();
  }
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
export function signatureHeaders(
  keys: readonly SigningKey[],
  { webhook_id, timestamp_s, body }: Signable,
): Record<string, string> {
  const [newest, previous] = keys;
  const head = encoder.encode(`${webhook_id}.${timestamp_s}.`);
  return {
    ...(newest === undefined ? {} : { "X-Webhook-Signature": `sha256=${newest.plain(body)}` }),
    ...(previous === undefined ? {} : { "X-Webhook-Signature-Previous": `sha256=${previous.plain(body)}` }),
    "webhook-id": webhook_id,
    "webhook-timestamp": String(timestamp_s),
    "webhook-signature": keys.map((key) => `v1,${key.standard(head, body)}`).join(" "),
  };
}
