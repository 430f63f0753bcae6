/**
 * The raw loop of a measurement: a process that makes the same requests as the service, with the service's own sender,
 * and does nothing else: no HTTP before it, nothing stored.
 *
 * Owns what all figures are a ratio to. Rendering, both signatures, sending and judging are `deliver()` of the product.
 *
 * @module
 */
import { newDelivery } from "../lib/delivery.ts";
import { deliver, type DeliverPorts, type Parcel } from "../lib/deliver.ts";
import { Directory } from "../lib/directory.ts";
import { parseNetworks } from "../lib/outbound/address.ts";
import { systemClock } from "../lib/outbound/clock.ts";
import { systemIds } from "../lib/outbound/ids.ts";
import { createPinnedSender } from "../lib/outbound/pinned_sender.ts";
import { createOutboundPolicy } from "../lib/outbound/policy.ts";
import { createResolver } from "../lib/outbound/resolver.ts";
import type { Webhook } from "../lib/webhook.ts";
import { parseSettings } from "../lib/webhook_settings.ts";
import { eventText, SECRET, siteName } from "./events.ts";
import { type WallClock, wallClock } from "./wall_clock.ts";
import { obey } from "./worker.ts";

const clock = systemClock();
const ids = systemIds();
const networks = parseNetworks("127.0.0.0/8");
if (!networks.ok) throw new Error(networks.message);
const policy = createOutboundPolicy({ allow_networks: networks.networks, allow_http: false, clock });
const ports: DeliverPorts = {
  sender: createPinnedSender({ policy, resolver: createResolver({ clock }), clock }),
  clock,
  random: Math.random,
  // Only its keys are asked for, which it imports once and remembers.
  directory: new Directory({
    webhook: () => Promise.resolve(null),
    webhooksOf: () => Promise.resolve([]),
    version: () => Promise.resolve(0n),
  }),
  user_agent: "Tidings/bench",
  retry_base_ms: 10_000,
  plausible_url: null,
};

function webhookOf(index: number, url: string): Webhook {
  const now = clock.now();
  return {
    ...parseSettings({ url: `${url}/ok/${index}`, events: ["goal_completion"] }, { timeout_ms: 10_000 }),
    id: `wh_${ids.ulid(now)}`,
    site_id: siteName(index),
    secrets: [{ value: SECRET, expires_at: null }],
    pause_reason: null,
    cancelled_until: null,
    resumed_at: null,
    deleted_at: null,
    created_at: now,
    updated_at: now,
  };
}

/** What is sent. */
export interface RawLoopPlan {
  /** The origin of the receiver. */
  readonly url: string;
  readonly events: number;
  readonly webhooks: number;
}

let parcels: Parcel[] = [];
/** When each was sent, at a steady rate. */
let sent_at = new Float64Array(0);

function parcelOf(number: number, webhook: Webhook): Parcel {
  const now = clock.now();
  const event_id = `evt_${ids.ulid(now)}`;
  const { id: webhook_id, site_id } = webhook;
  const times = { created_at: now, queued_at: now };
  const delivery = newDelivery({
    event_id,
    webhook_id,
    site_id,
    event: "goal_completion",
    trigger: "automatic",
    ...times,
  });
  return { delivery, webhook, body: new TextEncoder().encode(eventText(number, site_id)) };
}

async function send(parcel: Parcel): Promise<void> {
  const { verdict, attempt } = await deliver(parcel, ports);
  if (verdict.outcome !== "delivered") throw new Error(`The receiver did not take it: ${attempt.error}`);
}

await obey({
  prepare({ url, events, webhooks }: RawLoopPlan): void {
    const told = Array.from({ length: webhooks }, (_, index) => webhookOf(index, url));
    parcels = Array.from(
      { length: events },
      (_, number) => parcelOf(number, told[number % webhooks] as Webhook),
    );
  },
  /** As fast as answers come, so many at a time. */
  async closed({ at_once }: { readonly at_once: number }) {
    const now: WallClock = wallClock();
    const started_at = now();
    let next = 0;
    await Promise.all(Array.from({ length: at_once }, async () => {
      while (next < parcels.length) {
        const parcel = parcels[next++];
        if (parcel !== undefined) await send(parcel);
      }
    }));
    return { started_at, ended_at: now() };
  },
  /** So many a second, whatever the answers do. */
  async open({ per_second }: { readonly per_second: number }): Promise<void> {
    const now: WallClock = wallClock();
    const begin = now() + 10;
    sent_at = new Float64Array(parcels.length);
    const sends: Promise<void>[] = [];
    for (const [index, parcel] of parcels.entries()) {
      const due_at = begin + index * 1000 / per_second;
      for (let wait_ms = due_at - now(); wait_ms > 0; wait_ms = due_at - now()) {
        await new Promise((resolve) => void setTimeout(resolve, wait_ms));
      }
      sent_at[index] = now();
      sends.push(send(parcel));
    }
    await Promise.all(sends);
  },
  /** When each was sent, as the base64 of 64-bit floats. */
  posted: () => new Uint8Array(sent_at.buffer).toBase64(),
});
