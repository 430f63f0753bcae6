/**
 * The way out, put together: policy, resolver, guard and sender of one configuration.
 *
 * Owns that guard and sender judge by the same policy and the same look-ups, and when the sender is loaded: once the
 * service listens, since its libraries are a fifth of the time to start.
 *
 * @module
 */
import type { Config } from "../config.ts";
import type { Clock, Sender, UrlGuard } from "../ports.ts";
import type { Network } from "./address.ts";
import { createOutboundPolicy } from "./policy.ts";
import { createResolver } from "./resolver.ts";
import { SENDER_CLOSED } from "./send_error.ts";
import { createUrlGuard } from "./url_guard.ts";

/** The way out. */
export interface Outbound {
  readonly sender: Sender;
  readonly guard: UrlGuard;
  /** Loads the sender, while there are descriptors to do it with; it is loaded by its first send at the latest. */
  load(): void;
}

/** What stands for a sender that was closed before it was made. */
const CLOSED: Sender = {
  post: () => Promise.resolve(SENDER_CLOSED),
  close: () => Promise.resolve(),
};

/** A sender that is made when it is told to, or for its first send. */
function loadedLater(load: () => Promise<Sender>): { readonly sender: Sender; readonly load: () => void } {
  let loading: Promise<Sender> | null = null;
  let loaded: Sender | null = null;
  async function whenLoaded(): Promise<Sender> {
    loaded = await (loading ??= load());
    return loaded;
  }
  const sender: Sender = {
    post: (request) => loaded?.post(request) ?? whenLoaded().then((sender) => sender.post(request)),
    async close() {
      loading ??= Promise.resolve(CLOSED);
      await (await whenLoaded()).close();
    },
  };
  return { sender, load: () => void whenLoaded().catch(() => {}) };
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
    ...loadedLater(
      sender === "fetch"
        ? async () => (await import("./fetch_sender.ts")).createFetchSender(options)
        : async () => (await import("./pinned_sender.ts")).createPinnedSender(options),
    ),
    guard: createUrlGuard(options),
  };
}
