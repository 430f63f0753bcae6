/**
 * Finds e-mail addresses in text.
 *
 * Owns what counts as one. It must never take more than linear time: it reads what strangers sent.
 *
 * @module
 */
import type { Span } from "./span.ts";

/** What local parts are made of, with what can't be seen between it. */
const LOCAL = String.raw`\p{L}\p{N}\p{M}\p{Default_Ignorable_Code_Point}._%+\-`;

/**
 * What RFC 5322 allows besides, and U+FFFD for bytes that could not be read. One of these before the `@` is enough. Not
 * the slash: nobody's address ends its local part with it, while `/@jane.doe/` is a usual path. Quoted local parts
 * (`"jane doe"@…`) are left out likewise: no provider gives them out, and `"@type"` is usual JSON.
 */
const RARE_LOCAL = "!#$&'*=?^`{|}~\uFFFD";

/**
 * A local part, the `@`, and (looked at only, since it may be the local part of the next) what may be a domain.
 *
 * Linear: the look-behind lets a run of local characters be tried at its first one only, and neither run contains `@`.
 */
const CANDIDATE = new RegExp(
  `(?:(?<![${LOCAL}])[${LOCAL}]+|[${RARE_LOCAL}])@(?=([\\p{L}\\p{N}\\p{M}.\\-]+))`,
  "gu",
);

const TOP_LEVEL_DOMAIN = /^\p{L}[\p{L}\p{N}\p{M}-]+$/u;

/** Endings of files that are no top-level domains: `logo@2x.png`, `chart@dark.svg`, `jquery@3.7.1.min.js`. */
const FILE_ENDING =
  /(?:\.min\.js|(?:\.min)?\.(?:png|jpe?g|gif|webp|svg|avif|ico|css|mjs|json|html?|php|xml|txt|pdf|mp4|webm|woff2?|ttf))$/i;

/**
 * Finds the e-mail addresses in a text: something, an `@`, and a domain with a top-level domain, letters of any script.
 *
 * `@2x`, `icon@2x.png`, `pkg@1.2.3`, `@scope/pkg` and `root@localhost` are none.
 *
 * @param text The text, not encoded in any way.
 * @returns Where they are, first to last.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { emailAddresses } from "./email_addresses.ts";
 * assertEquals([...emailAddresses("to jane@example.com.")], [{ start: 3, end: 19 }]);
 * ```
 */
export function* emailAddresses(text: string): Generator<Span> {
  if (!text.includes("@")) return;
  for (const candidate of text.matchAll(CANDIDATE)) {
    const [local_and_at, domain = ""] = candidate;
    if (/^\.+@$/.test(local_and_at)) continue; // ".@handle"
    const length = domainLength(domain);
    const domain_start = candidate.index + local_and_at.length;
    if (length > 0) yield { start: candidate.index, end: domain_start + length };
  }
}

/** How much of a run of domain characters is a domain with a top-level domain; 0 if nothing is. */
function domainLength(run: string): number {
  const gap = run.indexOf("..");
  const before_gap = gap === -1 ? run : run.slice(0, gap);
  const name = before_gap.endsWith(".") ? before_gap.slice(0, -1) : before_gap;
  const labels = name.replace(FILE_ENDING, "").split(".");
  let offset = 0;
  let length = 0;
  for (const [index, label] of labels.entries()) {
    offset += index === 0 ? label.length : label.length + 1;
    if (index > 0 && TOP_LEVEL_DOMAIN.test(label)) length = offset;
  }
  return labels[0] === "" ? 0 : length;
}
