/**
 * One attempt: render, sign, send, judge.
 *
 * Owns what a receiver gets. It reads no storage and writes none; what came of it is a value, never an exception.
 *
 * @module
 */
import { type Delivery, nextTrigger, type ObservedAttempt, type Trigger, type Verdict } from "./delivery.ts";
import type { Directory } from "./directory.ts";
import { dashboardUrl, renderBody, type Rendered } from "./formats/render.ts";
import { judge } from "./judge.ts";
import type { Clock, Random, Sender } from "./ports.ts";
import { signatureHeaders } from "./sign.ts";
import { encodeSiteId } from "./site_id.ts";
import type { Webhook } from "./webhook.ts";

/** What an attempt needs of the world. */
export interface DeliverPorts {
  readonly sender: Pick<Sender, "post">;
  readonly clock: Pick<Clock, "now" | "elapsed">;
  readonly random: Random;
  readonly directory: Pick<Directory, "signingKeys" | "names">;
  /** `Tidings/<version>`. */
  readonly user_agent: string;
  /** The configured base of the backoff, in milliseconds. */
  readonly retry_base_ms: number;
  /** The Plausible whose dashboards messages link to, or null. */
  readonly plausible_url: string | null;
}

/** What is sent, and to whom. */
export interface Parcel {
  readonly delivery: Delivery;
  /** The JSON of the event, as stored. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The webhook as it is now, not as it was when the event was accepted. */
  readonly webhook: Webhook;
}

/** What came of an attempt. */
export interface Delivered {
  readonly attempt: ObservedAttempt;
  readonly verdict: Verdict;
  /** Until when the whole webhook should wait, or null. */
  readonly throttle_until: number | null;
  /** Whether it says that the receiver is down. */
  readonly down: boolean;
}

/**
 * Makes one attempt.
 *
 * @param parcel What is sent.
 * @param ports The world.
 * @returns What came of it.
 */
export async function deliver(parcel: Parcel, ports: DeliverPorts): Promise<Delivered> {
  const { delivery, webhook } = parcel;
  const { clock } = ports;
  const { body, content_type } = rendered(parcel, ports);
  const at = clock.now();
  const trigger = nextTrigger(delivery);
  const keys = ports.directory.signingKeys(webhook, at);
  const signatures = signatureHeaders(keys, {
    webhook_id: delivery.event_id,
    timestamp_s: Math.floor(at / 1000),
    body,
  });
  const headers = {
    ...webhook.headers,
    ...ownHeaders(delivery, ports.directory.names.toldAs(delivery.site_id, parcel.body), {
      content_type,
      user_agent: ports.user_agent,
    }),
    ...signatures,
  };
  const started = clock.elapsed();
  const result = await ports.sender.post({ url: webhook.url, headers, body, timeout_ms: webhook.timeout_ms });
  const duration_ms = Math.round((clock.elapsed() - started) * 10) / 10;
  const judgement = judge(result, {
    failures: delivery.failures,
    max_retries: retriesFor(trigger, delivery, webhook),
    base_ms: ports.retry_base_ms,
    now_ms: clock.now(),
    random: ports.random(),
    webhook,
  });
  return {
    attempt: { trigger, at, duration_ms, ...judgement.observed },
    verdict: judgement.verdict,
    throttle_until: judgement.throttle_until,
    down: judgement.down,
  };
}

/** A test is never retried. What a person asks for uses up no retry: a pending delivery's schedule goes on after it. */
function retriesFor(trigger: Trigger, delivery: Delivery, webhook: Webhook): number {
  if (trigger === "test") return 0;
  if (trigger === "manual") return delivery.status === "pending" ? Infinity : 0;
  return webhook.max_retries;
}

function rendered({ delivery, body, webhook }: Parcel, ports: DeliverPorts): Rendered {
  const { plausible_url, directory: { names } } = ports;
  // Most webhooks take json, which costs nothing here: no link is made and no body is read.
  const dashboard_url = webhook.format === "json"
    ? null
    : dashboardUrl(plausible_url, names.nameOf(delivery.site_id));
  return renderBody(webhook.format, body, { dashboard_url, is_test: delivery.trigger === "test" });
}

function ownHeaders(
  delivery: Delivery,
  site_name: string,
  { content_type, user_agent }: { readonly content_type: string; readonly user_agent: string },
): Record<string, string> {
  return {
    "Content-Type": content_type,
    "User-Agent": user_agent,
    "X-Webhook-Event": delivery.event,
    "X-Webhook-Site-Id": encodeSiteId(site_name),
    "X-Webhook-Attempt": String(delivery.attempts_total + 1),
    ...(delivery.trigger === "test" ? { "X-Webhook-Test": "true" } : {}),
  };
}
