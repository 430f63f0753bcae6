/**
 * Verifies the signatures of a delivery, as a receiver does, and says what is wrong with each.
 *
 * Owns the explanation. It must never log or keep what it is given: it is a secret and a payload.
 *
 * @module
 */
import { timingSafeEqual } from "@std/crypto";
import { TIME } from "./limits.ts";
import { signatureHeaders, SigningKey } from "./sign.ts";

/** Why a signature is not valid. */
export type VerifyReason = "wrong_secret_or_body" | "timestamp_out_of_tolerance" | "malformed" | "missing";

/** What is said of one signature header. */
export interface VerifiedSignature {
  readonly header: "X-Webhook-Signature" | "X-Webhook-Signature-Previous" | "webhook-signature";
  readonly valid: boolean;
  readonly reason?: VerifyReason;
  /** What to do about it, in words. */
  readonly hint?: string;
}

/** What a receiver got. */
export interface VerifyInput {
  readonly secret: string;
  /** The raw body, before any parsing. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Names in any case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly now_ms: number;
}

/** Standard Webhooks, "Webhook timestamp": the libraries of most languages take five minutes. */
const TOLERANCE_MS = 5 * TIME.MINUTE_MS;

/** What to do about each reason, in words. */
export const HINTS: Readonly<Record<VerifyReason, string>> = {
  wrong_secret_or_body:
    "The secret is another webhook's or an old one, or the body was parsed and written again: " +
    "verify the bytes as they came, before any middleware touches them.",
  timestamp_out_of_tolerance:
    "webhook-timestamp is more than five minutes from now: check the receiver's clock, or " +
    "the request is an old one sent again by someone else.",
  malformed: "The header has not the documented form; a proxy may have changed it.",
  missing: "The header is not there; a proxy may have removed it, or the request is not from Tidings.",
};

function failed(header: VerifiedSignature["header"], reason: VerifyReason): VerifiedSignature {
  return { header, valid: false, reason, hint: HINTS[reason] };
}

function sameText(a: string, b: string): boolean {
  const encoder = new TextEncoder();
  return timingSafeEqual(encoder.encode(a), encoder.encode(b));
}

/**
 * Verifies every signature of a delivery.
 *
 * @param input What a receiver got, and the secret it has.
 * @returns One entry a header; `X-Webhook-Signature-Previous` only where it is present.
 */
export function verifySignatures(input: VerifyInput): VerifiedSignature[] {
  const headers = new Map(Object.entries(input.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const key = new SigningKey(input.secret);
  const timestamp = headers.get("webhook-timestamp") ?? "";
  const expected = signatureHeaders([key], {
    webhook_id: headers.get("webhook-id") ?? "",
    timestamp_s: Number(timestamp),
    body: input.body,
  });
  const plain = (header: "X-Webhook-Signature" | "X-Webhook-Signature-Previous"): VerifiedSignature => {
    const value = headers.get(header.toLowerCase());
    if (value === undefined) return failed(header, "missing");
    if (!/^sha256=[0-9a-f]{64}$/.test(value)) return failed(header, "malformed");
    const valid = sameText(value, expected["X-Webhook-Signature"] ?? "");
    return valid ? { header, valid } : failed(header, "wrong_secret_or_body");
  };
  const verified = [plain("X-Webhook-Signature")];
  if (headers.has("x-webhook-signature-previous")) verified.push(plain("X-Webhook-Signature-Previous"));
  return [...verified, standard(headers, expected["webhook-signature"] ?? "", input.now_ms)];
}

function standard(headers: ReadonlyMap<string, string>, expected: string, now_ms: number): VerifiedSignature {
  const header = "webhook-signature";
  const [value, id, timestamp] = [
    headers.get(header),
    headers.get("webhook-id"),
    headers.get("webhook-timestamp"),
  ];
  if (value === undefined || id === undefined || timestamp === undefined) return failed(header, "missing");
  const given = value.split(" ").filter((part) => /^v1,[A-Za-z0-9+/]{43}=$/.test(part));
  if (given.length === 0 || !/^\d{1,12}$/.test(timestamp)) return failed(header, "malformed");
  if (!given.some((part) => sameText(part, expected))) return failed(header, "wrong_secret_or_body");
  const distance_ms = Math.abs(now_ms - Number(timestamp) * 1000);
  return distance_ms > TOLERANCE_MS ? failed(header, "timestamp_out_of_tolerance") : { header, valid: true };
}
