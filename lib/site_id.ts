/**
 * The id of a site: its domain as Plausible has it.
 *
 * Owns what a site's id may be and how it is written in paths and headers. Every id that enters goes through here once; it
 * must never let two spellings of one id in, nor an address of a machine.
 *
 * @module
 */
import { z } from "zod";
import { INPUT } from "./limits.ts";
import { isIpv6Address } from "./privacy/ip_addresses.ts";
import { personalTextKind } from "./privacy/personal_data.ts";
import { foldCharacters } from "./privacy/plain_text.ts";
import { remembered } from "./remembered.ts";

/** A site's id that went through {@linkcode parseSiteId}: lowered, composed (NFC), without an address. */
export type SiteId = string;

/** What came of reading a site's id: the one spelling of it, or what is wrong, for the caller. */
export type SiteIdResult =
  | { readonly ok: true; readonly site_id: SiteId }
  | { readonly ok: false; readonly message: string };

/** Letters of any script with the marks that many of them are written with, digits, and `- . / : _`. */
const ALLOWED = /^[\p{L}\p{M}\p{Nd}\-./:_]+$/u;

/** Far more than composing could make short enough: composing the text is not linear, so it is not tried on more. */
const UNITS_MAX = INPUT.site_id_chars_max * 8;

/** Ids that are read at once: those of sites whose events keep coming. */
const REMEMBERED_MAX = 5000;

/**
 * Reads a site's id.
 *
 * @param text The id as a caller wrote it, not percent-encoded.
 * @returns The id in its one spelling, or what is wrong. The message never has the text: it may be a person's address.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSiteId } from "./site_id.ts";
 * assertEquals(parseSiteId("Example.com/Blog"), { ok: true, site_id: "example.com/blog" });
 * assertEquals(parseSiteId("10.0.0.1:8080"), { ok: false, message: "must not be or contain an IP address" });
 * ```
 */
export const parseSiteId: (text: string) => SiteIdResult = remembered(
  REMEMBERED_MAX,
  readSiteId,
  (text, { ok }) => ok && text.length <= INPUT.site_id_chars_max,
);

function readSiteId(text: string): SiteIdResult {
  if (text.length > UNITS_MAX) return refused(lengthMessage(`more than ${INPUT.site_id_chars_max}`));
  // Composed last: lowering can take a letter apart (İ), and what it leaves may compose in another order.
  const site_id = text.toLowerCase().normalize("NFC");
  const length = [...site_id].length;
  if (length < 1 || length > INPUT.site_id_chars_max) return refused(lengthMessage(String(length)));
  if (!ALLOWED.test(site_id)) {
    return refused("must have letters, digits and - . / : _ only, such as example.com or example.com/blog");
  }
  if (site_id.split("/").some((segment) => segment === "." || segment === "..")) {
    return refused("must not have a . or .. segment");
  }
  const kind = personalTextKind(site_id);
  if (kind === "ip_address" || isAddress(site_id)) return refused("must not be or contain an IP address");
  if (kind !== null) return refused("must not contain personal data");
  return { ok: true, site_id };
}

function refused(message: string): SiteIdResult {
  return { ok: false, message };
}

function lengthMessage(current: string): string {
  return `must be 1 to ${INPUT.site_id_chars_max} characters, current length is ${current}`;
}

/**
 * Whether an id is an IP address, with or without a port or a path, in a spelling that is no address in a text but one
 * in a URL: `0x7f.1`, `127.1`, `a::b`. A decimal number alone (`2024`) is a name.
 */
function isAddress(site_id: string): boolean {
  const [authority = ""] = foldCharacters(site_id).split("/");
  if (isIpv6Address(authority)) return true;
  const [host = ""] = authority.split(":");
  if (/^\d*$/.test(host)) return false;
  const url = URL.parse(`http://${host}/`);
  return url !== null && /^\d+\.\d+\.\d+\.\d+$/.test(url.hostname);
}

/**
 * A site's id in a JSON body: reads a string, gives the id in its one spelling.
 *
 * @throws {z.ZodError} When parsing what {@linkcode parseSiteId} refuses, with its message.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { siteIdSchema } from "./site_id.ts";
 * assertEquals(siteIdSchema.parse("Example.com"), "example.com");
 * ```
 */
export const siteIdSchema: z.ZodType<SiteId, string> = z.string()
  .meta({ description: "The domain as Plausible has it", examples: ["example.com"], pattern: ALLOWED.source })
  .transform((text, context) => {
    const result = parseSiteId(text);
    if (result.ok) return result.site_id;
    context.addIssue({ code: "custom", message: result.message });
    return z.NEVER;
  });

/**
 * Writes a site's id for a path or the header `X-Webhook-Site-Id`: one segment of visible ASCII.
 *
 * @param site_id The id.
 * @returns The id percent-encoded; `decodeURIComponent` gives exactly the id again.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeSiteId } from "./site_id.ts";
 * assertEquals(encodeSiteId("bücher.example/blog"), "b%C3%BCcher.example%2Fblog");
 * ```
 */
export function encodeSiteId(site_id: SiteId): string {
  return encodeURIComponent(site_id);
}
