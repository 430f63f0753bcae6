/**
 * Secrets of a webhook: their two forms, and the keys both signatures use.
 *
 * Owns the difference between a generated secret and an owner's own, and the names of the places that values are sealed for. It must never log or store one: storing
 * (encrypted) is the KV room's.
 *
 * @module
 */
import { z } from "zod";
import { invalidField } from "./errors.ts";
import { INPUT } from "./limits.ts";
import type { Ids } from "./ports.ts";

/** One valid secret of a webhook. */
export interface Secret {
  /** As shown to the owner, `whsec_` included. */
  readonly value: string;
  /** When a rotation ends it, in milliseconds since the epoch; null for the newest. */
  readonly expires_at: number | null;
}

/** The secret, where it is shown: at creation and rotation only. */
export interface ShownSecret {
  readonly secret: string;
  /** The same in the form that Standard Webhooks libraries take. */
  readonly standard_secret: string;
}

/** A secret that an owner may bring; {@linkcode parseSecret} judges it. */
export const ownSecret: z.ZodString = z.string().meta({
  description:
    `${INPUT.secret_chars_min} to ${INPUT.secret_chars_max} visible ASCII characters, or whsec_ and the ` +
    `base64 of ${INPUT.secret_chars_min} to ${INPUT.secret_chars_max} bytes; generated if left out`,
});

/** Where a secret of a webhook belongs: the additional data that it is sealed with, at rest too. */
export function secretPlace(site_id: string, webhook_id: string): string[] {
  return [site_id, webhook_id, "secret"];
}

/** Where a header value belongs: as {@linkcode secretPlace}. */
export function headerPlace(site_id: string, webhook_id: string, name: string): string[] {
  return [site_id, webhook_id, `header ${name}`];
}

/** Where the Stats API key of a watched site belongs: as {@linkcode secretPlace}. */
export function watchKeyPlace(site_id: string): string[] {
  return [site_id, "watch", "api_key"];
}

const PREFIX = "whsec_";
const VISIBLE = /^[\x21-\x7e]+$/;
const GENERATED_BYTES = 32;

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** The bytes of canonical base64, or null: a text that decodes but is written otherwise would not verify elsewhere. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return base64(bytes) === text ? bytes : null;
}

/**
 * Writes a new secret.
 *
 * @param secretBytes A source of cryptographically strong bytes.
 * @returns `whsec_` and the base64 of 32 bytes.
 */
export function generateSecret(secretBytes: (length: number) => Uint8Array): string {
  return PREFIX + base64(secretBytes(GENERATED_BYTES));
}

/**
 * Checks a secret that an owner brings: `whsec_` and the base64 of 24 to 64 bytes (treated like a generated one), or 24
 * to 64 visible ASCII characters. What begins with `whsec_` must be the first: receivers' libraries decode it.
 *
 * @param value The secret.
 * @returns The secret.
 * @throws {AppError} `validation_failed` at `/secret`, without the value.
 */
export function parseSecret(value: string): string {
  const { secret_chars_min: min, secret_chars_max: max } = INPUT;
  if (value.startsWith(PREFIX)) {
    const bytes = fromBase64(value.slice(PREFIX.length));
    if (bytes !== null && bytes.byteLength >= min && bytes.byteLength <= max) return value;
    throw invalidField("/secret", `after whsec_ it must be the base64 of ${min} to ${max} bytes`);
  }
  if (VISIBLE.test(value) && value.length >= min && value.length <= max) return value;
  throw invalidField("/secret", `it must have ${min} to ${max} visible ASCII characters`);
}

/**
 * The key of the Standard Webhooks signature: the decoded part after `whsec_`, else the secret's own bytes.
 *
 * @param secret A valid secret.
 * @returns The bytes HMAC is keyed with (Standard Webhooks, "Signature scheme").
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { standardKey } from "./secret.ts";
 * assertEquals(standardKey("whsec_AAAA").byteLength, 3);
 * assertEquals(standardKey("my-own-secret").byteLength, 13);
 * ```
 */
export function standardKey(secret: string): Uint8Array<ArrayBuffer> {
  const decoded = secret.startsWith(PREFIX) ? fromBase64(secret.slice(PREFIX.length)) : null;
  return decoded ?? new TextEncoder().encode(secret);
}

/**
 * The secret in the form that Standard Webhooks libraries take.
 *
 * @param secret A valid secret.
 * @returns `whsec_` and the base64 of {@linkcode standardKey}.
 */
export function standardSecret(secret: string): string {
  return PREFIX + base64(standardKey(secret));
}

/**
 * The secret an owner brought, or a generated one.
 *
 * @param given What the owner brought, if anything.
 * @param ids The source of strong bytes.
 * @returns The secret as it is shown.
 * @throws {AppError} `validation_failed`.
 */
export function newSecret(given: string | undefined, ids: Pick<Ids, "secretBytes">): string {
  return given === undefined ? generateSecret((length) => ids.secretBytes(length)) : parseSecret(given);
}
