/**
 * The way out, put together: policy, resolver, guard and sender of one configuration.
 *
 * Owns that guard and sender judge by the same policy and the same look-ups.
 *
 * @module
 */
import type { Config } from "../config.ts";
import type { Clock, Sender, UrlGuard } from "../ports.ts";
import type { Network } from "./address.ts";
import { createFetchSender } from "./fetch_sender.ts";
import { createPinnedSender } from "./pinned_sender.ts";
import { createOutboundPolicy } from "./policy.ts";
import { createResolver } from "./resolver.ts";
import { createUrlGuard } from "./url_guard.ts";

/** The way out. */
export interface Outbound {
  readonly sender: Sender;
  readonly guard: UrlGuard;
}

/**
 * Puts the way out together.
 *
 * @param config What the operator allowed, and which sender.
 * @param clock The machine's.
 * @returns Guard and sender; closing the sender closes its connections.
 */
export function createOutbound(
  { sender, allow_networks, allow_http }: Pick<Config<Network>, "sender" | "allow_networks" | "allow_http">,
  clock: Clock,
): Outbound {
  const policy = createOutboundPolicy({ allow_networks, allow_http, clock });
  const options = { policy, resolver: createResolver({ clock }), clock };
  return {
    sender: sender === "fetch" ? createFetchSender(options) : createPinnedSender(options),
    guard: createUrlGuard(options),
  };
}
