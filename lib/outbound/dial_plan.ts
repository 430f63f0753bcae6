/**
 * Where a connection may go: the second half of the guard against server-side request forgery.
 *
 * Owns the judgement right before dialling. Both senders ask it each time they are about to connect; it must never be
 * answered from a cache, because the name belongs to the attacker, and what it resolved to a minute ago proves nothing.
 *
 * @module
 */
import type { SendErrorKind } from "../ports.ts";
import type { OutboundPolicy } from "./policy.ts";
import type { Resolver } from "./resolver.ts";
import { judgeAddresses, literalAddress, urlRefusal } from "./url_guard.ts";

/** What decides where a connection may go. */
export interface DialGuard {
  readonly policy: OutboundPolicy;
  readonly resolver: Resolver;
}

/** The addresses to connect to, in this order and no others; or why there is nothing to connect to. */
export type DialPlan =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | {
    readonly ok: false;
    readonly error: Extract<SendErrorKind, "blocked_address" | "dns">;
    readonly detail: string;
  };

/**
 * Judges a URL with the addresses its host has now.
 *
 * @param url Where to; judged again as a whole, since the operator may have changed the rules after it was written.
 * @param guard Policy and resolver.
 * @param signal The deadline of the send.
 * @returns The plan.
 * @throws The signal's reason, if it is aborted while the name is looked up.
 */
export async function planDial(url: URL, guard: DialGuard, signal: AbortSignal): Promise<DialPlan> {
  const refusal = urlRefusal(url, guard.policy);
  if (refusal !== null) return { ok: false, error: "blocked_address", detail: `the URL ${refusal}` };
  const literal = literalAddress(url);
  if (literal !== null) return { ok: true, addresses: [literal] };
  let addresses: readonly string[];
  try {
    addresses = await guard.resolver.resolve(url.hostname, signal);
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : "the resolver failed";
    return { ok: false, error: "dns", detail: `cannot resolve ${url.hostname}: ${why}` };
  }
  const judgement = judgeAddresses(url, addresses, guard.policy);
  if (judgement.ok) return judgement;
  return { ok: false, error: "blocked_address", detail: `the URL ${judgement.refusal}` };
}
