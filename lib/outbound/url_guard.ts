/**
 * Which URLs a webhook may have: the first half of the guard against server-side request forgery.
 *
 * Owns the rules and their words for the webhook's owner. It must never judge the text of a URL (only `new URL(…)` is
 * what will be dialled), never put a path, a query or an address that a name resolves to into a message (the one is a
 * credential, the other would let a tenant map the operator's network), and never be the only guard: a name may
 * resolve to something else by the time it is dialled, so `dial_plan.ts` judges again.
 *
 * @module
 */
import type { Clock, UrlGuard } from "../ports.ts";
import { addressVerdict, normalAddress } from "./address.ts";
import type { OutboundPolicy } from "./policy.ts";
import type { Resolver } from "./resolver.ts";

/** Which of a host's addresses may be dialled, or why none may. */
export type Judgement =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly refusal: string };

/** What the guard needs. */
export interface UrlGuardOptions {
  readonly policy: OutboundPolicy;
  readonly resolver: Resolver;
  readonly clock: Pick<Clock, "after">;
}

/** An owner who saves a webhook waits for the look-up; a name that takes longer is judged when it is dialled. */
const LOOK_UP_MS = 3000;

/** As DNS has it (RFC 1035, section 2.3.4), with the underscore that is seen in practice; IDNs are punycode here. */
const HOST_LABEL = /^[a-z0-9_-]{1,63}$/;
const HOST_CHARS_MAX = 253;

const NOT_PUBLIC = "the operator can allow its network with TIDINGS_ALLOW_NETWORKS";
const PLAIN_HTTP = "must use https: the operator can allow plain http with TIDINGS_ALLOW_HTTP=true, " +
  "or for the receiver's network with TIDINGS_ALLOW_NETWORKS";

/**
 * The address in a URL, if its host is one rather than a name.
 *
 * @param url Parsed, so that `0x7f.1` and `2130706433` are `127.0.0.1` already.
 * @returns The address without brackets, or null.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { literalAddress } from "./url_guard.ts";
 * assertEquals(literalAddress(new URL("https://2130706433/")), "127.0.0.1");
 * assertEquals(literalAddress(new URL("https://example.com/")), null);
 * ```
 */
export function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return normalAddress(host) === null ? null : host;
}

function isHostName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  return name.length <= HOST_CHARS_MAX && name.split(".").every((label) => HOST_LABEL.test(label));
}

/** `localhost` and every name below it are loopback by definition (RFC 6761, section 6.3). */
function isLoopbackName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  return name === "localhost" || name.endsWith(".localhost");
}

/**
 * Judges the addresses of a URL's host: if **any** is forbidden, none is dialled.
 *
 * One exception: a loopback name always has 127.0.0.1 and ::1, whatever the hosts file says, so an operator who named
 * only one of them means that one. Plain http needs every address to be in a network the operator named.
 *
 * @param url Where to; its scheme and whether its host is a name matter.
 * @param addresses What the host resolves to, or the literal itself.
 * @param policy What is allowed.
 * @returns The addresses that may be dialled, in the same order, or why none may, in words for the owner.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { judgeAddresses } from "./url_guard.ts";
 * const policy = { allow_networks: [], own_addresses: new Set<string>(), allow_http: false };
 * assertEquals(judgeAddresses(new URL("https://a.example"), ["9.9.9.9", "10.0.0.1"], policy).ok, false);
 * ```
 */
export function judgeAddresses(url: URL, addresses: readonly string[], policy: OutboundPolicy): Judgement {
  const judged = addresses.map((address) => ({ address, verdict: addressVerdict(address, policy) }));
  const allowed = judged.filter(({ verdict }) => verdict === "allowed").map(({ address }) => address);
  if (allowed.length > 0 && isLoopbackName(url.hostname)) return { ok: true, addresses: allowed };
  if (judged.length === 0 || judged.some(({ verdict }) => verdict === "forbidden")) {
    const what = literalAddress(url) === null
      ? `${url.hostname} resolves to one that is not`
      : "this one is not";
    return { ok: false, refusal: `must lead to a public address, but ${what}; ${NOT_PUBLIC}` };
  }
  if (url.protocol === "http:" && !policy.allow_http && allowed.length < judged.length) {
    return { ok: false, refusal: PLAIN_HTTP };
  }
  return { ok: true, addresses };
}

/**
 * What can be said about a URL without asking anybody.
 *
 * @param url Parsed; a text that does not parse is refused before.
 * @param policy What is allowed.
 * @returns null, or why it is refused, in words for the owner.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { urlRefusal } from "./url_guard.ts";
 * const policy = { allow_networks: [], own_addresses: new Set<string>(), allow_http: false };
 * assertEquals(urlRefusal(new URL("https://hooks.example.com/in?team=7"), policy), null);
 * assertEquals(urlRefusal(new URL("https://example.com:0/"), policy), "must not use port 0");
 * ```
 */
export function urlRefusal(url: URL, policy: OutboundPolicy): string | null {
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https://";
  if (url.username !== "" || url.password !== "") {
    return "must not contain a user name or a password; an Authorization header can be set in headers";
  }
  // An empty fragment leaves no trace in `hash`, only in the text.
  if (url.href.includes("#")) return "must not have a fragment (#…): it would never be sent";
  if (url.port === "0") return "must not use port 0";
  const literal = literalAddress(url);
  if (literal !== null) {
    const judgement = judgeAddresses(url, [literal], policy);
    return judgement.ok ? null : judgement.refusal;
  }
  if (!isHostName(url.hostname)) return "must have a valid host name";
  if (url.protocol === "http:" && !policy.allow_http && policy.allow_networks.length === 0) return PLAIN_HTTP;
  return null;
}

/** The addresses of a name, or null if it does not resolve in time. */
async function lookUp(
  hostname: string,
  { resolver, clock }: UrlGuardOptions,
): Promise<readonly string[] | null> {
  const deadline = new AbortController();
  const cancel = clock.after(LOOK_UP_MS, () => deadline.abort());
  try {
    return await resolver.resolve(hostname, deadline.signal);
  } catch {
    return null;
  } finally {
    cancel();
  }
}

/**
 * The guard for URLs as they are written.
 *
 * A name that does not resolve is accepted, because it may before it is dialled; but not with plain http unless that is
 * allowed to public addresses: nothing then shows that the receiver is in a network the operator named.
 *
 * @param options Policy, resolver, clock.
 * @returns The guard; it asks the resolver at most once per URL, for at most 3 s.
 */
export function createUrlGuard(options: UrlGuardOptions): UrlGuard {
  const { policy } = options;
  async function refusal(url: URL): Promise<string | null> {
    const known = urlRefusal(url, policy);
    if (known !== null || literalAddress(url) !== null) return known;
    const addresses = await lookUp(url.hostname, options);
    if (addresses === null) {
      if (url.protocol === "https:" || policy.allow_http) return null;
      return `${PLAIN_HTTP}; where ${url.hostname} is can't be told, because it does not resolve`;
    }
    const judgement = judgeAddresses(url, addresses, policy);
    return judgement.ok ? null : judgement.refusal;
  }
  return { refusal };
}
