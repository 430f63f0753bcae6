/**
 * Encryption of secrets and header values at rest: AES-256-GCM (Web Crypto), bound to where the value belongs.
 *
 * Owns the sealed form `1.<base64 of nonce and ciphertext>`. A sealed value copied to another webhook or another field
 * does not open there, since its place is additional data (NIST SP 800-38D). It must never log what it seals.
 *
 * @module
 */
import { assert } from "@std/assert";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const FORM = "1.";

/** Seals and opens short texts. */
export interface SecretBox {
  /**
   * @param text What to seal.
   * @param place Where it belongs; must be the same when opened.
   */
  seal(text: string, place: readonly string[]): Promise<string>;
  /** @throws {SealError} If no key opens it: another secret key, another place, or altered. */
  open(sealed: string, place: readonly string[]): Promise<string>;
}

/** A sealed value that can't be opened. */
export class SealError extends Error {
  override readonly name = "SealError";
}

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  // Web Crypto takes 16 or 24 bytes too, and would silently use a weaker cipher than promised.
  assert(bytes.byteLength === KEY_BYTES, "a secret key has 32 bytes");
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function additionalData(place: readonly string[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(place));
}

/** Nonce and ciphertext, or null for a text of another form. */
function bytesOf(sealed: string): Uint8Array<ArrayBuffer> | null {
  if (!sealed.startsWith(FORM)) return null;
  try {
    return Uint8Array.fromBase64(sealed.slice(FORM.length));
  } catch {
    return null;
  }
}

/**
 * Makes a box.
 *
 * @param key_bytes 32 bytes; new values are sealed with it.
 * @param previous_bytes The key before, while it is being replaced: still opens.
 * @returns The box.
 */
export async function createSecretBox(
  key_bytes: Uint8Array<ArrayBuffer>,
  previous_bytes: Uint8Array<ArrayBuffer> | null = null,
): Promise<SecretBox> {
  const key = await importKey(key_bytes);
  const openers = previous_bytes === null ? [key] : [key, await importKey(previous_bytes)];

  async function seal(text: string, place: readonly string[]): Promise<string> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const parameters = { name: "AES-GCM", iv: nonce, additionalData: additionalData(place) };
    const ciphertext = new Uint8Array(
      await crypto.subtle.encrypt(parameters, key, new TextEncoder().encode(text)),
    );
    const joined = new Uint8Array(NONCE_BYTES + ciphertext.byteLength);
    joined.set(nonce);
    joined.set(ciphertext, NONCE_BYTES);
    return FORM + joined.toBase64();
  }

  async function open(sealed: string, place: readonly string[]): Promise<string> {
    const bytes = bytesOf(sealed);
    if (bytes === null) throw new SealError("Cannot open a sealed value: its form is unknown");
    const parameters = {
      name: "AES-GCM",
      iv: bytes.slice(0, NONCE_BYTES),
      additionalData: additionalData(place),
    };
    for (const opener of openers) {
      try {
        const text = await crypto.subtle.decrypt(parameters, opener, bytes.slice(NONCE_BYTES));
        return new TextDecoder().decode(text);
      } catch {
        // Another key may open it: GCM says no more than "no".
      }
    }
    throw new SealError(
      "Cannot open a sealed value: it was sealed with another TIDINGS_SECRET_KEY or altered",
    );
  }

  return { seal, open };
}
