/**
 * Signatures as receivers verify them: with the official Standard Webhooks library, and with openssl.
 *
 * Owns a second opinion. It must never use the project's own signing.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Webhook } from "standardwebhooks";
import type { RecordedRequest } from "./receiver.ts";

/** A secret as the API shows it where it was made. */
export interface ReceiverSecret {
  readonly secret: string;
  readonly standard_secret: string;
}

/** `X-Webhook-Signature` as openssl makes it: HMAC-SHA-256 over the raw body, keyed with the whole secret. */
export async function opensslSignature(secret: string, body: Uint8Array): Promise<string> {
  const command = new Deno.Command("openssl", {
    args: ["dgst", "-sha256", "-hmac", secret, "-r"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = command.stdin.getWriter();
  await writer.write(body);
  await writer.close();
  const { success, stdout, stderr } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
  return `sha256=${new TextDecoder().decode(stdout).split(" ")[0]}`;
}

/**
 * Whether the official library takes a request for genuine.
 *
 * @param request As received, not older than five minutes.
 * @param secret What the receiver has.
 */
export function passesStandard(
  { text, headers }: RecordedRequest,
  { standard_secret }: ReceiverSecret,
): boolean {
  try {
    new Webhook(standard_secret).verify(text, Object.fromEntries(headers));
    return true;
  } catch {
    return false;
  }
}

/**
 * Asserts that both signatures of a request are valid under a secret.
 *
 * @param request As received.
 * @param secret What the receiver has.
 * @param header Where the plain signature under this secret is.
 * @throws {AssertionError}
 */
export async function assertSigned(
  request: RecordedRequest,
  secret: ReceiverSecret,
  header: "X-Webhook-Signature" | "X-Webhook-Signature-Previous" = "X-Webhook-Signature",
): Promise<void> {
  assert(passesStandard(request, secret), "the Standard Webhooks library refuses the request");
  assertEquals(request.headers.get(header), await opensslSignature(secret.secret, request.body));
}
