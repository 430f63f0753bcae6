/**
 * What the operator allows webhooks to reach, together with what this machine is.
 *
 * Owns the reading of the machine's own addresses. It must never grow a way to loosen a rule for one webhook: the
 * policy is the operator's and the same for every tenant.
 *
 * @module
 */
import type { Clock } from "../ports.ts";
import { type AddressPolicy, type Network, normalAddress } from "./address.ts";

/** What the guard against server-side request forgery goes by. */
export interface OutboundPolicy extends AddressPolicy {
  /** Whether plain http is allowed to public addresses (`TIDINGS_ALLOW_HTTP`). */
  readonly allow_http: boolean;
}

/** What a policy is made of. */
export interface OutboundPolicyOptions {
  /** From `TIDINGS_ALLOW_NETWORKS`, read by `parseNetworks`. */
  readonly allow_networks: readonly Network[];
  /** From `TIDINGS_ALLOW_HTTP`. */
  readonly allow_http: boolean;
  readonly clock: Pick<Clock, "elapsed">;
  /** The addresses of this machine's interfaces, without zones. */
  readonly interfaces?: () => readonly string[];
}

/** Interfaces come and go (VPN, containers), and listing them takes about 0.1 ms: too much for each connection. */
const OWN_ADDRESSES_FRESH_MS = 10_000;

/** Needs `--allow-sys=networkInterfaces`; hosts that have no such call (Deno Deploy) have no interfaces of ours. */
function systemInterfaces(): readonly string[] {
  if (typeof Deno.networkInterfaces !== "function") return [];
  return Deno.networkInterfaces().map(({ address }) => address);
}

/**
 * Makes the policy that guard and senders share.
 *
 * @param options What the operator allowed, the clock, for tests the interfaces.
 * @returns A policy whose `own_addresses` are never more than 10 s old.
 * @throws {Deno.errors.NotCapable} At once, if the interfaces may not be listed: a guard with a gap must not start.
 */
export function createOutboundPolicy(options: OutboundPolicyOptions): OutboundPolicy {
  const { allow_networks, allow_http, clock, interfaces = systemInterfaces } = options;
  let read_at = clock.elapsed();
  let own = readOwnAddresses(interfaces);
  return {
    allow_networks,
    allow_http,
    get own_addresses(): ReadonlySet<string> {
      const now = clock.elapsed();
      if (now - read_at >= OWN_ADDRESSES_FRESH_MS) {
        own = readOwnAddresses(interfaces);
        read_at = now;
      }
      return own;
    },
  };
}

function readOwnAddresses(interfaces: () => readonly string[]): ReadonlySet<string> {
  return new Set(interfaces().map(normalAddress).filter((address) => address !== null));
}
